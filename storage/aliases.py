"""Other names of papers: title keys, DOIs and former ids, each leading to one paper or to several.

A title's alias is a candidate, not an answer: whoever follows it checks the evidence again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import UpdateOne

from storage import bulk
from storage.titles import title_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.connect import Database, Document


def leading(alias: str, paper_id: str) -> UpdateOne:
    """The update that lets an alias lead to a paper, too."""
    return UpdateOne({"_id": alias}, {"$addToSet": {"papers": paper_id}}, upsert=True)


def names(title: str | None, doi: str | None) -> list[str]:
    """The aliases of a title and of a DOI."""
    hashed = title_hash(title) if title else None
    known = [f"title:{hashed}"] if hashed else []
    return [*known, f"doi:{doi.lower()}"] if doi else known


def naming(paper_id: str, title: str | None, doi: str | None) -> list[UpdateOne]:
    """The updates that let a title and a DOI lead to a paper."""
    return [leading(alias, paper_id) for alias in names(title, doi)]


def merged(old_id: str, new_id: str, *, imported: bool = False) -> UpdateOne:
    """The record of a merge: old id, new id and the server's time, which tells importers of increments.

    imported: another store tells it; what is known already is no news.
    """
    named = {"$setUnion": [{"$ifNull": ["$papers", []]}, [new_id]]}
    known = {"$and": [imported, {"$eq": ["$merged_into", new_id]}]}
    merge = {"papers": named, "merged_into": new_id, "merged_at": {"$cond": [known, "$merged_at", "$$NOW"]}}
    return UpdateOne({"_id": old_id}, [{"$set": merge}], upsert=True)


def deciding(old_id: str, paper_id: str, *, imported: bool = False) -> UpdateOne:
    """The record of what a person decided a title to be.

    imported: another store tells it, together with the paper; what was decided here stands.
    """
    named = {"$setUnion": [{"$ifNull": ["$papers", []]}, [paper_id] if imported else []]}
    decided = {"$ifNull": ["$decided", paper_id]} if imported else paper_id
    return UpdateOne({"_id": old_id}, [{"$set": {"papers": named, "decided": decided}}], upsert=True)


async def add(database: Database, operations: Sequence[UpdateOne]) -> None:
    """Write updates made by `leading`, `merged` and `deciding`."""
    await bulk.write(database["aliases"], operations)


async def lead(database: Database, named: Sequence[tuple[str, str]]) -> None:
    """Let aliases lead to papers. Most do already, and reading is faster than writing."""
    known = await papers_of(database, [alias for alias, _ in named]) if named else {}
    await add(database, [leading(alias, paper_id) for alias, paper_id in named if paper_id not in known.get(alias, ())])


async def decided(database: Database, ids: Iterable[str] | None = None) -> dict[str, str]:
    """The papers that people decided titles to be, by `title:` id; of all titles if none are named."""
    where: Document = {"decided": {"$gt": ""}} | ({} if ids is None else {"_id": {"$in": list(ids)}})
    return {one["_id"]: one["decided"] async for one in database["aliases"].find(where, {"decided": 1})}


async def undecide(database: Database, old_id: str) -> None:
    """Forget what a title was decided, and found, to be."""
    await database["aliases"].delete_one({"_id": old_id, "papers": []})
    await database["aliases"].update_one({"_id": old_id}, {"$unset": {"decided": 1, "merged_into": 1, "merged_at": 1}})


async def forget(database: Database, paper_id: str, names: Iterable[str] | None = None) -> None:
    """Let these names, or all, lead to the paper no more; a name that says nothing else goes."""
    led: Document = {"papers": paper_id} | ({} if names is None else {"_id": {"$in": list(names)}})
    found = {"_id": {"$in": [one["_id"] async for one in database["aliases"].find(led, {"_id": 1})]}}
    await database["aliases"].update_many(found, {"$pull": {"papers": paper_id}})
    await database["aliases"].delete_many({**found, "papers": [], "merged_into": None, "decided": None})


async def papers_of(database: Database, names: Iterable[str]) -> dict[str, list[str]]:
    """The ids of the papers each name leads to; names that lead nowhere are left out."""
    found = database["aliases"].find({"_id": {"$in": list(names)}})
    return {alias["_id"]: alias["papers"] async for alias in found}
