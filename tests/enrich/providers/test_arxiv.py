"""ArXiv's own ways: what is sent, what a search answers, and three generations that tell the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from enrich.errors import BadBatch, NotUnderstood
from enrich.http import Answer
from enrich.providers import arxiv
from tests.conftest import fixture_path
from tests.enrich.scripted import Reply, door, serving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.connect import Database
    from tests.enrich.scripted import Server

HEAD = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
    "<title>arXiv Query: search_query={query}&amp;id_list=&amp;start=0&amp;max_results=10</title>"
    "<opensearch:totalResults>{total}</opensearch:totalResults>"
)
NAMELESS = '<entry><category term=""/></entry>'


def entry(number: int) -> str:
    """The least that is an entry."""
    return f"<entry><id>http://arxiv.org/abs/2401.{number:05}v1</id><title>Ice {number}</title></entry>"


def feed(total: int, entries: Iterable[str], query: str = 'ti:"Ice"') -> Reply:
    """One slice of an answer to a search."""
    return Reply(HEAD.format(query=query, total=total) + "".join(entries) + "</feed>")


def forms(server: Server) -> list[dict[str, str]]:
    """What was sent, request by request."""
    sent = [parse_qs(request.body.decode(), keep_blank_values=True) for request in server.log]
    return [{key: value for key, [value] in form.items()} for form in sent]


def expected(case: str) -> dict[str, Any]:
    """A golden answer, as it is read."""
    answer: dict[str, Any] = json.loads(fixture_path(f"arxiv/{case}.expected.json").read_text(encoding="utf-8"))
    return answer


def test_three_generations_tell_the_same() -> None:
    """Equal records of equal papers; only the second dates a first version anew, and is not taken for a second one."""
    first, second, third = (expected(f"generation_{number}") for number in (1, 2, 3))
    assert first == third
    assert second["hep-th/9901001"]["fact"].pop("updated") != first["hep-th/9901001"]["fact"].pop("updated")
    assert first == second


async def test_ids_go_by_post_with_room_for_all(turns: Database) -> None:
    """500 ids are too long for an address, and without `max_results` ten of them would be answered."""
    ids = [f"2401.{number:05}" for number in range(1, 501)]
    async with serving(feed(0, [])) as server, door(server.url, turns, "arxiv") as api:
        assert await arxiv.fetch(ids, api) == {}
    assert server.log[0].path == "/api/query"
    assert forms(server) == [{"id_list": ",".join(ids), "start": "0", "max_results": "500"}]


async def test_titles_go_as_phrases(turns: Database) -> None:
    """OR-ed, by POST, with room for ten entries a title."""
    async with serving(feed(1, [entry(1)])) as server, door(server.url, turns, "arxiv") as api:
        found = await arxiv.find(["How Ice Grows", "Snow"], api)
    assert forms(server) == [{"search_query": 'ti:"How Ice Grows" OR ti:"Snow"', "start": "0", "max_results": "20"}]
    assert ([one.title for one in found.candidates], found.complete) == (["Ice 1"], True)


async def test_the_rest_of_a_search_is_fetched(turns: Database) -> None:
    """From where the first slice ended; an entry that came twice counts once, and then something was missed."""
    slices = [feed(5, map(entry, (1, 2, 3))), feed(5, map(entry, (3, 4)))]
    async with serving(*slices) as server, door(server.url, turns, "arxiv") as api:
        found = await arxiv.find(["Ice"], api)
    assert [(form["start"], form["max_results"]) for form in forms(server)] == [("0", "10"), ("3", "2000")]
    assert ([(one.arxiv_id or "")[-1] for one in found.candidates], found.complete) == (["1", "2", "3", "4"], False)


async def test_more_than_can_be_read_is_a_bad_batch(turns: Database) -> None:
    """Of several titles; a single one is read as far as it goes."""
    async with serving(feed(2001, map(entry, range(1, 2001)))) as server, door(server.url, turns, "arxiv") as api:
        with pytest.raises(BadBatch, match="2001 results for 2 titles"):
            await arxiv.find(["Ice", "Snow"], api)
        found = await arxiv.find(["Ice"], api)
    assert (len(found.candidates), found.complete) == (2000, False)


async def test_a_search_that_does_not_go_on_ends(turns: Database) -> None:
    """Results are counted, and none of those shown has an id: not understood, rather than asked for for ever."""
    async with serving(feed(3, [NAMELESS])) as server, door(server.url, turns, "arxiv") as api:
        with pytest.raises(NotUnderstood):
            await arxiv.find(["Ice"], api)
    assert len(server.log) == 2


async def test_a_search_elsewhere_is_not_understood(turns: Database) -> None:
    """ArXiv rewrites an unknown field to `all:`, as the echo in the feed's title shows."""
    rewritten = feed(1, [entry(1)], query="all:tii:Ice")
    async with serving(rewritten) as server, door(server.url, turns, "arxiv") as api:
        with pytest.raises(NotUnderstood):
            await arxiv.find(["Ice"], api)
    assert len(server.log) == 2


async def test_a_malformed_id_is_named(turns: Database) -> None:
    """The reason is arXiv's own sentence."""
    golden = json.loads(fixture_path("arxiv/error_400.json").read_text(encoding="utf-8"))
    async with serving(Reply("\n".join(golden["body"]), 400)) as server, door(server.url, turns, "arxiv") as api:
        with pytest.raises(BadBatch, match=r"^arXiv: incorrect id format for 24O6\.01001$"):
            await arxiv.fetch(golden["questions"], api)
    assert len(server.log) == 1


@pytest.mark.parametrize(
    ("comment", "abstract", "withdrawn"),
    [
        ("This paper has been withdrawn by the author", "", True),
        ("Withdrawn.", "", True),
        ("[withdrawn] see arXiv:2401.00001", "", True),
        ("The article was withdrawn due to an error in Section 3", "", True),
        ("12 pages; this submission is withdrawn", "", True),
        ("", "This paper has been withdrawn by the authors due to an error.", True),
        ("", "  The manuscript was withdrawn.", True),
        ("", "Our work has been withdrawn.", True),
        ("", "Any paper may be withdrawn.", False),
        ("", "Paper withdrawn.", True),
        ("", "We study how funds are withdrawn. This paper is long.", False),
        (
            "",
            "This paper studies deposits that nobody foresaw in a hundred years, never withdrawn.",
            False,
        ),
        ("Accounts withdrawn in 2020", "", False),
        ("12 pages", "We freeze rivers.", False),
        ("", "", False),
    ],
)
def test_withdrawn(comment: str, abstract: str, withdrawn: bool) -> None:
    """ArXiv has no flag: a comment that says so, or an abstract that begins with it."""
    text = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:o="http://a9.com/-/spec/opensearch/1.1/"'
        ' xmlns:arxiv="http://arxiv.org/schemas/atom"><o:totalResults>1</o:totalResults><entry>'
        f"<id>http://arxiv.org/abs/2401.00001v2</id><title>T</title><summary>{abstract}</summary>"
        f"<arxiv:comment>{comment}</arxiv:comment></entry></feed>"
    )
    [told] = arxiv.parse(Answer(200, {}, text.encode())).entries
    assert told.fact.withdrawn is withdrawn
