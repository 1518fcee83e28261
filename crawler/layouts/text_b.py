"""Search pages copied as plain text, in which a record also says who, when and how often it was commented on.

Not every record does (T4). The grammar is told in `_text`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crawler.layouts import _text

if TYPE_CHECKING:
    from storage.documents import Page


def matches(text: str) -> bool:
    """Whether the text is a copy with at least one meta block."""
    return _text.fits(_text.split(text), meta=True)


def parse(text: str) -> Page:
    """All records of the copy, or LayoutChanged."""
    return _text.page(text, meta=True)
