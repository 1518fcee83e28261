"""The exported line: its keys, their order, and files that are whole or not there."""

from __future__ import annotations

import datetime as dt
import os
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import bson
import orjson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import export
from storage.documents import Link, Paper, Record, Repository, Resolution, Sighting
from storage.errors import StorageError
from storage.export import line_of, paper_of, parse_where

if TYPE_CHECKING:
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

    from storage.connect import Database, Document

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

# The contract: these keys, in this order, never fewer.
LINE = """schema_version id title abstract text_source authors authors_count published ids ai_summary ai_keywords
    resolution sightings links arxiv citations repos first_seen updated_at"""
PARTS = {
    "published": "date precision basis",
    "ids": "arxiv doi",
    "resolution": "status method score candidates decided",
    "candidate": "arxiv_id title score reasons",
    "sighting": """source digest position page_date page_date_basis listed_date listed_date_basis listed_title comments
        upvotes organization announced""",
    "link": "url kind found_in",
    "arxiv": """status provider fetched_at reason version categories primary_category comment journal_ref doi withdrawn
        published updated""",
    "citations": "semantic_scholar openalex",
    "semantic_scholar": "status fetched_at reason count influential",
    "openalex": "status fetched_at reason count",
    "repository": """url host full_name stars forks archived license language pushed_at evidence status fetched_at
        reason""",
}


def paper(paper_id: str = "arxiv:2503.00010", **fields: Any) -> Paper:
    """A paper of which little is known, with one of everything."""
    known = {
        "id": paper_id,
        "title": "How Ice Grows",
        "text_source": "text_a",
        "published": {"date": "2025-03", "precision": "month", "basis": "id_month"},
        "resolution": Resolution(candidates=({"arxiv_id": "2503.00010", "title": "Ice", "score": 0.5},)),  # type: ignore[arg-type]
        "sightings": (Sighting(source="text_a", digest="text:01", position=1),),
        "links": (Link(url="https://github.com/Ice/Floe", kind="github", found_in="abstract"),),
        "repos": (Repository(url="https://github.com/Ice/Floe", host="github.com", full_name="Ice/Floe"),),
        "first_seen": NOON,
        "updated_at": NOON,
    }
    return Paper.model_validate(known | fields)


def stored(one: Paper) -> Document:
    """The paper as MongoDB keeps it."""
    return {"_id": one.id, **one.model_dump(exclude={"id"}), "_work": {"rev": 1}}


def test_the_keys_of_the_line() -> None:
    """Every key is there, null where nothing is known, in the order of the contract."""
    line = orjson.loads(line_of(paper()))
    assert list(line) == LINE.split()
    found = {name: line[name] for name in ("published", "ids", "resolution", "arxiv", "citations")} | line["citations"]
    found |= {"candidate": line["resolution"]["candidates"][0], "sighting": line["sightings"][0]}
    found |= {"link": line["links"][0], "repository": line["repos"][0]}
    assert {name: list(part) for name, part in found.items()} == {name: keys.split() for name, keys in PARTS.items()}


def test_the_unknown_is_null() -> None:
    """Never 0, never an empty list, never left out."""
    line = orjson.loads(line_of(paper()))
    for name in ("abstract", "authors", "authors_count", "ai_summary", "ai_keywords"):
        assert line[name] is None
    assert line["ids"] == {"arxiv": None, "doi": None}
    parts = [line["arxiv"], *line["citations"].values()]
    assert all(value is None for part in parts for key, value in part.items() if key != "status")
    assert (line["repos"][0]["stars"], line["repos"][0]["archived"], line["sightings"][0]["comments"]) == (None,) * 3


def test_times_are_utc() -> None:
    """To the second or the millisecond, as MongoDB keeps them; days and months are told as such."""
    line = orjson.loads(line_of(paper()))
    assert line["first_seen"] == line["updated_at"] == "2026-03-01T12:00:00Z"
    assert line["published"]["date"] == "2025-03"


# --- any paper --------------------------------------------------------------------------------------------

TIMES = st.datetimes(dt.datetime(1991, 8, 1), dt.datetime(2100, 1, 1)).map(  # noqa: DTZ001 - the zone follows
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=dt.UTC)
)
VALUES: dict[Any, SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    dt.datetime: TIMES,
}


def anything(annotation: Any) -> SearchStrategy[Any]:
    """Values of an annotation as the records use them."""
    if annotation in VALUES:
        return VALUES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Record):
        fields = {name: anything(field.annotation) for name, field in annotation.model_fields.items()}
        return st.builds(annotation, **fields)
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is tuple:
        return st.lists(anything(get_args(annotation)[0]), max_size=2).map(tuple)
    return st.one_of(*map(anything, get_args(annotation)))


@settings(max_examples=50, deadline=None)
@given(anything(Paper))
def test_the_line_says_what_the_document_says(one: Paper) -> None:
    """Through BSON and JSON and back: the same values, in one line of valid JSON."""
    utc: CodecOptions[Document] = CodecOptions(tz_aware=True)
    document = bson.decode(bson.encode(stored(one)), codec_options=utc)
    line = line_of(paper_of(document))
    assert Paper.model_validate_json(line) == one
    assert line.count(b"\n") == 1
    assert line_of(Paper.model_validate_json(line)) == line


# --- which papers -----------------------------------------------------------------------------------------


async def lines(database: Database, where: str = "{}") -> list[bytes]:
    """What is exported."""
    return [line async for line in export.lines(database, parse_where(where))]


async def test_the_same_store_gives_the_same_bytes(database: Database) -> None:
    """Sorted by id, whatever order papers and their keys were written in."""
    ids = [f"arxiv:2503.{number:05}" for number in (10, 2, 30)] + ["title:00", "arxiv:math/0309136"]
    await database["papers"].insert_many([stored(paper(one)) for one in ids])
    first = await lines(database)
    assert [orjson.loads(line)["id"] for line in first] == sorted(ids)
    await database["papers"].delete_many({})
    await database["papers"].insert_many([dict(reversed(stored(paper(one)).items())) for one in sorted(ids)])
    assert await lines(database) == first


async def test_a_filter_selects(database: Database) -> None:
    """MongoDB's own operators, on the paths that the line shows."""
    await database["papers"].insert_many([stored(paper(f"arxiv:2503.0000{at}", authors_count=at)) for at in range(5)])
    assert len(await lines(database, '{"authors_count": {"$gte": 3}}')) == 2
    assert len(await lines(database, '{"first_seen": {"$lt": {"$date": "2026-03-02T00:00:00Z"}}}')) == 5


@pytest.mark.parametrize(
    "where",
    [
        '{"$where": "sleep(1000)"}',
        '{"$or": [{"a": 1}, {"$and": [{"$where": "1"}]}]}',
        '{"$expr": {"$function": {"body": "f", "args": [], "lang": "js"}}}',
        '{"a": {"$elemMatch": {"$nor": [{"$expr": [{"$accumulator": {}}]}]}}}',
    ],
)
def test_code_is_never_run(where: str) -> None:
    """At any depth."""
    with pytest.raises(ValueError, match=r"\$\w+ would run code: use plain query operators"):
        parse_where(where)


@pytest.mark.parametrize(
    "where",
    [
        "",
        "{",
        "[]",
        "3",
        '{"_id": {"$oid": "no"}}',
        '{"at": {"$date": {}}}',
        '{"at": {"$date": {"$numberLong": "99999999999999999999"}}}',
        '{"at": {"$numberDecimal": "no"}}',
        '{"at": {"$timestamp": {}}}',
        '{"at": 99999999999999999999}',
        '{"at": "\\ud800"}',
        '{"at": {"$binary": 3}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_filter_is_told(where: str) -> None:
    """One kind of error for every way in which extended JSON can be wrong."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_where(where)


@pytest.mark.parametrize("where", ['{"$foo": 1}', '{"title": {"$regex": "("}}', '{"a": {"$in": 3}}'])
async def test_a_filter_that_mongodb_refuses_is_told(database: Database, where: str) -> None:
    """What MongoDB says of it, and which option to correct."""
    with pytest.raises(StorageError, match=r"MongoDB does not take the filter \(.+\): correct --where"):
        await lines(database, where)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"venue": "ICE"}, "venue"),
        ({"arxiv": {"status": "ok", "license": "CC0"}}, "arxiv.license"),
        ({"citations": {"openalex": {"status": "perhaps"}}}, "citations.openalex.status"),
    ],
)
async def test_a_paper_of_another_version_is_told(database: Database, change: Document, place: str) -> None:
    """Which paper, which field and what to do; nothing of its content."""
    await database["papers"].insert_one({**stored(paper()), **change})
    sentence = rf"paper arxiv:2503\.00010 was written by another version or by hand \({place}: .*\): upgrade"
    with pytest.raises(StorageError, match=sentence) as caught:
        await lines(database)
    assert "ICE" not in str(caught.value)


# --- files ------------------------------------------------------------------------------------------------


def test_a_file_appears_whole(tmp_path: Path) -> None:
    """Until the last line is written the old file stands, and nothing else is left beside the new one."""
    path = tmp_path / "papers.jsonl"
    path.write_bytes(b"old\n")
    with export.target(path) as file:
        file.write(b"new\n" * 100_000)
        file.flush()
        assert path.read_bytes() == b"old\n"
    assert path.read_bytes() == b"new\n" * 100_000
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [StorageError("gone"), KeyboardInterrupt()], ids=["failed", "interrupted"])
def test_an_export_that_fails_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    """Whatever ended it; no half file is left behind."""
    path = tmp_path / "papers.jsonl"
    path.write_bytes(b"old\n")

    def failing() -> None:
        with export.target(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(type(error)):
        failing()
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"papers.jsonl": b"old\n"}


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that it leads to is replaced, not the link."""
    path, link = tmp_path / "papers.jsonl", tmp_path / "latest.jsonl"
    path.write_bytes(b"old\n")
    link.symlink_to(path)
    with export.target(link) as file:
        file.write(b"new\n")
    assert link.is_symlink()
    assert path.read_bytes() == b"new\n"


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    """What is no plain file, such as /dev/null, is written and never replaced."""
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    with export.target(pipe) as file:
        file.write(b"new\n")
    reader.join()
    assert heard == [b"new\n"]
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("papers.jsonl", True),
        ("folder/x", True),
        ("", False),
        ("folder", False),
        ("nowhere/x", False),
        ("file/x", False),
    ],
)
def test_a_file_is_checked_before_hours_of_work(
    tmp_path: Path, path: str, fine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What certainly cannot be written is told at once; nothing is created."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with nullcontext() if fine else pytest.raises(StorageError, match="choose another file for -o"):
        export.check(type(tmp_path)(path))
    assert {one.name for one in tmp_path.iterdir()} == {"folder", "file"}


@pytest.mark.parametrize("path", ["", "folder", "nowhere/papers.jsonl", "file/papers.jsonl"])
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first line; the sentence names the file and the option."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    relative = type(tmp_path)(path)
    with pytest.raises(StorageError, match=rf"^{relative} cannot be written \(.+\): choose another file for -o"):
        export.target(relative).__enter__()
