"""How spiders visit a provider's host: at the pace that all processes share, and within that host."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from scrapy import Request
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)

from crawler.pipelines import StorePipeline
from storage import connect, waits
from storage import providers as gate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from storage.connect import Database

PATIENCE = 120.0  # seconds: a longer wait is left for the next run
HOLD = 90.0  # seconds after which a crawler that holds a single connection is taken for dead
GLANCE = 0.25  # seconds between two looks whether somebody interrupts a wait
FIRST_BACKOFF = 1.0  # seconds, doubled with every try
SETTINGS: dict[str, Any] = {
    "ROBOTSTXT_OBEY": False,  # it speaks of pages for people; these addresses are made for programs, with limits
    "COOKIES_ENABLED": False,
    "CONCURRENT_ITEMS": 1,  # in order: what became of a day is stored after its papers
    "DOWNLOADER_MIDDLEWARES": {"crawler.visiting.ProviderGate": 950},  # the last before the network: also for retries
    "DOWNLOAD_MAXSIZE": 64 * 2**20,
    "DOWNLOAD_TIMEOUT": 30,
    "RETRY_TIMES": 3,
    "RETRY_GIVE_UP_LOG_LEVEL": "INFO",  # it stands in the summary
}
NO_ANSWER = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
    OSError,
)


class NotAnsweredError(Exception):
    """No usable answer came; its text says why."""


@dataclass(frozen=True)
class Terms:
    """How a provider's host is visited."""

    gate: str
    """Whose turns these are."""
    base_url: str
    interval: float
    """Seconds between starts."""
    headers: Mapping[str, str]
    single: bool = False
    """Only one connection is allowed."""

    @property
    def domain(self) -> str:
        """The host, which redirects do not leave."""
        return urlsplit(self.base_url).hostname or ""


async def get(crawler: Crawler, terms: Terms, path: str) -> Response:
    """The answer to a GET below a provider's address, whatever its status. Raises NotAnsweredError."""
    request = Request(terms.base_url + path, headers=dict(terms.headers), meta={"provider": terms})
    try:
        return await crawler.engine.download_async(request)
    except IgnoreRequest as error:
        raise NotAnsweredError(f"{terms.domain}: {error}") from None
    except DownloadCancelledError:
        raise NotAnsweredError(f"{terms.domain}: the answer is too large") from None
    except NO_ANSWER as error:
        raise NotAnsweredError(f"{terms.domain} cannot be reached ({type(error).__name__})") from None


def database(crawler: Crawler) -> Database:
    """The one that the pipeline opened before the first request."""
    pipeline = crawler.get_item_pipeline(StorePipeline)
    if pipeline is None:
        raise RuntimeError("StorePipeline is not among ITEM_PIPELINES")
    return pipeline.database


class ProviderGate:
    """Requests with Terms as `meta["provider"]` wait for their turn; what an answer tells to wait holds them all."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler, self.asker = crawler, uuid4().hex

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ProviderGate:
        """Scrapy's way to make a middleware."""
        return cls(crawler)

    @property
    def database(self) -> Database:
        """Where the turns are kept."""
        return database(self.crawler)

    async def process_request(self, request: Request) -> None:
        """Wait for the turn. Raises IgnoreRequest where that is too far off."""
        terms: Terms | None = request.meta.get("provider")
        if terms is None:
            return
        while True:
            with connect.explained(self.database):
                turn = await gate.take_turn(
                    self.database,
                    terms.gate,
                    self.asker,
                    interval=terms.interval,
                    hold=HOLD if terms.single else None,
                )
            if turn.granted:
                return
            if turn.wait > PATIENCE:
                raise IgnoreRequest(f"{turn.reason or 'told to wait'} {turn.wait:.0f} s")
            await self._sleep(turn.wait)

    async def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not self.crawler.crawling:
                raise IgnoreRequest("interrupted")
            await asyncio.sleep(min(left, GLANCE))

    async def process_response(self, request: Request, response: Response) -> Response:
        """Hold everybody back for as long as the answer tells, or for a growing while."""
        if terms := request.meta.get("provider"):
            await self._leave(terms)
            if response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                headers = {name.decode().lower(): value.decode("latin-1") for name, value in _items(response)}
                await self._hold_back(terms, request, f"HTTP {response.status}", waits.told(headers))
        return response

    async def process_exception(self, request: Request, exception: Exception) -> None:
        """The same where no answer came."""
        terms = request.meta.get("provider")
        if terms is not None and not isinstance(exception, IgnoreRequest):
            await self._leave(terms)
            await self._hold_back(terms, request, type(exception).__name__, None)

    async def _leave(self, terms: Terms) -> None:
        if terms.single:
            with connect.explained(self.database):
                await gate.give_back(self.database, terms.gate, self.asker)

    async def _hold_back(self, terms: Terms, request: Request, why: str, told: float | None) -> None:
        seconds = FIRST_BACKOFF * 2 ** request.meta.get("retry_times", 0) if told is None else told
        with connect.explained(self.database):
            await gate.hold_back(self.database, terms.gate, seconds, f"{why}, told to wait")


def _items(response: Response) -> list[tuple[bytes, bytes]]:
    return [(name, values[-1]) for name, values in response.headers.items() if values]
