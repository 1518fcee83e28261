"""Recorded answers, read in place: each to its outcome, and never to anything but facts or an error of ours."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from enrich import http, providers
from enrich.errors import EnrichError, NotUnderstood
from enrich.http import Answer
from enrich.providers import arxiv, openalex
from storage import waits
from tests.enrich.scripted import Reply, door, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from storage.connect import Database
    from storage.documents import ArxivEntry

pytestmark = pytest.mark.corpus

OF_THE_WIRE = {"content-encoding", "content-length", "transfer-encoding", "connection"}
UNKNOWN_BEFORE_2025_11 = "rsxiv_gen1_2025-08_query_empty"  # counts an unknown id and shows nothing: not told apart


class Recorded:
    """One recorded answer, as it would come again."""

    def __init__(self, path: Path) -> None:
        whole = json.loads(path.read_text(encoding="utf-8"))
        told = whole["response"]
        self.name = path.stem
        self.url: str = whole["request"]["url"]
        self.sent: str = whole["request"]["body"] or ""
        self.status: int = told["status"]
        self.body: str = told["body"]
        self.headers = {
            name.lower(): ", ".join(value) if isinstance(value, list) else value
            for name, value in told["headers"].items()
            if name.lower() not in OF_THE_WIRE
        }

    @property
    def answer(self) -> Answer:
        """As a provider's module sees it."""
        return Answer(self.status, self.headers, self.body.encode())

    def reply(self, body: str | None = None) -> Reply:
        """As the server sends it again, perhaps with another body."""
        return Reply(self.body if body is None else body, self.status, self.headers)


def recorded(shared: Path, folder: str) -> Iterator[Recorded]:
    """The answers of one folder."""
    for path in sorted((shared / "data" / "api_samples" / folder).glob("*.json")):
        yield Recorded(path)


async def end(turns: Database, name: str, reply: Reply, questions: Sequence[str], key: str | None = "k") -> Any:
    """What a provider makes of an answer: facts by question, or the error's name and the wait it tells."""
    await turns["providers"].delete_many({})
    async with serving(reply) as server, door(server.url, turns, name, api_key=key) as api:
        try:
            facts: Any = await providers.load(name).fetch(questions, api)
        except EnrichError as error:
            return type(error).__name__ if error.after is None else (type(error).__name__, round(error.after))
    return facts


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PATIENCE", 0.3)


def asked(one: Recorded) -> list[str]:
    """The base ids that a recorded request names."""
    ids = one.url.partition("id_list=")[2].partition("&")[0]
    return [text.split("v")[0] for text in ids.replace("%2C", ",").replace("%2F", "/").split(",") if text]


ARXIV: dict[str, str | set[str]] = {
    "id_0000.0000": set(),
    "id_0808.05394_1707.08567": {"1707.08567"},
    "id_0808.05394_s0": set(),
    "id_1605.08386": {"1605.08386"},
    "id_1707.08567": {"1707.08567"},
    "id_2104.12255v1": {"2104.12255"},
    "id_abc": "BadBatch",
    "id_astro-ph_0601001": {"astro-ph/0601001"},
    "id_quant-ph_0201082v1": {"quant-ph/0201082"},
    "kdense_arxiv_empty": set(),
    "kdense_arxiv_error": "NotUnderstood",
    "kdense_arxiv_feed": {"1706.03762"},
    "kdense_arxiv_rate_limited": "TryLater",
    "kdense_arxiv_rewritten_query": set(),
    UNKNOWN_BEFORE_2025_11: "TryLater",
    "rsxiv_gen2_2025-11_query_empty": set(),
    "rsxiv_gen1_2025-08_query_missing_id": {"2201.13452"},
    "rsxiv_gen2_2025-11_query_missing_id": {"2201.13452"},
}


async def test_arxiv_by_id(turns: Database, shared: Path) -> None:
    """Asked for by id: found, unknown or refused, in each generation."""
    seen = 0
    for one in recorded(shared, "arxiv_atom"):
        keys = [key for key in ARXIV if one.name.startswith(key)]
        if not keys:
            continue
        found = await end(turns, "arxiv", one.reply(), asked(one) or ["1706.03762"])
        assert (found if isinstance(found, str) else set(found)) == ARXIV[max(keys, key=len)], one.name
        seen += 1
    assert seen > len(ARXIV) / 2


def entries(shared: Path) -> Iterator[tuple[str, ArxivEntry]]:
    """Every entry of every feed that is one, with its file."""
    for one in recorded(shared, "arxiv_atom"):
        if one.status == 200 and one.name not in ("kdense_arxiv_error", UNKNOWN_BEFORE_2025_11):
            yield from ((one.name, entry) for entry in arxiv.parse(one.answer).entries)


def test_arxiv_entries(shared: Path) -> None:
    """Every entry has a title in one line, a version, times, categories of arXiv's form, authors and an abstract."""
    for name, entry in entries(shared):
        told = entry.fact
        assert entry.title == " ".join(entry.title.split()), name
        assert (told.status, told.withdrawn is None, (told.version or 0) > 0) == ("ok", False, True), name
        assert None not in (told.published, told.updated, told.primary_category, entry.authors, entry.abstract), name
        assert all(category.partition(".")[0].replace("-", "").isalpha() for category in told.categories or "?"), name


def test_arxiv_tells_the_same_in_every_generation(shared: Path) -> None:
    """Equal records of equal papers, but for `updated`, which the second generation dates anew."""
    by_paper: dict[tuple[str, int | None], list[Any]] = {}
    for _, entry in entries(shared):
        record = entry.model_dump(exclude={"fact": {"updated", "categories"}})
        by_paper.setdefault((entry.arxiv_id, entry.fact.version), []).append(record)
    assert [records for records in by_paper.values() if len(records) > 1]
    for records in by_paper.values():
        assert all(one == other for one, other in pairwise(records))


def test_arxiv_searches(shared: Path) -> None:
    """As many entries as asked for, of as many as there are; one was searched elsewhere."""
    for one in recorded(shared, "arxiv_atom"):
        if one.name.startswith("q_testing"):
            feed = arxiv.parse(one.answer)
            assert len(feed.entries) == int(one.url.rpartition("max_results=")[2]) < feed.total
        if one.name == "kdense_arxiv_rewritten_query":
            with pytest.raises(NotUnderstood):
                arxiv._parse_search(one.answer)


def outcomes(found: Any) -> Any:
    """Counts by question, or the error."""
    return {key: fact.count for key, fact in found.items()} if isinstance(found, dict) else found


async def test_openalex(turns: Database, shared: Path) -> None:
    """A list of the works asked for is read; other works, single ones and pages for people are not."""
    ends = {
        one.name: outcomes(await end(turns, "openalex", one.reply(), ["2312.07559", "2304.05376"]))
        for one in recorded(shared, "openalex")
    }
    lists = {name: found for name, found in ends.items() if isinstance(found, dict)}
    assert set(lists) <= {"test_title_search_paper_attributes1__2"}
    assert all(found["2312.07559"] > 0 for found in lists.values())
    assert ends.get("test_does_openalex_work_not-in-openalex__0", "BadBatch") == "BadBatch"
    assert {found for found in ends.values() if isinstance(found, str)} <= {"NotUnderstood", "BadBatch"}


async def test_datacite(turns: Database, shared: Path) -> None:
    """Records of others, five of a page of 19 million: not those asked for, whatever is said of their number."""
    for one in recorded(shared, "datacite"):
        whole = json.loads(one.body)
        for total in (whole["meta"]["total"], len(whole["data"])):
            reply = one.reply(json.dumps(whole | {"meta": {"total": total}}))
            assert await end(turns, "datacite", reply, ["2406.01001"]) == "NotUnderstood"


async def test_datacites_records(turns: Database, shared: Path) -> None:
    """Records of 2020 are read where they are asked for: people by both names, an abstract, no category of arXiv."""
    for one in recorded(shared, "datacite"):
        whole = json.loads(one.body)
        first = whole["data"][0]
        first["attributes"]["doi"] = "10.48550/arXiv.2406.01001"
        reply = one.reply(json.dumps({"data": [first], "meta": {"total": 1}}))
        [entry] = (await end(turns, "datacite", reply, ["2406.01001"])).values()
        assert (entry.authors, entry.fact.doi) == (("Francis Gómez",), "10.5281/zenodo.3596960")
        assert (entry.title[:14], entry.abstract[:13]) == ("ALSETLab/sysml", "SysML project")
        assert (entry.fact.categories, entry.fact.version, entry.fact.published) == (None, None, None)


async def searched(turns: Database, name: str, one: Recorded) -> tuple[list[str], bool] | str:
    """What a search makes of an answer: the arXiv ids of its candidates, and whether that is all, or the error."""
    asked = parse_qs(urlsplit(one.url).query).get("query", ["Ice"])
    await turns["providers"].delete_many({})
    async with serving(one.reply()) as server, door(server.url, turns, name, api_key="k") as api:
        try:
            found = await providers.load(name).find(asked, api)
        except EnrichError as error:
            return type(error).__name__
    assert all(said.title and (said.authors or "fields=externalIds%2" in one.url) for said in found.candidates)
    return [said.arxiv_id for said in found.candidates], found.complete


async def test_semantic_scholar_s_matches(turns: Database, shared: Path) -> None:
    """Every recorded match names one paper, of arXiv or not; nothing found is a 404, an empty list or a total of 0."""
    seen = []
    for one in recorded(shared, "semanticscholar"):
        found = await searched(turns, "semantic_scholar", one)
        if "/search/match?" in one.url:
            named = re.findall(r'"ArXiv": "([^"]+)"', one.body)
            assert found[0] == named, one.name
            assert found[1] or "paperId" in one.body, one.name
            seen += [found] * bool(named)
        elif one.name == "test_not_found_0":
            assert found == ([], True)
    assert (["2312.07559"], False) in seen


TITLED: dict[str, Any] = {
    "test_title_search_paper_attributes0__3": ([], True),
    "test_title_search_paper_attributes1__2": (["2312.07559"], True),
    "test_title_search_paper_attributes2__3": (["2304.05376"], True),
    "kdense_openalex_list": "NotUnderstood",  # two of 348,439 works, where there was room for more
    "kdense_openalex_work": "NotUnderstood",
    "test_does_openalex_work_not-in-openalex__0": "BadBatch",
}


async def test_openalex_s_titles(turns: Database, shared: Path) -> None:
    """Works by their arXiv DOI; the journal's version is no candidate, and other answers are no list of works."""
    for one in recorded(shared, "openalex"):
        assert await searched(turns, "openalex", one) == TITLED.get(one.name, "NotUnderstood"), one.name


async def test_semantic_scholar(turns: Database, shared: Path) -> None:
    """A batch is read by place, null is a paper it does not know; everything else is an error of ours."""
    ends = {}
    for one in recorded(shared, "semanticscholar"):
        ids = json.loads(one.sent)["ids"] if one.sent.startswith("{") else ["2312.07559"]
        ends[one.name] = (len(ids), outcomes(await end(turns, "semantic_scholar", one.reply(), ids)))
    for name, (size, found) in ends.items():
        if isinstance(found, dict):
            assert name in ("test_get_papers_not_found_warning_0", "test_get_papers_return_not_found_0")
            assert (len(found), max(found.values()) > 0) == (size - 1, True)
    expected = {
        "test_debug_0": "Refused",
        "test_bad_query_parameters_0": "BadBatch",
        "test_not_found_0": "BadBatch",
        "test_get_papers_0": "NotUnderstood",
    }
    assert {name: ends[name][1] for name in expected if name in ends}.items() <= expected.items()
    errors = {found for _, found in ends.values() if isinstance(found, str)}
    assert errors <= {"NotUnderstood", "BadBatch", "Refused"}


async def test_github_graphql(turns: Database, shared: Path) -> None:
    """No batch of aliases was recorded: every other answer is not understood, whatever it holds."""
    for one in recorded(shared, "github_graphql"):
        for body in (one.body, one.body.replace('"repository"', '"a0"')):
            assert await end(turns, "github", one.reply(body), ["ice/floe"]) == "NotUnderstood", one.name


REFUSALS: dict[str, Any] = {
    "Authentication.testAuthorizationHeaderWithToken_1": "Refused",
    "Exceptions.testBadAuthentication_1": "Refused",
    "Exceptions.testNonJsonDataReturnedByGithub_1": "TryLater",
    "SpecificExceptions.testAuthenticatedRateLimitExceeded_2": ("TryLater", 60),
    "SpecificExceptions.testBadCredentials_1": "Refused",
    "SpecificExceptions.testBadUserAgent_1": "Refused",
    "SpecificExceptions.testRateLimitExceeded_2": ("PutOff", 3601),
    "Retry.testReturnsRepoAfter3Retries_1": "TrySmaller",
}


async def test_github_s_refusals(turns: Database, shared: Path) -> None:
    """Limits, keys and gateways say it in the same words by either way of asking."""
    for one in recorded(shared, "github_rest"):
        if one.name in REFUSALS:
            assert await end(turns, "github", one.reply(), ["ice/floe"]) == REFUSALS[one.name], one.name


PLAIN: dict[str, Any] = {
    **{name: end for name, end in REFUSALS.items() if "Authenticated" not in name},
    "ConditionalRequestUpdate.setUp_1": "NotUnderstood",
    "Exceptions.testUnknownObject_2": {},
    "Repository.setUp_1": {"ice/floe": ("ok", "PyGithub/PyGithub")},
    "Repository.testGetRepositoryWith301Redirect_1": "NotUnderstood",  # to a host that is not configured
    "Repository.testGetRepositoryWith301Redirect_2": {"ice/floe": ("ok", "padima2/protoncoin")},
    "github_403_secondary": "TryLater",
    "github_451_dmca": {"ice/floe": ("blocked", "ice/floe")},
    "github_451_dmca_2017": {"ice/floe": ("blocked", "ice/floe")},
}


async def test_github_without_a_token(turns: Database, shared: Path) -> None:
    """Plain REST: there, renamed, gone, blocked, refused, or of 2013 and not understood."""
    for one in (*recorded(shared, "github_rest"), *recorded(shared, "quoted")):
        if one.name in PLAIN:
            found = await end(turns, "github", one.reply(), ["ice/floe"], key=None)
            told = found if not isinstance(found, dict) else {k: (v.status, v.full_name) for k, v in found.items()}
            assert told == PLAIN[one.name], one.name


QUOTED: dict[str, tuple[str, Any]] = {
    "arxiv_200_rate_exceeded": ("arxiv", "TryLater"),
    "arxiv_429_plain": ("arxiv", "TryLater"),
    "github_403_secondary": ("github", "TryLater"),
    "github_451_dmca": ("github", "BadBatch"),
    "github_graphql_not_found": ("github", {}),
    "github_graphql_resource_limits": ("github", "BadBatch"),
    "s2_429_apply_for_key": ("semantic_scholar", "TryLater"),
    "s2_429_plain": ("semantic_scholar", "TryLater"),
    "s2_datasets_401": ("semantic_scholar", "Refused"),
}


async def test_quoted_answers(turns: Database, shared: Path) -> None:
    """As people quoted them in issues; GitHub's single repository as an alias."""
    for one in recorded(shared, "quoted"):
        if one.name in QUOTED:
            name, expected = QUOTED[one.name]
            reply = one.reply(one.body.replace('"repository"', '"a0"'))
            assert await end(turns, name, reply, ["2409.03108" if name != "github" else "ice/floe"]) == expected, (
                one.name
            )


def test_quoted_headers(shared: Path) -> None:
    """OpenAlex' budget counts seconds; Hugging Face's limit tells when it begins anew."""
    answers = {one.name: one.answer for one in recorded(shared, "quoted")}
    if "openalex_headers_keyless" in answers:
        assert openalex.budget(answers["openalex_headers_keyless"]) == (997, 11987)
    if "hf_429" in answers:
        assert waits.told(answers["hf_429"].headers) == 56
