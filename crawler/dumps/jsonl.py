"""JSON lines: our own export, and what others write, by the names they commonly give."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from pydantic import Field

from crawler.dumps._row import Count, Row, listing, one_id, text, texts, validated
from crawler.layouts import LayoutChanged
from storage.arxiv_ids import parse_id
from storage.documents import Merged, Paper

if TYPE_CHECKING:
    from storage.documents import Listing

FORM = "lines"
KEYS = ({"id", "schema_version"}, *({name, "title"} for name in ("id", "arxiv_id", "arxivId", "paper_id")))
EVERY = True

YEAR = re.compile(r"[0-9]{4}")
MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")


class Exported(Row):
    """What tells a line of our export from others, and its two kinds apart."""

    schema_version: Any = None
    merged_into: Any = None


class Named(Row):
    """An author."""

    name: str


class Foreign(Row):
    """A line that somebody else wrote."""

    arxiv_id: str | None = None
    arxiv_id_camel: str | None = Field(None, alias="arxivId")
    paper_id: str | None = None
    paper_arxiv_id: str | None = None
    id: str | int | None = None
    """An arXiv id, or the number or the key that the line has elsewhere."""
    url: str | None = None
    pdf_link: str | None = None
    external_url: str | None = None
    title: str | None = None
    abstract: str | None = None
    summary: str | None = None
    authors: list[str] | list[Named] | str | None = None
    submitted_on_daily_at: str | None = Field(None, alias="submittedOnDailyAt")
    date_seen: str | None = None
    published: str | None = None
    published_at: str | None = Field(None, alias="publishedAt")
    publication_date: str | None = None
    upvotes: Count | None = None
    comments: Count | None = Field(None, alias="numComments")
    repository: str | None = Field(None, alias="githubRepo")
    stars: Count | None = Field(None, alias="githubStars")
    project_page: str | None = Field(None, alias="projectPage")
    ai_summary: str | None = None
    ai_keywords: list[str] | None = None
    paper: Any = None


def read(row: bytes, position: int) -> Listing | Paper | Merged:
    """What a line says: a listing, or of our own export the paper itself, or what became of it."""
    if b'"schema_version"' in row:
        head = validated(Exported, row)
        if head.schema_version is not None:
            return _own(row, head)
    one = validated(Foreign, row)
    by_form = one.id if isinstance(one.id, str) and parse_id(one.id) else None
    arxiv_id = one_id(
        [one.arxiv_id, one.arxiv_id_camel, one.paper_id, one.paper_arxiv_id, by_form],
        [one.url, one.pdf_link, one.external_url],
    )
    if arxiv_id is None and isinstance(one.paper, dict):  # its outer dates and titles are not the paper's own
        raise LayoutChanged("record_shape", "an entry of Hugging Face's API: save its answer and `crawl digest` it")
    listed = text(one.submitted_on_daily_at) or text(one.date_seen)
    published = text(one.published) or text(one.published_at) or text(one.publication_date)
    authors, repository = one.authors, text(one.repository)
    return listing(
        position,
        one.title,
        arxiv_id,
        abstract=text(one.abstract) or text(one.summary),
        authors=None if isinstance(authors, str) else texts(_name(author) for author in authors or ()),
        # commas within names and affiliations: nobody can count these
        who=text(authors) if isinstance(authors, str) else None,
        listed_date=_day(listed) if listed else None,
        listed_date_basis="explicit" if listed else None,
        published=_published(published) if published else None,
        upvotes=one.upvotes,
        comments=one.comments,
        code=({"url": repository, "stars": one.stars},) if repository else (),
        project_page=text(one.project_page),
        ai_summary=text(one.ai_summary),
        ai_keywords=texts(one.ai_keywords or ()),
    )


def _own(row: bytes, head: Exported) -> Paper | Merged:
    """A line of our own export."""
    if type(head.schema_version) is not int or head.schema_version != 1:
        told = f"schema_version {str(head.schema_version)[:20]!r} instead of 1"
        raise LayoutChanged("record_shape", f"{told}: export it again, or upgrade paperharvest")
    if head.merged_into is not None:
        merged = validated(Merged, row)
        _kind(merged.id), _kind(merged.merged_into)
        return merged
    paper = validated(Paper, row)
    if paper.ids.arxiv != (paper.id.removeprefix("arxiv:") if _kind(paper.id) == "arxiv" else None):
        raise LayoutChanged("record_shape", f"ids.arxiv is not that of {paper.id!r}")
    return paper


def _kind(paper_id: str) -> str:
    """What a paper goes by, `arxiv` or `title`. Raises LayoutChanged for what is no paper's id."""
    kind, _, rest = paper_id.partition(":")
    if (kind == "title" and rest) or (kind == "arxiv" and parse_id(rest) == (rest, None)):
        return kind
    raise LayoutChanged("record_shape", f"no paper's id: {paper_id[:80]!r}")


def _name(author: str | Named) -> str:
    return author if isinstance(author, str) else author.name


def _published(written: str) -> dict[str, str] | None:
    """A day or a month; None for a year alone, which tells neither. Raises LayoutChanged."""
    if YEAR.fullmatch(written):
        return None
    precision, date = ("month", written) if MONTH.fullmatch(written) else ("day", _day(written).isoformat())
    return {"date": date, "precision": precision, "basis": "explicit"}


def _day(written: str) -> dt.date:
    """The day of an ISO date or time, in UTC where its zone is told. Raises LayoutChanged."""
    try:
        time = dt.datetime.fromisoformat(written.strip())
        return (time.astimezone(dt.UTC) if time.tzinfo else time).date()
    except (ValueError, OverflowError):
        raise LayoutChanged("record_shape", f"no ISO date: {written[:40]!r}") from None
