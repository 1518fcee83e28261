"""Other names of papers: title keys, DOIs and former ids, each leading to one paper or to several.

A title's alias is a candidate, not an answer: whoever follows it checks the evidence again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import UpdateOne

from storage import bulk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.connect import Database


def leading(alias: str, paper_id: str) -> UpdateOne:
    """The update that lets an alias lead to a paper, too."""
    return UpdateOne({"_id": alias}, {"$addToSet": {"papers": paper_id}}, upsert=True)


def merged(old_id: str, new_id: str, *, imported: bool = False) -> UpdateOne:
    """The record of a merge: old id, new id and the server's time, which tells importers of increments.

    imported: another store tells it; what is known already is no news.
    """
    named = {"$setUnion": [{"$ifNull": ["$papers", []]}, [new_id]]}
    known = {"$and": [imported, {"$eq": ["$merged_into", new_id]}]}
    merge = {"papers": named, "merged_into": new_id, "merged_at": {"$cond": [known, "$merged_at", "$$NOW"]}}
    return UpdateOne({"_id": old_id}, [{"$set": merge}], upsert=True)


async def add(database: Database, operations: Sequence[UpdateOne]) -> None:
    """Write updates made by `leading` and `merged`."""
    await bulk.write(database["aliases"], operations)


async def papers_of(database: Database, names: Iterable[str]) -> dict[str, list[str]]:
    """The ids of the papers each name leads to; names that lead nowhere are left out."""
    found = database["aliases"].find({"_id": {"$in": list(names)}})
    return {alias["_id"]: alias["papers"] async for alias in found}
