"""Enriching, against the stand-in: every fact as the server holds it, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from enrich import http, providers, run
from enrich.providers import github, openalex, semantic_scholar
from enrich.resolve import resolve
from enrich.settings import ProviderSettings
from storage import papers
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
    enrich_by,
    harvest,
    held,
    identify,
    incomplete,
    list_one,
    list_rows,
    listing,
    stored,
    told,
    waiting,
)
from tests.enrich.scripted import Reply, door, serving

if TYPE_CHECKING:
    from storage.connect import Database

NAMES = ("arxiv", "semantic_scholar", "openalex", "github")
QUICK = {f"PAPERHARVEST_PROVIDERS__{name.upper()}__TIMEOUT": "0.4" for name in NAMES}
BAD = "2412.15115"


# --- as it should be --------------------------------------------------------------------------------------


async def test_every_fact_is_what_the_server_holds(database: Database) -> None:
    """One request a provider; a second run asks nothing."""
    await identify(database)
    async with standin.serve() as server:
        reports = await ask_all(server, database)
        assert asked_of(server) == dict.fromkeys(NAMES, 1)
        assert {name: report.requests for name, report in reports.items()} == dict.fromkeys(NAMES, 1)
        again = await ask_all(server, database)
        assert asked_of(server) == dict.fromkeys(NAMES, 1)
    await check_all(database, server.world.corpus)
    assert not incomplete(reports | again)
    assert not any(sum(report.counts.values()) for report in again.values())


async def test_what_is_not_there_is_missing(database: Database) -> None:
    """A whole answer without the paper: each provider for itself, counts null, and not asked again at once."""
    strangers = corpus_of({"id": "2401.99998", "title": "A", "abstract": "See github.com/no/where"}, {"title": "B"})
    await identify(database, strangers.rows.values())
    async with standin.serve() as server:
        reports = await ask_all(server, database)
        await ask_all(server, database)
    assert asked_of(server) == dict.fromkeys(NAMES, 1)
    assert {name: dict(report.counts) for name, report in reports.items()} == {
        **{name: {"missing": 2} for name in NAMES},
        "github": {"missing": 1},
    }
    paper = (await stored(database))["arxiv:2401.99998"]
    assert (paper.citations.openalex.count, paper.arxiv.withdrawn, paper.repos[0].stars) == (None, None, None)


async def test_only_the_kinds_asked_for(database: Database) -> None:
    """Others are not asked, and stay as they were."""
    await identify(database)
    async with standin.serve() as server:
        reports = await ask_all(server, database, ["citations"])
    assert sorted(reports) == sorted(asked_of(server)) == ["openalex", "semantic_scholar"]
    for paper in (await stored(database)).values():
        assert set(waiting(paper)) <= {"arxiv", *(f"github {repo.full_name}" for repo in paper.repos)}


async def test_a_disabled_provider_is_not_asked(database: Database) -> None:
    """Nor is it reported; its facts are pending without a reason."""
    await identify(database)
    async with standin.serve() as server:
        reports = await ask_all(server, database, PAPERHARVEST_PROVIDERS__OPENALEX__ENABLED="false")
    assert "openalex" not in reports
    assert "openalex" not in asked_of(server)
    for paper in (await stored(database)).values():
        assert waiting(paper) == {"openalex": "pending: None"}


async def test_batches_are_as_large_as_the_user_wants(database: Database) -> None:
    """Twelve papers by five are three requests; each part is shown when it is dealt with."""
    await identify(database)
    shown = Shown()
    five = {"PAPERHARVEST_PROVIDERS__OPENALEX__BATCH": "5"}
    async with standin.serve() as server, doors(server, database, **five) as apis:
        await run.enrich(database, {"openalex": apis["openalex"]}, ALL, shown)
    assert [seen.count for seen in server.log] == [5, 5, 2]
    assert shown.totals == shown.counts == {"openalex": 12}


async def test_a_thousand_papers_cost_twenty_four_requests(turns: Database) -> None:
    """Two to arXiv, two to Semantic Scholar, ten to OpenAlex and ten to GitHub, for a repository each."""
    corpus = corpus_of(*({"title": f"Title {n}", "abstract": f"See github.com/ice/floe{n}"} for n in range(1000)))
    names = [f"ice/floe{n}" for n in range(1000)]
    answered = {}
    async with standin.serve(corpus) as server, doors(server, turns) as apis:
        for name, api in ((name, apis[name]) for name in NAMES):
            questions, size = names if name == "github" else list(corpus.rows), api.terms.batch
            parts = [questions[start : start + size] for start in range(0, 1000, size)]
            answered[name] = sum([len(await providers.load(name).fetch(part, api)) for part in parts])
    assert asked_of(server) == {"arxiv": 2, "semantic_scholar": 2, "openalex": 10, "github": 10}
    known = {name: sum(standin.known_to(name, one) for one in corpus.rows) for name in ("semantic_scholar", "openalex")}
    assert answered == {"arxiv": 1000, "github": 1000, **known}


@pytest.mark.parametrize("key", ["k", None])
@pytest.mark.parametrize("name", providers.names())
def test_no_batch_is_larger_than_the_provider_takes(name: str, key: str | None) -> None:
    """A setting may make batches smaller; without a key GitHub takes one name."""
    most = 1 if (name, key) == ("github", None) else providers.load(name).BATCH
    for wanted, used in ((10**6, most), (1, 1), (None, most)):
        assert providers.terms(name, ProviderSettings.model_validate({"batch": wanted, "api_key": key})).batch == used


def test_without_a_key_another_pace() -> None:
    """Semantic Scholar's pool for everyone is slower; what the user sets stands above both."""
    free, keyed, own = (
        providers.terms("semantic_scholar", ProviderSettings.model_validate(settings))
        for settings in ({}, {"api_key": "k"}, {"interval": 0, "backoff": 1})
    )
    assert (free.interval, free.backoff) == (6.5, 65.0)
    assert (keyed.interval, keyed.backoff) == (1.1, 5.0)
    assert (own.interval, own.backoff) == (0, 1)
    assert (free.base_url, free.timeout, free.single) == ("https://api.semanticscholar.org", 60.0, False)


# --- as it goes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", standin.KINDS)
async def test_every_fault_is_survived(database: Database, kind: str) -> None:
    """Every distinct request meets it first: after two runs nothing is lost or wrong, and nobody was asked too soon."""
    await list_rows(database)
    async with standin.serve(fail_first=kind) as server:
        for _ in range(2):
            await harvest(server, database, **QUICK)
    await check_all(database, server.world.corpus)
    counts = server.counts().values()
    assert not sum(count["undercuts"] for count in counts)
    assert all(count["requests"] <= 2 * count["faults"] for count in counts)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "arxiv"])  # DataCite stands in for that one
async def test_a_provider_that_is_down_costs_only_its_own_facts(database: Database, name: str) -> None:
    """The others' are whole; its own are open with the reason, and the next run completes them."""
    await identify(database)
    async with standin.serve(down={name}) as server:
        reports = await ask_all(server, database)
    assert incomplete(reports) == {name}
    open_facts = [waiting(paper) for paper in (await stored(database)).values()]
    assert {owed.partition(" ")[0] for facts in open_facts for owed in facts} == {name}
    assert {why for facts in open_facts for why in facts.values()} == {"failed: HTTP 503"}
    async with standin.serve() as server:
        assert not incomplete(await ask_all(server, database))
    await check_all(database, server.world.corpus)


async def test_a_poisoned_question_stands_alone(database: Database) -> None:
    """HTTP 500 for every batch that holds it: all others are answered, it alone fails, with the reason."""
    await identify(database)
    poisoned = {BAD, f"ARXIV:{BAD}", f"10.48550/arxiv.{BAD}", "palash1992/gem"}
    async with standin.serve(poisoned=frozenset(poisoned)) as server:
        reports = await ask_all(server, database)
    assert incomplete(reports) == set(NAMES)
    assert {(report.counts["failed"], report.why) for report in reports.values()} == {(1, "HTTP 500")}
    found = {paper.id: waiting(paper) for paper in (await stored(database)).values() if waiting(paper)}
    assert found == {
        "arxiv:1705.02801": {"github palash1992/GEM": "failed: HTTP 500"},
        f"arxiv:{BAD}": dict.fromkeys(("arxiv", "semantic_scholar", "openalex"), "failed: HTTP 500"),
    }


# --- what is left for later -------------------------------------------------------------------------------


async def test_without_a_token_repositories_are_asked_one_by_one(database: Database) -> None:
    """To the same facts, renamed ones under their present name, each hop of a redirect a request."""
    corpus = corpus_of(*({"title": f"Title {n}", "abstract": f"See github.com/ice/floe{n}"} for n in range(40)))
    await identify(database, corpus.rows.values())
    async with standin.serve(corpus) as server:
        report = (await ask_all(server, database, GITHUB_TOKEN=""))["github"]
    for paper in (await stored(database)).values():
        assert told(paper)["repos"] == held(corpus, paper)["repos"]
    hops = sum(seen.path.startswith("/repositories/") for seen in server.log)
    assert hops == sum(standin.renamed(name) != name for name in corpus.repositories) > 0
    assert (report.waiting, report.counts, report.requests) == (0, {"ok": 40}, 40 + hops)


async def test_without_a_token_the_most_useful_come_first(database: Database) -> None:
    """What the hour's budget leaves is a note, no failure; every repository that waits says what for."""
    corpus = corpus_of(*({"title": f"Title {n}", "abstract": f"See github.com/ice/floe{n}"} for n in range(5)))
    listed = (
        listing(row.title, row.abstract, n, upvotes=[3, 9, 1, 9, 5][n]) for n, row in enumerate(corpus.rows.values())
    )
    await papers.sight(database, Page(listings=tuple(listed)), "text_a", "text:01")
    async with standin.serve(corpus, github_hourly=2) as server:
        report = (await ask_all(server, database, ["repos"], GITHUB_TOKEN=""))["github"]
    assert [seen.asked for seen in server.log] == [["ice/floe1"], ["ice/floe3"]]
    assert (report.put_off, report.complete, report.waiting) == (True, True, 3)
    waits = [why for paper in (await stored(database)).values() for who, why in waiting(paper).items() if "git" in who]
    assert waits == [f"pending: the budget is spent: {github.REMEDY}"] * 3


async def test_a_token_helps_at_once(database: Database) -> None:
    """A budget belongs to whoever asks: what was spent without a token is not waited for with one."""
    await identify(database)
    async with standin.serve(github_hourly=1) as server:
        assert (await ask_all(server, database, ["repos"], GITHUB_TOKEN=""))["github"].put_off
    async with standin.serve() as server:
        assert not (await ask_all(server, database, ["repos"]))["github"].waiting
        assert asked_of(server) == {"github": 1}


async def test_semantic_scholar_may_want_a_key(database: Database) -> None:
    """A 429 without one and without a told wait: asked once a run, a note, and OpenAlex' facts are there."""
    await identify(database)
    async with standin.serve(semantic_scholar_wants_key=True) as server:
        for runs in (1, 2):
            reports = await ask_all(server, database, ["citations"])
            assert asked_of(server) == {"semantic_scholar": runs, "openalex": 1}
            report = reports["semantic_scholar"]
            assert (report.put_off, report.waiting, incomplete(reports)) == (True, 12, set())
        assert report.why == f"HTTP 429: too many ask without a key: {semantic_scholar.REMEDY}"
        assert not (await ask_all(server, database, ["citations"], S2_API_KEY="k"))["semantic_scholar"].waiting


async def test_a_spent_budget_is_a_note(database: Database) -> None:
    """What was answered is stored, the rest is pending, and nobody sleeps till midnight."""
    await identify(database)
    async with standin.serve(openalex_credits=2) as server:
        report = (await ask_all(server, database, PAPERHARVEST_PROVIDERS__OPENALEX__BATCH="4"))["openalex"]
    assert (report.put_off, report.complete, report.waiting) == (True, True, 4)
    assert (asked_of(server)["openalex"], sum(report.counts.values())) == (2, 8)
    waits = [waiting(paper) for paper in (await stored(database)).values()]
    assert [facts["openalex"] for facts in waits if facts] == [f"pending: the budget is spent: {openalex.REMEDY}"] * 4


async def test_what_hugging_face_names_is_asked_for_in_the_same_run(database: Database) -> None:
    """A repository, though GitHub had nothing to do before."""
    row = corpus_of({"title": "Floes"}).rows["2401.00001"]
    await identify(database, [row])
    linked = Reply(json.dumps({"id": row.id, "githubRepo": "https://github.com/ice/floe"}))
    repo = {"nameWithOwner": "ice/floe", "stargazerCount": 7, "forkCount": 0, "isArchived": False, "pushedAt": None}
    async with (
        serving(linked) as hub,
        door(hub.url, database, "huggingface") as naming,
        serving(Reply(json.dumps({"data": {"a0": repo}}))) as host,
        door(host.url, database, "github", api_key="t") as counting,
    ):
        await run.enrich(database, {"github": counting, "huggingface": naming}, ALL, Shown())
    [paper] = (await stored(database)).values()
    assert [(repo.full_name, repo.stars, repo.evidence) for repo in paper.repos] == [("ice/floe", 7, ("huggingface",))]


async def test_waits_are_shown_beside_what_waits(database: Database) -> None:
    """By the provider, or by the titles where they are asked for."""
    await identify(database)
    await list_one(database, "Another title")
    busy, empty = Reply("", 429, {"Retry-After": "2"}), Reply('{"meta": {"count": 0}, "results": []}')
    shown = Shown()
    async with (
        serving(busy, empty) as openalex_,
        door(openalex_.url, database) as citing,
        serving(Reply("Rate exceeded.", 429, {"Retry-After": "2"}), Reply("no feed")) as arxiv,
        door(arxiv.url, database, "arxiv") as listing_,
    ):
        await asyncio.gather(
            run.enrich(database, {"openalex": citing}, ALL, shown),
            resolve(database, {"arxiv": listing_}, None, shown),
        )
    assert sorted((name, round(seconds), why) for name, seconds, why in shown.waits) == [
        ("openalex", 2, "HTTP 429, told to wait"),
        ("titles", 2, "rate exceeded, told to wait"),
    ]
    assert shown.totals == shown.counts == {"openalex": 12, "titles": 1}


@pytest.mark.parametrize("seconds", ["1", "600"])
async def test_a_told_wait_that_is_left_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    """Longer than a run's patience, or still told at the last try: pending with the reason, and not complete."""
    monkeypatch.setattr(http, "TRIES", 1)
    await identify(database)
    refusal = Reply("", 429, {"Retry-After": seconds})
    async with serving(refusal) as server, door(server.url, database) as api:
        report = (await enrich_by(database, {"openalex": api}))["openalex"]
    assert (report.waiting, report.put_off, report.why, report.complete) == (12, False, "HTTP 429", False)
    assert len(server.log) == 1
    for paper in (await stored(database)).values():
        assert waiting(paper)["openalex"] == "pending: HTTP 429"


async def test_a_refused_key_is_told(database: Database) -> None:
    """Everything that is due waits, nothing counts as dealt with, and the report is not complete."""
    await identify(database)
    shown = Shown()
    async with (
        serving(Reply("Bad credentials", 401)) as server,
        door(server.url, database, "github", api_key="k") as api,
    ):
        [report] = await run.enrich(database, {"github": api}, ALL, shown)
    assert (report.put_off, report.complete, report.why) == (False, False, "HTTP 401: 'Bad credentials'")
    assert (shown.totals, shown.counts) == ({"github": report.waiting}, {})
    assert len(server.log) == 1


async def test_nonsense_is_not_asked_for_paper_by_paper(database: Database) -> None:
    """A page for people with status 200, for ever: a bounded number of requests, and nothing is called missing."""
    many = corpus_of(*({"title": f"Title {n}"} for n in range(100)))
    await identify(database, many.rows.values())
    async with serving(Reply("<html>Down for maintenance</html>")) as server, door(server.url, database) as api:
        report = (await enrich_by(database, {"openalex": api}))["openalex"]
    assert len(server.log) == 2 * (7 + http.STRANGE + 1)
    assert report.waiting + report.counts["failed"] == 100
    assert not report.complete
    ends = [waiting(paper)["openalex"].partition(":")[0] for paper in (await stored(database)).values()]
    assert set(ends) == {"failed", "pending"}
