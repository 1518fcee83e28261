"""Digests on disk: which files a path means, and their texts."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crawler import layouts
from crawler.items import Digest, Refused
from crawler.layouts import LayoutChanged
from storage import raw
from storage.documents import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 64 * 2**20
"""Bytes of a page; what is larger is a dump."""
STDIN = "-"


def named(paths: list[str]) -> Iterator[str]:
    """The files that paths mean: themselves, all within folders (but names that begin with a dot), or stdin."""
    for path in paths:
        if path == STDIN or not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
            yield path
            continue
        found = list(map(str, _within(Path(path), set())))
        yield from found or [path]  # a folder without files is refused, not passed over


def _within(folder: Path, visited: set[Path]) -> Iterator[Path]:
    """All files below a folder; one that links lead to again is visited once. One that cannot be listed is named."""
    if (real := folder.resolve()) in visited:
        return
    visited.add(real)
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        entries = []
        yield folder
    for path in entries:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _within(path, visited)
        elif path.is_file() or path.is_symlink():  # a pipe would be waited for
            yield path


def read(name: str) -> Digest | Refused:
    """The digest in a file (a kept text of the raw store, too), or why it is refused."""
    content, shown = None, os.fsencode(name).decode(errors="backslashreplace")  # a name need not be UTF-8
    try:
        content = _content(name)
        text = _text(content)
        source, page = layouts.read(text)
    except LayoutChanged as refused:
        refusal = Refusal(name=shown, reason=refused.reason, detail=refused.detail, line=refused.line)
        return Refused(refusal=refusal, content=content)
    return Digest(source=source, digest=_identity(text), name=shown, raw=raw.digest_of(content), page=page)


def _content(name: str) -> bytes:
    try:
        content = sys.stdin.buffer.read(LARGEST + 1) if name == STDIN else _head(Path(name))
        if name.endswith(".zst"):
            content = raw.unpack(content, LARGEST)
    except IsADirectoryError:
        raise LayoutChanged("unreadable", "a directory without files that can be read: names with a dot?") from None
    except OSError as error:
        raise LayoutChanged("unreadable", f"{error.strerror}: check the path and its rights") from None
    except ValueError as error:
        raise LayoutChanged("compressed_broken", str(error)) from None
    if len(content) > LARGEST:
        raise LayoutChanged("too_large", f"more than {LARGEST >> 20} MiB: a page is smaller")
    return content


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


def _text(content: bytes) -> str:
    """The text of a page: UTF-8, with or without a byte order mark, its lines ended by line feeds."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LayoutChanged("encoding", f"byte {error.start} is not UTF-8: convert the file", line) from None
    if (at := text.find("\0")) >= 0:
        raise LayoutChanged("encoding", "a NUL byte: this is not a text", text.count("\n", 0, at) + 1)
    return text.replace("\r\n", "\n")


def _identity(text: str) -> str:
    """The digest's id: a hash of its content, so that its name does not matter."""
    return f"text:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
