"""The way to the database: one client an event loop, every write journaled on a majority."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import pymongo
from pymongo import AsyncMongoClient, IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.collation import Collation
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from storage import bulk
from storage.errors import StorageError
from storage.mongod import OWN_SERVER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

Document: TypeAlias = dict[str, Any]
Database: TypeAlias = AsyncDatabase[Document]

IGNORING_CASE = Collation(locale="en", strength=2)
"""GitHub's names: kept as written, compared without case."""
# Seconds: with the imports before it a dead server is told within five. Later contacts wait for an election.
FIRST_CONTACT = 2.5
CLOSING = 2.0  # seconds
NO_RIGHT = (13, 18)  # Unauthorized, AuthenticationFailed
REASONS = {  # in the driver's words and in ours
    "CERTIFICATE_VERIFY_FAILED": "its TLS certificate does not fit its host and tlsCAFile",
    "connection closed": "it closed the connection; it may ask for tls=true",
    "reset by peer": "it closed the connection; it may ask for tls=true",
    "Connect call failed": "nobody listens there",
    "No servers found yet": "no answer",
    "Name or service not known": "no such host",
    "DNS query name does not exist": "no such host",
}
SCHEMES = ("mongodb://", "mongodb+srv://")

SCHEMA = 4
"""Raised whenever INDEXES change, or what documents hold in a way that older versions do not understand."""
MARKER = {"_id": "schema"}
"""The document in `runs` that holds the SCHEMA a database was prepared for."""
WORK = ("arxiv", "citations.semantic_scholar", "citations.openalex", "repos", "_work.huggingface")
"""Where facts stand: those that are due are found by status and age, the newest papers first."""
ASKED = ("fetched_at", "provider")
QUESTIONS = (
    "arxiv.categories",
    "citations.openalex.count",
    "citations.semantic_scholar.count",
    "ids.doi",
    "published.date",
    "repos.stars",
    "resolution.status",
    "sightings.digest",
    "sightings.page_date",
    "updated_at",
)
"""What people ask papers by: docs/how-to.md."""
INDEXES = {
    "papers": (
        *(
            IndexModel(
                [(f"{path}.status", 1), ("_id", 1), ("published.date", 1), *((f"{path}.{key}", 1) for key in ASKED)]
            )
            for path in WORK
        ),
        IndexModel("arxiv.provider", partialFilterExpression={"arxiv.provider": {"$gt": "arxiv"}}),
        IndexModel("citations.openalex.reason", partialFilterExpression={"citations.openalex.reason": {"$gt": ""}}),
        *map(IndexModel, QUESTIONS),
        IndexModel("repos.full_name", collation=IGNORING_CASE),
    ),
    "observations": (IndexModel("series"), IndexModel("paper")),
    "deferred": (IndexModel("raw"), IndexModel("path"), IndexModel("digest")),
    "days": (IndexModel("source"),),
    "digests": (IndexModel("texts"),),
    "merges": (IndexModel("old"), IndexModel("paper")),
    "aliases": (IndexModel("decided", sparse=True),),
}


@contextmanager
def server(mongo_uri: str | None, data_dir: Path) -> Iterator[str]:
    """The URI of the server to use: the configured one, else the embedded one while the context lasts."""
    if mongo_uri:
        yield mongo_uri
        return
    try:
        from storage.embedded import embedded  # noqa: PLC0415 - needs fcntl, which a configured server does not
    except ImportError as error:
        raise StorageError(
            f"there is no embedded database on this system (no {error.name}): {OWN_SERVER}, or on Windows use WSL"
        ) from None

    with embedded(data_dir) as uri:
        yield uri


@asynccontextmanager
async def connected(uri: str, name: str) -> AsyncIterator[Database]:
    """The database with its indexes, for one event loop.

    Raises StorageError, in one sentence without the URI (it may hold a password), where it cannot be used.
    """
    client = _client(uri)
    try:
        database = client[name]
        with explained(database):
            await _prepare(database)
            yield database
    finally:
        # A task that is cancelled inside the driver (4.20) can leave its topology locked, and `close` waits forever.
        with suppress(TimeoutError):
            await asyncio.wait_for(client.close(), CLOSING)


def _client(uri: str) -> AsyncMongoClient[Document]:
    try:
        with suppress(InvalidURI, ConfigurationError, ValueError):
            if uri.startswith(SCHEMES):  # the driver would take anything else for a host's name
                return AsyncMongoClient(uri, w="majority", journal=True, tz_aware=True)
    except OSError as error:
        raise StorageError(f"mongo_uri names a file that cannot be read ({error.strerror}): correct it") from None
    raise StorageError(
        "mongo_uri is not understood: it has the form mongodb://user:password@host:port/,"
        " with special characters in the user and the password percent-encoded"
    )


async def _prepare(database: Database) -> None:
    """Create the indexes of a new or older database; nothing is written to one of this version. Raises StorageError."""
    with pymongo.timeout(FIRST_CONTACT):
        marker = await database["runs"].find_one(MARKER) or {"version": 0}
    if marker["version"] > SCHEMA:
        raise StorageError(
            f"this database was written by a newer paperharvest (schema {marker['version']}):"
            " upgrade paperharvest, or set `database` to another name"
        )
    if marker["version"] < SCHEMA:
        for collection, indexes in INDEXES.items():
            await database[collection].create_indexes(list(indexes))
        await bulk.write(database["runs"], [UpdateOne(MARKER, {"$max": {"version": SCHEMA}}, upsert=True)])


@contextmanager
def explained(database: Database) -> Iterator[None]:
    """What MongoDB's driver raises, alone or from several tasks at once, becomes a StorageError of one sentence."""
    try:
        yield
    except (PyMongoError, ExceptionGroup) as error:
        if (first := _first(error)) is None:
            raise
        raise StorageError(_sentence(database.client, first)) from None


def _first(error: Exception) -> PyMongoError | None:
    """The driver's error, or the first one in a group."""
    if isinstance(error, ExceptionGroup):
        return next(filter(None, map(_first, error.exceptions)), None)
    return error if isinstance(error, PyMongoError) else None


def _sentence(client: AsyncMongoClient[Document], error: PyMongoError) -> str:
    """Without the error's own text, which may hold every document of a bulk (1.7 MB for 1,000)."""
    known = client.topology_description.server_descriptions()
    hosts = ", ".join(f"{host}:{port}" if port else host for host, port in sorted(known)) or "the configured server"
    if isinstance(error, OperationFailure):
        if error.code in NO_RIGHT:
            return f"MongoDB at {hosts} refused (code {error.code}): check the user and its rights in mongo_uri"
        return f"MongoDB at {hosts} refused an operation (code {error.code}): is it 6.0 or newer, with free space?"
    reason = next((ours for theirs, ours in REASONS.items() if theirs in str(error)), type(error).__name__)
    return f"MongoDB at {hosts} cannot be reached ({reason}): start it, or correct mongo_uri"
