"""Contributions as MongoDB pipelines: the update that adds one to a paper, whatever stands there.

It reads nothing beforehand, so that two crawlers, a crawler and a resolver, or a repeated page end in the same
document.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateMany, UpdateOne

from storage.contributions import EMPTY, EVIDENCE, LAST, UNANSWERED, Contribution
from storage.documents import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from storage.connect import Document


def fresh(paper_id: str, new: Contribution) -> UpdateOne:
    """The update that creates the paper which `adding` would create, and leaves one that is there as it is.

    It is three times as fast as `adding`, which has to bear any document: dumps are mostly papers nobody knew.
    """
    made = {"$mergeObjects": ["$$ROOT", _literal(document(new)), {"first_seen": "$$NOW", "updated_at": "$$NOW"}]}
    there = {"$gt": ["$first_seen", None]}
    return UpdateOne({"_id": paper_id}, [{"$replaceWith": {"$cond": [there, "$$ROOT", made]}}], upsert=True)


def document(new: Contribution) -> Document:
    """The paper, times and id apart, that a listing's contribution makes where there was none."""
    by: dict[str, str] = {}
    made = EMPTY.copy()
    for name, source, fields in new.parts:
        if source <= by.get(name, LAST):
            by[name] = source
            made.update(fields)
    title = made["title"]
    made["sightings"] = [one | {"listed_title": None} if one["listed_title"] == title else one for one in new.sightings]
    if new.ids:
        made["ids"] = EMPTY["ids"] | dict(new.ids)
    links: Sequence[Document] = ()
    if new.links:
        first: dict[str, Document] = {}
        for link in new.links:
            first.setdefault(link["url"], link)
        links = list(first.values())
        made["links"] = [{key: link[key] for key in Link.model_fields} for link in links]
    if new.repos:
        made["repos"] = sorted(new.repos, key=rank)
    if new.arxiv:
        made["arxiv"] = vars(new.arxiv)
    made["_work"] = EMPTY["_work"] | {"rev": 1, "by": by, "links": links, "who": new.who, "crawled": new.crawled}
    return made


def adding(paper_id: str, contribution: Contribution, first_seen: Any = "$$NOW") -> UpdateOne:
    """The update that adds a contribution to a paper, which it creates where there is none."""
    return UpdateOne({"_id": paper_id}, stages(contribution, first_seen), upsert=True)


def joining(new: Mapping[str, Contribution]) -> list[UpdateMany]:
    """The updates that add contributions to papers that are there, by id: one for many of a shape.

    MongoDB parses the pipeline of every update anew, which takes longer than evaluating it.
    """
    alike: defaultdict[Shape, list[tuple[str, RawBSONDocument]]] = defaultdict(list)
    for paper_id, one in new.items():
        given = _given(one)
        alike[_shape(one, given)].append((paper_id, RawBSONDocument(bson.encode(given))))
    return [
        UpdateMany({"_id": {"$in": list(told)}}, [_begun(of_each(told, "$_id")), *_stages(shape)])
        for shape, given in alike.items()
        for told in _bounded(given)
    ]


def _bounded(given: Iterable[tuple[str, RawBSONDocument]]) -> Iterator[dict[str, RawBSONDocument]]:
    """As much at a time as fits into one update: MongoDB's documents have 16 MiB at most."""
    part: dict[str, RawBSONDocument] = {}
    size = 0
    for paper_id, one in given:
        size += len(one.raw)
        if part and size > LARGEST:
            yield part
            part, size = {}, len(one.raw)
        part[paper_id] = one
    yield part


def of_each(told: Mapping[str, Any], key: str | Document) -> Document:
    """The value of that key, which must be one of them: of another it is the last one's.

    Looked up in arrays: `$getField` takes no computed key (6.0).
    """
    place = {"$indexOfArray": [{"$literal": list(told)}, key]}
    return {"$arrayElemAt": [{"$literal": list(told.values())}, place]}


def stages(new: Contribution, first_seen: Any = "$$NOW") -> list[Mapping[str, Any]]:
    """The pipeline of `adding`: MongoDB evaluates it on the document as it is at that moment.

    What is new stands in its first stage alone; the others are the same for all contributions of one shape.
    """
    given = _given(new, None if first_seen == "$$NOW" else first_seen)
    return [_begun(_literal(given)), *_stages(_shape(new, given))]


def _begun(given: Document) -> Document:
    return {"$replaceWith": {"$mergeObjects": [_literal(EMPTY), "$$ROOT", {"_new": given}]}}


def _given(new: Contribution, first_seen: Any = None) -> Document:
    """What is new, as it stands at `_new` while the stages run."""
    return {
        "parts": {f"p{n}": fields | {"by": by} for n, (_, by, fields) in enumerate(new.parts)},
        "repos": {f"r{n}": {"name": one["full_name"].lower(), "told": one} for n, one in enumerate(new.repos)},
        "ids": new.ids,
        "arxiv": vars(new.arxiv) if new.arxiv else None,
        "merged": new.merged,
        "first_seen": first_seen,
        **{name: list(getattr(new, name)) for name in LISTS},
    }


def _shape(new: Contribution, given: Document) -> Shape:
    return Shape(
        parts=tuple((name, *fields) for name, _, fields in new.parts),
        repos=tuple(one["status"] not in UNANSWERED for one in new.repos),
        ids=tuple(new.ids),
        answered=new.arxiv.status not in UNANSWERED if new.arxiv else None,
        second_hand=new.arxiv is not None and new.arxiv.provider == "datacite",
        merged=tuple(new.merged),
        dated=given["first_seen"] is not None,
        lists=tuple(name for name in LISTS if given[name]),
    )


LARGEST = 4 * 2**20  # bytes of what one update adds to several papers
LISTS = ("sightings", "who", "links", "other_abstracts", "crawled", "renamed", "decided")


class Shape(NamedTuple):
    """Which parts a contribution has, whatever stands in them."""

    parts: tuple[tuple[str, ...], ...]
    """The name of each and its fields'."""
    repos: tuple[bool, ...]
    """Whether the host of each has answered ..."""
    ids: tuple[str, ...]
    answered: bool | None
    """... and arXiv; None: it tells no fact of arXiv's."""
    second_hand: bool
    """That fact is of who stands in for arXiv."""
    merged: tuple[str, ...]
    dated: bool
    """It knows when the paper was seen first."""
    lists: tuple[str, ...]
    """Those that are not empty."""


@lru_cache(maxsize=64)
def _stages(new: Shape) -> list[RawBSONDocument]:
    """The stages that add what stands at `_new`. Encoded once: a run sends them for thousands of papers."""
    first_seen = "$_new.first_seen" if new.dated else "$$NOW"
    made: list[Document] = [
        {"$set": {"_work.was": STOOD}},
        *(_part(at, name, fields) for at, (name, *fields) in enumerate(new.parts)),
        {"$set": _texts_that_lost(new) | _lists(new) | {f"ids.{key}": f"$_new.ids.{key}" for key in new.ids}},
        {
            "$set": {
                "links": {"$map": {"input": "$_work.links", "in": {key: f"$$this.{key}" for key in Link.model_fields}}},
                "_work.renamed": {"$setUnion": ["$_work.renamed", "$_new.renamed"]},
                "_work.crawled": sorted_union(_CRAWLED, "$_new.crawled"),
                **{
                    f"_work.merged.{old}": {"$max": [f"$_work.merged.{old}", f"$_new.merged.{old}"]}
                    for old in new.merged
                },
            }
            | _decided(new)
        },
        *(_repository(f"$_new.repos.r{at}", answered) for at, answered in enumerate(new.repos)),
        *([] if new.answered is None else [_newer("arxiv", new.answered, new.second_hand)]),
        {"$set": {"first_seen": {"$min": ["$first_seen", first_seen]}} | TOUCHED},
        {"$unset": ["_work.was", "_new"]},
    ]
    return [RawBSONDocument(bson.encode(one)) for one in made]


STOOD = {"title": "$title", "abstract": "$abstract", "by": "$_work.by.abstract", "decided": "$resolution.decided"}
TOUCHED: Document = {"updated_at": "$$NOW", "_work.rev": {"$add": [{"$ifNull": ["$_work.rev", 0]}, 1]}}


def _literal(value: Any) -> Document:
    """The value itself: a title that begins with `$` is not a path ("$OneMillion-Bench")."""
    return {"$literal": value}


def _part(at: int, name: str, fields: Sequence[str]) -> Document:
    """The part stands where no smaller `by` stands already."""
    new = f"$_new.parts.p{at}"
    wins = {"$lte": [f"{new}.by", {"$ifNull": [f"$_work.by.{name}", LAST]}]}
    chosen = {key: {"$cond": [wins, f"{new}.{key}", f"${key}"]} for key in fields}
    return {"$set": chosen | {f"_work.by.{name}": {"$cond": [wins, f"{new}.by", f"$_work.by.{name}"]}}}


def _decided(new: Shape) -> Document:
    """What people decided stays, whoever else resolved it."""
    if not any(name == "resolution" for name, *_ in new.parts):
        return {}
    union = sorted_union({"$ifNull": ["$_work.was.decided", []]}, "$_new.decided")
    return {"resolution.decided": {"$cond": [{"$eq": [union, []]}, None, union]}}


def _newer(path: str, answered: bool, second_hand: bool) -> Document:
    """Only a newer fact passes, or the first answer; what is no answer, or second-hand, never replaces one."""
    unanswered = {"$in": [f"${path}.status", UNANSWERED]}
    # Facts that were never asked have no time: the later one says why they wait.
    newer = {"$gt" if answered else "$gte": [f"$_new.{path}.fetched_at", f"${path}.fetched_at"]}
    passes = unanswered if answered and second_hand else {"$or" if answered else "$and": [unanswered, newer]}
    return {"$set": {path: {"$cond": [passes, f"$_new.{path}", f"${path}"]}}}


def _lists(new: Shape) -> Document:
    """Sightings (one a digest) and links (one an address), and `who` beside them."""
    told = "sightings" in new.lists
    lists = {"sightings": _titled(_replacing("$sightings", "$_new.sightings", new) if told else "$sightings")}
    if "who" in new.lists:
        lists["_work.who"] = _replacing("$_work.who", "$_new.who", new)
    if "links" in new.lists:
        left = {"$filter": {"input": "$_work.links", "cond": {"$not": [{"$in": ["$$this.by", "$_new.links.by"]}]}}}
        lists["_work.links"] = _one_each("url", {"$concatArrays": [left, "$_new.links"]})
    return lists


_CRAWLED: Document = {"$ifNull": ["$_work.crawled", []]}  # older versions wrote none


def _told_better(new: Shape) -> Document:
    """The digests whose sightings stay as they are: these were crawled, what is new was not.

    All of them where that revision of a merged paper, or a later one, is here already.
    """
    crawled = {"$setDifference": [_CRAWLED, "$_new.crawled"]}
    known = [{"$gte": [f"$_work.merged.{old}", f"$_new.merged.{old}"]} for old in new.merged]
    return {"$cond": [{"$or": known}, "$_new.sightings.digest", crawled]} if known else crawled


def _replacing(array: str, told: str, new: Shape) -> Document:
    """One entry a digest, the new one unless the digest is among those kept and has one."""
    there = {"$map": {"input": array, "in": "$$this.digest"}}
    stays = {"$setIntersection": [there, _told_better(new)]}
    added = {"$filter": {"input": told, "cond": {"$not": [{"$in": ["$$this.digest", stays]}]}}}
    replaced = {"$setDifference": [f"{told}.digest", stays]}
    left = {"$filter": {"input": array, "cond": {"$not": [{"$in": ["$$this.digest", replaced]}]}}}
    return {"$sortArray": {"input": {"$concatArrays": [left, added]}, "sortBy": {"digest": 1}}}


def _titled(sightings: Document | str) -> Document:
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


def _texts_that_lost(new: Shape) -> Document:
    """Abstracts that differ from the one that stands, each with its first source: a conflict stays visible."""
    told = [f"$_new.parts.p{at}" for at, (name, *_) in enumerate(new.parts) if name == "abstract"]
    if not told and "other_abstracts" not in new.lists:
        return {}
    offered = [{"by": f"{one}.by", "abstract": f"{one}.abstract"} for one in told]
    stood = {"by": "$_work.was.by", "abstract": "$_work.was.abstract"}
    everything = {"$setUnion": ["$_work.other_abstracts", [stood, *offered], "$_new.other_abstracts"]}
    lost = {"$and": [{"$ne": ["$$this.abstract", "$abstract"]}, {"$gt": ["$$this.abstract", None]}]}
    return {"_work.other_abstracts": _one_each("abstract", {"$filter": {"input": everything, "cond": lost}})}


def _repository(new: str, answered: bool) -> Document:
    """The repository joined to the paper's: evidence is united, the newer answer stands.

    Until its host has told its name, the smallest of its spellings stands, whichever was read first.
    """
    repo, name = f"{new}.told", f"{new}.name"
    renamed = {"$filter": {"input": "$_work.renamed", "cond": {"$eq": ["$$this.from", name]}}}
    now_called = {"$ifNull": [{"$first": {"$map": {"input": renamed, "in": "$$this.to"}}}, name]}
    lowered = {"$map": {"input": "$repos", "in": {"$toLower": "$$this.full_name"}}}
    newer = {"$gt": [f"{repo}.fetched_at", "$$this.fetched_at"]}
    open_here = {"$in": ["$$this.status", UNANSWERED]}
    wins = {"$or" if answered else "$and": [open_here, newer]}
    joined = {
        "$mergeObjects": [
            {"$cond": [wins, repo, "$$this"]},
            {} if answered else {key: _smaller(key, repo, open_here) for key in ("url", "full_name")},
            {"evidence": sorted_union("$$this.evidence", f"{repo}.evidence")},
        ]
    }
    same = {"$eq": [{"$toLower": "$$this.full_name"}, "$$name"]}
    united = {"$map": {"input": "$repos", "in": {"$cond": [same, joined, "$$this"]}}}
    added = {"$concatArrays": ["$repos", [repo]]}
    choice = {"$cond": [{"$in": ["$$name", lowered]}, united, added]}
    return {"$set": {"repos": ranked({"$let": {"vars": {"name": now_called}, "in": choice}})}}


def _smaller(key: str, repo: str, where: Document) -> Document:
    """The smaller of both values on that condition, else the paper's own."""
    return {"$cond": [where, {"$min": [f"$$this.{key}", f"{repo}.{key}"]}, f"$$this.{key}"]}


def sorted_union(one: Any, other: Any) -> Document:
    """What stands in either array, each once, in order."""
    return {"$sortArray": {"input": {"$setUnion": [one, other]}, "sortBy": 1}}


def ranked(repos: Document) -> Document:
    """Repositories in the order that the exported line has them: by the strongest evidence, then by address."""
    place = {"$indexOfArray": [EVIDENCE, "$$one"]}
    known = {"$cond": [{"$lt": [place, 0]}, len(EVIDENCE), place]}
    places = {"$map": {"input": "$$this.evidence", "as": "one", "in": known}}
    placed = {
        "$map": {
            "input": repos,
            "in": {"$mergeObjects": ["$$this", {"rank": {"$ifNull": [{"$min": places}, len(EVIDENCE)]}}]},
        }
    }
    in_order = {"$sortArray": {"input": placed, "sortBy": {"rank": 1, "url": 1}}}
    return {"$map": {"input": in_order, "in": {"$unsetField": {"field": "rank", "input": "$$this"}}}}


def rank(repo: Document) -> tuple[int, str]:
    """Its place by the same order."""
    places = [EVIDENCE.index(one) for one in repo["evidence"] if one in EVIDENCE]
    return min(places, default=len(EVIDENCE)), repo["url"]
