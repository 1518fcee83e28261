"""Answers of Hugging Face's API, saved: a list of papers, one paper, or the JSON of a day's page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from crawler.layouts import LayoutChanged, _hf

if TYPE_CHECKING:
    from storage.documents import Page

CUT = re.compile(r'\ufeff?\s*(?:\[\s*\{.*"paper"|\{.*"dailyPapers")\s*:', re.DOTALL)
"""The beginning of what is no JSON as a whole: an answer that was cut."""


def matches(text: str) -> bool:
    """Whether it is such an answer, or was one before it was cut; an empty list is one without papers."""
    try:
        data = _json(text)
    except orjson.JSONDecodeError:
        return bool(CUT.match(text))
    match data:
        case [] | [{"paper": {"id": _}}, *_] | {"dailyPapers": _} | {"id": _, "publishedAt": _}:
            return True
    return False


def parse(text: str) -> Page:
    """All papers of the answer, or LayoutChanged. A list has a date where all of it was listed on one day."""
    try:
        data = _json(text)
    except orjson.JSONDecodeError as error:
        raise LayoutChanged("props_broken", f"not JSON, save the answer again: {error}") from None
    match data:
        case list():
            read = _hf.listings(data)
            days = {one.listed_date for one in read}
            return _hf.page(read, "json", days.pop() if len(days) == 1 else None)
        case {"dailyPapers": _}:
            entries, day, neighbours = _hf.daily(data)
            return _hf.page(_hf.listings(entries), "json", day, neighbours)
        case {"id": _, "publishedAt": _}:
            return _hf.single(data, data, "json")
    raise LayoutChanged("layout_unknown", f"no list of papers, no paper: {text[:60]!r}")


def _json(text: str) -> Any:
    return orjson.loads(text.removeprefix("\ufeff"))
