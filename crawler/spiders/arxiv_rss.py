"""arXiv's feed of what it announced today: one request for all categories. It has no yesterday."""

from __future__ import annotations

import datetime as dt
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import scrapy

from crawler import days, visiting
from crawler.items import Asked, Digest, Refused
from crawler.layouts import LayoutChanged, arxiv_rss
from crawler.visiting import NotAnsweredError, Terms
from storage import days as states
from storage.days import Day

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scrapy.crawler import Crawler
    from scrapy.http import Response

HOST = "https://rss.arxiv.org"
INTERVAL = 3.0  # seconds between starts, the API's and OAI-PMH's included (arXiv's terms of use)
CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z-]+)?")
RENEWED = dt.timedelta(hours=6)
"""The feed is new at midnight in New York, 04:00 or 05:00 UTC, and takes its time: before, it is yesterday's."""


class ArxivRssSpider(scrapy.Spider):
    """`scrapy crawl arxiv_rss -a categories=cs.CL+cs.LG`: once a day; a feed that was read is not asked for again."""

    name = "arxiv_rss"
    custom_settings = visiting.SETTINGS
    terms: Terms
    allowed_domains: list[str]

    def __init__(self, categories: str | list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        named = categories.split("+") if isinstance(categories, str) else categories or []
        if not named or not all(map(CATEGORY.fullmatch, named)):
            raise ValueError("name categories of arXiv: scrapy crawl arxiv_rss -a categories=cs.CL+cs.LG")
        self.categories = "+".join(sorted(set(named)))

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> ArxivRssSpider:
        """Scrapy's way to make a spider."""
        spider: ArxivRssSpider = super().from_crawler(crawler, *args, **kwargs)
        spider.terms = Terms.of(crawler, "arxiv", HOST, INTERVAL)
        spider.allowed_domains = [spider.terms.domain]
        return spider

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """One request to nowhere: a callback has back-pressure, `start` has none (Scrapy 2.19)."""
        yield scrapy.Request("data:,", self.parse, meta={"allow_offsite": True})

    async def parse(self, _response: Response, **_kwargs: Any) -> AsyncIterator[Digest | Refused | Asked]:
        """Today's announcements, unless they were read."""
        source, now = f"arxiv-rss:{self.categories}", dt.datetime.now(dt.UTC)
        today = (now - RENEWED).date()
        before = (await states.known(visiting.database(self.crawler), source)).get(today)
        if before and before.status != "refused":
            self.crawler.stats.set_value("harvest/unchanged", 1)
            return
        day, state, body = today, days.unread("refused", before, now), b""
        try:
            # the feed of an error has status 400
            path = f"/rss/{self.categories}"
            body = (await visiting.get(self.crawler, self.terms, path, HTTPStatus.BAD_REQUEST)).body
            page = arxiv_rss.parse(visiting.text(body))
        except NotAnsweredError as error:
            visiting.tell(self.crawler, "left", f"{source}: {error}; the next crawl asks again")
            return
        except LayoutChanged as why:
            if why.reason == "no_records":
                visiting.tell(self.crawler, "warnings", f"{source}: {why.detail}")
                state = days.empty(today, None, now)
            else:
                yield visiting.refused(f"{source}:{today}", why, body)
        else:
            day = page.page_date or today
            yield visiting.digest("arxiv_rss", page.digest or f"{source}:{day}", page, body, now.date())
            state = Day(status="complete", asked_at=now, records=len(page.listings))
        yield Asked(source=source, day=day, state=state)
