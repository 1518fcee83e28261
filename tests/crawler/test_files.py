"""Digests on disk: which files a path means, and which bytes are a text."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from crawler import files
from crawler.items import Digest, Refused
from storage import raw

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ABSTRACT = "Cold water moves. " * 20
COPY = f"new\n\nSubscribe\n\nMar 11\n\nHow Ice Grows\n\n{ABSTRACT}\n\nOf Rivers and Zürich\n\n{ABSTRACT}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are relative to an empty folder."""
    monkeypatch.chdir(tmp_path)


def write(name: str, content: bytes = COPY.encode()) -> str:
    """A file of that name."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content)
    return name


def digest(content: bytes, name: str = "page.txt") -> Digest:
    """The digest that those bytes are."""
    item = files.read(write(name, content))
    assert isinstance(item, Digest)
    return item


def refused(content: bytes, name: str = "page.txt") -> Refused:
    """Why those bytes are none."""
    item = files.read(write(name, content))
    assert isinstance(item, Refused)
    return item


# --- which files ------------------------------------------------------------------------------------------


def test_a_folder_means_all_files_within(tmp_path: Path) -> None:
    """In order, at any depth; names that begin with a dot are not meant, a file that is named always is."""
    for name in ("d/b.txt", "d/a/z.txt", "d/a/.git/x.txt", "d/.hidden.txt", "d/c.md", "d/a.txt", "e.txt"):
        write(name)
    Path("d/empty").mkdir()
    expected = ["d/a/z.txt", "d/a.txt", "d/b.txt", "d/c.md"]
    assert list(files.named(["d"])) == expected
    assert list(files.named(["e.txt", "d/.hidden.txt", "d", "-"])) == ["e.txt", "d/.hidden.txt", *expected, "-"]
    assert list(files.named([str(tmp_path / "d")])) == [str(tmp_path / one) for one in expected]


def test_links_that_lead_in_a_circle_are_followed_once() -> None:
    """A link to a folder above, to one beside and to itself; a broken one is named, to be refused."""
    write("d/b/x.txt")
    Path("d/b/up").symlink_to("..")
    Path("d/a").symlink_to("b")
    Path("d/c.txt").symlink_to("nowhere.txt")
    Path("d/d.txt").symlink_to("d.txt")
    assert list(files.named(["d"])) == ["d/a/x.txt", "d/c.txt", "d/d.txt"]


def test_a_folder_that_cannot_be_listed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused like a file; what stands beside it is read."""
    for name in ("d/a/x.txt", "d/b.txt"):
        write(name)
    listing = Path.iterdir

    def guarded(path: Path) -> object:
        if path.name == "a":
            raise PermissionError
        return listing(path)

    monkeypatch.setattr(Path, "iterdir", guarded)  # root may list everything
    assert list(files.named(["d"])) == ["d/a", "d/b.txt"]
    item = files.read("d/a")
    assert isinstance(item, Refused)
    assert item.refusal.reason == "unreadable"


# --- which texts ------------------------------------------------------------------------------------------


def test_a_digest_goes_by_its_content() -> None:
    """The name and the way lines end do not matter; the bytes are remembered as they are."""
    plain = digest(COPY.encode())
    assert (plain.source, plain.name, len(plain.page.listings)) == ("text_a", "page.txt", 2)
    assert plain.raw == raw.digest_of(COPY.encode())
    variants = [
        COPY.encode("utf-8-sig"),
        COPY.replace("\n", "\r\n").encode(),
        COPY.replace("\n", "\r\n").encode("utf-8-sig"),
    ]
    for at, content in enumerate(variants):
        other = digest(content, f"copy{at}.txt")
        assert (other.digest, other.page) == (plain.digest, plain.page)
        assert other.raw != plain.raw
    assert digest(COPY.encode() + b".").digest != plain.digest


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `-`, and only once."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(COPY.encode())))
    item = files.read("-")
    assert isinstance(item, Digest)
    assert (item.name, item.digest) == ("-", digest(COPY.encode()).digest)
    again = files.read("-")
    assert isinstance(again, Refused)
    assert again.refusal.reason == "no_records"


def test_a_kept_text_is_read_again(tmp_path: Path) -> None:
    """The raw store's own files are digests like those they were made from."""
    kept = raw.keep(tmp_path, COPY.encode())
    item = files.read(str(kept))
    assert isinstance(item, Digest)
    assert (item.digest, item.raw) == (digest(COPY.encode()).digest, kept.stem)


def test_a_name_need_not_be_unicode() -> None:
    """Names are bytes: what is no UTF-8 in one is shown as an escape."""
    name = os.fsdecode(b"caf\xe9.txt")
    assert digest(COPY.encode(), name).name == r"caf\xe9.txt"
    assert refused(b"", name).refusal.name == r"caf\xe9.txt"


@pytest.mark.parametrize(
    ("content", "reason", "line", "detail"),
    [
        (b"", "no_records", None, "empty"),
        (b"Dear diary\n\nnothing happened", "layout_unknown", None, "text_a, text_b"),
        (COPY.encode("latin-1"), "encoding", 11, "byte 416 is not UTF-8"),
        (COPY.encode("utf-16"), "encoding", 1, "byte 0 is not UTF-8"),
        (COPY.replace("ü", "u").encode("utf-16-le"), "encoding", 1, "NUL"),
        (COPY.encode() + b"\n\n\x00", "encoding", 15, "NUL"),
        (COPY.encode()[:-200] + b"\xff", "encoding", 13, "not UTF-8"),
        (COPY.encode() + b"\n\nhalf a\nrecord", "record_shape", 15, "half a"),
    ],
    ids=["empty", "unknown", "latin-1", "utf-16", "utf-16-le", "nul", "cut", "broken"],
)
def test_what_is_no_text_copy_is_refused_whole(content: bytes, reason: str, line: int | None, detail: str) -> None:
    """With a stable code, the line and what stood there; its bytes are handed on to be kept."""
    item = refused(content)
    assert (item.refusal.name, item.refusal.reason, item.refusal.line) == ("page.txt", reason, line)
    assert detail in item.refusal.detail
    assert item.content == content


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("page.txt", COPY.encode(), "too_large"),
        ("page.txt.zst", zstd.compress(COPY.encode()), "compressed_broken"),
        ("page.txt.zst", zstd.compress(COPY.encode())[:-3], "compressed_broken"),
        ("page.txt.zst", b"no zstd", "compressed_broken"),
    ],
    ids=["large", "large once unpacked", "cut", "no zstd"],
)
def test_what_cannot_be_taken_in_is_refused_without_its_bytes(
    monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, reason: str
) -> None:
    """No page has 64 MiB (here: a little less than this one has); a damaged file is never half a page."""
    monkeypatch.setattr(files, "LARGEST", len(COPY.encode()) - 1)
    item = refused(content, name)
    assert (item.refusal.reason, item.content) == (reason, None)


def test_the_limit_itself_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is 64 MiB."""
    assert files.LARGEST == 64 * 2**20
    monkeypatch.setattr(files, "LARGEST", len(COPY.encode()))
    assert len(digest(COPY.encode()).page.listings) == 2
    assert len(digest(zstd.compress(COPY.encode()), "page.txt.zst").page.listings) == 2


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("nowhere.txt", "No such file"),
        ("link.txt", "No such file"),
        ("page.txt/x", "Not a directory"),
        (".", "directory"),
    ],
)
def test_what_cannot_be_read_is_refused(name: str, detail: str) -> None:
    """By name and with the reason; there is nothing to keep."""
    write("page.txt")
    Path("link.txt").symlink_to("nowhere.txt")
    item = files.read(name)
    assert isinstance(item, Refused)
    assert (item.refusal.name, item.refusal.reason, item.content) == (name, "unreadable", None)
    assert detail in item.refusal.detail


def test_items_are_short_in_a_log() -> None:
    """Scrapy prints items: never a page."""
    assert str(digest(COPY.encode())) == "page.txt: 2 listings (text_a)"
    assert str(refused(b"")) == "page.txt: refused, no_records"
