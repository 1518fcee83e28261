"""How digests are written: one pure module a layout, text in, listings out.

A layout is a module of this folder with two functions:

    matches(text: str) -> bool    is this text written in the layout? Never true for two layouts
    parse(text: str) -> Page      all of it, or LayoutChanged: nothing is skipped, guessed or absorbed

The text is a file's, decoded from UTF-8; a leading BOM and any line ends are the layout's to bear. Its name
is the `source` of everything that is read with it. Modules with a leading underscore are shared parts.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from storage.documents import Page


class LayoutChanged(Exception):
    """A text was not understood and is refused whole.

    reason: a stable code (`layout_unknown`, `no_page_date`, `record_shape`, `no_records` ...);
    line: counted from 1, of the block at fault; detail: what stood there, for a person.
    """

    def __init__(self, reason: str, detail: str, line: int | None = None) -> None:
        super().__init__(f"{reason}{'' if line is None else f' in line {line}'}: {detail}")
        self.reason, self.detail, self.line = reason, detail, line


class Layout(Protocol):
    """What every module of this folder offers."""

    def matches(self, text: str) -> bool:
        """Whether the text is written in this layout."""

    def parse(self, text: str) -> Page:
        """All listings of the text; raises LayoutChanged."""


def names() -> list[str]:
    """The layouts there are: the modules of this folder."""
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]


def load(name: str) -> Layout:
    """The layout of that name."""
    return cast("Layout", importlib.import_module(f"{__name__}.{name}"))


def read(text: str, page_year: int | None = None) -> tuple[str, Page]:
    """The layout's name and the page. Raises LayoutChanged: no layout fits, or the one that does refuses.

    page_year: the year of a text copy whose date does not show one.
    """
    from crawler.layouts import _text  # noqa: PLC0415 - it imports from here

    for name in names():
        layout = load(name)
        if layout.matches(text):
            return name, layout.parse(text if page_year is None else _text.dated(text, page_year))
    raise LayoutChanged(
        "layout_unknown", f"no layout ({', '.join(names())}) reads it: copy a page's text, header included"
    )
