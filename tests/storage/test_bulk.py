"""Bulk writes: a lost race is run again, and an error never shows what was to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from pymongo import ASCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from storage import bulk
from storage.errors import StorageError

if TYPE_CHECKING:
    from pymongo.asynchronous.collection import AsyncCollection
    from pymongo.results import BulkWriteResult

    from storage.connect import Database

PRIVATE = "what nobody should read in a log"


def putting(number: int, **fields: Any) -> UpdateOne:
    """An idempotent write."""
    return UpdateOne({"_id": number}, {"$set": fields}, upsert=True)


class Contested:
    """The collection itself, in which another writer clears the way after the first attempt failed."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]]) -> None:
        self.collection, self.name = collection, collection.name
        self.attempts = 0

    async def bulk_write(self, operations: list[Any], *, ordered: bool) -> BulkWriteResult:
        """Pass it on."""
        self.attempts += 1
        try:
            return await self.collection.bulk_write(operations, ordered=ordered)
        except BulkWriteError:
            await self.collection.delete_one({"_id": 99})
            raise


async def test_a_duplicate_key_is_tried_again(database: Database) -> None:
    """Another writer was faster with one of the documents: the others are there, and so is it, the second time."""
    await database["papers"].create_index([("key", ASCENDING)], unique=True)
    await database["papers"].insert_one({"_id": 99, "key": 1})
    contested = Contested(database["papers"])
    writes = [putting(number, key=number) for number in range(3)]
    assert await bulk.write(cast("AsyncCollection[dict[str, Any]]", contested), writes) == {0, 1, 2}
    assert contested.attempts == 2
    assert [one["_id"] async for one in database["papers"].find().sort("_id", 1)] == [0, 1, 2]


async def test_what_mongodb_refuses_is_told_without_documents(database: Database) -> None:
    """The collection, how many and the codes; the driver's own text holds every document."""
    await database.create_collection("guarded", validator={"stars": {"$type": "int"}})
    with pytest.raises(StorageError) as caught:
        await bulk.write(database["guarded"], [putting(0, stars=1), *(putting(one, stars=PRIVATE) for one in (1, 2))])
    said = str(caught.value)
    assert said.startswith("MongoDB refused 2 writes to guarded (codes [121]): check")
    assert PRIVATE not in said + repr(caught.value.__cause__)
    assert caught.value.__suppress_context__
    assert await database["guarded"].count_documents({}) == 1  # unordered: the good one is there


@pytest.mark.parametrize("number", [0, 1, bulk.SIZE, bulk.SIZE + 1, 2 * bulk.SIZE + 7])
async def test_any_number_of_operations_is_written(database: Database, number: int) -> None:
    """None at all, and more than fit one bulk."""
    await bulk.write(database["papers"], [putting(one) for one in range(number)])
    assert await database["papers"].count_documents({}) == number
