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
from crawler.visiting import NotAnsweredError
from storage import days as states
from storage import raw
from storage.documents import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from scrapy.crawler import Crawler
    from scrapy.http import Response

HOST = "https://rss.arxiv.org"
INTERVAL = 3.0  # seconds between starts, the API's and OAI-PMH's included (arXiv's terms of use)
CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z-]+)?")
MIDNIGHT = dt.timedelta(hours=5)
"""The feed is new at midnight in New York: at 04:00 or 05:00 UTC."""


class ArxivRssSpider(scrapy.Spider):
    """`scrapy crawl arxiv_rss -a categories=cs.CL+cs.LG`: once a day; a feed that was read is not asked for again."""

    name = "arxiv_rss"
    custom_settings = visiting.SETTINGS
    terms: visiting.Terms
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
        spider.terms = _terms(crawler.settings["PROVIDERS"].get("arxiv", {}))
        spider.allowed_domains = [spider.terms.domain]
        return spider

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """One request to nowhere: a callback has back-pressure, `start` has none (Scrapy 2.19)."""
        yield scrapy.Request("data:,", self.parse, meta={"allow_offsite": True})

    async def parse(self, _response: Response, **_kwargs: Any) -> AsyncIterator[Digest | Refused | Asked]:
        """Today's announcements, unless they were read."""
        source, now = f"arxiv-rss:{self.categories}", dt.datetime.now(dt.UTC)
        today = (now - MIDNIGHT).date()
        known = await states.known(visiting.database(self.crawler), source)
        if today in known and known[today].status != "refused":
            self.crawler.stats.set_value("harvest/unchanged", 1)
            return
        try:
            response = await visiting.get(self.crawler, self.terms, f"/rss/{self.categories}")
            page = arxiv_rss.parse(_text(response))
        except NotAnsweredError as error:
            self.crawler.stats.set_value("harvest/left", [f"{source}: {error}; the next crawl asks again"])
        except LayoutChanged as why:
            if why.reason == "no_records":
                self.crawler.stats.set_value("harvest/warnings", [f"{source}: {why.detail}"])
                yield Asked(source=source, day=today, state=days.empty(today, known.get(today), now))
                return
            refusal = Refusal(name=f"{source}:{today}", digest=f"{source}:{today}", **vars(why))
            yield Refused(refusal=refusal, content=response.body)
            yield Asked(source=source, day=today, state=days.refused(known.get(today), now))
        else:
            shown = page.page_date or today
            yield Digest(
                source="arxiv_rss",
                digest=page.digest or f"{source}:{shown}",
                name=f"{source}:{shown}",
                raw=raw.digest_of(response.body),
                page=page,
                content=response.body,
                crawled=now.date(),
            )
            yield Asked(source=source, day=shown, state=days.announced(now, len(page.listings)))


def _terms(given: Mapping[str, Any]) -> visiting.Terms:
    interval = given.get("interval")
    return visiting.Terms(
        gate="arxiv",
        base_url=str(given.get("base_url") or HOST).rstrip("/"),
        interval=INTERVAL if interval is None else interval,
        headers={},
        single=True,
    )


def _text(response: Response) -> str:
    """A feed; that of an error has status 400. Raises NotAnsweredError, LayoutChanged."""
    if response.status not in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST):
        raise NotAnsweredError(f"HTTP {response.status}")
    try:
        return response.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LayoutChanged("encoding", f"byte {error.start} is not UTF-8") from None
