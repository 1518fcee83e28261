"""What the layouts of dumps share: rows as checked models, and listings out of them."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from crawler.layouts import LayoutChanged
from storage.arxiv_ids import parse_id
from storage.documents import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LARGEST = 2 * 2**20
"""Bytes of a row, so that its update fits into MongoDB's 16 MiB. Of a longer one `reading` gives the beginning."""
_ARXIV_PAGE = re.compile(r"arxiv\.org/(?:abs|pdf)/", re.IGNORECASE)
# Less than a call of Listing, and half of what model_construct costs, which fills defaults in Python.
_listing: Callable[[object], Listing] = TypeAdapter(Listing).validator.validate_python

Count = Annotated[int, Field(ge=0, lt=2**63)]  # MongoDB's integers have 64 bits


class Row(BaseModel):
    """What we read of a row; further keys are the dump's own."""

    model_config = ConfigDict(frozen=True)


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], row: bytes) -> Model:
    """The row as that model, its types as they stand: 2503.0213 is no id, "5" no count. Raises LayoutChanged."""
    if len(row) > LARGEST:
        raise LayoutChanged("too_large", f"more than {LARGEST >> 20} MiB in one row: mend or remove it")
    try:
        return model.model_validate_json(row.removeprefix(BOM_UTF8), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    try:
        row.decode()
    except UnicodeDecodeError as error:
        raise LayoutChanged("encoding", f"byte {error.start} of the row is not UTF-8: save it as UTF-8") from None
    raise LayoutChanged("record_shape", ": ".join([*map(str, first["loc"]), first["msg"]]))


def listing(position: int, title: str | None, arxiv_id: str | None, **fields: Any) -> Listing:
    """The listing of a row. Raises LayoutChanged where nothing tells which paper it means."""
    title = text(title)
    if title is None and arxiv_id is None:
        raise LayoutChanged("record_shape", "neither a title nor an arXiv id")
    return _listing({"position": position, "title": title, "arxiv_id": arxiv_id, **fields})


def text(value: str | None) -> str | None:
    """The text; None for a blank one."""
    return value if value and not value.isspace() else None


def texts(values: Iterable[str]) -> tuple[str, ...] | None:
    """All that are not blank; None where there are none."""
    return tuple(value for value in values if text(value)) or None


def one_id(given: Iterable[str | None], addresses: Iterable[str | None]) -> str | None:
    """The arXiv id that ids and addresses name, without version. Raises LayoutChanged for a broken one, or two.

    Addresses of other places name none.
    """
    pages = (address for address in addresses if address and _ARXIV_PAGE.search(address))
    named = [one.strip() for one in (*given, *pages) if one and not one.isspace()]
    found = {one: parse_id(one) for one in named}
    if broken := [one for one, identified in found.items() if identified is None]:
        raise LayoutChanged("record_shape", f"no arXiv id: {broken[0][:80]!r}")
    ids = {identified[0] for identified in found.values() if identified}
    if len(ids) > 1:
        raise LayoutChanged("record_shape", f"several arXiv ids: {', '.join(sorted(ids))}")
    return ids.pop() if ids else None
