"""Enriching at its limits: what is due and nothing else, what faults and nonsense cost, and what they never do."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from enrich import due, run, stamp
from enrich.settings import Refresh
from storage import facts, papers
from storage.documents import Page
from tests import standin
from tests.enrich.harvest import (
    ALL,
    Shown,
    ask_all,
    asked_of,
    check_all,
    corpus_of,
    doors,
    identify,
    incomplete,
    listing,
    stored,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.connect import Database

OPEN, ABSENT = ("pending", "failed", None), ("missing", "blocked")
PATH, DOI = "citations.openalex", "10.48550/arxiv."
OPENALEX = "PAPERHARVEST_PROVIDERS__OPENALEX__"
NAMES = ("arxiv", "semantic_scholar", "openalex", "github")
BAD = "2412.15115"


# --- what is due ------------------------------------------------------------------------------------------


def random_refresh(chance: Random) -> Refresh:
    """Any number of ages, and a gap for each."""
    ages = tuple(sorted(chance.sample(range(1, 1500), chance.randrange(4))))
    known, absent = (tuple(chance.choice((1, 2, 7, 30, 90, 400)) for _ in range(len(ages) + 1)) for _ in range(2))
    return Refresh(ages=ages, known=known, absent=absent)


def random_fact(chance: Random, now: dt.datetime, refresh: Refresh) -> dict[str, Any] | None:
    """In any state, asked for at any time; often to the millisecond when it becomes due."""
    status = chance.choice((*OPEN, *ABSENT, "ok", "ok", "ok"))
    if status is None:
        return None
    ago = chance.choice((chance.uniform(0, 500), *refresh.known, *refresh.absent))
    asked = now - dt.timedelta(days=ago, milliseconds=chance.choice((-1, 0, 1)))
    return {"status": status, "fetched_at": None if status == "pending" else asked}


def random_date(chance: Random, now: dt.datetime, refresh: Refresh) -> str | None:
    """A day, often the first one of an age, or a month, or unknown."""
    day = now.date() - dt.timedelta(days=chance.choice((chance.randrange(2000), *refresh.ages)) + chance.choice((0, 1)))
    return chance.choice((str(day), str(day), str(day)[:7], None))


def place_of(fact: dict[str, Any] | None, date: str | None, refresh: Refresh, now: dt.datetime) -> int | None:
    """Which place a fact has among what is due, None where it is not: the rule in words of its own."""
    status = fact["status"] if fact else None
    if status in OPEN:
        return 0
    # A month is as old as its beginning; whose date nobody knows is as old as can be.
    born = dt.date.fromisoformat(date if len(date) > 7 else f"{date}-01") if date else dt.date.min
    if date and len(date) == 7:
        born -= dt.timedelta(days=1)
    age = sum((now.date() - born).days > limit for limit in refresh.ages)
    gap = (refresh.absent if status in ABSENT else refresh.known)[age]
    asked: dt.datetime = fact["fetched_at"] if fact else now
    place = 1 + age + (len(refresh.ages) + 1 if status in ABSENT else 0)
    return place if asked < now - dt.timedelta(days=gap) else None


def ranked(due_: Iterable[tuple[Any, ...]]) -> list[str]:
    """Names in the order of what stands before them."""
    return [one[-1] for one in sorted(due_)]


def newest_first(date: str | None) -> tuple[int, ...]:
    """A date as it is sorted: the newest first, unknown ones last."""
    return (*(-ord(letter) for letter in date or ""), 1)


@pytest.mark.parametrize("page", [3, 5_000])
@pytest.mark.parametrize("seed", range(6))
async def test_exactly_what_is_due_is_asked(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int, page: int
) -> None:
    """Whatever the facts, the settings and the time: each once, the most wanted first, the newest first."""
    monkeypatch.setattr(facts, "PAGE", page)
    chance = Random(seed)  # noqa: S311 - repeatable, no secret
    now = dt.datetime(2026, chance.randrange(1, 13), chance.randrange(1, 28), chance.randrange(24), tzinfo=dt.UTC)
    refresh = random_refresh(chance)
    documents, right = [], []
    for number in range(80):
        one, fact, date = f"2401.{number:05}", random_fact(chance, now, refresh), random_date(chance, now, refresh)
        known = number % 9 > 0
        published = {"published": {"date": date}} if date or chance.random() < 0.5 else {}
        documents.append(
            {"_id": f"arxiv:{one}", "ids": {"arxiv": one if known else None}}
            | published
            | ({"citations": {"openalex": fact}} if fact else {})
        )
        place = place_of(fact, date, refresh, now)
        if known and place is not None:
            right.append((place, newest_first(date), one))
    await database["papers"].insert_many(documents)
    windows = due.windows(refresh, now)
    assert [one async for one in facts.due_ids(database, PATH, windows)] == ranked(right)
    assert await facts.count(database, PATH, windows) == len(right)


@pytest.mark.parametrize("page", [3, 5_000])
@pytest.mark.parametrize("seed", range(6))
async def test_exactly_the_due_repositories_are_asked(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int, page: int
) -> None:
    """By name, each once, however many papers of whatever age have it; the most wanted and most useful first."""
    monkeypatch.setattr(facts, "PAGE", page)
    chance = Random(seed)  # noqa: S311 - repeatable, no secret
    now, refresh = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC), random_refresh(chance)
    documents = []
    papers_of: defaultdict[str, defaultdict[int, list[tuple[int, tuple[int, ...]]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for number in range(60):
        date, votes, repos = random_date(chance, now, refresh), chance.choice((0, 1, 5)), []
        for name in chance.sample([f"Ice/floe{n}" for n in range(25)], chance.randrange(3)):
            fact = random_fact(chance, now, refresh) or {"status": "pending", "fetched_at": None}
            host = chance.choice(("github.com", "github.com", "gitlab.com"))
            repos.append({"host": host, "full_name": chance.choice((name, name.lower())), **fact})
            place = place_of(fact, date, refresh, now)
            if host == "github.com" and place is not None:
                papers_of[name.lower()][place].append((-votes, newest_first(date)))
        documents.append(
            {"_id": f"arxiv:2401.{number:05}", "published": {"date": date}, "repos": repos}
            | {"sightings": [{"upvotes": votes or None}]}
        )
    right = []
    for name, places in papers_of.items():
        place, having = min(places.items())
        votes, dates = map(min, zip(*having, strict=True))
        right.append((place, votes, -len(having), dates, name))
    await database["papers"].insert_many(documents)
    windows = due.windows(refresh, now)
    found = [one async for one in facts.due_repositories(database, windows)]
    assert found == ranked(right)
    assert await facts.count(database, "repos", windows) == len(found)


async def test_force_asks_each_fact_once(database: Database) -> None:
    """Whatever is due, also those that fail again, and repositories that papers of several ages have."""
    await identify(database)
    async with standin.serve() as server:
        await ask_all(server, database)
        first = asked_of(server)
        facts_of = questions(server)
        # One paper more has a repository that is known.
        [*_, paper] = [one for one in (await stored(database)).values() if one.repos]
        again = listing("Another title", f"See {paper.repos[0].url}", arxiv_id="2401.99998")
        await papers.sight(database, Page(listings=(again,)), "text_a", "text:02")
        server.log.clear()
        server.options.poisoned = frozenset({f"ARXIV:{BAD}"})
        async with doors(server, database) as apis:
            await run.enrich(database, apis, ALL._replace(force=True), Shown())
        asked = [(seen.provider, one) for seen in server.log for one in seen.asked if seen.fault is None]
    assert first == dict.fromkeys(NAMES, 1)
    more = {("arxiv", "2401.99998"), ("semantic_scholar", "ARXIV:2401.99998"), ("openalex", f"{DOI}2401.99998")}
    assert sorted(asked) == sorted((facts_of | more) - {("semantic_scholar", f"ARXIV:{BAD}")})


@pytest.mark.xfail(strict=True, reason="a date that arXiv tells moves a paper before the page that is read next")
async def test_papers_that_are_dated_meanwhile_are_asked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """ArXiv tells the days of papers whose month alone was known, and so moves them about under who reads on."""
    monkeypatch.setattr(facts, "PAGE", 3)
    corpus = corpus_of(*({"title": f"Title {n}", "published": f"2024-01-{n % 27 + 1:02}"} for n in range(30)))
    await identify(database, corpus.rows.values())
    async with standin.serve(corpus) as server, standin.serve(corpus, latency=0.3) as slow:
        address = {f"{OPENALEX}BASE_URL": f"{slow.url}/openalex", f"{OPENALEX}BATCH": "3"}
        reports = await ask_all(server, database, ["arxiv", "citations"], **address)
    assert not incomplete(reports)
    assert not any(waiting(paper) for paper in (await stored(database)).values())
    assert sorted(one for seen in slow.log for one in seen.asked) == [f"{DOI}{one}" for one in corpus.rows]


async def test_after_thirty_days_exactly_what_is_due_is_asked(database: Database) -> None:
    """Then nothing; nor did the second run ask anything. What a first run learns on its way it asks for itself."""
    day = stamp.now().date()
    ages = [1, 3, 20, 100, 300, 400, 1000, 1200, 3000]
    rows = (
        {
            "abstract": f"Ice {n}.",
            "authors": ["A"],
            "published": str(day - dt.timedelta(days=age)),
            "comment": f"Code: github.com/ice/floe{n % 30}",
        }
        for n, age in enumerate(ages * 12)
    )
    corpus = corpus_of(*({"title": f"Title {n}", **row} for n, row in enumerate(rows)))
    await identify(database, corpus.rows.values())
    async with standin.serve(corpus) as server:
        await ask_all(server, database)
        await check_all(database, corpus, corpus.rows.values())
        count = len(server.log)
        await ask_all(server, database)
        assert len(server.log) == count
        async for paper in database["papers"].find():
            await database["papers"].replace_one({"_id": paper["_id"]}, earlier(paper))
        expected = await due_by_the_rule(database, stamp.now())
        server.log.clear()
        await ask_all(server, database)
        assert questions(server) == expected
        assert sum(seen.count for seen in server.log) == len(expected)
        assert {name for name, _ in expected} == set(NAMES)
        assert len(expected) < len(ages) * 12 * 3
        count = len(server.log)
        await ask_all(server, database)
        assert len(server.log) == count


def questions(server: standin.Server) -> set[tuple[str, str]]:
    """Who was asked for what."""
    return {(seen.provider, one) for seen in server.log for one in seen.asked}


def earlier(stored_: Any) -> Any:
    """The same, every answer heard thirty days earlier."""
    if isinstance(stored_, dict):
        return {
            key: value - dt.timedelta(days=30) if key == "fetched_at" and value else earlier(value)
            for key, value in stored_.items()
        }
    return [earlier(one) for one in stored_] if isinstance(stored_, list) else stored_


async def due_by_the_rule(database: Database, now: dt.datetime) -> set[tuple[str, str]]:
    """Who has to be asked for what, by every fact that is stored."""
    found = set()
    async for paper in database["papers"].find():
        one, date = paper["ids"]["arxiv"], paper["published"]["date"]
        owed = [
            ("arxiv", one, paper["arxiv"]),
            ("semantic_scholar", f"ARXIV:{one}", paper["citations"]["semantic_scholar"]),
            ("openalex", f"{DOI}{one}", paper["citations"]["openalex"]),
            *(("github", repo["full_name"].lower(), repo) for repo in paper["repos"]),
        ]
        found |= {(who, what) for who, what, fact in owed if place_of(fact, date, ALL.refresh, now) is not None}
    return found


@pytest.mark.xfail(strict=True, reason="DOIs are looked up when OpenAlex has answered, though arXiv may not have yet")
async def test_a_doi_that_arxiv_tells_in_this_run_is_asked_for(database: Database) -> None:
    """However late: OpenAlex files some papers under that alone, and says meanwhile that it does not know them."""
    journal = ({"title": f"Title {n}", "doi": f"10.1234/ice.{n}"} for n in range(100))
    corpus = corpus_of(*journal)
    await identify(database, corpus.rows.values())
    async with standin.serve(corpus) as server, standin.serve(corpus, latency=0.3) as slow:
        address = {"PAPERHARVEST_PROVIDERS__ARXIV__BASE_URL": f"{slow.url}/arxiv"}
        await ask_all(server, database, ["arxiv", "citations"], **address)
    counts = {paper.citations.openalex.status for paper in (await stored(database)).values()}
    assert counts == {"ok"}
