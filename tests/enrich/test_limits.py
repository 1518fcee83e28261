"""Enriching at its limits: what is due and nothing else, what faults and nonsense cost, and what they never do."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import re
import time
from collections import Counter, defaultdict
from email.utils import format_datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from enrich import due, http, run, stamp
from enrich.providers import github
from enrich.settings import Refresh
from paperharvest.summary import Summary
from storage import facts, papers
from storage import providers as gate
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
    harvest,
    held,
    identify,
    incomplete,
    list_rows,
    listing,
    stored,
    told,
    waiting,
)
from tests.enrich.scripted import Reply, door, serving
from tests.lab import until
from tests.standin import github as standin_github
from tests.standin import pace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.connect import Database
    from tests.enrich.scripted import Request
    from tests.standin import Corpus

OPEN, ABSENT = ("pending", "failed", None), ("missing", "blocked")
PATH, DOI = "citations.openalex", "10.48550/arxiv."
OPENALEX = "PAPERHARVEST_PROVIDERS__OPENALEX__"
NAMES = ("arxiv", "semantic_scholar", "openalex", "github")
QUICK = {f"PAPERHARVEST_PROVIDERS__{name.upper()}__TIMEOUT": "1" for name in NAMES}
BAD, BAD_NAME = "2412.15115", "palash1992/gem"
WORDS = [a + b for a in ("glac", "ber", "frost", "snow", "riv", "mor") for b in ("ing", "ier", "al", "ous", "ine")]
LATE = 0.4  # seconds that a request may take from its start to its arrival, beside other tests


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
    asked = (
        now
        - dt.timedelta(days=ago, milliseconds=chance.choice((-1, 0, 1)))
        + chance.choice((dt.timedelta(), due.SLACK))
    )
    return {"status": status, "fetched_at": None if status == "pending" else asked}


def random_date(chance: Random, now: dt.datetime, refresh: Refresh) -> str | None:
    """A day, often the first one of an age, or a month, or unknown."""
    day = now.date() - dt.timedelta(days=chance.choice((chance.randrange(2000), *refresh.ages)) + chance.choice((0, 1)))
    return chance.choice((str(day), str(day), str(day)[:7], None))


def place_of(fact: dict[str, Any] | None, date: str | None, refresh: Refresh, now: dt.datetime) -> int | None:
    """Which place a fact has among what is due, None where it is not: the rule in words of its own."""
    status = fact["status"] if fact else None
    if status in ("pending", None):
        return 0
    if fact and status == "failed":
        return 3 if fact["fetched_at"] < now else None
    # A month is as old as its beginning; whose date nobody knows is as old as can be.
    born = dt.date.fromisoformat(date if len(date) > 7 else f"{date}-01") if date else dt.date.min
    if date and len(date) == 7:
        born -= dt.timedelta(days=1)
    age = sum((now.date() - born).days > limit for limit in refresh.ages)
    gap = (refresh.absent if status in ABSENT else refresh.known)[age]
    asked: dt.datetime = fact["fetched_at"] if fact else now
    place = 2 if status in ABSENT else 1
    return place if asked < now - dt.timedelta(days=gap) + due.SLACK else None


def ranked(due_: Iterable[tuple[Any, ...]]) -> list[str]:
    """Names in the order of what stands before them."""
    return [one[-1] for one in sorted(due_)]


def newest_first(date: str | None) -> tuple[int, ...]:
    """A date or an id as it is sorted: the newest first, unknown ones last."""
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
        fact, date, known = random_fact(chance, now, refresh), random_date(chance, now, refresh), number % 9 > 0
        old = number % 7 == 0
        one = f"{chance.choice(('math', 'astro-ph'))}/0309{number:03}" if old else f"2401.{number:05}"
        published = {"published": {"date": date}} if date or chance.random() < 0.5 else {}
        documents.append(
            {"_id": f"arxiv:{one}" if known else f"title:{number}", "ids": {"arxiv": one if known else None}}
            | published
            | ({"citations": {"openalex": fact}} if fact else {})
        )
        place = place_of(fact, date, refresh, now)
        if known and place is not None:
            right.append((place, old, newest_first(one), one))
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
        having = [paper for papers in places.values() for paper in papers]
        votes, dates = map(min, zip(*having, strict=True))
        right.append((min(places), votes, -len(having), dates, name))
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
        async with doors(server, database) as apis:
            planned = {one.provider: (one.questions, one.requests) for one in await run.plan(database, apis, ALL)}
        await ask_all(server, database)
        assert questions(server) == expected
        assert sum(seen.count for seen in server.log) == len(expected)
        assert {name for name, _ in expected} == set(NAMES)
        questions_of = Counter(name for name, _ in expected)
        assert planned == {name: (questions_of[name], count) for name, count in asked_of(server).items()}
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


async def test_a_limit_and_a_filter(database: Database) -> None:
    """Of the papers that are meant the newest, so many for each provider; the next run goes on, and plans the same."""
    days = [f"2024-{n % 12 + 1:02}-{n % 27 + 1:02}" for n in range(60)]
    corpus = corpus_of(*(invented_paper(n) | {"published": day} for n, day in enumerate(days)))
    await list_known(database, corpus)
    rows = sorted(corpus.rows.values(), key=lambda row: row.id, reverse=True)
    meant = [row.id for row in rows if str(row.published.date()) < "2024-09-15"]
    wanted = run.Wanted(ALL.refresh, ["citations", "repos"], {"published.date": {"$lt": "2024-09-15"}}, limit=7)
    async with standin.serve(corpus) as server, doors(server, database) as apis:
        await ask_all(server, database, ["arxiv"])
        for right in (meant[:7], meant[7:14]):
            server.log.clear()
            planned = [(one.provider, one.questions, one.requests) for one in await run.plan(database, apis, wanted)]
            await run.enrich(database, apis, wanted, Shown())
            asked = {seen.provider: seen.asked for seen in server.log}
            assert asked["semantic_scholar"] == [f"ARXIV:{one}" for one in right]
            assert asked["openalex"] == [f"{DOI}{one}" for one in right]
            assert len(asked["github"]) == 7
            assert planned == [("github", 7, 1), ("openalex", 7, 1), ("semantic_scholar", 7, 1)]
            named = {
                repo.full_name.removesuffix("-next"): key
                for key, paper in (await stored(database)).items()
                for repo in paper.repos
            }
            assert {named[one].removeprefix("arxiv:") for one in asked["github"]} <= set(meant)


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


async def test_what_was_known_by_a_doi_stands_until_it_was_asked_for(database: Database) -> None:
    """The count that a DOI led to is no `missing` where arXiv's DOI is asked for again, and the other one in vain."""
    corpus = corpus_of(*({"title": f"Title {n}", "doi": f"10.1234/ice.{n}"} for n in range(100)))
    await list_known(database, corpus)
    async with standin.serve(corpus) as server, doors(server, database) as apis:
        await ask_all(server, database, ["arxiv", "citations"])
        known = {key: paper.citations.openalex.count for key, paper in (await stored(database)).items()}
        server.options.poisoned = frozenset(f"10.1234/ice.{n}" for n in range(100))
        report = (await run.enrich(database, {"openalex": apis["openalex"]}, ALL._replace(force=True), Shown()))[0]
        assert {key: one.citations.openalex.count for key, one in (await stored(database)).items()} == known
        server.options.poisoned = frozenset()
        await ask_all(server, database, ["citations"])
    by_doi = sum(not standin.known_to("openalex", one) for one in corpus.rows)
    assert (report.counts["failed"] + report.waiting, report.counts["ok"]) == (by_doi, 100 - by_doi)
    facts_ = [paper.citations.openalex for paper in (await stored(database)).values()]
    assert {(fact.status, fact.reason) for fact in facts_} == {("ok", None)}


async def test_a_budget_that_ends_before_the_dois_is_told(database: Database) -> None:
    """What is known of them so far is half an answer: they wait, and the next run asks for them alone."""
    corpus = corpus_of(*({"title": f"Title {n}", "doi": f"10.1234/ice.{n}"} for n in range(100)))
    await list_known(database, corpus)
    by_doi = sum(not standin.known_to("openalex", one) for one in corpus.rows)
    async with standin.serve(corpus, openalex_credits=1) as server:
        report = (await ask_all(server, database, ["arxiv", "citations"]))["openalex"]
        assert (report.counts, report.waiting, report.put_off) == ({"ok": 100 - by_doi}, by_doi, True)
    async with standin.serve(corpus) as server:
        await database["providers"].delete_many({})
        report = (await ask_all(server, database, ["citations"]))["openalex"]
        assert (report.counts, report.requests, report.waiting) == ({"ok": by_doi}, 1, 0)


@pytest.mark.parametrize(
    "written", ["10.1234/ice.{0},10.1234/snow.{0}", "10.1234/ice.{0} 10.1234/snow.{0}", "10.1/{0}|10.2/{0}"]
)
async def test_a_field_of_several_dois_is_not_asked_for(database: Database, written: str) -> None:
    """It would spoil the whole question in every run: what OpenAlex does not know by arXiv's DOI alone is missing."""
    corpus = corpus_of(*({"title": f"Title {n}", "doi": written.format(n)} for n in range(100)))
    await list_known(database, corpus)
    async with standin.serve(corpus) as server:
        await ask_all(server, database, ["arxiv"])
        report = (await ask_all(server, database, ["citations"]))["openalex"]
    known = sum(standin.known_to("openalex", one) for one in corpus.rows)
    assert (report.counts, report.requests) == ({"ok": known, "missing": 100 - known}, 1)


# --- faults -----------------------------------------------------------------------------------------------


def many_papers(count: int) -> Corpus:
    """Made-up papers, half of them with a repository."""
    return corpus_of(*map(invented_paper, range(count)))


def invented_paper(number: int) -> dict[str, Any]:
    """A paper like no other."""
    chance = Random(number)  # noqa: S311 - repeatable, no secret
    title, abstract = (" ".join(chance.choices(WORDS, k=length)) for length in (6, 30))
    code = f". Code: https://github.com/ice/floe{number}" * (number % 2)
    return {"title": title, "abstract": abstract + code, "authors": [f"A. Writer{number}"]}


async def list_known(database: Database, corpus: Corpus) -> None:
    """Store a digest that tells the ids of all its papers."""
    rows = enumerate(corpus.rows.values(), 1)
    listed = (listing(row.title, row.abstract, place, arxiv_id=row.id) for place, row in rows)
    await papers.sight(database, Page(listings=tuple(listed)), "text_a", "text:01")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ten seeds of faults with `--whole`, else one."""
    if "faults_seed" in metafunc.fixturenames:
        metafunc.parametrize("faults_seed", range(10) if metafunc.config.getoption("--whole") else [0])


@pytest.mark.long
async def test_faults_lose_nothing_and_cost_little(
    database: Database, faults_seed: int, pytestconfig: pytest.Config
) -> None:
    """One request in twenty fails in any way: all facts are right after one run, for 1.2 requests a fault.

    Number 4 of PROVIDERS 8.
    """
    corpus = many_papers(1000 if pytestconfig.getoption("whole") else 400)
    size = len(corpus.rows) // 40
    await list_known(database, corpus)
    batches = {f"PAPERHARVEST_PROVIDERS__{name.upper()}__BATCH": str(size) for name in NAMES}
    async with standin.serve(corpus, faults=0.05, seed=faults_seed) as server:
        reports = await ask_all(server, database, **batches | QUICK)
        counts = server.counts()
    await check_all(database, corpus, corpus.rows.values())
    assert not incomplete(reports)
    needed = dict.fromkeys(NAMES, 40) | {"github": 20}
    met = sum(counts[name]["faults"] for name in NAMES)
    assert met
    assert sum(counts[name]["requests"] for name in NAMES) - sum(needed.values()) <= 1.2 * met
    assert not sum(count["undercuts"] for count in counts.values())


@pytest.mark.parametrize("kind", standin.KINDS)
async def test_every_request_fails_once(database: Database, kind: str) -> None:
    """In the same way: all facts are there after one run, for one request more each. Number 4 of PROVIDERS 8."""
    corpus = many_papers(60)
    await list_known(database, corpus)
    batches = {f"PAPERHARVEST_PROVIDERS__{name.upper()}__BATCH": "30" for name in NAMES}
    async with standin.serve(corpus, fail_first=kind) as server:
        reports = await ask_all(server, database, **batches | QUICK)
        counts = server.counts()
    await check_all(database, corpus, corpus.rows.values())
    assert not incomplete(reports)
    assert [counts[name]["requests"] for name in NAMES] == [4, 4, 4, 2]
    assert not sum(count["undercuts"] for count in counts.values())


@pytest.mark.parametrize("name", NAMES)
async def test_a_provider_that_is_down_is_nothing_to_the_others(database: Database, name: str) -> None:
    """They are asked for the same in as many requests, and all that they tell is stored."""
    corpus = many_papers(60)
    await list_known(database, corpus)
    batches = {f"PAPERHARVEST_PROVIDERS__{one.upper()}__BATCH": "10" for one in NAMES}
    async with standin.serve(corpus, down={name, "datacite"}) as server:
        reports = await ask_all(server, database, **batches)
        counts = server.counts()
    others = {"arxiv": 6, "semantic_scholar": 6, "openalex": 6, "github": 3}
    assert {one: counts[one]["requests"] for one in NAMES if one != name} == {
        one: needed for one, needed in others.items() if one != name
    }
    assert {one: reports[one].counts.total() for one in NAMES if one != name} == {
        one: 30 if one == "github" else 60 for one in NAMES if one != name
    }
    open_ = [waiting(paper) for paper in (await stored(database)).values()]
    assert {owed.partition(" ")[0] for facts_ in open_ for owed in facts_} == {name}


@pytest.mark.parametrize("batch", ["10", "500"])
async def test_datacite_tells_what_arxiv_does_not(database: Database, batch: str) -> None:
    """While arXiv is down, however few or many requests it takes to see that: all that DataCite knows is there."""
    corpus = many_papers(60)
    await list_known(database, corpus)
    async with standin.serve(corpus, down={"arxiv"}) as server:
        await ask_all(server, database, ["arxiv"], PAPERHARVEST_PROVIDERS__ARXIV__BATCH=batch)
    found = await stored(database)
    known = {key for key in found if standin.known_to("datacite", key.removeprefix("arxiv:"))}
    assert {key for key, paper in found.items() if paper.arxiv.status == "ok"} == known
    assert {(paper.arxiv.provider, paper.text_source) for key, paper in found.items() if key in known} == {
        ("datacite", "datacite")
    }
    async with standin.serve(corpus) as server:
        await ask_all(server, database, ["arxiv", "citations", "repos"])
        assert sorted(one for seen in server.log if seen.provider == "arxiv" for one in seen.asked) == [*corpus.rows]
    await check_all(database, corpus, corpus.rows.values())


async def test_a_late_start_is_not_made_up_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where work of our own delays a request, the next one is sent an interval after it. Number 8 of PROVIDERS 8."""
    granted, work = gate.take_turn, [0.2]  # seconds

    async def late(*arguments: Any, **more: Any) -> gate.Turn:
        turn = await granted(*arguments, **more)
        if turn.granted and work:
            ends = time.monotonic() + work.pop()
            until(lambda: time.monotonic() >= ends)
        return turn

    monkeypatch.setattr(gate, "take_turn", late)
    async with serving(Reply("{}")) as server, door(server.url, database, interval=0.3) as api:
        await asyncio.gather(*(api.ask("GET", "/works", lambda answer: answer.json()) for _ in range(2)))
    assert server.gaps[0] >= 0.3 - 0.05


@pytest.mark.long
async def test_titles_at_the_pace_that_is_enforced(
    database: Database, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """Twenty titles a request; what arXiv tells with them is not asked for again, and no 429 is of our making."""
    monkeypatch.setattr(pace, "TOLERANCE", 1)  # beside other tests a request may arrive late, and the next one in time
    count, interval = 1000 if pytestconfig.getoption("whole") else 100, 0.5
    corpus = many_papers(count)
    await list_rows(database, corpus.rows.values())
    async with standin.serve(corpus, interval=dict.fromkeys(NAMES, interval)) as server:
        assert not incomplete(await harvest(server, database, S2_API_KEY="k"))
    await check_all(database, corpus, corpus.rows.values())
    assert {name: ahead for name in NAMES if (ahead := server.ahead(name)) > LATE} == {}
    assert asked_of(server) == {
        "arxiv": count // 20,
        "semantic_scholar": -(-count // 500),
        "openalex": count // 100,
        "github": -(-count // 200),
    }
    starts = [seen.start for seen in server.log if seen.provider == "arxiv"]
    took, least = starts[-1] - starts[0], (len(starts) - 1) * interval
    print(f"{len(starts)} requests to arXiv in {took:.2f} s, at least {least:.2f} s")  # noqa: T201 - for the benchmarks
    assert took >= least - LATE


# --- nonsense ---------------------------------------------------------------------------------------------


def arxiv_feed(arxiv_id: Any, total: object = 1) -> standin.Answer:
    """A feed with one entry."""
    entry = f"<entry><id>http://arxiv.org/abs/{arxiv_id}v1</id><title>Ice</title></entry>"
    body = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:o="http://a9.com/-/spec/opensearch/1.1/">'
        f"<o:totalResults>{total}</o:totalResults>{entry}</feed>"
    )
    return standin.Answer(200, body, "application/atom+xml")


def cited(count: Any, arxiv_id: Any = BAD) -> standin.Answer:
    """A batch of one of Semantic Scholar."""
    row = {"paperId": "1", "externalIds": {"ArXiv": arxiv_id}, "citationCount": count}
    return standin.answer_json([row | {"influentialCitationCount": 0}])


def works(count: Any, doi: Any = DOI + BAD, total: Any = 1) -> standin.Answer:
    """A list of one work of OpenAlex."""
    work = {"id": "W1", "doi": f"https://doi.org/{doi}", "cited_by_count": count}
    return standin.answer_json({"meta": {"count": total}, "results": [work]})


def starred(stars: Any, **more: Any) -> standin.Answer:
    """A repository of GitHub."""
    repo = {"nameWithOwner": BAD_NAME, "stargazerCount": stars, "forkCount": 0, "isArchived": False, "pushedAt": None}
    return standin.answer_json({"data": {"a0": repo | more}})


NONSENSE = {
    "longer": (
        arxiv_feed(BAD, 2),
        standin.answer_json([None] * 500),
        works(1, total=2),
        standin.answer_json({"data": {}}),
    ),
    "another": (
        arxiv_feed("2401.99999"),
        cited(1, "2401.99999"),
        works(1, f"{DOI}2401.99999"),
        starred(1, nameWithOwner=7),
    ),
    "float id": (
        arxiv_feed("2412.15115000001"),
        cited(1, 2412.15115),
        works(1, 10.48550),
        starred(1, nameWithOwner=1.5),
    ),
    "negative": (arxiv_feed(BAD, -1), cited(-1), works(-1), starred(-1)),
    "float": (arxiv_feed(BAD, 1.0), cited(3.0), works(3.0), starred(3.0)),
    "text": (arxiv_feed(BAD, "one"), cited("3"), works("3"), starred("3")),
    "true": (arxiv_feed(BAD, "True"), cited(True), works(True), starred(True)),
    "none": (arxiv_feed(BAD, ""), cited(None), works(None), starred(None)),
    "huge": (arxiv_feed(BAD, 10**30), cited(10**30), works(10**30), starred(10**30)),
    "page": (standin.Answer(200, "<html>Down</html>", "application/json"),) * 4,
    "large": (standin.Answer(200, "[" + " " * 50_000 + "]"),) * 4,
}


@pytest.mark.parametrize("kind", NONSENSE)
async def test_nonsense_is_no_fact(database: Database, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Whatever is answered for a paper alone: once more, then `failed` and unknown; its neighbours are right.

    Number 7 of PROVIDERS 8.
    """
    monkeypatch.setattr(http, "LARGEST", 40_000)
    await database["deferred"].delete_many({})
    await identify(database)
    asked = (BAD, f"ARXIV:{BAD}", DOI + BAD, BAD_NAME)
    async with standin.serve(instead=dict(zip(asked, NONSENSE[kind], strict=True))) as server:
        reports = await ask_all(server, database)
        alone = Counter(seen.provider for seen in server.log if seen.asked in ([one] for one in asked))
    assert incomplete(reports) == set(NAMES)
    assert alone == dict.fromkeys(NAMES, 2)
    found = await stored(database)
    failed = {f"{owed} of {key}": why for key, paper in found.items() for owed, why in waiting(paper).items()}
    assert len(failed) == 4
    assert all(why.startswith("failed: ") and len(why) > len("failed: ") + 5 for why in failed.values())
    for paper in found.values():
        right, is_told = held(server.world.corpus, paper), told(paper)
        if paper.id == f"arxiv:{BAD}":
            for name in ("semantic_scholar", "openalex"):
                assert is_told.pop(name) == ("failed", None)
                del right[name]
            assert (paper.arxiv.status, paper.arxiv.version) == ("failed", None)
            del right["arxiv"], is_told["arxiv"], right["authors"], is_told["authors"]
        for name in [name for name in right["repos"] if name.lower() == BAD_NAME]:
            assert is_told["repos"].pop(name)[2:] == (None,) * 5
            del right["repos"][name]
        assert is_told == right
    kept = {one["name"] async for one in database["deferred"].find({"reason": "answer_unexpected"})}
    assert kept == set(NAMES)


async def test_one_bad_id_spoils_no_batch(database: Database) -> None:
    """ArXiv refuses the whole batch and names it: the others are right, it alone fails. Number 5 of PROVIDERS 8."""
    await identify(database)
    error = "<id>https://arxiv.org/api/errors#incorrect_id_format_for_x</id><summary>incorrect id format</summary>"
    refusal = re.sub("<id>.*</id>", error, arxiv_feed(BAD).body)
    async with standin.serve(instead={BAD: standin.Answer(400, refusal)}) as server:
        report = (await ask_all(server, database, ["arxiv"]))["arxiv"]
    assert (report.counts, report.why) == ({"ok": 11, "failed": 1}, "arXiv: incorrect id format")


async def test_more_aliases_than_github_takes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resource limit that no document names: batches are halved until they pass. Number 5 of PROVIDERS 8."""
    monkeypatch.setattr(standin_github, "MOST_ALIASES", 30)
    corpus = corpus_of(*({"title": f"Title {n}", "abstract": f"See github.com/ice/floe{n}"} for n in range(227)))
    await list_known(database, corpus)
    async with standin.serve(corpus) as server:
        report = (await ask_all(server, database, ["repos"]))["github"]
    assert (report.counts, report.complete) == ({"ok": 227}, True)
    # 100, 100 and 27: twice one, two and four.
    assert len(server.log) == 2 * 7 + 1


@pytest.mark.parametrize(
    "place", ["http://{other}/works", "file:///etc/passwd", "{base}/../works", "//{other}/works", "{base}@{other}/"]
)
@pytest.mark.parametrize("status", [301, 302, 307])
async def test_nobody_leads_us_elsewhere(database: Database, place: str, status: int) -> None:
    """A redirect to another host, to a file or beside the provider's own address is another shape, not a way."""
    corpus = corpus_of({"title": "Ice"})
    await list_known(database, corpus)

    def leading(request: Request) -> Reply:
        host = request.headers["Host"]
        return Reply(
            "", status, {"Location": place.format(other=other.url.removeprefix("http://"), base=f"http://{host}")}
        )

    async with serving(Reply("{}")) as other, serving(leading) as server, door(server.url, database) as api:
        [report] = await run.enrich(database, {"openalex": api}, ALL, Shown())
    assert not other.log
    assert len(server.log) == 2
    assert {seen.path.partition("?")[0] for seen in server.log} == {"/works"}
    assert (report.counts, report.why) == ({"failed": 1}, f"HTTP {status}")


@pytest.mark.parametrize(
    ("told_", "waits"),
    [
        ("31536000", True),
        ("9" * 400, True),
        ("Mon, 02 Mar 99999999999999999999 12:00:00 GMT", False),
        ("a year", False),
        ("-1", False),
    ],
)
async def test_a_year_is_not_waited_for_and_nonsense_not_at_all(database: Database, told_: str, waits: bool) -> None:
    """A year is left for later and said, and asked about again tomorrow; what is no time is no wait."""
    await list_known(database, corpus_of({"title": "Ice"}))
    good = '{"meta": {"count": 0}, "results": []}'
    async with (
        serving(Reply("", 503, {"Retry-After": told_}), Reply(good)) as server,
        door(server.url, database) as api,
    ):
        [report] = await run.enrich(database, {"openalex": api}, ALL, Shown())
    assert (len(server.log), report.waiting, report.complete) == ((1, 1, False) if waits else (2, 0, True))
    assert "\n".join(Summary(asked=[report]).lines())
    held_ = await gate.held(database, "openalex")
    if waits:
        assert (held_["wait_until"] - stamp.now()).total_seconds() == pytest.approx(gate.ONE_DAY, abs=60)


HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
@pytest.mark.parametrize("name", ["openalex", "github"])
async def test_a_clock_that_is_an_hour_off(database: Database, name: str, skew: dt.timedelta) -> None:
    """Dates and times of an answer are its own clock's: a wait of a second is one, whoever is wrong."""
    await list_known(database, corpus_of({"title": "Ice", "abstract": "github.com/ice/floe"}))

    def refusal(_: Request) -> Reply:
        there = dt.datetime.now(dt.UTC) + skew
        date, later = (format_datetime(there + dt.timedelta(seconds=n), usegmt=True) for n in (0, 1))
        if name == "openalex":
            return Reply("", 429, {"Date": date, "Retry-After": later})
        spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(there.timestamp()) + 1)}
        return Reply("API rate limit exceeded", 403, {"Date": date} | spent)

    good = {"openalex": '{"meta": {"count": 0}, "results": []}', "github": starred(1, nameWithOwner="ice/floe").body}
    async with serving(refusal, Reply(good[name])) as server, door(server.url, database, name, api_key="k") as api:
        [report] = await run.enrich(database, {name: api}, ALL, Shown())
    assert (report.counts.total(), report.complete) == (1, True)
    assert 1 <= server.gaps[0] < 30


async def test_a_secondary_limit_is_no_hour(database: Database) -> None:
    """While something of the budget is left its reset is not waited for, but a minute. Number 6 of PROVIDERS 8."""
    await list_known(database, corpus_of({"title": "Ice", "abstract": "github.com/ice/floe"}))
    reset = int(dt.datetime.now(dt.UTC).timestamp()) + 50 * 60
    limit = Reply(
        "You have exceeded a secondary rate limit",
        403,
        {"x-ratelimit-remaining": "14", "x-ratelimit-reset": str(reset)},
    )
    good = starred(1, nameWithOwner="ice/floe").body
    async with (
        serving(limit, Reply(good)) as server,
        door(server.url, database, "github", api_key="k", backoff=1) as api,
    ):
        [report] = await run.enrich(database, {"github": api}, ALL, Shown())
    assert github.BACKOFF == 60
    assert (report.counts, report.complete) == ({"ok": 1}, True)
    assert 1 <= server.gaps[0] < 30


async def test_a_day_s_budget_is_left_at_once(database: Database) -> None:
    """A Retry-After of 53,578 s: one request, a note, no failure. Number 6 of PROVIDERS 8."""
    await list_known(database, corpus_of({"title": "Ice"}))
    async with serving(Reply("", 429, {"Retry-After": "53578"})) as server, door(server.url, database) as api:
        [report] = await run.enrich(database, {"openalex": api}, ALL, Shown())
    assert (len(server.log), report.put_off, report.complete, report.waiting) == (1, True, True, 1)
    assert (report.after, report.requests) == (53578, 1)


@pytest.mark.parametrize("name", ["floe", "ice/floe/1", "ice /floe", "/", "ice/floe?x=1"])
async def test_a_name_that_is_none(database: Database, name: str) -> None:
    """A repository's name has an owner and no more: else not understood, rather than asked for at the next run."""
    await list_known(database, corpus_of({"title": "Ice", "abstract": "github.com/ice/floe"}))
    answer = Reply(starred(1, nameWithOwner=name).body)
    async with serving(answer) as server, door(server.url, database, "github", api_key="k") as api:
        for _ in range(2):
            [report] = await run.enrich(database, {"github": api}, ALL, Shown())
            assert report.counts == {"failed": 1}
    [paper] = (await stored(database)).values()
    assert [repo.full_name for repo in paper.repos] == ["ice/floe"]


async def test_a_bomb_is_not_unpacked(database: Database) -> None:
    """A hundred thousand bytes that would be a hundred million are given up, twice, and said."""
    await list_known(database, corpus_of({"title": "Ice"}))
    bomb = Reply(gzip.compress(bytes(100 * 2**20), 1), headers={"Content-Encoding": "gzip"})
    async with serving(bomb) as server, door(server.url, database) as api:
        [report] = await run.enrich(database, {"openalex": api}, ALL, Shown())
    assert (len(server.log), report.counts, report.why) == (2, {"failed": 1}, "an answer of more than 12 MiB")
