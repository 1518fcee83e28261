"""The layouts on pages that nobody wrote: made up, damaged, cut off and random."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import layouts
from crawler.layouts import LayoutChanged, hf_api, hf_props, text_a, text_b
from tests.crawler.layouts.hf_pages import CARDS, golden, props_of, with_cards, with_props

if TYPE_CHECKING:
    from storage.documents import Listing, Page

unhurried = settings(deadline=None)
Said = tuple[str | int | dt.date | None, ...]


class Block(NamedTuple):
    """A block: H header, D page date, T title, A abstract, M meta or X torn; and what a meta block says."""

    kind: str
    text: str
    said: Said = ()


def line(least: int, most: int) -> st.SearchStrategy[str]:
    """A line of any characters, between letters, so that nothing trims it or takes it for structure."""
    inner = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=most - least)
    return inner.map(lambda text: f"{'W' * (least - 1)}{text}W")


def meta(who: tuple[str, int | None, str | None], day: dt.date, comments: int | None, *, year: bool) -> Block:
    """A meta block. A day that shows no year says nothing by itself: the whole page decides on it."""
    date = f"{day:%b} {day.day}{f', {day.year}' if year else ''}{'' if comments is None else f' {comments}'}"
    return Block("M", f"  {who[0]}\n·\n{date}", (*who, day if year else None, comments or 0))


HEADERS = st.sampled_from(["new", "Subscribe", "Daily Papers", "byAK and the research community", "Daily\nWeekly"])
DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31))
COUNTED = st.integers(1, 999_999).map(lambda count: (f"• {count} authors", count, None))
NAMED = st.sampled_from(["Lab", "Lab of Clocks", "42 Inc."]).map(lambda name: (f"slug-1 {name}", None, name))
METAS = st.builds(meta, COUNTED | NAMED, DAYS, st.none() | st.integers(0, 999), year=st.booleans())
TITLES = st.builds(Block, st.just("T"), line(2, 40))
# Any abstract is longer than a title can be, as on the real pages: by that a shift shows.
ABSTRACTS = st.builds(Block, st.just("A"), line(301, 340))
RECORDS = st.tuples(TITLES, ABSTRACTS) | st.tuples(TITLES, ABSTRACTS, METAS)
PAGES = st.builds(
    lambda header, day, records: [*header, Block("D", f"{day:%b} {day.day}"), *sum(records, ())],
    st.lists(st.builds(Block, st.just("H"), HEADERS), max_size=5),
    DAYS,
    st.lists(RECORDS, min_size=1, max_size=4),
)


def text_of(blocks: list[Block]) -> str:
    """The page as it is copied."""
    return "\n\n".join(block.text for block in blocks)


def read(text: str) -> Page | None:
    """The page, None where it is refused. Any other exception fails the test."""
    try:
        return layouts.read(text)[1]
    except LayoutChanged:
        return None


def said(listing: Listing) -> Said:
    """What a listing says, without the days that have their year from the page."""
    date = listing.listed_date if listing.listed_date_basis == "shown_year" else None
    who = (listing.who, listing.authors_count, listing.organization)
    return (listing.title, listing.abstract, *who, date, listing.comments)


def expected(blocks: list[Block]) -> list[Said]:
    """What the listings of a page say, by its blocks."""
    kinds = "".join(block.kind for block in blocks)
    records = [blocks[found.start() : found.end()] for found in re.finditer("TAM?", kinds)]
    return [(one[0].text, one[1].text, *(one[2].said if one[2:] else (None,) * 5)) for one in records]


@unhurried
@given(PAGES)
def test_pages_are_read_as_they_were_made(blocks: list[Block]) -> None:
    """Every record of any page comes out with all its fields, in order, and nothing else does."""
    page = layouts.read(text_of(blocks))[1]
    assert [said(listing) for listing in page.listings] == expected(blocks)
    assert [listing.position for listing in page.listings] == list(range(1, len(page.listings) + 1))


@unhurried
@given(PAGES)
def test_years_are_given_to_all_or_none(blocks: list[Block]) -> None:
    """All days without a year get the page's, which none of them lies after, or none gets any."""
    page = layouts.read(text_of(blocks))[1]
    listings = [listing for listing in page.listings if listing.who]
    given_years = [one.listed_date for one in listings if one.listed_date_basis == "shown_page_year"]
    left_out = [one for one in listings if one.listed_date is None]
    if page.page_date is None:
        assert not given_years
    else:
        shown = {one.listed_date.year for one in listings if one.listed_date and one.listed_date not in given_years}
        assert not left_out
        assert page.page_date.year > max(shown)
        assert all(day and day <= page.page_date and day.year == page.page_date.year for day in given_years)


@st.composite
def damaged(draw: st.DrawFn) -> list[Block]:
    """A page after one accident to a block, or to the lines of one."""
    blocks = list(draw(PAGES))
    place, other = (draw(st.integers(0, len(blocks) - 1)) for _ in range(2))
    match draw(st.sampled_from(["delete", "repeat", "swap", "join", "tear", "lose", "turn"])):
        case "delete":
            del blocks[place]
        case "repeat":
            blocks.insert(place, blocks[other])
        case "swap":
            blocks[place], blocks[other] = blocks[other], blocks[place]
        case "join":
            place = max(place, 1)
            first, second = blocks[place - 1 : place + 1]
            kind = "H" if first.kind == second.kind == "H" else "X"
            blocks[place - 1 : place + 1] = [Block(kind, f"{first.text}\n{second.text}")]
        case accident:
            blocks[place] = torn(blocks[place], accident, draw(st.integers(0, 2)))
    return blocks


def torn(block: Block, accident: str, at: int) -> Block:
    """A meta block with a blank line within, a line lost or two lines turned; other blocks have one line."""
    if block.kind != "M":
        return block
    lines = block.text.split("\n")
    match accident:
        case "tear":
            lines.insert(at or 1, "")
        case "lose":
            del lines[at]
        case _:
            lines[at], lines[at - 1] = lines[at - 1], lines[at]
    return Block("X", "\n".join(lines))


@unhurried
@given(damaged())
def test_damage_is_refused_or_harmless(blocks: list[Block]) -> None:
    """A block lost, doubled, moved, joined or torn: refused, unless what is left is a page again."""
    page = read(text_of(blocks))
    # A title above the date is an unknown header line: the one thing that only a person can tell.
    if re.fullmatch("[HT]*D(TAM?)+", "".join(block.kind for block in blocks)):
        assert page is not None
        assert [said(listing) for listing in page.listings] == expected(blocks)
    else:
        assert page is None


@unhurried
@given(PAGES, st.data())
def test_cut_pages_lose_no_more_than_their_end(blocks: list[Block], data: st.DataObject) -> None:
    """A page cut off anywhere is refused, or right but for the end of its last record."""
    text = text_of(blocks)
    page = read(text[: data.draw(st.integers(0, len(text) - 1))])
    if page is not None:
        *whole, last = page.listings
        wanted = expected(blocks)
        assert [said(listing) for listing in whole] == wanted[: len(whole)]
        assert last.title == wanted[len(whole)][0]
        assert str(wanted[len(whole)][1]).startswith(str(last.abstract))
        assert last.who in (None, wanted[len(whole)][2])


@unhurried
@given(
    PAGES,
    st.sampled_from(["", "\ufeff"]),
    st.sampled_from(["", "\n", " \n\u2028\n"]),
    st.text(" \t\r\x0b\x0c\x1c\x85\u00a0\u2003\u2028\u2029", max_size=3),
)
def test_marks_and_blanks_change_nothing(blocks: list[Block], mark: str, first: str, blank: str) -> None:
    """BOM, CRLF, white space at line ends, in blank lines and around them leave a page as it is."""
    text = text_of(blocks)
    other = mark + first + text.replace("\n", f"{blank}\n").replace("\n\n", f"\n\n{blank}\n") + f"{blank}\n"
    assert layouts.read(other) == layouts.read(text)


LINES = st.sampled_from(
    [
        *[
            "",
            "",
            "",
            "",
            "·",
            "Mar 11",
            "Feb 29",
            "Feb 30",
            "Jan 1, 0000",
            "Oct 28 2",
            "Oct 2, 2024 2",
            "Dec 31, 9999",
        ],
        *[
            "new",
            "Subscribe",
            "---",
            "retrieved: 2026-02-30",
            "https://huggingface.co/papers/date/9999-12-31",
            "<p>",
        ],
        *[
            "  • 4 authors",
            "• 0 authors",
            "Lab",
            "A Title",
            "x" * 301,
            "y" * 400,
            "### [T](",
            "\ufeff",
            "\r",
            "\u2028",
        ],
    ]
)


@unhurried
@given(st.text() | st.lists(LINES | st.text(), max_size=40).map("\n".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text gives a page of its own words, or LayoutChanged, and belongs to one layout at most."""
    assert not (text_a.matches(text) and text_b.matches(text))
    for layout in (text_a, text_b):
        try:
            page = layout.parse(text)
        except LayoutChanged:
            pass
        else:
            assert layout.matches(text)
            assert page.listings
            assert all(one.title in text and str(one.abstract) in text for one in page.listings)


SAVED = st.sampled_from(["hf_props/svelte_4.html", "hf_props/svelte_5.html", "hf_props/resaved.html"])
ANSWERS = st.sampled_from(["hf_api/day.json", "hf_api/saved_props.json", "hf_api/two_days.json"])
PIECES = st.sampled_from(
    [
        *"<>\"'&;,:{}[]/\\ 0-",
        "</a>",
        "</div>",
        "<!--",
        "-->",
        "&quot;",
        "<article>",
        "</article>",
        "<h3>",
        "null,",
        "\0",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3)


def arranged(draw: st.DrawFn, count: int) -> list[int]:
    """Some order of the numbers below a count, with some lost, doubled or moved."""
    return draw(
        st.permutations(range(count))
        | st.lists(st.integers(0, count - 1), max_size=count + 2)
        | st.just([*range(count)])
    )


@unhurried
@given(st.data())
def test_entries_and_cards_are_one_list_or_refused(data: st.DataObject) -> None:
    """Entries and cards lost, doubled or moved: the page is the entries where the cards still follow them."""
    page = golden(data.draw(st.sampled_from(["hf_props/svelte_4.html", "hf_props/svelte_5.html"])))
    props, cards, whole = props_of(page), CARDS.findall(page), hf_props.parse(page).listings
    entries = data.draw(st.composite(arranged)(len(cards)))
    shown = data.draw(st.composite(arranged)(len(cards)) | st.just(entries))
    props["dailyPapers"] = [props["dailyPapers"][one] for one in entries]
    found = read(with_props(with_cards(page, [cards[one] for one in shown]), props))
    answer = read(json.dumps(props))
    if not entries:
        assert found is answer is None
        return
    assert answer is not None
    first = {one: entries.index(one) + 1 for one in entries}
    assert answer.listings == tuple(whole[one].model_copy(update={"position": at}) for one, at in first.items())
    assert found == (answer.model_copy(update={"medium": "html"}) if entries == shown else None)


@unhurried
@given(SAVED, st.data())
def test_cut_pages_are_whole_or_refused(name: str, data: st.DataObject) -> None:
    """A saved page cut off anywhere is refused, unless it lost nothing but what follows the last card."""
    page = golden(name)
    end = data.draw(st.integers(0, len(page) - 1))
    assert read(page[:end]) in (None, layouts.read(page)[1])
    if end < page.rindex("</h3>"):
        assert read(page[:end]) is None


@unhurried
@given(SAVED, st.data())
def test_pages_with_a_piece_lost_are_never_half(name: str, data: st.DataObject) -> None:
    """Some characters of a page lost: refused, or every listing is there and one at most is another."""
    text = golden(name)
    start = data.draw(st.integers(0, len(text) - 1))
    unharmed(text, text[:start] + text[start + data.draw(st.integers(1, 40)) :])


@unhurried
@given(SAVED | ANSWERS, PIECES, st.data())
def test_pages_with_a_piece_too_much_are_never_half(name: str, piece: str, data: st.DataObject) -> None:
    """Some characters too many: refused, or every listing is there and one at most is another."""
    text = golden(name)
    place = data.draw(st.integers(0, len(text)))
    unharmed(text, text[:place] + piece + text[place:])


def unharmed(text: str, other: str) -> None:
    """One accident changes one value at most: what stands in the JSON's texts is not ours to judge."""
    whole, found = layouts.read(text)[1].listings, read(other)
    if found is not None:
        assert len(found.listings) == len(whole)
        assert sum(one != another for one, another in zip(found.listings, whole, strict=True)) <= 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@unhurried
@given(st.data(), VALUES)
def test_any_value_anywhere_is_read_or_refused(data: st.DataObject, value: Any) -> None:
    """Any JSON in the place of any value of an entry: refused, or the other entries are as they were."""
    entries = json.loads(golden("hf_api/day.json"))
    place = data.draw(st.sampled_from([entries[0], entries[0]["paper"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = value
    unharmed(golden("hf_api/day.json"), json.dumps(entries))


@pytest.mark.parametrize("layout", [hf_api, hf_props])
@given(VALUES.map(json.dumps) | VALUES.map(lambda value: with_props(golden("hf_props/svelte_5.html"), value)))
@unhurried
def test_any_json_is_read_or_refused(layout: layouts.Layout, text: str) -> None:
    """Whatever JSON there is, a layout refuses it by LayoutChanged."""
    with pytest.raises(LayoutChanged):
        layout.parse(text)
