"""The private mongod: one for a folder, whoever starts it, gone with the last who uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from storage import connect
from storage.embedded import LISTENING, TOLD_TO_END, _alive, embedded, find_mongod
from storage.errors import StorageError
from tests.lab import gone, pid_of, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 60.0  # seconds for a process to say or do something
GONE_WITHIN = 2.0  # seconds
USER = """
import sys
from pathlib import Path
from storage.embedded import TOLD_TO_END, embedded
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


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty place for a data folder; a mongod that is left behind is killed."""
    data_dir = tmp_path / "data"
    yield data_dir
    pid = pid_of(data_dir)
    if pid and pid != os.getpid() and not gone(pid):
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
        until(lambda: gone(pid))
    with embedded(folder) as uri, client(uri) as mongod:
        assert [one["_id"] for one in mongod["kept"]["papers"].find()] == ["arxiv:2503.00010"]
        pid = pid_of(folder)
    until(lambda: gone(pid), GONE_WITHIN)


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
        until(lambda: gone(pid), GONE_WITHIN)


def test_what_a_killed_user_left_behind_goes_with_the_next(folder: Path) -> None:
    """SIGKILL leaves the mongod alone; the next command joins it and, being the last, stops it."""
    with users(folder, 1) as (killed,):
        uri, pid = killed.uri(), pid_of(folder)
    assert not gone(pid)
    with embedded(folder) as joined:
        assert joined == uri
    until(lambda: gone(pid), GONE_WITHIN)


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


def test_a_lock_that_a_dead_process_left_is_none(folder: Path) -> None:
    """Neither the pid of a process that ended nor that of an unrelated one keeps the server from starting."""
    with subprocess.Popen(["/bin/sleep", "600"]) as unrelated:
        try:
            for pid in (2**22 + 1, unrelated.pid):
                (folder / "db").mkdir(parents=True, exist_ok=True)
                (folder / "db" / "mongod.lock").write_text(f"{pid}\n")
                with embedded(folder) as uri, client(uri) as mongod:
                    assert mongod.admin.command("ping")["ok"]
                assert pid_of(folder) == 0
            assert unrelated.poll() is None
        finally:
            unrelated.kill()


def test_one_that_is_ending_is_waited_for(folder: Path) -> None:
    """Its command was killed between telling it to end and its end: the next one starts it anew."""
    with users(folder, 1) as (killed,):
        killed.uri()
        pid, log = pid_of(folder), folder / "mongod.log"
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGTERM)
    with users(folder, 1) as (following,):
        try:
            until(lambda: "DBPathInUse" in log.read_text())
        finally:
            os.kill(pid, signal.SIGCONT)
        with client(following.uri()) as mongod:
            assert mongod.admin.command("ping")["ok"]
        until(lambda: gone(pid), GONE_WITHIN)
        following.leave()


def test_one_that_is_told_to_end_is_not_joined(folder: Path) -> None:
    """However soon the next command comes, it is given a server that stays."""
    for _ in range(2):
        with users(folder, 1) as (killed,):
            killed.uri()
        os.kill(pid_of(folder), signal.SIGTERM)
        until(lambda: b'"id":%d,' % TOLD_TO_END in (folder / "mongod.log").read_bytes())  # before, nobody can know
        with embedded(folder) as uri, client(uri) as mongod:
            assert mongod.admin.command("ping")["ok"]


def test_one_that_just_starts_is_joined(folder: Path) -> None:
    """Its command was killed before it was ready: the next one waits for it, and stops it in the end."""
    with users(folder, 1):
        until(lambda: pid_of(folder))
    pid = pid_of(folder)
    with embedded(folder) as uri, client(uri) as mongod:
        assert mongod.admin.command("ping")["ok"]
        pids = {pid, pid_of(folder)}
    until(lambda: all(map(gone, pids)), GONE_WITHIN)


def test_an_interrupted_start_leaves_nothing(folder: Path) -> None:
    """Ctrl-C before the server is ready ends it too."""
    with users(folder, 1) as (interrupted,):
        until(lambda: pid_of(folder))
        pid = pid_of(folder)
        interrupted.process.send_signal(signal.SIGINT)
        interrupted.process.communicate(timeout=PATIENCE)
        until(lambda: gone(pid), GONE_WITHIN)


def test_a_server_that_ends_while_it_is_used_is_told_as_such(folder: Path) -> None:
    """It is ours: nobody else can start it, and no mongo_uri is wrong. What is wrong with a server in health stays."""
    for killed, sentence in (
        (True, "the embedded mongod was ended: run the command again"),
        (False, "correct --where"),
    ):
        with pytest.raises(StorageError, match=sentence):
            fail(folder, killed=killed)


def fail(folder: Path, *, killed: bool) -> None:
    """A command that fails, with its mongod or without."""
    with embedded(folder):
        if killed:
            os.kill(pid := pid_of(folder), signal.SIGKILL)
            until(lambda: not _alive(pid))
        raise StorageError("MongoDB does not take the filter: correct --where")


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
        ("#!/bin/sh\nkill -ILL $$\n", r"this machine's CPU lacks what mongod 5 and later need \(AVX"),
        ("#!/bin/sh\necho 'no space' >&2\nexit 14\n", r"mongod ended with status 14 \(no space\): read \S+mongod\.log"),
        ("#!/nowhere/ld-linux\n", r"/mongod cannot be run \(No such file or directory\)"),
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


LOGGING = """#!/bin/sh
while [ "$1" != --logpath ]; do shift; done
echo '{}' >> "$2"
exit {}
"""
NEWER = (
    r'{"s":"F","c":"CONTROL","id":20573,"msg":"Wrong mongod version","attr":{"error":"UPGRADE PROBLEM: Found an invalid'
    r" featureCompatibilityVersion document (ERROR: Location4926900: ... Invalid feature compatibility version value"
    r' \"8.0\"; expected \"5.0\" or \"5.3\" or \"6.0\")"}}'
)
FULL = (
    '{"s":"E","c":"WT","id":22435,"msg":"WiredTiger error message","attr":{"error":28,"msg":"No space left on device"}}'
)


@pytest.mark.parametrize(
    ("line", "status", "sentence"),
    [
        (
            NEWER,
            62,
            r"/data/db was written by another version of MongoDB: put the mongod that wrote it on PATH, or set",
        ),
        (FULL, 14, r"the disk of \S+/data is full \(\d+ MB free, 200 MB needed\): free some space, or set data_dir"),
    ],
)
def test_what_only_the_log_says_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, status: int, sentence: str
) -> None:
    """Files of another version, and a disk that became full."""
    on_path(folder.parent, monkeypatch, LOGGING.format(line, status))
    monkeypatch.setenv("PATH", "/usr/bin:/bin", prepend=":")
    with pytest.raises(StorageError, match=sentence):
        embedded(folder).__enter__()


def test_files_of_a_newer_storage_engine_are_told(folder: Path) -> None:
    """The real mongod refuses them, with a permission denied as its last word."""
    with embedded(folder):
        pass
    turtle = folder / "db" / "WiredTiger.turtle"
    turtle.write_text(turtle.read_text().replace("version=(major=1,", "version=(major=2,"))
    with pytest.raises(StorageError, match="was written by another version of MongoDB"):
        embedded(folder).__enter__()


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
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    with pytest.raises(StorageError, match=r"no mongod for \w+ \w+ was found: .*PATH.*PAPERHARVEST_MONGO_URI"):
        embedded(folder).__enter__()


@pytest.mark.parametrize("blocked", ["data", "data/db", "data/start.lock/x", "data/mongod.err/x"])
def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path, blocked: str) -> None:
    """A file stands where a folder should be, or the other way round: the sentence says which setting to change."""
    (tmp_path / blocked).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / blocked).write_text("")
    with pytest.raises(StorageError, match=r"the data folder \S+/data cannot be written .*PAPERHARVEST_DATA_DIR"):
        embedded(tmp_path / "data").__enter__()
