"""What these tests share: the collection in which all processes reserve their turns, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pymongo import AsyncMongoClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.connect import Database, Document

pytest.register_assert_rewrite("tests.enrich.harvest")


@pytest.fixture
async def turns(mongo_uri: str) -> AsyncIterator[Database]:
    """A database whose `providers` is empty; without indexes and papers, so ten times sooner there."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(mongo_uri, tz_aware=True)
    async with client:
        await client["turns"]["providers"].delete_many({})
        yield client["turns"]
