"""The stand-in server itself: each provider's answers, each fault, the pace, the log, the command."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from lxml import etree

from tests import standin
from tests.standin import huggingface
from tests.standin import server as standin_server
from tests.standin.arxiv import matches
from tests.standin.corpus import Corpus, read_row, words
from tests.standin.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT = Path(__file__).parents[1]
NAMES = {
    "a": "http://www.w3.org/2005/Atom",
    "arxiv": "http://arxiv.org/schemas/atom",
    "o": "http://a9.com/-/spec/opensearch/1.1/",
}
BATCH = "/semantic_scholar/graph/v1/paper/batch"
MIXUP, QWEN, KIMI = "1806.05236", "2412.15115", "2504.07491"
TOKEN = {"Authorization": "bearer stand-in"}


@dataclass
class Reply:
    """One answer of the server."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)

    def find(self, path: str) -> list[Any]:
        """What an XPath finds in the feed."""
        found = etree.fromstring(self.text.encode()).xpath(path, namespaces=NAMES)
        assert isinstance(found, list)
        return found

    @property
    def entries(self) -> list[str]:
        """The ids of the feed's entries, without address."""
        return [str(text).rpartition("/abs/")[2] for text in self.find("//a:entry/a:id/text()")]


async def ask(
    server: standin.Server, method: str, path: str, limit: float = 5, keep: bool = True, **options: Any
) -> Reply:
    """One request on a connection of its own."""
    timeout = aiohttp.ClientTimeout(total=limit)
    skip = () if keep else ("User-Agent",)
    async with (
        aiohttp.ClientSession(timeout=timeout, skip_auto_headers=skip) as session,
        session.request(method, server.url + path, allow_redirects=False, **options) as response,
    ):
        return Reply(response.status, response.headers, await response.text())


async def search(server: standin.Server, **form: object) -> Reply:
    """A question to arXiv by POST."""
    return await ask(server, "POST", "/arxiv/api/query", data={key: str(value) for key, value in form.items()})


async def batch(server: standin.Server, ids: Iterable[str], **headers: str) -> Reply:
    """A batch of Semantic Scholar."""
    fields = {"fields": "externalIds,title,citationCount"}
    return await ask(server, "POST", BATCH, params=fields, json={"ids": list(ids)}, headers=headers)


def corpus_of(*lines: dict[str, Any]) -> Corpus:
    """A corpus of made-up lines; id, title and month need not be given."""
    numbers = count(1)
    return Corpus(
        read_row({"id": f"2401.{next(numbers):05}", "title": "A title", "ym": "2024-01"} | line) for line in lines
    )


def name_where(wanted: bool, names: Iterable[str]) -> str:
    """The first repository that the stand-in has renamed, or has not."""
    return next(name for name in names if (standin.renamed(name) != name) is wanted)


# arXiv


async def test_arxiv_answers_the_ids_it_knows() -> None:
    """A feed holds the known ids in their current version; unknown ones are not counted."""
    async with standin.serve() as server:
        reply = await search(server, id_list=f"2312.00732,9999.99999,{MIXUP}", max_results=3)
    assert set(reply.entries) == {"2312.00732v2", f"{MIXUP}v1"}
    assert reply.find("//o:totalResults/text()") == ["2"]


async def test_arxiv_entry_has_the_fields_of_the_row() -> None:
    """An entry carries what the corpus says, with the names and links of the answers of 2026."""
    async with standin.serve() as server:
        reply = await ask(server, "GET", "/arxiv/api/query?id_list=1705.02801")
    assert reply.find("//a:entry/a:author/a:name/text()") == ["Palash Goyal", "Emilio Ferrara"]
    assert reply.find("//a:entry/a:published/text()")[0].startswith("2017-05-08T")
    assert reply.find("//a:entry/arxiv:doi/text()") == ["10.1016/j.knosys.2018.03.022"]
    assert reply.find("//a:entry/arxiv:comment/text()") == ["Submitted to Knowledge Based Systems for review"]
    assert reply.find("//a:entry/arxiv:primary_category/@term") == ["cs.SI"]
    assert reply.find("//a:entry/a:link/@title") == ["pdf", "doi"]


async def test_arxiv_row_that_lacks_much() -> None:
    """A line of id, title and month is an entry with an empty summary, no author and a day of that month."""
    async with standin.serve(corpus_of({})) as server:
        reply = await search(server, id_list="2401.00001")
    assert (len(reply.find("//a:entry/a:summary")), reply.find("//a:entry/a:summary/text()")) == (1, [])
    assert not reply.find("//a:entry/a:author")
    assert reply.find("//a:entry/a:published/text()")[0].startswith("2024-01-")


async def test_arxiv_keeps_an_older_version_asked_for() -> None:
    """An id with a version is answered in that version, and not at all if there is none such."""
    async with standin.serve() as server:
        reply = await search(server, id_list="2312.00732v1,2312.00732v9")
    assert reply.entries == ["2312.00732v1"]


async def test_arxiv_refuses_a_malformed_id() -> None:
    """One malformed id spoils the request: 400 and the Error entry that names it."""
    async with standin.serve() as server:
        reply = await search(server, id_list=f"{MIXUP},abc")
    assert reply.status == 400
    assert reply.find("//a:entry/a:id/text()") == ["https://arxiv.org/api/errors#incorrect_id_format_for_abc"]
    assert reply.find("//a:entry/a:summary/text()") == ["incorrect id format for abc"]


async def test_arxiv_says_200_to_a_start_that_is_no_number() -> None:
    """That error comes as a 200."""
    async with standin.serve() as server:
        reply = await search(server, id_list=MIXUP, start="notanumber")
    assert (reply.status, reply.find("//a:entry/a:title/text()")) == (200, ["Error"])


async def test_arxiv_slices_its_results() -> None:
    """Ten results unless told otherwise, the next by `start`, never more than 2,000."""
    rows = corpus_of(*({} for _ in range(25)))
    ids = ",".join(rows.rows)
    async with standin.serve(rows) as server:
        first = await search(server, id_list=ids)
        rest = await search(server, id_list=ids, start=10, max_results=2000)
        too_many = await search(server, id_list=ids, max_results=2001)
    assert (len(first.entries), len(rest.entries), too_many.status) == (10, 15, 400)
    assert {entry.removesuffix("v1") for entry in first.entries + rest.entries} == set(rows.rows)
    assert first.find("//o:totalResults/text()") == ["25"]


async def test_arxiv_takes_long_lists_by_post_only() -> None:
    """A GET address beyond 8 KiB is 414, the same question as a form is answered."""
    ids = ",".join([MIXUP, *(f"2401.{number:05}" for number in range(1, 800))])
    async with standin.serve() as server:
        assert (await ask(server, "GET", f"/arxiv/api/query?id_list={ids}")).status == 414
        assert (await search(server, id_list=ids)).entries == [f"{MIXUP}v1"]


async def test_arxiv_finds_titles_by_whole_words_in_a_row() -> None:
    """OR-ed phrases each find their paper, in any case, without punctuation; half a word finds none."""
    async with standin.serve() as server:
        both = await search(server, search_query='ti:"music TRANSFORMER" OR ti:"scikit image image processing"')
        word = await search(server, search_query="ti:monkeyocr")
    assert {"1809.04281v1", "1407.6245v1"} <= set(both.entries)
    assert "2506.05218v1" in word.entries
    assert matches('ti:"music transform"', standin.load()) == set()


async def test_arxiv_mixes_strangers_among_the_right() -> None:
    """One to three other papers that share a title word come with a title search, the same every time."""
    lines = [{"title": f"Learning to do thing {number}"} for number in range(30)]
    async with standin.serve(corpus_of(*lines, {"title": "Learning to rest"})) as server:
        first = await search(server, search_query='ti:"learning to rest"')
        again = await search(server, search_query='ti:"learning to rest"')
    assert "2401.00031v1" in first.entries
    assert 2 <= len(first.entries) <= 4
    assert first.entries == again.entries


@pytest.mark.parametrize("query", ['ti:"scikit-image image processing"', 'ti:"scikit image: image processing"'])
async def test_arxiv_misreads_punctuation(query: str) -> None:
    """A `-` is NOT and a `:` spoils the phrase: the right paper is not among the hits."""
    async with standin.serve() as server:
        reply = await search(server, search_query=query)
    assert reply.status == 200
    assert "1407.6245v1" not in reply.entries


@pytest.mark.parametrize("query", ["ti:(music)", "ti:Schönberger"])
async def test_arxiv_refuses_what_it_cannot_read(query: str) -> None:
    """Parentheses and letters beyond ASCII in a query are 400."""
    async with standin.serve() as server:
        assert (await search(server, search_query=query)).status == 400


async def test_arxiv_rewrites_an_unknown_field() -> None:
    """The feed's title shows an unknown field as part of what was searched in all fields."""
    async with standin.serve() as server:
        reply = await search(server, search_query="badfield:xyz")
    assert reply.find("/a:feed/a:title/text()")[0].startswith("arXiv Query: search_query=all:badfield:xyz&")
    assert reply.entries == []


async def test_arxiv_combines_ids_and_query() -> None:
    """With both, the query filters the ids, and no stranger comes in."""
    async with standin.serve() as server:
        reply = await search(server, id_list=f"{MIXUP},1809.04281", search_query="au:Vaswani ANDNOT ti:survey")
    assert reply.entries == ["1809.04281v1"]


# DataCite


def dois(ids: Iterable[str], **more: object) -> dict[str, Any]:
    """The parameters of a list of records by arXiv id."""
    query = " OR ".join(f'"10.48550/arXiv.{arxiv_id}"' for arxiv_id in ids)
    return {"params": {"query": f"doi:({query})", **{f"page[{name}]": str(value) for name, value in more.items()}}}


async def test_datacite_shows_25_unless_told_more() -> None:
    """Whoever forgets page[size] loses records, though they are counted; the next page holds the rest."""
    rows = corpus_of(*({} for _ in range(60)))
    known = {f"10.48550/arxiv.{key}" for key in rows.rows if standin.known_to("datacite", key)}
    async with standin.serve(rows) as server:
        first, second, whole = [
            (await ask(server, "GET", "/datacite/dois", **dois(rows.rows, **more))).json
            for more in ({}, {"size": 40, "number": 2}, {"size": 5000})
        ]
    assert [len(page["data"]) for page in (first, second, whole)] == [25, len(known) - 40, len(known)]
    assert {page["meta"]["total"] for page in (first, second, whole)} == {len(known)} != {60}
    assert {one["attributes"]["doi"] for one in whole["data"]} == known


async def test_datacite_record_has_the_fields_of_the_row() -> None:
    """People by two names, others by one, a version's day each, entities in the title."""
    line = {"id": "math/0309136", "title": "Ice & Snow", "authors": ["Ada van Frost", "OpenAI"], "version": 3}
    more = {"published": "2003-09-08", "updated": "2003-09-12", "categories": ["math.GT"], "doi": "10.5555/Ice"}
    async with standin.serve(corpus_of(line | more | {"abstract": "Cold.", "comment": "3 pages"})) as server:
        [one] = (await ask(server, "GET", "/datacite/dois", **dois(["math/0309136", "2401.00009"]))).json["data"]
    told = one["attributes"]
    assert (told["doi"], told["titles"]) == ("10.48550/arxiv.math/0309136", [{"title": "Ice &amp; Snow"}])
    assert [(who["name"], who.get("givenName")) for who in told["creators"]] == [
        ("Frost, Ada van", "Ada van"),
        ("OpenAI", None),
    ]
    days = [(date["date"][:10], date["dateInformation"]) for date in told["dates"] if date["dateType"] == "Submitted"]
    assert days == [("2003-09-08", "v1"), ("2003-09-10", "v2"), ("2003-09-12", "v3")]
    assert [subject["subject"][-9:] for subject in told["subjects"]] == ["(math.GT)", " sciences"]
    assert told["relatedIdentifiers"][0]["relatedIdentifier"] == "10.5555/Ice"
    assert [text["descriptionType"] for text in told["descriptions"]] == ["Abstract", "Other"]


@pytest.mark.parametrize(
    ("path", "question", "status"),
    [
        ("/datacite/dois/10.48550/arXiv.1806.05236", {}, 404),
        ("/datacite/dois", {}, 400),
        ("/datacite/dois", {"params": {"query": "title:ice"}}, 400),
        ("/datacite/dois", dois([]), 400),
        ("/datacite/dois", dois([MIXUP], size="many"), 400),
        ("/datacite/dois", dois([MIXUP], number=0), 400),
    ],
)
async def test_datacite_refuses(path: str, question: dict[str, Any], status: int) -> None:
    """Another address and a query of another form, in its words."""
    async with standin.serve() as server:
        reply = await ask(server, "GET", path, **question)
    assert (reply.status, reply.json["errors"][0]["status"]) == (status, str(status))


# Semantic Scholar


async def test_semantic_scholar_batch_keeps_place() -> None:
    """A batch answers in the order asked, null for unknown ids, versions and other schemes."""
    async with standin.serve() as server:
        reply = await batch(server, [f"ARXIV:{QWEN}", f"ARXIV:{KIMI}", f"ARXIV:{MIXUP}v1", f"MAG:{MIXUP}"])
    unknown, kimi, versioned, other = reply.json
    assert not standin.known_to("semantic_scholar", QWEN)
    assert (unknown, versioned, other) == (None, None, None)
    assert kimi["externalIds"]["ArXiv"] == KIMI
    assert kimi["citationCount"] == standin.invented_citations("semantic_scholar", KIMI)


async def test_semantic_scholar_limits() -> None:
    """More than 500 ids and unknown fields are 400."""
    async with standin.serve() as server:
        assert (await batch(server, ["ARXIV:2401.00001"] * 501)).status == 400
        reply = await ask(server, "POST", f"{BATCH}?fields=title,colour", json={"ids": ["ARXIV:2401.00001"]})
    assert (reply.status, reply.json) == (400, {"error": "Unrecognized or unsupported fields: [colour]"})


async def test_semantic_scholar_matches_a_title() -> None:
    """A match answers one paper with its score, or 404."""
    path = "/semantic_scholar/graph/v1/paper/search/match"
    async with standin.serve() as server:
        found = await ask(server, "GET", path, params={"query": "Music Transformer", "fields": "externalIds"})
        none = await ask(server, "GET", path, params={"query": "Nothing of that kind"})
    assert found.json["data"][0]["externalIds"]["ArXiv"] == "1809.04281"
    assert (none.status, none.json) == (404, {"error": "Title match not found"})


async def test_semantic_scholar_guesses() -> None:
    """Of a title it does not hold it shows one that shares half of its words."""
    path = "/semantic_scholar/graph/v1/paper/search/match"
    async with standin.serve() as server:
        found = await ask(server, "GET", path, params={"query": "Music Generation", "fields": "title,authors,abstract"})
    [guess] = found.json["data"]
    assert (guess["title"], bool(guess["abstract"]), "name" in guess["authors"][0]) == ("Music Transformer", True, True)


# OpenAlex


def works(ids: Iterable[str], **more: object) -> str:
    """The address of a list of works by arXiv id."""
    dois = "|".join(f"10.48550/arXiv.{arxiv_id}" for arxiv_id in ids)
    return f"/openalex/works?filter=doi:{dois}" + "".join(f"&{name}={value}" for name, value in more.items())


async def test_openalex_shows_25_unless_told_more() -> None:
    """Whoever forgets per_page loses rows, though they are counted."""
    rows = corpus_of(*({} for _ in range(60)))
    known = {key for key in rows.rows if standin.known_to("openalex", key)}
    async with standin.serve(rows) as server:
        short = (await ask(server, "GET", works(rows.rows))).json
        whole = (await ask(server, "GET", works(rows.rows, per_page=100, select="id,doi,cited_by_count"))).json
    assert (short["meta"]["count"], len(short["results"]), len(whole["results"])) == (
        len(known),
        25,
        len(known),
    )
    counts = {work["doi"]: work["cited_by_count"] for work in whole["results"]}
    assert counts == {
        f"https://doi.org/10.48550/arxiv.{key}": standin.invented_citations("openalex", key) for key in known
    }


@pytest.mark.parametrize("address", [works([MIXUP] * 101), works([]), works([MIXUP], per_page=101)])
async def test_openalex_refuses_too_much(address: str) -> None:
    """More than 100 values, none, or pages of more than 100 are 400."""
    async with standin.serve() as server:
        assert (await ask(server, "GET", address)).status == 400


async def test_openalex_budget_of_the_day() -> None:
    """Every list costs a credit; with none left it tells to wait for hours; a key has ten times as many."""
    async with standin.serve(openalex_credits=1) as server:
        last = await ask(server, "GET", works([MIXUP]))
        spent = await ask(server, "GET", works([MIXUP]))
        with_key = await ask(server, "GET", works([MIXUP], api_key="stand-in"))
    assert (last.status, last.headers["x-ratelimit-remaining"]) == (200, "0")
    assert (spent.status, int(spent.headers["Retry-After"]) >= 3600) == (429, True)
    assert "Resets at midnight UTC" in spent.json["message"]
    assert with_key.status == 200


async def test_openalex_files_some_under_the_journal_doi() -> None:
    """A paper it does not know by its arXiv DOI is found by its journal DOI."""
    hidden = next(hidden_from("openalex"))
    async with standin.serve(corpus_of({"id": hidden, "doi": "10.1234/ABC"})) as server:
        by_arxiv = await ask(server, "GET", works([hidden]))
        by_journal = await ask(server, "GET", "/openalex/works?filter=doi:10.1234/abc")
    assert by_arxiv.json["results"] == []
    assert by_journal.json["results"][0]["doi"] == "https://doi.org/10.1234/abc"


def hidden_from(provider: str) -> Iterator[str]:
    """Ids that a provider does not know."""
    return (key for key in (f"2401.{n:05}" for n in count(1)) if not standin.known_to(provider, key))


async def titled(server: standin.Server, words: str) -> Reply:
    """A search of OpenAlex for the words of a title."""
    return await ask(server, "GET", "/openalex/works", params={"filter": f"title.search:{words}"})


async def test_openalex_finds_titles_by_all_words() -> None:
    """In any order, under whichever DOI a work is filed, with its place at arXiv or without, authors cut at 100."""
    hidden = list(islice(hidden_from("openalex"), 40))
    lines = [{"id": key, "title": "How Ice Grows", "doi": f"10.1234/{key}"} for key in hidden]
    crowd = {"id": "2402.00001", "title": "How Snow Grows", "abstract": "a b a", "authors": list(map(str, range(101)))}
    async with standin.serve(corpus_of(*lines[:-1], lines[-1] | {"doi": ""}, crowd)) as server:
        ice, grows = (await titled(server, "grows ICE how")).json, (await titled(server, "Grows how snow")).json
        none, wrong = await titled(server, "How Ice Melts"), await titled(server, "How, Ice")
    assert (ice["meta"]["count"], len(ice["results"])) == (39, 25)
    [work] = grows["results"]
    assert work["doi"] == "https://doi.org/10.48550/arxiv.2402.00001"
    assert (len(work["authorships"]), work["abstract_inverted_index"]) == (100, {"a": [0, 2], "b": [1]})
    at_arxiv = {any("arxiv.org" in place["landing_page_url"] for place in work["locations"]) for work in ice["results"]}
    assert at_arxiv == {True, False}
    assert (none.json["results"], wrong.status) == ([], 400)


async def test_openalex_search_costs_ten_credits() -> None:
    """With fewer left a search is refused, and a list is not."""
    async with standin.serve(openalex_credits=19) as server:
        first, second = await titled(server, "Music"), await titled(server, "Music")
        by_doi = await ask(server, "GET", works([MIXUP]))
    assert [reply.status for reply in (first, second, by_doi)] == [200, 429, 200]
    assert [reply.headers["x-ratelimit-remaining"] for reply in (first, second, by_doi)] == ["9", "9", "8"]


# GitHub

QUERY = """query($o0:String!,$n0:String!){
  a0:repository(owner:$o0,name:$n0){...Repo}  a1:repository(owner:"nobody", name:"nothing"){...Repo}
  rateLimit{cost remaining resetAt} }
fragment Repo on Repository{databaseId nameWithOwner stargazerCount forkCount isArchived pushedAt
  licenseInfo{spdxId} primaryLanguage{name}}"""


async def graphql(server: standin.Server, query: str, **variables: str) -> Reply:
    """A GraphQL query with a token."""
    question = {"query": query, "variables": variables}
    return await ask(server, "POST", "/github/graphql", json=question, headers=TOKEN)


async def test_github_answers_aliases() -> None:
    """Aliases by variable and by literal are answered, a repository nobody names is NOT_FOUND."""
    async with standin.serve() as server:
        reply = (await graphql(server, QUERY, o0="dpbayes", n0="pld-accountant")).json
    expected = standin.invented_repository("DPBayes/PLD-Accountant")
    assert reply["data"]["a0"] == {
        "databaseId": expected.id,
        "nameWithOwner": "DPBayes/PLD-Accountant",
        "stargazerCount": expected.stars,
        "forkCount": expected.forks,
        "isArchived": expected.archived,
        "pushedAt": expected.pushed_at,
        "licenseInfo": None,
        "primaryLanguage": None,
    }
    assert reply["data"]["a1"] is None
    assert [(error["type"], error["path"]) for error in reply["errors"]] == [("NOT_FOUND", ["a1"])]
    assert reply["data"]["rateLimit"]["remaining"] == 4999


async def test_github_limits_of_a_query() -> None:
    """More than 120 aliases are an error and no data; without a token or User-Agent there is no answer."""
    aliases = " ".join(f'a{n}:repository(owner:"o",name:"n"){{url}}' for n in range(121))
    async with standin.serve() as server:
        many = await graphql(server, f"query{{{aliases}}}")
        stranger = await ask(server, "POST", "/github/graphql", json={"query": QUERY})
        nameless = await ask(server, "GET", "/github/repos/a/b", keep=False)
    assert many.json == {"errors": [{"message": "Resource limits for this query exceeded."}]}
    assert (stranger.status, stranger.json["message"]) == (401, "Bad credentials")
    assert nameless.status == 403


async def test_github_rest_tells_the_same_facts() -> None:
    """A repository by REST has the stars it has by GraphQL, and one that nobody names is 404."""
    async with standin.serve() as server:
        found = (await ask(server, "GET", "/github/repos/lkeab/Gaussian-Grouping")).json
        none = await ask(server, "GET", "/github/repos/nobody/nothing")
    expected = standin.invented_repository("lkeab/gaussian-grouping")
    assert (found["full_name"], found["stargazers_count"]) == ("lkeab/gaussian-grouping", expected.stars)
    assert (none.status, none.json["message"]) == (404, "Not Found")


async def test_github_renames_some() -> None:
    """A renamed repository is a redirect by REST and answers under its new name by GraphQL."""
    old = name_where(True, (f"owner/name{number}" for number in count()))
    owner, _, name = old.partition("/")
    async with standin.serve(corpus_of({"abstract": f"See https://github.com/{old}."})) as server:
        moved = await ask(server, "GET", f"/github/repos/{old}")
        there = await ask(server, "GET", moved.headers["Location"].removeprefix(server.url))
        by_query = await graphql(server, QUERY, o0=owner, n0=name)
    assert moved.status == 301
    assert there.json["full_name"] == by_query.json["data"]["a0"]["nameWithOwner"] == standin.renamed(old)


async def test_github_hour_without_a_token() -> None:
    """After the hour's requests everything is 403 until the reset; a token still works."""
    async with standin.serve(github_hourly=1) as server:
        first = await ask(server, "GET", "/github/repos/a/b")
        second = await ask(server, "GET", "/github/repos/a/b")
        token = await ask(server, "GET", "/github/repos/a/b", headers=TOKEN)
    assert (first.status, second.status, token.status) == (404, 403, 404)
    assert second.headers["x-ratelimit-remaining"] == "0"
    assert int(second.headers["x-ratelimit-reset"]) > time.time() + 3500


def test_repositories_come_from_texts_and_links() -> None:
    """Names are read from abstract, comment and links, freed of dots, braces, `.git`, backslashes."""
    rows = corpus_of(
        {"abstract": r"Code: {https://github.com/a/b\_c}.", "comment": "github.com/D/e.git, 3 pages"},
        {"code_urls": ["https://github.com/f/g", {"url": "https://www.github.com/h/i/tree/main"}]},
    )
    assert {"a/b_c", "d/e", "f/g", "h/i"} <= rows.repositories.keys()


# Hugging Face

MONDAY, TUESDAY, SATURDAY = "2026-03-02", "2026-03-03", "2026-03-07"
LISTED = corpus_of(*({"abstract": 'See github.com/o/n <here> & "there".', "authors": ["A B", "C"]} for _ in range(120)))
PAPERS = list(LISTED.rows)


async def daily(server: standin.Server, **query: object) -> Reply:
    """One question for a day's papers."""
    return await ask(server, "GET", "/huggingface/api/daily_papers", params={k: str(v) for k, v in query.items()})


def ids(entries: Iterable[Any]) -> list[str]:
    """The ids of entries."""
    return [entry["paper"]["id"] for entry in entries]


def listed_by(reply: Reply) -> dict[str, Any]:
    """The props of a page."""
    [props] = in_page(reply, "//*[@data-target='DailyPapers']/@data-props")
    found: dict[str, Any] = json.loads(props)
    return found


def in_page(reply: Reply, path: str) -> list[Any]:
    """What an XPath finds in a page."""
    found = etree.HTML(reply.text).xpath(path)
    assert isinstance(found, list)
    return found


async def test_huggingface_lists_a_day_in_slices() -> None:
    """A day has 50 entries unless told otherwise, the next by `p`, none beyond the end or for a day without papers."""
    async with standin.serve(LISTED, days={MONDAY: PAPERS}, today=SATURDAY) as server:
        first, second = await daily(server, date=MONDAY), await daily(server, date=MONDAY, limit=100, p=1)
        beyond, other = await daily(server, date=MONDAY, limit=100, p=2), await daily(server, date=TUESDAY)
    assert (ids(first.json), ids(second.json)) == (PAPERS[:50], PAPERS[100:])
    assert (beyond.json, other.json) == ([], [])


@pytest.mark.parametrize(
    "wrong", [{"date": "02.03.2026"}, {"date": "20260302"}, {"date": "2026-03-08"}, {"limit": 101}]
)
async def test_huggingface_refuses(wrong: dict[str, object]) -> None:
    """A malformed date, one after today and a limit above 100 are 400."""
    async with standin.serve(days={}, today=SATURDAY) as server:
        reply = await daily(server, **wrong)
    assert (reply.status, list(reply.json)) == (400, ["error"])


async def test_huggingface_entry_is_like_the_real_ones() -> None:
    """An entry is listed on its day in UTC, its outer time is New York's, and what it lacks is absent."""
    async with standin.serve(LISTED, days={MONDAY: PAPERS}, today=SATURDAY) as server:
        entries = (await daily(server, date=MONDAY, limit=100)).json
    papers = [entry["paper"] for entry in entries]
    assert {paper["submittedOnDailyAt"][:10] for paper in papers} == {MONDAY}
    for entry, paper in zip(entries, papers, strict=True):
        lag = datetime.fromisoformat(paper["publishedAt"]) - datetime.fromisoformat(entry["publishedAt"])
        assert lag.total_seconds() == 5 * 3600
        assert paper["githubStars"] == standin.invented_repository("o/n").stars
    for optional in ("projectPage", "organization"):
        assert {optional in paper for paper in papers} == {True, False}


async def test_huggingface_search_relates_entries() -> None:
    """Whatever it knows that shares a word, the very title first; within a quota of its own."""
    titles = ("How Ice Grows in a Cold Sea", "How Ice Grows", "Grows")
    hidden = {"id": next(hidden_from("huggingface")), "title": "How Ice Grows"}
    known = islice((key for key in (f"2402.{n:05}" for n in count(1)) if standin.known_to("huggingface", key)), 3)
    rows = corpus_of(*({"id": key, "title": title} for key, title in zip(known, titles, strict=True)), hidden)
    async with standin.serve(rows, huggingface_search=2, huggingface_api=1) as server:
        path = "/huggingface/api/papers/search"
        found, long, spent = [
            await ask(server, "GET", path, params={"q": query}) for query in ("how ice grows", "x" * 251, "ice")
        ]
        listed = await daily(server, date=MONDAY)
    assert [entry["paper"]["title"] for entry in found.json] == [
        "How Ice Grows",
        "How Ice Grows in a Cold Sea",
        "Grows",
    ]
    assert [reply.status for reply in (long, spent, listed)] == [400, 429, 200]
    assert spent.headers["RateLimit"].startswith('"search";r=0;t=')


async def test_huggingface_tells_of_single_papers() -> None:
    """The paper of an entry, within the quota of the lists; one in five in capitals, none without a repository."""
    known = [key for key in (f"2402.{n:05}" for n in range(1, 60)) if standin.known_to("huggingface", key)]
    old = next(key for key in (f"math/03{n:05}" for n in count(9001)) if standin.known_to("huggingface", key))
    lines = [{"id": key, "abstract": "Code: github.com/o/n. See github.com/a/b"} for key in known]
    async with standin.serve(corpus_of(*lines, {"id": old}), huggingface_api=len(known) + 2) as server:
        replies = [await ask(server, "GET", f"/huggingface/api/papers/{key}") for key in known]
        plain = await ask(server, "GET", f"/huggingface/api/papers/{old.replace('/', '%2F')}")
        none = await ask(server, "GET", f"/huggingface/api/papers/{next(hidden_from('huggingface'))}")
        spent = await daily(server, date=MONDAY)
    assert [reply.json["id"] for reply in replies] == known
    linked = [reply.json["githubRepo"] for reply in replies]
    assert set(linked) == {"https://github.com/o/n", "https://github.com/O/N"}
    assert 5 < linked.count("https://github.com/O/N") < 20
    assert (plain.json["id"], "githubRepo" in plain.json) == (old, False)
    assert (none.status, none.json, spent.status) == (404, {"error": "Paper not found"}, 429)
    assert [seen.asked for seen in server.log[-3:-1]] == [[old], [next(hidden_from("huggingface"))]]


async def test_huggingface_page_agrees_with_its_cards() -> None:
    """The page's props are the entries of the API, and each card says what its entry says."""
    async with standin.serve(LISTED, days={MONDAY: PAPERS}, today=MONDAY) as server:
        reply = await ask(server, "GET", f"/huggingface/papers/date/{MONDAY}")
        entries = (await daily(server, date=MONDAY, limit=100)).json
    props, cards = listed_by(reply), in_page(reply, "//article")
    assert (props["dateString"], props["prevDate"], "nextDate" in props) == (MONDAY, "2026-02-27", False)
    assert props["dailyPapers"][:100] == entries
    assert len(cards) == len(props["dailyPapers"]) == 120
    for entry, card in zip(props["dailyPapers"], cards, strict=True):
        [title], [upvotes] = card.xpath(".//h3/a"), card.xpath(".//a[starts-with(@href, '/login')]//*[@class]/text()")
        assert (title.get("href"), title.text) == (f"/papers/{entry['paper']['id']}", entry["title"])
        assert upvotes == str(entry["paper"]["upvotes"] or "-")
        comments = "".join(card.xpath(".//a[contains(@href, '#community')]/text()")).strip()
        assert comments == str(entry["numComments"] or "")
        who = entry.get("organization", {}).get("fullname") or "2 authors"
        assert who in "".join(card.itertext())


async def test_huggingface_page_of_a_day_without_papers_shows_another() -> None:
    """Such a day shows the latest earlier one that has some; before the first there is no page."""
    async with standin.serve(LISTED, days={MONDAY: PAPERS[:2], TUESDAY: []}, today=SATURDAY) as server:
        other = await ask(server, "GET", f"/huggingface/papers/date/{SATURDAY}")
        before = await ask(server, "GET", "/huggingface/papers/date/2026-02-27")
    assert (listed_by(other)["dateString"], listed_by(other)["nextDate"]) == (MONDAY, TUESDAY)
    assert before.status == 404


async def test_huggingface_days_change_while_it_runs() -> None:
    """A day shown late, another count of upvotes and the next day are set on the running server."""
    days: dict[str, list[Any]] = {}
    async with standin.serve(LISTED, days=days, today=MONDAY) as server:
        assert (await daily(server)).json == []
        days[MONDAY] = [standin.entry(LISTED.rows[PAPERS[0]], MONDAY, upvotes=7)]
        server.options.today = TUESDAY
        shown = await daily(server, date=MONDAY)
        assert (await daily(server)).json == []
    assert [entry["paper"]["upvotes"] for entry in shown.json] == [7]


async def test_huggingface_lists_each_paper_of_the_corpus_once() -> None:
    """Without days of its own the server lists every paper on one weekday soon after it was published."""
    days = huggingface.corpus_days(LISTED)
    assert sorted(chain.from_iterable(days.values())) == PAPERS
    assert all(datetime.fromisoformat(day).weekday() < 5 for day in days)
    async with standin.serve(LISTED) as server:
        for day, listed in list(days.items())[:3]:
            assert ids((await daily(server, date=day)).json) == listed


async def test_huggingface_quotas_of_a_window() -> None:
    """API and pages have a quota each; one that is spent is 429 with the time left, twice as late with a token."""
    page = f"/huggingface/papers/date/{MONDAY}"
    async with standin.serve(LISTED, days={MONDAY: PAPERS}, huggingface_api=1, huggingface_pages=1) as server:
        first, second = await daily(server, date=MONDAY), await daily(server, date=MONDAY)
        token = await ask(server, "GET", f"/huggingface/api/daily_papers?date={MONDAY}", headers=TOKEN)
        pages = [(await ask(server, "GET", page)).status for _ in range(2)]
    assert (first.status, second.status, token.status, pages) == (200, 429, 200, [200, 429])
    assert first.headers["RateLimit-Policy"] == '"fixed window";"api";q=1;w=300'
    assert re.fullmatch(r'"api";r=0;t=\d+', second.headers["RateLimit"])
    assert "Retry-After" not in second.headers


@pytest.mark.corpus
async def test_huggingface_lists_the_entries_of_saved_pages(shared: Path) -> None:
    """Entries of a real page come back as they were handed over, by API and page."""
    saved = (shared / "data" / "hf_daily_html" / "2026-05-07.html").read_text(encoding="utf-8")
    props = listed_by(Reply(200, {}, saved))
    async with standin.serve(days={"2026-05-07": props["dailyPapers"]}, today="2026-06-01") as server:
        by_api = await daily(server, date="2026-05-07")
        by_page = listed_by(await ask(server, "GET", "/huggingface/papers/date/2026-05-07"))
    assert by_api.json == by_page["dailyPapers"] == props["dailyPapers"]
    assert by_page.items() <= props.items()


# arXiv's feeds

FEED = corpus_of(
    {
        "id": "2603.00001",
        "title": "A < B",
        "abstract": "We & they.",
        "categories": ["cs.CL"],
        "authors": ["A B", "C D"],
    },
    {"id": "2603.00002", "categories": ["stat.ML", "cs.LG"], "doi": "10.1234/x", "journal_ref": "J. 1 (2026)"},
    {"id": "2509.00003", "categories": ["cs.LG"], "version": 3},
)
ANNOUNCED = {MONDAY: {"2603.00001": "new", "2603.00002": "cross", "2509.00003": "replace"}}


async def rss(server: standin.Server, categories: str) -> Reply:
    """The feed of categories."""
    return await ask(server, "GET", f"/arxiv/rss/{categories}")


async def test_feed_announces_a_day() -> None:
    """The feed of a category set holds what is announced there today, with type, version and midnight in New York."""
    async with standin.serve(FEED, announced=ANNOUNCED, today=MONDAY) as server:
        both, one, archive = await rss(server, "cs.CL+cs.LG"), await rss(server, "cs.CL"), await rss(server, "cs")
    assert both.find("//item/guid/text()") == [
        f"oai:arXiv.org:{key}" for key in ("2603.00001v1", "2603.00002v1", "2509.00003v3")
    ]
    assert both.find("//item/arxiv:announce_type/text()") == ["new", "cross", "replace"]
    assert both.find("/rss/channel/link/text()") == ["http://rss.arxiv.org/rss/cs.CL+cs.LG"]
    assert set(both.find("//pubDate/text()")) == {"Mon, 02 Mar 2026 00:00:00 -0500"}
    assert one.find("//item/description/text()") == ["arXiv:2603.00001v1 Announce Type: new \nAbstract: We & they."]
    assert len(archive.find("//item")) == 3
    assert server.log[0].asked == ["cs.CL", "cs.LG"]


async def test_feed_of_an_empty_day() -> None:
    """A day on which nothing is announced is a feed without items, under another ETag."""
    async with standin.serve(FEED, announced=ANNOUNCED, today=MONDAY) as server:
        full, again = await rss(server, "cs.CL"), await rss(server, "cs.CL")
        server.options.today = SATURDAY
        empty = await rss(server, "cs.CL")
    assert (empty.status, empty.find("//item")) == (200, [])
    assert empty.find("//skipDays/day/text()") == ["Saturday", "Sunday"]
    assert full.headers["ETag"] == again.headers["ETag"] != empty.headers["ETag"]


async def test_feed_of_an_unknown_category() -> None:
    """A category that does not exist is 400 and a feed that says so."""
    async with standin.serve(FEED) as server:
        reply = await rss(server, "cs.CL+xx")
    assert (reply.status, reply.find("//item")) == (400, [])
    assert reply.find("/rss/channel/title/text()") == ["Feed error for query: http://rss.arxiv.org/rss/cs.CL+xx"]
    assert reply.find("/rss/channel/description/text()")[0].startswith("Bad archive 'xx'.")


# Invented figures


def test_invented_figures_have_the_promised_shares() -> None:
    """About one in 20 counts is 0, one in 25 papers is unknown, one in 20 repositories renamed."""
    ids = [f"2401.{number:05}" for number in range(5000)]
    for provider in ("datacite", "semantic_scholar", "openalex", "huggingface"):
        assert 200 < sum(standin.invented_citations(provider, key) == 0 for key in ids) < 300
        assert 150 < sum(not standin.known_to(provider, key) for key in ids) < 250
    assert 200 < sum(standin.renamed(f"o/{key}") != f"o/{key}" for key in ids) < 300
    assert standin.invented_citations("semantic_scholar", KIMI) == 58


# Faults


@pytest.mark.parametrize(
    ("kind", "status"), [("429", 429), ("429-date", 429), ("500", 500), ("502", 502), ("wrong200", 200)]
)
async def test_fault_that_is_an_answer(kind: str, status: int) -> None:
    """Each distinct request meets the fault once, then gets its answer."""
    async with standin.serve(fail_first=kind) as server:
        first = await batch(server, [f"ARXIV:{KIMI}"])
        second = await batch(server, [f"ARXIV:{KIMI}"])
        other = await batch(server, [f"ARXIV:{MIXUP}"])
    assert (first.status, second.status, other.status) == (status, 200, status)
    assert first.text != second.text
    assert [(seen.status, seen.fault) for seen in server.log] == [(status, kind), (200, None), (status, kind)]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("hang", TimeoutError),
        ("cut", aiohttp.ClientPayloadError),
        ("reset", aiohttp.ClientConnectionError),
    ],
)
async def test_fault_of_the_connection(kind: str, error: type[Exception]) -> None:
    """A request hangs, is cut in the middle or gets no answer; the next one is served."""
    async with standin.serve(fail_first=kind) as server:
        question: dict[str, Any] = {"data": {"id_list": MIXUP}}
        with pytest.raises(error):
            await ask(server, "POST", "/arxiv/api/query", limit=0.2 if kind == "hang" else 5, **question)
        assert (await ask(server, "POST", "/arxiv/api/query", **question)).entries == [f"{MIXUP}v1"]
    assert [seen.fault for seen in server.log] == [kind, None]


async def test_told_wait_comes_in_seconds_or_as_a_date() -> None:
    """Retry-After is 1, or a date within the second after the answer's own."""
    async with standin.serve(fail_first="429") as server:
        assert (await search(server, id_list=MIXUP)).headers["Retry-After"] == "1"
    async with standin.serve(fail_first="429-date") as server:
        headers = (await search(server, id_list=MIXUP)).headers
    wait = parsedate_to_datetime(headers["Retry-After"]) - parsedate_to_datetime(headers["Date"])
    assert wait.total_seconds() == 1


@pytest.mark.parametrize("provider", standin.PROVIDERS)
async def test_provider_that_is_down(provider: str) -> None:
    """One provider can be down while the others answer."""
    async with standin.serve(down={provider}) as server:
        replies = [
            await search(server, id_list=MIXUP),
            await ask(server, "GET", "/datacite/dois", **dois([MIXUP])),
            await batch(server, ["ARXIV:2401.00001"]),
            await ask(server, "GET", works([MIXUP])),
            await ask(server, "GET", "/github/repos/lkeab/x"),
            await daily(server, date="2026-03-02"),
        ]
    assert [reply.status == 503 for reply in replies] == [name == provider for name in standin.PROVIDERS]


async def test_poisoned_id_spoils_every_batch_it_is_in() -> None:
    """A batch with a poisoned id is 500 each time, without it is served."""
    async with standin.serve(poisoned=frozenset({f"ARXIV:{KIMI}"})) as server:
        statuses = [(await batch(server, ids)).status for ids in ([f"ARXIV:{KIMI}"], [f"ARXIV:{MIXUP}"])]
    assert statuses == [500, 200]


async def test_answer_set_in_place_of_another() -> None:
    """Whatever a test sets for a path or a thing asked for is answered, and nothing else changes."""
    instead = {
        MONDAY: standin.LOGIN,
        "/papers/date/2026-03-03": standin.answer_json({"error": "?"}),
        "cs.CL": standin.CHALLENGE,
    }
    async with standin.serve(LISTED, days={TUESDAY: PAPERS[:1]}, instead=instead) as server:
        login, other = await daily(server, date=MONDAY), await daily(server, date=TUESDAY)
        page = await ask(server, "GET", f"/huggingface/papers/date/{TUESDAY}")
        challenge = await rss(server, "cs.LG+cs.CL")
    assert (login.status, login.headers["Content-Type"], "<article>" in login.text) == (200, "text/html", True)
    assert (ids(other.json), page.json) == (PAPERS[:1], {"error": "?"})
    assert challenge.text == standin.CHALLENGE.body


def test_random_faults_follow_the_seed() -> None:
    """The same seed gives the same faults, about as many as asked for, of all kinds."""
    keys = [str(number) for number in range(3000)]

    def drawn(seed: int) -> list[str | None]:
        faults = Faults(standin.Options(faults=0.08, seed=seed))
        return [faults.draw(key) for key in keys]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 180 < sum(kind is not None for kind in drawn(1)) < 300
    assert set(drawn(1)) == {None, *standin.KINDS}


def test_random_faults_spare_the_third_try() -> None:
    """Even if every request is to fail, none meets more than two faults, and at most one wrong 200."""
    faults = Faults(standin.Options(faults=1))
    for key in map(str, range(300)):
        kinds = [faults.draw(key) for _ in range(4)]
        assert kinds[2:] == [None, None]
        assert kinds.count("wrong200") <= 1


def test_unknown_fault_is_refused() -> None:
    """A fault that does not exist is an error, not a server without faults."""
    with pytest.raises(ValueError, match="no such fault: 418"):
        standin.Options(fail_first="418")


# Pace and log


class Clock:
    """A clock that a test sets: nobody waits."""

    now = 0.0

    def monotonic(self) -> float:
        """Seconds, as `time.monotonic` tells them."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The server's clock."""
    ours = Clock()
    monkeypatch.setattr(standin_server, "time", ours)
    return ours


async def test_start_sooner_than_the_interval_is_refused(clock: Clock) -> None:
    """The second of two starts within the interval is 429 and an undercut, one that waited is served."""
    replies = []
    async with standin.serve(interval={"openalex": 0.2}) as server:
        for clock.now in (0.0, 0.1, 0.3):
            replies.append(await ask(server, "GET", works([MIXUP])))
    assert [reply.status for reply in replies] == [200, 429, 200]
    assert [seen.undercut for seen in server.log] == [None, "interval", None]


async def test_without_an_interval_nothing_is_too_soon() -> None:
    """Many requests at once are served where no interval is set."""
    async with standin.serve() as server:
        replies = await asyncio.gather(*(batch(server, [f"ARXIV:{MIXUP}"] * 500) for _ in range(20)))
    assert {reply.status for reply in replies} == {200}
    assert not any(seen.undercut for seen in server.log)


async def test_semantic_scholar_is_slower_without_a_key(clock: Clock) -> None:
    """The interval holds for whoever sends a key, six times as much for others."""
    async with standin.serve(interval={"semantic_scholar": 0.1}) as server:
        for headers in ({}, {"x-api-key": "stand-in"}, {}):
            clock.now += 0.11
            await batch(server, [f"ARXIV:{KIMI}"], **headers)
    assert [seen.undercut for seen in server.log] == [None, None, "interval"]
    assert server.environment()["PAPERHARVEST_PROVIDERS__SEMANTIC_SCHOLAR__INTERVAL"] == "0.6"


async def test_arxiv_has_one_connection() -> None:
    """Of two questions open at once arXiv answers one."""
    async with standin.serve(latency=0.1) as server:
        replies = await asyncio.gather(*(search(server, id_list=key) for key in (MIXUP, KIMI)))
    assert sorted(reply.status for reply in replies) == [200, 429]
    assert [seen.undercut for seen in server.log] == [None, "connections"]


async def test_start_before_a_told_wait_is_over_is_noticed(clock: Clock) -> None:
    """A request that comes before the told time is served but stands in the log as an undercut."""
    async with standin.serve(fail_first="429") as server:
        for clock.now in (0.0, 0.5, 1.5):
            await ask(server, "GET", works([MIXUP]))
    assert [seen.undercut for seen in server.log] == [None, "told", None]


async def test_log_tells_who_asked_for_what() -> None:
    """Log and counts are there in the process and as JSON."""
    async with standin.serve(fail_first="500") as server:
        await search(server, id_list=f"{MIXUP},{KIMI}")
        await search(server, search_query='ti:"sink OR swim" OR ti:"c d"')
        await ask(server, "GET", works([MIXUP]))
        log, counts = (await ask(server, "GET", "/_log")).json, (await ask(server, "GET", "/_counts")).json
    assert [seen.asked for seen in server.log] == [
        [MIXUP, KIMI],
        ['ti:"sink OR swim"', 'ti:"c d"'],
        [f"10.48550/arXiv.{MIXUP}"],
    ]
    assert log[0] | {"start": 0} == {
        "provider": "arxiv",
        "method": "POST",
        "path": "/api/query",
        "start": 0,
        "asked": [MIXUP, KIMI],
        "count": 2,
        "status": 500,
        "fault": "500",
        "undercut": None,
    }
    assert counts == server.counts()
    assert counts["arxiv"] == {"requests": 2, "asked": 4, "faults": 2, "undercuts": 0}


async def test_every_answer_says_that_counts_are_invented() -> None:
    """A header of each answer says so."""
    async with standin.serve() as server:
        assert (await batch(server, [f"ARXIV:{KIMI}"])).headers["X-Stand-In"] == "all counts are invented"


# Ways to run it


def fetch(url: str) -> bytes:
    """What a plain GET answers."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
        body: bytes = answer.read()
    return body


def test_running_serves_from_a_thread() -> None:
    """Without an event loop the server runs in a thread, and tells a client where it is."""
    with standin.running(faults=1e-9, latency=0.01) as server:
        environment = server.environment()
        assert MIXUP.encode() in fetch(f"{server.url}/arxiv/api/query?id_list={MIXUP}")
    assert environment["GITHUB_TOKEN"] == "stand-in"  # noqa: S105 - no secret
    for name in ("ARXIV", "DATACITE", "SEMANTIC_SCHOLAR", "OPENALEX", "GITHUB", "HUGGINGFACE"):
        prefix = f"PAPERHARVEST_PROVIDERS__{name}__"
        assert environment[f"{prefix}BASE_URL"] == f"{server.url}/{name.lower()}"
        assert (environment[f"{prefix}INTERVAL"], environment[f"{prefix}BACKOFF"]) == ("0", "0.05")
        assert environment[f"{prefix}TIMEOUT"] == "2.01"


def module(*arguments: str) -> list[str]:
    """The command line of the stand-in."""
    return [sys.executable, "-m", "tests.standin", *arguments]


def test_command_is_run_against_the_server() -> None:
    """The command gets the settings, stands beside the interpreter, and its exit status is passed on."""
    script = (
        "import os, sys, urllib.request as u; base = os.environ['PAPERHARVEST_PROVIDERS__ARXIV__BASE_URL']; "
        f"print(u.urlopen(base + '/api/query?id_list={MIXUP}').status); sys.exit(3)"
    )
    command = module("--latency", "0.01", "--", Path(sys.executable).name, "-c", script)
    environment = os.environ | {"PATH": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (3, "200\n")
    assert "invented" in done.stderr


def test_command_that_does_not_exist() -> None:
    """A command that is nowhere is named, with status 127."""
    done = subprocess.run(module("--", "no-such"), cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 127
    assert done.stderr.startswith("no-such is neither on PATH nor in ")


def test_alone_it_prints_its_settings_until_stopped() -> None:
    """Without a command it prints settings and that figures are invented, and ends quietly when told to."""
    pipe = subprocess.PIPE
    with subprocess.Popen(module(), cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as child:  # noqa: S603
        assert child.stdout is not None
        sentence, *lines = [child.stdout.readline().strip() for _ in range(17)]
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate(timeout=5)
    assert "invented" in sentence
    assert dict(line.split("=") for line in lines)["GITHUB_TOKEN"] == "stand-in"  # noqa: S105 - no secret
    assert (child.returncode, errors) == (0, "")


# The papers it comes with


def test_examples_hold_the_small_corpus() -> None:
    """The two example digests hold the twelve papers, two of them both, as title, abstract and shown day."""
    rows = standin.load().rows.values()
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples/digests").glob("*.txt"))]
    held = [[row.id for row in rows if f"\n\n{row.title}\n\n{row.abstract}" in text] for text in texts]
    assert [len(ids) for ids in held] == [8, 6]
    assert len(rows) == len(set(held[0] + held[1])) == 12
    assert [text.count("\n\n") + 1 for text in texts] == [5 + 8 * 2, 6 + 6 * 3]
    assert all(len(row.abstract) >= 400 and row.dated and row.authors for row in rows)


def test_examples_show_the_eastern_day() -> None:
    """A record's date is its day of publication or the one before, with its year unless that is 2025."""
    text = (ROOT / "examples/digests/papers-search-2025-12-24.txt").read_text(encoding="utf-8")
    blocks = text.split("\n\n")[6:]
    published = {row.title: row.published for row in standin.load().rows.values()}
    early = []
    for title, meta in zip(blocks[::3], blocks[2::3], strict=True):
        day, year = re.findall(r"^([A-Z][a-z]+ \d+)(, \d{4})?(?: \d+)?$", meta.splitlines()[2])[0]
        assert year != ", 2025"
        shown = datetime.strptime(day + (year or ", 2025"), "%b %d, %Y").replace(tzinfo=UTC)
        early.append((published[title] - shown).days)
    assert set(early) == {0, 1}


@pytest.mark.corpus
async def test_large_corpus_is_searched_at_once(shared: Path) -> None:
    """Forty OR-ed titles of 12,752 find their forty papers in well under a second of work."""
    corpus = standin.load(shared / "data" / "corpus_small.jsonl.gz")
    rows = [row for row in corpus.rows.values() if row.title.isascii()][5000:5040]
    query = " OR ".join(f'ti:"{" ".join(words(row.title))}"' for row in rows)
    async with standin.serve(corpus) as server:
        begin = time.process_time()
        reply = await search(server, search_query=query, max_results=200)
        work = time.process_time() - begin
    assert {row.id for row in rows} <= {entry.rpartition("v")[0] for entry in reply.entries}
    assert work < 0.5
