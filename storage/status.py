"""What there is, how much of it is known, and what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storage import days, facts, papers, providers
from storage.facts import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.connect import Database, Document

STATUSES = ("ok", "missing", "blocked", "failed", "pending")
CITATIONS = ("semantic_scholar", "openalex")
SHOWN = 5  # of what was refused, the latest


async def overview(database: Database, windows: Sequence[Window]) -> dict[str, Any]:
    """All figures of the command `status`; times in UTC, unknown is None.

    Facts count papers with an arXiv id (nobody can be asked for the others yet), and repositories by name. `due` is
    what the next run asks: what lies in these windows.
    """
    return {
        "papers": {
            "stored": await database["papers"].estimated_document_count(),
            "without_id": await database["papers"].count_documents(papers.UNRESOLVED),
            "resolution": await _resolutions(database),
            "due": await papers.count_open(database),
        },
        "coverage": {
            "arxiv": {"arxiv": await _coverage(database, "arxiv", windows)},
            "citations": {name: await _coverage(database, f"citations.{name}", windows) for name in CITATIONS},
            "repos": {"github": await _coverage(database, "repos", windows)},
        },
        "digests": await _digests(database),
        "days": {"hf-daily": await days.counts(database, "hf-daily")},
        "refused": await _refused(database),
        "providers": await providers.all_held(database),
        "last_run": await _last_run(database),
    }


async def _resolutions(database: Database) -> dict[str, int]:
    groups = await database["papers"].aggregate(
        [{"$group": {"_id": "$resolution.status", "papers": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
    )
    return {group["_id"]: group["papers"] async for group in groups}


async def _coverage(database: Database, path: str, windows: Sequence[Window]) -> dict[str, int]:
    counts = {status: await facts.count(database, path, [Window((status,))]) for status in STATUSES}
    return counts | {"due": await facts.count(database, path, windows)}


async def _digests(database: Database) -> Document:
    """Digests, their listings, and which days they are of."""
    sums = await database["digests"].aggregate(
        [
            {
                "$group": {
                    "_id": None,
                    "stored": {"$sum": 1},
                    "listings": {"$sum": {"$cond": [{"$eq": [{"$type": "$whole"}, "bool"]}, 0, "$records"]}},
                    "days": {"$addToSet": "$page_date"},
                    "last_seen": {"$max": "$seen_at"},
                }
            }
        ]
    )
    found = await sums.to_list(1)
    one: Document = found[0] if found else {"stored": 0, "listings": 0, "days": [], "last_seen": None}
    days = sorted(day for day in one["days"] if day)
    return {
        "stored": one["stored"],
        "listings": one["listings"],
        "days": len(days),
        "first_day": days[0] if days else None,
        "last_day": days[-1] if days else None,
        "last_seen": one["last_seen"],
    }


async def _refused(database: Database) -> Document:
    fields = {"_id": 0, "name": 1, "reason": 1, "line": 1, "replay": 1, "at": 1}
    texts = {"answer": None}  # answers of providers are there for whoever mends their readers
    latest = database["deferred"].find(texts, fields).sort("at", -1).limit(SHOWN)
    return {"stored": await database["deferred"].count_documents(texts), "latest": await latest.to_list()}


async def _last_run(database: Database) -> Document | None:
    fields = {"_id": 1, "command": 1, "started_at": 1, "ended_at": 1, "exit_status": 1}
    return await database["runs"].find_one({"command": {"$ne": None}}, fields, sort=[("started_at", -1)])
