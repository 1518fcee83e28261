"""Saved daily pages: what is a page, what it says, and when its cards refuse it."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from crawler import layouts
from crawler.layouts import LayoutChanged, hf_api, hf_props
from tests.crawler.layouts.hf_pages import CARDS, golden, props_of, with_cards, with_props

if TYPE_CHECKING:
    from pathlib import Path

    from storage.documents import Listing

SVELTE_5, SVELTE_4 = "hf_props/svelte_5.html", "hf_props/svelte_4.html"


def refusal(text: str) -> LayoutChanged:
    """Why a page is refused."""
    with pytest.raises(LayoutChanged) as caught:
        hf_props.parse(text)
    return caught.value


def plainly(entry: dict[str, Any], position: int) -> dict[str, Any]:
    """What an entry of a real page says, read without any check: there, nothing is of another kind."""
    paper = entry["paper"]
    organization = paper.get("organization")
    published = dt.datetime.strptime(paper["publishedAt"], "%Y-%m-%dT%H:%M:%S.%fZ").date()  # noqa: DTZ007 - UTC
    return {
        "position": position,
        "arxiv_id": paper["id"],
        "title": entry["title"],
        "abstract": entry["summary"],
        "authors": tuple(author["name"] for author in paper["authors"]),
        "organization": organization and organization["fullname"],
        "upvotes": paper["upvotes"],
        "comments": entry["numComments"],
        "code": [(paper["githubRepo"], paper["githubStars"], "page")] if "githubRepo" in paper else [],
        "project_page": paper.get("projectPage"),
        "listed_date": dt.date.fromisoformat(paper["submittedOnDailyAt"][:10]),
        "published": (str(published), "day", "hf_props"),
        "ai_summary": paper.get("ai_summary"),
        "ai_keywords": tuple(paper["ai_keywords"]) if "ai_keywords" in paper else None,
    }


def told(one: Listing) -> dict[str, Any]:
    """The same of a listing."""
    published = one.published and (one.published.date, one.published.precision, one.published.basis)
    code = [(code.url, code.stars, code.evidence) for code in one.code]
    said = one.model_dump(exclude={"authors_count", "who", "listed_date_basis", "announced", "arxiv"})
    return said | {"published": published, "code": code}


@pytest.mark.corpus
def test_real_pages_are_read_whole_as_html_and_as_json(shared: Path) -> None:
    """Every field of every entry of the saved pages, both generations; the API's answer gives the same listings."""
    pages = sorted((shared / "data" / "hf_daily_html").glob("*.html"))
    assert len(pages) == 14
    for path in pages:
        text = path.read_text(encoding="utf-8")
        props = props_of(text)
        name, page = layouts.read(text)
        assert [told(one) for one in page.listings] == [
            plainly(*pair[::-1]) for pair in enumerate(props["dailyPapers"], 1)
        ]
        assert (name, page.medium, page.warnings) == ("hf_props", "html", ())
        assert (str(page.page_date), page.digest) == (path.stem, f"hf-daily:{path.stem}")
        assert [str(day) for day in page.neighbours] == [props["prevDate"], props["nextDate"]]
        name, answer = layouts.read(json.dumps(props["dailyPapers"]))
        assert (name, answer.medium, answer.digest) == ("hf_api", "json", page.digest)
        assert (answer.listings, answer.page_date) == (page.listings, page.page_date)
        assert hf_api.parse(json.dumps(props)) == page.model_copy(update={"medium": "json"})


@pytest.mark.parametrize(
    "page",
    [
        '<p data-target="DailyPapersBannerSubscribe" data-props="{}">',
        '<!-- <p data-target="DailyPapers"> --><script>\'<p data-target="DailyPapers">\'</script>',
        '<p title=\'data-target="DailyPapers"\' x-data-target="DailyPapers">&lt;p data-target="DailyPapers"&gt;',
        '<form action="/login"></form><article><h3><a href="/papers/2603.90010">DailyPapers</a></h3></article>',
        "<!--DailyPapers-->",
        "DailyPapers",
    ],
)
def test_page_without_the_island_is_no_layout(page: str) -> None:
    """A login, challenge or error page, and one that only mentions the mark, is refused as unknown."""
    assert not hf_props.matches(page)
    assert refusal(page).reason == "layout_unknown"
    with pytest.raises(LayoutChanged, match="layout_unknown"):
        layouts.read(page)


@pytest.mark.parametrize(
    "tag",
    [
        "<div data-target='DailyPapers'>",
        "<DIV class=x DATA-TARGET = DailyPapers >",
        '<p\r\ndata-target="DailyPapers"/>',
    ],
)
def test_island_is_known_however_it_is_written(tag: str) -> None:
    """Quotes, capitals, order and blanks of attributes do not matter; the island alone makes the layout."""
    assert hf_props.matches(f"<!doctype html>{tag}")
    assert refusal(tag).reason == "props_broken"


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"dailyPapers": {}}, "props_broken", "dailyPapers is no list: {}"),
        ({"dailyPapers": None}, "props_broken", "dailyPapers is no list: None"),
        ({"dailyPapers": []}, "no_records", "no papers"),
        ({"dateString": None}, "props_broken", "dateString is no date: None"),
        ({"dateString": "2026-02-30"}, "props_broken", "dateString is no date: '2026-02-30'"),
        ({"dateString": "20260218"}, "props_broken", "dateString is no date: '20260218'"),
        ({"periodType": "week", "dateString": "2026-W10"}, "wrong_period", "periodType is 'week'"),
        ({"periodType": None}, "wrong_period", "periodType is None"),
    ],
)
def test_props_of_another_shape_are_refused(change: dict[str, object], reason: str, detail: str) -> None:
    """Props that are not a day's list are refused, in a page and as JSON, with what stood there."""
    page = golden(SVELTE_5)
    props = props_of(page) | change
    refused = refusal(with_props(page, props))
    assert (refused.reason, refused.detail[: len(detail)]) == (reason, detail)
    with pytest.raises(LayoutChanged, match=reason):
        hf_api.parse(json.dumps(props))


def test_props_cut_missing_or_doubled_are_refused() -> None:
    """Props that are no JSON object, and two islands, are no page."""
    page = golden(SVELTE_5)
    cut = page.replace("&quot;isTrending&quot;:false}", "&quot;isTrending&quot;")
    assert refusal(cut).reason == "props_broken"
    assert refusal(with_props(page, [])).detail.startswith("a JSON object is due")
    assert refusal(page.replace("data-props=", "data-prop=")).reason == "props_broken"
    assert refusal(page + page).detail == '2 elements with data-target="DailyPapers" instead of one'


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        (
            '<div class="leading-none">41<',
            '<div class="leading-none">14<',
            "1 (2603.90010): upvotes is '41', on the card '14'",
        ),
        (
            '<div class="leading-none">-<',
            '<div class="leading-none">1<',
            "3 (2603.90030): upvotes is '-', on the card '1'",
        ),
        ("</svg><!----> 5<", "</svg><!----> 6<", "1 (2603.90010): comments is '5', on the card '6'"),
        ('90030#community"', '90030"', "3 (2603.90030): comments is '12', on the card ''"),
        ("1 authors<", "11 authors<", "2 (2603.90020): who is '· 1 authors', on the card '· 11 authors'"),
        (">tide-lab<", ">tide lab<", "3 (2603.90030): who is 'tide-lab', on the card 'tide lab'"),
        (">It's About", ">Its About", "2 (2603.90020): title is \"It's About Tides\", on the card 'Its About Tides'"),
        (
            '<h3 class="mb-1"><a href="/papers/2603.90020"',
            '<h3 class="mb-1"><a href="/papers/2603.9002"',
            "2 (2603.90020): id is '2603.90020', on the card '2603.9002'",
        ),
        ("</h3>", "</h3><h3></h3>", "3 entries, 3 articles, 4 titles: save the page again"),
        ("<h3", "<h4", "3 entries, 3 articles, 2 titles: save the page again"),
    ],
)
def test_cards_that_show_something_else_refuse_the_page(old: str, new: str, detail: str) -> None:
    """Position, field and both values are told of the first card that differs, and all counts."""
    page = golden(SVELTE_5)
    assert old in page
    refused = refusal(page.replace(old, new, 1))
    assert (refused.reason, refused.detail.removeprefix("entry ")) == ("count_mismatch", detail)


def test_cards_lost_doubled_or_turned_refuse_the_page() -> None:
    """The cards are as many as the entries and in their order."""
    page = golden(SVELTE_4)
    first, second, *others = CARDS.findall(page)
    assert hf_props.parse(with_cards(page, [first, second, *others])) == hf_props.parse(page)
    for cards in ([second, *others], [first, first, second, *others], []):
        assert refusal(with_cards(page, cards)).detail.startswith(f"12 entries, {len(cards)} articles, {len(cards)} t")
    turned = refusal(with_cards(page, [second, first, *others]))
    assert turned.detail == "entry 1 (2602.90001): id is '2602.90001', on the card '2602.90002'"


def test_unknown_values_are_not_compared() -> None:
    """What an entry does not say is unknown, whatever its card shows."""
    page = golden(SVELTE_5)
    props = props_of(page)
    for place in (props["dailyPapers"][0], props["dailyPapers"][0]["paper"]):
        for key in ("numComments", "upvotes", "organization", "authors"):
            place.pop(key, None)
    first = hf_props.parse(with_props(page, props)).listings[0]
    assert (first.comments, first.upvotes, first.organization, first.authors) == (None, None, None, None)


def test_paper_listed_twice_stays_where_it_is_first() -> None:
    """A doubled entry with its card is one listing and a warning; positions are those of the page."""
    page = golden(SVELTE_4)
    props, cards = props_of(page), CARDS.findall(page)
    props["dailyPapers"].insert(1, props["dailyPapers"][0])
    read = hf_props.parse(with_props(with_cards(page, [cards[0], *cards]), props))
    assert [one.position for one in read.listings] == [1, *range(3, 14)]
    assert read.warnings == ("listed_twice: 2602.90001",)
