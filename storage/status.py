"""How much is there, and how much of it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.connect import Database

FACTS = ("arxiv", "citations.semantic_scholar", "citations.openalex")


async def counts(database: Database) -> dict[str, dict[str, int]]:
    """Papers by status of their resolution and of each kind of fact, repositories by theirs, and what is stored.

    Facts count papers with an arXiv id: nobody can be asked for the others yet.
    """
    stored = ("papers", "digests", "observations", "deferred")
    return {
        "stored": {name: await database[name].estimated_document_count() for name in stored},
        "resolution": await _by(database, "$resolution.status"),
        **{path: await _by(database, f"${path}.status", identified=True) for path in FACTS},
        "repos": await _by(database, "$repos.status", unwind="$repos"),
    }


async def _by(database: Database, field: str, *, identified: bool = False, unwind: str | None = None) -> dict[str, int]:
    groups = await database["papers"].aggregate(
        [
            {"$match": {"ids.arxiv": {"$ne": None}} if identified else {}},
            *([{"$unwind": unwind}] if unwind else []),
            {"$group": {"_id": field, "papers": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
        ]
    )
    return {group["_id"]: group["papers"] async for group in groups}
