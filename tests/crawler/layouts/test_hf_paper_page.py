"""Saved pages of one paper."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from crawler import layouts
from crawler.layouts import LayoutChanged, hf_paper_page, hf_props
from tests.crawler.layouts.hf_pages import golden

PROPS = re.compile(r'(?<=data-target="PaperContent" data-props=")[^"]*')


def changed(**props: Any) -> str:
    """The golden page with other props."""
    page = golden("hf_paper_page/paper.html")
    [found] = PROPS.findall(page)
    return PROPS.sub(lambda _: html.escape(json.dumps(json.loads(html.unescape(found)) | props)), page)


def comment(**data: Any) -> dict[str, Any]:
    """A comment with these data."""
    return {"type": "comment", "data": {"latest": {"raw": "Yes."}, **data}}


@pytest.mark.parametrize(
    "paper",
    [None, [], "2603.90010", {}, {"id": "2603.90010"}, {"title": "T"}, {"id": "2603.90010", "title": ""}],
)
def test_page_without_a_paper_is_refused(paper: object) -> None:
    """The paper is an object with an id and a title."""
    with pytest.raises(LayoutChanged, match="props_broken: no paper with an id and a title"):
        hf_paper_page.parse(changed(paper=paper))


def test_id_as_a_number_is_refused() -> None:
    """A number is no id."""
    with pytest.raises(LayoutChanged, match="record_shape: entry 1: paper"):
        hf_paper_page.parse(changed(paper={"id": 2603.9, "title": "T"}))


@pytest.mark.parametrize(
    ("comments", "count"),
    [([], 0), ([comment(), comment(hidden=True), comment(hidden=False)], 2), (None, None)],
)
def test_comments_that_can_be_seen_are_counted(comments: object, count: int | None) -> None:
    """Hidden comments are none; without a list of them their number is unknown."""
    [one] = hf_paper_page.parse(changed(comments=comments)).listings
    assert one.comments == count


@pytest.mark.parametrize("comments", [3, "3", {}, [3], [{}], [{"data": None}]])
def test_comments_of_another_shape_are_refused(comments: object) -> None:
    """Comments that cannot be counted refuse the page."""
    with pytest.raises(LayoutChanged, match="record_shape: comments is no list of comments"):
        hf_paper_page.parse(changed(comments=comments))


def test_a_list_goes_before_a_paper() -> None:
    """A page with both islands is a day's: no page belongs to two layouts."""
    both = golden("hf_paper_page/paper.html") + golden("hf_props/svelte_5.html")
    assert (hf_paper_page.matches(both), hf_props.matches(both)) == (False, True)


def test_every_cut_of_the_page_is_refused_or_harmless() -> None:
    """A page that ends too soon is refused, unless only its end after the props is lost."""
    text = golden("hf_paper_page/paper.html")
    whole, read = layouts.read(text), 0
    for end in range(1, len(text)):
        try:
            assert layouts.read(text[:end]) == whole
            read += 1
        except LayoutChanged:
            assert not read
    assert read
