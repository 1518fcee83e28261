"""The collection `providers`: when each may be asked next, by whichever process, on the server's clock.

One document a provider and, where keys exist, another for asking with one: `next_start` (its pace),
`not_before` (what it told us to wait), `holder` (of a single connection, expiring), `remaining` and
`resets_at` (its budget), `failures` (requests in a row that used up their tries: the circuit). A turn is one
atomic update: a run by hand beside a scheduled one, or ten machines, together never ask sooner or more than
one may.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

from pymongo import ReturnDocument

if TYPE_CHECKING:
    from storage.connect import Database, Document

LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LOOK_AGAIN = 0.1  # seconds, while another process holds the only connection
ROW = 900.0  # seconds between two failures of one row: longer than any back-off
SAME_SPAN = 60.0  # seconds by which the ends of two spans of a budget differ at least
ONE_DAY = 86_400.0  # seconds: the longest that a provider's word keeps us away


class Turn(NamedTuple):
    """Whether a request may start now, else in how many seconds to try again, and for want of what."""

    granted: bool
    wait: float = 0.0
    spent: bool = False
    """It is the budget that is waited for."""
    reason: str | None = None
    """Why, where it is neither the pace nor the budget."""
    failures: int = 0
    """Requests in a row, of whoever asked, that used up their tries."""
    remaining: int | None = None
    """What is counted to be left of the budget, None where nobody told of one ..."""
    resets_in: float = 0.0
    """... until then, in seconds."""

    def tells(self, remaining: int, resets_in: float) -> bool:
        """Whether so much, or less, is known to be left of the same span: then there is nothing to note."""
        same_span = abs(self.resets_in - resets_in) < SAME_SPAN
        return same_span and self.remaining is not None and self.remaining <= remaining


async def take_turn(database: Database, name: str, asker: str, *, interval: float, hold: float | None) -> Turn:
    """Reserve the start of one request, if it may start now.

    interval: seconds between starts. hold: where only one connection is allowed, the seconds after which
    a holder that neither renewed its hold nor gave it back is taken for dead.
    """
    reserve = _reserve(asker, interval, hold)
    document: Any = await database["providers"].find_one_and_update(
        {"_id": name}, reserve, upsert=True, return_document=ReturnDocument.AFTER
    )
    if document["granted"]:
        until = document.get("resets_at", document["asked_at"]) - document["asked_at"]
        left = document["remaining"]
        return Turn(True, failures=document.get("failures", 0), remaining=left, resets_in=until.total_seconds())
    wait = (document["earliest"] - document["asked_at"]).total_seconds()
    if wait <= 0:
        return Turn(granted=False, wait=LOOK_AGAIN, reason="another process is asking, waiting")
    held_back = document["earliest"] == document.get("not_before")
    return Turn(False, wait, document["spent"], document["reason"] if held_back else None)


def _reserve(asker: str, interval: float, hold: float | None) -> list[Document]:
    """The pipeline: the earliest start, whether it has come, and what a start takes away."""
    limited = {"$gt": [{"$ifNull": ["$resets_at", LONG_AGO]}, "$$NOW"]}
    spent = {"$and": [limited, {"$lt": [{"$ifNull": ["$remaining", 1]}, 1]}]}
    held = {"$and": [{"$gt": [{"$ifNull": ["$held_until", LONG_AGO]}, "$$NOW"]}, {"$ne": ["$holder", asker]}]}
    earliest = {"$max": ["$next_start", "$not_before", {"$cond": ["$spent", "$resets_at", None]}, LONG_AGO]}
    granted = {"$and": [{"$lte": ["$earliest", "$$NOW"]}, {"$not": [held]}]}
    taken: Document = {"next_start": {"$add": ["$$NOW", 1000 * interval]}}
    taken["remaining"] = {"$cond": [limited, {"$subtract": ["$remaining", 1]}, None]}
    if hold is not None:
        taken |= {"holder": asker, "held_until": {"$add": ["$$NOW", 1000 * hold]}}
    return [
        {"$set": {"spent": spent, "asked_at": "$$NOW"}},
        {"$set": {"earliest": earliest}},
        {"$set": {"granted": granted}},
        {"$set": {key: {"$cond": ["$granted", value, f"${key}"]} for key, value in taken.items()}},
    ]


async def renew(database: Database, name: str, asker: str, hold: float) -> None:
    """Hold a provider's only connection for longer, if it is still ours."""
    held_until = {"$add": ["$$NOW", 1000 * hold]}
    await database["providers"].update_one({"_id": name, "holder": asker}, [{"$set": {"held_until": held_until}}])


async def give_back(database: Database, name: str, asker: str) -> None:
    """End the hold on a provider's only connection."""
    await database["providers"].update_one({"_id": name, "holder": asker}, {"$unset": {"holder": "", "held_until": ""}})


async def note_failure(database: Database, name: str) -> int:
    """Count a request that used up its tries; returns how many did in a row. One of long ago is in no row."""
    recent = {"$gt": ["$failed_at", {"$subtract": ["$$NOW", 1000 * ROW]}]}
    counted = {"$cond": [recent, {"$add": ["$failures", 1]}, 1]}
    document: Any = await database["providers"].find_one_and_update(
        {"_id": name},
        [{"$set": {"failures": counted, "failed_at": "$$NOW"}}],
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    failures: int = document["failures"]
    return failures


async def note_success(database: Database, name: str) -> None:
    """An answer ends the row of failures."""
    await database["providers"].update_one({"_id": name}, {"$set": {"failures": 0}})


async def hold_back(database: Database, name: str, seconds: float, reason: str) -> None:
    """Let nobody ask before that many seconds have passed; an earlier, longer wait stays, and its reason."""
    until = {"$add": ["$$NOW", 1000 * min(seconds, ONE_DAY)]}
    longer = {"$gt": [until, {"$ifNull": ["$not_before", LONG_AGO]}]}
    wait = {"not_before": until, "reason": {"$literal": reason}}
    held = {key: {"$cond": [longer, value, f"${key}"]} for key, value in wait.items()}
    await database["providers"].update_one({"_id": name}, [{"$set": held}], upsert=True)


async def note_budget(database: Database, name: str, remaining: int, resets_in: float) -> None:
    """Keep what the provider said is left, and in how many seconds it begins anew.

    Within one span the least that was said or counted stands: answers overtake each other, and others are on their way.
    """
    resets_at = {"$add": ["$$NOW", 1000 * min(resets_in, ONE_DAY)]}
    apart = {"$abs": {"$subtract": [resets_at, {"$ifNull": ["$resets_at", LONG_AGO]}]}}
    known = {"$and": [{"$gt": ["$resets_at", "$$NOW"]}, {"$lt": [apart, 1000 * SAME_SPAN]}]}
    left = {"$cond": [known, {"$min": ["$remaining", remaining]}, remaining]}
    await database["providers"].update_one(
        {"_id": name}, [{"$set": {"remaining": left, "resets_at": resets_at}}], upsert=True
    )


async def all_held(database: Database) -> dict[str, Document]:
    """What is left of each budget until when, and who told us to wait, by whose turns they are."""
    now = await _now(database)
    return {one["_id"]: _held(one, now) async for one in database["providers"].find().sort("_id", 1)}


async def held(database: Database, name: str) -> Document:
    """The same for one of them, who may never have been asked."""
    return _held(await database["providers"].find_one({"_id": name}) or {}, await _now(database))


async def _now(database: Database) -> dt.datetime:
    hello = await database.command("hello", codec_options=database.codec_options)
    now: dt.datetime = hello["localTime"]  # waits go by the server's clock
    return now


def _held(one: Document, now: dt.datetime) -> Document:
    """None where nothing holds."""
    budget, told = (one.get(key) is not None and one[key] > now for key in ("resets_at", "not_before"))
    return {
        "remaining": one["remaining"] if budget else None,
        "resets_at": one["resets_at"] if budget else None,
        "wait_until": one["not_before"] if told else None,
        "reason": one.get("reason") if told else None,
    }
