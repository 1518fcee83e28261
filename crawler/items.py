"""What spiders yield: a digest with all its listings, or a text that was refused. Never a single listing."""

from __future__ import annotations

from storage.documents import Page, Record, Refusal


class Digest(Record):
    """One page, read whole."""

    source: str
    """The layout that read it."""
    digest: str
    """Its identity: the same copy under another name is the same digest."""
    name: str
    path: str | None
    """The same file from any folder; None for stdin."""
    raw: str
    """The SHA-256 of its bytes."""
    page: Page

    def __str__(self) -> str:
        return f"{self.name!r}: {len(self.page.listings)} listings ({self.source})"


class Refused(Record):
    """One text that no layout understood, and its bytes, which are kept for another try."""

    refusal: Refusal
    content: bytes | None

    def __str__(self) -> str:
        return f"{self.refusal.name!r}: refused, {self.refusal.reason}"
