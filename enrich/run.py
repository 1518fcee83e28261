"""Facts that are due, in batches, all providers side by side, each at its own pace."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from enrich import due, providers
from enrich.batches import ask_halving, batched
from enrich.errors import EnrichError
from enrich.report import Report
from enrich.stamp import Told, now, stamped
from storage import facts
from storage import providers as gate
from storage.documents import ArxivEntry

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence

    from enrich.http import Api
    from enrich.report import Progress
    from enrich.settings import Refresh
    from storage.connect import Database, Document
    from storage.documents import Fact
    from storage.facts import Window

logger = logging.getLogger(__name__)

KINDS = ("arxiv", "citations", "repos")
REPOS = "repos"


class Wanted(NamedTuple):
    """Which facts a run asks for."""

    refresh: Refresh
    kinds: Collection[str] = KINDS
    where: Document | None = None
    """A filter for papers; None for all."""
    limit: int | None = None
    """The most questions for each provider."""
    force: bool = False
    """Whatever is due."""


async def enrich(database: Database, apis: Mapping[str, Api], wanted: Wanted, progress: Progress) -> list[Report]:
    """Ask every enabled provider of these kinds for what is due."""
    windows = _windows(wanted, now())
    asking = [_Asking(database, api, wanted, progress) for api in apis.values() if _leads(api, wanted)]
    await _together([one.all_due(windows) for one in asking])
    silent = {one.name for one in asking if one.api.closed}
    others = [_Asking(database, api, wanted, progress) for api in apis.values() if _stands_in(api, wanted) in silent]
    await _together([one.all_due([due.UNHEARD]) for one in others])
    # Answers name repositories, too: those that nobody knew of when the run began.
    await _together([one.all_due([due.UNHEARD]) for one in asking if one.path == REPOS])
    for one in asking:
        await one.leave(due.unanswered(windows))
    return [one.end() for one in (*asking, *others)]


class Errand(NamedTuple):
    """What a run would ask of one provider."""

    provider: str
    unit: str
    questions: int
    requests: int
    again: int
    """The most requests beyond these, by DOIs, for papers that are not known by their arXiv ids."""
    interval: float
    left: Document
    """What is left of its budget, and how long it wants us to wait: `storage.providers.held`."""

    @property
    def seconds(self) -> float:
        """The shortest time that its pace allows for."""
        return max(self.requests - 1, 0) * self.interval


async def plan(database: Database, apis: Mapping[str, Api], wanted: Wanted) -> list[Errand]:
    """What `enrich` would ask, without asking or storing anything."""
    windows = _windows(wanted, now())
    return [await _errand(database, api, wanted, windows) for api in apis.values() if _leads(api, wanted)]


async def _errand(database: Database, api: Api, wanted: Wanted, windows: Sequence[Window]) -> Errand:
    module, size = providers.load(api.terms.name), api.terms.batch
    questions = _limited(await facts.count(database, module.PATH, windows, wanted.where), wanted)
    again = 0
    if hasattr(module, "fetch_by_doi"):
        named = {"$and": [wanted.where or {}, {"ids.doi": {"$gt": ""}}]}
        again = _limited(await facts.count(database, module.PATH, windows, named), wanted)
    unit = "repositories" if module.PATH == REPOS else "papers"
    left = await gate.held(database, api.terms.gate)
    return Errand(api.terms.name, unit, questions, -(-questions // size), -(-again // size), api.terms.interval, left)


def _limited(count: int, wanted: Wanted) -> int:
    return count if wanted.limit is None else min(count, wanted.limit)


def _windows(wanted: Wanted, began: dt.datetime) -> list[Window]:
    return due.anything(began) if wanted.force else due.windows(wanted.refresh, began)


def _leads(api: Api, wanted: Wanted) -> bool:
    module = providers.load(api.terms.name)
    return module.KIND in wanted.kinds and not hasattr(module, "STANDS_IN_FOR")


def _stands_in(api: Api, wanted: Wanted) -> str | None:
    """For whom, if that one's facts are wanted."""
    module = providers.load(api.terms.name)
    return getattr(module, "STANDS_IN_FOR", None) if module.KIND in wanted.kinds else None


async def _together(asking: Sequence[Awaitable[None]]) -> None:
    # Not a TaskGroup: it would cancel the others inside the MongoDB driver, which does not survive that (4.20).
    for ended in await asyncio.gather(*asking, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended


class _Asking:
    """One provider's part of a run."""

    def __init__(self, database: Database, api: Api, wanted: Wanted, progress: Progress) -> None:
        self.database, self.api, self.wanted, self.progress = database, api, wanted, progress
        self.name: str = api.terms.name
        self.module = providers.load(self.name)
        self.path: str = self.module.PATH
        self.report = Report(self.name)
        if self.path == REPOS:
            self.report.unit = ("repository waits", "repositories wait")
        api.waiting = partial(progress.wait, self.name)
        self.left: EnrichError | None = None
        self.asked = 0
        self.before = api.requests
        self.dois: dict[str, str] = {}
        """Unknown by their arXiv ids, and still to be asked for by these."""

    async def all_due(self, windows: Sequence[Window]) -> None:
        """Ask for everything in these windows, batch by batch; each answer is stored as it comes."""
        size, taking = self.api.terms.batch, asyncio.Lock()
        count = await facts.count(self.database, self.path, windows, self.wanted.where)
        self.progress.begin(self.name, _limited(count, self.wanted))
        batches = batched(self._due(windows), size)

        async def work() -> None:
            while self.api.closed is None:
                async with taking:
                    batch = await anext(batches, None)
                if batch is None:
                    return
                await self._ask(batch)
                while len(self.dois) >= size:
                    await self._ask_by_dois()

        await _together([work() for _ in range(self.api.terms.connections)])
        while self.dois and self.api.closed is None:
            await self._ask_by_dois()

    async def leave(self, windows: Sequence[Window]) -> None:
        """Say of what was due and not asked why it waits: the door is closed, or a wait outlasted the tries."""
        if error := self.api.closed or self.left:
            where = self.wanted.where
            await facts.leave(self.database, self.path, error.reason, where)
            waiting = await facts.count(self.database, self.path, windows, where)
            self.report.leave(waiting, error)

    def end(self) -> Report:
        """What became of its part."""
        self.report.requests = self.api.requests - self.before
        logger.info("%s", self.report)
        return self.report

    async def _due(self, windows: Sequence[Window]) -> AsyncIterator[str]:
        where = self.wanted.where
        if self.path == REPOS:
            found = facts.due_repositories(self.database, windows, where)
        else:
            found = facts.due_ids(self.database, self.path, windows, where)
        async for one in found:
            if self.wanted.limit is not None and self.asked >= self.wanted.limit:
                return
            self.asked += 1
            yield one

    async def _ask(self, questions: Sequence[str]) -> None:
        async for part, answer in ask_halving(partial(self.module.fetch, api=self.api), questions):
            if not isinstance(answer, EnrichError) and hasattr(self.module, "fetch_by_doi"):
                others = await facts.dois(self.database, [one for one in part if one not in answer])
                self.dois |= others
                await self._keep([one for one in part if one not in others], answer)
            else:
                await self._keep(part, answer)

    async def _ask_by_dois(self) -> None:
        """Ask once more for a batch of papers that may be filed under their published DOIs alone."""
        known = {one: self.dois.pop(one) for one in list(self.dois)[: self.api.terms.batch]}

        async def fetch(part: Sequence[str]) -> Mapping[str, Told]:
            found: Mapping[str, Told] = await self.module.fetch_by_doi({one: known[one] for one in part}, self.api)
            return found

        async for part, answer in ask_halving(fetch, list(known)):
            await self._keep(part, answer)

    async def _keep(self, questions: Sequence[str], answer: Mapping[str, Told] | EnrichError) -> None:
        """Store one fact a question: what was told, `missing` from a whole answer, or `failed`."""
        if isinstance(answer, EnrichError):
            self.report.why = answer.reason
            if self.api.postponed(answer):
                self.left = answer
                return
            answer = {one: self._blank(one, "failed", answer.reason) for one in questions}
        told = {one: stamped(answer.get(one) or self._blank(one, "missing", None)) for one in questions}
        if _stands_in(
            self.api, self.wanted
        ):  # that it does not know a paper, or does not answer, says nothing of the leader
            told = {one: fact for one, fact in told.items() if fact.status == "ok"}
        self.report.counts.update(one.status for one in told.values())
        await self._store(told)
        self.progress.advance(self.name, len(questions))

    def _blank(self, question: str, status: str, reason: str | None) -> Told:
        blank: Fact = self.module.blank(question)
        return blank.model_copy(update={"status": status, "reason": reason})

    async def _store(self, told: Mapping[str, Any]) -> None:
        if self.path == REPOS:
            await facts.record_repositories(self.database, told)
            return
        if self.path == facts.LINKED:
            await facts.record_linked(self.database, {f"arxiv:{one}": fact for one, fact in told.items()})
            return
        await facts.record_arxiv(self.database, [one for one in told.values() if isinstance(one, ArxivEntry)])
        others = {f"arxiv:{one}": fact for one, fact in told.items() if not isinstance(fact, ArxivEntry)}
        await facts.record(self.database, self.path, others)
