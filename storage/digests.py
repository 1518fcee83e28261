"""The collection `digests`: which page was stored, under which names it was seen, and what was odd about it."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from storage import deferred, papers
from storage.arxiv_ids import id_month

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage.connect import Database, Document
    from storage.documents import Page


LEAP_GAP = 8
"""The most years from one February 29 to the next (1896 to 1904)."""


class Text(NamedTuple):
    """How a digest came to us."""

    name: str
    raw: str
    """The SHA-256 of its bytes."""
    path: str | None = None
    """Its file; None for what is none."""
    crawled: dt.date | None = None
    """The day on which it was read at its own place; None for somebody's copy."""


async def store(database: Database, page: Page, text: Text, *, source: str, digest: str) -> bool:
    """Store a page whole; False where the very same listings are stored already.

    Earlier refusals of the text, and of its file, are settled with this. The digest's own document is written
    last: a kill before it repeats the page, which changes nothing. The kept text of a crawl stands for that crawl,
    but tells nothing where a later one followed. Of a digest with a place of its own several copies may be saved:
    each is read once. A text that is its own digest is read again whenever it was read otherwise the last time.
    """
    kept = [] if text.crawled else await database["digests"].find({"texts": text.raw}, {"raw": 1}).to_list()
    if kept and {"_id": digest, "raw": text.raw} not in kept:
        await deferred.settle(database, text.raw, text.path, digest)
        return False
    crawled, fingerprint = bool(text.crawled or kept), page.fingerprint()
    kind = "crawled" if crawled else "listings"
    before: Document = await database["digests"].find_one({"_id": digest}) or {}
    dated = before.get("page_date_basis") == "explicit" != page.page_date_basis  # by a year that was given then
    known = before.get("copies", []) if page.digest and not crawled else [before.get(kind)]
    new = fingerprint not in known and not dated
    if text.crawled:
        await papers.measure(database, page.listings, text.crawled.isoformat())
    if new:
        await papers.sight(database, page, source, digest, crawled=crawled)
    fields: Document = {kind: fingerprint} if new else {}
    fields |= {"raw": text.raw} if crawled else {}
    if new and (crawled or "crawled" not in before):
        fields |= _described(page) | {"source": source, "raw": text.raw}
    lists = {"names": text.name} | ({"texts": text.raw} if text.crawled else {})
    lists |= {"copies": fingerprint} if new and not crawled else {}
    await database["digests"].update_one({"_id": digest}, _seen(fields, lists), upsert=True)
    await deferred.settle(database, text.raw, text.path, digest)
    return new


def _seen(fields: Document, lists: Mapping[str, str]) -> list[Document]:
    """The update that sets fields, adds to lists, and tells when the digest was seen first and last."""
    added = {key: {"$setUnion": [{"$ifNull": [f"${key}", []]}, [{"$literal": one}]]} for key, one in lists.items()}
    seen = {"seen_at": "$$NOW", "first_seen_at": {"$ifNull": ["$first_seen_at", "$$NOW"]}}
    return [{"$set": {key: {"$literal": value} for key, value in fields.items()} | added | seen}]


def _described(page: Page) -> Document:
    return {
        "records": len(page.listings),
        "warnings": list(page.warnings),
        "page_date": page.page_date.isoformat() if page.page_date else None,
        "page_date_basis": page.page_date_basis,
        "page_date_shown": page.page_date_shown,
        "neighbours": [day.isoformat() for day in page.neighbours],
    }


async def date_by_ids(database: Database) -> None:
    """Date the copies that show no year at all (`text_a`) by the newest paper they list: a lower bound.

    It is the first year in which the page can come after that paper's id: arXiv's months begin a day early in
    parts of the world.
    """
    undated = {"source": "text_a", "page_date_basis": {"$in": [None, "newest_id"]}, "page_date_shown": {"$ne": None}}
    async for digest in database["digests"].find(undated):
        listed = {"sightings.digest": digest["_id"], "ids.arxiv": {"$ne": None}}
        ids = [one["ids"]["arxiv"] async for one in database["papers"].find(listed, {"ids.arxiv": 1})]
        day = _first_after(digest["page_date_shown"], max(map(id_month, ids), default=None))
        if day is not None and day != digest["page_date"]:
            await papers.date_sightings(database, digest["_id"], day, "newest_id")
            dated = {"page_date": day, "page_date_basis": "newest_id"}
            await database["digests"].update_one({"_id": digest["_id"]}, {"$set": dated})


def _first_after(shown: str, month: str | None) -> str | None:
    """The first day of that name ("Mar 11") not before the last one of the month before."""
    if month is None:
        return None
    since = dt.date.fromisoformat(f"{month}-01") - dt.timedelta(days=1)
    for year in range(since.year, since.year + LEAP_GAP + 1):
        with suppress(ValueError):
            day = dt.datetime.strptime(f"{shown} {year}", "%b %d %Y").date()  # noqa: DTZ007 - a date has no zone
            if day >= since:
                return day.isoformat()
    return None


async def progress(database: Database, digest: str, *, known_only: bool) -> tuple[int, int]:
    """How many rows of a dump were read by a crawl that did not end, and how many of them refused; else none.

    A dump that was read to its end is read anew: papers may be known by now that were not.
    """
    found = await database["digests"].find_one({"_id": digest, "whole": False, "known_only": known_only})
    return (found["records"], found["refused"]) if found else (0, 0)


async def advance(database: Database, digest: str, name: str, **fields: Any) -> None:
    """Keep how far a dump was read; fields: source, records (rows read), refused, whole, known_only."""
    await database["digests"].update_one(
        {"_id": digest},
        {"$set": fields, "$addToSet": {"names": name}, "$currentDate": {"seen_at": True}},
        upsert=True,
    )


async def seen(database: Database, digests: Sequence[str]) -> dict[str, dt.datetime]:
    """When each of these digests was seen last."""
    found = database["digests"].find({"_id": {"$in": list(digests)}}, {"seen_at": 1})
    return {one["_id"]: one["seen_at"] async for one in found}
