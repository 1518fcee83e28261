"""What the other providers are sent: everything in one request, in the form that each of them reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from enrich import http, reading
from enrich.errors import PutOff, Refused, TryLater
from enrich.providers import datacite, github, huggingface, openalex, semantic_scholar
from tests.enrich.scripted import Reply, door, serving

if TYPE_CHECKING:
    from storage.connect import Database

IDS = ["2406.01001", "hep-th/9901001"]
KEY = "k-3141592653"


async def test_semantic_scholar_is_sent_ids_of_its_own_form(turns: Database) -> None:
    """The fields in the address, the ids in the body, the key in its header."""
    async with (
        serving(Reply("[null, null]")) as server,
        door(server.url, turns, "semantic_scholar", api_key=KEY) as api,
    ):
        assert await semantic_scholar.fetch(IDS, api) == {}
    [request] = server.log
    assert request.path == ("/graph/v1/paper/batch?fields=externalIds,citationCount,influentialCitationCount")
    assert json.loads(request.body) == {"ids": ["ARXIV:2406.01001", "ARXIV:hep-th/9901001"]}
    assert request.headers["x-api-key"] == KEY


async def test_openalex_is_sent_arxivs_dois(turns: Database) -> None:
    """In lower case, in one filter, with room for all: without `per_page` 25 would be answered."""
    nothing = Reply(json.dumps({"meta": {"count": 0}, "results": []}))
    async with serving(nothing) as server, door(server.url, turns, "openalex", api_key=KEY) as api:
        assert await openalex.fetch([*IDS, "math/0309136"], api) == {}
    [request] = server.log
    address = urlsplit(request.path)
    assert address.path == "/works"
    assert parse_qs(address.query) == {
        "filter": ["doi:10.48550/arxiv.2406.01001|10.48550/arxiv.hep-th/9901001|10.48550/arxiv.math/0309136"],
        "per_page": ["100"],
        "select": ["id,doi,cited_by_count"],
    }
    assert (request.headers["Authorization"], KEY in request.path) == (f"Bearer {KEY}", False)


async def test_datacite_is_sent_arxivs_dois(turns: Database) -> None:
    """In one query, with room for all: without page[size] 25 would be answered; facets are not computed for us."""
    nothing = Reply(json.dumps({"data": [], "meta": {"total": 0}}))
    async with serving(nothing) as server, door(server.url, turns, "datacite") as api:
        assert await datacite.fetch(IDS, api) == {}
    [request] = server.log
    address = urlsplit(request.path)
    assert address.path == "/dois"
    assert parse_qs(address.query) == {
        "query": ['doi:("10.48550/arxiv.2406.01001" OR "10.48550/arxiv.hep-th/9901001")'],
        "page[size]": ["50"],
        "disable-facets": ["true"],
    }


async def test_datacites_longest_address(turns: Database) -> None:
    """A whole batch of old ids stays far below the 8 KiB that servers take."""
    nothing = Reply(json.dumps({"data": [], "meta": {"total": 0}}))
    async with serving(nothing) as server, door(server.url, turns, "datacite") as api:
        assert await datacite.fetch([f"mtrl-th/99010{n:02}" for n in range(1, datacite.BATCH + 1)], api) == {}
    assert len(server.log[0].path) < 4096


@pytest.mark.parametrize(
    ("asked", "path"), [("2406.01001", "/api/papers/2406.01001"), ("math/0309136", "/api/papers/math%2F0309136")]
)
async def test_hugging_face_is_asked_for_one_paper(asked: str, path: str, turns: Database) -> None:
    """The slash of an old id is no part of the path; the token goes into a header."""
    paper = Reply(json.dumps({"id": asked, "githubRepo": "https://github.com/ice/floe"}))
    async with serving(paper) as server, door(server.url, turns, "huggingface", api_key=KEY) as api:
        assert (await huggingface.fetch([asked], api))[asked].url == "https://github.com/ice/floe"
    [request] = server.log
    assert (request.path, request.headers["Authorization"]) == (path, f"Bearer {KEY}")


WORDS = "How Ice Floes Grow A Survey of all floes"


@pytest.mark.parametrize(
    ("module", "path", "nothing", "sent"),
    [
        (
            semantic_scholar,
            "/graph/v1/paper/search/match",
            '{"data": []}',
            {"query": WORDS, "fields": "externalIds,title,abstract,authors"},
        ),
        (
            openalex,
            "/works",
            '{"meta": {"count": 0}, "results": []}',
            {
                "filter": f"title.search:{WORDS}",
                "per_page": "25",
                "select": "id,doi,title,locations,authorships,abstract_inverted_index",
            },
        ),
        (huggingface, "/api/papers/search", "[]", {"q": WORDS}),
    ],
)
async def test_a_title_is_sent_as_words(
    module: Any, path: str, nothing: str, sent: dict[str, str], turns: Database
) -> None:
    """None of its punctuation, the key in a header."""
    name = module.__name__.rpartition(".")[2]
    async with serving(Reply(nothing)) as server, door(server.url, turns, name, api_key=KEY) as api:
        assert await module.find(['How Ice-Floes Grow: A Survey, of (all) | "floes"'], api) == ([], True)
    [request] = server.log
    address = urlsplit(request.path)
    assert (address.path, parse_qs(address.query)) == (path, {key: [value] for key, value in sent.items()})
    assert [key for key, value in request.headers.items() if KEY in value] == list(module.headers(KEY))


async def test_openalex_shows_the_first_works_of_many(turns: Database) -> None:
    """The rest is not asked for, and the answer says that there is more; of a hundred authors there may be others."""
    place = {"landing_page_url": "https://arxiv.org/abs/2406.01001"}
    authors = [{"author": {"display_name": f"A {number}"}} for number in range(100)]
    crowd = {"doi": None, "title": "Ice", "locations": [place], "authorships": authors}
    reply = Reply(json.dumps({"meta": {"count": 348}, "results": [crowd] * 25}))
    async with serving(reply) as server, door(server.url, turns, "openalex") as api:
        found = await openalex.find(["Ice"], api)
    assert (len(server.log), found.complete) == (1, False)
    [first] = found.candidates  # told 25 times
    assert (len(first.authors or ()), first.authors_count, first.abstract) == (100, None, None)


async def test_an_abstract_is_rebuilt_whatever_places_it_names(turns: Database) -> None:
    """In their order, without the gaps between them, and no longer than any abstract is."""
    index = {"floes": [7, 10**15], "We": [-1], "watch": [3], "x" * 30_000: [10**16]}
    work = {"doi": "https://doi.org/10.48550/arxiv.2406.01001", "title": "Ice", "abstract_inverted_index": index}
    reply = Reply(json.dumps({"meta": {"count": 1}, "results": [work]}))
    async with serving(reply) as server, door(server.url, turns, "openalex") as api:
        [found] = (await openalex.find(["Ice"], api)).candidates
    assert (found.abstract or "").startswith("We watch floes floes xxx")
    assert len(found.abstract or "") == reading.LONGEST_ABSTRACT


async def test_titles_that_nobody_knows_close_no_door(turns: Database) -> None:
    """404 is Semantic Scholar's answer to them, not a request at fault."""
    unknown = Reply('{"error": "Title match not found"}', 404)
    async with serving(unknown) as server, door(server.url, turns, "semantic_scholar") as api:
        for _ in range(2 * http.STRANGE):
            assert await semantic_scholar.find(["Ice"], api) == ([], True)
        assert (api.closed, len(server.log)) == (None, 2 * http.STRANGE)


async def test_github_is_sent_names_as_variables(turns: Database) -> None:
    """Never in the text of the query, whatever they hold; stars are asked for, not the connection of stargazers."""
    strange = 'ice/floe"){id} x:repository(owner:"a'
    gone: dict[str, Any] = {"data": {"a0": None, "a1": None}}
    gone["errors"] = [{"type": "NOT_FOUND", "path": [alias], "message": "gone"} for alias in gone["data"]]
    async with serving(Reply(json.dumps(gone))) as server, door(server.url, turns, "github", api_key=KEY) as api:
        assert await github.fetch(["snow/drift", strange], api) == {}
    sent = json.loads(server.log[0].body)
    assert sent["variables"] == {"o0": "snow", "n0": "drift", "o1": "ice", "n1": strange.removeprefix("ice/")}
    assert "floe" not in sent["query"]
    assert sent["query"].startswith(
        "query($o0:String!,$n0:String!,$o1:String!,$n1:String!)"
        "{a0:repository(owner:$o0,name:$n0){...Repo} a1:repository(owner:$o1,name:$n1){...Repo} rateLimit{"
    )
    assert ("stargazerCount" in sent["query"], "stargazers" in sent["query"]) == (True, False)


async def test_github_without_a_token_is_asked_for_one_repository(turns: Database) -> None:
    """By plain REST, with nothing that claims a token."""
    gone = Reply('{"message": "Not Found"}', 404)
    async with serving(gone) as server, door(server.url, turns, "github") as api:
        assert await github.fetch(["ice/floe"], api) == {}
    [request] = server.log
    assert (request.path, "Authorization" in request.headers) == ("/repos/ice/floe", False)


@pytest.mark.parametrize(("module", "asked"), [(github, "ice/floe"), (huggingface, "2406.01001")])
async def test_many_that_are_gone_close_no_door(module: Any, asked: str, turns: Database) -> None:
    """404 is an answer of REST, not a request at fault."""
    gone, name = Reply('{"message": "Not Found"}', 404), module.__name__.rpartition(".")[2]
    async with serving(gone) as server, door(server.url, turns, name) as api:
        for _ in range(2 * http.STRANGE):
            assert await module.fetch([asked], api) == {}
        assert (api.closed, len(server.log)) == (None, 2 * http.STRANGE)


async def test_a_key_is_wanted_where_semantic_scholar_is_too_busy_without(turns: Database) -> None:
    """Told a short wait, it is tried again as ever; used up, or untold, it is put off."""
    busy = Reply("{}", 429, {"Retry-After": "0"})
    async with serving(busy, Reply("[null]")) as server, door(server.url, turns, "semantic_scholar") as api:
        assert await semantic_scholar.fetch(IDS[:1], api) == {}
    assert len(server.log) == 2
    for reply, requests in ((busy, http.TRIES), (Reply("{}", 429), 1)):
        async with serving(reply) as server, door(server.url, turns, "semantic_scholar") as api:
            with pytest.raises(PutOff, match="set S2_API_KEY"):
                await semantic_scholar.fetch(IDS, api)
        assert len(server.log) == requests


async def test_a_causeless_403_is_asked_once_more(turns: Database) -> None:
    """Without a key that could be refused; with one, or twice in a row, it is meant."""
    forbidden, known = Reply('{"message": "Forbidden"}', 403), Reply("[null]")
    async with serving(forbidden, known) as server, door(server.url, turns, "semantic_scholar") as api:
        assert await semantic_scholar.fetch(IDS[:1], api) == {}
    assert len(server.log) == 2
    for replies, settings, requests in (((forbidden,), {"api_key": KEY}, 1), ((forbidden, forbidden, known), {}, 2)):
        async with serving(*replies) as server, door(server.url, turns, "semantic_scholar", **settings) as api:
            with pytest.raises(Refused, match="HTTP 403"):
                await semantic_scholar.fetch(IDS[:1], api)
            assert isinstance(api.closed, Refused)
        assert len(server.log) == requests


async def test_github_s_secondary_limit_is_a_minute(turns: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """14 requests are left and the reset is 50 minutes away: the reset is not what is waited for."""
    monkeypatch.setattr(http, "PATIENCE", 1)
    limit = Reply(
        json.dumps({"message": "You have exceeded a secondary rate limit."}),
        403,
        {"Date": "Mon, 02 Mar 2026 08:10:00 GMT", "X-RateLimit-Remaining": "14", "X-RateLimit-Reset": "1772442000"},
    )
    settings = {"api_key": KEY, "backoff": None}
    async with serving(limit) as server, door(server.url, turns, "github", **settings) as api:
        with pytest.raises(TryLater, match=r"^secondary rate limit, waiting$") as caught:
            await github.fetch(["ice/floe"], api)
    assert len(server.log) == 1
    assert 59 < (caught.value.after or 0) <= 1.5 * 60


async def test_githubs_limits_by_graphql(turns: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP 200 with an error: the wait that is told counts, whether or not the hour's budget is spent."""
    monkeypatch.setattr(http, "PATIENCE", 1)
    body = json.dumps({"errors": [{"type": "RATE_LIMITED", "message": "slower"}]})
    spent = "^the hour's budget is spent$"
    for left, kind, said in (("14", TryLater, "^rate limit$"), ("0", PutOff, spent)):
        reply = Reply(body, 200, {"X-RateLimit-Remaining": left, "Retry-After": "7"})
        await turns["providers"].delete_many({})
        async with serving(reply) as server, door(server.url, turns, "github", api_key=KEY) as api:
            with pytest.raises(kind, match=said) as caught:
                await github.fetch(["ice/floe"], api)
        assert (caught.value.after, len(server.log)) == (7, 1)


@pytest.mark.parametrize(
    ("module", "remaining", "reset", "budget"),
    [
        (openalex, "12", "40", (12, 40)),
        (openalex, "0", "0", (0, 0)),
        (openalex, "12", "", None),
        (openalex, "", "40", None),
        (openalex, "-1", "40", None),
        (openalex, "²", "40", None),
        (openalex, "9" * 400, "40", None),
        (github, "12", "1772442000", (12, 3000)),
        (github, "12", "1772430000", (12, 0)),
        (github, "12", "", (12, 3600)),
        (github, "", "1772442000", None),
        (github, "twelve", "soon", None),
    ],
)
def test_budgets(module: Any, remaining: str, reset: str, budget: tuple[int, int] | None) -> None:
    """OpenAlex tells seconds, GitHub an epoch time by its own clock; what is no number tells nothing."""
    headers = {
        "date": "Mon, 02 Mar 2026 08:10:00 GMT",
        "x-ratelimit-remaining": remaining,
        "x-ratelimit-reset": reset,
    }
    assert module.budget(http.Answer(200, headers, b"")) == budget
