"""From a title to an arXiv id, accepted on evidence, or to a stated `ambiguous` or `not_found`."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from enrich import evidence
from enrich.batches import ask_halving, batched
from enrich.errors import EnrichError, PutOff
from enrich.providers import arxiv
from enrich.report import Report
from enrich.stamp import stamped
from storage import aliases, papers
from storage.documents import Resolution
from storage.papers import Merge
from storage.titles import search_phrase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from enrich.http import Api
    from enrich.providers.arxiv import Found
    from enrich.report import Progress
    from storage.connect import Database, Document
    from storage.documents import ArxivEntry

logger = logging.getLogger(__name__)

TITLES_A_REQUEST = 20  # OR-ed phrases; the syntax allows it, how many work well is not documented
FOLDED_AT_ONCE = 500
ARXIV_OFF = "arXiv is switched off by [providers.arxiv] enabled"
UNSEARCHABLE = "arXiv cannot be searched for a title without ASCII words"


async def resolve(database: Database, api: Api | None, progress: Progress) -> Report:
    """Find the arXiv papers behind titles: those we know already, then by asking arXiv, where it is enabled."""
    report = Report("titles", unit=("title waits", "titles wait"))
    await _fold(database, report)
    if api is None:
        report.leave(await papers.leave_titles(database, ARXIV_OFF), PutOff(ARXIV_OFF))
    else:
        await _Asking(database, api, report, progress).all_open()
        report.requests = api.requests
    logger.info("%s", report)
    return report


async def _fold(database: Database, report: Report) -> None:
    """Follow the aliases: a crawler may have listed again what was resolved before."""
    async for batch in batched(papers.unresolved(database, waiting=True), FOLDED_AT_ONCE):
        keys = {paper["_id"]: paper["_id"].partition("~")[0] for paper in batch}
        leading = await aliases.papers_of(database, set(keys.values()))
        known = await papers.find(database, {one for ids in leading.values() for one in ids})
        merges = []
        for paper in batch:
            candidates = [known[one] for one in leading.get(keys[paper["_id"]], ()) if one in known]
            decided = evidence.decide(evidence.of_paper(paper), [evidence.of_paper(one) for one in candidates], "alias")
            # There may be others of that title that we do not know: only an abstract decides, the rest is searched.
            if decided.status == "resolved" and (decided.score or 0) >= evidence.SAME:
                found = decided.candidates[0].arxiv_id
                # As it was found the first time: so a run that was killed before the old paper went ends the same.
                how = known[f"arxiv:{found}"]["resolution"]["method"] or decided.method
                merges.append(Merge(paper, found, _settled(decided).model_copy(update={"method": how})))
        await papers.merge(database, merges)
        report.counts["resolved"] += len(merges)


def _settled(decided: Resolution) -> Resolution:
    """A resolution without candidates: the paper itself is the one."""
    return decided.model_copy(update={"candidates": ()})


class _Asking:
    """The part of a run that asks arXiv."""

    def __init__(self, database: Database, api: Api, report: Report, progress: Progress) -> None:
        self.database, self.api, self.report, self.progress = database, api, report, progress
        self.left: EnrichError | None = None
        api.waiting = partial(progress.wait, report.name)

    async def all_open(self) -> None:
        """Ask for every title that is open, batch by batch; each answer is stored before the next request."""
        search = partial(_search, api=self.api)
        self.progress.begin(self.report.name, await papers.count_open(self.database))
        async for batch in batched(self._searchable(), TITLES_A_REQUEST):
            async for part, answer in ask_halving(search, batch):
                await self._keep(part, answer)
            if self.api.closed is not None:
                break
        if error := self.api.closed or self.left:
            await self._leave(error)

    async def _searchable(self) -> AsyncIterator[Document]:
        """The open titles that arXiv can be asked for: it answers 400 to what is not ASCII."""
        async for paper in papers.unresolved(self.database):
            if search_phrase(paper["title"]):
                yield paper
                continue
            self.report.counts["unsearchable"] += 1
            self.progress.advance(self.report.name, 1)
            pending = {paper["_id"]: Resolution()}
            await papers.note_resolutions(self.database, pending, UNSEARCHABLE)

    async def _keep(self, asked: Sequence[Document], answer: Found | EnrichError) -> None:
        if isinstance(answer, EnrichError):
            await self._failed(asked, answer)
            return
        candidates = [evidence.of_entry(entry) for entry in answer.entries]
        decided = {paper["_id"]: evidence.decide(evidence.of_paper(paper), candidates, "arxiv") for paper in asked}
        if not answer.complete:
            decided = {one: _not_all_seen(what) for one, what in decided.items()}
        self.report.counts.update(what.status for what in decided.values())
        entries = {entry.arxiv_id: stamped(entry) for entry in answer.entries}
        await papers.merge(self.database, list(_merges(asked, decided, entries)))
        await papers.note_resolutions(
            self.database, {one: what for one, what in decided.items() if what.status != "resolved"}
        )
        self.progress.advance(self.report.name, len(asked))

    async def _failed(self, asked: Sequence[Document], error: EnrichError) -> None:
        self.report.why = error.reason
        if self.api.postponed(error):
            self.left = error
            return
        self.report.counts["failed"] += len(asked)
        failed = Resolution(status="failed")
        await papers.note_resolutions(self.database, {paper["_id"]: failed for paper in asked}, error.reason)
        self.progress.advance(self.report.name, len(asked))

    async def _leave(self, error: EnrichError) -> None:
        self.report.leave(await papers.leave_titles(self.database, error.reason), error)


async def _search(asked: Sequence[Document], api: Api) -> Found:
    phrases = dict.fromkeys(phrase for paper in asked if (phrase := search_phrase(paper["title"])))
    return await arxiv.search_titles(list(phrases), api)


def _not_all_seen(decided: Resolution) -> Resolution:
    """Among more results than can be read there may be another paper of that title: only an abstract decides."""
    if decided.status == "resolved" and (decided.score or 0) >= evidence.SAME:
        return decided
    return Resolution(status="ambiguous", method=decided.method, candidates=decided.candidates)


def _merges(
    asked: Sequence[Document], decided: Mapping[str, Resolution], entries: Mapping[str, ArxivEntry]
) -> Iterator[Merge]:
    for paper in asked:
        what = decided[paper["_id"]]
        if what.status == "resolved":
            found = what.candidates[0].arxiv_id
            yield Merge(paper, found, _settled(what), entries[found])
