"""The way to the database: safe writes, indexes, and one sentence where there is no way."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import re
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from pymongo.errors import AutoReconnect

from storage import connect, deferred, facts, observations, papers
from storage.documents import Repository
from storage.errors import StorageError
from storage.facts import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.connect import Database

SOON = 5.0  # seconds
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

OPEN = [Window(("pending", "failed"))]


async def refusal(uri: str, name: str = "paperharvest") -> str:
    """The sentence with which a connection fails."""
    with pytest.raises(StorageError) as caught:
        async with connect.connected(uri, name):
            pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_a_dead_server_is_told_soon(closed: int, silent: int) -> None:
    """Nobody there, or somebody who never answers: one sentence within five seconds, with the host, no password."""
    begun = time.monotonic()
    said = await asyncio.gather(*(refusal(f"mongodb://me:hunter2@127.0.0.1:{port}/") for port in (closed, silent)))
    assert time.monotonic() - begun < SOON
    for port, sentence in zip((closed, silent), said, strict=True):
        reason = "nobody listens there" if port == closed else "no answer"
        assert f"MongoDB at 127.0.0.1:{port} cannot be reached ({reason})" in sentence
        assert sentence.endswith("start it, or correct mongo_uri")
        assert "hunter2" not in sentence
    gc.collect()  # the driver closes a socket it is just opening a moment later, which is none of ours


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "127.0.0.1",
        "hunter2@127.0.0.1",
        "mongodb://",
        "mongodb://me:hun@ter2@127.0.0.1/",
        "mongodb://me:hun/ter2@127.0.0.1/",
        "mongodb://me:hunter2@127.0.0.1:port/",
        "mongodb://me:hunter2@127.0.0.1/?tls=perhaps&tlsInsecure=true&tlsAllowInvalidCertificates=true",
        "http://127.0.0.1:27017",
    ],
)
async def test_a_malformed_uri_is_told_without_its_password(uri: str) -> None:
    """What it should look like, never what it is."""
    sentence = await refusal(uri)
    assert sentence.startswith("mongo_uri is not understood: it has the form mongodb://user:password@host:port/")
    assert "ter2" not in sentence


def test_without_fcntl_an_own_server_is_asked_for() -> None:
    """As on Windows: the embedded database cannot be had, a configured server is all the same."""
    program = """
import sys
sys.modules["fcntl"] = None
from pathlib import Path
from storage import connect
with connect.server("mongodb://127.0.0.1/", Path()) as uri:
    print(uri)
try:
    connect.server(None, Path()).__enter__()
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603
    own, sentence = done.stdout.splitlines()
    assert own == "mongodb://127.0.0.1/"
    assert sentence.startswith("StorageError there is no embedded database on this system (no fcntl): set mongo_uri (")


async def test_a_certificate_that_is_not_there_is_told() -> None:
    """A file named in the URI is no traceback."""
    assert "file that cannot be read" in await refusal("mongodb://127.0.0.1/?tls=true&tlsCAFile=/nowhere/ca.pem")


async def test_writes_are_journaled_on_a_majority_whatever_the_uri_says(mongo_uri: str) -> None:
    """Without the journal a killed mongod loses acknowledged documents. Times come back with their zone."""
    async with connect.connected(f"{mongo_uri}&w=0&journal=false", f"test_{uuid4().hex}") as database:
        assert database["papers"].write_concern.document == {"w": "majority", "j": True}
        await database["papers"].insert_one({"_id": "x", "at": NOON})
        assert await database["papers"].find_one() == {"_id": "x", "at": NOON}
        await database.client.drop_database(database.name)


@pytest.mark.parametrize(
    "error", [AutoReconnect("gone"), ExceptionGroup("", [ValueError(), ExceptionGroup("", [AutoReconnect("gone")])])]
)
async def test_what_fails_later_is_told_as_well(database: Database, error: Exception) -> None:
    """A server that goes away, in one task or in several at once."""
    sentence = r"MongoDB at 127\.0\.0\.1:\d+ cannot be reached \(AutoReconnect\)"
    with pytest.raises(StorageError, match=sentence), connect.explained(database):
        raise error


async def test_other_errors_stay_what_they_are(database: Database) -> None:
    """Only the database's own become a StorageError."""
    with pytest.raises(ExceptionGroup), connect.explained(database):
        raise ExceptionGroup("", [ValueError()])


async def marker(database: Database) -> object:
    """The schema that a database says it has."""
    return await database["runs"].find_one({"_id": "schema"})


async def test_a_database_of_this_version_is_left_as_it_is(mongo_uri: str) -> None:
    """The first to connect prepares it, whatever was there before; the next ones write nothing at all."""
    name = f"test_{uuid4().hex}"
    async with connect.connected(mongo_uri, name) as database:
        assert await marker(database) == {"_id": "schema", "version": connect.SCHEMA}
        await database["runs"].update_one({"_id": "schema"}, {"$set": {"version": connect.SCHEMA - 1}})
        await database["papers"].drop_indexes()
    async with connect.connected(mongo_uri, name) as database:
        assert await marker(database) == {"_id": "schema", "version": connect.SCHEMA}
        assert set(await database["papers"].index_information()) > {"_id_", "repos.stars_1"}
        await database.command("profile", 2)
    async with connect.connected(mongo_uri, name) as database:
        await database.command("profile", 0)
        assert {one["op"] async for one in database["system.profile"].find()} == {"query"}
        await database.client.drop_database(name)


async def test_a_database_of_a_newer_version_is_refused(database: Database, mongo_uri: str) -> None:
    """In one sentence; nothing in it is changed."""
    newer = {"_id": "schema", "version": connect.SCHEMA + 1}
    await database["runs"].replace_one({"_id": "schema"}, newer)
    sentence = await refusal(mongo_uri, database.name)
    assert f"written by a newer paperharvest (schema {connect.SCHEMA + 1}): upgrade paperharvest, or set" in sentence
    assert await marker(database) == newer


@pytest.mark.parametrize(
    ("index", "query"),
    [
        ("citations.openalex.count", {"citations.openalex.count": {"$gte": 100}}),
        ("citations.semantic_scholar.count", {"citations.semantic_scholar.count": 0}),
        ("repos.stars", {"repos.stars": {"$gte": 1000}}),
        ("arxiv.categories", {"arxiv.categories": "cs.CV"}),
        ("published.date", {"published.date": {"$gte": "2025-03"}}),
        ("ids.doi", {"ids.doi": "10.7717/peerj.453"}),
        ("sightings.digest", {"sightings.digest": "hf-daily:2026-03-02"}),
        ("sightings.page_date", {"sightings.page_date": {"$gte": "2026-03-01"}}),
        ("resolution.status", {"resolution.status": {"$in": ["ambiguous", "not_found"]}}),
        ("updated_at", {"updated_at": {"$gte": NOON}}),
    ],
)
async def test_what_people_ask_is_served_by_an_index(database: Database, index: str, query: dict[str, object]) -> None:
    """Among many papers, only those that are asked for are looked at."""
    await fill(database)
    plan = await database["papers"].find(query).explain()
    stages = str(plan["queryPlanner"]["winningPlan"])
    assert f"'indexName': '{index}_1'" in stages
    assert "COLLSCAN" not in stages


async def test_every_index_is_used(database: Database) -> None:
    """Those of the history and of what was refused, by the very functions that need them."""
    measured = [
        observations.Measurement(f"arxiv:{day}", "openalex", "citations", day, "2026-03-01") for day in range(9)
    ]
    await observations.record(database, measured)
    await observations.move(database, {"arxiv:1": "arxiv:2"})
    await deferred.settle(database, "0123", "/a.txt", "text:01")
    for collection in ("observations", "deferred"):
        used = await database[collection].aggregate([{"$indexStats": {}}])
        unused = {one["name"] async for one in used if not one["accesses"]["ops"]}
        assert unused <= {"_id_"}


async def test_no_query_scans_all_papers(database: Database) -> None:
    """What is due is found by an index: among many papers, a few wait."""
    await fill(database)
    await database.command("profile", 2)
    for path in ("arxiv", "citations.semantic_scholar", "citations.openalex"):
        assert [one async for one in facts.due_ids(database, path, OPEN)] == ["2503.00299"]
        await facts.leave(database, path, "down")
    assert [one async for one in facts.due_repositories(database, OPEN)] == ["ice/floe-299"]
    await facts.leave(database, "repos", "down")
    assert len([one async for one in papers.unresolved(database)]) == 1
    await papers.leave_titles(database, "down")
    told = Repository(
        url="https://github.com/Ice/x", host="github.com", full_name="Ice/x", status="ok", fetched_at=NOON
    )
    await facts.record_repositories(database, {"ice/floe-299": told})
    await database.command("profile", 0)
    profile = database["system.profile"].find({"ns": f"{database.name}.papers", "planSummary": {"$exists": True}})
    plans = " ".join([one["planSummary"] async for one in profile])
    assert set(re.findall(r"(\w+) \{ ([\w.]+):", plans)) == {
        ("IXSCAN", "_id"),  # titles, by their prefix
        ("IXSCAN", "arxiv.status"),
        ("IXSCAN", "citations.openalex.status"),
        ("IXSCAN", "citations.semantic_scholar.status"),
        ("IXSCAN", "repos.status"),
        ("IXSCAN", "repos.full_name"),
    }
    assert "COLLSCAN" not in plans


async def fill(database: Database) -> None:
    """300 papers: the last waits for everything, one has no id, the others are answered."""
    documents = []
    for number in range(300):
        status = "pending" if number == 299 else "ok"
        count = {"status": status, "reason": None}
        documents.append(
            {
                "_id": f"arxiv:2503.{number:05}",
                "ids": {"arxiv": f"2503.{number:05}"},
                "arxiv": {"status": status},
                "citations": {"semantic_scholar": count, "openalex": count},
                "repos": [{"host": "github.com", "full_name": f"Ice/Floe-{number}", "status": status}],
            }
        )
    await database["papers"].insert_many([*documents, {"_id": "title:00", "ids": {"arxiv": None}}])
