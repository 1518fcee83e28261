"""arXiv's feed of a day: what is refused, what is told apart, and feeds that nobody wrote."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import layouts
from crawler.layouts import LayoutChanged, arxiv_rss
from tests import standin
from tests.conftest import fixture_path

if TYPE_CHECKING:
    from storage.documents import Page

unhurried = settings(deadline=None)
RSS, ATOM = (fixture_path(f"arxiv_rss/{form}.xml").read_text(encoding="utf-8") for form in ("rss", "atom"))
BOTH = pytest.mark.parametrize("feed", [RSS, ATOM], ids=["rss", "atom"])


def reason(text: str) -> str:
    """Why the layout refuses a text that it takes for its own."""
    assert arxiv_rss.matches(text)
    with pytest.raises(LayoutChanged) as refused:
        arxiv_rss.parse(text)
    return str(refused.value)


def emptied(feed: str) -> str:
    """The feed without its items."""
    return re.sub(r"\s*<(item|entry)>.*</\1>", "", feed, flags=re.DOTALL)


@BOTH
def test_empty_day(feed: str) -> None:
    """A feed without items is refused as an empty day of its categories, not stored as nothing."""
    said = r"no_records: an empty day: arxiv-rss:cs\.CL(\+cs\.LG)?:2026-\d\d-\d\d announces nothing"
    assert re.fullmatch(said, reason(emptied(feed)))
    empty = arxiv_rss.feed(emptied(feed))
    assert (empty.listings, empty.page_date) == ((), arxiv_rss.parse(feed).page_date)


@BOTH
def test_error_feed(feed: str) -> None:
    """The feed that comes with status 400 is refused with what it says."""
    said = re.sub("<title>[^<]*", "<title>Feed error for query: http://rss.arxiv.org/rss/cs.XX", emptied(feed), count=1)
    said = re.sub(r"cs\.(LG, cs\.)?CL updates on the[^<]*", "Bad subject class &apos;XX&apos;.", said)
    expected = "answer_unexpected: Feed error for query: http://rss.arxiv.org/rss/cs.XX: Bad subject class 'XX'."
    assert reason(said) == expected


@pytest.mark.parametrize(
    "text",
    [
        RSS.replace("<rss", '<!DOCTYPE rss [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><rss', 1).replace("Kelp", "&b;"),
        ATOM.replace("<feed", '<!DOCTYPE feed SYSTEM "file:///etc/passwd"><feed', 1),
        RSS.replace("Kelp", "x" * 50_000_000, 1),
        RSS.replace("Kelp", "&kelp;", 1),
        RSS.replace("Kelp", "\0", 1),
        RSS.removesuffix("</rss>\n"),
        RSS.replace("channel>", "chanel>"),
    ],
    ids=["entity_bomb", "document_type", "title_of_50_MB", "unknown_entity", "nul", "cut", "no_channel"],
)
def test_wrong_format(text: str) -> None:
    """Entities, a document type, texts beyond lxml's limit and broken XML are refused, soon and in little memory."""
    assert reason(text).startswith("wrong_format")


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("oai:arXiv.org:2607.01230v1", "oai:arXiv.org:2607.01230", "no guid"),
        ("oai:arXiv.org:2607.01230v1", "oai:arXiv.org:2607.0123v1", "no guid"),
        ("<title>Only the Abstract Changed</title>", "<title> </title>", "no title"),
        ("abs/2607.01230<", "abs/2607.01231<", "the same paper"),
        ("arXiv:2607.01230v1", "arXiv:2607.01230v2", "the same paper"),
        ("arXiv:2607.01230v1 Announce Type: new", "We compare", "the same paper"),
        ("<arxiv:announce_type>new<", "<arxiv:announce_type>cross<", "announced as 'cross' and 'new'"),
        ("absonly", "withdrawal", "announced as 'withdrawal'"),
        ("<arxiv:announce_type>absonly</arxiv:announce_type>", "", "announced as ''"),
        ("<title>Only the Abstract", "<title>Only <b>the</b> Abstract", "not plain"),
        ("<title>Only", "<title>Old</title><title>Only", "twice"),
        ("Thu, 09 Jul", "Fri, 09 Jul", "no time"),
        ("<link>http://rss.arxiv.org/rss/", "<link>http://example.org/", "does not tell its categories"),
        ("    <pubDate>Thu, 09 Jul 2026 00:00:00 -0400</pubDate>\n    <skip", "<skip", "does not tell"),
        ("dc:creator", "dc:author", "no item tells its creators"),
        ("<item>\n      <title>Only", "<skipDays><item/></skipDays><item>\n      <title>Only", "outside"),
    ],
)
def test_item_of_another_shape_refuses_the_feed(was: str, becomes: str, said: str) -> None:
    """Whatever contradicts itself or is no longer there refuses the whole feed, and says where."""
    found = reason(RSS.replace(was, becomes))
    assert re.match(r"record_shape in line \d+: ", found)
    assert said in found


@pytest.mark.parametrize("kind", ["new", "cross", "replace", "replace-cross", "absonly"])
def test_announce_types_are_kept_apart(kind: str) -> None:
    """Each type that arXiv knows is told as it is."""
    page = arxiv_rss.parse(ATOM.replace("Type: new", f"Type: {kind}").replace(">new<", f">{kind}<"))
    assert [listing.announced for listing in page.listings] == [kind, "replace"]


def test_feed_that_may_be_cut_off_is_warned_about() -> None:
    """A feed of 2,000 items, as many as arXiv puts into one, is read with a warning."""
    [item] = re.findall(r"    <item>(?:(?!<item>).)*Only the.*</item>\n", RSS, flags=re.DOTALL)
    items = "".join(item.replace("2509.00100", f"2509.{number:05}") for number in range(1, 2001))
    page = arxiv_rss.parse(re.sub(r"    <item>.*</item>\n", lambda _: items, RSS, flags=re.DOTALL))
    assert (len(page.listings), [warning[:26] for warning in page.warnings]) == (2000, ["many_records: 2000 items, "])


@pytest.mark.parametrize("case", ["generation_1", "generation_2", "generation_3", "error_400"])
def test_answers_of_the_api_are_no_feeds(case: str) -> None:
    """What arXiv's API says in the same namespaces is not matched, and refused if parsed all the same."""
    text = "\n".join(json.loads(fixture_path(f"arxiv/{case}.json").read_text(encoding="utf-8"))["body"])
    assert not arxiv_rss.matches(text)
    with pytest.raises(LayoutChanged):
        arxiv_rss.parse(text)


async def test_feeds_of_the_standin_are_read() -> None:
    """A feed as it comes over the wire holds what was announced, and those it refuses tell why."""
    announced = {"2026-03-02": {"2508.10925": "new", "2502.13138": "cross", "2312.00732": "replace"}}
    async with standin.serve(announced=announced, today="2026-03-02") as server, aiohttp.ClientSession() as session:

        async def feed(categories: str) -> str:
            async with session.get(f"{server.url}/arxiv/rss/{categories}") as response:
                return await response.text()

        _, page = layouts.read(await feed("cs"))
        wrong = reason(await feed("cs.CL+xx"))
        server.options.today = "2026-03-07"
        empty = reason(await feed("cs.CL"))
    assert {listing.arxiv_id: listing.announced for listing in page.listings} == announced["2026-03-02"]
    rows = standin.load().rows
    assert all(listing.title == rows[str(listing.arxiv_id)].title for listing in page.listings)
    assert (page.digest, page.page_date) == ("arxiv-rss:cs:2026-03-02", dt.date(2026, 3, 2))
    assert wrong.startswith("answer_unexpected: Feed error for query: ")
    assert empty == "no_records: an empty day: arxiv-rss:cs.CL:2026-03-07 announces nothing"


# Feeds that nobody wrote


class Item(NamedTuple):
    """What an item says."""

    id: str
    title: str
    abstract: str
    authors: tuple[str, ...]
    kind: str


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=9)
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
NAMES = st.text(st.characters(categories=["L"]), min_size=1, max_size=9)
ITEMS = st.builds(
    Item,
    st.integers(1, 99999).map(lambda number: f"2607.{number:05}"),
    TEXTS,
    TEXTS,
    st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    st.sampled_from(sorted(arxiv_rss.ANNOUNCED)),
)
LISTS = st.lists(ITEMS, min_size=1, max_size=4, unique_by=lambda item: item.id)
FORMS = st.sampled_from(["rss", "atom"])


def item_of(item: Item, form: str) -> str:
    """An item as a feed writes it."""
    about = f"arXiv:{item.id}v2 Announce Type: {item.kind} \nAbstract: {escape(item.abstract)}"
    common = (
        f"<arxiv:announce_type>{item.kind}</arxiv:announce_type>"
        f"<dc:creator>{', '.join(f'{name} (Lab, Bay)' for name in item.authors)}</dc:creator>"
    )
    if form == "rss":
        return (
            f"<item><title>{escape(item.title)}</title><link>https://arxiv.org/abs/{item.id}</link>"
            f"<description>{about}</description><guid>oai:arXiv.org:{item.id}v2</guid>"
            f"<pubDate>Thu, 09 Jul 2026 00:00:00 -0400</pubDate>{common}</item>"
        )
    return (
        f'<entry><id>oai:arXiv.org:{item.id}v2</id><title>{escape(item.title)}</title><link href="https://arxiv.org/abs/'
        f'{item.id}"/><summary>{about}</summary><published>2026-07-09T00:00:00-04:00</published>{common}</entry>'
    )


def feed_of(items: list[Item], form: str) -> str:
    """The feed of these items."""
    head, end = (RSS, "</channel></rss>") if form == "rss" else (ATOM.replace("2026-01-13", "2026-07-09"), "</feed>")
    return re.split("<(?:item|entry)>", head)[0] + "".join(item_of(item, form) for item in items) + end


def read(text: str) -> Page | None:
    """The page, None where it is refused. Any other exception fails the test."""
    try:
        return layouts.read(text)[1]
    except LayoutChanged:
        return None


def said(page: Page) -> list[Item]:
    """What the listings of a page say."""
    return [
        Item(str(one.arxiv_id), str(one.title), str(one.abstract), one.authors or (), str(one.announced))
        for one in page.listings
    ]


@unhurried
@given(LISTS, FORMS)
def test_feeds_are_read_as_they_were_made(items: list[Item], form: str) -> None:
    """Every item of either form comes out with all it says, in order, and nothing else does."""
    page = layouts.read(feed_of(items, form))[1]
    assert said(page) == items
    assert [listing.position for listing in page.listings] == list(range(1, len(items) + 1))
    assert {page.page_date, *(listing.listed_date for listing in page.listings)} == {dt.date(2026, 7, 9)}


@unhurried
@given(LISTS, FORMS, st.data())
def test_reordered_and_doubled_items_are_read_as_they_stand(items: list[Item], form: str, data: st.DataObject) -> None:
    """Items moved, lost or doubled: what stands there is read, each paper once."""
    others = data.draw(st.lists(st.sampled_from(items), min_size=1, max_size=6))
    page = layouts.read(feed_of(others, form))[1]
    assert said(page) == list(dict.fromkeys(others))
    assert len(page.warnings) == len(others) - len(set(others))


@unhurried
@given(LISTS, FORMS, st.data())
def test_cut_feeds_are_refused(items: list[Item], form: str, data: st.DataObject) -> None:
    """A feed cut off anywhere is refused."""
    text = feed_of(items, form)
    assert read(text[: data.draw(st.integers(0, len(text) - 1))]) is None


@unhurried
@given(LISTS, FORMS, st.data())
def test_insertions_are_refused_or_change_one_text(items: list[Item], form: str, data: st.DataObject) -> None:
    """Characters put in anywhere: refused, or papers, types and days are right and at most one text has changed."""
    text, more = feed_of(items, form), data.draw(st.sampled_from("0123456789<>&/\"' \nva-:") | st.text(max_size=3))
    place = data.draw(st.integers(0, len(text)))
    if page := read(text[:place] + more + text[place:]):
        found = said(page)
        assert [(one.id, one.kind) for one in found] == [(one.id, one.kind) for one in items]
        assert {page.page_date, *(listing.listed_date for listing in page.listings)} == {dt.date(2026, 7, 9)}
        assert sum(one != other for one, other in zip(found, items, strict=True)) <= 1
