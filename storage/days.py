"""The collection `days`: what became of each day of a digest that has days."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Literal

from storage.documents import Record

if TYPE_CHECKING:
    from storage.connect import Database, Document

Status = Literal["open", "complete", "refused", "empty_confirmed", "other_date_shown"]


class Day(Record):
    """One day, as the last crawl of it left it."""

    status: Status
    asked_at: dt.datetime
    listed_at: dt.datetime | None = None
    """When it last listed papers."""
    records: int = 0
    empty_since: dt.datetime | None = None
    """When a day that was over first listed nothing."""
    few: bool = False
    """It listed far fewer papers than days do, and is soon looked at once more."""


async def known(database: Database, source: str) -> dict[dt.date, Day]:
    """The days of a digest that were asked for."""
    found = database["days"].find({"source": source}, {"_id": 0, "source": 0})
    return {dt.date.fromisoformat(one.pop("day")): Day.model_validate(one) async for one in found}


async def note(database: Database, source: str, day: dt.date, state: Day) -> None:
    """Keep what became of a day."""
    told = {"source": source, "day": day.isoformat(), **state.model_dump()}
    await database["days"].update_one({"_id": f"{source}:{day}"}, {"$set": told}, upsert=True)


async def stored(database: Database, source: str) -> tuple[dict[dt.date, dt.datetime | None], set[dt.date]]:
    """The days whose pages were saved, with when these were first seen, and days that are heard of.

    Those are linked to, or were crawled and not noted (a kill). An old page does not tell when it was seen.
    """
    saved, heard_of = dict[dt.date, dt.datetime | None](), set[dt.date]()
    wanted = {"neighbours": 1, "crawled": 1, "first_seen_at": 1}
    async for one in database["digests"].find({"_id": {"$regex": f"^{source}:"}}, wanted):
        day = dt.date.fromisoformat(one["_id"].removeprefix(f"{source}:"))
        if "crawled" in one:
            heard_of.add(day)
        else:
            saved[day] = one.get("first_seen_at")
        heard_of.update(map(dt.date.fromisoformat, one.get("neighbours", ())))
    return saved, heard_of


async def counts(database: Database, source: str) -> dict[str, int]:
    """How many days there are of each status."""
    stages: list[Document] = [
        {"$match": {"source": source}},
        {"$group": {"_id": "$status", "days": {"$sum": 1}}},
        {"$sort": {"_id": 1}},
    ]
    return {one["_id"]: one["days"] async for one in await database["days"].aggregate(stages)}
