"""The collection `deferred`: what was refused, where, why, and how to replay it; never the payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.connect import Database
    from storage.documents import Refusal


async def add(database: Database, refusal: Refusal) -> None:
    """Note a refusal, once for each text and name."""
    await database["deferred"].update_one(
        {"_id": f"{refusal.raw} {refusal.name}"},
        {"$set": refusal.model_dump(), "$currentDate": {"at": True}},
        upsert=True,
    )


async def settle(database: Database, raw: str, path: str | None) -> None:
    """Forget the refusals of a text that was understood after all, and of the file that now holds it."""
    await database["deferred"].delete_many({"$or": [{"raw": raw}, *([{"path": path}] if path else [])]})
