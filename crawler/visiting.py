"""How spiders visit a provider's host: at the pace that all processes share, and within that host."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

from scrapy import Request, Spider
from scrapy.exceptions import (
    DownloadCancelledError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.settings.default_settings import RETRY_EXCEPTIONS
from scrapy.utils.misc import load_object

from crawler.items import Digest, Refused
from crawler.layouts import LayoutChanged
from crawler.pipelines import StorePipeline, tell
from storage import connect, raw, waits
from storage import providers as gate
from storage.documents import Refusal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Mapping

    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from storage.connect import Database
    from storage.documents import Page

PATIENCE = 120.0  # seconds: a longer wait is left for the next run
GLANCE = 0.25  # seconds between two tries to get a turn: somebody may interrupt
TIMEOUT, BACKOFF = 30.0, 1.0  # seconds
SINGLE = "arxiv"  # allows one connection only
GRACE = 10.0  # seconds: a crawler that holds a single connection for longer than an answer takes is dead
SETTINGS: dict[str, Any] = {
    "ROBOTSTXT_OBEY": False,  # it speaks of pages for people; these addresses are made for programs, with limits
    "COOKIES_ENABLED": False,
    "DOWNLOADER_MIDDLEWARES": {"crawler.visiting.ProviderGate": 950},  # the last before the network: also for retries
    "DOWNLOAD_MAXSIZE": 64 * 2**20,
    "RETRY_TIMES": 3,
    "RETRY_GIVE_UP_LOG_LEVEL": "INFO",  # it stands in the summary
}
REACHED = (DownloadFailedError, DownloadTimeoutError, ResponseDataLossError)
NO_ANSWER: tuple[type[Exception], ...] = tuple(map(load_object, RETRY_EXCEPTIONS))  # type: ignore[arg-type] # names and types


class NotAnsweredError(Exception):
    """No usable answer came; its text says why."""


class UnreachableError(NotAnsweredError):
    """There is no way to the host: nothing else need be asked of it."""


@dataclass(frozen=True)
class Terms:
    """How a provider's host is visited."""

    gate: str
    """Whose turns these are."""
    base_url: str
    interval: float
    """Seconds between starts."""
    timeout: float
    """Seconds for a whole answer."""
    backoff: float
    """Seconds of the first wait where the provider names none; doubled with every try."""
    headers: Mapping[str, str]
    single: bool
    """Only one connection is allowed."""

    @classmethod
    def of(cls, crawler: Crawler, provider: str, host: str, interval: float, with_key: float | None = None) -> Terms:
        """A provider's, as the user changed them; with_key: the interval for whoever has one, None: there are none."""
        given: Mapping[str, Any] = crawler.settings["PROVIDERS"].get(provider, {})
        key = given.get("api_key") if with_key else None
        usual = with_key if key and with_key else interval
        return cls(
            gate=f"{provider} with key" if key else provider,
            base_url=str(given.get("base_url") or host).rstrip("/"),
            interval=usual if given.get("interval") is None else given["interval"],
            timeout=given.get("timeout") or TIMEOUT,
            backoff=given.get("backoff") or BACKOFF,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            single=provider == SINGLE,
        )

    @property
    def domain(self) -> str:
        """The host, which redirects do not leave."""
        return urlsplit(self.base_url).hostname or ""


class Reader(Spider):
    """A spider whose `parse` does everything, one thing after another."""

    async def start(self) -> AsyncIterator[Request]:
        """One request to nowhere: a callback has back-pressure, `start` has none (Scrapy 2.19)."""
        yield Request("data:,", self.parse, meta={"allow_offsite": True})

    def tell(self, kind: str, sentence: str) -> None:
        """Add a sentence to the summary."""
        tell(self.crawler, kind, [sentence])


class Visitor(Reader):
    """A spider of one provider's host. Its `parse` asks, one request after another."""

    custom_settings = SETTINGS
    provider: tuple[str, str, float] | tuple[str, str, float, float]
    """What `Terms.of` makes its terms of."""
    terms: Terms
    allowed_domains: list[str]

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Scrapy's way to make a spider."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.terms = Terms.of(crawler, *cls.provider)
        spider.allowed_domains = [spider.terms.domain]
        return spider


def flag(value: object) -> bool:
    """Whether an argument says yes: `-a html=0`, `no` and `false` do not."""
    return str(value or "").lower() not in ("", "0", "no", "false")


async def get(crawler: Crawler, terms: Terms, path: str, *statuses: int) -> Response:
    """The answer to a GET below a provider's address, of status 200 or one of these. Raises NotAnsweredError."""
    meta = {"provider": terms, "download_timeout": terms.timeout}
    request = Request(terms.base_url + path, headers=dict(terms.headers), meta=meta)
    try:
        response: Response = await crawler.engine.download_async(request)
    except IgnoreRequest as error:
        raise NotAnsweredError(f"{terms.domain}: {error}") from None
    except DownloadCancelledError:
        raise NotAnsweredError(f"{terms.domain}: the answer is too large") from None
    except NO_ANSWER as error:
        if isinstance(error, REACHED):
            raise NotAnsweredError(f"{terms.domain} gave no whole answer ({type(error).__name__})") from None
        raise UnreachableError(f"{terms.domain} cannot be reached ({type(error).__name__})") from None
    if response.status not in (HTTPStatus.OK, *statuses):
        raise NotAnsweredError(f"{terms.domain} answered HTTP {response.status}")
    return response


def text(body: bytes) -> str:
    """The text of an answer. Raises LayoutChanged."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LayoutChanged("encoding", f"byte {error.start} is not UTF-8") from None


def digest(source: str, name: str, page: Page, body: bytes, crawled: dt.date | None) -> Digest:
    """A page that was read from an answer, which is kept; crawled: None where it only strayed into it."""
    return Digest(
        source=source, digest=name, name=name, raw=raw.digest_of(body), page=page, content=body, crawled=crawled
    )


def refused(name: str, why: LayoutChanged, body: bytes) -> Refused:
    """An answer that was not understood, which is kept until the digest of that name is read."""
    return Refused(refusal=Refusal(name=name, digest=name, **vars(why)), content=body)


def ending(crawler: Crawler) -> bool:
    """Whether somebody interrupts, or the store has failed."""
    return not crawler.crawling or bool(crawler.stats.get_value("harvest/error"))


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
        while terms is not None:
            if ending(self.crawler):
                raise IgnoreRequest("interrupted")
            hold = terms.timeout + GRACE if terms.single else None
            with connect.explained(self.database):
                turn = await gate.take_turn(self.database, terms.gate, self.asker, interval=terms.interval, hold=hold)
            if turn.granted:
                return
            if turn.wait > PATIENCE:
                raise IgnoreRequest(f"{turn.reason or 'told to wait'} {turn.wait:.0f} s")
            await asyncio.sleep(min(turn.wait, GLANCE))

    async def process_response(self, request: Request, response: Response) -> Response:
        """Hold everybody back for as long as the answer tells, or for a growing while."""
        wrong = response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        headers = {name.decode().lower(): all_[-1].decode("latin-1") for name, all_ in response.headers.items() if all_}
        await self._leave(request, f"HTTP {response.status}" if wrong else None, waits.told(headers))
        return response

    async def process_exception(self, request: Request, exception: Exception) -> None:
        """The same where no answer came."""
        if not isinstance(exception, IgnoreRequest):
            await self._leave(request, type(exception).__name__ if isinstance(exception, NO_ANSWER) else None)

    async def _leave(self, request: Request, wrong: str | None, told: float | None = None) -> None:
        """Give a single connection back; where something went wrong, everybody waits."""
        terms: Terms | None = request.meta.get("provider")
        if terms is None:
            return
        with connect.explained(self.database):
            if terms.single:
                await gate.give_back(self.database, terms.gate, self.asker)
            if wrong:
                growing = terms.backoff * 2 ** request.meta.get("retry_times", 0)
                seconds = growing if told is None else told
                await gate.hold_back(self.database, terms.gate, seconds, f"{wrong}, told to wait")
