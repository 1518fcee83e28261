"""Files of dumps to rows, streamed: memory does not grow with the file, nor with what it unpacks to.

How far reading has come is `file.tell()` of the file that was handed over, in bytes as they are on disk.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from functools import partial
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias, cast

from isal import igzip_lib

from crawler.dumps import BEGINNING, Form, layout_of
from crawler.dumps._row import LARGEST
from crawler.layouts import LayoutChanged
from storage import raw

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedIOBase

CHUNK = 2**17  # bytes
NO_ROWS = {b"PAR1": "Parquet: convert it", b"PK\x03\x04": "a ZIP archive: unpack it"}
FORMS: dict[Form, str] = {"lines": "JSON lines", "array": "one JSON array"}
STARTS = {b"[": "array", b"{": "lines"}
_DECODER = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)  # only where a value ends counts here
_GAP = re.compile(r"[ \t\r\n\ufeff]*(?P<before>[\[,]?)[ \t\r\n]*(?P<closes>\]?)[ \t\r\n]*")
ESCAPE = 16
"""Characters: an error so near to the end may be an escape or a word that is cut."""


Row: TypeAlias = tuple[int, int, bytes]
"""The number of its line, or its index in the array, from 1; the offset of its first byte in the unpacked file; and its
bytes as they stand there, of a line that is longer than LARGEST only the beginning."""


def digest_id(layout: str, head: bytes, size: int) -> str:
    """A dump's identity: its layout, and the hash of its first MiB (BEGINNING) and its size, as they are on disk."""
    return f"{layout}:{sha256(b'%d ' % size + head[:BEGINNING]).hexdigest()[:16]}"


def rows(file: BufferedIOBase, form: Form) -> Iterator[Row]:
    """The rows of a file that is open at its beginning and can seek: plain, gzip or zstd.

    Raises LayoutChanged: at once for a file of another form, else where the file is damaged, after the rows before.
    """
    head = file.read(BEGINNING)
    file.seek(0)
    start = raw.beginning(head, CHUNK)
    for magic, what in NO_ROWS.items():
        if start.startswith(magic):
            raise LayoutChanged("wrong_format", f"{what} to {FORMS[form]}")
    found = STARTS.get(start.removeprefix(codecs.BOM_UTF8).lstrip()[:1], form)
    if found != form:
        layout = layout_of(head)
        name = f"name --layout {layout}" if layout else f"convert it to {FORMS[form]}"
        raise LayoutChanged("wrong_format", f"{FORMS[cast('Form', found)]}: {name}")
    return (_lines if form == "lines" else _elements)(_chunks(file, head))


def _chunks(file: BufferedIOBase, head: bytes) -> Iterator[bytes]:
    """The unpacked file. What is damaged is told after all that came out before."""
    try:
        if head.startswith(b"\x1f\x8b"):
            yield from _unpacked(file, partial(igzip_lib.IgzipDecompressor, flag=igzip_lib.DECOMP_GZIP))
        elif head.startswith(b"\x28\xb5\x2f\xfd"):
            yield from _unpacked(file, zstd.ZstdDecompressor)
        else:
            yield from iter(partial(file.read, CHUNK), b"")
    except (EOFError, igzip_lib.IsalError, zstd.ZstdError) as error:  # type: ignore[misc]  # isal's
        raise LayoutChanged("compressed_broken", f"{error}: fetch or pack it again") from None


def _unpacked(
    file: BufferedIOBase, new: Callable[[], igzip_lib.IgzipDecompressor | zstd.ZstdDecompressor]
) -> Iterator[bytes]:
    """A file of one packed stream or several. File objects would keep back what stands right before a cut."""
    packed = file.read(CHUNK)
    while packed:
        unpacker = new()
        while not unpacker.eof:
            if unpacker.needs_input and not (packed := packed or file.read(CHUNK)):
                raise EOFError("cut short")
            if chunk := unpacker.decompress(packed, CHUNK):
                yield chunk
            packed = b""
        packed = unpacker.unused_data or file.read(CHUNK)


def _lines(chunks: Iterable[bytes]) -> Iterator[Row]:
    """The lines that are not blank."""
    position, offset, cut = 1, 0, 0
    begun: list[bytes] = []
    room = LARGEST + 1
    for chunk in chain(chunks, [b"\n"]):  # the last line need not be ended
        lines = chunk.split(b"\n")
        if len(lines) == 1:
            if kept := chunk[:room]:
                begun.append(kept)
            room, cut = room - len(kept), cut + len(chunk) - len(kept)
            continue
        lines[0] = b"".join([*begun, lines[0]])
        begun = [lines.pop()]
        room = LARGEST + 1 - len(begun[0])
        for line in lines:
            if line and not line.isspace():
                yield position, offset, line
            position += 1
            offset += len(line) + cut + 1
            cut = 0


def _elements(chunks: Iterable[bytes]) -> Iterator[Row]:
    """The elements of an array."""
    # What is not UTF-8 passes as it is, so that only its row is refused.
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    buffer, offset, position, need, closed = "", 0, 0, 0, False
    for chunk in chain(chunks, [b""]):
        buffer += decode(chunk, not chunk)
        if chunk and len(buffer) < need:
            continue
        at = 0
        while (gap := cast("re.Match[str]", _GAP.match(buffer, at))) and not closed:
            end = _element(buffer, gap, offset, position)
            if end is None:
                break
            closed = end == gap.end()
            offset += len(gap[0].encode())
            if not closed:
                position += 1
                row = buffer[gap.end() : end].encode(errors="surrogateescape")
                yield position, offset, row
                offset += len(row)
            at = end
        if closed and buffer[at:].strip(" \t\r\n"):
            raise _broken("more follows the array", offset, position)
        buffer = buffer[at:]
        if len(buffer) > 2 * LARGEST:  # see `need`
            raise LayoutChanged("too_large", f"more than {LARGEST >> 20} MiB in one entry after byte {offset}: mend it")
        need = 2 * len(buffer)  # an entry of many chunks is not tried again at each of them
    if not closed:
        raise _broken("cut short", offset, position)


def _element(buffer: str, gap: re.Match[str], offset: int, position: int) -> int | None:
    """Where the element after a gap ends, or the gap itself that closes the array; None where more is needed."""
    start = gap.end()
    before = "," if position else "["
    if gap["closes"] and gap["before"] == before.strip(","):
        return start
    if start == len(buffer) and not gap["closes"]:
        return None
    if gap["closes"] or gap["before"] != before:
        raise _broken(f"no {before!r}", offset, position)
    try:
        end = _DECODER.raw_decode(buffer, start)[1]
    except json.JSONDecodeError as error:
        if len(buffer) - error.pos > ESCAPE and not error.msg.startswith("Unterminated"):
            raise _broken(error.msg, offset, position) from None
        return None
    except RecursionError:
        raise _broken("nested too deep", offset, position) from None
    return end if end < len(buffer) or buffer[end - 1] == "}" else None  # a number may go on


def _broken(what: str, offset: int, position: int) -> LayoutChanged:
    return LayoutChanged("wrong_format", f"{what} after entry {position}, byte {offset}: fetch or mend the file")
