"""Hugging Face's daily papers: a day is one request to the API, or its HTML page."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import orjson
import scrapy

from crawler import days, layouts, visiting
from crawler.items import Asked, Digest, Refused
from crawler.layouts import LayoutChanged
from crawler.visiting import NotAnsweredError
from storage import days as states
from storage import raw
from storage.documents import Page, Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from storage.days import Day

SOURCE = "hf-daily"
HOST = "https://huggingface.co"
INTERVAL, INTERVAL_WITH_TOKEN = 0.7, 0.35  # s between starts: 500 and 1,000 requests in 300 s (hub-docs, Sept 2025)
LIMIT = 100
MOST_PAGES = 20
SHOWN = 5  # days in one sentence
IN_A_ROW = 3  # days without an answer, after which the provider is left alone


class MisreadError(Exception):
    """An answer was not understood."""

    def __init__(self, day: dt.date, text: bytes, why: LayoutChanged) -> None:
        super().__init__(str(why))
        name = f"{SOURCE}:{day}"
        self.refused = Refused(refusal=Refusal(name=name, digest=name, **vars(why)), content=text)


class Found(NamedTuple):
    """What was read of a day."""

    text: bytes
    source: str = ""
    page: Page | None = None
    """None where nothing is listed."""
    whole: bool = True
    """Whether that is known to be all."""


class HfDailySpider(scrapy.Spider):
    """`scrapy crawl hf_daily -a date=… | -a since=… [-a until=…] | -a missing=1 [-a html=1]`.

    Days are asked for from the newest to the oldest; a back-fill ends where the lists began.
    """

    name = "hf_daily"
    custom_settings = visiting.SETTINGS
    terms: visiting.Terms
    allowed_domains: list[str]

    def __init__(
        self,
        date: str | None = None,
        since: str | None = None,
        until: str | None = None,
        missing: str | None = None,
        html: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sum(map(bool, (date, since, missing))) != 1:
            raise ValueError("say which days: scrapy crawl hf_daily -a date=2026-03-02, -a since=… or -a missing=1")
        self.date, self.since, self.until = (
            dt.date.fromisoformat(one) if one else None for one in (date, since, until)
        )
        self.looks = (self._page,) if html else (self._api, self._page)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> HfDailySpider:
        """Scrapy's way to make a spider."""
        spider: HfDailySpider = super().from_crawler(crawler, *args, **kwargs)
        spider.terms = _terms(crawler.settings["PROVIDERS"].get("huggingface", {}))
        spider.allowed_domains = [spider.terms.domain]
        return spider

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """One request to nowhere: a callback has back-pressure, `start` has none (Scrapy 2.19)."""
        yield scrapy.Request("data:,", self.parse, meta={"allow_offsite": True})

    async def parse(self, _response: Response, **_kwargs: Any) -> AsyncIterator[Digest | Refused | Asked]:
        """Every day that is due, one after another, for as long as somebody answers."""
        database = visiting.database(self.crawler)
        known = await states.known(database, SOURCE)
        wanted = self._span(known)
        if wanted is None:
            wanted = days.missing(known, *await states.stored(database, SOURCE), _now())
        self.crawler.stats.set_value("harvest/unit", "days")
        self.crawler.stats.set_value("harvest/total", len(wanted))
        unanswered = 0
        empty: list[dt.date] = []
        for done, day in enumerate(wanted, 1):
            self.crawler.stats.set_value("harvest/done", done)
            if self.since and _all_empty(wanted, done - 1, empty):
                self._tell(
                    "warnings", f"{SOURCE} {day} and earlier: not asked, the {days.GIVE_UP} days after it are empty"
                )
                break
            if unanswered == IN_A_ROW or not self.crawler.crawling:
                self._tell("left", f"{SOURCE} {day} and earlier: not asked, nobody answers")
                break
            try:
                async for item in self._day(day, known.get(day)):
                    yield item
                    if isinstance(item, Asked) and item.state.empty_since:
                        empty.append(day)
                unanswered = 0
            except NotAnsweredError as error:
                unanswered += 1
                self._tell("left", f"{SOURCE} {day}: {error}; the next crawl asks again")
        if empty:
            shown = ", ".join(map(str, empty[:SHOWN])) + (" …" if len(empty) > SHOWN else "")
            self._tell(
                "warnings", f"{SOURCE}: nothing is listed on {len(empty)} days ({shown}); they are asked for again"
            )

    def _span(self, known: Mapping[dt.date, Day]) -> list[dt.date] | None:
        """The days asked for by name; None where those that are missing are."""
        if self.date:
            return [self.date] if self.date <= _now().date() else []
        return days.due(known, self.since, self.until or self.since.max, _now()) if self.since else None

    def _tell(self, kind: str, sentence: str) -> None:
        """Add a sentence to the summary: of what is `left`, or of what is odd (`warnings`)."""
        told = self.crawler.stats.get_value(f"harvest/{kind}", [])
        self.crawler.stats.set_value(f"harvest/{kind}", [*told, sentence])

    async def _day(self, day: dt.date, before: Day | None) -> AsyncIterator[Digest | Refused | Asked]:
        """A day's papers, then what became of the day. Raises NotAnsweredError."""
        at, found, failed = _now(), None, ""
        misread: list[Refused] = []
        for look in self.looks:
            try:
                found = await look(day)
                break
            except MisreadError as error:
                misread.append(error.refused)
            except NotAnsweredError as error:
                failed = str(error)
        for refused in misread:
            yield refused
        if found is not None:
            for item in self._read(day, before, at, found):
                yield item
        elif misread:
            yield Asked(source=SOURCE, day=day, state=days.refused(before, at))
        else:
            raise NotAnsweredError(failed)

    def _read(self, day: dt.date, before: Day | None, at: dt.datetime, found: Found) -> Iterator[Digest | Asked]:
        """The digests in an answer, and the state of each day that it is a whole list of."""
        if found.page is None:
            yield Asked(source=SOURCE, day=day, state=days.empty(day, before, at))
            return
        parts = _by_day(found.page, day)
        for shown, page in parts.items():
            # What strays into another day's answer is a copy: that day's own list knows its numbers.
            own = shown == day or (len(parts) == 1 and found.source == "hf_props")
            yield Digest(
                source=found.source,
                digest=f"{SOURCE}:{shown}",
                name=f"{SOURCE}:{shown}",
                raw=raw.digest_of(found.text),
                page=page,
                content=found.text,
                crawled=at.date() if own else None,
            )
            if own:
                state = days.listed(shown, before if shown == day else None, at, len(page.listings), whole=found.whole)
                yield Asked(source=SOURCE, day=shown, state=state)
        if day not in parts:
            self._tell("left", f"{SOURCE} {day}: the list of {', '.join(map(str, parts))} was shown in its place")
            yield Asked(source=SOURCE, day=day, state=days.other_date_shown(before, at))

    async def _api(self, day: dt.date) -> Found:
        """What the API lists. A page as long as one can be is never taken for the last."""
        parts: list[bytes] = []
        whole = False
        for number in range(MOST_PAGES):
            query = urlencode({"date": day.isoformat(), "limit": LIMIT, "p": number})
            response = await self._get(f"/api/daily_papers?{query}")
            entries, part = _entries(day, response), response.body.strip()[1:-1]
            if part in parts:  # it does not know of pages: how many more there are, nobody knows
                break
            parts += [part] if entries else []
            if whole := len(entries) not in days.FULL:
                break
        text = b"[" + b",".join(parts) + b"]"
        return _parsed(day, "hf_api", text, whole=whole) if parts else Found(text)

    async def _page(self, day: dt.date) -> Found:
        """What the HTML page lists."""
        response = await self._get(f"/papers/date/{day}")
        found = _parsed(day, "hf_props", response.body, whole=True)
        return found._replace(whole=found.page is not None and len(found.page.listings) not in days.FULL)

    async def _get(self, path: str) -> Response:
        """An answer with status 200. Raises NotAnsweredError."""
        response = await visiting.get(self.crawler, self.terms, path)
        if response.status != HTTPStatus.OK:
            raise NotAnsweredError(f"{self.terms.domain} answered HTTP {response.status}")
        return response


def _all_empty(wanted: Sequence[dt.date], done: int, empty: Sequence[dt.date]) -> bool:
    """Whether the last days of those done were all empty: the lists begin later."""
    return done >= days.GIVE_UP and list(wanted[done - days.GIVE_UP : done]) == list(empty[-days.GIVE_UP :])


def _terms(given: Mapping[str, Any]) -> visiting.Terms:
    token, interval = given.get("api_key"), given.get("interval")
    return visiting.Terms(
        gate="huggingface with key" if token else "huggingface",
        base_url=str(given.get("base_url") or HOST).rstrip("/"),
        interval=interval if interval is not None else (INTERVAL_WITH_TOKEN if token else INTERVAL),
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _entries(day: dt.date, response: Response) -> list[Any]:
    """The entries of an answer of the API, which may be none. Raises MisreadError."""
    kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
    try:
        entries = orjson.loads(response.body) if "json" in kind else kind or "no Content-Type"
    except orjson.JSONDecodeError as error:
        entries = f"not JSON ({error})"
    if isinstance(entries, list):
        return entries
    why = LayoutChanged("answer_unexpected", f"a list is due, not {str(entries)[:60]!r}")
    raise MisreadError(day, response.body, why)


def _parsed(day: dt.date, layout: str, text: bytes, *, whole: bool) -> Found:
    try:
        return Found(text, layout, layouts.load(layout).parse(_decoded(text)), whole)
    except LayoutChanged as why:
        raise MisreadError(day, text, why) from None


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LayoutChanged("encoding", f"byte {error.start} is not UTF-8") from None


def _by_day(page: Page, day: dt.date) -> dict[dt.date, Page]:
    """The page of each day that an answer lists papers of: in the hour that summer time takes, it may be two."""
    if page.page_date is not None:
        return {page.page_date: page}
    listings = defaultdict(list)
    for one in page.listings:
        listings[one.listed_date or day].append(one)
    return {
        shown: page.model_copy(
            update={
                "listings": tuple(of_day),
                "digest": f"{SOURCE}:{shown}",
                "page_date": shown,
                "page_date_basis": "explicit",
            }
        )
        for shown, of_day in listings.items()
    }
