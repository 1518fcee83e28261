"""The vocabulary: what a page said, what is known of a paper, and what a provider answered.

Unknown is None, never 0 and never an empty list. Times are UTC, with their zone.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["ok", "missing", "blocked", "failed", "pending"]
"""What became of a question: `missing` and `blocked` are answers, `failed` was asked, `pending` was not."""

LinkKind = Literal[
    "github", "gitlab", "hf_model", "hf_dataset", "hf_space", "project_page", "doi", "video", "other"
]
FoundIn = Literal["abstract", "comment", "page"]


class Record(BaseModel):
    """A value: immutable, with no field beyond those it names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Listing(Record):
    """One entry of a digest, in the digest's own words."""

    position: int
    """Counted from 1."""
    title: str
    abstract: str | None = None
    authors_count: int | None = None
    organization: str | None = None
    who: str | None = None
    """The line that `authors_count` or `organization` was read from, as it stands."""
    listed_date: dt.date | None = None
    listed_date_basis: Literal["shown_year", "shown_page_year"] | None = None
    comments: int | None = None
    upvotes: int | None = None


class Page(Record):
    """All listings of one digest, and when it was looked at."""

    listings: tuple[Listing, ...]
    page_date: dt.date | None = None
    """None while its year is unknown; `page_date_shown` then still has the month and the day."""
    page_date_basis: Literal["explicit", "page_years"] | None = None
    page_date_shown: str | None = None
    warnings: tuple[str, ...] = ()
    """What was read but looks odd: unknown header lines, missing meta blocks, years left out."""


class Link(Record):
    """An address found in a text, cleaned and typed."""

    url: str
    kind: LinkKind
    found_in: FoundIn
