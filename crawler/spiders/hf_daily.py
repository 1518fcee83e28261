"""Hugging Face's daily papers: a day is one request to the API, or its HTML page."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from scrapy.settings.default_settings import RETRY_EXCEPTIONS

from crawler import days, visiting
from crawler.items import Asked, Digest, Refused
from crawler.layouts import LayoutChanged, hf_api, hf_props
from crawler.visiting import NotAnsweredError, UnreachableError
from storage import connect
from storage import days as states

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from scrapy.http import Response

    from storage.connect import Database
    from storage.days import Day
    from storage.documents import Page

SOURCE = "hf-daily"
HOST = "https://huggingface.co"
INTERVAL, INTERVAL_WITH_TOKEN = 0.7, 0.35  # s between starts: 500 and 1,000 requests in 300 s (hub-docs, Sept 2025)
LIMIT = 100
MOST_PAGES = 20
SHOWN = 5  # days in one sentence
IN_A_ROW = 3  # days without an answer, after which the provider is left alone


class HfDailySpider(visiting.Visitor):
    """`scrapy crawl hf_daily -a date=… | -a since=… [-a until=…] | -a missing=1 [-a html=1]`.

    Days are asked for from the newest to the oldest; a back-fill ends where the lists began.
    """

    name = "hf_daily"
    provider = ("huggingface", HOST, INTERVAL, INTERVAL_WITH_TOKEN)
    # A host that swallows packets costs a timeout each time: of the API, then of the page, and of no other try.
    custom_settings = visiting.SETTINGS | {
        "RETRY_EXCEPTIONS": [one for one in RETRY_EXCEPTIONS if "Timeout" not in str(one)]
    }
    body = b""
    """The answer that is being read."""

    def __init__(
        self,
        date: str | None = None,
        since: str | None = None,
        until: str | None = None,
        missing: object = None,
        html: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sum(map(visiting.flag, (date, since, missing))) != 1:
            raise ValueError("say which days: scrapy crawl hf_daily -a date=2026-03-02, -a since=… or -a missing=1")
        self.date, self.since, self.until = (
            dt.date.fromisoformat(one) if one else None for one in (date, since, until)
        )
        if self.date and self.date > _now().date():
            raise ValueError(f"{date} is not yet: name a day up to today, in UTC")
        self.looks = (self._page,) if visiting.flag(html) else (self._api, self._page)

    async def parse(self, _response: Response, **_kwargs: Any) -> AsyncIterator[Digest | Refused | Asked]:
        """Every day that is due, one after another, for as long as somebody answers."""
        database, stats = visiting.database(self.crawler), self.crawler.stats
        with connect.explained(database):
            known = await states.known(database, SOURCE)
            wanted = await self._wanted(database, known)
        stats.set_value("harvest/unit", "days")
        stats.set_value("harvest/total", len(wanted))
        unanswered = 0
        for done, day in enumerate(wanted, 1):
            stats.set_value("harvest/done", done)
            if visiting.ending(self.crawler):
                break
            if unanswered >= IN_A_ROW:
                self.tell("left", f"{_named(day)} and earlier: not asked, nobody answers; the next crawl asks")
                break
            if self.since and days.lists_begin_after(day, known):
                self.tell(
                    "warnings", f"{_named(day)} and earlier: not asked, {days.GIVE_UP} weekdays after it are empty"
                )
                break
            try:
                async for item in self._day(day, known):
                    if isinstance(item, Asked):
                        known[item.day] = item.state
                    yield item
                unanswered = 0
            except NotAnsweredError as error:
                unanswered += IN_A_ROW if isinstance(error, UnreachableError) else 1
                self.tell("left", f"{_named(day)}: {error}; the next crawl asks again")
        if empty := [
            str(day) for day in wanted if (one := known.get(day)) and one.status == "open" and one.empty_since
        ]:
            named = ", ".join(empty[:SHOWN]) + (f" and {more} more" if (more := len(empty) - SHOWN) > 0 else "")
            self.tell("warnings", f"{SOURCE}: nothing is listed on {named}; a crawl a day later looks again")

    async def _wanted(self, database: Database, known: Mapping[dt.date, Day]) -> list[dt.date]:
        """The days to ask for, the newest first."""
        if self.date:
            return [self.date]
        if self.since:
            return days.due(known, self.since, self.until or dt.date.max, _now())
        saved, heard_of = await states.stored(database, SOURCE)
        if not (known or saved or heard_of):
            self.tell("left", f"{SOURCE}: no day is known yet: begin with `paperharvest crawl hf-daily --since D`")
        return days.missing(known, saved, heard_of, _now())

    async def _day(self, day: dt.date, known: Mapping[dt.date, Day]) -> AsyncIterator[Digest | Refused | Asked]:
        """A day's papers, then what became of the day. Raises NotAnsweredError."""
        at, before, refused = _now(), known.get(day), False
        failed: NotAnsweredError | None = None
        for look in self.looks:
            try:
                source, page, whole = await look(day)
            except LayoutChanged as why:
                refused = True
                yield visiting.refused(_named(day), why, self.body)
            except NotAnsweredError as error:
                failed = error
                if isinstance(error, UnreachableError):
                    break
            else:
                if page is None:
                    if before and before.records:
                        gone = f"its {before.records} papers are listed no more; they stay stored"
                        self.tell("warnings", f"{_named(day)}: {gone}")
                    yield _asked(day, days.empty(day, before, at))
                    return
                for item in self._read(day, known, at, source, page, whole=whole):
                    yield item
                return
        if failed and not refused:
            raise failed
        yield _asked(day, days.unread("refused", before, at))

    def _read(
        self, day: dt.date, known: Mapping[dt.date, Day], at: dt.datetime, source: str, read: Page, *, whole: bool
    ) -> Iterator[Digest | Asked]:
        """The digests in an answer, and the state of each day that it is a list of."""
        parts = _by_day(read, day)
        if not whole:
            self.tell("warnings", f"{_named(day)}: {len(read.listings)} listings may not be all")
        # Its own list is last: a text that was crawled is read no more as somebody's copy.
        for shown, page in sorted(parts.items(), key=lambda part: part[0] == day):
            own = shown == day or source == "hf_props"
            if not own and shown not in known and days.is_weekday(shown):
                yield _asked(shown, days.heard_of(shown))  # before its digest, which would pass for a saved page
            # What strays into another day's answer is a copy: that day's own list knows its numbers.
            yield visiting.digest(source, _named(shown), page, self.body, at.date() if own else None)
            if own:
                state = days.listed(shown, known.get(shown), at, len(page.listings), whole=whole)
                yield _asked(shown, state)
        if day not in parts:
            self.tell("left", f"{_named(day)}: the list of {', '.join(map(str, parts))} was shown in its place")
            yield _asked(day, days.unread("other_date_shown", known.get(day), at))

    async def _get(self, path: str) -> Response:
        response = await visiting.get(self.crawler, self.terms, path)
        self.body = response.body
        return response

    async def _api(self, day: dt.date) -> tuple[str, Page | None, bool]:
        """Who reads it, what the API lists, if anything, and whether that is known to be all. Raises LayoutChanged.

        A page as long as one can be is never taken for the last.
        """
        parts: list[bytes] = []
        whole = False
        for number in range(MOST_PAGES):
            query = urlencode({"date": day.isoformat(), "limit": LIMIT, "p": number})
            response = await self._get(f"/api/daily_papers?{query}")
            entries, part = _entries(response), response.body.strip()[1:-1]
            if part in parts:  # it does not know of pages: how many more there are, nobody knows
                break
            parts += [part] if entries else []
            if whole := len(entries) not in days.FULL:
                break
        self.body = b"[" + b",".join(parts) + b"]"
        return "hf_api", hf_api.parse(visiting.text(self.body)) if parts else None, whole

    async def _page(self, day: dt.date) -> tuple[str, Page | None, bool]:
        """The same of the HTML page."""
        response = await self._get(f"/papers/date/{day}")
        try:
            page = hf_props.parse(visiting.text(response.body))
        except LayoutChanged as why:
            if why.reason != "no_records":
                raise
            return "hf_props", None, True
        return "hf_props", page, len(page.listings) not in days.FULL


def _named(day: dt.date) -> str:
    return f"{SOURCE}:{day}"


def _asked(day: dt.date, state: Day) -> Asked:
    return Asked(source=SOURCE, day=day, state=state)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _entries(response: Response) -> list[Any]:
    """The entries of an answer of the API, which may be none. Raises LayoutChanged."""
    kind = (response.headers.get("Content-Type") or b"none").decode("latin-1")
    with suppress(orjson.JSONDecodeError):
        if "json" in kind and isinstance(entries := orjson.loads(response.body), list):
            return entries
    begins = response.body[:60].decode(errors="replace")
    raise LayoutChanged("answer_unexpected", f"a list is due, not {kind}: {begins!r}")


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
                "digest": _named(shown),
                "page_date": shown,
                "page_date_basis": "explicit",
            }
        )
        for shown, of_day in listings.items()
    }
