"""Many documents at a time: bulk writes, tried again where that is safe, and reading page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from pymongo import DeleteOne, UpdateMany, UpdateOne
from pymongo.errors import AutoReconnect, BulkWriteError, ServerSelectionTimeoutError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pymongo.asynchronous.collection import AsyncCollection

    from storage.connect import Document

Operation: TypeAlias = UpdateOne | UpdateMany | DeleteOne

SIZE = 500
DUPLICATE_KEY = 11000


async def pages(
    collection: AsyncCollection[dict[str, Any]], query: Document, fields: Document | None = None
) -> AsyncIterator[Document]:
    """What a query finds, sorted by id, a page at a time: MongoDB closes a cursor that waits for providers."""
    last = ""
    while (
        page := await collection.find({"$and": [query, {"_id": {"$gt": last}}]}, fields)
        .sort("_id", 1)
        .limit(SIZE)
        .to_list()
    ):
        for document in page:
            yield document
        last = page[-1]["_id"]


async def write(collection: AsyncCollection[dict[str, Any]], operations: Sequence[Operation]) -> set[Any]:
    """Write idempotent operations; returns the ids that upserts created. Raises StorageError where one is refused.

    Two upserts of one new `_id` at the same moment: one of them fails with a duplicate key and finds the
    document at the next try. The error's text holds every document and is never shown: codes and counts are.
    """
    created: set[Any] = set()
    for start in range(0, len(operations), SIZE):
        try:
            async for attempt in _attempts():
                with attempt:
                    try:
                        result = await collection.bulk_write(operations[start : start + SIZE], ordered=False)
                        created.update((result.upserted_ids or {}).values())
                    except BulkWriteError as error:
                        created.update(one["_id"] for one in error.details["upserted"])
                        raise
        except BulkWriteError as error:
            failed = error.details["writeErrors"] or error.details["writeConcernErrors"]
            codes = sorted({one["code"] for one in failed})
            raise StorageError(
                f"MongoDB refused {len(failed)} writes to {collection.name} (codes {codes}):"
                " check its free space, the user's rights and that it is MongoDB 6.0 or newer"
            ) from None
    return created


def _attempts() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception(_worth_another_try),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=stop_after_attempt(8),
        reraise=True,
    )


def _worth_another_try(error: BaseException) -> bool:
    if isinstance(error, BulkWriteError):
        return all(one["code"] == DUPLICATE_KEY for one in error.details["writeErrors"])
    return isinstance(error, AutoReconnect) and not isinstance(error, ServerSelectionTimeoutError)  # it has waited
