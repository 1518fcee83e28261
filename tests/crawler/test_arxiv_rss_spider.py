"""The spider `arxiv_rss` against the stand-in: one request for the categories and the day, whatever is in the feed."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from crawler import days
from crawler.spiders.arxiv_rss import RENEWED, ArxivRssSpider
from storage import providers
from tests import standin
from tests.crawler.crawls import Place
from tests.standin import Answer, answer_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from storage.connect import Database

RSS = "application/rss+xml"
KINDS = ["new", "cross", "replace", "replace-cross", "new"]


@pytest.fixture
async def place(mongo_uri: str, database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """A stand-in that announces five papers in today's feed, and a database that is empty."""
    corpus = standin.load(standin.SMALL)
    rows = [row for row in corpus.rows.values() if any(one.startswith("cs.") for one in row.categories)]
    announced = dict(zip((row.id for row in rows), KINDS, strict=False))
    today = str((dt.datetime.now(dt.UTC) - RENEWED).date())
    async with standin.serve(today=today, announced={today: announced}) as server:
        yield Place(mongo_uri, database, tmp_path, server)


def feed(place: Place) -> str:
    """The day whose announcements the server shows."""
    assert place.server
    assert place.server.options.today
    return place.server.options.today


def day_before(day: str) -> str:
    """Both as ISO dates."""
    return str(dt.date.fromisoformat(day) - dt.timedelta(1))


def instead(place: Place, answer: Answer) -> None:
    """Let the server answer that to whatever it is asked for."""
    assert place.server
    place.server.options.instead = {"/rss/cs": answer}


async def crawl(place: Place, categories: str = "cs", **arguments: Any) -> dict[str, Any]:
    """Crawl the feed."""
    return await place.crawl("arxiv_rss", categories=categories, **arguments)


async def test_a_feed_is_one_request_a_day(place: Place) -> None:
    """Its papers with how they were announced; asked again on that day it is known, and nobody is asked."""
    told = await crawl(place)
    assert (told["requests"], told["digests"], told["listings"], told["left"]) == (1, 1, 5, [])
    sightings = [paper["sightings"] for paper in await place.exported()]
    assert sorted(one["announced"] for [one] in sightings) == sorted(KINDS)
    assert {one["digest"] for [one] in sightings} == {f"arxiv-rss:cs:{feed(place)}"}
    again = await crawl(place)
    assert (again["requests"], again["unchanged"]) == (0, 1)
    state = (await place.days("arxiv-rss:cs"))[feed(place)]
    assert (state.status, state.records) == ("complete", 5)


async def test_categories_are_a_set(place: Place) -> None:
    """One request for several, in any order; another set is another feed."""
    assert place.server
    for categories in ("cs.LG+cs.CL", "cs.CL+cs.LG", "cs.CL+cs.LG+cs.CL", "cs.CL"):
        await crawl(place, categories)
    assert [one.path for one in place.server.log] == ["/rss/cs.CL+cs.LG", "/rss/cs.CL"]


async def test_yesterdays_feed_is_not_taken_for_todays(place: Place) -> None:
    """Where it is still shown it counts for its own day, and today is asked for again."""
    assert place.server
    options, today = place.server.options, feed(place)
    yesterday = day_before(today)
    options.announced = {yesterday: options.announced[today], **options.announced}
    options.today = yesterday
    await crawl(place)
    assert set(await place.days("arxiv-rss:cs")) == {yesterday}
    options.today = today
    await crawl(place)
    assert set(await place.days("arxiv-rss:cs")) == {yesterday, today}
    assert {len(paper["sightings"]) for paper in await place.exported()} == {2}


async def test_a_day_without_announcements_is_a_note(place: Place) -> None:
    """Nothing is refused; a weekend is not asked for again on that day, a weekday is: it may only be late."""
    assert place.server
    place.server.options.announced = {}
    told = await crawl(place)
    assert (told["left"], told.get("refusals")) == ([], None)
    assert told["warnings"] == [f"arxiv-rss:cs: nothing was announced on {feed(place)}"]
    assert (await crawl(place))["requests"] == days.is_weekday(dt.date.fromisoformat(feed(place)))
    assert (await place.days("arxiv-rss:cs"))[feed(place)].records == 0


async def test_yesterdays_empty_feed_settles_nothing_of_today(place: Place) -> None:
    """As on Mondays, where Sunday's is still shown: it counts for its own day, and today's announcements are read."""
    assert place.server
    options, today = place.server.options, feed(place)
    announced, options.announced, options.today = options.announced, {}, day_before(today)
    await crawl(place)
    assert set(await place.days("arxiv-rss:cs")) == {options.today}
    options.announced, options.today = announced, today
    assert (await crawl(place))["listings"] == 5


async def test_a_category_that_arxiv_does_not_know_is_refused(place: Place) -> None:
    """Its feed of an error, with status 400, is no empty day; it may be asked for again."""
    for _ in range(2):
        told = await crawl(place, "cs.CL+zz")
        [refusal] = told["refusals"]
        assert (told["requests"], refusal["reason"]) == (1, "answer_unexpected")
        assert "Bad archive 'zz'" in refusal["detail"]
    assert (await place.days("arxiv-rss:cs.CL+zz"))[feed(place)].status == "refused"


BOMB = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><rss>&b;</rss>'
LONG = f'<?xml version="1.0"?><rss version="2.0"><channel><title>{"x" * (50 << 20)}</title></channel></rss>'


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(200, BOMB, RSS), "wrong_format"),
        (Answer(200, LONG, RSS), "wrong_format"),
        (Answer(200, "<html><body>Down for maintenance</body></html>", standin.HTML), "wrong_format"),
        (Answer(200, "Rate exceeded.", "text/plain"), "wrong_format"),
        (Answer(400, "Bad Request", "text/plain"), "wrong_format"),
    ],
    ids=["entity bomb", "50 MiB title", "page", "text", "400"],
)
async def test_what_is_no_feed_is_refused_and_kept(place: Place, answer: Answer, reason: str) -> None:
    """By its reason, with a replay; the feed itself settles it on the same day."""
    assert place.server
    instead(place, answer)
    told = await crawl(place)
    assert [one["reason"] for one in told["refusals"]] == [reason]
    [deferred] = await place.all("deferred")
    assert (place.folder / "raw" / f"{deferred['raw']}.zst").exists()
    place.server.options.instead = {}
    assert (await crawl(place))["listings"] == 5
    assert await place.all("deferred") == []


async def test_a_feed_that_is_down_is_left_for_the_next_crawl(place: Place) -> None:
    """Four tries, then a sentence; nothing is known of the day."""
    assert place.server
    instead(place, answer_json({"message": "Service Unavailable"}, 503))
    told = await crawl(place)
    assert told["requests"] == 4
    assert told["left"] == ["arxiv-rss:cs: 127.0.0.1 answered HTTP 503; the next crawl asks again"]
    assert await place.days("arxiv-rss:cs") == {}
    place.server.options.instead = {}
    assert (await crawl(place))["listings"] == 5


async def test_the_gate_is_the_apis(place: Place) -> None:
    """Whoever asks arXiv's API holds the only connection: the feed waits until it is given back."""
    assert place.server
    assert (await providers.take_turn(place.database, "arxiv", "the API", interval=0, hold=60)).granted
    crawling = asyncio.create_task(crawl(place))
    while (await place.all("providers"))[0].get("granted") is not False:
        assert not crawling.done()
    assert place.server.log == []
    await providers.give_back(place.database, "arxiv", "the API")
    assert (await crawling)["listings"] == 5
    assert [one.get("holder") for one in await place.all("providers")] == [None]


@pytest.mark.parametrize("categories", [None, "", "cs.CL cs.LG", "CS", "../api", "cs.CL+"])
def test_the_spider_wants_categories(categories: str | None) -> None:
    """The error shows how to name them."""
    with pytest.raises(ValueError, match="scrapy crawl arxiv_rss -a categories="):
        ArxivRssSpider(categories)
