"""The collection `digests`: which page was stored, under which names it was seen, and what was odd about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import deferred, papers

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from storage.connect import Database
    from storage.documents import Page


async def store(
    database: Database, page: Page, *, source: str, digest: str, name: str, path: str | None, raw: str
) -> bool:
    """Store a page whole; False where the very same listings are stored already.

    raw: the SHA-256 of its bytes; earlier refusals of them, and of the file at that path, are settled with this.
    The digest's own document is written last: a kill before it repeats the page, which changes nothing.
    """
    known = await database["digests"].find_one({"_id": digest, "listings": page.fingerprint()}, {"_id": 1})
    if known is None:
        await papers.sight(database, page, source, digest)
    await database["digests"].update_one(
        {"_id": digest},
        {
            "$set": {
                "source": source,
                "listings": page.fingerprint(),
                "records": len(page.listings),
                "raw": raw,
                "warnings": list(page.warnings),
                "page_date": page.page_date.isoformat() if page.page_date else None,
                "page_date_basis": page.page_date_basis,
                "page_date_shown": page.page_date_shown,
            },
            "$addToSet": {"names": name},
            "$currentDate": {"seen_at": True},
        },
        upsert=True,
    )
    await deferred.settle(database, raw, path)
    return known is None


async def seen(database: Database, digests: Sequence[str]) -> dict[str, dt.datetime]:
    """When each of these digests was seen last."""
    found = database["digests"].find({"_id": {"$in": list(digests)}}, {"seen_at": 1})
    return {one["_id"]: one["seen_at"] async for one in found}
