"""Papers with Code's links between papers and code (CC BY-SA; closed in July 2025): one JSON array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from crawler.dumps._row import Row, listing, one_id, validated

if TYPE_CHECKING:
    from storage.documents import Listing

FORM = "array"
KEYS = ({"paper_url", "repo_url"},)
EVERY = False


class Link(Row):
    """One repository of one paper; a paper may have several."""

    repo_url: Annotated[str, Field(pattern=r"\S")]
    paper_title: str | None = None
    paper_arxiv_id: str | None = None
    paper_url_abs: str | None = None
    paper_url_pdf: str | None = None
    is_official: bool | None = None
    mentioned_in_paper: bool | None = None
    mentioned_in_github: bool | None = None


def read(row: bytes, position: int) -> Listing:
    """The paper of an entry, with one repository."""
    one = validated(Link, row)
    mentioned = "mentioned" if one.mentioned_in_paper or one.mentioned_in_github else "listed"
    evidence = f"pwc_{'official' if one.is_official else mentioned}"
    arxiv_id = one_id([one.paper_arxiv_id], [one.paper_url_abs, one.paper_url_pdf])
    return listing(position, one.paper_title, arxiv_id, code=({"url": one.repo_url.strip(), "evidence": evidence},))
