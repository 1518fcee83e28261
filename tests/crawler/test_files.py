"""Digests on disk: which files a path means, and which bytes are a text."""

from __future__ import annotations

import gzip
import io
import os
import shlex
import socket
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crawler import files
from crawler.items import Digest, Refused
from storage import raw

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    """In order, at any depth; names that begin with a dot are counted, a file that is named is read."""
    dotted = ("d/a/.git/x.txt", "d/.hidden.txt", "d/a/.hidden.txt")
    for name in (*dotted, "d/b.txt", "d/a/z.txt", "d/c.md", "d/a.txt", "e.txt"):
        write(name)
    Path("d/empty").mkdir()
    expected = ["d/a/z.txt", "d/a.txt", "d/b.txt", "d/c.md"]
    assert files.named(["d"]) == (expected, 3)
    assert files.named(["e.txt", "d/.hidden.txt", "d", "-"]) == (["e.txt", "d/.hidden.txt", *expected, "-"], 3)
    assert files.named([str(tmp_path / "d")]) == ([str(tmp_path / one) for one in expected], 3)


def test_each_file_is_meant_once() -> None:
    """Named twice, within a folder that is named, or behind a link; a folder without files is named itself."""
    for name in ("d/a.txt", "d/b.txt", "d/.c.txt", "only/.d.txt"):
        write(name)
    Path("d/link.txt").symlink_to("a.txt")
    Path("d/x").symlink_to("nowhere")
    Path("d/y").symlink_to("nowhere")
    Path("up").symlink_to("d")
    Path("empty").mkdir()
    assert files.named(["d/b.txt", "up", "./d/b.txt", "d", "d/a.txt"]) == (["d/b.txt", "up/a.txt", "up/x", "up/y"], 1)
    assert files.named(["-", "empty", "-", "only", "empty/"]) == (["-", "empty", "only"], 1)
    assert files.named(["-", "nowhere", "gone", "nowhere"]) == (["-", "nowhere", "gone"], 0)
    write("in/-")
    os.chdir("in")
    assert files.named(["-", "."]) == (["-", "./-"], 0)
    write("a/-/b.txt")
    os.chdir("a")
    assert files.named(["-", "./-"]) == (["-", "./-/b.txt"], 0)


def test_folders_may_be_nested_deeper_than_calls() -> None:
    """Some programs make such by mistake."""
    depths = range(1, sys.getrecursionlimit() + 10)
    for depth in depths:
        os.mkdir("d/" * depth)  # noqa: PTH102 - Path.mkdir and rmtree would be recursive
    deepest = write("d/" * depths[-1] + "page.txt")
    names = files.named(["d"])
    Path(deepest).unlink()
    for depth in reversed(depths):
        os.rmdir("d/" * depth)  # noqa: PTH106
    assert names == ([deepest], 0)


def test_links_that_lead_in_a_circle_are_followed_once() -> None:
    """A link to a folder above, to one beside and to itself; a broken one is named, to be refused."""
    write("d/b/x.txt")
    Path("d/b/up").symlink_to("..")
    Path("d/a").symlink_to("b")
    Path("d/c.txt").symlink_to("nowhere.txt")
    Path("d/d.txt").symlink_to("d.txt")
    assert files.named(["d"]) == (["d/a/x.txt", "d/c.txt", "d/d.txt"], 0)


@pytest.fixture
def ordinary(tmp_path: Path) -> Iterator[None]:
    """Root may read everything: nobody does not."""
    digest(COPY.encode())  # so that all is imported which nobody may read
    tmp_path.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.fixture
def locked() -> Iterator[None]:
    """A file, a folder to be listed and one to be entered without the right to, beside a good file."""
    rights = {"d/b.txt": 0, "d/unlisted": 0o311, "d/closed": 0o644}
    for name in ("d/a.txt", "d/b.txt", "d/closed/x.txt", "d/unlisted/x.txt"):
        write(name)
    for name, mode in rights.items():
        Path(name).chmod(mode)
    yield
    for name in rights:
        Path(name).chmod(0o755)


@pytest.mark.usefixtures("locked", "ordinary")
def test_what_rights_forbid_is_named() -> None:
    """It is refused with what to do; what stands beside it is read."""
    names, _ = files.named(["d"])
    assert names == ["d/a.txt", "d/b.txt", "d/closed/x.txt", "d/unlisted"]
    digest, *items = map(files.read, names)
    assert isinstance(digest, Digest)
    refusals = [item.refusal for item in items if isinstance(item, Refused)]
    assert [one.reason for one in refusals] == ["unreadable"] * 3
    assert [one.detail.partition(":")[0] for one in refusals] == ["Permission denied"] * 3
    assert all("rights" in one.detail for one in refusals)


def test_what_is_no_file_is_refused_unopened() -> None:
    """A pipe would be waited for, a device may do anything; only a pipe that somebody names is waited for."""
    Path("d").mkdir()
    os.mkfifo("d/pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("d/socket")
    for name, waits in (("d/pipe", False), ("d/socket", True), ("/dev/null", True), ("/dev/zero", True)):
        item = files.read(name, waits=waits)
        assert isinstance(item, Refused)
        assert (item.refusal.reason, item.content, item.refusal.replay) == ("not_a_file", None, None)
        assert item.refusal.detail == "a pipe, a socket or a device: copy its text into a file"
    assert files.named(["d"]) == (["d/pipe", "d/socket"], 0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(files.read, "d/pipe")
        Path("d/pipe").write_bytes(COPY.encode())
        assert isinstance(waiting.result(), Digest)


def test_a_file_may_vanish_before_it_is_read() -> None:
    """It is refused like one that never was."""
    write("d/page.txt")
    names, _ = files.named(["d"])
    Path("d/page.txt").unlink()
    items = [files.read(name) for name in names]
    assert [str(item) for item in items] == ["'d/page.txt': refused, unreadable"]


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
    with Path(write("in.txt")).open(encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        item = files.read("-")
        assert isinstance(item, Digest)
        assert (item.name, item.digest) == ("-", digest(COPY.encode()).digest)
        again = files.read("-")
    assert isinstance(again, Refused)
    assert again.refusal.reason == "no_records"


def test_nobody_is_asked_to_type_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal, which cuts long lines, and no stdin at all are refused with what to do."""
    ours, theirs = os.openpty()
    with open(theirs, encoding="utf-8") as terminal:  # noqa: PTH123 - it has no path
        for stdin in (terminal, None):
            monkeypatch.setattr(sys, "stdin", stdin)
            item = files.read("-")
            assert isinstance(item, Refused)
            assert item.refusal.detail == "nothing is piped in: … | paperharvest crawl … -"
    os.close(ours)


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
        (b"%PDF-1.7\n%\xe2\xe3", "not_text", None, "a PDF"),
        (b"PK\x03\x04\x14\x00", "not_text", None, "a ZIP archive"),
        (b'{"error": "Not found"}', "layout_unknown", None, "text_a, text_b"),
    ],
    ids=["empty", "unknown", "latin-1", "utf-16", "utf-16-le", "nul", "cut", "broken", "pdf", "zip", "json"],
)
def test_what_is_no_text_copy_is_refused_whole(content: bytes, reason: str, line: int | None, detail: str) -> None:
    """With a stable code, the line and what stood there; its bytes are handed on to be kept."""
    item = refused(content)
    assert (item.refusal.name, item.refusal.reason, item.refusal.line) == ("page.txt", reason, line)
    assert detail in item.refusal.detail
    assert item.content == content


@pytest.mark.parametrize(("content", "line"), [(b"\n\xff", 2), (b"\0", 1), (b"\n\0", 2)])
def test_the_first_line_of_a_text_may_be_empty(content: bytes, line: int) -> None:
    """It counts as one where a byte that is no text is told."""
    assert (refused(content).refusal.reason, refused(content).refusal.line) == ("encoding", line)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an office document"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\x89PNG\r\n", "an image"),
        (b"\xff\xd8\xff\xe0", "an image"),
    ],
)
def test_what_is_no_text_is_called_by_its_kind(start: bytes, kind: str) -> None:
    """What people have beside their pages, by its first bytes."""
    assert refused(start).refusal.detail == f"{kind}: copy the page's text into a file"


@pytest.mark.parametrize("pack", [partial(gzip.compress, mtime=0), zstd.compress], ids=["gzip", "zstd"])
def test_a_packed_page_is_the_page(pack: Callable[[bytes], bytes]) -> None:
    """Whatever its name; its bytes are remembered as they are. What is packed once more is told so."""
    plain, packed = digest(COPY.encode()), digest(pack(COPY.encode()))
    assert packed == plain.model_copy(update={"raw": raw.digest_of(pack(COPY.encode()))})
    twice = refused(pack(gzip.compress(COPY.encode())), "twice.txt").refusal
    assert (twice.reason, twice.detail) == ("not_text", "packed twice: copy the page's text into a file")


@pytest.mark.parametrize(
    "packed",
    [zstd.compress(COPY.encode() * 2), zstd.compress(COPY.encode())[:-3], gzip.compress(bytes(2**16)), b"\x1f\x8b."],
    ids=["long", "cut", "zeros", "none"],
)
def test_what_is_packed_badly_is_refused_as_it_is(monkeypatch: pytest.MonkeyPatch, packed: bytes) -> None:
    """Larger than a page once unpacked, cut short or damaged: never half a page; so is what is kept of it."""
    monkeypatch.setattr(files, "LARGEST", len(COPY.encode()))
    item = refused(packed, "page.txt.zst")
    assert (item.refusal.reason, item.content) == ("compressed_broken", packed)
    again = refused(raw.keep(Path(), packed).read_bytes(), f"raw/{raw.digest_of(packed)}.zst")
    assert (again.refusal.reason, again.content) == ("compressed_broken", packed)


def test_of_what_is_too_large_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path, its size and the hash of its first MiB; of a pipe the size is unknown."""
    large = COPY.encode() * (files.LARGEST // len(COPY.encode()) + 1)
    hashed = raw.digest_of(large[: 2**20])
    item = refused(large, "large.txt")
    assert (item.content, item.refusal.size, item.refusal.head) == (None, len(large), hashed)
    assert (item.refusal.reason, item.refusal.raw) == ("too_large", None)
    assert shlex.split(item.refusal.replay or "")[2:] == ["digest", str(Path("large.txt").absolute())]
    with (
        subprocess.Popen(["cat", "large.txt"], stdout=subprocess.PIPE) as cat,  # noqa: S607 - the system's
        io.TextIOWrapper(cat.stdout or io.BytesIO()) as stdin,
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        piped = files.read("-")
    assert isinstance(piped, Refused)
    assert (piped.content, piped.refusal.size, piped.refusal.head) == (None, None, hashed)
    assert piped.refusal.replay == "paperharvest crawl digest -"


def test_a_large_file_is_never_held(tmp_path: Path) -> None:
    """However large it is, its first MiB is all that is read."""
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(2**36)
    tracemalloc.start()
    item = files.read(str(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(item, Refused)
    assert item.refusal.size == 2**36
    assert peak < 8 * 2**20


@pytest.mark.parametrize("name", ["papers.jsonl", "two words.jsonl", "two\nlines 'and' \"quotes\".jsonl"])
def test_a_dump_is_refused_with_what_reads_it(name: str) -> None:
    """A command that a shell takes from any folder, for the summary and for `deferred`; only its head is remembered."""
    content = b'{"arxiv_id": "2503.00001", "title": "Of Rivers"}\n' * 9
    item = refused(content, name)
    assert (item.content, item.refusal.size, item.refusal.head) == (None, len(content), raw.digest_of(content))
    command = item.refusal.replay or ""
    assert (item.refusal.reason, item.refusal.detail) == ("dump", f"not a page: {command}")
    expected = ["paperharvest", "crawl", "dump", str(Path(name).absolute()), "--layout", "jsonl"]
    assert shlex.split(command) == expected


def test_a_command_names_bytes_that_are_no_text() -> None:
    """As a shell's own escape, since they can be neither stored nor shown."""
    item = refused(b'{"id": "2503.00001", "title": "Of Rivers"}', os.fsdecode(b"caf\xe9.jsonl"))
    assert (item.refusal.replay or "").endswith(r"/caf\xe9.jsonl' --layout jsonl")
    said = subprocess.run(  # noqa: S602 - the shell is what is tested
        f"ls {(item.refusal.replay or '').split()[3]}",
        shell=True,
        executable="bash",
        check=True,
        capture_output=True,
    )
    assert said.stdout.endswith(b"/caf\xe9.jsonl\n")


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
        (".", "folder"),
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
    """Scrapy prints items: never a page, and never what a terminal would obey."""
    assert str(digest(COPY.encode())) == "'page.txt': 2 listings (text_a)"
    assert str(refused(b"")) == "'page.txt': refused, no_records"
    assert str(refused(b"", "\x1b]0;owned\x07")) == r"'\x1b]0;owned\x07': refused, no_records"
