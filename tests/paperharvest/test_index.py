"""`index build` and `index update`, and what other commands do with the index."""

from __future__ import annotations

import gzip
import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from crawler.dumps import parts
from paperharvest import config, indexing
from paperharvest.summary import Exit
from storage.errors import StorageError
from storage.title_index import AGAIN, NAME, Indexed, TitleIndex
from tests import standin
from tests.conftest import fixture_path
from tests.crawler.test_dump_spider import ABSTRACT, foreign, lines, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from paperharvest.summary import Summary
    from tests.lab import Lab

NOWHERE = {"PAPERHARVEST_MONGO_URI": "mongodb://127.0.0.1:1/"}
BUILT = re.compile(r"index: (\d+) papers up to (\d{4}-\d\d), 0\.\d MiB")


def dumps(folder: Path) -> list[Path]:
    """A dump of each kind that can be indexed, and a file that is none."""
    told = [foreign(n, title=f"Snow Falls {n}", publishedAt="2024-05-02") for n in range(1, 4)]
    untold = [{"title": "Without an Id"}, {"arxiv_id": "2401.00009"}]
    contents = {
        "a.jsonl": lines([*told, *untold]),
        "b.json.gz": gzip.compress(lines([snapshot(n) for n in range(5, 8)])),
        "c.jsonl": fixture_path("jsonl/export.jsonl").read_bytes(),
        "d.txt": b"Dear diary\n\nnothing today",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def known(folder: Path, title: str) -> list[Indexed]:
    """What the index of a data folder knows under a title."""
    with closing(TitleIndex(folder)) as index:
        return index.titled(title)[0]


def build(folder: Path, *paths: Path) -> Summary:
    """Build an index in this folder, without the command line."""
    settings = config.load(env={"PAPERHARVEST_DATA_DIR": str(folder / "data")})
    return indexing.build(settings, [str(path) for path in paths], quiet=True)


# --- as people use it -------------------------------------------------------------------------------------


def test_from_dumps_to_resolved_titles_without_a_network(lab: Lab) -> None:
    """Built without a database, it resolves without a provider; an update adds what the database learnt since."""
    data = lab.folder / "data"
    *good, strange = dumps(lab.folder)
    built = lab.having(NOWHERE).run("index", "build", *good)
    said = built.stderr.splitlines()
    assert (built.returncode, built.stdout, BUILT.findall(said[0])) == (0, "", [("7", "2025-03")])
    assert said[1:] == ["  4 rows without an arXiv id or a title left out"]
    with pytest.raises(StorageError, match=rf"{strange} is refused \(layout_unknown: .*the index stays as it was"):
        build(lab.folder, *good[:1], strange)

    titles = ["SNOW FALLS 2", "How Ice Grows 6", "How Ice Gorws 7", "Melting Backwards"]
    (lab.folder / "titles.jsonl").write_bytes(
        lines([{"title": title, "summary": ABSTRACT * ("6" in title)} for title in titles])
    )
    assert lab.run("crawl", "dump", lab.folder / "titles.jsonl", "--layout", "jsonl").returncode == 0
    with standin.running() as server, lab.database() as database:
        before = [*database["papers"].find().sort("_id", 1)]
        planned = lab.asking(server).run("resolve", "--dry-run")
        assert planned.returncode == 0
        first, *visits, last = planned.stdout.splitlines()
        assert first == "titles     3 decided by what is known here, 0 wait for their time, 1 open"
        assert [visit.split()[:2] for visit in visits] == [
            ["arxiv", "1"],
            ["semantic_scholar", "0"],
            ["openalex", "0"],
        ]
        assert last == "nothing was asked or stored"
        assert [*database["papers"].find().sort("_id", 1)] == before
        done = lab.asking(server).run("resolve")
        assert done.returncode == 0
        assert done.stderr.startswith("titles: 1 not_found, 3 resolved (3 requests)")
        assert {title for seen in server.log for title in seen.asked} == {'ti:"Melting Backwards"', "Melting Backwards"}
        papers = {paper["_id"]: paper for paper in database["papers"].find()}
    methods = {key: paper["resolution"]["method"] for key, paper in papers.items() if key.startswith("arxiv:")}
    assert methods == dict.fromkeys(("arxiv:2503.00002", "arxiv:2503.00006", "arxiv:2503.00007"), "index")

    updated = lab.run("index", "update")
    assert (updated.returncode, BUILT.findall(updated.stderr)) == (0, [("7", "2025-03")])
    assert known(data, "how ice gorws 7") == []  # a guess is no name

    figures = json.loads(lab.run("status", "--json").stdout)
    assert (figures["index"]["papers"], figures["index"]["newest"]) == (7, "2025-03")
    assert figures["index"]["size"] == (data / NAME).stat().st_size
    shown = lab.run("status").stdout
    assert re.search(r"^index      7 papers up to 2025-03, 0\.\d MiB, made \d+ seconds? ago$", shown, re.MULTILINE)

    content = (data / NAME).read_bytes()
    (data / NAME).write_bytes(content[:-1])
    remedy = f"the title index {data / NAME} is damaged (it is cut, or no index): {AGAIN}"
    doctor = lab.run("doctor", "--offline")
    assert (doctor.returncode, [one for one in doctor.stdout.splitlines() if "title index" in one]) == (
        3,
        [f"bad   title index:      {remedy}"],
    )
    broken = lab.run("resolve")
    assert (broken.returncode, broken.stdout, broken.stderr) == (1, "", f"paperharvest: {remedy}\n")


# --- what is kept of dumps --------------------------------------------------------------------------------


def test_what_each_kind_of_dump_tells(tmp_path: Path) -> None:
    """Titles, authors, abstract and the day of submission, where the dump has them; no line breaks of theirs."""
    *paths, _ = dumps(tmp_path)
    summary = build(tmp_path, *paths)
    assert summary.exit_status is Exit.DONE
    data = tmp_path / "data"
    assert known(data, "Snow Falls 1") == [Indexed("2503.00001", ("Snow Falls 1",), None, None, "2024-05-02")]
    row = Indexed("2503.00005", ("How Ice Grows 5",), ("Ada North",), " ".join(ABSTRACT.split()), "2025-03-01")
    assert known(data, "How Ice Grows 5") == [row]
    assert known(data, "How Ice Grows") == [
        Indexed("2503.00010", ("How Ice Grows",), ("Ada North",), "Cold water moves.", "2025-03-01")
    ]


def test_our_export_keeps_the_titles_under_which_a_paper_was_listed(tmp_path: Path) -> None:
    """Each of them leads to it."""
    [line, *_] = fixture_path("jsonl/export.jsonl").read_text().splitlines()
    paper: dict[str, Any] = json.loads(line)
    paper["sightings"][0]["listed_title"] = "Why Ice Grows"
    (tmp_path / "a.jsonl").write_bytes(lines([paper]))
    build(tmp_path, tmp_path / "a.jsonl")
    [found] = known(tmp_path / "data", "Why Ice Grows?")
    assert found.titles == ("How Ice Grows", "Why Ice Grows")


def test_a_paper_of_two_dumps_is_one(tmp_path: Path) -> None:
    """The second one's words stand, what only the first one tells stays."""
    (tmp_path / "a.jsonl").write_bytes(lines([foreign(1, title="Old", authors=["A. Frost"], abstract="Of ice.")]))
    (tmp_path / "b.jsonl").write_bytes(lines([foreign(1, title="New")]))
    summary = build(tmp_path, tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert summary.indexed is not None
    assert summary.indexed.about is not None
    assert summary.indexed.about.papers == 1
    assert known(tmp_path / "data", "Old") == [Indexed("2503.00001", ("New", "Old"), ("A. Frost",), "Of ice.")]


def test_broken_rows_are_counted(tmp_path: Path) -> None:
    """A thousand are told one by one; the rest of the file is indexed, and the exit status says so."""
    broken = parts.NAMED + 7
    rows = [foreign(n) for n in range(1, 20 * broken)]
    content = lines(rows) + b"{broken\n" * broken
    (tmp_path / "a.jsonl").write_bytes(content)
    summary = build(tmp_path, tmp_path / "a.jsonl")
    assert summary.indexed is not None
    assert (len(summary.indexed.refusals), summary.indexed.untold) == (parts.NAMED, 7)
    assert summary.indexed.about is not None
    assert (summary.indexed.about.papers, summary.exit_status) == (len(rows), Exit.INCOMPLETE)
    assert f"  and {broken - 30} more" in [*summary.lines()]


@pytest.mark.parametrize("content", [b"", b"Dear diary", lines([{"title": "Without an Id"}]), b"\x1f\x8b cut"])
def test_nothing_to_index_leaves_the_old_one(tmp_path: Path, content: bytes) -> None:
    """It is an error that says so."""
    *paths, _ = dumps(tmp_path)
    build(tmp_path, *paths)
    before = (tmp_path / "data" / NAME).read_bytes()
    (tmp_path / "none.jsonl").write_bytes(content)
    with pytest.raises(StorageError, match="the index stays as it was"):
        build(tmp_path, tmp_path / "none.jsonl")
    with pytest.raises(StorageError, match="the index stays as it was"):
        build(tmp_path, tmp_path / "nowhere")
    assert (tmp_path / "data" / NAME).read_bytes() == before
    assert [path.name for path in (tmp_path / "data").iterdir()] == [NAME]
