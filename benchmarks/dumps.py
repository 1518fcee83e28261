"""What reading dumps costs: a row of arXiv's snapshot to its listing, and gzip to rows, each beside its floor.

    python -m benchmarks.dumps        exit status 1 when a bar is missed

Everything takes turns in every round, so that a slow moment of the machine falls on each; CPU time, medians.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import random
import sys
from collections import deque
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

import bson
from isal import igzip

from crawler.dumps import arxiv_snapshot, reading
from storage.contributions import Origin, from_listing
from storage.pipelines import document
from storage.titles import title_hash

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, ROUNDS = 5_000, 15
ORIGIN = Origin("arxiv_snapshot", "arxiv_snapshot:0123456789abcdef")
Job = tuple[str, "Callable[[], object]", float]
"""What is measured, and the most that it may cost, in units of its floor."""


def rows() -> list[bytes]:
    """Rows of 1.8 kB as the snapshot has them: lines wrapped, three papers in five of one version."""
    noise = random.Random(1)  # noqa: S311 - the same rows each time
    return [row(number, noise) for number in range(ROWS)]


LINK = ". Code at\n  https://github.com/group/name"


def row(number: int, noise: random.Random) -> bytes:
    """One of them."""
    words = ["".join(noise.choices("etaoinshrdlu", k=noise.randint(2, 9))) for _ in range(180)]
    names = [["".join(noise.choices("abcde", k=7)).title(), "A. B.", ""] for _ in range(noise.randint(1, 8))]
    first = dt.datetime(2007, 4, 2, 19, 18, 42, tzinfo=dt.UTC) + dt.timedelta(hours=number)
    times = [first + dt.timedelta(days=90 * later) for later in range(noise.choice([1, 1, 1, 2, 3]))]
    known, linked = number % 2 == 0, number % 10 == 0  # of 4,590 comments in 12,752 rows of arXiv's, 483 hold a link
    return json.dumps(
        {
            "id": f"{2101 + number // 90_000:04}.{number % 90_000 + 1:05}",
            "submitter": "A. Author",
            "authors": ", ".join(f"{name[1]} {name[0]}" for name in names),
            "title": " ".join(words[:9]) + "\n  " + " ".join(words[9:12]),
            "comments": f"12 pages, 3 figures{LINK if linked else ''}" if known else None,
            "journal-ref": "Journal of Ice 51 (8), 2021" if known else None,
            "doi": f"10.1002/ice.{number}" if known else None,
            "report-no": None,
            "categories": "cs.DS cs.MS",
            "license": "http://creativecommons.org/licenses/by/4.0/",
            "abstract": "  " + "\n".join(" ".join(words[at : at + 13]) for at in range(12, 180, 13)) + "\n",
            "versions": [
                {"created": f"{time:%a}, {time.day} {time:%b %Y %H:%M:%S} GMT", "version": f"v{at}"}
                for at, time in enumerate(times, 1)
            ],
            "update_date": f"{times[-1]:%Y-%m-%d}",
            "authors_parsed": names,
        }
    ).encode()


def validate(row: bytes) -> arxiv_snapshot.Snapshot:
    """The row's model alone."""
    return arxiv_snapshot.Snapshot.model_validate_json(row, strict=True)


def floor(row: bytes) -> bytes:
    """The least that stores a row: validate, dump, encode."""
    values = validate(row).model_dump()
    values["update_date"] = dt.datetime.combine(values["update_date"], dt.time.min)  # BSON has no days
    return bson.encode(values)


def listing(row: bytes) -> object:
    """What a crawl makes of a row before it is stored."""
    return arxiv_snapshot.read(row, 1)


def paper(row: bytes) -> bytes:
    """The document of a paper that nobody knew, as it goes to MongoDB."""
    return bson.encode(document(from_listing(arxiv_snapshot.read(row, 1), ORIGIN)[1]))


def paper_and_key(row: bytes) -> bytes:
    """The same, with the alias that its title is found by."""
    one = arxiv_snapshot.read(row, 1)
    title_hash(one.title or "")
    return bson.encode(document(from_listing(one, ORIGIN)[1]))


def seconds(job: Callable[[], object]) -> float:
    """CPU time of one turn."""
    start = process_time()
    job()
    return process_time() - start


def ratios(least: Callable[[], object], jobs: list[Job]) -> list[float]:
    """How often the floor fits into each job: the median of the rounds."""
    rounds = []
    for _ in range(ROUNDS):
        unit = seconds(least)
        rounds.append([seconds(job) / unit for _, job, _ in jobs])
    return [median(column) for column in zip(*rounds, strict=True)]


def tables() -> list[tuple[str, Callable[[], object], list[Job]]]:
    """The floors, and what is measured against each."""
    lines = rows()
    packed = gzip.compress(b"\n".join(lines * 4))  # far beyond the window of gzip

    def over(step: Callable[[bytes], object]) -> Callable[[], object]:
        return lambda: deque(map(step, lines), maxlen=0)

    return [
        (
            "validate, model_dump, BSON",
            over(floor),
            [
                ("a row to its listing", over(listing), 1.6),
                ("to its paper's BSON", over(paper), 2.5),
                ("... with the title's key", over(paper_and_key), 3.5),
            ],
        ),
        ("validate", over(validate), [("a row to its listing", over(listing), 3.0)]),
        (
            "lines of igzip",
            lambda: deque(igzip.open(io.BytesIO(packed)), maxlen=0),  # type: ignore[no-untyped-call]  # isal's
            [("gzip to rows", lambda: deque(reading.rows(io.BytesIO(packed), "lines"), maxlen=0), 1.2)],
        ),
    ]


def main() -> int:
    """Print the tables; the exit status."""
    missed = False
    for name, least, jobs in tables():
        for (what, _, bar), ratio in zip(jobs, ratios(least, jobs), strict=True):
            missed |= ratio > bar
            print(f"{what:24} / {name:28}{ratio:7.2f}{bar:6.1f}{'' if ratio <= bar else '   missed'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
