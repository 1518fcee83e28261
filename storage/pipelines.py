"""Contributions as MongoDB pipelines: the update that adds one to a paper, whatever stands there.

It reads nothing beforehand, so that two crawlers, a crawler and a resolver, or a repeated page end in the same
document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import UpdateOne

from storage.contributions import EMPTY, EVIDENCE, LAST, UNANSWERED, Contribution
from storage.documents import ArxivFact, Link

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def stages(new: Contribution, first_seen: Any = "$$NOW") -> list[Document]:
    """The pipeline of `adding`: MongoDB evaluates it on the document as it is at that moment."""
    return [
        {"$replaceWith": {"$mergeObjects": [_literal(EMPTY), "$$ROOT"]}},
        {"$set": {"_work.was": STOOD}},
        *(_part(*part) for part in new.parts),
        {"$set": _texts_that_lost(new) | _lists(new) | {f"ids.{k}": _literal(v) for k, v in new.ids.items()}},
        {
            "$set": {
                "_work.renamed": {"$setUnion": ["$_work.renamed", _literal(list(new.renamed))]},
                "_work.crawled": sorted_union(_CRAWLED, _literal(list(new.crawled))),
                **{f"_work.merged.{old}": {"$max": [f"$_work.merged.{old}", at]} for old, at in new.merged.items()},
            }
            | _decided(new)
        },
        *(_repository(repo) for repo in new.repos),
        *([_newer("arxiv", new.arxiv)] if new.arxiv else []),
        {"$set": {"first_seen": {"$min": ["$first_seen", first_seen]}} | TOUCHED},
        {"$unset": "_work.was"},
    ]


STOOD = {"title": "$title", "abstract": "$abstract", "by": "$_work.by.abstract", "decided": "$resolution.decided"}
TOUCHED: Document = {"updated_at": "$$NOW", "_work.rev": {"$add": [{"$ifNull": ["$_work.rev", 0]}, 1]}}


def _literal(value: Any) -> Document:
    """The value itself: a title that begins with `$` is not a path ("$OneMillion-Bench")."""
    return {"$literal": value}


def _part(name: str, by: str, fields: Document) -> Document:
    """The part stands where no smaller `by` stands already."""
    wins = {"$lte": [by, {"$ifNull": [f"$_work.by.{name}", LAST]}]}
    chosen = {key: {"$cond": [wins, _literal(value), f"${key}"]} for key, value in fields.items()}
    return {"$set": chosen | {f"_work.by.{name}": {"$cond": [wins, by, f"$_work.by.{name}"]}}}


def _decided(new: Contribution) -> Document:
    """What people decided stays, whoever else resolved it."""
    if not any(name == "resolution" for name, _, _ in new.parts):
        return {}
    union = sorted_union({"$ifNull": ["$_work.was.decided", []]}, _literal(list(new.decided)))
    return {"resolution.decided": {"$cond": [{"$eq": [union, []]}, None, union]}}


def _newer(path: str, fact: ArxivFact) -> Document:
    """Only a newer fact passes, or the first answer; what is no answer never replaces one."""
    unanswered = {"$in": [f"${path}.status", UNANSWERED]}
    waits = fact.status in UNANSWERED
    # Facts that were never asked have no time: the later one says why they wait.
    newer = {"$gte" if waits else "$gt": [_literal(fact.fetched_at), f"${path}.fetched_at"]}
    passes = {"$and" if waits else "$or": [unanswered, newer]}
    return {"$set": {path: {"$cond": [passes, _literal(fact.model_dump()), f"${path}"]}}}


def _lists(new: Contribution) -> Document:
    """Sightings (one a digest) and links (one an address), and `who` beside them."""
    kept = _told_better(new)
    links = _one_each("url", {"$concatArrays": [_without("$_work.links", "by", new.links), _literal(list(new.links))]})
    return {
        "sightings": _titled(_replacing("$sightings", new.sightings, kept)),
        "_work.who": _replacing("$_work.who", new.who, kept),
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


_CRAWLED: Document = {"$ifNull": ["$_work.crawled", []]}  # older versions wrote none


def _told_better(new: Contribution) -> Document:
    """The digests whose sightings stay as they are: these were crawled, what is new was not.

    All of them where that revision of a merged paper, or a later one, is here already.
    """
    crawled = {"$setDifference": [_CRAWLED, _literal(list(new.crawled))]}
    known = [{"$gte": [f"$_work.merged.{old}", at]} for old, at in new.merged.items()]
    return {"$cond": [{"$or": known}, [one["digest"] for one in new.sightings], crawled]} if known else crawled


def _replacing(array: str, new: Sequence[Document], kept: Document) -> Document:
    """One entry a digest, the new one unless the digest is among those kept and has one."""
    there = {"$map": {"input": array, "in": "$$this.digest"}}
    stays = {"$setIntersection": [there, kept]}
    added = {"$filter": {"input": _literal(list(new)), "cond": {"$not": [{"$in": ["$$this.digest", stays]}]}}}
    replaced = {"$setDifference": [_literal([one["digest"] for one in new]), stays]}
    left = {"$filter": {"input": array, "cond": {"$not": [{"$in": ["$$this.digest", replaced]}]}}}
    return {"$sortArray": {"input": {"$concatArrays": [left, added]}, "sortBy": {"digest": 1}}}


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
    return {"$set": {"repos": ranked({"$let": {"vars": {"name": now_called}, "in": choice}})}}


def _smaller(key: str, repo: Document, where: Document) -> Document:
    """The smaller of both values on that condition, else the paper's own."""
    return {"$cond": [where, {"$min": [f"$$this.{key}", _literal(repo[key])]}, f"$$this.{key}"]}


def sorted_union(one: Any, other: Any) -> Document:
    """What stands in either array, each once, in order."""
    return {"$sortArray": {"input": {"$setUnion": [one, other]}, "sortBy": 1}}


def ranked(repos: Document) -> Document:
    """Repositories in the order that the exported line has them: by the strongest evidence, then by address."""
    place = {"$indexOfArray": [EVIDENCE, "$$one"]}
    known = {"$cond": [{"$lt": [place, 0]}, len(EVIDENCE), place]}
    places = {"$map": {"input": "$$this.evidence", "as": "one", "in": known}}
    placed = {"$map": {"input": repos, "in": {"$mergeObjects": ["$$this", {"rank": {"$ifNull": [{"$min": places}, len(EVIDENCE)]}}]}}}
    in_order = {"$sortArray": {"input": placed, "sortBy": {"rank": 1, "url": 1}}}
    return {"$map": {"input": in_order, "in": {"$unsetField": {"field": "rank", "input": "$$this"}}}}


def rank(repo: Document) -> tuple[int, str]:
    """Its place by the same order."""
    places = [EVIDENCE.index(one) for one in repo["evidence"] if one in EVIDENCE]
    return min(places, default=len(EVIDENCE)), repo["url"]
