"""The vocabulary: what a page said, what is known of a paper, and what a provider answered.

Unknown is None, never 0 and never an empty list. Times are UTC, with their zone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

Status = Literal["ok", "missing", "blocked", "failed", "pending"]
"""What became of a question: `missing` and `blocked` are answers, `failed` was asked, `pending` was not."""

LinkKind = Literal["github", "gitlab", "hf_model", "hf_dataset", "hf_space", "project_page", "doi", "video", "other"]
FoundIn = Literal["abstract", "comment", "page"]


class Record(BaseModel):
    """A value: immutable, with no field beyond those it names."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class ArxivFact(Record):
    """What arXiv's metadata say beyond title, abstract and authors."""

    status: Status = "pending"
    provider: str | None = None
    fetched_at: dt.datetime | None = None
    reason: str | None = None
    version: int | None = None
    categories: tuple[str, ...] | None = None
    primary_category: str | None = None
    comment: str | None = None
    journal_ref: str | None = None
    doi: str | None = None
    withdrawn: bool | None = None
    published: dt.datetime | None = None
    updated: dt.datetime | None = None


class Published(Record):
    """When a paper came out, how exactly that is known and from what."""

    date: str
    """ISO 8601: a day, or a month where the precision is `month`."""
    precision: Literal["day", "month"]
    basis: Literal["arxiv", "hf_props", "explicit", "shown_year", "shown_page_year", "id_month"]


class Code(Record):
    """An address that a digest itself names as the paper's code."""

    url: str
    evidence: str = "page"
    """What the claim is worth: `page` (the digest's own field), `pwc_official` ..."""
    stars: int | None = None
    """As the digest shows them, of unknown age: a hint, not a fact of the repository."""


class Listing(Record):
    """One entry of a digest, in the digest's own words."""

    position: int | None
    """Counted from 1; None where the digest is about this paper alone."""
    title: str | None
    """None only where `arxiv_id` is known."""
    arxiv_id: str | None = None
    """Without version."""
    abstract: str | None = None
    authors: tuple[str, ...] | None = None
    authors_count: int | None = None
    """Given only where the names are not."""
    organization: str | None = None
    who: str | None = None
    """The line that authors or organization were read from, as it stands."""
    listed_date: dt.date | None = None
    listed_date_basis: Literal["hf_props", "explicit", "shown_year", "shown_page_year"] | None = None
    published: Published | None = None
    """Where the digest tells it apart from `listed_date`."""
    comments: int | None = None
    upvotes: int | None = None
    announced: Literal["new", "cross", "replace", "replace-cross", "absonly"] | None = None
    """How arXiv announced it."""
    ai_summary: str | None = None
    ai_keywords: tuple[str, ...] | None = None
    code: tuple[Code, ...] = ()
    project_page: str | None = None
    arxiv: ArxivFact | None = None
    """What a copy of arXiv's metadata tells, as of its date."""


class Page(Record):
    """All listings of one digest, and when it was looked at."""

    listings: tuple[Listing, ...]
    digest: str | None = None
    """Its identity by its own word ("hf-daily:2026-03-02"); None: the hash of its content is its identity."""
    page_date: dt.date | None = None
    """None while its year is unknown; `page_date_shown` then still has the month and the day."""
    page_date_basis: Literal["explicit", "page_years"] | None = None
    page_date_shown: str | None = None
    neighbours: tuple[dt.date, ...] = ()
    """The days before and after that the page links to."""
    medium: Literal["json", "html", "text"] = "text"
    """How much the page's texts are worth beside others': JSON before HTML before a copy as text."""
    warnings: tuple[str, ...] = ()
    """What was read but looks odd: unknown header lines, missing meta blocks, years left out."""

    def fingerprint(self) -> str:
        """A hash of all that was read: equal for the same listings, whatever the file was called."""
        # without defaults: fields that later versions add change nothing
        return hashlib.sha256(self.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:16]


class Refusal(Record):
    """A text that was not understood: which, where and why, and how to read it again."""

    name: str
    """The file, as the user named it."""
    reason: str
    """A stable code: `layout_unknown`, `record_shape` ..."""
    detail: str
    line: int | None = None
    path: str | None = None
    """The same file from any folder; None for stdin."""
    digest: str | None = None
    """What it would have been, where that is known: a day that was asked for, the dump of a row."""
    offset: int | None = None
    """Of a row of a dump: where it begins, in bytes of the unpacked file ..."""
    length: int | None = None
    """... and how many they are."""
    raw: str | None = None
    """The SHA-256 of its bytes, or of the row's; None where they could not be read."""
    replay: str | None = None
    """The command that reads it again."""
    size: int | None = None
    """The bytes of a file that is too large to be kept, or a dump; None of a pipe, too."""
    head: str | None = None
    """The SHA-256 of the first MiB of what is not kept."""


class Link(Record):
    """An address found in a text, cleaned and typed."""

    url: str
    kind: LinkKind
    found_in: FoundIn


class Ids(Record):
    """Other names of a paper; the DOI is the published one, never arXiv's own 10.48550."""

    arxiv: str | None = None
    doi: str | None = None


class Candidate(Record):
    """An arXiv paper that a title may mean."""

    arxiv_id: str
    title: str
    score: float
    reasons: tuple[str, ...] = ()
    """What speaks for it and against it."""


class Resolution(Record):
    """Whether the arXiv id is known, how it was found, or what it may be."""

    status: Literal["given", "resolved", "ambiguous", "not_found", "failed", "pending"] = "pending"
    method: str | None = None
    score: float | None = None
    candidates: tuple[Candidate, ...] = ()
    decided: tuple[str, ...] | None = None
    """Our `title:` ids that a person decided to be this paper."""


class Sighting(Record):
    """This digest listed that paper. Dates are ISO days; a yearless one is null."""

    source: str
    digest: str
    position: int | None
    page_date: str | None = None
    page_date_basis: str | None = None
    listed_date: str | None = None
    listed_date_basis: str | None = None
    listed_title: str | None = None
    """Only where it is not the very same text as the paper's title."""
    comments: int | None = None
    upvotes: int | None = None
    organization: str | None = None
    announced: str | None = None


class CitationCount(Record):
    """How often others cite the paper, as one provider counts; 0 only when it said 0."""

    status: Status = "pending"
    fetched_at: dt.datetime | None = None
    reason: str | None = None
    count: int | None = None


class InfluentialCitationCount(CitationCount):
    """The same from Semantic Scholar, which also counts the influential ones."""

    influential: int | None = None


class Citations(Record):
    """One count a provider, side by side, never mixed or added."""

    semantic_scholar: InfluentialCitationCount = InfluentialCitationCount()
    openalex: CitationCount = CitationCount()


class Repository(Record):
    """A code repository, what its host says of it, and where we learnt that it belongs to the paper."""

    url: str
    host: Literal["github.com", "gitlab.com"]
    full_name: str
    stars: int | None = None
    forks: int | None = None
    archived: bool | None = None
    license: str | None = None
    language: str | None = None
    pushed_at: dt.datetime | None = None
    evidence: tuple[str, ...] = ()
    status: Status = "pending"
    fetched_at: dt.datetime | None = None
    reason: str | None = None


class LinkedRepository(Record):
    """The repository that an index of papers names as a paper's code. Kept under `_work`, not exported."""

    status: Status = "pending"
    fetched_at: dt.datetime | None = None
    reason: str | None = None
    url: str | None = None
    """None of an `ok` answer: the paper is known there, and has no repository."""


Fact: TypeAlias = ArxivFact | CitationCount | Repository | LinkedRepository
"""A provider's answer: its status, its time, and data or the reason why there are none."""


class ArxivEntry(Record):
    """One paper as arXiv tells it: the fact, and the texts that stand beside it in a paper, white space collapsed."""

    arxiv_id: str
    title: str
    abstract: str | None
    authors: tuple[str, ...] | None
    fact: ArxivFact

    @property
    def status(self) -> Status:
        """What became of the question, as a bare fact says it."""
        return self.fact.status


class Paper(Record):
    """Everything known of one paper: the document in MongoDB (`_id` for `id`) and the exported line alike."""

    schema_version: Literal[1] = 1
    id: str
    title: str | None
    """None where a dump gave the arXiv id alone, until arXiv is asked."""
    abstract: str | None = None
    text_source: str | None
    authors: tuple[str, ...] | None = None
    authors_count: int | None = None
    published: Published | None = None
    ids: Ids = Ids()
    ai_summary: str | None = None
    ai_keywords: tuple[str, ...] | None = None
    resolution: Resolution = Resolution()
    sightings: tuple[Sighting, ...] = ()
    links: tuple[Link, ...] = ()
    arxiv: ArxivFact = ArxivFact()
    citations: Citations = Citations()
    repos: tuple[Repository, ...] = ()
    first_seen: dt.datetime
    updated_at: dt.datetime


class Merged(Record):
    """That a paper was resolved, as an increment of the export tells it: `id` became `merged_into`."""

    schema_version: Literal[1] = 1
    id: str
    merged_into: str
    updated_at: dt.datetime
