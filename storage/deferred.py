"""The collection `deferred`: what was refused, where, why, and how to replay it; of answers how they begin."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pymongo import UpdateOne

from storage import bulk
from storage.documents import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.connect import Database


async def add(database: Database, refusal: Refusal) -> None:
    """Note a refusal, once for each text and name; a kept text that is refused again keeps the name it came by."""
    told = {key: getattr(refusal, key) for key in ("reason", "detail", "line")}
    if refusal.raw and refusal.raw in (refusal.path or ""):
        again = await database["deferred"].update_many(
            {"raw": refusal.raw}, {"$set": told, "$currentDate": {"at": True}}
        )
        if again.matched_count:
            return
    await database["deferred"].update_one(
        {"_id": f"{refusal.raw} {refusal.name}"},
        {"$set": refusal.model_dump(), "$currentDate": {"at": True}},
        upsert=True,
    )


async def keep_answer(database: Database, provider: str, detail: str, answer: str) -> None:
    """Note an answer that was not understood, once for each text: whoever mends its reader wants to see it."""
    digest = hashlib.sha256(answer.encode()).hexdigest()
    refusal = Refusal(name=provider, reason="answer_unexpected", detail=detail)
    await database["deferred"].update_one(
        {"_id": f"{digest} {provider}"},
        {"$set": {**refusal.model_dump(), "answer": answer}, "$currentDate": {"at": True}},
        upsert=True,
    )


async def add_rows(database: Database, refusals: Sequence[Refusal]) -> None:
    """Note the refused rows of a dump, once for each row."""
    await bulk.write(
        database["deferred"],
        [
            UpdateOne(
                {"_id": f"{one.digest} {one.line}"},
                {"$set": one.model_dump(), "$currentDate": {"at": True}},
                upsert=True,
            )
            for one in refusals
        ],
    )


async def forget_dump(database: Database, digest: str, path: str | None, read: int) -> None:
    """Forget what was refused of a dump, or of its file, but for those of its first rows that are not read again."""
    same = [{"digest": digest}, *([{"path": path}] if path else [])]
    await database["deferred"].delete_many({"$or": same, "$nor": [{"digest": digest, "line": {"$lte": read}}]})


async def kept_texts(database: Database) -> set[str]:
    """The SHA-256 of every refused text, which waits for a mended layout."""
    return {one["raw"] async for one in database["deferred"].find({"raw": {"$ne": None}}, {"raw": 1})}


async def forget_replays(database: Database, gone: Sequence[str]) -> None:
    """What was refused of texts that are not kept any more cannot be read again from there."""
    await database["deferred"].update_many({"raw": {"$in": gone}}, {"$set": {"replay": None}})


async def settle(database: Database, raw: str, path: str | None, digest: str) -> None:
    """Forget the refusals of a text that was understood after all, of the file that now holds it, of that digest."""
    same = [{"raw": raw}, {"digest": digest}, *([{"path": path}] if path else [])]
    await database["deferred"].delete_many({"$or": same})
