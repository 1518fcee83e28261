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

from storage import mongod
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_WITHIN = 60.0  # seconds; 0.3 is usual, a recovery after a kill takes longer
SETTLED_WITHIN = 3.0  # seconds for another mongod on the folder to answer, or to be gone
LISTENING = 23016  # id of the log line that says the port
TOLD_TO_END = 23377  # id of the log line that says which signal came


@contextmanager
def embedded(data_dir: Path) -> Iterator[str]:
    """The URI of this data folder's own mongod, running for at least as long as the context.

    Raises StorageError, with the way out, where no mongod can be had or it does not start.
    """
    data_dir = _own_folder(data_dir)
    with (data_dir / "users.lock").open("w") as users:
        with _starting(data_dir):
            fcntl.flock(users, fcntl.LOCK_SH)
            port = _join(data_dir)
        try:
            yield f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=3000"
        except StorageError:
            if sentence := _why_gone(data_dir):
                raise StorageError(sentence) from None
            raise
        finally:
            with _starting(data_dir):
                _leave(data_dir, users)


def _own_folder(data_dir: Path) -> Path:
    """The data folder as an absolute path, there, writable and able to be locked."""
    try:
        (data_dir / "db").mkdir(parents=True, exist_ok=True)
        for name in ("start.lock", "users.lock", "mongod.err"):
            with (data_dir / name).open("a") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
    except OSError as error:
        raise StorageError(mongod.unwritable(data_dir, error.strerror)) from None
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
        deadline = time.monotonic() + READY_WITHIN
        while _pid(data_dir) is not None and time.monotonic() < deadline:  # the next command finds a free folder
            time.sleep(0.02)


def _pid(data_dir: Path) -> int | None:
    """The process id that mongod itself wrote into its folder, None where no such process lives."""
    try:
        pid = int((data_dir / "db" / "mongod.lock").read_text())
    except (OSError, ValueError):  # mongod empties the file when it ends in good order
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
    return not _unreaped(pid)


def _unreaped(pid: int) -> bool:
    """Whether a process has ended, and whoever inherited it leaves it: the first process of a container often does."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


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
    """The port of the server's latest start, in its log or in what follows that many bytes; None where it is ending."""
    last = None
    for line in _read(log)[skipped:].splitlines():
        if b'"id":%d,' % LISTENING in line:
            last = int(json.loads(line)["attr"]["port"])
        elif b'"id":%d,' % TOLD_TO_END in line:
            last = None
    return last


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _join(data_dir: Path) -> int:
    """The port of the folder's mongod: of the running one, else of a new one. Raises StorageError.

    One that is just starting or ending, because its command was killed, is waited for.
    """
    begun = time.monotonic()
    while (port := _running(data_dir)) is None:
        try:
            return _start(data_dir)
        except _FolderInUse:
            if time.monotonic() - begun > (READY_WITHIN if _is_changing(data_dir) else SETTLED_WITHIN):
                raise
        time.sleep(0.1)
    return port


def _is_changing(data_dir: Path) -> bool:
    """Whether the folder's mongod is one that we started and that is not ready yet, or ending."""
    pid, log = _pid(data_dir), data_dir / "mongod.log"
    return pid is not None and _port(log) is None and b'"pid":%d,' % pid in _read(log)


class _FolderInUse(StorageError):
    """Another mongod has the folder."""


def _start(data_dir: Path) -> int:
    """Start mongod and return its port; raises StorageError."""
    binary, log = find_mongod(), data_dir / "mongod.log"
    if (free := shutil.disk_usage(data_dir).free) < mongod.NEEDED:
        raise StorageError(mongod.full(data_dir, free))
    if _pid(data_dir) is None:  # else it may be the log of a server that only did not answer in time
        log.unlink(missing_ok=True)
    old = len(_read(log))
    command = [binary, "--dbpath", str(data_dir / "db"), "--logpath", str(log), "--logappend", "--port", "0"]
    command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
    # An empty database takes 50 MB instead of 300: a journal file, and two more that are made ahead.
    command += ["--wiredTigerEngineConfigString", "log=(file_max=16MB)"]
    # 6.0.5 lies in the range of CVE-2025-14847, a fault of message compression. No query runs JavaScript.
    command += ["--networkMessageCompressors", "disabled", "--noscripting"]
    with (data_dir / "mongod.err").open("wb+") as stderr:
        # In a session of its own: Ctrl-C at the terminal is for the command, not for its database.
        try:
            process = subprocess.Popen(  # noqa: S603 - a fixed command of ours
                command, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
            )
        except OSError as error:
            raise StorageError(f"{binary} cannot be run ({error.strerror}): {_ways_out()}") from None
    try:
        return _ready(process, data_dir, old)
    finally:
        if process.poll() is None:  # not ready in time, or interrupted: nobody else would end it
            process.kill()
            process.wait()


def _ready(process: subprocess.Popen[bytes], data_dir: Path, old: int) -> int:
    """Wait for the port, in the log after that many bytes; raises StorageError."""
    log = data_dir / "mongod.log"
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if (status := process.poll()) is not None:
            said = _read(log)[old:].decode(errors="replace")
            stderr = _read(data_dir / "mongod.err").decode(errors="replace")
            error = _FolderInUse if mongod.IN_USE in said else StorageError
            raise error(mongod.why_ended(status, stderr, said, data_dir, shutil.disk_usage(data_dir).free))
        if (port := _port(log, old)) is not None:
            process.returncode = 0  # it may outlive this command: Popen must not warn that it was left alone
            return port
        time.sleep(0.02)
    raise StorageError(f"mongod was not ready after {READY_WITHIN:.0f} s: read {log}, or {mongod.OWN_SERVER}")


def _why_gone(data_dir: Path) -> str | None:
    log, free = _read(data_dir / "mongod.log").decode(errors="replace"), shutil.disk_usage(data_dir).free
    return mongod.why_gone(log, data_dir, free, alive=_pid(data_dir) is not None)


def _ways_out() -> str:
    return mongod.ways_out(platform.system(), platform.machine())


def find_mongod() -> str:
    """The path of a mongod: from PATH, else from the extra `embedded`. Raises StorageError."""
    if found := shutil.which("mongod"):
        return found
    spec = importlib.util.find_spec("fiftyone")
    for folder in spec.submodule_search_locations or [] if spec else []:
        binary = Path(folder) / "db" / "bin" / "mongod"
        if binary.is_file():
            return str(binary)
    raise StorageError(f"no mongod for {platform.system()} {platform.machine()} was found: {_ways_out()}")
