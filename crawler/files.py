"""Digests on disk: which files a path means, and their texts."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import stat
import sys
import tempfile
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from crawler import dumps, layouts
from crawler.dumps.reading import digest_id
from crawler.items import Digest, Refused
from crawler.layouts import LayoutChanged
from storage import raw
from storage.documents import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

LARGEST = 64 * 2**20
"""Bytes of a page; what is larger is a dump."""
STDIN = "-"
KINDS = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\xd0\xcf\x11\xe0": "an office document",
    b"PAR1": "Parquet",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    raw.GZIP: "packed twice",
    raw.ZSTD: "packed twice",
}
"""What files are that do not begin like a text."""


def named(paths: list[str]) -> tuple[list[str], int]:
    """The files that paths mean, each once: themselves, all within folders, or stdin.

    Names within folders that begin with a dot are not meant; the second value is how many there are.
    """
    found: dict[object, str] = {}
    dotted: set[object] = set()
    for path in paths:
        within = [] if path == STDIN else list(_within(path, dotted))
        for name in within or [path]:  # a folder without files is refused, not passed over
            found.setdefault(_identity(name), name)
    return list(found.values()), len(dotted)


def _within(path: str, dotted: set[object]) -> Iterator[str]:
    """All files at or below a path; a folder that links lead to again is visited once, one without rights named."""
    waiting, visited = [path], set[object]()
    while waiting:  # no recursion: folders may be nested deeper than Python's calls
        name = waiting.pop()
        if (folder := _identity(name)) not in visited:
            visited.add(folder)
            try:
                entries = sorted(os.listdir(name), reverse=True)  # noqa: PTH208 - a name need not be a path's
            except OSError:  # a file, or a folder without rights
                yield name
                continue
            dotted.update((folder, entry) for entry in entries if entry.startswith("."))
            # Path would make "-", which is stdin, of a file "./-"
            waiting += [os.path.join(name, entry) for entry in entries if not entry.startswith(".")]  # noqa: PTH118


def _identity(name: str) -> object:
    """What is equal for all names of one file or folder; a broken link is itself."""
    with suppress(OSError):
        if name != STDIN:
            there = Path(name).stat(follow_symlinks=os.path.exists(name))  # noqa: PTH110 - Path.exists raises
            return there.st_dev, there.st_ino
    return name


def read(name: str, *, waits: bool = True, page_year: int | None = None) -> Digest | Refused:
    """The digest in a file (a kept text of the raw store, too), or why it is refused.

    waits: whether a pipe is waited for. Nobody waits for one that a folder happens to hold. page_year: of text
    copies whose date does not show it.
    """
    content, size = None, 0
    replay: str | None = command("digest", name)
    digest: str | None = None
    try:
        content, size = _content(name, waits=waits)
        if layout := dumps.layout_of(content):
            digest = digest_id(layout.replace("-", "_"), content, size)  # reading the dump settles this refusal
            replay = f"{command('dump', name)} --layout {layout}"
            raise LayoutChanged("dump", f"not a page: {replay}")  # noqa: TRY301 - with this replay
        if size > LARGEST:
            raise LayoutChanged("too_large", f"more than {LARGEST >> 20} MiB: split it into its pages")  # noqa: TRY301
        content, replay = _as_found(name, content), None  # from here on, what is kept can be read again
        text = _text(content)
        source, page = layouts.read(text, page_year)
    except LayoutChanged as refused:
        if refused.reason == "not_a_file" or not name:  # a command that may wait forever, or reads all, helps nobody
            replay = None
        fields = {"name": shown(name), "path": absolute(name), "digest": digest, "replay": replay, **vars(refused)}
        if content is not None and (size > LARGEST or refused.reason == "dump"):
            # of a pipe that is too large nobody knows how much more there is
            fields["size"] = None if size == len(content) > LARGEST else size
            fields["head"], content = raw.digest_of(content[: dumps.BEGINNING]), None
        return Refused(refusal=Refusal.model_validate(fields), content=content)
    return Digest(
        source=source,
        digest=page.digest or _hashed(text),
        name=shown(name),
        path=absolute(name),
        raw=raw.digest_of(content),
        page=page,
    )


@contextmanager
def opened(name: str, *, waits: bool = True) -> Iterator[BufferedReader]:
    """The file, or stdin. Raises LayoutChanged where it cannot be read; waits: as of `read`."""
    try:
        if name != STDIN:
            mode = Path(name).stat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (waits and stat.S_ISFIFO(mode))):
                raise LayoutChanged("not_a_file", "a pipe, a socket or a device: copy its text into a file")
        elif sys.stdin is None or sys.stdin.isatty():
            raise LayoutChanged("unreadable", "nothing is piped in: … | paperharvest crawl … -")
        with Path(name).open("rb") if name != STDIN else nullcontext(cast("BufferedReader", sys.stdin.buffer)) as file:
            yield file
    except IsADirectoryError:
        detail = "a folder without files that can be read: check its rights, and names with a dot"
        raise LayoutChanged("unreadable", detail) from None
    except OSError as error:
        raise LayoutChanged("unreadable", f"{error.strerror}: check the path and its rights") from None


@contextmanager
def seekable(file: BufferedReader) -> Iterator[BufferedReader]:
    """The same file, or a copy on disk of what can be read only once."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield cast("BufferedReader", copy)


def size_of(name: str) -> int:
    """Its bytes on disk; 0 for what has none, or is not there."""
    try:
        return 0 if name == STDIN else Path(name).stat().st_size
    except OSError:
        return 0


def _content(name: str, *, waits: bool) -> tuple[bytes, int]:
    """The bytes of a file, of one that is larger than a page only the first MiB, and how many there are."""
    with opened(name, waits=waits) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(dumps.BEGINNING if size > LARGEST else LARGEST + 1)
    return content, max(size, len(content))


def _as_found(name: str, content: bytes) -> bytes:
    """The bytes of a page; in place of a file of the raw store those that it keeps."""
    with suppress(ValueError):
        if raw.digest_of(kept := raw.unpack(content, LARGEST)) == Path(name).stem:
            return kept
    return content


def _text(content: bytes) -> str:
    """The text of a page, unpacked: UTF-8, with or without a byte order mark, its lines ended by line feeds."""
    try:
        content = raw.unpack(content, LARGEST)
    except ValueError as error:
        raise LayoutChanged("compressed_broken", f"{error}: pack it again") from None
    for start, kind in KINDS.items():
        if content.startswith(start):
            raise LayoutChanged("not_text", f"{kind}: copy the page's text into a file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LayoutChanged("encoding", f"byte {error.start} is not UTF-8: save it as UTF-8", line) from None
    if (at := text.find("\0")) >= 0:
        raise LayoutChanged("encoding", "a NUL byte: save it as UTF-8 text", text.count("\n", 0, at) + 1)
    return text.replace("\r\n", "\n")


def _hashed(text: str) -> str:
    """The digest's id: a hash of its content, so that its name does not matter."""
    return f"text:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def shown(name: str) -> str:
    """A name as it can be stored: it need not be UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace")


def absolute(name: str) -> str | None:
    """The same file from any folder; None for stdin."""
    return None if name == STDIN else shown(os.path.abspath(name))  # noqa: PTH100 - Path.absolute leaves `..`


def command(verb: str, name: str) -> str:
    """The command that crawls a file from any folder, as a shell takes it."""
    path = name if name == STDIN else os.path.abspath(name)  # noqa: PTH100 - Path.absolute leaves `..`
    written = shown(path)
    return f"paperharvest crawl {verb} " + (shlex.quote(path) if written == path else f"$'{written}'")
