"""`crawl hf-daily`, `run hf-daily`, `crawl arxiv-rss` and `scrapy crawl`, end to end."""

from __future__ import annotations

import datetime as dt
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from crawler.spiders.arxiv_rss import RENEWED
from tests import standin
from tests.crawler.crawls import entries
from tests.crawler.test_spider import scrapy
from tests.lab import PATIENCE, Lab, on_empty_database, until, without_times

if TYPE_CHECKING:
    from pathlib import Path

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (f"2026-03-0{day}" for day in range(2, 6))
WEEK = {day: entries(20, day) for day in (MONDAY, TUESDAY, WEDNESDAY)}
SPAN = ("--since", MONDAY, "--until", WEDNESDAY)


def asked(server: standin.Server) -> list[tuple[str, str]]:
    """Which day was asked for in which way, since this was asked last."""
    found = [("page" if "papers/date" in one.path else "api", one.asked[0]) for one in server.log]
    server.log.clear()
    return found


def today() -> dt.date:
    """The day by UTC, read when a test needs it: a run of the suite may see midnight."""
    return dt.datetime.now(dt.UTC).date()


def stored(lab: Lab) -> list[dict[str, Any]]:
    """The papers, without times."""
    with lab.database() as database:
        return [without_times(one) for one in database["papers"].find({}, {"_work.rev": 0}).sort("_id", 1)]


def test_days_by_name_and_days_that_are_missing(lab: Lab) -> None:
    """A date, then what lies between it and today: the last weekdays, each once, and never a weekend."""
    last = today()
    first = last - dt.timedelta(days=3 + max(0, last.weekday() - 4))
    between = [first + dt.timedelta(days=ahead) for ahead in range((last - first).days + 1)]
    weekdays = [str(day) for day in between if day.weekday() < 5]
    with standin.running(days={day: entries(20, day) for day in weekdays}) as server:
        lab = lab.asking(server)
        done = lab.run("crawl", "hf-daily", "--date", str(first))
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.splitlines()[-1] == "digests: 1 stored, 0 refused; 20 listings"
        assert lab.run("crawl", "hf-daily", "--missing").returncode == 0
        assert asked(server) == [("api", day) for day in [weekdays[0], *weekdays[:0:-1]]]


def test_a_span_of_days_by_us_and_by_scrapy(lab: Lab, mongo_uri: str, tmp_path: Path) -> None:
    """The newest first, one request each; the same papers whichever way they were crawled."""
    with standin.running(days=WEEK) as server, on_empty_database(mongo_uri, tmp_path) as other:
        ours, theirs = lab.asking(server), other.asking(server)
        assert ours.run("crawl", "hf-daily", *SPAN).returncode == 0
        assert asked(server) == [("api", day) for day in (WEDNESDAY, TUESDAY, MONDAY)]
        with scrapy(theirs, "crawl", "hf_daily", "-a", f"since={MONDAY}", "-a", f"until={WEDNESDAY}") as process:
            process.communicate(timeout=PATIENCE)
        assert (process.returncode, len(asked(server))) == (0, 3)
        assert stored(ours) == stored(theirs)


def test_the_main_job_on_days(lab: Lab) -> None:
    """`run hf-daily --since D -o FILE`: crawled, enriched, exported; again nobody is asked but for what is due."""
    day = str(today() - dt.timedelta(days=max(1, today().weekday() - 4)))
    ids = list(standin.load(standin.SMALL).rows)
    with standin.running(days={day: ids}) as server:
        lab = lab.asking(server)
        done = lab.run("run", "hf-daily", "--since", day, "-o", lab.output)
        assert done.returncode == 0
        assert done.stderr.count("\n") < 12
        papers = lab.papers()
        assert sorted(paper["ids"]["arxiv"] for paper in papers) == sorted(ids)
        assert {(paper["resolution"]["status"], paper["arxiv"]["status"]) for paper in papers} == {("given", "ok")}
        requests = len(server.log)
        assert lab.run("run", "hf-daily", "--since", day, "-o", lab.output).returncode == 0
        assert len(server.log) == requests


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say which days: --date D, --since D [--until D], or --missing"),
        (["--date", "9999-01-01"], "is not yet: days are those of UTC"),
    ],
)
def test_days_that_cannot_be_meant(lab: Lab, arguments: list[str], said: str) -> None:
    """Wrong usage, before anybody is asked or a database is opened."""
    done = lab.run("crawl", "hf-daily", *arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_missing_days_of_nothing_are_no_success(lab: Lab) -> None:
    """On an empty database a schedule would be silent for weeks: it is told where to begin, with exit 3."""
    with standin.running(days={}) as server:
        done = lab.asking(server).run("crawl", "hf-daily", "--missing")
        assert (done.returncode, asked(server)) == (3, [])
        assert "no day is known yet: begin with `paperharvest crawl hf-daily --since D`" in done.stderr


def test_what_became_of_the_days_is_told(lab: Lab) -> None:
    """An empty weekday is a note and exit 0; days that are down or odd are named, with exit 3, the rest is stored."""
    with standin.running(days={TUESDAY: WEEK[TUESDAY]}) as server:
        asking = lab.asking(server)
        empty = asking.run("crawl", "hf-daily", "--date", MONDAY)
        assert empty.returncode == 0
        assert empty.stderr.splitlines()[-2:] == [
            "digests: 0 stored, 0 refused; 0 listings",
            f"  odd: hf-daily: nothing is listed on {MONDAY}; a crawl a day later looks again",
        ]
        down = standin.answer_json({"error": "Service Unavailable"}, 503)
        server.options.instead = {WEDNESDAY: down, THURSDAY: standin.LOGIN}
        done = asking.run("crawl", "hf-daily", "--since", TUESDAY, "--until", THURSDAY)
        assert done.returncode == 3
        digests, left, *refused = done.stderr.splitlines()[-4:]
        assert digests == "digests: 1 stored, 2 refused; 20 listings"
        assert left == f"  left hf-daily:{WEDNESDAY}: 127.0.0.1 answered HTTP 503; the next crawl asks again"
        reasons = (
            "answer_unexpected: a list is due, not text/html: '<!doctype html>",
            "layout_unknown: no element with data-target=",
        )
        for line, reason in zip(refused, reasons, strict=True):
            assert line.startswith(f"  refused hf-daily:{THURSDAY}: {reason}")
        assert len(stored(lab)) == 20


def test_an_interrupt_ends_a_wait(lab: Lab) -> None:
    """Told to wait for some 100 seconds: Ctrl-C ends it at once, and what was stored stays."""
    with standin.running(days=WEEK, huggingface_api=1, huggingface_window=100) as server, lab.database() as database:
        with lab.asking(server).start("crawl", "hf-daily", *SPAN) as process:
            until(lambda: database["providers"].find_one({"not_before": {"$ne": None}}) or process.poll() is not None)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=PATIENCE)[1]
        assert time.monotonic() - begun < 2
        assert process.returncode == 130
        assert said.endswith("interrupted; what was stored stays: the same command goes on from there\n")
        assert [one["_id"] for one in database["days"].find()] == [f"hf-daily:{WEDNESDAY}"]


def test_a_killed_crawl_goes_on(lab: Lab) -> None:
    """Killed when the first list is stored: the next one completes all days, and each paper is seen on each."""
    with standin.running(days=WEEK) as server, lab.database() as database:
        asking = lab.asking(server)
        with asking.start("crawl", "hf-daily", *SPAN) as process:
            until(lambda: database["digests"].find_one() or process.poll() is not None)
            process.kill()
        assert asking.run("crawl", "hf-daily", *SPAN).returncode == 0
        assert {one["day"]: one["status"] for one in database["days"].find()} == dict.fromkeys(WEEK, "complete")
        sightings = [[one["digest"] for one in paper["sightings"]] for paper in stored(lab)]
        assert sightings == [[f"hf-daily:{day}" for day in WEEK]] * 20


def test_a_token_is_never_printed(lab: Lab) -> None:
    """Not in the most detailed log, not in the database; it was sent, for the quota of pages is another one."""
    with standin.running(days=WEEK, huggingface_pages=2, huggingface_window=100) as server, lab.database() as database:
        own = lab.asking(server).having({"HF_TOKEN": "hf_very_secret"})
        done = own.run("--debug", "crawl", "hf-daily", *SPAN, "--html")
        assert done.returncode == 0
        assert asked(server) == [("page", day) for day in (WEDNESDAY, TUESDAY, MONDAY)]
        assert "hf_very_secret" not in done.stdout + done.stderr
        for name in database.list_collection_names():
            assert "hf_very_secret" not in str(list(database[name].find()))


def test_the_feed_of_arxiv(lab: Lab) -> None:
    """One request for all categories; one that is none is refused by name."""
    day = str((dt.datetime.now(dt.UTC) - RENEWED).date())
    announced = dict.fromkeys(standin.load(standin.SMALL).rows, "new")
    with standin.running(today=day, announced={day: announced}) as server:
        lab = lab.asking(server)
        done = lab.run("crawl", "arxiv-rss", "cs.CL", "cs.LG")
        assert (done.returncode, [one.path for one in server.log]) == (0, ["/rss/cs.CL+cs.LG"])
        assert done.stderr.splitlines()[-1].startswith("digests: 1 stored, 0 refused; ")
        unknown = lab.run("crawl", "arxiv-rss", "cs.ZZ")
        assert unknown.returncode == 3
        assert f"  refused arxiv-rss:cs.ZZ:{day}: answer_unexpected: " in unknown.stderr
