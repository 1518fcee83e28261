"""Facts that are due, in batches, all providers side by side, each at its own pace."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from enrich import due, providers
from enrich.batches import ask_halving, batched
from enrich.errors import EnrichError, TryLater, TrySmaller
from enrich.report import Report
from enrich.stamp import Told, now, stamped
from storage import facts
from storage import providers as gate
from storage.documents import ArxivEntry
from storage.facts import Window

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence

    from enrich.http import Api
    from enrich.report import Progress
    from enrich.settings import Refresh
    from storage.connect import Database, Document
    from storage.documents import Fact

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
    """The most questions for each provider, the most wanted first."""
    force: bool = False
    """Whatever is due."""


async def enrich(database: Database, apis: Mapping[str, Api], wanted: Wanted, progress: Progress) -> list[Report]:
    """Ask every enabled provider of these kinds for what is due."""
    windows = _windows(wanted, now())
    asking = [_Asking(database, api, wanted, progress) for api in apis.values() if _is_wanted(api, wanted)]
    leading = [one for one in asking if one.leader is None]
    rounds = {
        one.name: asyncio.create_task(_ask(one, [each for each in asking if each.leader == one.name], windows))
        for one in leading
    }

    async def ask_again(one: _Asking) -> None:
        told_by = ("arxiv", facts.LINKED) if one.path == REPOS else ("arxiv",)  # DOIs by arXiv alone
        await asyncio.gather(rounds[one.name], *(rounds[each.name] for each in leading if each.path in told_by))
        await one.all_learnt()

    await _together([*rounds.values(), *map(ask_again, leading)])
    for one in leading:
        await one.leave([window for window in windows if window != due.SECOND_HAND])
    return [one.end() for one in asking if one.leader is None or one.asked]


async def _ask(leader: _Asking, stand_ins: Sequence[_Asking], windows: Sequence[Window]) -> None:
    """Ask a provider and, where it is down, who stands in for it."""
    await leader.all_due(windows)
    if not leader.gave_up and leader.api.closed is None:
        return
    for one in stand_ins:
        failed = await leader.count_failed()
        await one.all_due([due.UNANSWERED])
        leader.report.counts["failed"] -= failed - await leader.count_failed()
        if one.report.counts["ok"]:
            leader.report.instead = one.name


class Errand(NamedTuple):
    """What a run would ask of one provider."""

    provider: str
    unit: str
    questions: int
    requests: int
    again: int
    """The most requests beyond these, by DOIs, for papers that are not known by their arXiv ids."""
    interval: float
    hourly: int | None
    """How many requests it allows an hour, where those are few."""
    left: Document
    """What is left of its budget, and how long it wants us to wait: `storage.providers.held`."""

    @property
    def seconds(self) -> float:
        """The shortest time that its pace, and what it allows an hour, make of it."""
        before = max(self.requests - 1, 0)
        return max(before * self.interval, 3600 * (before // self.hourly) if self.hourly else 0)


async def plan(database: Database, apis: Mapping[str, Api], wanted: Wanted) -> list[Errand]:
    """What `enrich` would ask, without asking or storing anything."""
    windows = _windows(wanted, now())
    leading = [api for api in apis.values() if not hasattr(providers.load(api.terms.name), "STANDS_IN_FOR")]
    return [await _errand(database, api, wanted, windows) for api in leading if _is_wanted(api, wanted)]


async def _errand(database: Database, api: Api, wanted: Wanted, windows: Sequence[Window]) -> Errand:
    module, size = providers.load(api.terms.name), api.terms.batch
    questions = _limited(await facts.count(database, module.PATH, windows, wanted.where), wanted)
    again = 0
    if hasattr(module, "fetch_by_doi"):
        named = {"$and": [wanted.where or {}, {"ids.doi": {"$regex": facts.DOI}}]}
        again = _limited(await facts.count(database, module.PATH, windows, named), wanted)
    unit = "repositories" if module.PATH == REPOS else "papers"
    left = await gate.held(database, api.terms.gate)
    return Errand(
        api.terms.name,
        unit,
        questions,
        -(-questions // size),
        -(-again // size),
        api.terms.interval,
        api.terms.hourly,
        left,
    )


def _limited(count: int, wanted: Wanted) -> int:
    return count if wanted.limit is None else min(count, wanted.limit)


def _windows(wanted: Wanted, began: dt.datetime) -> list[Window]:
    return due.anything(began) if wanted.force else due.windows(wanted.refresh, began)


def _is_wanted(api: Api, wanted: Wanted) -> bool:
    return providers.load(api.terms.name).KIND in wanted.kinds


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
        self.leader: str | None = getattr(self.module, "STANDS_IN_FOR", None)
        """Whose questions it answers where that one is down."""
        self.began = now()
        self.report = Report(self.name)
        if self.path == REPOS:
            self.report.unit = ("repository waits", "repositories wait")
        api.waiting = partial(progress.wait, self.name)
        self.left: EnrichError | None = None
        self.gave_up = False
        """A request used up its tries, and not over one question."""
        self.asked = 0
        self.before = api.requests
        self.unlisted = 0
        """Papers that are not known by their arXiv ids, and still to be asked for by their DOIs."""

    async def all_due(self, windows: Sequence[Window]) -> None:
        """Ask for everything in these windows, batch by batch; each answer is stored as it comes."""
        size, taking = self.api.terms.batch, asyncio.Lock()
        count = await facts.count(self.database, self.path, windows, self.wanted.where)
        self.progress.begin(self.name, _limited(count, self.wanted))
        batches = batched(self._due(windows), size)

        async def work(most: float) -> None:
            while most > 0 and self.api.closed is None:
                async with taking:
                    batch = self._within_limit(await anext(batches, []))
                if not batch:
                    return
                async for part, answer in ask_halving(partial(self.module.fetch, api=self.api), batch):
                    await self._keep(part, answer, last=not hasattr(self.module, "fetch_by_doi"))
                    if answer is not self.left:
                        self.progress.advance(self.name, len(part))
                most -= 1

        await work(1)  # alone: its answer tells the budget, and whether the key is good
        await _together([work(inf) for _ in range(self.api.terms.connections)])

    async def all_learnt(self) -> None:
        """Ask by what answers told of, which nobody knew when the run began: repositories, published DOIs."""
        if self.path == REPOS:
            await self.all_due([due.UNHEARD])
        if hasattr(self.module, "fetch_by_doi"):
            await self._all_unlisted()

    async def _all_unlisted(self) -> None:
        """Ask once more, by their published DOIs, for papers that are not known by their arXiv ids."""
        found = facts.unlisted(self.database, self.path, self.wanted.where, self.wanted.limit)
        async for batch in batched(found, self.api.terms.batch):
            if self.api.closed is not None:
                return
            dois = await facts.dois(self.database, batch)
            await self._settle([one for one in batch if one not in dois], {})  # several papers have their DOIs
            if not dois:
                continue

            async def fetch(part: Sequence[str], dois: Mapping[str, str] = dois) -> Mapping[str, Told]:
                told: Mapping[str, Told] = await self.module.fetch_by_doi({one: dois[one] for one in part}, self.api)
                return told

            async for part, answer in ask_halving(fetch, list(dois)):
                await self._settle(part, answer)

    async def _settle(self, questions: Sequence[str], answer: Mapping[str, Told] | EnrichError) -> None:
        await self._keep(questions, answer)
        if answer is not self.left:
            self.unlisted = max(self.unlisted - len(questions), 0)

    async def count_failed(self) -> int:
        """How many facts have failed in this run."""
        since = {"$and": [self.wanted.where or {}, {f"{self.path}.fetched_at": {"$gte": self.began}}]}
        return await facts.count(self.database, self.path, [Window(("failed",))], since)

    async def leave(self, windows: Sequence[Window]) -> None:
        """Say of what was due and not asked why it waits: the door is closed, or a wait outlasted the tries."""
        if error := self.api.closed or self.left:
            where = self.wanted.where
            await facts.leave(self.database, self.path, error.reason, where)
            waiting = await facts.count(self.database, self.path, windows, where)
            if self.unlisted:  # their DOIs were not asked for: that arXiv's is unknown is not all there is to say
                missing = {"$and": [where or {}, {f"{self.path}.status": "missing"}]}
                half_asked = len([one async for one in facts.unlisted(self.database, self.path, missing)])
                self.unlisted, waiting = max(self.unlisted - half_asked, 0), waiting + half_asked
            self.report.leave(waiting, error)

    def end(self) -> Report:
        """What became of its part."""
        self.report.requests = self.api.requests - self.before
        self.report.counts = +(self.report.counts + Counter(missing=self.unlisted))
        logger.info("%s", self.report)
        return self.report

    def _due(self, windows: Sequence[Window]) -> AsyncIterator[str]:
        if self.path == REPOS:
            return facts.due_repositories(self.database, windows, self.wanted.where)
        return facts.due_ids(self.database, self.path, windows, self.wanted.where)

    def _within_limit(self, batch: list[str]) -> list[str]:
        if self.wanted.limit is not None:
            batch = batch[: self.wanted.limit - self.asked]
        self.asked += len(batch)
        return batch

    async def _keep(
        self, questions: Sequence[str], answer: Mapping[str, Told] | EnrichError, *, last: bool = True
    ) -> None:
        """Store one fact a question: what was told, `missing` from a whole answer, or `failed`.

        last: whether nothing else can be asked about what was left out.
        """
        told: dict[str, Told]
        if isinstance(answer, EnrichError):
            self.report.why = answer.reason
            self.gave_up |= isinstance(answer, TryLater) and not isinstance(answer, TrySmaller)
            if self.api.postponed(answer):
                self.left = answer
                return
            answer = {one: self._blank(one, "failed", answer.reason) for one in questions}
        heard = now()
        missing = {one: stamped(self._blank(one, "missing", None), heard) for one in questions if one not in answer}
        told = {one: stamped(fact, heard) for one, fact in answer.items()}
        if last:
            told |= missing
        else:
            await facts.note_unlisted(self.database, self.path, missing)
            self.unlisted += len(missing)
        if self.leader is not None:  # that it does not know a paper, or does not answer, says nothing of the leader
            told = {one: fact for one, fact in told.items() if fact.status == "ok"}
        self.report.counts.update(one.status for one in told.values())
        await self._store(told)

    def _blank(self, question: str, status: str, reason: str | None) -> Fact:
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
