"""What storing a dump costs: beside bare bulk writes of the same documents, and what Scrapy adds to a plain loop.

    python -m benchmarks.storing        exit status 1 when a bar is missed

Each pair takes turns; medians. Storing is wall time, most of it MongoDB's; Scrapy's part is CPU time, without the
start: the difference of two sizes.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from uuid import uuid4

from pymongo import UpdateOne

from benchmarks.dumps import ORIGIN, rows
from crawler import dumps
from crawler.dumps import arxiv_snapshot, reading
from crawler.dumps.parts import SIZE, parts
from storage import connect, deferred, digests, papers
from storage.contributions import from_listing
from storage.documents import Listing, Refusal
from storage.embedded import embedded
from storage.pipelines import document
from storage.titles import title_hash

if TYPE_CHECKING:
    from storage.connect import Database

ROUNDS, PAPERS = 7, 5_000
SMALL, LARGE = 2_500, 27_500
STORING, SCRAPY = 1.5, 1.3
"""The most that each may cost, in units of its floor."""


Bulks = list[tuple[list[UpdateOne], list[UpdateOne]]]
"""Names and papers of each bulk."""


def prepared(listings: list[Listing]) -> Bulks:
    """The same documents and the same upserts, made before the clock runs."""
    bulks: Bulks = []
    for start in range(0, len(listings), SIZE):
        some = listings[start : start + SIZE]
        named = [(f"title:{title_hash(one.title or '')}", one.arxiv_id) for one in some]
        named += [(f"doi:{one.arxiv.doi}", one.arxiv_id) for one in some if one.arxiv and one.arxiv.doi]
        names = [
            UpdateOne({"_id": name}, {"$addToSet": {"papers": f"arxiv:{one}"}}, upsert=True) for name, one in named
        ]
        made = (from_listing(one, ORIGIN) for one in some)
        bulks.append(
            (names, [UpdateOne({"_id": key}, {"$setOnInsert": document(new)}, upsert=True) for key, new in made])
        )
    return bulks


async def bare(database: Database, bulks: Bulks) -> None:
    """The least that stores them, into the same indexes and with the same write concern."""
    for names, made in bulks:
        await database["aliases"].bulk_write(names, ordered=False)
        await database["papers"].bulk_write(made, ordered=False)


async def ours(database: Database, listings: list[Listing]) -> None:
    """As a dump is stored."""
    for start in range(0, len(listings), SIZE):
        await papers.add(database, listings[start : start + SIZE], ORIGIN)


async def storing(uri: str) -> float:
    """Ours in units of bare bulk writes."""
    listings = [arxiv_snapshot.read(row, at) for at, row in enumerate(rows()[:PAPERS], 1)]
    bulks = prepared(listings)
    rounds = []
    for _ in range(ROUNDS):
        taken = []
        for store in (partial(bare, bulks=bulks), partial(ours, listings=listings)):
            async with connect.connected(uri, f"benchmark_{uuid4().hex}") as database:
                start = time.perf_counter()
                await store(database)
                taken.append(time.perf_counter() - start)
                await database.client.drop_database(database.name)
        rounds.append(taken[1] / taken[0])
    return median(rounds)


async def loop(uri: str, path: str) -> None:
    """What the spider and the pipeline do with a dump, in a plain loop."""
    async with connect.connected(uri, f"benchmark_{uuid4().hex}") as database:
        with Path(path).open("rb") as file:  # noqa: ASYNC230 - nothing else runs
            named, found = Refusal(name=path, reason="", detail=""), reading.rows(file, "lines")
            for part in parts(found, dumps.load("arxiv-snapshot"), (0, 0), named):
                await papers.add(database, [one for one in part.records if isinstance(one, Listing)], ORIGIN)
                await deferred.add_rows(database, part.refusals)
                await digests.advance(database, ORIGIN.digest, path, records=part.read, refused=0, whole=part.last)
        await database.client.drop_database(database.name)


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """CPU time of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: S603 - our own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def scrapy(uri: str, folder: Path) -> float:
    """A dump through Scrapy in units of the plain loop, the start of each apart."""
    paths = {size: folder / f"{size}.jsonl" for size in (SMALL, LARGE)}
    for size, path in paths.items():
        lines = rows()
        with path.open("wb") as file:
            for number in range(size):
                new = b'{"id": "%04d.%05d"' % (2101 + number // 90_000, number % 90_000 + 1)
                file.write(new + lines[number % len(lines)][19:] + b"\n")
    binary = str(Path(sys.executable).with_name("paperharvest"))
    rounds = []
    for _ in range(3):
        taken = []
        for command in (
            [sys.executable, "-m", "benchmarks.storing", uri],
            [binary, "crawl", "dump", "--layout", "arxiv-snapshot", "--all"],
        ):
            parted = []
            for path in paths.values():
                name = {"PAPERHARVEST_MONGO_URI": uri, "PAPERHARVEST_DATABASE": f"benchmark_{uuid4().hex}"}
                parted.append(seconds([*command, str(path)], os.environ | name))
            taken.append(parted[1] - parted[0])
        rounds.append(taken[1] / taken[0])
    return median(rounds)


def main(arguments: list[str]) -> int:
    """Print the table; the exit status."""
    if arguments:
        gc.set_threshold(20_000, 20, 20)  # as `paperharvest.execution` does
        asyncio.run(loop(*arguments))
        return 0
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder)) as uri:
        measured = {
            "storing / bare bulk writes": (asyncio.run(storing(uri)), STORING),
            "through Scrapy / a plain loop": (scrapy(uri, Path(folder)), SCRAPY),
        }
    for name, (ratio, bar) in measured.items():
        print(f"{name:32}{ratio:7.2f}{bar:6.1f}{'' if ratio <= bar else '   missed'}")
    return int(any(ratio > bar for ratio, bar in measured.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
