"""Strange files in one folder: what is good is stored whole, what is not is refused by name, and told what to do."""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import os
import random
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage import raw
from tests import standin
from tests.crawler.layouts.hf_pages import CARDS, golden, props_of, with_cards, with_props
from tests.lab import BINARY, EXAMPLES, PATIENCE, ROOT, Lab, on_empty_database, without_times

if TYPE_CHECKING:
    from storage.connect import Document

MIB = 2**20
PLAIN, DATED = (path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.iterdir()))
HEADER = PLAIN[: PLAIN.index("Mar 11") + len("Mar 11\n")]
TITLE = PLAIN.index("Graph Embedding Techniques") + 10  # within the last title
SNAPSHOT = '{"id": "2503.00001", "title": "Of Rivers", "authors_parsed": [], "versions": []}\n'
LINKS = json.dumps([{"paper_url": "https://paperswithcode.com/paper/x", "repo_url": "https://github.com/a/b"}])
EVIL, EVIL_SHOWN = "\x1b]0;owned\x07", r"\x1b]0;owned\x07"

GOOD: dict[str, bytes] = {
    "plain.txt": PLAIN.encode(),
    "a byte order mark.txt": PLAIN.replace("Mar 11", "Mar 13").encode("utf-8-sig"),
    "crlf.txt": DATED.replace("\n", "\r\n").encode(),
    "two\nlines 'and' \"quotes\".txt": PLAIN.replace("Mar 11", "Mar 12").encode(),
}
BAD: dict[str, tuple[bytes, str, int | None]] = {
    "empty.txt": (b"", "no_records", None),
    "noise.txt": (b"\xfe" + random.Random(1).randbytes(5000), "encoding", 1),  # noqa: S311 - noise
    "nul.txt": (PLAIN.replace("Manifold", "Mani\0fold", 1).encode(), "encoding", 11),
    "latin-1.txt": (PLAIN.replace("Manifold", "M\xe4nifold", 1).encode("latin-1"), "encoding", 11),
    "utf-16.txt": (PLAIN.encode("utf-16"), "encoding", 1),
    "cut in a title.txt": (PLAIN[:TITLE].encode(), "record_shape", PLAIN.count("\n", 0, TITLE) + 1),
    "cut in a meta block.txt": (DATED[: DATED.rindex("\n")].encode(), "record_shape", DATED.count("\n") - 1),
    "header.txt": (HEADER.encode(), "no_records", 9),
    "glued.txt": (f"{PLAIN}\n\n{DATED}".encode(), "record_shape", PLAIN.count("\n") + 3),
    "error.html": (b"<!doctype html>\n<title>502 Bad Gateway</title>\n", "layout_unknown", None),
    "error.json": (b'{"error": "Too many requests"}', "layout_unknown", None),
    "page.docx": (b"PK\x03\x04\x14\x00\x06\x00", "not_text", None),
    f"{EVIL}.txt": (f"{PLAIN}\n\n{EVIL}\n{EVIL}".encode(), "record_shape", PLAIN.count("\n") + 3),
    "arxiv snapshot.json": (SNAPSHOT.encode() * 9, "dump", None),
    "links.json.gz": (gzip.compress(LINKS.encode(), mtime=0), "dump", None),
}
DUMPS = {"arxiv snapshot.json": "arxiv-snapshot", "links.json.gz": "pwc-links"}
UNKEPT = {"large.txt": "too_large", "broken link.txt": "unreadable", "pipe": "not_a_file", "socket": "not_a_file"}
SAID = "digests: 4 stored, 19 refused; 30 listings\n  2 names that begin with a dot skipped\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them in one folder, made here."""
    folder = tmp_path_factory.mktemp("pages")
    for name, content in (GOOD | {name: bad[0] for name, bad in BAD.items()}).items():
        (folder / name).write_bytes(content)
    (folder / "large.txt").write_bytes((PLAIN.encode() * (70 * MIB // len(PLAIN.encode()) + 1))[: 70 * MIB])
    (folder / "broken link.txt").symlink_to("nowhere.txt")
    (folder / ".hidden.txt").write_bytes(b"")
    inner = folder / "folder.txt"
    for name in (".git", "empty"):
        (inner / name).mkdir(parents=True)
    (inner / "up").symlink_to("..")
    (folder / "loop").symlink_to(".")
    os.mkfifo(inner / "pipe")
    with socket.socket(socket.AF_UNIX) as bound, contextlib.chdir(inner):
        bound.bind("socket")  # a whole path may be too long for one
    return folder


def everything(lab: Lab, collection: str) -> list[Document]:
    """All documents, in order."""
    with lab.database() as database:
        return list(database[collection].find().sort("_id", 1))


def test_good_files_are_stored_and_bad_ones_refused(lab: Lab, folder: Path) -> None:
    """Exit 3, each by name with its reason and line; their texts are kept, and `deferred` knows how to read them."""
    done = lab.run("crawl", "digest", folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(SAID)
    assert {one for one in done.stderr if not one.isprintable()} == {"\n"}
    assert sum(len(one["names"]) for one in everything(lab, "digests")) == len(GOOD)
    deferred = {Path(one["name"]).name: one for one in everything(lab, "deferred")}
    assert set(deferred) == {*BAD, *UNKEPT}
    for name, (content, reason, line) in BAD.items():
        refused = deferred[name]
        assert (name, refused["reason"], refused["line"]) == (name, reason, line)
        assert f"{name.replace(EVIL, EVIL_SHOWN)}: {reason}{f', line {line}' if line else ''}: " in done.stderr
        replay = ["dump", str(folder / name), "--layout", DUMPS.get(name, "")]
        if name in DUMPS:
            assert (refused["raw"], refused["head"]) == (None, raw.digest_of(content))
            assert refused["replay"] in done.stderr
        else:
            kept = lab.folder / "data" / "raw" / f"{refused['raw']}.zst"
            assert raw.unpack(kept.read_bytes(), MIB) == content
            replay = ["digest", str(kept)]
        assert shlex.split(refused["replay"]) == ["paperharvest", "crawl", *replay]
    for name, reason in UNKEPT.items():
        assert (deferred[name]["reason"], deferred[name]["raw"]) == (reason, None)
        assert f"{name}: {reason}: " in done.stderr
    large = deferred["large.txt"]
    assert (large["size"], large["head"]) == (70 * MIB, raw.digest_of((folder / "large.txt").read_bytes()[:MIB]))


def saved_pages() -> dict[str, tuple[bytes, str]]:
    """Saved pages and answers that went wrong, each with the reason."""
    page, entries = golden("hf_props/svelte_5.html"), json.loads(golden("hf_api/day.json"))
    props, cards = props_of(page), CARDS.findall(page)
    number, nameless = (copy.deepcopy(props) for _ in range(2))
    number["dailyPapers"][0]["paper"]["id"] = 2503.0213
    del nameless["dailyPapers"][0]["paper"]["id"]
    entries[0]["paper"]["id"] = 2503.0213
    packed = gzip.compress(page.encode(), mtime=0)
    login = "<!doctype html><title>Log In</title><form action='/login'><article><h3>Hi</h3></article></form>"
    return {
        "login.html": (login.encode(), "layout_unknown"),
        "challenge.json": (
            b"<html><script src='challenge.js'></script><p>Verify you are human</html>",
            "layout_unknown",
        ),
        "props cut.html": (
            page.replace("&quot;dailyPapers&quot;:[{", "&quot;dailyPapers&quot;:[", 1).encode(),
            "props_broken",
        ),
        "no id.html": (with_props(page, nameless).encode(), "record_shape"),
        "a card less.html": (with_cards(page, cards[1:]).encode(), "count_mismatch"),
        "number.html": (with_props(page, number).encode(), "record_shape"),
        "number.json": (json.dumps(entries).encode(), "record_shape"),
        "object.json": (b'{"dailyPapers": {}, "dateString": "2026-03-02", "periodType": "day"}', "props_broken"),
        "answer.json": (b'{"error": "Too many requests"}', "layout_unknown"),
        "cut.json": (golden("hf_api/day.json")[:-9].encode(), "props_broken"),
        "papers.parquet": (b"PAR1\x15\x04\x15\x10", "not_text"),
        "cut.html.gz": (packed[:-9], "compressed_broken"),
        "zeros.html.gz": (gzip.compress(bytes(70 * MIB), mtime=0), "compressed_broken"),
        "twice.html.gz": (gzip.compress(packed, mtime=0), "not_text"),
    }


@pytest.mark.parametrize("verb", [("crawl", "digest"), ("run",)])
def test_bad_pages_leave_what_is_stored_and_stop_nothing(lab: Lab, tmp_path: Path, verb: tuple[str, ...]) -> None:
    """Each is refused for its own reason, good ones among them are stored, nothing that was there changes; exit 3."""
    bad, day = saved_pages(), "hf-daily:2026-03-18"
    for name, (content, _) in bad.items():
        (tmp_path / name).write_bytes(content)
    with standin.running() as server:
        asking = lab.asking(server)
        before = tmp_path / "before.html"
        before.write_text(golden("hf_props/svelte_5.html"))
        assert lab.run("crawl", "digest", before).returncode == 0
        assert [one["_id"] for one in everything(lab, "digests")] == [day]
        stored = everything(lab, "papers")
        before.rename(tmp_path / "a.html")
        (tmp_path / "z.html.gz").write_bytes(gzip.compress(golden("hf_props/svelte_4.html").encode()))
        done = asking.run(*verb, tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith(f"digests: 1 stored, 1 known already, {len(bad)} refused; ")
    told = {Path(one["name"]).name: one["reason"] for one in everything(lab, "deferred")}
    assert told == {name: reason for name, (_, reason) in bad.items()}
    assert all(f"/{name}: {reason}" in done.stderr for name, (_, reason) in bad.items())
    if verb != ("run",):
        assert [one for one in stored if one not in everything(lab, "papers")] == []
    assert len(everything(lab, "digests")) == 2


def test_what_was_refused_is_refused_again(lab: Lab, folder: Path) -> None:
    """The commands of `deferred` run, and say of the kept texts what was said of the files: by the same entries."""
    lab.run("crawl", "digest", folder)
    first = everything(lab, "deferred")
    paths = [shlex.split(one["replay"])[3] for one in first if " crawl digest " in (one["replay"] or "")]
    result = lab.run("crawl", "digest", *paths)
    assert (result.returncode, f"{len(paths)} refused" in result.stderr) == (3, True)
    moments = {"at": None}
    assert [one | moments for one in everything(lab, "deferred")] == [one | moments for one in first]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Twenty orders with --whole, else two."""
    if "order" in metafunc.fixturenames:
        metafunc.parametrize("order", range(20 if metafunc.config.getoption("--whole") else 2))


@pytest.fixture(scope="module")
def exported(mongo_uri: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """What is exported when the folder itself was read."""
    with on_empty_database(mongo_uri, tmp_path_factory.mktemp("lab")) as lab:
        lab.run("crawl", "digest", folder)
        lab.run("export", "-o", lab.output)
        return lab.papers()


@pytest.mark.long
def test_the_order_of_files_changes_nothing(lab: Lab, folder: Path, exported: list[Document], order: int) -> None:
    """The same papers are exported, and the same files refused, some of them now behind a loop of links."""
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    random.Random(order).shuffle(paths)  # noqa: S311 - an order
    done = lab.run("crawl", "digest", *paths)
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, SAID.splitlines()[0])
    for name in (*BAD, *UNKEPT):
        assert f"/{name.replace(EVIL, EVIL_SHOWN)}: " in done.stderr
    assert lab.run("export", "-o", lab.output).returncode == 0
    assert without_times(lab.papers()) == without_times(exported)
    assert len(lab.papers()) == 12


def test_each_path_is_told_what_to_do(lab: Lab, tmp_path: Path) -> None:
    """A device, an empty folder, a path that is not there: one line each, even if named twice, beside a good file."""
    (tmp_path / "empty").mkdir()
    (tmp_path / ".page.txt").write_text(PLAIN, encoding="utf-8")
    paths = [tmp_path / one for one in (".page.txt", "empty", "nowhere.txt", ".page.txt", "nowhere.txt")]
    done = lab.run("crawl", "digest", *paths, "/dev/null")
    assert done.returncode == 3
    assert done.stderr.replace(f"{tmp_path}/", "").splitlines() == [
        "digests: 1 stored, 3 refused; 8 listings",
        "  refused /dev/null: not_a_file: a pipe, a socket or a device: copy its text into a file",
        "  refused empty: unreadable: a folder without files that can be read: check its rights, and names with a dot",
        "  refused nowhere.txt: unreadable: No such file or directory: check the path and its rights",
    ]


@pytest.mark.parametrize(
    ("redirection", "told"),
    [
        ("</dev/null", "no_records: the text is empty"),
        ("<&-", "unreadable: nothing is piped in: … | paperharvest crawl … -"),
        ("<page.jsonl", "dump: not a page: paperharvest crawl dump - --layout jsonl"),
        ("<large.txt", "too_large: more than 64 MiB: split it into its pages"),
    ],
)
def test_stdin_is_told_what_to_do(lab: Lab, tmp_path: Path, redirection: str, told: str) -> None:
    """Empty, closed, a dump, too large: refused as any file is."""
    (tmp_path / "page.jsonl").write_text('{"id": "2503.00001", "title": "Of Rivers"}\n')
    (tmp_path / "large.txt").touch()
    os.truncate(tmp_path / "large.txt", 70 * MIB)
    done = subprocess.run(  # noqa: S602 - the shell's redirections are what is tested
        f"{shlex.quote(str(BINARY))} crawl digest - {redirection}",
        shell=True,
        cwd=tmp_path,
        env=lab.environment,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.decode() == f"digests: 0 stored, 1 refused; 0 listings\n  refused -: {told}\n"


@pytest.mark.parametrize("piped", ["<page.jsonl", "<page.jsonl.gz", "< <(cat page.jsonl)"])
def test_a_dump_is_read_by_the_command_that_was_told(lab: Lab, tmp_path: Path, piped: str) -> None:
    """From a file or a pipe: `status` tells it as the next step, and the refusal is settled."""
    row = b'{"id": "2503.00001", "title": "Of Rivers"}\n'
    (tmp_path / "page.jsonl").write_bytes(row)
    (tmp_path / "page.jsonl.gz").write_bytes(gzip.compress(row))

    def typed(command: str) -> subprocess.CompletedProcess[str]:
        path = f"{BINARY.parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(  # noqa: S602 - the shell's redirections are what is tested
            f"{command} {piped}",
            shell=True,
            executable="bash",
            cwd=tmp_path,
            env={**lab.environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    assert typed(f"paperharvest crawl digest {shlex.quote(str(EXAMPLES))} -").returncode == 3
    [refused] = everything(lab, "deferred")
    assert refused["replay"] == "paperharvest crawl dump - --layout jsonl"
    assert f"next       {refused['replay']}   reads again what was refused\n" in lab.run("status").stdout
    done = typed(refused["replay"])
    assert (done.returncode, done.stderr) == (0, "digests: 1 stored, 0 refused; 1 listings\n")
    assert everything(lab, "deferred") == []
    assert [one["title"] for one in everything(lab, "papers") if one["ids"]["arxiv"]] == ["Of Rivers"]


def test_nothing_out_of_a_file_reaches_the_terminal(lab: Lab, folder: Path) -> None:
    """Scrapy's own command line shows names and texts as what they are, too, and so does --debug."""
    scrapy = [sys.executable, "-m", "scrapy", "crawl", "digest", "-a", f"path={folder}"]
    ours = [str(BINARY), "--debug", "crawl", "digest", str(folder)]
    for command in (scrapy, ours):
        done = subprocess.run(command, cwd=ROOT, env=lab.environment, capture_output=True, check=False)  # noqa: S603
        assert b"owned" in done.stderr
        assert b"\x1b" not in done.stdout + done.stderr
