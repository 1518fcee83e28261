"""The spider `hf_daily` against the stand-in: what it asks for, what it keeps, and what becomes of each day."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from crawler import visiting
from crawler.spiders.hf_daily import HfDailySpider
from storage.errors import StorageError
from tests import standin
from tests.conftest import fixture_path
from tests.crawler.crawls import Place, entries
from tests.crawler.layouts.hf_pages import props_of
from tests.standin import Answer, answer_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from storage.connect import Database, Document

MONDAY, TUESDAY, WEDNESDAY = "2026-03-02", "2026-03-03", "2026-03-04"
SATURDAY = "2026-02-28"
API = "/api/daily_papers"
DOWN = answer_json({"error": "Service Unavailable"}, 503)
LATER = "the next crawl asks again"


@pytest.fixture
async def place(mongo_uri: str, database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """A stand-in that lists nothing yet, and a database that is empty."""
    async with standin.serve(days={}) as server:
        yield Place(mongo_uri, database, tmp_path, server)


def options(place: Place, **changed: Any) -> None:
    """Let the server behave otherwise from now on."""
    assert place.server
    for name, value in changed.items():
        setattr(place.server.options, name, value)


async def crawl(place: Place, **arguments: Any) -> Document:
    """Crawl daily papers."""
    return await place.crawl("hf_daily", **arguments)


def today() -> dt.date:
    """The day by UTC, read when a test needs it: a run of the suite may see midnight."""
    return dt.datetime.now(dt.UTC).date()


# --- a day ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "requests"), [(1, 1), (33, 1), (50, 2), (99, 1), (100, 2), (120, 2), (200, 3)])
async def test_a_day_is_asked_for_until_a_page_is_surely_the_last(place: Place, count: int, requests: int) -> None:
    """One request; a page of exactly 50 or 100 entries is followed by another one. All papers, in their order."""
    options(place, days={MONDAY: entries(count, MONDAY)})
    told = await crawl(place, date=MONDAY)
    assert (told["requests"], told["listings"], told["left"]) == (requests, count, [])
    assert place.asked() == [MONDAY] * requests
    state = (await place.days())[MONDAY]
    assert (state.status, state.records) == ("complete", count)
    positions = sorted(paper["sightings"][0]["position"] for paper in await place.exported())
    assert positions == list(range(1, count + 1))


async def test_a_server_that_knows_no_pages_leaves_the_day_open(place: Place) -> None:
    """The same full page again is no second one: what was shown is stored, and that it may not be all is told."""
    options(place, instead={API: answer_json(entries(100, MONDAY))})
    told = await crawl(place, date=MONDAY)
    assert (told["requests"], told["listings"]) == (2, 100)
    assert told["warnings"] == [f"hf-daily:{MONDAY}: 100 listings may not be all"]
    assert (await place.days())[MONDAY].status == "open"


async def test_the_page_of_a_day_in_place_of_the_api(place: Place) -> None:
    """By -a html=1: one request, the same papers; a page of 50 may not be whole."""
    options(place, days={MONDAY: entries(30, MONDAY), TUESDAY: entries(50, TUESDAY)})
    told = await crawl(place, since=MONDAY, until=TUESDAY, html="1")
    assert (told["requests"], told["digests"], told["left"]) == (2, 2, [])
    states = await place.days()
    assert (states[MONDAY].status, states[TUESDAY].status) == ("complete", "open")
    assert {sighting["source"] for paper in await place.exported() for sighting in paper["sightings"]} == {"hf_props"}


async def test_a_paper_on_two_days_is_one_paper_with_two_sightings(place: Place) -> None:
    """Each day with its own numbers; the day that was read later changes nothing of the other."""
    options(place, days={MONDAY: entries(1, MONDAY, upvotes=12), WEDNESDAY: entries(1, WEDNESDAY, upvotes=106)})
    await crawl(place, since=MONDAY, until=WEDNESDAY)
    [paper] = await place.exported()
    seen = [(one["digest"], one["upvotes"], one["listed_date"]) for one in paper["sightings"]]
    assert seen == [(f"hf-daily:{MONDAY}", 12, MONDAY), (f"hf-daily:{WEDNESDAY}", 106, WEDNESDAY)]


async def test_entries_of_another_day_belong_to_that_day(place: Place) -> None:
    """As on Sundays that begin summer time: a copy without history; Monday is asked for itself."""
    now = today()
    sunday, monday = (str(now - dt.timedelta(days=now.weekday() + back)) for back in (8, 7))
    strayed = entries(1, monday, upvotes=1)
    options(place, days={sunday: [*entries(3, sunday)[1:], *strayed], monday: entries(15, monday, upvotes=7)})
    await crawl(place, date=sunday)
    assert [one["digest"] for one in (await place.exported())[0]["sightings"]] == [f"hf-daily:{monday}"]
    assert len(await place.upvotes()) == 2
    place.asked()
    await crawl(place, missing="1")
    assert monday in place.asked()
    assert (await place.days())[monday].records == 15
    [one] = (await place.exported())[0]["sightings"]
    assert (one["upvotes"], one["position"]) == (7, 1)
    await crawl(place, date=sunday)
    assert (await place.exported())[0]["sightings"] == [one]


@pytest.mark.corpus
async def test_real_pages_are_the_same_as_html_and_by_the_api(place: Place, shared: Path) -> None:
    """14 saved pages, and the same entries through the API: equal but for the source, and as the page says."""
    pages = sorted((shared / "data" / "hf_daily_html").glob("*.html"))
    props = {path.stem: props_of(path.read_text(encoding="utf-8"))["dailyPapers"] for path in pages}
    assert len(props) == 14
    options(place, days=props, huggingface_api=10**6)
    other = await place.beside()
    saved = await other.crawl("digest", path=[str(path) for path in pages])
    crawled = [await crawl(place, date=day) for day in props]
    listed = sum(map(len, props.values()))
    assert saved["listings"] == sum(one["listings"] for one in crawled) == listed
    by_page, by_api = alike(await other.exported()), alike(await place.exported())
    assert by_page == by_api
    plain = {(day, one["paper"]["id"]): (nth, one) for day in props for nth, one in enumerate(props[day], 1)}
    assert sum(len(paper["sightings"]) for paper in by_api) == listed
    assert len(plain) == listed
    for paper in by_api:
        for sighting in paper["sightings"]:
            compare(paper, sighting, *plain[sighting["page_date"], paper["ids"]["arxiv"]])
    await other.database.client.drop_database(other.database.name)


def alike(papers: list[Document]) -> list[Document]:
    """Exported papers without times, and without the layouts that read them."""
    return [
        {
            **{key: value for key, value in paper.items() if key not in ("first_seen", "updated_at", "text_source")},
            "sightings": [{**one, "source": None} for one in paper["sightings"]],
        }
        for paper in papers
    ]


def compare(paper: Document, sighting: Document, position: int, entry: Document) -> None:
    """An exported paper and its sighting say what the entry says."""
    said = entry["paper"]
    assert [paper[key] for key in ("title", "abstract")] == [
        " ".join(said[key].split()) for key in ("title", "summary")
    ]
    assert paper["authors"] == [one["name"] for one in said["authors"]]
    assert paper["published"] == {"date": said["publishedAt"][:10], "precision": "day", "basis": "hf_props"}
    assert sighting["listed_date"] == said["submittedOnDailyAt"][:10]
    told = [sighting[key] for key in ("position", "upvotes", "comments", "organization")]
    assert told == [position, said["upvotes"], entry["numComments"], (entry.get("organization") or {}).get("fullname")]
    repositories = {repo["full_name"].lower() for repo in paper["repos"]}
    assert said.get("githubRepo", "").removeprefix("https://github.com/").lower() in {*repositories, ""}
    links = {link["url"].rstrip("/") for link in paper["links"]}
    assert said.get("projectPage", "").rstrip("/") in {*links, *(repo["url"] for repo in paper["repos"]), ""}


# --- again ------------------------------------------------------------------------------------------------


async def test_changed_upvotes_are_another_observation(place: Place) -> None:
    """The sighting has the new number, the history both; unchanged ones write no sighting and extend the span."""
    options(place, days={MONDAY: entries(2, MONDAY, upvotes=5)})
    await crawl(place, date=MONDAY)
    await place.as_of_yesterday()
    again = await crawl(place, date=MONDAY)
    assert (again.get("digests"), again["unchanged"]) == (None, 1)
    [(five, first, last), other] = await place.upvotes()
    assert five == 5
    assert first < last
    assert other == (five, first, last)
    before = await place.exported()
    await place.as_of_yesterday()
    options(place, days={MONDAY: entries(2, MONDAY, upvotes=7)})
    await crawl(place, date=MONDAY)
    was, now, *others = await place.upvotes()
    assert others == [was, now]
    assert (was[0], now[0]) == (5, 7)
    assert was[1] < was[2] < now[1] == now[2]
    papers = await place.exported()
    assert [[one["upvotes"] for one in paper["sightings"]] for paper in papers] == [[7], [7]]
    assert [one["updated_at"] for one in papers] > [one["updated_at"] for one in before]


async def test_a_saved_page_changes_nothing_of_what_was_crawled(place: Place, tmp_path: Path) -> None:
    """Read after the crawl, with other numbers: no value, no observation, no day."""
    options(place, days={MONDAY: entries(12, MONDAY, upvotes=5)})
    await crawl(place, date=MONDAY)
    before = [await place.exported(), await place.all("observations"), await place.all("days")]
    page = standin.huggingface.html(MONDAY, entries(12, MONDAY, upvotes=99), "2026-06-01")
    (tmp_path / "saved.html").write_text(page)
    await place.crawl("digest", path=str(tmp_path / "saved.html"))
    papers, *others = [await place.exported(), await place.all("observations"), await place.all("days")]
    assert alike(papers) == alike(before[0])
    assert others == before[1:]


async def test_a_page_that_was_saved_too_early_is_crawled_over(place: Place, tmp_path: Path) -> None:
    """First seen while its list was filling: --missing asks for that day."""
    page = standin.huggingface.html(MONDAY, entries(12, MONDAY), "2026-06-01")
    (tmp_path / "saved.html").write_text(page)
    await place.crawl("digest", path=str(tmp_path / "saved.html"))
    early = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
    await place.database["digests"].update_one({"_id": f"hf-daily:{MONDAY}"}, {"$set": {"first_seen_at": early}})
    options(place, days={MONDAY: entries(20, MONDAY)})
    await crawl(place, missing="1")
    assert MONDAY in place.asked()
    assert (await place.days())[MONDAY].records == 20


@pytest.mark.parametrize(
    "spider", [{"spider": "hf_daily", "missing": "1"}, {"spider": "arxiv_rss", "categories": "cs"}]
)
async def test_a_database_that_cannot_be_read_is_one_sentence(place: Place, spider: dict[str, Any]) -> None:
    """Days that MongoDB refuses to find end the crawl, before anybody is asked."""
    await place.database["odd"].insert_many([{"source": one} for one in ("hf-daily", "arxiv-rss:cs")])
    await place.database.drop_collection("days")
    broken = [{"$set": {"day": {"$toInt": "$_id"}}}]
    await place.database.create_collection("days", viewOn="odd", pipeline=broken)
    with pytest.raises(StorageError, match=r"^MongoDB at .* refused an operation \(code \d+\)"):
        await place.crawl(**spider)
    assert place.asked() == []


async def test_without_any_day_it_is_told_where_to_begin(place: Place) -> None:
    """Nothing to ask for is no success while nothing is known."""
    told = await crawl(place, missing="1")
    assert told["left"] == ["hf-daily: no day is known yet: begin with `paperharvest crawl hf-daily --since D`"]


async def test_what_was_settled_is_not_asked_for_again(place: Place) -> None:
    """Two years later a day was seen in all its looks: no request; of newer days only those that are due."""
    monday = today() - dt.timedelta(days=today().weekday() + 7)
    week = [str(monday + dt.timedelta(days=ahead)) for ahead in range(5)]
    options(place, days={MONDAY: entries(20, MONDAY), **{day: entries(20, day) for day in week}})
    await crawl(place, since=week[0], until=week[-1])
    assert place.asked() == week[::-1]
    await crawl(place, since=week[0], until=week[-1])
    await crawl(place, date=MONDAY)
    await crawl(place, since=MONDAY, until=MONDAY)
    assert place.asked() == [MONDAY]


async def test_a_kill_between_a_list_and_its_day_is_mended(place: Place) -> None:
    """The digest is stored, or only its papers, and nobody noted the day: the next crawl asks for it again."""
    options(place, days={day: entries(20, day) for day in (MONDAY, TUESDAY)})
    await crawl(place, since=MONDAY, until=TUESDAY)
    undisturbed = [alike(await place.exported()), await place.upvotes()]
    await place.database["days"].delete_many({})
    await place.database["digests"].delete_one({"_id": f"hf-daily:{TUESDAY}"})
    place.asked()
    await crawl(place, missing="1")
    assert place.asked() == [MONDAY]
    await crawl(place, since=MONDAY, until=TUESDAY)
    assert place.asked() == [TUESDAY]
    assert [alike(await place.exported()), await place.upvotes()] == undisturbed
    assert {state.status for state in (await place.days()).values()} == {"complete"}


# --- days without a list ----------------------------------------------------------------------------------


async def test_an_empty_weekday_is_a_note_and_is_asked_for_again(place: Place) -> None:
    """Open at first, confirmed a day later, asked for no more after two weeks; nothing of it is a failure."""
    told = await crawl(place, since=MONDAY, until=MONDAY)
    note = f"hf-daily: nothing is listed on {MONDAY}; a crawl a day later looks again"
    assert (told["left"], told["warnings"], (await place.days())[MONDAY].status) == ([], [note], "open")
    assert (await crawl(place, since=MONDAY, until=MONDAY))["requests"] == 0
    await place.as_of_yesterday()
    told = await crawl(place, since=MONDAY, until=MONDAY)
    assert (told["left"], (await place.days())[MONDAY].status) == ([], "empty_confirmed")
    place.asked()
    await crawl(place, since=MONDAY, until=MONDAY)
    assert place.asked() == []


async def test_a_list_that_came_late_is_found(place: Place) -> None:
    """A day that was confirmed to be empty is looked at again when it is due, and then is complete."""
    day = today() - dt.timedelta(days=10)
    day -= dt.timedelta(days=max(0, day.weekday() - 4))
    await crawl(place, date=str(day))
    await place.as_of_yesterday()
    await crawl(place, date=str(day))
    assert (await place.days())[str(day)].status == "empty_confirmed"
    for _ in range(5):  # as if confirmed before the look of the seventh day
        await place.as_of_yesterday()
    options(place, days={str(day): entries(20, str(day))})
    await crawl(place, since=str(day), until=str(day))
    assert (await place.days())[str(day)].status == "complete"


async def test_a_list_that_is_gone_leaves_its_papers(place: Place) -> None:
    """It is told; the day stays what it was."""
    options(place, days={MONDAY: entries(20, MONDAY)})
    await crawl(place, date=MONDAY)
    options(place, days={})
    told = await crawl(place, date=MONDAY)
    assert told["warnings"] == [f"hf-daily:{MONDAY}: its 20 papers are listed no more; they stay stored"]
    assert ((await place.days())[MONDAY].records, len(await place.exported())) == (20, 20)


async def test_an_empty_page_is_an_empty_day(place: Place) -> None:
    """The same as an empty answer of the API: a note, nothing refused."""
    page = standin.huggingface.html(MONDAY, [], "2026-06-01")
    options(place, instead={f"/papers/date/{MONDAY}": Answer(200, page, standin.HTML)})
    told = await crawl(place, date=MONDAY, html="yes")
    assert (told["left"], told.get("refusals"), len(told["warnings"])) == ([], None, 1)
    assert (await place.days())[MONDAY].status == "open"


async def test_a_weekend_is_asked_for_by_its_date_alone(place: Place) -> None:
    """It is no hole and no note."""
    told = await crawl(place, date=SATURDAY)
    assert (place.asked(), told["left"], told["warnings"]) == ([SATURDAY], [], [])
    assert (await place.days())[SATURDAY].status == "empty_confirmed"
    await crawl(place, since=SATURDAY, until="2026-03-01")
    assert place.asked() == []


async def test_a_back_fill_ends_where_the_lists_begin(place: Place) -> None:
    """After ten weekdays without a list, also where they are known to be empty; once it asks for nothing at all."""
    options(place, days={MONDAY: entries(20, MONDAY)})
    told = await crawl(place, since="2025-06-01", until=MONDAY)
    assert len(place.asked()) == 11
    why = "hf-daily:2026-02-13 and earlier: not asked, 10 weekdays after it are empty"
    assert told["warnings"][0] == why
    assert (await place.days())["2026-02-16"].status == "open"
    for _ in range(2):
        await place.as_of_yesterday()
        assert (await crawl(place, since="2025-06-01", until=MONDAY))["warnings"][0] == why
    assert len(place.asked()) == 10


async def test_the_page_of_another_day_counts_for_that_day(place: Place) -> None:
    """Stored under its own date; the day that was asked for was not shown, which is no success."""
    options(place, days={MONDAY: entries(20, MONDAY)})
    told = await crawl(place, date=TUESDAY, html="1")
    assert told["left"] == [f"hf-daily:{TUESDAY}: the list of {MONDAY} was shown in its place"]
    states = await place.days()
    assert (states[MONDAY].status, states[TUESDAY].status) == ("complete", "other_date_shown")
    assert [one["_id"] for one in await place.all("digests")] == [f"hf-daily:{MONDAY}"]


@pytest.mark.parametrize("said", ["0", "false", "No", "", None, False])
def test_what_says_no_is_no(said: str | bool | None) -> None:
    """An argument of Scrapy's command line is text, and `0` is no yes."""
    assert not visiting.flag(said)
    assert visiting.flag("1")
    assert visiting.flag(value=True)


def test_a_day_that_is_not_yet_is_an_error() -> None:
    """So are two ways to name days, and none."""
    ahead = str(today() + dt.timedelta(2))
    with pytest.raises(ValueError, match=f"{ahead} is not yet: name a day up to today"):
        HfDailySpider(date=ahead)
    for arguments in ({}, {"missing": "0"}, {"date": MONDAY, "missing": "1"}):
        with pytest.raises(ValueError, match="say which days: scrapy crawl hf_daily -a date="):
            HfDailySpider(**arguments)


async def test_no_day_after_today_is_asked_for(place: Place) -> None:
    """Whatever --until says: the server's own today is the last."""
    await crawl(place, since=str(today() - dt.timedelta(3)), until=str(today() + dt.timedelta(9)))
    assert all(day <= str(today()) for day in place.asked())


# --- what is not understood -------------------------------------------------------------------------------

LIST = json.dumps(entries(20, MONDAY))
PAGE = standin.huggingface.html(MONDAY, entries(20, MONDAY), "2026-06-01")
ODD = {
    "object": (answer_json({"error": "Oops"}), "answer_unexpected"),
    "page": (Answer(200, PAGE, standin.HTML), "answer_unexpected"),
    "login": (standin.LOGIN, "answer_unexpected"),
    "challenge": (standin.CHALLENGE, "answer_unexpected"),
    "cut": (Answer(200, LIST[:-9]), "answer_unexpected"),
    "text": (Answer(200, LIST, "text/plain"), "answer_unexpected"),
    "no id": (Answer(200, LIST.replace('"id": "2602.00007"', '"no": 1')), "record_shape"),
    "id as number": (Answer(200, LIST.replace('"2602.00010"', "2602.00010")), "record_shape"),
    "vanished": (Answer(200, LIST.replace('"upvotes"', '"likes"')), "record_shape"),
}


@pytest.mark.parametrize("case", ODD)
async def test_an_answer_that_is_none_is_refused_and_kept(place: Place, case: str) -> None:
    """By a stable reason, with a replay; other days go on; a good answer later settles it."""
    odd, reason = ODD[case]
    options(place, days={day: entries(20, day) for day in (MONDAY, TUESDAY)})
    options(place, instead={MONDAY: odd} if case != "page" else {API: odd, f"/papers/date/{MONDAY}": standin.LOGIN})
    told = await crawl(place, since=MONDAY, until=MONDAY if case == "page" else TUESDAY)
    refused = {one["reason"] for one in told["refusals"]}
    assert refused == {reason, "layout_unknown"}
    states = await place.days()
    assert states[MONDAY].status == "refused"
    assert case == "page" or states[TUESDAY].status == "complete"
    deferred = await place.all("deferred")
    assert {one["digest"] for one in deferred} == {f"hf-daily:{MONDAY}"}
    for one in deferred:
        kept = place.folder / "raw" / f"{one['raw']}.zst"
        assert kept.exists()
        assert one["replay"] == f"paperharvest crawl digest {kept}"
    options(place, instead={})
    for _ in range(7):  # the day is long over: what was refused of it is asked for once a week
        await place.as_of_yesterday()
    await crawl(place, since=MONDAY, until=MONDAY)
    assert (await place.days())[MONDAY].status == "complete"
    assert await place.all("deferred") == []


async def test_where_the_api_is_not_understood_the_page_is_read(place: Place) -> None:
    """The day is complete, and that the API's answer was refused is told."""
    options(place, days={MONDAY: entries(20, MONDAY)}, instead={API: ODD["object"][0]})
    told = await crawl(place, date=MONDAY)
    assert [one["reason"] for one in told["refusals"]] == ["answer_unexpected"]
    assert ((await place.days())[MONDAY].status, await place.all("deferred")) == ("complete", [])


async def test_a_golden_page_by_the_spider(place: Place) -> None:
    """Markup of the first generation, fetched: the cards agree, the day is the page's."""
    page = fixture_path("hf_props/svelte_4.html").read_bytes().decode()
    day = props_of(page)["dateString"]
    options(place, instead={f"/papers/date/{day}": Answer(200, page, standin.HTML)})
    await crawl(place, date=day, html="1")
    assert (await place.days())[day].records == len(props_of(page)["dailyPapers"])


# --- nobody answers ---------------------------------------------------------------------------------------


async def test_where_the_api_is_down_the_page_is_read(place: Place) -> None:
    """After four tries; nothing is refused, nothing left."""
    options(place, days={MONDAY: entries(20, MONDAY)}, instead={API: DOWN})
    told = await crawl(place, date=MONDAY)
    assert (told["requests"], told["left"], told.get("refusals")) == (5, [], None)
    assert (await place.days())[MONDAY].status == "complete"


async def test_one_day_that_is_down_stops_no_other(place: Place) -> None:
    """It is left for the next crawl, and nothing is known of it."""
    options(place, days={day: entries(20, day) for day in (MONDAY, TUESDAY, WEDNESDAY)}, instead={TUESDAY: DOWN})
    told = await crawl(place, since=MONDAY, until=WEDNESDAY)
    assert told["left"] == [f"hf-daily:{TUESDAY}: 127.0.0.1 answered HTTP 503; {LATER}"]
    assert set(await place.days()) == {MONDAY, WEDNESDAY}
    options(place, instead={})
    await crawl(place, since=MONDAY, until=WEDNESDAY)
    assert (await place.days())[TUESDAY].status == "complete"


async def test_after_three_days_without_an_answer_the_rest_is_left(place: Place) -> None:
    """Both ways are tried of each; what was stored stays."""
    options(place, days={MONDAY: entries(20, MONDAY)})
    await crawl(place, date=MONDAY)
    stored = await place.exported()
    options(place, down={"huggingface"})
    told = await crawl(place, since="2026-02-02", until=MONDAY)
    assert told["requests"] == 3 * 8
    assert told["left"][0] == f"hf-daily:2026-02-27: 127.0.0.1 answered HTTP 503; {LATER}"
    rest = "hf-daily:2026-02-24 and earlier: not asked, nobody answers; the next crawl asks"
    assert told["left"][3:] == [rest]
    assert await place.exported() == stored


async def test_a_host_that_cannot_be_reached_is_asked_for_one_day(
    mongo_uri: str, database: Database, tmp_path: Path, unused_tcp_port: int
) -> None:
    """Four tries in all, and no other way or day: there is no way to it."""
    place = Place(mongo_uri, database, tmp_path, url=f"http://127.0.0.1:{unused_tcp_port}")
    told = await crawl(place, since="2026-02-16", until=MONDAY)
    assert told["requests"] == 4
    assert told["left"] == [
        f"hf-daily:{MONDAY}: 127.0.0.1 cannot be reached (DownloadConnectionRefusedError); {LATER}",
        "hf-daily:2026-02-27 and earlier: not asked, nobody answers; the next crawl asks",
    ]


async def test_a_host_that_swallows_requests_costs_few_timeouts(place: Place) -> None:
    """No request is tried again, and the page is the second try: two timeouts a day, three days."""
    options(place, days={TUESDAY: entries(20, TUESDAY)}, faults=1.0, kinds=("hang",))
    told = await crawl(place, since="2026-02-16", until=MONDAY, within=0.3)
    assert told["requests"] == 3 * 2
    assert told["left"] == [
        *(
            f"hf-daily:{day}: 127.0.0.1 gave no whole answer (DownloadTimeoutError); {LATER}"
            for day in (MONDAY, "2026-02-27", "2026-02-26")
        ),
        "hf-daily:2026-02-25 and earlier: not asked, nobody answers; the next crawl asks",
    ]


async def test_a_redirect_to_another_host_is_not_followed(place: Place) -> None:
    """The API's answer counts as none; the page is read."""
    assert place.server
    elsewhere = place.server.url.replace("127.0.0.1", "localhost") + "/arxiv/rss/cs.CL"
    moved = Answer(302, "", standin.HTML, {"Location": elsewhere})
    options(place, days={MONDAY: entries(20, MONDAY)}, instead={API: moved})
    await crawl(place, date=MONDAY)
    assert {one.provider for one in place.server.log} == {"huggingface"}
    assert (await place.days())[MONDAY].status == "complete"
    options(place, instead={MONDAY: moved})
    told = await crawl(place, date=MONDAY)
    assert told["left"] == [f"hf-daily:{MONDAY}: 127.0.0.1: Filtered offsite request to 'localhost'; {LATER}"]


# --- pace -------------------------------------------------------------------------------------------------


async def test_a_spent_quota_is_waited_for(place: Place) -> None:
    """`RateLimit` tells t seconds: no request before t + 1, and no day is lost."""
    week = [f"2026-03-{day:02}" for day in range(2, 5)]
    options(place, days={day: entries(20, day) for day in week}, huggingface_api=2, huggingface_window=1)
    told = await crawl(place, since=week[0], until=week[-1])
    assert (told["digests"], told["left"]) == (3, [])
    assert place.server
    seen = [one for one in place.server.log if one.status == 429]
    assert seen
    assert not [one for one in place.server.log if one.undercut]


async def test_a_long_wait_is_left_to_a_later_crawl(place: Place) -> None:
    """Told to wait for more than two minutes: nobody is asked any more, and nobody waits."""
    options(place, days={day: entries(20, day) for day in (MONDAY, TUESDAY)}, huggingface_api=1)
    told = await crawl(place, since=MONDAY, until=TUESDAY)
    assert (told["digests"], place.asked()) == (1, [TUESDAY, MONDAY])
    [left] = told["left"]
    assert left.startswith(f"hf-daily:{MONDAY}: 127.0.0.1: HTTP 429, told to wait ")
    again = await crawl(place, since="2026-02-02", until=MONDAY)
    assert (place.asked(), len(again["left"])) == ([], 4)


async def test_a_token_is_sent(place: Place) -> None:
    """It doubles the quota, and its pace is another one."""
    options(place, days={day: entries(20, day) for day in (MONDAY, TUESDAY)}, huggingface_api=1)
    told = await crawl(place, since=MONDAY, until=TUESDAY, key="hf_secret")
    assert (told["digests"], told["requests"], told["left"]) == (2, 2, [])
    assert [one["_id"] for one in await place.all("providers")] == ["huggingface with key"]


async def test_two_crawlers_share_the_pace(place: Place, mongo_uri: str, database: Database, tmp_path: Path) -> None:
    """Together they ask no sooner than one may."""
    listed = {f"2026-03-{day:02}": entries(20, f"2026-03-{day:02}") for day in range(2, 7)}
    async with standin.serve(days=listed, interval={"huggingface": 0.05}) as server:
        both = Place(mongo_uri, database, tmp_path, server)
        spans = [("2026-03-02", "2026-03-03"), ("2026-03-04", "2026-03-06")]
        await asyncio.gather(*(crawl(both, since=first, until=last, interval=0.1) for first, last in spans))
        assert len(server.log) == 5
        assert not [one for one in server.log if one.undercut]
    assert len(await place.days()) == 5
