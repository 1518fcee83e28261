"""Papers with Code's papers with abstracts (CC BY-SA; closed in July 2025): one JSON array.

Its `date` is not read: nobody documents what it is the date of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crawler.dumps._row import Row, listing, one_id, text, texts, validated

if TYPE_CHECKING:
    from storage.documents import Listing

FORM = "array"
KEYS = ({"paper_url", "abstract"},)
EVERY = False


class Described(Row):
    """One paper."""

    arxiv_id: str | None = None
    url_abs: str | None = None
    url_pdf: str | None = None
    title: str | None = None
    abstract: str | None = None
    authors: list[str] | None = None


def read(row: bytes, position: int) -> Listing:
    """The paper of an entry."""
    one = validated(Described, row)
    arxiv_id = one_id([one.arxiv_id], [one.url_abs, one.url_pdf])
    return listing(position, one.title, arxiv_id, abstract=text(one.abstract), authors=texts(one.authors or ()))
