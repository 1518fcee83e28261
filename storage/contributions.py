"""What several sources add to one paper, whichever comes first and however often: pure, as MongoDB pipelines.

All that a source can add is a `Contribution`. Adding it is one pipeline update that reads nothing beforehand,
so that two crawlers, a crawler and a resolver, or a repeated page end in the same document:

- of each exclusive part (title, abstract, authors, date, resolution) the source with the smallest `by` stands:
  its rank, then the digest's id, never the order of reading;
- lists (sightings, links, repositories) are unions with one entry a digest, address or repository.

`_work` holds what the exported line does not show: `rev` (counts the changes), `by` (whose parts stand),
`links` (with their origin), `other_abstracts` (those that did not win), `who`, `renamed`, `asked`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pymongo import UpdateOne

from storage.arxiv_ids import id_month
from storage.documents import (
    ArxivEntry,
    ArxivFact,
    Citations,
    Ids,
    Link,
    Listing,
    Page,
    Paper,
    Published,
    Repository,
    Resolution,
    Sighting,
)
from storage.links import find_links, repository
from storage.titles import collapse, title_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.connect import Document

RANK = {"arxiv": 0, "json": 1, "html": 2, "text": 3}
"""Whose title, abstract and authors stand: the most authoritative source known."""
BASIS_RANK = {"arxiv": 0, "hf_props": 1, "shown_year": 2, "shown_page_year": 3, "id_month": 4}
UNANSWERED = ("pending", "failed")
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
    "_work": {"rev": 0, "by": {}, "links": [], "other_abstracts": [], "who": [], "renamed": []},
}


@dataclass(frozen=True)
class Contribution:
    """What one source adds to a paper; the parts it has nothing for stay empty."""

    parts: Sequence[tuple[str, str, Document]] = ()
    """(name of the part, `by`, its fields), each standing or falling whole."""
    sightings: Sequence[Document] = ()
    """With `listed_title` always given."""
    who: Sequence[Document] = ()
    links: Sequence[Document] = ()
    """Links with `by` and `at`, their place in that source."""
    repos: Sequence[Document] = ()
    other_abstracts: Sequence[Document] = ()
    renamed: Sequence[Document] = ()
    arxiv: ArxivFact | None = None
    ids: Document = field(default_factory=dict)


# --- what sources say, as contributions -------------------------------------------------------------------


def from_listing(listing: Listing, page: Page, source: str, digest: str) -> tuple[str, Contribution]:
    """The paper's id and what the listing adds to it."""
    by = f"{RANK[page.medium]} {digest}"
    title, abstract = collapse(listing.title or ""), collapse(listing.abstract) if listing.abstract else None
    parts = [_title(by, title, source), *_abstract(by, abstract)]
    if listing.authors_count is not None:
        parts.append(("authors", by, {"authors": None, "authors_count": listing.authors_count}))
    if listing.listed_date is not None and listing.listed_date_basis is not None:
        parts.append(_published(listing.listed_date.isoformat(), "day", listing.listed_date_basis, digest))
    links = find_links(abstract, "abstract") if abstract else ()
    return title_id(title, abstract), Contribution(
        parts=parts,
        sightings=[_sighting(listing, page, source, digest, title).model_dump()],
        who=[{"digest": digest, "who": listing.who}] if listing.who else (),
        links=_placed(links, by),
        repos=_repositories(links),
    )


def _sighting(listing: Listing, page: Page, source: str, digest: str, title: str) -> Sighting:
    return Sighting(
        source=source,
        digest=digest,
        position=listing.position,
        page_date=page.page_date.isoformat() if page.page_date else None,
        page_date_basis=page.page_date_basis,
        listed_date=listing.listed_date.isoformat() if listing.listed_date else None,
        listed_date_basis=listing.listed_date_basis,
        listed_title=title,
        comments=listing.comments,
        upvotes=listing.upvotes,
        organization=listing.organization,
    )


def _title(by: str, title: str, source: str) -> tuple[str, str, Document]:
    return "title", by, {"title": title, "text_source": source}


def _abstract(by: str, abstract: str | None) -> list[tuple[str, str, Document]]:
    return [("abstract", by, {"abstract": abstract})] if abstract else []


def _published(date: str, precision: str, basis: str, digest: str = "") -> tuple[str, str, Document]:
    value = {"date": date, "precision": precision, "basis": basis}
    return (
        "published",
        f"{BASIS_RANK[basis]} {digest}",
        {"published": Published.model_validate(value).model_dump()},
    )


def _placed(links: Iterable[Link], by: str) -> list[Document]:
    return [{"by": by, "at": at, **link.model_dump()} for at, link in enumerate(links)]


def _repositories(links: Iterable[Link]) -> list[Document]:
    """The repositories that links name, without what their host says of them."""
    found: dict[str, tuple[str, set[str]]] = {}
    for link in links:
        if link.kind == "github" and (name := repository(link.url)):
            found.setdefault(name.lower(), (name, set()))[1].add(link.found_in)
    return [
        Repository(
            url=f"https://github.com/{name}", host="github.com", full_name=name, evidence=tuple(sorted(evidence))
        ).model_dump()
        for name, evidence in found.values()
    ]


def from_arxiv(entry: ArxivEntry) -> Contribution:
    """What an entry of arXiv adds: the fact, the texts that stand before all others, and links in them."""
    title, abstract = collapse(entry.title), collapse(entry.abstract) if entry.abstract else None
    by, fact = f"{RANK['arxiv']} arxiv", entry.fact
    parts = [_title(by, title, "arxiv"), *_abstract(by, abstract)]
    if entry.authors:
        parts.append(("authors", by, {"authors": entry.authors, "authors_count": len(entry.authors)}))
    if fact.published is not None:
        parts.append(_published(fact.published.date().isoformat(), "day", "arxiv"))
    links = [*(find_links(abstract, "abstract") if abstract else ())]
    links += find_links(fact.comment, "comment") if fact.comment else ()
    return Contribution(
        parts=parts,
        links=_placed(links, by),
        repos=_repositories(links),
        arxiv=fact,
        ids={"arxiv": entry.arxiv_id} | ({"doi": fact.doi} if fact.doi else {}),
    )


def from_paper(old: Document, arxiv_id: str, resolution: Resolution) -> Contribution:
    """All that a `title:` paper holds, for the `arxiv:` paper it turned out to be."""
    work = old["_work"]
    parts = [(name, by, {key: old[key] for key in PARTS[name]}) for name, by in work["by"].items() if name in PARTS]
    parts.append(("resolution", f"1 {old['_id']}", {"resolution": resolution.model_dump()}))
    parts.append(_published(id_month(arxiv_id), "month", "id_month"))
    return Contribution(
        parts=parts,
        sightings=[{**one, "listed_title": one["listed_title"] or old["title"]} for one in old["sightings"]],
        who=work["who"],
        links=work["links"],
        repos=old["repos"],
        other_abstracts=work["other_abstracts"],
        renamed=work["renamed"],
        ids={"arxiv": arxiv_id},
    )


PARTS = {
    "title": ("title", "text_source"),
    "abstract": ("abstract",),
    "authors": ("authors", "authors_count"),
    "published": ("published",),
}


# --- contributions as pipeline updates --------------------------------------------------------------------


def adding(paper_id: str, contribution: Contribution, first_seen: Any = "$$NOW") -> UpdateOne:
    """The update that adds a contribution to a paper, which it creates where there is none."""
    return UpdateOne({"_id": paper_id}, stages(contribution, first_seen), upsert=True)


def stages(new: Contribution, first_seen: Any = "$$NOW") -> list[Document]:
    """The pipeline of `adding`: MongoDB evaluates it on the document as it is at that moment."""
    return [
        {"$replaceWith": {"$mergeObjects": [_literal(EMPTY), "$$ROOT"]}},
        {"$set": {"_work.was": {"title": "$title", "abstract": "$abstract", "by": "$_work.by.abstract"}}},
        *(_part(*part) for part in new.parts),
        {"$set": _texts_that_lost(new) | _lists(new) | {f"ids.{k}": _literal(v) for k, v in new.ids.items()}},
        {"$set": {"_work.renamed": {"$setUnion": ["$_work.renamed", _literal(list(new.renamed))]}}},
        *(_repository(repo) for repo in new.repos),
        *([_newer("arxiv", new.arxiv)] if new.arxiv else []),
        {"$set": {"first_seen": {"$min": ["$first_seen", first_seen]}} | TOUCHED},
        {"$unset": "_work.was"},
    ]


TOUCHED: Document = {"updated_at": "$$NOW", "_work.rev": {"$add": [{"$ifNull": ["$_work.rev", 0]}, 1]}}


def _literal(value: Any) -> Document:
    """The value itself: a title that begins with `$` is not a path ("$OneMillion-Bench")."""
    return {"$literal": value}


def _part(name: str, by: str, fields: Document) -> Document:
    """The part stands where no smaller `by` stands already."""
    wins = {"$lte": [by, {"$ifNull": [f"$_work.by.{name}", LAST]}]}
    chosen = {key: {"$cond": [wins, _literal(value), f"${key}"]} for key, value in fields.items()}
    return {"$set": chosen | {f"_work.by.{name}": {"$cond": [wins, by, f"$_work.by.{name}"]}}}


def _newer(path: str, fact: ArxivFact) -> Document:
    """Only a newer fact passes."""
    passes = {"$gt": [_literal(fact.fetched_at), f"${path}.fetched_at"]}
    return {"$set": {path: {"$cond": [passes, _literal(fact.model_dump()), f"${path}"]}}}


def _lists(new: Contribution) -> Document:
    """Sightings (one a digest) and links (one an address), and `who` beside them."""
    links = _one_each("url", {"$concatArrays": [_without("$_work.links", "by", new.links), _literal(list(new.links))]})
    return {
        "sightings": _titled(_replacing("$sightings", new.sightings)),
        "_work.who": _replacing("$_work.who", new.who),
        "_work.links": links,
        "links": {
            "$map": {"input": links, "in": {key: f"$$this.{key}" for key in Link.model_fields}},
        },
    }


def _without(array: str, key: str, new: Sequence[Document]) -> Document:
    """The array less what the new entries replace."""
    return {
        "$filter": {
            "input": array,
            "cond": {"$not": [{"$in": [f"$$this.{key}", _literal([one[key] for one in new])]}]},
        }
    }


def _replacing(array: str, new: Sequence[Document]) -> Document:
    merged = {"$concatArrays": [_without(array, "digest", new), _literal(list(new))]}
    return {"$sortArray": {"input": merged, "sortBy": {"digest": 1}}}


def _titled(sightings: Document) -> Document:
    """Sightings with `listed_title` only where it is not the paper's title, which may just have changed."""
    listed = {"$ifNull": ["$$this.listed_title", "$_work.was.title"]}
    shown = {"$cond": [{"$eq": [listed, "$title"]}, None, listed]}
    return {"$map": {"input": sightings, "in": {"$mergeObjects": ["$$this", {"listed_title": shown}]}}}


def _one_each(key: str, entries: Document) -> Document:
    """The entries in the order of their sources and places, the first one of each key."""
    known = {"$in": [f"$$this.{key}", f"$$value.{key}"]}
    return {
        "$reduce": {
            "input": {"$sortArray": {"input": entries, "sortBy": {"by": 1, "at": 1, key: 1}}},
            "initialValue": [],
            "in": {"$cond": [known, "$$value", {"$concatArrays": ["$$value", ["$$this"]]}]},
        }
    }


def _texts_that_lost(new: Contribution) -> Document:
    """Abstracts that differ from the one that stands, each with its first source: a conflict stays visible."""
    offered = [{"by": by, "abstract": fields["abstract"]} for name, by, fields in new.parts if name == "abstract"]
    stood = {"by": "$_work.was.by", "abstract": "$_work.was.abstract"}
    everything = {
        "$setUnion": [
            "$_work.other_abstracts",
            [stood],
            _literal(offered),
            _literal(list(new.other_abstracts)),
        ]
    }
    lost = {"$and": [{"$ne": ["$$this.abstract", "$abstract"]}, {"$gt": ["$$this.abstract", None]}]}
    return {"_work.other_abstracts": _one_each("abstract", {"$filter": {"input": everything, "cond": lost}})}


def _repository(repo: Document) -> Document:
    """The repository joined to the paper's: evidence is united, the newer answer stands.

    Until its host has told its name, the smallest of its spellings stands, whichever was read first.
    """
    name = repo["full_name"].lower()
    renamed = {"$filter": {"input": "$_work.renamed", "cond": {"$eq": ["$$this.from", _literal(name)]}}}
    now_called = {"$ifNull": [{"$first": {"$map": {"input": renamed, "in": "$$this.to"}}}, _literal(name)]}
    lowered = {"$map": {"input": "$repos", "in": {"$toLower": "$$this.full_name"}}}
    newer = {"$gt": [_literal(repo["fetched_at"]), "$$this.fetched_at"]}
    open_here, answered = {"$in": ["$$this.status", UNANSWERED]}, repo["status"] not in UNANSWERED
    wins = {"$or": [open_here, newer]} if answered else {"$and": [open_here, newer]}
    joined = {
        "$mergeObjects": [
            {"$cond": [wins, _literal(repo), "$$this"]},
            {} if answered else {key: _smaller(key, repo, open_here) for key in ("url", "full_name")},
            {"evidence": sorted_union("$$this.evidence", _literal(repo["evidence"]))},
        ]
    }
    same = {"$eq": [{"$toLower": "$$this.full_name"}, "$$name"]}
    united = {"$map": {"input": "$repos", "in": {"$cond": [same, joined, "$$this"]}}}
    added = {"$concatArrays": ["$repos", [_literal(repo)]]}
    choice = {"$cond": [{"$in": ["$$name", lowered]}, united, added]}
    return {"$set": {"repos": by_url({"$let": {"vars": {"name": now_called}, "in": choice}})}}


def _smaller(key: str, repo: Document, where: Document) -> Document:
    """The smaller of both values on that condition, else the paper's own."""
    return {"$cond": [where, {"$min": [f"$$this.{key}", _literal(repo[key])]}, f"$$this.{key}"]}


def sorted_union(one: Any, other: Any) -> Document:
    """What stands in either array, each once, in order."""
    return {"$sortArray": {"input": {"$setUnion": [one, other]}, "sortBy": 1}}


def by_url(repos: Document) -> Document:
    """Repositories in the order that the exported line has them."""
    return {"$sortArray": {"input": repos, "sortBy": {"url": 1}}}
