"""Texts as they were found: kept once, unpacked whole or not at all."""

from __future__ import annotations

import gzip
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import raw
from storage.errors import StorageError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIB = 2**20
PACKED = zstd.compress(b"How Ice Grows. " * 1000)


@given(st.binary(max_size=2000))
def test_what_is_packed_comes_back(content: bytes) -> None:
    """Every byte, up to exactly the limit."""
    assert raw.unpack(zstd.compress(content), limit=len(content)) == content


def test_a_text_is_kept_once_under_its_hash(tmp_path: Path) -> None:
    """A second time nothing is written; no unfinished file stays behind."""
    path = raw.keep(tmp_path, b"Dear diary")
    written = path.stat().st_mtime_ns
    assert raw.keep(tmp_path, b"Dear diary") == path
    assert path.name == f"{raw.digest_of(b'Dear diary')}.zst"
    assert path.stat().st_mtime_ns == written
    assert [one.name for one in (tmp_path / "raw").iterdir()] == [path.name]
    assert raw.unpack(path.read_bytes(), MIB) == b"Dear diary"


def test_many_can_keep_one_text_at_once(tmp_path: Path) -> None:
    """Each writes a file of its own: nobody renames another's away, or one that is half written."""
    content = os.urandom(MIB)
    with ThreadPoolExecutor(8) as pool:
        [path] = set(pool.map(lambda _: raw.keep(tmp_path, content), range(8)))
    assert raw.unpack(path.read_bytes(), MIB) == content


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (zstd.compress(bytes(100 * MIB)), r"more than 1048576 bytes unpacked"),
        (PACKED[: len(PACKED) // 2], r"cut short"),
        (PACKED[:-1], r"cut short"),
        (PACKED[:30] + bytes(10) + PACKED[40:], r"."),
        (PACKED + PACKED, r"more follows"),
    ],
    ids=["bomb", "half", "one byte less", "damaged", "two texts"],
)
def test_what_is_not_one_whole_text_is_refused(packed: bytes, reason: str) -> None:
    """Larger than allowed, damaged, cut short or followed by more: never a part of it."""
    with pytest.raises(ValueError, match=reason):
        raw.unpack(packed, limit=MIB)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_the_beginning_of_what_is_packed(pack: Callable[[bytes], bytes]) -> None:
    """Of a file that is cut short, too; never more than was asked for, and nothing of damaged ones."""
    text = os.urandom(2 * MIB)
    assert raw.beginning(pack(text), 1000) == text[:1000]
    assert text.startswith(raw.beginning(pack(text)[:MIB], MIB)[:1000] or b"-")
    assert len(raw.beginning(pack(bytes(10 * MIB)), 1000)) == 1000
    assert raw.beginning(b"", 1000) == b""


@pytest.mark.parametrize("start", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_what_is_damaged_has_no_beginning(start: bytes) -> None:
    """It only looks like something packed."""
    assert raw.beginning(start + b"Dear diary", MIB) == b""


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The sentence names the folder and the setting."""
    (tmp_path / "raw").write_text("in the way")
    with pytest.raises(StorageError, match=r"raw cannot be written \(File exists\): free space, or set data_dir"):
        raw.keep(tmp_path, b"Dear diary")
