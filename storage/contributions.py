"""What several sources add to one paper, whichever comes first and however often: pure, without a database.

All that a source can add is a `Contribution`, of which `storage.pipelines` makes an update:

- of each exclusive part (title, abstract, authors, date, resolution) the source with the smallest `by` stands:
  its rank, then the digest's id, never the order of reading;
- lists (sightings, links, repositories) are unions with one entry a digest, address or repository;
- what was crawled from a digest's own place is never replaced by a copy that somebody saved.

`_work` holds what the exported line does not show: `rev` (counts the changes), `by` (whose parts stand),
`links` (with their origin), `other_abstracts` (those that did not win), `who`, `renamed`, `asked`,
`crawled` (digests whose sightings are not from a copy), `merged` (the revisions of other papers that it holds).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from storage.arxiv_ids import id_month
from storage.documents import (
    ArxivEntry,
    ArxivFact,
    Citations,
    Ids,
    Link,
    Listing,
    Paper,
    Repository,
    Resolution,
)
from storage.links import find_links, repository, typed
from storage.titles import collapse, title_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from storage.connect import Document
    from storage.documents import Page

RANK = {"arxiv": 0, "datacite": 0.5, "json": 1, "html": 2, "text": 3}
"""Whose title, abstract and authors stand: the most authoritative source known."""
# Written into documents as text ("1.5 text:9f...", sorted as such): what is between two has a fraction.
BASIS_RANK = {"arxiv": 0, "hf_props": 1, "explicit": 1.5, "shown_year": 2, "shown_page_year": 3, "id_month": 4}
UNANSWERED = ("pending", "failed")
Part: TypeAlias = "tuple[str, str, Document]"
LAST = "~"  # sorts after every `by`

EMPTY: Document = {
    **{name: None for name in Paper.model_fields if name != "id"},
    "schema_version": 1,
    "ids": Ids().model_dump(),
    "resolution": Resolution().model_dump(),
    "sightings": [],
    "links": [],
    "arxiv": ArxivFact().model_dump(),
    "citations": Citations().model_dump(),
    "repos": [],
    "_work": {"rev": 0, "by": {}, "links": [], "other_abstracts": [], "who": [], "renamed": [], "crawled": []},
}


@dataclass(frozen=True)
class Origin:
    """The digest that listings stand in, and how it was come by."""

    source: str
    """The layout that read it."""
    digest: str
    medium: str = "json"
    page_date: str | None = None
    page_date_basis: str | None = None
    crawled: bool = False
    """Read at its own place: its values are measurements of that moment."""
    copied: bool = False
    """Somebody's copy of what has a place of its own: it never stands above what was crawled there."""
    rows: bool = False
    """A dump: a paper may stand in several of its rows, each of which tells its part."""

    @classmethod
    def of(cls, page: Page, source: str, digest: str, *, crawled: bool = False) -> Origin:
        """That of a page."""
        page_date = page.page_date.isoformat() if page.page_date else None
        copied = page.digest is not None and not crawled
        return cls(source, digest, page.medium, page_date, page.page_date_basis, crawled, copied)

    @cached_property
    def by(self) -> str:
        """Where its texts stand among those of others: a copy behind all that was crawled."""
        return f"{f'2.{RANK[self.medium]}' if self.copied else RANK[self.medium]} {self.digest}"

    def dated_by(self, basis: str) -> str:
        """The same for a date."""
        return f"{BASIS_RANK[basis]}{'.1' if self.copied else ''} {self.digest}"


class Contribution(NamedTuple):
    """What one source adds to a paper; the parts it has nothing for stay empty."""

    ids: Mapping[str, str]
    parts: Sequence[Part] = ()
    """(name of the part, `by`, its fields), each standing or falling whole."""
    sightings: Sequence[Document] = ()
    """With `listed_title` always given."""
    who: Sequence[Document] = ()
    links: Sequence[Document] = ()
    """Links with `by` and `at`, their place in that source."""
    repos: Sequence[Document] = ()
    other_abstracts: Sequence[Document] = ()
    crawled: Sequence[str] = ()
    """The digests that were read at their own place."""
    renamed: Sequence[Document] = ()
    arxiv: ArxivFact | None = None
    decided: Sequence[str] = ()
    """The `title:` ids that a person decided to be this paper."""
    merged: Mapping[str, Document] = {}
    """The revisions of `title:` papers that it holds: time and number."""


# --- what sources say, as contributions -------------------------------------------------------------------


def from_listing(listing: Listing, origin: Origin) -> tuple[str, Contribution]:
    """The paper's id and what the listing adds to it."""
    title = collapse(listing.title) if listing.title else None
    abstract = collapse(listing.abstract) if listing.abstract else None
    by, fact = _words_by(listing, origin), listing.arxiv
    links = _links(abstract, fact)
    named, claims = _claims(listing)
    parts = [*_texts(by, title, abstract, origin.source), *_authors(by, listing), *_dates(listing, origin)]
    if listing.ai_summary or listing.ai_keywords:
        parts.append(("summary", by, {"ai_summary": listing.ai_summary, "ai_keywords": listing.ai_keywords}))
    ids = {"arxiv": listing.arxiv_id} if listing.arxiv_id else {}
    if listing.arxiv_id:
        parts.append(("resolution", "0 given", {"resolution": GIVEN}))
    if fact and fact.doi:
        ids["doi"] = fact.doi
    paper_id = f"arxiv:{listing.arxiv_id}" if listing.arxiv_id else title_id(title or "", abstract, listing.authors)
    return paper_id, Contribution(
        parts=parts,
        sightings=[_sighting(listing, origin, title)],
        who=[{"digest": origin.digest, "who": listing.who}] if listing.who else (),
        links=_placed([*links, *named], by) if links or named else (),
        repos=_repositories([*((link.url, link.found_in) for link in links), *claims]) if links or claims else (),
        crawled=[origin.digest] if origin.crawled else (),
        arxiv=fact,
        ids=ids,
    )


GIVEN = Resolution(status="given").model_dump()


def _words_by(listing: Listing, origin: Origin) -> str:
    """Where the texts stand. Of copies of arXiv's metadata the newest first, all of them after arXiv itself."""
    if listing.arxiv is None or listing.arxiv.fetched_at is None:
        return f"{origin.by} {listing.position}" if origin.rows else origin.by
    return f"{RANK['arxiv']} {origin.source} {dt.date.max.toordinal() - listing.arxiv.fetched_at.toordinal()}"


def _links(abstract: str | None, fact: ArxivFact | None) -> list[Link]:
    """The addresses in the texts of a paper."""
    links = [*find_links(abstract, "abstract")] if abstract else []
    return [*links, *find_links(fact.comment, "comment")] if fact and fact.comment else links


def _claims(listing: Listing) -> tuple[list[Link], list[tuple[str, str]]]:
    """The addresses that the digest itself names, and what speaks for each as the paper's code."""
    if not listing.code and not listing.project_page:
        return [], []
    claims = [(one.url, one.evidence) for one in listing.code]
    if listing.project_page:
        claims.append((listing.project_page, "project_page"))
    return [typed(url, "page", project_page=evidence == "project_page") for url, evidence in claims], claims


def _sighting(listing: Listing, origin: Origin, title: str | None) -> Document:
    """A sighting as it is stored. Without its model: a dump has millions, and the listing was validated."""
    return {
        "source": origin.source,
        "digest": origin.digest,
        "position": listing.position,
        "page_date": origin.page_date,
        "page_date_basis": origin.page_date_basis,
        "listed_date": listing.listed_date.isoformat() if listing.listed_date else None,
        "listed_date_basis": listing.listed_date_basis,
        "listed_title": title,
        "comments": listing.comments,
        "upvotes": listing.upvotes,
        "organization": listing.organization,
        "announced": listing.announced,
    }


def _texts(by: str, title: str | None, abstract: str | None, source: str) -> list[Part]:
    titled: list[Part] = [("title", by, {"title": title, "text_source": source})] if title else []
    return [*titled, ("abstract", by, {"abstract": abstract})] if abstract else titled


def _authors(by: str, listing: Listing) -> list[Part]:
    count = len(listing.authors) if listing.authors else listing.authors_count
    return [] if count is None else [("authors", by, {"authors": listing.authors or None, "authors_count": count})]


def _dates(listing: Listing, origin: Origin) -> list[Part]:
    """When the paper came out, by each word of the listing on it."""
    parts = []
    if listing.arxiv is not None and listing.arxiv.published is not None:
        parts.append(_published(origin.dated_by("arxiv"), listing.arxiv.published.date().isoformat(), "arxiv"))
    if (told := listing.published) is not None:
        parts.append(_published(origin.dated_by(told.basis), told.date, told.basis, told.precision))
    elif listing.listed_date is not None and (basis := listing.listed_date_basis) in ("shown_year", "shown_page_year"):
        parts.append(_published(origin.dated_by(basis), listing.listed_date.isoformat(), basis))
    if listing.arxiv_id and not parts:
        parts.append(_id_month(listing.arxiv_id))
    return parts


def _published(by: str, date: str, basis: str, precision: str = "day") -> Part:
    return "published", by, {"published": {"date": date, "precision": precision, "basis": basis}}


def _id_month(arxiv_id: str) -> Part:
    return _published(f"{BASIS_RANK['id_month']} ", id_month(arxiv_id), "id_month", "month")


def _placed(links: Iterable[Link], by: str) -> list[Document]:
    return [{"by": by, "at": at, **vars(link)} for at, link in enumerate(links)]


def _repositories(named: Iterable[tuple[str, str]]) -> list[Document]:
    """The first repositories among addresses, each with what speaks for it, without what their host says of them.

    A list of hundreds is no paper's code, and more than MongoDB can unite in one update.
    """
    found: dict[str, tuple[str, set[str]]] = {}
    for url, evidence in named:
        if name := repository(url):
            found.setdefault(name.lower(), (name, set()))[1].add(evidence)
    return [
        BLANK_REPOSITORY | {"url": f"https://github.com/{name}", "full_name": name, "evidence": tuple(sorted(evidence))}
        for name, evidence in islice(found.values(), MOST_REPOSITORIES)
    ]


MOST_REPOSITORIES = 100
EVIDENCE = ["pwc_official", "comment", "page", "huggingface", "abstract", "project_page", "pwc_mentioned", "pwc_listed"]
"""What speaks for a repository as a paper's code, the strongest first: who says so, and whether they mean just that."""
BLANK_REPOSITORY = Repository(url="", host="github.com", full_name="").model_dump()


def from_arxiv(entry: ArxivEntry) -> Contribution:
    """What an entry of arXiv, or of who stands in for it, adds: the fact, texts before all others, links in them."""
    fact, source = entry.fact, entry.fact.provider or "arxiv"
    by = f"{RANK[source]} {source}"
    parts = _texts(by, entry.title, entry.abstract, source)
    if entry.authors:
        parts.append(("authors", by, {"authors": entry.authors, "authors_count": len(entry.authors)}))
    if fact.published is not None:
        parts.append(_published(f"{BASIS_RANK['arxiv']} ", fact.published.date().isoformat(), "arxiv"))
    links = _links(entry.abstract, fact)
    return Contribution(
        parts=parts,
        links=_placed(links, by),
        repos=_repositories((link.url, link.found_in) for link in links),
        arxiv=fact,
        ids={"arxiv": entry.arxiv_id} | ({"doi": fact.doi} if fact.doi else {}),
    )


def from_index(url: str) -> Contribution:
    """What an index of papers adds that names a repository as a paper's code."""
    return Contribution(ids={}, repos=_repositories([(url, "huggingface")]))


def from_paper(old: Document) -> Contribution:
    """All that a `title:` paper holds."""
    work = old["_work"]
    return Contribution(
        parts=[(name, by, {key: old[key] for key in PARTS[name]}) for name, by in work["by"].items() if name in PARTS],
        sightings=[{**one, "listed_title": one["listed_title"] or old["title"]} for one in old["sightings"]],
        who=work["who"],
        links=work["links"],
        repos=old["repos"],
        other_abstracts=work["other_abstracts"],
        renamed=work["renamed"],
        ids={},
    )


def from_merged(old: Document, arxiv_id: str, resolution: Resolution) -> Contribution:
    """The same, for the `arxiv:` paper that it turned out to be."""
    held, by = from_paper(old), f"{_found(resolution)} {old['_id']}"
    parts = [*held.parts, ("resolution", by, {"resolution": resolution.model_dump()}), _id_month(arxiv_id)]
    merged = {old["_id"]: {"at": old["updated_at"], "rev": old["_work"]["rev"]}}
    return held._replace(parts=parts, ids={"arxiv": arxiv_id}, decided=resolution.decided or (), merged=merged)


def from_line(paper: Paper) -> Contribution:
    """All that an exported line tells, but for facts other than arXiv's. It stands behind the sources themselves."""
    by = f"{_rank(paper.text_source)} {EXPORT}"
    fields = paper.model_dump()
    parts: list[Part] = [
        (name, by, {key: fields[key] for key in keys})
        for name, keys in PARTS.items()
        if name != "published" and any(fields[key] is not None for key in keys)
    ]
    if paper.published:
        parts.append(_published(f"{BASIS_RANK[paper.published.basis]} {EXPORT}", **fields["published"]))
    if paper.resolution.status != "pending":
        rank = {"given": 0, "resolved": _found(paper.resolution)}.get(paper.resolution.status, 8)
        parts.append(("resolution", f"{rank} {EXPORT}", {"resolution": fields["resolution"]}))
    return Contribution(
        parts=parts,
        sightings=[one | {"listed_title": one["listed_title"] or paper.title} for one in fields["sightings"]],
        links=_placed(paper.links, by),
        repos=fields["repos"],
        arxiv=paper.arxiv if paper.arxiv != ArxivFact() else None,
        ids={key: value for key, value in fields["ids"].items() if value},
        decided=paper.resolution.decided or (),
    )


def _rank(source: str | None) -> float:
    """What a text is worth whose medium the line does not tell."""
    if source is None or source.startswith("text"):
        return RANK["text"]
    return RANK["arxiv"] if source.startswith("arxiv") else RANK.get(source, RANK["json"])


def _found(resolution: Resolution) -> float:
    """Where an id that was found stands: behind one that a digest gave (0), a person's before a machine's."""
    return 0.5 if resolution.decided else 1


EXPORT = "~export"  # sorts after every digest
PARTS = {
    "title": ("title", "text_source"),
    "abstract": ("abstract",),
    "authors": ("authors", "authors_count"),
    "published": ("published",),
    "summary": ("ai_summary", "ai_keywords"),
}


# --- what is left without one of them ---------------------------------------------------------------------


def without(paper: Document, old: Document) -> Document:
    """The paper less what an old one brought to it; parts that are missed now are empty."""
    work, brought = paper["_work"], old["_work"]
    listings = {(one["digest"], one["position"]) for one in old["sightings"]}
    sightings = [one | {"listed_title": one["listed_title"] or paper["title"]} for one in paper["sightings"]]
    by: Document = dict(work["by"])
    empty: Document = {}
    for name, keys in PARTS.items():
        if name in by and by[name] == brought["by"].get(name) and all(paper[key] == old[key] for key in keys):
            del by[name]
            empty |= dict.fromkeys(keys)
    resolution = paper["resolution"]
    if by.get("resolution", "").endswith(f" {old['_id']}"):
        del by["resolution"]
        resolution = EMPTY["resolution"]
    decided = [one for one in paper["resolution"].get("decided") or () if one != old["_id"]]
    links = [one for one in work["links"] if one not in brought["links"]]
    named = _called(work, filter(None, (repository(one["url"]) for one in links)))
    lost = _called(work, (one["full_name"] for one in old["repos"])) - named
    abstracts = [{"by": brought["by"].get("abstract"), "abstract": old["abstract"]}, *brought["other_abstracts"]]
    digests = {digest for digest, _ in listings}
    left = {
        "by": by,
        "links": links,
        "who": [one for one in work["who"] if one["digest"] not in digests],
        "other_abstracts": [one for one in work["other_abstracts"] if one not in abstracts],
        "merged": {key: at for key, at in work.get("merged", {}).items() if key != old["_id"]},
    }
    return {
        **paper,
        **empty,
        "resolution": resolution | {"decided": decided or None},
        "sightings": [one for one in sightings if (one["digest"], one["position"]) not in listings],
        "repos": [one for one in paper["repos"] if one["full_name"].lower() not in lost],
        "_work": work | left,
    }


def _called(work: Document, names: Iterable[str]) -> set[str]:
    """These repositories by all names that we know."""
    lowered = {one.lower() for one in names}
    return lowered | {one["to"] for one in work["renamed"] if one["from"] in lowered}


def instead(left: Document) -> Contribution:
    """What stands in the place of parts that were taken out of a paper: the words of the sources that are left."""
    resolved = Resolution(status="resolved").model_dump()
    parts: list[Part] = [_id_month(left["ids"]["arxiv"]), ("resolution", f"2 {EXPORT}", {"resolution": resolved})]
    if left["title"] is None:
        parts += [
            ("title", f"{_rank(one['source'])} {one['digest']}", {"title": title, "text_source": one["source"]})
            for one in left["sightings"]
            if (title := one["listed_title"])
        ]
    if left["abstract"] is None:
        parts += [("abstract", one["by"], {"abstract": one["abstract"]}) for one in left["_work"]["other_abstracts"]]
    return Contribution(ids={}, parts=parts)
