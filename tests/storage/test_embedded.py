"""The private mongod: one for a folder, whoever starts it, gone with the last who uses it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from storage import connect
from storage.embedded import LISTENING, _alive, embedded, find_mongod
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 60.0  # seconds for a process to say or do something
GONE_WITHIN = 2.0  # seconds
USER = """
import sys
from pathlib import Path
from storage.embedded import embedded
with embedded(Path(sys.argv[1])) as uri:
    print(uri, flush=True)
    sys.stdin.read()
"""


class User:
    """Another process that uses the folder's mongod until it is told to leave."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - a fixed program of ours
            [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def uri(self) -> str:
        """What it was given, once it has it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        """Let it end in good order."""
        self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0


@contextmanager
def users(folder: Path, number: int) -> Iterator[list[User]]:
    """So many processes at once; those that are still there are killed at the end."""
    started = [User(folder) for _ in range(number)]
    try:
        yield started
    finally:
        for user in started:
            user.process.kill()
            user.process.communicate()


def pid_of(folder: Path) -> int:
    """The folder's mongod, by its own word; 0 where it ended in good order."""
    lock = folder / "db" / "mongod.lock"
    return int(lock.read_text() or 0) if lock.exists() else 0


def ended(pid: int, within: float) -> bool:
    """Whether the process is gone before the time is up."""
    deadline = time.monotonic() + within
    while _alive(pid) and time.monotonic() < deadline:
        os.sched_yield()
    return not _alive(pid)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty place for a data folder; a mongod that is left behind is killed."""
    data_dir = tmp_path / "data"
    yield data_dir
    pid = pid_of(data_dir)
    if pid and pid != os.getpid() and _alive(pid):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def client(uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A plain client of that server."""
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=5000) as connection:
        yield connection


async def written(uri: str) -> None:
    """One acknowledged document, written as the product writes."""
    async with connect.connected(uri, "kept") as database:
        await database["papers"].insert_one({"_id": "arxiv:2503.00010"})


# --- coming and going -------------------------------------------------------------------------------------


async def test_an_empty_folder_becomes_a_server_and_what_it_acknowledged_outlives_a_kill(folder: Path) -> None:
    """Killed with -9 after one write, the mongod starts again with it; leaving a dead one is no error."""
    with embedded(folder) as uri:
        await written(uri)
        os.kill(pid := pid_of(folder), signal.SIGKILL)
        assert ended(pid, PATIENCE)
    with embedded(folder) as uri, client(uri) as mongod:
        assert [one["_id"] for one in mongod["kept"]["papers"].find()] == ["arxiv:2503.00010"]
        pid = pid_of(folder)
    assert ended(pid, GONE_WITHIN)


def test_it_listens_at_home_only(mongo_uri: str) -> None:
    """On 127.0.0.1, without a socket in the file system, message compression or JavaScript."""
    with client(mongo_uri) as mongod:
        options = mongod.admin.command("getCmdLineOpts")["parsed"]
    assert mongo_uri.startswith("mongodb://127.0.0.1:")
    assert (options["net"]["bindIp"], options["net"]["unixDomainSocket"]) == ("127.0.0.1", {"enabled": False})
    assert options["net"]["compression"] == {"compressors": "disabled"}
    assert options["security"] == {"javascriptEnabled": False}


def test_two_that_start_at_once_share_one_and_the_last_to_leave_stops_it(folder: Path) -> None:
    """Both are given the same server, which the first to leave lets live."""
    with users(folder, 2) as (first, second):
        uri, pid = first.uri(), pid_of(folder)
        assert second.uri() == uri
        first.leave()
        with client(uri) as mongod:
            assert mongod.admin.command("ping")["ok"]
        second.leave()
        assert ended(pid, GONE_WITHIN)


def test_what_a_killed_user_left_behind_goes_with_the_next(folder: Path) -> None:
    """SIGKILL leaves the mongod alone; the next command joins it and, being the last, stops it."""
    with users(folder, 1) as (killed,):
        uri, pid = killed.uri(), pid_of(folder)
    assert _alive(pid)
    with embedded(folder) as joined:
        assert joined == uri
    assert ended(pid, GONE_WITHIN)


def test_a_recycled_port_is_not_joined(folder: Path, mongo_uri: str) -> None:
    """The lock names a living process and the log a listening port, both somebody else's by now."""
    port = int(mongo_uri.split(":")[2].partition("/")[0])
    (folder / "db").mkdir(parents=True)
    (folder / "db" / "mongod.lock").write_text(f"{os.getpid()}\n")
    line = {"t": {}, "s": "I", "c": "NETWORK", "id": LISTENING, "ctx": "listener", "attr": {"port": port}}
    (folder / "mongod.log").write_text(json.dumps(line, separators=(",", ":")) + "\n")
    with embedded(folder) as uri:
        assert f":{port}/" not in uri
        with client(uri) as mongod:
            assert mongod.admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"] == str(folder / "db")
    with client(mongo_uri) as other:
        assert other.admin.command("ping")["ok"]


def test_a_server_that_does_not_answer_in_time_is_found_again(folder: Path) -> None:
    """A second mongod on the folder ends with 100, told in a sentence, and covers no tracks of the first."""
    with users(folder, 1) as (first,):
        uri = first.uri()
        os.kill(pid := pid_of(folder), signal.SIGSTOP)
        with pytest.raises(StorageError, match=f"another mongod uses {folder / 'db'}: stop it, or set data_dir"):
            embedded(folder).__enter__()
        os.kill(pid, signal.SIGCONT)
        with embedded(folder) as joined:
            assert joined == uri


# --- where none can be had --------------------------------------------------------------------------------

MISSING = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (f"#!/bin/sh\necho '{MISSING}' >&2\nexit 127\n", r"mongod needs libcurl\.so\.4 .*apt-get install"),
        ("#!/bin/sh\nkill -ILL $$\n", "this machine's CPU lacks AVX"),
        ("#!/bin/sh\necho 'no space' >&2\nexit 14\n", r"mongod ended with status 14 no space: read \S+mongod\.log"),
        ("\x7fELF of another machine", r"/mongod cannot be run \(Exec format error\)"),
    ],
)
def test_a_mongod_that_does_not_start_says_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, sentence: str
) -> None:
    """Each reason in one sentence, with the ways out."""
    on_path(folder.parent, monkeypatch, program)
    with pytest.raises(StorageError, match=sentence) as caught:
        embedded(folder).__enter__()
    assert "PAPERHARVEST_MONGO_URI" in str(caught.value)
    assert "\n" not in str(caught.value)


def on_path(place: Path, monkeypatch: pytest.MonkeyPatch, program: str | None) -> Path:
    """The PATH has this as its mongod, or none."""
    mongod = place / "bin" / "mongod"
    mongod.parent.mkdir()
    if program is not None:
        mongod.write_text(program)
        mongod.chmod(0o755)
    monkeypatch.setenv("PATH", str(mongod.parent))
    return mongod


def test_a_mongod_on_the_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user installed stands before the extra."""
    mine = on_path(tmp_path, monkeypatch, "#!/bin/sh\n")
    assert find_mongod() == str(mine)


def test_without_any_mongod_the_ways_out_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on PATH nor installed: an own server, a mongod, the extra."""
    on_path(folder.parent, monkeypatch, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(StorageError, match=r"no mongod for \w+ \w+ was found: .*MONGO_URI.*PATH.*\[embedded\]"):
        embedded(folder).__enter__()


@pytest.mark.parametrize("blocked", ["data", "data/db"])
def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path, blocked: str) -> None:
    """A file stands where a folder should be: the sentence says which setting to change."""
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).write_text("")
    with pytest.raises(StorageError, match=r"the data folder \S+/data cannot be written .*PAPERHARVEST_DATA_DIR"):
        embedded(tmp_path / "data").__enter__()
