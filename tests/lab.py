"""The real binary against the stand-in and a real mongod: what end-to-end tests share."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from pymongo import MongoClient

from storage.embedded import _alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pymongo.database import Database

    from tests.standin import Server

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "digests"
BINARY = Path(sys.executable).with_name("paperharvest")
TIMES = {"fetched_at", "first_seen", "updated_at"}
PATIENCE = 120  # seconds for one command


@dataclass(frozen=True)
class Lab:
    """One database, one data folder, and the settings that lead the binary to them."""

    folder: Path
    settings: Mapping[str, str]
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "output", self.folder / "papers.jsonl")

    @property
    def environment(self) -> dict[str, str]:
        """A clean environment: nothing of the machine's keys and settings."""
        plain = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        return plain | {"PAPERHARVEST_DATA_DIR": str(self.folder / "data")} | dict(self.settings)

    def having(self, more: Mapping[str, str]) -> Lab:
        """The same lab, with these settings as well."""
        return replace(self, settings={**self.settings, **more})

    def asking(self, server: Server) -> Lab:
        """The same lab, asking this server."""
        return self.having(server.environment())

    @contextmanager
    def database(self) -> Iterator[Database[dict[str, Any]]]:
        """What the binary stores, where it has a database on the run's mongod."""
        with MongoClient[dict[str, Any]](self.settings["PAPERHARVEST_MONGO_URI"], tz_aware=True) as client:
            yield client[self.settings["PAPERHARVEST_DATABASE"]]

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start the binary; whoever starts it ends it."""
        return subprocess.Popen(  # noqa: S603 - our own binary
            [BINARY, *map(str, arguments)],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the binary to its end."""
        with self.start(*arguments) as process:
            try:
                stdout, stderr = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def harvest(self, *paths: str | Path) -> subprocess.CompletedProcess[str]:
        """The main job, into `output`."""
        return self.run("run", *paths, "-o", self.output)

    def papers(self) -> list[dict[str, Any]]:
        """What was exported."""
        return [orjson.loads(line) for line in self.output.read_bytes().splitlines()]


@contextmanager
def on_empty_database(mongo_uri: str, folder: Path) -> Iterator[Lab]:
    """The binary on a database of its own, without any provider yet; dropped afterwards."""
    lab = Lab(folder, {"PAPERHARVEST_MONGO_URI": mongo_uri, "PAPERHARVEST_DATABASE": f"test_{uuid4().hex}"})
    yield lab
    with lab.database() as database:
        database.client.drop_database(database.name)


def until(happened: Callable[[], object], within: float = PATIENCE) -> None:
    """Look until it happened."""
    deadline = time.monotonic() + within
    while not happened():
        assert time.monotonic() < deadline
        os.sched_yield()


def pid_of(data_dir: Path) -> int:
    """The mongod of a data folder, by its own word; 0 where it ended in good order."""
    lock = data_dir / "db" / "mongod.lock"
    return int(lock.read_text() or 0) if lock.exists() else 0


def gone(pid: int) -> bool:
    """Whether a process has ended, although whoever inherited it may take its time to reap it."""
    return not _alive(pid)


def without_times(value: Any) -> Any:
    """A paper as it is compared between runs: all but when."""
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in TIMES}
    if isinstance(value, list):
        return [without_times(inner) for inner in value]
    return value
