"""Search pages copied as plain text in which a record is a title and an abstract (grammar: `_text`).

Dates, authors and comments are unknown, and so is the year of the page unless its header tells it (T2, T3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crawler.layouts import _text

if TYPE_CHECKING:
    from storage.documents import Page


def matches(text: str) -> bool:
    """Whether the text is a copy without any meta block."""
    return _text.fits(_text.split(text), meta=False)


def parse(text: str) -> Page:
    """All records of the copy, or LayoutChanged."""
    return _text.page(text, meta=False)
