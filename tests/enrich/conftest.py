"""What these tests share: empty databases on the real mongod."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from pymongo import AsyncMongoClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.connect import Database, Document

pytest.register_assert_rewrite("tests.enrich.harvest")


@pytest.fixture
async def turns(mongo_uri: str) -> AsyncIterator[Database]:
    """A database for what is reserved and remembered in `providers` alone, which is empty."""
    async with emptied(mongo_uri, "turns", "providers", "deferred") as database:
        yield database


@pytest.fixture
async def database(mongo_uri: str) -> AsyncIterator[Database]:
    """An empty database; without indexes, and emptied rather than dropped, so several times sooner there."""
    async with emptied(mongo_uri, "enriched", "providers", "papers", "aliases", "merges", "observations") as database:
        yield database


@asynccontextmanager
async def emptied(uri: str, name: str, *collections: str) -> AsyncIterator[Database]:
    """A database whose collections are empty."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(uri, tz_aware=True)
    async with client:
        for collection in collections:
            await client[name][collection].delete_many({})
        yield client[name]
