"""arXiv's feed of what it announced today: one request for all categories. It has no yesterday."""

from __future__ import annotations

import datetime as dt
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from crawler import days, visiting
from crawler.items import Asked, Digest, Refused
from crawler.layouts import LayoutChanged, arxiv_rss
from crawler.visiting import NotAnsweredError
from storage import connect
from storage import days as states
from storage.days import Day

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scrapy.http import Response

HOST = "https://rss.arxiv.org"
INTERVAL = 3.0  # seconds between starts, the API's and OAI-PMH's included (arXiv's terms of use)
CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z-]+)?")
RENEWED = dt.timedelta(hours=6)
"""The feed is new at midnight in New York, 04:00 or 05:00 UTC, and takes its time: before, it is yesterday's."""


class ArxivRssSpider(visiting.Visitor):
    """`scrapy crawl arxiv_rss -a categories=cs.CL+cs.LG`: once a day; a feed that was read is not asked for again."""

    name = "arxiv_rss"
    provider = ("arxiv", HOST, INTERVAL)

    def __init__(self, categories: str | list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        named = categories.split("+") if isinstance(categories, str) else categories or []
        if not named or not all(map(CATEGORY.fullmatch, named)):
            raise ValueError("name categories of arXiv: scrapy crawl arxiv_rss -a categories=cs.CL+cs.LG")
        self.categories = "+".join(sorted(set(named)))

    async def parse(self, _response: Response, **_kwargs: Any) -> AsyncIterator[Digest | Refused | Asked]:
        """Today's announcements, unless they were read. An empty feed is believed on weekends alone."""
        source, now, body = f"arxiv-rss:{self.categories}", dt.datetime.now(dt.UTC), b""
        day, database = (now - RENEWED).date(), visiting.database(self.crawler)
        with connect.explained(database):
            known = await states.known(database, source)
        if day in known and known[day].status in ("complete", "empty_confirmed"):
            self.crawler.stats.set_value("harvest/unchanged", 1)
            return
        try:
            # the feed of an error has status 400
            path = f"/rss/{self.categories}"
            body = (await visiting.get(self.crawler, self.terms, path, HTTPStatus.BAD_REQUEST)).body
            page = arxiv_rss.feed(visiting.text(body))
        except NotAnsweredError as error:
            self.tell("left", f"{source}: {error}; the next crawl asks again")
            return
        except LayoutChanged as why:
            yield visiting.refused(f"{source}:{day}", why, body)
            state = days.unread("refused", known.get(day), now)
        else:
            day = page.page_date or day  # it may still be yesterday's
            if page.listings:
                yield visiting.digest("arxiv_rss", page.digest or f"{source}:{day}", page, body, now.date())
                state = Day(status="complete", asked_at=now, records=len(page.listings))
            else:
                self.tell("warnings", f"{source}: nothing was announced on {day}")
                state = days.empty(day, known.get(day), now)
        yield Asked(source=source, day=day, state=state)
