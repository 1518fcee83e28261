"""Texts as they were found, zstd, named by their SHA-256: a mended layout can read them again."""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from storage.errors import StorageError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def digest_of(content: bytes) -> str:
    """The name that a text has in the store: its SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def keep(data_dir: Path, content: bytes) -> Path:
    """Keep a text, once; returns its file. Raises StorageError where the folder cannot be written."""
    folder = data_dir / "raw"
    path = folder / f"{digest_of(content)}.zst"
    if path.exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Of a name of its own: two processes may keep the same text at once. With a dot: nobody crawls it.
        unfinished = folder / f".{uuid4().hex}.part"
        with unfinished.open("wb") as file:
            file.write(zstd.compress(content))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written ({error.strerror}): free space, or set data_dir") from None
    return path


def trim(data_dir: Path, limit: int, spared: Collection[str]) -> list[str]:
    """Delete the oldest texts until all take at most so many bytes; returns their SHA-256.

    spared: texts that are still to be read again; they go last.
    """
    kept = []
    for path in (data_dir / "raw").glob("*.zst"):
        with suppress(FileNotFoundError):  # another command made room, too
            kept.append((path, path.stat()))
    excess = sum(stat.st_size for _, stat in kept) - limit
    gone = []
    for path, stat in sorted(kept, key=lambda one: (one[0].stem in spared, one[1].st_mtime_ns, one[0].name)):
        if excess <= 0:
            break
        path.unlink(missing_ok=True)
        excess -= stat.st_size
        gone.append(path.stem)
    return gone


def unpack(content: bytes, limit: int) -> bytes:
    """A text, whole, that may be packed (gzip or zstd). Raises ValueError: damaged, or over the limit in bytes."""
    if content.startswith(GZIP):
        unpacker: Any = zlib.decompressobj(zlib.MAX_WBITS | 16)
    elif content.startswith(ZSTD):
        unpacker = zstd.ZstdDecompressor()
    else:
        return content
    try:
        text: bytes = unpacker.decompress(content, limit + 1)
    except (zlib.error, zstd.ZstdError) as error:
        raise ValueError(str(error)) from None
    if len(text) > limit:
        raise ValueError(f"more than {limit} bytes unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("cut short" if not unpacker.eof else "more follows the text")
    return text


def beginning(content: bytes, size: int) -> bytes:
    """The first bytes of what may be packed (gzip or zstd, perhaps cut short); none where they are damaged."""
    try:
        if content.startswith(GZIP):
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content, size)
        if content.startswith(ZSTD):
            return zstd.ZstdDecompressor().decompress(content, size)
    except (zlib.error, zstd.ZstdError):
        return b""
    return content[:size]
