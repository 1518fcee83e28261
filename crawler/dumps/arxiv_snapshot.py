"""arXiv's metadata as JSON lines, the data set Cornell-University/arxiv (CC0): millions of rows, all of arXiv."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from crawler.dumps._row import Row, listing, text, validated
from crawler.layouts import LayoutChanged
from storage.arxiv_ids import parse_id
from storage.titles import collapse
from storage.withdrawn import is_withdrawn

if TYPE_CHECKING:
    from storage.documents import Listing

FORM = "lines"
KEYS = ({"id", "authors_parsed"}, {"id", "versions"})
EVERY = False

OWN_DOI = "10.48550/"  # arXiv's own, of every paper


class Version(Row):
    """One version, and when it was submitted."""

    version: Annotated[str, Field(pattern="^v[1-9][0-9]{0,3}$")]
    created: str


class Snapshot(Row):
    """One paper, with line breaks wherever a line grew long."""

    id: str
    title: Annotated[str, Field(pattern=r"\S")]
    abstract: str
    comments: str | None = None
    journal_ref: str | None = Field(None, alias="journal-ref")
    doi: str | None = None
    categories: str
    versions: Annotated[list[Version], Field(min_length=1)]
    update_date: dt.date
    authors_parsed: list[Annotated[list[str], Field(min_length=3)]]
    """Last name, first names, suffix, and perhaps affiliations."""


def read(row: bytes, position: int) -> Listing:
    """The paper of a line."""
    one = validated(Snapshot, row)
    if not (identified := parse_id(one.id)):
        raise LayoutChanged("record_shape", f"no arXiv id: {one.id[:80]!r}")
    last, comment = one.versions[-1], _line(one.comments)
    published = _time(one.versions[0].created)
    categories = one.categories.split()
    return listing(
        position,
        one.title,
        identified[0],
        abstract=text(one.abstract),
        authors=tuple(filter(None, [f"{name[1]} {name[0]} {name[2]}".strip() for name in one.authors_parsed])) or None,
        arxiv={
            "status": "ok",
            "provider": "arxiv_snapshot",
            "fetched_at": dt.datetime.combine(one.update_date, dt.time.min, dt.UTC),
            "version": int(last.version[1:]),
            "categories": tuple(categories) or None,
            "primary_category": categories[0] if categories else None,
            "comment": comment,
            "journal_ref": _line(one.journal_ref),
            "doi": None if one.doi and one.doi.startswith(OWN_DOI) else _line(one.doi),
            "withdrawn": is_withdrawn(comment, one.abstract),
            "published": published,
            "updated": _time(last.created) if len(one.versions) > 1 else published,
        },
    )


def _line(value: str | None) -> str | None:
    """The text on one line; None where it is absent or blank."""
    return (collapse(value) or None) if value else None


def _time(written: str) -> dt.datetime:
    """A time as "Mon, 2 Apr 2007 19:18:42 GMT"; raises LayoutChanged for any other form."""
    try:
        day, clock = _day(written[:-12]), dt.time.fromisoformat(written[-12:-4])
    except ValueError:
        day = None
    if day is None or written[-10:-4:3] != "::" or not written.endswith(" GMT"):
        raise LayoutChanged("record_shape", f"versions: no time: {written[:40]!r}")
    return dt.datetime.combine(day, clock, dt.UTC)


@lru_cache(2**14)  # all days of arXiv, millions of times
def _day(written: str) -> dt.date:
    """The day of "Mon, 2 Apr 2007 ". Raises ValueError."""
    padded = f"{written[:5]}{written[5:].zfill(12)}00:00:00 GMT"
    stamp = parsedate_to_datetime(padded)
    if format_datetime(stamp, usegmt=True) != padded:
        raise ValueError(written)
    return stamp.date()
