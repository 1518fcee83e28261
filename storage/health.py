"""Whether a database can be used: its version, a write that a majority has in its journal, free disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from storage.connect import Database

NEEDED = (6, 0)


class Health(NamedTuple):
    """What the server tells of itself."""

    version: str
    new_enough: bool
    free: int | None
    """Bytes on the disk of the database; None where the server does not tell."""


async def of(database: Database) -> Health:
    """Ask the server, and write with the concern of all our writes. Raises what the driver raises."""
    info = await database.command("buildInfo")
    await database["runs"].delete_one({"_id": "a write that changes nothing"})
    disk = await database.command("dbStats")
    free = disk["fsTotalSize"] - disk["fsUsedSize"] if "fsTotalSize" in disk else None
    return Health(info["version"], tuple(info["versionArray"][:2]) >= NEEDED, free)
