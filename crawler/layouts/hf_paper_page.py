"""Hugging Face's page of one paper, saved as HTML: the paper and its comments are in the JSON of one element.

It states no number of comments: those that can be seen are counted.
"""

from __future__ import annotations

from reprlib import repr as shown
from typing import TYPE_CHECKING, Any

from crawler.layouts import LayoutChanged, _hf

if TYPE_CHECKING:
    from storage.documents import Page

TARGET = "PaperContent"


def matches(text: str) -> bool:
    """Whether an element of the page has the data-target PaperContent, and none is a day's list."""
    return bool(_hf.islands(text, TARGET)) and not _hf.islands(text, "DailyPapers")


def parse(text: str) -> Page:
    """The paper, or LayoutChanged."""
    _, props = _hf.island(text, TARGET)
    paper = props.get("paper")
    if not (isinstance(paper, dict) and paper.get("id") and paper.get("title")):
        raise LayoutChanged("props_broken", f"no paper with an id and a title: {shown(paper)}")
    return _hf.single(paper, {"numComments": _visible(props.get("comments"))}, "html")


def _visible(comments: Any) -> int | None:
    """How many comments can be seen; None where the page has no list of them."""
    match comments:
        case None:
            return None
        case [*given] if all(isinstance(one, dict) and isinstance(one.get("data"), dict) for one in given):
            return sum(not one["data"].get("hidden") for one in given)
    raise LayoutChanged("record_shape", f"comments is no list of comments: {shown(comments)}")
