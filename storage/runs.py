"""The collection `runs`: one document an execution of a command, with its counts and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo.errors import OperationFailure

from storage.connect import NO_RIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.connect import Database


async def begin(database: Database, run: str, command: str) -> None:
    """Note that a command began, unless its user may only read. A run without an end was killed."""
    try:
        await database["runs"].update_one(
            {"_id": run}, {"$set": {"command": command}, "$currentDate": {"started_at": True}}, upsert=True
        )
    except OperationFailure as error:
        if error.code not in NO_RIGHT:
            raise


async def end(database: Database, run: str, summary: Mapping[str, Any]) -> None:
    """Note how it ended."""
    await database["runs"].update_one(
        {"_id": run}, {"$set": dict(summary), "$currentDate": {"ended_at": True}}, upsert=True
    )
