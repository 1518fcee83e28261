"""What spiders yield: a whole digest, rows of a dump, a refused text, the state of a day. Never a single listing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.days import Day
from storage.documents import Page, Record, Refusal

if TYPE_CHECKING:
    from crawler.dumps.parts import Part


class Digest(Record):
    """One page, read whole."""

    source: str
    """The layout that read it."""
    digest: str
    """Its identity: the same copy under another name is the same digest."""
    name: str
    path: str | None = None
    """The same file from any folder; None for stdin, and for what was fetched."""
    raw: str
    """The SHA-256 of its bytes."""
    page: Page
    content: bytes | None = None
    """What was fetched, to be kept; None of a file."""
    crawled: dt.date | None = None
    """When it was read at its own place; None of a copy."""

    def __str__(self) -> str:
        return f"{self.name!r}: {len(self.page.listings)} listings ({self.source})"


class Refused(Record):
    """One text that no layout understood, and its bytes, which are kept for another try."""

    refusal: Refusal
    content: bytes | None

    def __str__(self) -> str:
        return f"{self.refusal.name!r}: refused, {self.refusal.reason}"


class Asked(Record):
    """What became of one day of a daily list. It follows the day's digest: a kill between asks again."""

    source: str
    day: dt.date
    state: Day

    def __str__(self) -> str:
        return f"{self.source} {self.day}: {self.state.status}"


@dataclass(frozen=True)
class Rows:
    """The next rows of a dump. No pydantic model: every row is one already, and there are millions."""

    source: str
    digest: str
    name: str
    part: Part
    known_only: bool
    """Papers that are not stored are left out."""

    def __str__(self) -> str:
        return f"{self.name!r}: up to row {self.part.read} ({self.source})"
