"""Facts that are due, in batches, all providers side by side, each at its own pace."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from enrich import providers
from enrich.batches import ask_halving, batched
from enrich.errors import EnrichError
from enrich.report import Report
from enrich.stamp import Told, stamped
from storage import facts
from storage.documents import ArxivEntry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from types import ModuleType

    from enrich.http import Api
    from enrich.report import Progress
    from storage.connect import Database
    from storage.documents import Fact

logger = logging.getLogger(__name__)

KINDS = ("arxiv", "citations", "repos")


async def enrich(
    database: Database, apis: Mapping[str, Api], kinds: Collection[str], progress: Progress
) -> list[Report]:
    """Ask every enabled provider of these kinds for what is due."""
    asking = [
        _Asking(database, api, module, progress).all_due()
        for name, api in apis.items()
        if (module := providers.load(name)).KIND in kinds
    ]
    # Not a TaskGroup: it would cancel the others inside the MongoDB driver, which does not survive that (4.20).
    ended = await asyncio.gather(*asking, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return [one for one in ended if isinstance(one, Report)]


class _Asking:
    """One provider's part of a run."""

    def __init__(self, database: Database, api: Api, module: ModuleType, progress: Progress) -> None:
        self.database, self.api, self.module, self.progress = database, api, module, progress
        self.name: str = api.terms.name
        self.path = {"arxiv": "arxiv", "repos": "repos"}.get(module.KIND, f"citations.{self.name}")
        self.report = Report(self.name)
        if self.path == "repos":
            self.report.unit = ("repository waits", "repositories wait")
        api.waiting = partial(progress.wait, self.name)
        self.left: EnrichError | None = None

    async def all_due(self) -> Report:
        """Ask for everything that is due, batch by batch; each answer is stored before the next request."""
        fetch, before = partial(self.module.fetch, api=self.api), self.api.requests
        self.progress.begin(self.name, await facts.count(self.database, self.path))
        async for batch in batched(self._due(), self.api.terms.batch):
            async for part, answer in ask_halving(fetch, batch):
                await self._keep(part, answer)
            if self.api.closed is not None:
                break
        if error := self.api.closed or self.left:
            await self._leave(error)
        self.report.requests = self.api.requests - before
        logger.info("%s", self.report)
        return self.report

    def _due(self) -> AsyncIterator[str]:
        if self.path == "repos":
            return facts.due_repositories(self.database)
        return facts.due_ids(self.database, self.path)

    async def _keep(self, questions: Sequence[str], answer: Mapping[str, Told] | EnrichError) -> None:
        """Store one fact a question: what was told, `missing` from a whole answer, or `failed`."""
        if isinstance(answer, EnrichError):
            self.report.why = answer.reason
            if self.api.postponed(answer):
                self.left = answer
                return
            answer = {one: self._blank(one, "failed", answer.reason) for one in questions}
        told = {one: stamped(answer.get(one) or self._blank(one, "missing", None)) for one in questions}
        self.report.counts.update(one.status for one in told.values())
        await self._store(told)
        self.progress.advance(self.name, len(questions))

    def _blank(self, question: str, status: str, reason: str | None) -> Told:
        blank: Fact = self.module.blank(question)
        return blank.model_copy(update={"status": status, "reason": reason})

    async def _store(self, told: Mapping[str, Any]) -> None:
        if self.path == "repos":
            await facts.record_repositories(self.database, told)
            return
        await facts.record_arxiv(self.database, [one for one in told.values() if isinstance(one, ArxivEntry)])
        others = {f"arxiv:{one}": fact for one, fact in told.items() if not isinstance(fact, ArxivEntry)}
        await facts.record(self.database, self.path, others)

    async def _leave(self, error: EnrichError) -> None:
        """The door is closed for this run, or a wait outlasted the tries: what is still due says why."""
        self.report.leave(await facts.leave(self.database, self.path, error.reason), error)
