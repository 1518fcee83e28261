"""From a title to an arXiv id, accepted on evidence, or to a stated `ambiguous` or `not_found`.

A ladder: what the store knows, the local index, then each provider that can search for titles, for what is still
open. What was seen on one rung counts on the next: a second paper that fits is never forgotten.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from enrich import evidence, providers
from enrich.batches import ask_halving, batched
from enrich.errors import EnrichError, PutOff
from enrich.reading import query
from enrich.report import Report
from enrich.stamp import now, stamped
from storage import aliases, decisions, merging, papers
from storage.documents import Resolution
from storage.merging import Merge
from storage.titles import SUBTITLE, search_phrase, title_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

    from enrich.evidence import Described, Found
    from enrich.http import Api
    from enrich.report import Progress
    from storage.connect import Database, Document
    from storage.title_index import Indexed, TitleIndex

logger = logging.getLogger(__name__)

LADDER = ("arxiv", "semantic_scholar", "openalex", "huggingface")
AT_ONCE = 500  # titles that are looked up in the store and in the index together
NOBODY = "nobody can be asked: enable a provider that searches titles, or build an index"
OLDER = "the index ends before this paper: update it, or enable a provider that searches titles"
UNSEARCHABLE = "it has no words to search for"


@dataclass
class Open:
    """A title on its way up the ladder."""

    paper: Document
    asked: Described
    seen: list[Described] = field(default_factory=list)
    decided: Resolution = field(default_factory=Resolution)
    settled: bool = False
    answered: list[str] = field(default_factory=list)
    """Which rungs have said all that they know."""
    heard: frozenset[str] = frozenset()
    """Those that did so earlier today: arXiv's answers change once a day."""
    older: bool = False
    """The index knows nothing of its time."""
    silent: str | None = None
    """Why a rung gave no answer that counts, but will."""
    failed: str | None = None
    """Why a rung's answer was of no use."""

    def learn(
        self, method: str, found: Iterable[Described], *, complete: bool, index: TitleIndex | None = None
    ) -> None:
        """Judge all that was seen so far; complete: whether this search showed all that it has."""
        shown = list(found)
        self.seen += shown
        # Who answered before is not asked again: of what it showed that may be the paper, the titles alone are known.
        before = self.paper["resolution"]
        counts = self.heard and before["status"] != "not_found"
        earlier = {one["arxiv_id"] for one in before["candidates"]} if counts else set()
        complete = complete and earlier <= {one.arxiv_id for one in self.seen}
        judged = partial(evidence.decide, self.asked, self.seen, method, known=index.has if index else None)
        told = judged(complete=complete)
        if told.resolution.status == "resolved" and not any(
            one.arxiv_id == told.resolution.candidates[0].arxiv_id for one in shown
        ):
            told = judged(complete=False)  # that this search shows no other says nothing: it does not know the paper
        self.decided, self.settled = told

    @property
    def found(self) -> bool:
        """Whether it led to a paper."""
        return self.decided.status == "resolved"

    def outcome(self, nobody: str) -> tuple[Resolution, str | None]:
        """What is said of a title that led to no paper, and why it waits or failed; nobody: why none was asked."""
        left, before = self.decided, Resolution.model_validate(self.paper["resolution"])
        if left.status == "not_found" and before.status == "pending" and before.candidates:
            left = before.model_copy(update={"status": "ambiguous"})  # of an earlier run, which a rung left waiting
        if self.settled:
            return left, None
        if self.silent or self.failed or not self.answered:
            status = "failed" if self.failed and not self.silent else "pending"
            possible = left.candidates if left.status == "ambiguous" else ()
            waits = left.model_copy(update={"status": status, "candidates": possible})
            return waits, self.silent or self.failed or (OLDER if self.older else nobody)
        return left, None


class _Rung(NamedTuple):
    """A provider's search: for whole titles, or for the name before a colon where the abstract can decide."""

    name: str
    api: Api
    size: int
    find: Callable[[Sequence[str], Api], Awaitable[Found]]
    words: Callable[[Open], str | None]
    """What is searched for; None: nothing can be."""


def _title(one: Open) -> str | None:
    return one.asked.title if query(one.asked.title) else None


def _phrase(one: Open) -> str | None:
    return one.asked.title if search_phrase(one.asked.title) else None


def _name(one: Open) -> str | None:
    """A part of the title that stands before its subtitle: retitled papers mostly keep it."""
    before = SUBTITLE.search(one.asked.title)
    name = one.asked.title[: before.start()] if before else ""
    return name if one.asked.abstract and search_phrase(name) else None


def ladder(apis: Mapping[str, Api]) -> list[_Rung]:
    """The rungs above the local index, of the providers that are enabled."""
    rungs = []
    for name in LADDER:
        if name in apis:
            module = providers.load(name)
            phrases = module.TITLES > 1  # a search for whole phrases finds no title that differs in a word
            rungs.append(_Rung(name, apis[name], module.TITLES, module.find, _phrase if phrases else _title))
            rungs += [_Rung(name, apis[name], module.TITLES, module.find, _name)] * phrases
    return rungs


async def resolve(database: Database, apis: Mapping[str, Api], index: TitleIndex | None, progress: Progress) -> Report:
    """Find the arXiv papers behind titles: by what is known here, then by asking the providers that are enabled."""
    report = Report("titles", unit=("title waits", "titles wait"))
    report.counts["resolved"] += await decisions.settle(database)
    await _Run(database, ladder(apis), index, report, progress).all_open()
    report.requests = sum(apis[name].requests for name in LADDER if name in apis)
    logger.info("%s", report)
    return report


class Visit(NamedTuple):
    """Requests that a provider would get: the fewest, the most, and the seconds between two."""

    provider: str
    fewest: int
    most: int
    interval: float


class Plan(NamedTuple):
    """What a run would do: titles that are found here, those that wait for their time, and requests for the rest."""

    found: int
    waiting: int
    open: int
    visits: list[Visit]


async def plan(database: Database, apis: Mapping[str, Api], index: TitleIndex | None) -> Plan:
    """What `resolve` would ask, without asking or storing anything."""
    rungs = ladder(apis)
    found = waiting = due = 0
    most = [0] * len(rungs)
    async for batch in batched(papers.unresolved(database, waiting=True), AT_ONCE):
        decided = await aliases.decided(database, [paper["_id"] for paper in batch])
        ended, still_open = await _here(database, index, [one for one in batch if one["_id"] not in decided])
        asked = _due(still_open, rungs)
        found += len(decided) + len(ended)
        waiting += len(still_open) - len(asked)
        due += len(asked)
        for part in _parts(asked, rungs):
            for at, rung in enumerate(rungs):
                most[at] += -(-sum(rung.name not in one.heard and bool(rung.words(one)) for one in part) // rung.size)
    visits = []
    for name, api in apis.items():
        of_it = [number for rung, number in zip(rungs, most, strict=True) if rung.name == name]
        if of_it:
            fewest = of_it[0] if name == rungs[0].name else 0
            visits.append(Visit(name, fewest, sum(of_it), api.terms.interval))
    return Plan(found, waiting, due, sorted(visits, key=lambda visit: LADDER.index(visit.provider)))


async def _here(
    database: Database, index: TitleIndex | None, batch: Sequence[Document]
) -> tuple[list[Open], list[Open]]:
    """What the store and the index tell without asking anybody: titles that are decided, and those still open."""
    keys = {paper["_id"]: paper["_id"].partition("~")[0] for paper in batch}
    leading = await aliases.papers_of(database, set(keys.values()))
    known = await papers.find(database, {one for ids in leading.values() for one in ids})
    ended: list[Open] = []
    open_ones: list[Open] = []
    for paper in batch:
        heard = _heard(paper)
        one = Open(paper, evidence.of_paper(paper), answered=sorted(heard), heard=heard)
        stored = [known[each] for each in leading.get(keys[paper["_id"]], ()) if each in known]
        # The store knows what was listed: there may be others of that title, and only an abstract decides.
        one.learn("alias", map(evidence.of_paper, stored), complete=False)
        one.settled = one.found
        if one.found:
            found = known[f"arxiv:{one.decided.candidates[0].arxiv_id}"]
            # As it was found the first time: so a run that was killed before the old paper went ends the same.
            method = found["resolution"]["method"]
            one.decided = one.decided.model_copy(
                update={"method": method if method not in (None, "manual") else "alias"}
            )
        elif index and (_is_due(paper) or _is_news(index, paper)):
            look_up(one, index)
        (ended if one.settled else open_ones).append(one)
    return ended, open_ones


def look_up(one: Open, index: TitleIndex) -> None:
    """Ask the index: first for the very title, which is enough for most."""
    found, complete = index.titled(one.asked.title, one.asked.abstract)
    one.learn("index", _described(found), complete=complete)
    if not one.found:
        near, complete = index.near(one.asked.title)
        one.learn("index", _described([*index.misspelt(one.asked.title), *near]), complete=complete, index=index)
    date = one.asked.date
    one.older = one.decided.status == "not_found" and date is not None and f"{date:%Y-%m}" >= index.about.newest
    if not one.older and title_key(one.asked.title):
        one.answered.append("index")


def _described(found: Iterable[Indexed]) -> Iterator[Described]:
    return (one for paper in found for one in evidence.of_indexed(paper))


def _due(titles: Iterable[Open], rungs: Sequence[_Rung]) -> list[Open]:
    """Those whose time has come, and those not found that somebody new may know."""
    names = {rung.name for rung in rungs}
    return [
        one
        for one in titles
        if _is_due(one.paper) or (one.paper["resolution"]["status"] == "not_found" and not names <= one.heard)
    ]


def _parts(titles: Sequence[Open], rungs: Sequence[_Rung]) -> Iterator[Sequence[Open]]:
    """The titles that climb together: as many as the first rung takes at once."""
    size = rungs[0].size if rungs else AT_ONCE
    return (titles[at : at + size] for at in range(0, len(titles), size))


def _is_due(paper: Document) -> bool:
    after: dt.datetime | None = paper["_work"].get("ask_after")
    return after is None or after <= dt.datetime.now(dt.UTC)


def _heard(paper: Document) -> frozenset[str]:
    """Who needs not be asked: who answered while others were silent, earlier today, or all until the title is due."""
    answered, waits = paper["_work"].get("answered") or {}, paper["resolution"]["status"] == "pending"
    by = frozenset(answered.get("by", ()))
    return by if not _is_due(paper) or (waits and answered.get("on") == _today()) else frozenset()


def _is_news(index: TitleIndex, paper: Document) -> bool:
    """Whether the index was made after the title was asked for."""
    asked_at: dt.datetime | None = paper["_work"].get("asked_at")
    return asked_at is None or asked_at < index.about.updated_at


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()


class _Run:
    """One run over all open titles."""

    def __init__(
        self, database: Database, rungs: list[_Rung], index: TitleIndex | None, report: Report, progress: Progress
    ) -> None:
        self.database, self.rungs, self.index, self.report, self.progress = database, rungs, index, report, progress
        report.put_off = True  # until a provider that should answer does not
        for rung in rungs:
            rung.api.waiting = partial(progress.wait, report.name)

    async def all_open(self) -> None:
        """Take every title up the ladder; what is found is stored before the next request."""
        self.progress.begin(self.report.name, await papers.count_open(self.database))
        async for batch in batched(papers.unresolved(self.database, waiting=True), AT_ONCE):
            ended, still_open = await _here(self.database, self.index, batch)
            await self._keep(ended)
            for part in _parts(_due(still_open, self.rungs), self.rungs):
                await self._climb(part)

    async def _climb(self, titles: Sequence[Open]) -> None:
        for rung in self.rungs:
            due = [one for one in titles if not one.settled and rung.name not in one.heard and rung.words(one)]
            for at in range(0, len(due), rung.size):
                await self._ask(rung, due[at : at + rung.size])
        await self._keep([one for one in titles if not one.found])

    async def _ask(self, rung: _Rung, titles: Sequence[Open]) -> None:
        if rung.api.closed is not None:
            self._unanswered(rung, titles, rung.api.closed)
            return

        async def find(part: Sequence[Open]) -> Found:
            return await rung.find(list(dict.fromkeys(rung.words(one) or "" for one in part)), rung.api)

        async for part, answer in ask_halving(find, titles):
            if isinstance(answer, EnrichError):
                self._unanswered(rung, part, answer)
                continue
            for one in part:
                one.answered.append(rung.name)
                one.learn(rung.name, answer.candidates, complete=answer.complete, index=self.index)
            await self._keep([one for one in part if one.found])

    def _unanswered(self, rung: _Rung, titles: Sequence[Open], error: EnrichError) -> None:
        self.report.why = error.reason
        for one in titles:
            one.answered = [name for name in one.answered if name != rung.name]  # not to its other search
        if rung.api.postponed(error):
            self.report.after = error.after
            self.report.put_off = self.report.put_off and isinstance(error, PutOff)
            for one in titles:
                one.silent = one.silent or error.reason
        else:
            for one in titles:
                one.failed = error.reason

    async def _keep(self, titles: Sequence[Open]) -> None:
        """Store what became of titles: each group in one bulk write."""
        found = [one for one in titles if one.found]
        await merging.merge(self.database, [_merge(one) for one in found])
        self.report.counts["resolved"] += len(found)
        nobody = UNSEARCHABLE if self.rungs or self.index else NOBODY
        groups: dict[tuple[str | None, tuple[str, ...]], dict[str, Resolution]] = {}
        for one in titles:
            if not one.found:
                what, why = one.outcome(nobody)
                groups.setdefault((why, tuple(dict.fromkeys(one.answered))), {})[one.paper["_id"]] = what
                self._count(what, why)
        for (why, answered), told in groups.items():
            await papers.note_resolutions(self.database, told, why, {"on": _today(), "by": list(answered)})
        self.progress.advance(self.report.name, len(titles))

    def _count(self, what: Resolution, why: str | None) -> None:
        if what.status != "pending":
            self.report.counts[what.status] += 1
        elif why == UNSEARCHABLE:
            self.report.counts["unsearchable"] += 1
        else:
            self.report.waiting += 1
            self.report.why = why


def _merge(one: Open) -> Merge:
    """A resolution without candidates: the paper itself is the one."""
    found = one.decided.candidates[0].arxiv_id
    entry = next((seen.entry for seen in one.seen if seen.arxiv_id == found and seen.entry), None)
    settled = one.decided.model_copy(update={"candidates": ()})
    return Merge(one.paper, found, settled, entry and stamped(entry, now()))
