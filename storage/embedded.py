"""The private mongod: started by the first command that needs it, stopped by the last one that leaves.

Two locks in the data folder say who is there. `users.lock` is held shared by every command for as long
as it uses the database; whoever gets it alone is the last. `start.lock` is held while somebody starts or
stops the server, so that nobody joins one that is being stopped. Locks of a killed process vanish with it.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_WITHIN = 60.0  # seconds; 0.3 is usual, a recovery after a kill takes longer
LISTENING = 23016  # id of the log line that says the port
ALREADY_RUNNING = 100  # mongod's exit status where another one has the folder
WAYS_OUT = (
    "set mongo_uri (PAPERHARVEST_MONGO_URI) to a MongoDB server of yours, put mongod on PATH,"
    " or, on Linux x86-64, install paperharvest[embedded]"
)


@contextmanager
def embedded(data_dir: Path) -> Iterator[str]:
    """The URI of this data folder's own mongod, running for at least as long as the context.

    Raises StorageError, with the way out, where no mongod can be had or it does not start.
    """
    data_dir = _own_folder(data_dir)
    with (data_dir / "users.lock").open("w") as users:
        with _starting(data_dir):
            fcntl.flock(users, fcntl.LOCK_SH)
            port = _running(data_dir) or _start(data_dir)
        try:
            yield f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=3000"
        finally:
            with _starting(data_dir):
                _leave(data_dir, users)


def _own_folder(data_dir: Path) -> Path:
    """The data folder as an absolute path, there and writable."""
    try:
        (data_dir / "db").mkdir(parents=True, exist_ok=True)
        (data_dir / "users.lock").touch()
    except OSError as error:
        raise StorageError(
            f"the data folder {data_dir} cannot be written ({error.strerror}):"
            " set data_dir (PAPERHARVEST_DATA_DIR) to a folder of yours"
        ) from None
    return data_dir.resolve()


@contextmanager
def _starting(data_dir: Path) -> Iterator[None]:
    with (data_dir / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _leave(data_dir: Path, users: IO[str]) -> None:
    """Stop the server unless somebody else uses it."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(users, fcntl.LOCK_UN)
        return
    pid = _pid(data_dir)
    if pid is not None and _running(data_dir) is not None:
        os.kill(pid, signal.SIGTERM)
        _wait_for_end(pid)


def _wait_for_end(pid: int) -> None:
    """Wait until the process is gone, so that the next command finds a free folder."""
    deadline = time.monotonic() + READY_WITHIN
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)


def _pid(data_dir: Path) -> int | None:
    """The process id that mongod itself wrote into its folder, None where no such process lives."""
    try:
        pid = int((data_dir / "db" / "mongod.lock").read_text())
    except (FileNotFoundError, ValueError):  # mongod empties the file when it ends in good order
        return None
    return pid if _alive(pid) else None


def _alive(pid: int) -> bool:
    with suppress(ChildProcessError):  # started by another command: not ours to reap
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _running(data_dir: Path) -> int | None:
    """The port of the mongod that serves this folder, None where there is none.

    A port from an old log may by now belong to somebody else: the server is asked which folder it serves.
    """
    port = _port(data_dir / "mongod.log")
    if port is None or _pid(data_dir) is None:
        return None
    with MongoClient[dict[str, object]]("127.0.0.1", port, serverSelectionTimeoutMS=2000) as client:
        try:
            parsed = client.admin.command("getCmdLineOpts")["parsed"]
        except PyMongoError:
            return None
    return port if parsed.get("storage", {}).get("dbPath") == str(data_dir / "db") else None


def _port(log: Path, skipped: int = 0) -> int | None:
    """The port of the server's latest start, in its log or in what follows that many bytes."""
    try:
        lines = log.read_bytes()[skipped:].splitlines()
    except FileNotFoundError:
        return None
    ours = [line for line in lines if b'"id":%d,' % LISTENING in line]
    return int(json.loads(ours[-1])["attr"]["port"]) if ours else None


def _start(data_dir: Path) -> int:
    """Start mongod and return its port; raises StorageError."""
    binary, log = find_mongod(), data_dir / "mongod.log"
    if _pid(data_dir) is None:  # else it may be the log of a server that only did not answer in time
        log.unlink(missing_ok=True)
    old = log.stat().st_size if log.exists() else 0
    command = [binary, "--dbpath", str(data_dir / "db"), "--logpath", str(log), "--logappend", "--port", "0"]
    command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
    # 6.0.5 lies in the range of CVE-2025-14847, a fault of message compression. No query runs JavaScript.
    command += ["--networkMessageCompressors", "disabled", "--noscripting"]
    with (data_dir / "mongod.err").open("wb+") as stderr:
        # In a session of its own: Ctrl-C at the terminal is for the command, not for its database.
        try:
            process = subprocess.Popen(  # noqa: S603 - a fixed command of ours
                command, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
            )
        except OSError as error:
            raise StorageError(f"{binary} cannot be run ({error.strerror}): {WAYS_OUT}") from None
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if (status := process.poll()) is not None:
            raise StorageError(_why_ended(status, data_dir))
        if (port := _port(log, old)) is not None:
            process.returncode = 0  # it may outlive this command: Popen must not warn that it was left alone
            return port
        time.sleep(0.02)
    process.kill()
    raise StorageError(f"mongod was not ready after {READY_WITHIN:.0f} s: read {log}, or {WAYS_OUT}")


def _why_ended(status: int, data_dir: Path) -> str:
    """One sentence for a mongod that ended at once."""
    said = (data_dir / "mongod.err").read_text(errors="replace").strip()
    if status == -signal.SIGILL:
        return f"this machine's CPU lacks AVX, which mongod 5 and later need: {WAYS_OUT}"
    if "error while loading shared libraries" in said:
        library = said.split("shared libraries: ")[-1].split(":")[0]
        return f"mongod needs {library} (Debian, Ubuntu: apt-get install libcurl4): install it, or {WAYS_OUT}"
    if status == ALREADY_RUNNING:
        return f"another mongod uses {data_dir / 'db'}: stop it, or set data_dir to another folder"
    return f"mongod ended with status {status} {said[:200]}: read {data_dir / 'mongod.log'}, or {WAYS_OUT}"


def find_mongod() -> str:
    """The path of a mongod: from PATH, else from the extra `embedded`. Raises StorageError."""
    if found := shutil.which("mongod"):
        return found
    spec = importlib.util.find_spec("fiftyone")
    for folder in spec.submodule_search_locations or [] if spec else []:
        binary = Path(folder) / "db" / "bin" / "mongod"
        if binary.is_file():
            return str(binary)
    raise StorageError(f"no mongod for {platform.system()} {platform.machine()} was found: {WAYS_OUT}")
