"""`crawl dump` as people run it: pipes, interrupts, kills at any point, millions of rows in the memory of a few."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from isal import igzip
from pymongo import MongoClient

from storage.embedded import embedded
from tests import standin
from tests.crawler.test_dump_spider import foreign, lines, link, snapshot
from tests.lab import BINARY, PATIENCE, ROOT, Lab, gone, on_empty_database, pid_of, until, without_times

if TYPE_CHECKING:
    from pymongo.database import Database

MOMENTS = {"seen_at", "at", "_work"}
SOON = 10.0  # seconds of a machine that others use as well


def state(database: Database[dict[str, Any]]) -> Any:
    """All that is stored but for when, and how often it was written."""
    stored = {name: list(database[name].find().sort("_id", 1)) for name in ("papers", "digests", "deferred", "aliases")}
    return without_times(
        {
            name: [{key: value for key, value in one.items() if key not in MOMENTS} for one in documents]
            for name, documents in stored.items()
        }
    )


def records(database: Database[dict[str, Any]], layout: str) -> int:
    """How many rows of the only dump of that layout were read."""
    found = database["digests"].find_one({"source": layout.replace("-", "_")}, {"records": 1})
    return found["records"] if found else 0


def test_nothing_is_asked_for_papers_that_a_snapshot_told_of(lab: Lab, tmp_path: Path) -> None:
    """Known papers are filled without a request, the others left out; scrapy's own command line does the same."""
    (tmp_path / "known.jsonl").write_bytes(lines([foreign(1), foreign(2)]))
    (tmp_path / "snapshot.json").write_bytes(lines([snapshot(number) for number in range(1, 6)]))
    assert lab.run("crawl", "dump", tmp_path / "known.jsonl", "--layout", "jsonl").returncode == 0
    done = lab.run("crawl", "dump", tmp_path / "snapshot.json", "--layout", "arxiv-snapshot")
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        [
            "digests: 1 stored, 0 refused; 2 listings",
            "  3 rows of papers that are not stored were left out: --all imports them",
        ],
    )
    with standin.running() as server:
        assert lab.asking(server).run("enrich", "--kind", "arxiv").returncode == 0
        assert server.log == []
    with lab.database() as database:
        before = state(database)
        arguments = [
            f"path={tmp_path / 'snapshot.json'}",
            "-a",
            "layout=arxiv-snapshot",
            "-O",
            str(tmp_path / "x.jsonl"),
        ]
        subprocess.run(  # noqa: S603 - a fixed program
            [sys.executable, "-m", "scrapy", "crawl", "dump", "-a", *arguments],
            env=lab.environment,
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        assert state(database) == before
    [item] = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [one["arxiv_id"] for one in item["part"]["records"]] == [f"2503.0000{number}" for number in range(1, 6)]


def test_titles_of_a_dump_are_resolved_later(lab: Lab, tmp_path: Path) -> None:
    """A line without an id waits as any other listing does."""
    with standin.running() as server:
        paper = server.world.corpus.rows["1407.6245"]
        (tmp_path / "a.jsonl").write_bytes(lines([{"title": paper.title, "summary": paper.abstract}]))
        assert lab.run("crawl", "dump", tmp_path / "a.jsonl", "--layout", "jsonl").returncode == 0
        assert lab.asking(server).run("resolve").returncode == 0
    with lab.database() as database:
        assert [one["_id"] for one in database["papers"].find()] == [f"arxiv:{paper.id}"]


def test_a_pipe_and_stdin_are_as_a_file(mongo_uri: str, tmp_path: Path) -> None:
    """The same digest, the same papers, even packed; each file once, however often it is named."""
    content = gzip.compress(lines([*map(foreign, range(1, 200))]))
    path, pipe = tmp_path / "a.jsonl.gz", tmp_path / "pipe"
    path.write_bytes(content)
    os.mkfifo(pipe)
    ends = []
    for source in (path, pipe, "-"):
        with on_empty_database(mongo_uri, tmp_path) as lab, ExitStack() as opened:
            command: list[str | Path] = [BINARY, "crawl", "dump", source, source, "--layout", "jsonl"]
            stdin = opened.enter_context(path.open("rb"))
            process = opened.enter_context(
                subprocess.Popen(command, env=lab.environment, stdin=stdin, stderr=subprocess.PIPE)  # noqa: S603
            )
            if source == pipe:
                pipe.write_bytes(content)
            said = process.communicate(timeout=PATIENCE)[1].decode()
            assert (process.returncode, said) == (0, "digests: 1 stored, 0 refused; 199 listings\n")
            with lab.database() as database:
                ends.append(state(database))
    for end in ends:
        [digest] = end["digests"]
        del digest["names"]
    assert ends[0] == ends[1] == ends[2]


def test_refusals_beyond_a_thousand_are_counted(lab: Lab, tmp_path: Path) -> None:
    """A thousand stand in `deferred`, all in the summary and in `digests`; exit 3, and the rest is stored."""
    rows: list[Any] = [link(number, "https://github.com/a/b") if number % 11 else {} for number in range(1, 13_201)]
    path = tmp_path / "links.json"
    path.write_bytes(json.dumps(rows).encode())
    done = lab.run("crawl", "dump", path, tmp_path / "nowhere", "--layout", "pwc-links")
    assert done.returncode == 3
    said = done.stderr.splitlines()
    assert (said[0], said[-1]) == (
        "digests: 1 stored, 1201 refused; 0 listings",
        "  and 1171 more: see the collection `deferred`",
    )
    with lab.database() as database:
        assert database["deferred"].count_documents({}) == 1001
        [digest] = database["digests"].find()
        assert (digest["records"], digest["refused"]) == (13_200, 1200)


def test_an_interrupted_dump_goes_on(lab: Lab, tmp_path: Path) -> None:
    """It ends soon; the next command writes no row that is stored already."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines([*map(foreign, range(1, 3501))]))
    arguments = ("crawl", "dump", path, "--layout", "jsonl")
    with lab.database() as database, lab.start(*arguments) as process:
        until(lambda: records(database, "jsonl") >= 500)
        told = time.monotonic()
        process.send_signal(signal.SIGINT)
        stderr = process.communicate(timeout=PATIENCE)[1]
        assert time.monotonic() - told < SOON
        assert (process.returncode, "Traceback" in stderr) == (130, False)
        read = records(database, "jsonl")
        assert 500 <= read < 3500
        done = lab.run(*arguments)
        assert done.returncode == 0
        assert done.stderr.startswith(f"digests: 1 stored, 0 refused; {3500 - read} listings\n")
        assert database["papers"].distinct("_work.rev") == [1]
        assert database["papers"].count_documents({}) == 3500


# --- killed at any point ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Path]:
    """200,000 links, some of them broken, and a tenth as many papers; without `--whole` a twenty-fifth of both."""
    count = 200_000 if request.config.getoption("whole") else 8_000
    folder = tmp_path_factory.mktemp("dumps")
    known = [
        foreign(number, abstract=f"Ice {number}. https://github.com/a/{number}") for number in range(1, count // 10)
    ]
    links: list[Any] = []
    for number in range(1, count + 1):  # one row in twenty is of a paper that is known: of each two
        row = link(number // 40 if number % 20 == 0 else None, f"https://github.com/b/{number}", is_official=True)
        links.append({} if number % 99 == 0 else row)
    (folder / "known.jsonl").write_bytes(lines([*known, b"{"]))
    (folder / "links.json.gz").write_bytes(gzip.compress(json.dumps(links).encode(), 1))
    return {"jsonl": folder / "known.jsonl", "pwc-links": folder / "links.json.gz"}


@pytest.fixture(scope="module")
def undisturbed(dumps: dict[str, Path], mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What is stored of them where nobody disturbs."""
    with on_empty_database(mongo_uri, tmp_path_factory.mktemp("undisturbed")) as lab, lab.database() as database:
        for layout, path in dumps.items():
            assert lab.run("crawl", "dump", path, "--layout", layout).returncode == 3
        return state(database)


def reach(uri: str, layout: str, point: int, more: int, process: subprocess.Popen[str]) -> None:
    """Look until so many rows were read, and a few times more: somewhere within a part."""
    with MongoClient[dict[str, Any]](uri) as client:
        database = client["paperharvest"]
        until(lambda: records(database, layout) >= point or process.poll() is not None)
        for _ in range(more):
            database.command("ping")


@pytest.mark.long
@pytest.mark.parametrize("victim", ["crawler", "mongod"])
def test_kills_change_nothing(
    dumps: dict[str, Path], undisturbed: Any, tmp_path: Path, victim: str, request: pytest.FixtureRequest
) -> None:
    """With -9 at random points, twenty with `--whole` and else one: run again to the end, the same is stored."""
    noise = random.Random(victim)  # noqa: S311 - the same points each time
    lab, everywhere = Lab(tmp_path, {}), request.config.getoption("whole")
    try:
        for layout, path in dumps.items():
            arguments = ("crawl", "dump", path, "--layout", layout)
            whole = max(one["records"] for one in undisturbed["digests"] if one["source"] == layout.replace("-", "_"))
            points = 10 if everywhere else int((victim == "crawler") == (layout == "jsonl"))
            for point in sorted(noise.sample(range(whole * 9 // 10), points)):
                with embedded(tmp_path / "data") as uri, lab.start(*arguments) as process:
                    reach(uri, layout, point, noise.randrange(50), process)
                    assert process.poll() is None
                    os.kill(process.pid if victim == "crawler" else pid_of(tmp_path / "data"), signal.SIGKILL)
                    stderr = process.communicate(timeout=PATIENCE)[1]
                    # Of the very end of a file all may be stored when mongod dies.
                    assert process.returncode in ([-signal.SIGKILL] if victim == "crawler" else [1, 3])
                    assert "Traceback" not in stderr
            assert lab.run(*arguments).returncode == 3
        with embedded(tmp_path / "data") as uri, MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
            assert state(client["paperharvest"]) == undisturbed
    finally:
        if (pid := pid_of(tmp_path / "data")) and not gone(pid):
            os.kill(pid, signal.SIGKILL)


# --- memory -----------------------------------------------------------------------------------------------


def peak(lab: Lab, path: Path, count: int) -> float:
    """The most memory that a crawl of so many rows, of papers that are mostly not stored, takes: in MiB."""
    row = lines([snapshot(1)]).replace(b"2503.00001", b"%04d.%05d").replace(b"%", b"%%").replace(b"%%0", b"%0")
    with igzip.open(path, "wb", compresslevel=0) as file:  # type: ignore[no-untyped-call]  # isal's
        for number in range(count):
            month, rest = divmod(number, 90_000)
            file.write(row % (2101 + month // 12 * 100 + month % 12, rest + 1))
    with lab.start("crawl", "dump", path, "--layout", "arxiv-snapshot") as process:
        # What the system tells after the end would have been the test's own memory, of which the process is a fork.
        most = 0
        while process.poll() is None:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            most = int(found[1]) if found else most
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        assert (process.returncode, process.communicate()[1][:24]) == (0, "digests: 1 stored, 0 ref")
    path.unlink()
    return most / 1024


@pytest.mark.long
def test_ten_times_the_rows_take_the_same_memory(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """2,000,000 rows within 10 % of 200,000; without `--whole` a sixtieth of both."""
    count = 2_000_000 if request.config.getoption("whole") else 30_000
    (tmp_path / "known.jsonl").write_bytes(lines([{"arxiv_id": f"2101.{number:05}"} for number in range(1, 501)]))
    assert lab.run("crawl", "dump", tmp_path / "known.jsonl", "--layout", "jsonl").returncode == 0
    few, many = (peak(lab, tmp_path / "snapshot.gz", number) for number in (count // 10, count))
    print(f"{count // 10} rows: {few:.0f} MiB, {count} rows: {many:.0f} MiB")  # noqa: T201 - shown with -s
    assert many < 1.1 * few
