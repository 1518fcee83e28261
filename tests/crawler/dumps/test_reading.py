"""Files of dumps: streamed whole or up to the damage, whatever they are packed with."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import sys
import tracemalloc
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.dumps import BEGINNING, Form, reading
from crawler.dumps._row import LARGEST
from crawler.layouts import LayoutChanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKS = [bytes, gzip.compress, zstd.compress]
RECORDS = [
    {"id": number, "title": "Eis é \u2028 \U0001f9ca" * (number % 7), "of": [{"a": "}]"}]} for number in range(3000)
]
LINES = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in RECORDS).encode()
ARRAY = json.dumps(RECORDS, ensure_ascii=False, indent=1).encode()


def until_damage(content: bytes, form: Form) -> tuple[list[bytes], str | None]:
    """The rows' bytes, and the reason why there are no more."""
    found: list[bytes] = []
    try:
        for _, _, row in reading.rows(io.BytesIO(content), form):
            found.append(row)
    except LayoutChanged as refused:
        return found, refused.reason
    return found, None


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize(("content", "form"), [(LINES, "lines"), (LINES[:-1], "lines"), (ARRAY, "array")])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_all_rows_in_order(pack: Callable[[bytes], bytes], content: bytes, form: Form, mark: bytes) -> None:
    """Plain and packed alike: every row, its number and the place where it stands in the unpacked file."""
    rows = list(reading.rows(io.BytesIO(pack(mark + content)), form))
    assert [json.loads(row.decode("utf-8-sig")) for _, _, row in rows] == RECORDS
    assert [position for position, _, _ in rows] == list(range(1, len(RECORDS) + 1))
    assert all((mark + content)[offset : offset + len(row)] == row for _, offset, row in rows)


def test_blank_lines_are_counted() -> None:
    """A line's number is the one that an editor shows, with line ends of any system."""
    rows = list(reading.rows(io.BytesIO(b"\n{}\r\n \t\r\n\n{}"), "lines"))
    assert [(position, offset, row.strip()) for position, offset, row in rows] == [(2, 1, b"{}"), (5, 10, b"{}")]


def test_several_streams_in_one_file_are_one() -> None:
    """Files packed in pieces, as parallel packers write them, are read through."""
    half = LINES.index(b"\n", len(LINES) // 2) + 1
    for pack in (gzip.compress, zstd.compress):
        content = pack(LINES[:half]) + pack(LINES[half:])
        assert until_damage(content, "lines") == (LINES.split(b"\n")[:-1], None)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PACKS[1:]), st.sampled_from([(LINES, "lines"), (ARRAY, "array")]), st.data())
def test_packed_files_that_are_cut(pack: Any, kind: tuple[bytes, Form], data: st.DataObject) -> None:
    """Rows before the cut come out whole, then the damage is told; no row is made of half a row."""
    content, form = kind
    packed = pack(content)
    cut = packed[: data.draw(st.integers(4, len(packed) - 1))]
    rows, reason = until_damage(cut, form)
    assert reason == "compressed_broken"
    assert [json.loads(row) for row in rows] == RECORDS[: len(rows)]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PACKS[1:]), st.integers(0, 10**9), st.integers(1, 255))
def test_packed_files_that_are_damaged(pack: Any, place: int, change: int) -> None:
    """One byte changed: told at the latest at the end, by the check sum that the packer wrote."""
    packed = bytearray(pack(LINES) if pack is gzip.compress else CHECKED)
    packed[4 + place % (len(packed) - 4)] ^= change
    rows, reason = until_damage(bytes(packed), "lines")
    assert reason == "compressed_broken" or rows == LINES.split(b"\n")[:-1]


CHECKED = zstd.compress(LINES, options={zstd.CompressionParameter.checksum_flag: 1})


@settings(deadline=None)
@given(st.integers(0, len(ARRAY) - 1))
def test_arrays_that_are_cut(end: int) -> None:
    """Wherever an array ends too soon: its entries before, then the refusal."""
    rows, reason = until_damage(ARRAY[:end], "array")
    assert reason == "wrong_format"
    assert [json.loads(row) for row in rows] == RECORDS[: len(rows)]
    assert len(rows) == ARRAY[:end].count(b"\n }")


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_chunks_may_end_anywhere(sizes: list[int]) -> None:
    """What arrives in pieces, cut within characters, escapes, numbers and gaps, is read as it is whole."""
    text = ' \n[{"a": "é\\u00e9\\"]}\\\\", "b": [1.5e3, -0, true]}\t,\r\n{}, 12345,null,[ [] ] ,{"\ud83e\uddca":{}}] \n'
    content = text.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    pieces: list[bytes] = []
    at = 0
    while at < len(content):
        pieces.append(content[at : at + sizes[len(pieces) % len(sizes)]])
        at += len(pieces[-1])
    rows = list(reading._elements(pieces))
    assert [json.loads(row) for _, _, row in rows] == json.loads(content)
    assert all(content[offset : offset + len(row)] == row for _, offset, row in rows)
    lines = list(reading._lines(pieces))
    assert [(offset, row) for _, offset, row in lines] == [
        (content.index(line), line) for line in content.split(b"\n") if line.strip()
    ]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"", 0),
        (b"<html>", 0),
        (b"[", 0),
        (b"[]", None),
        (b" [ ] ", None),
        (b"[] []", 0),
        (b"[]]", 0),
        (b"[,]", 0),
        (b"[{},]", 1),
        (b"[{} {}]", 1),
        (b"[{},,{}]", 1),
        (b"[[{}]", 0),
        (b"[{}}", 1),
        (b'[{},{"a" 1},{}]', 1),
        (b"[{},{'a':1}" + b" " * 100 + b"]", 1),
        (b"[{}" + b",{}" * 10 + b"," + b"[" * 10**6, 11),
    ],
    ids=lambda value: str(value)[:20],
)
def test_arrays_that_are_none(content: bytes, rows: int | None) -> None:
    """A fault of the array itself ends the file, after the entries before it; an empty array is one."""
    found, reason = until_damage(content, "array")
    assert (len(found), reason) == ((rows, "wrong_format") if rows is not None else (0, None))


def test_entries_of_an_array_are_refused_one_by_one() -> None:
    """What is only no paper, or not UTF-8, or not quite JSON, is handed on as it stands."""
    entries = [b'{"a": "\xff"}', b"17", b'{"a": NaN}', b'{"a": "\t"}', b'{"a": 1' + b"0" * 5000 + b"}"]
    assert until_damage(b"[" + b",".join(entries) + b"]", "array") == (entries, None)


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize(
    ("content", "form", "told"),
    [
        (b'[{"paper_url": 1, "repo_url": 2}]', "lines", "one JSON array: name --layout pwc-links"),
        (b'[{"something": 1}]', "lines", "one JSON array: convert it to JSON lines"),
        (b'\xef\xbb\xbf {"id": 1, "title": 2}\n', "array", "JSON lines: name --layout jsonl"),
        (b"PAR1\x15\x04", "lines", "Parquet: convert it to JSON lines"),
        (b"PAR1\x15\x04", "array", "Parquet: convert it to one JSON array"),
        (b"PK\x03\x04\x14", "lines", "a ZIP archive: unpack it"),
    ],
    ids=str,
)
def test_files_of_another_form(pack: Any, content: bytes, form: Form, told: str) -> None:
    """Told at once, with the layout that reads it or the way to a file that can be read."""
    with pytest.raises(LayoutChanged) as refused:
        reading.rows(io.BytesIO(pack(content)), form)
    assert refused.value.reason == "wrong_format"
    assert told in refused.value.detail


class Joined(io.RawIOBase):
    """A file that repeats its middle, without anybody holding it."""

    def __init__(self, first: bytes, middle: bytes, times: int, last: bytes) -> None:
        self.parts = partial(chain, [first], [middle] * times, [last])
        self.seek(0)

    def readable(self) -> bool:
        """It is only read."""
        return True

    def seekable(self) -> bool:
        """To its beginning."""
        return True

    def seek(self, _offset: int, _whence: int = 0, /) -> int:
        """Begin again."""
        self.left, self.rest = self.parts(), b""
        return 0

    def readinto(self, buffer: Any, /) -> int:
        """The next bytes."""
        while not self.rest and (part := next(self.left, None)) is not None:
            self.rest = part
        given, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def peak(content: io.BufferedIOBase, form: Form) -> tuple[int, int]:
    """How many rows a file has, and the most memory that reading it took, in bytes."""
    tracemalloc.start()
    try:
        count = sum(1 for _ in reading.rows(content, form))
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("piece", "form"), [(LINES, "lines"), (b"," + ARRAY[1:-1], "array")])
def test_memory_does_not_grow_with_the_file(piece: bytes, form: Form) -> None:
    """Six times the rows take the same memory."""
    measured = []
    for times in (5, 30):
        start = b"" if form == "lines" else b'[{"first": 1}'
        stream = Joined(start, piece, times, b"" if form == "lines" else b"]")
        count, most = peak(io.BufferedReader(stream), form)
        assert count == times * len(RECORDS) + (form == "array")
        measured.append(most)
    assert measured[1] < 1.1 * measured[0]
    assert measured[1] < 8 * 2**20


@pytest.mark.parametrize("byte", [b"0", b" "])
@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_bomb_takes_bounded_memory(byte: bytes, pack: Any) -> None:
    """128 MiB of one character, packed into a few KiB, are never held at once."""
    packed = pack(byte * 2**27)
    count, most = peak(io.BytesIO(packed), "lines")
    assert count == (byte == b"0")
    assert most < 3.5 * 2**25


def test_an_endless_entry_is_too_large() -> None:
    """An array whose entry does not end is given up."""
    packed = gzip.compress(b'[{},{"a":"' + b"0" * 2**28)
    assert until_damage(packed, "array") == ([b"{}"], "too_large")


def test_a_line_that_is_too_long_is_one_row(tmp_path: Path) -> None:
    """The lines after it are read, with their numbers and places."""
    path = tmp_path / "long.jsonl"
    path.write_bytes(b"{}\n" + b"0" * (LARGEST + 2**20) + b"\n{}\n")
    with path.open("rb") as file:
        first, (second, offset, cut), last = reading.rows(file, "lines")
        assert file.tell() == path.stat().st_size
    assert (first, second, offset) == ((1, 0, b"{}"), 2, 3)
    assert LARGEST < len(cut) <= LARGEST + reading.CHUNK
    assert last == (3, path.stat().st_size - 3, b"{}")


@pytest.mark.parametrize("pack", PACKS)
def test_progress_is_told_by_the_file(pack: Any, tmp_path: Path) -> None:
    """The place in the file on disk grows while rows come, up to its size."""
    path = tmp_path / "dump"
    path.write_bytes(pack(random_lines()))
    with path.open("rb") as file:
        places = [file.tell() for _ in reading.rows(file, "lines")]
    assert places == sorted(places)
    assert 0 < places[0] < places[-1] == path.stat().st_size


def random_lines() -> bytes:
    """Lines that cannot be packed well."""
    noise = random.Random(1)  # noqa: S311 - the same each time
    return b"".join(noise.randbytes(500).hex().encode() + b"\n" for _ in range(5000))


def test_a_dump_is_known_by_its_beginning_and_size() -> None:
    """The first MiB and the size on disk decide, and the layout stands before them."""
    head = bytes(BEGINNING)
    same = reading.digest_id("jsonl", head, 2 * BEGINNING)
    assert same == reading.digest_id("jsonl", head + b"more", 2 * BEGINNING)
    assert re.fullmatch("jsonl:[0-9a-f]{16}", same)
    others = [("jsonl", head, BEGINNING), ("jsonl", head[1:] + b"1", 2 * BEGINNING), ("pwc-links", head, 2 * BEGINNING)]
    assert len({same, *(reading.digest_id(*other) for other in others)}) == 4
