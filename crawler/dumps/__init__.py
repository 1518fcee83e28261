"""How dumps are written: one pure module a layout, a row in, a listing out.

A layout is a module of this folder with

    FORM      "lines", an object a line, or "array", one JSON array of objects
    KEYS      sets of keys: a first record with all keys of one set is of this layout
    EVERY     whether every row is imported, or only what it tells of papers that are known
    read(row: bytes, position: int) -> Listing | Paper | Merged      or LayoutChanged

Its name has dashes on the command line (`--layout arxiv-snapshot`). `reading` gets the rows out of files; modules
with a leading underscore are shared parts. Dumps are read by `crawl dump`, and by `crawl digest` only recognised.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

from storage import raw

if TYPE_CHECKING:
    from storage.documents import Listing, Merged, Paper

BEGINNING = 2**20
"""So many bytes hold the first record of any dump; of a file that is too large to keep, their hash is kept."""

Form: TypeAlias = Literal["lines", "array"]


class Layout(Protocol):
    """What every layout of this folder offers."""

    FORM: Form
    KEYS: tuple[set[str], ...]
    EVERY: bool

    def read(self, row: bytes, position: int) -> Listing | Paper | Merged:
        """What one row says; raises LayoutChanged."""


def names() -> list[str]:
    """The layouts there are, as the command line calls them."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return [name.replace("_", "-") for name in modules if not name.startswith("_") and name not in ("parts", "reading")]


def load(name: str) -> Layout:
    """The layout of that name."""
    return cast("Layout", importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def layout_of(content: bytes) -> str | None:
    """The `--layout` that reads a dump with such a first record, plain, gzip or zstd; None for what is no dump.

    content: the file, or its beginning.
    """
    text = raw.beginning(content, BEGINNING).decode("utf-8-sig", errors="ignore").lstrip()
    form, text = ("array", text[1:].lstrip()) if text.startswith("[") else ("lines", text)
    if not text.startswith("{"):
        return None
    try:
        record, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if form == "lines" and ("\n" in text[:end] or (_is_answer(record) and not text[end:].strip())):
        return None
    layouts = ((name, load(name)) for name in names())
    return next((name for name, one in layouts if form == one.FORM and _fits(one, record)), None)


def _is_answer(record: dict[str, object]) -> bool:
    """Whether an object that stands alone in its file is what Hugging Face's API tells of one paper: a page."""
    return {"id", "publishedAt"} <= record.keys()


def _fits(layout: Layout, record: dict[str, object]) -> bool:
    return any(keys <= record.keys() for keys in layout.KEYS)
