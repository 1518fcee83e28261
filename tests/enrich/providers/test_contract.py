"""What holds for every provider. A new module of enrich/providers is tested here as soon as it is there."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from enrich import errors, http, providers, run
from enrich.evidence import Found
from paperharvest import config
from storage.documents import ArxivFact, CitationCount, LinkedRepository, Repository
from tests.conftest import fixture_cases, fixture_path
from tests.enrich.scripted import Reply, door, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from storage.connect import Database

NAMES = providers.names()
ANSWER = ".expected.json"
CASES = [(name, case) for name in NAMES for case in fixture_cases(name, "*.json") if not case.endswith(ANSWER)]
FACTS = {"arxiv": ArxivFact, "citations": CitationCount, "repos": Repository, "_work": LinkedRepository}
"""By the first part of their path."""
KEY = "k-3141592653"
PATIENCE = 0.3  # seconds: what an answer tells to wait beyond that is left for later, here as after two minutes
TRIES = {
    "BadBatch": 1,
    "Refused": 1,
    "Doubtful": 2,
    "PutOff": 1,
    "NotUnderstood": 2,
    "TrySmaller": http.SMALLER_TRIES,
    "TryLater": http.TRIES,
}


@pytest.fixture(params=NAMES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    """Each provider in turn."""
    return providers.load(request.param)


def test_a_provider_says_where_and_how_it_is_asked(module: ModuleType) -> None:
    """Constants: a kind, an https host, a pace, and sizes and times that make sense."""
    assert module.KIND in run.KINDS
    assert module.HOST.startswith("https://")
    assert not module.HOST.endswith("/")
    assert min(module.INTERVAL, module.TIMEOUT, module.BACKOFF) > 0
    assert {type(number) for number in (module.BATCH, module.CONNECTIONS)} == {int}
    assert min(module.BATCH, module.CONNECTIONS) >= 1
    assert getattr(module, "WITHOUT_KEY", {}).keys() <= {"INTERVAL", "BACKOFF", "BATCH", "HOURLY"}


def test_a_provider_says_where_its_facts_stand(module: ModuleType) -> None:
    """Nobody else's facts stand there, but those of the one that it stands in for."""
    assert module.PATH.partition(".")[0] in FACTS
    own = module.__name__.rpartition(".")[2]
    others = [name for name in NAMES if name != own and providers.load(name).PATH == module.PATH]
    instead = [name for name in NAMES if getattr(providers.load(name), "STANDS_IN_FOR", None)]
    if wanted := getattr(module, "STANDS_IN_FOR", None):
        assert (wanted in others, wanted in instead, providers.load(wanted).KIND) == (True, False, module.KIND)
    else:
        assert set(others) <= set(instead)


def test_a_provider_tells_what_it_reads(module: ModuleType) -> None:
    """It begins with a sentence and the source of its documentation."""
    assert "Source: https://" in (inspect.getdoc(module) or "")


def test_a_provider_is_configured_under_its_name(module: ModuleType) -> None:
    """The file's name is the key of its settings."""
    assert module.__name__.rpartition(".")[2] in config.PROVIDERS


def test_a_key_goes_into_the_headers_or_nowhere(module: ModuleType) -> None:
    """Without a key nothing is claimed; with one, a header holds it or the provider has no keys."""
    without, with_key = module.headers(None), module.headers(KEY)
    assert not [value for value in without.values() if "None" in value]
    assert with_key == without or [value for value in with_key.values() if KEY in value]


def test_who_is_put_off_learns_which_key_helps(module: ModuleType) -> None:
    """Where keys exist, the remedy names the variable that is read; where there are none, there is none."""
    name = module.__name__.rpartition(".")[2]
    variables = [variable for variable, provider in config.USUAL_KEYS.items() if provider == name]
    assert [variable for variable in variables if f"set {variable} " in module.REMEDY] == variables
    assert bool(variables) == hasattr(module, "REMEDY") == bool(module.headers(KEY))


def test_a_blank_fact_is_pending(module: ModuleType) -> None:
    """Before anybody was asked a fact is pending, and of the type that is stored where it stands."""
    blank = module.blank("ice/floe")
    assert isinstance(blank, FACTS[module.PATH.partition(".")[0]])
    assert (blank.status, blank.fetched_at, blank.reason) == ("pending", None, None)
    name = module.__name__.rpartition(".")[2]
    assert getattr(blank, "provider", name) == name


def test_a_provider_is_asked_by_questions_and_a_door(module: ModuleType) -> None:
    """`fetch` and, where there is one, `find` are coroutine functions of a batch and the door."""
    ways = [module.fetch, *([module.find] if hasattr(module, "find") else [])]
    assert hasattr(module, "find") == hasattr(module, "TITLES")
    assert [list(inspect.signature(way).parameters)[1] for way in ways] == ["api"] * len(ways)
    assert all(map(inspect.iscoroutinefunction, ways))


def test_a_provider_has_golden_answers(module: ModuleType) -> None:
    """Answers of its shape, good ones and others, lie in tests/fixtures/<name>."""
    name = module.__name__.rpartition(".")[2]
    own = [expected(case) for provider, case in CASES if provider == name]
    assert [one for one in own if "error" not in one], f"add tests/fixtures/{name}/<case>.json, written by us"
    assert [one for one in own if "error" in one], f"add an answer that {name} must not believe"


def expected(case: str) -> dict[str, Any]:
    """What stands beside a golden answer: facts by question, candidates, or the error and the wait it tells."""
    path = fixture_path(case.removesuffix(".json") + ANSWER)
    assert path.is_file(), f"add {path.name}: model_dump(mode='json') by question, or {{'error': ...}}"
    answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return answer


def reply_of(case: dict[str, Any]) -> Reply:
    """The answer of a fixture: its `body` (a text or its lines) or `body_json`."""
    if "body_json" in case:
        return Reply(json.dumps(case["body_json"]), case["status"], case["headers"])
    body = case["body"]
    return Reply(body if isinstance(body, str) else "\n".join(body), case["status"], case["headers"])


@pytest.mark.parametrize(("name", "case"), CASES)
async def test_golden_answer(name: str, case: str, turns: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is read to what stands beside it, or refused by the error beside it after as many tries as help."""
    golden = json.loads(fixture_path(case).read_text(encoding="utf-8"))
    monkeypatch.setattr(http, "PATIENCE", PATIENCE)
    assert await outcome(name, golden, turns) == expected(case)


WRONG = ("cut.json", "empty.json", "page_200.json")  # whatever was asked for, in spite of status 200
OTHERWISE = {
    "semantic_scholar/not_found_404.json": "NotUnderstood",  # its word for no paper is another one
    **dict.fromkeys([f"huggingface/paper_{what}_404.json" for what in ("empty", "list", "page")], "BadBatch"),
}


def refusals() -> Iterator[tuple[str, str]]:
    """Golden answers to `fetch` that are refused by their status, or by a body that is nothing at all."""
    for name, case in CASES:
        golden = json.loads(fixture_path(case).read_text(encoding="utf-8"))
        refused = "error" in expected(case) and (golden["status"] != 200 or case.endswith(WRONG))
        if refused and "questions" in golden and hasattr(providers.load(name), "find"):
            yield name, case


@pytest.mark.parametrize(("name", "case"), list(refusals()))
async def test_a_search_is_refused_alike(
    name: str, case: str, turns: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What refuses the one way of asking refuses the other, by the same error."""
    golden = json.loads(fixture_path(case).read_text(encoding="utf-8"))
    monkeypatch.setattr(http, "PATIENCE", PATIENCE)
    told = {"error": OTHERWISE[case]} if case in OTHERWISE else expected(case)
    assert await outcome(name, golden | {"titles": ["How Ice Grows"]}, turns) == told


async def outcome(name: str, golden: dict[str, Any], turns: Database) -> Any:
    """What a provider makes of an answer that is due, and after how many tries it gives up."""
    module, titles = providers.load(name), golden.get("titles")
    key = golden.get("key", KEY)
    async with serving(reply_of(golden)) as server, door(server.url, turns, name, api_key=key) as api:
        try:
            found = await (module.find(titles, api) if titles else module.fetch(golden["questions"], api))
        except errors.EnrichError as error:
            told, tries = describe(error), http.TRIES if error.after is None else 1
            assert len(server.log) == min(TRIES[told["error"]], tries)
            return told
    if isinstance(found, Found):
        shown = [{key: value for key, value in asdict(one).items() if value is not None} for one in found.candidates]
        return {"candidates": json.loads(json.dumps(shown)), "complete": found.complete}
    return {question: fact.model_dump(mode="json") for question, fact in found.items()}


def describe(error: errors.EnrichError) -> dict[str, Any]:
    """An error by what happens next, and after how many seconds where somebody said so."""
    name = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in TRIES)
    return {"error": name} if error.after is None else {"error": name, "after": round(error.after)}
