"""What holds for every layout of dumps. A new module of crawler/dumps is tested here as soon as it is there."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import dumps, layouts
from crawler.dumps import reading
from crawler.layouts import LayoutChanged
from tests.conftest import fixture_cases, fixture_path
from tests.test_structure import ROOT, imported

if TYPE_CHECKING:
    from storage.documents import Listing, Merged, Paper

ANSWER = ".expected.json"
NAMES = dumps.names()


def cases_of(name: str) -> list[str]:
    """The golden inputs of a layout, of dumps or of pages."""
    return [case for case in fixture_cases(name.replace("-", "_"), "*") if not case.endswith(ANSWER)]


OWN = [(name, case) for name in NAMES for case in cases_of(name)]
PAGES = [case for name in layouts.names() for case in cases_of(name)]


def rows_of(name: str, case: str) -> list[reading.Row]:
    """The rows of a golden file."""
    with fixture_path(case).open("rb") as file:
        return list(reading.rows(file, dumps.load(name).FORM))


def outcome(name: str, row: bytes) -> Listing | Paper | Merged | None:
    """What a row says, None where it is refused. Any other exception fails the test."""
    try:
        return dumps.load(name).read(row, 1)
    except LayoutChanged:
        return None


@pytest.mark.parametrize("name", NAMES)
def test_layout_is_three_constants_and_a_function(name: str) -> None:
    """A layout says its form, its keys and whether every row counts, and reads a row; it knows no file and no clock."""
    layout = dumps.load(name)
    assert layout.FORM in ("lines", "array")
    assert layout.KEYS
    assert isinstance(layout.EVERY, bool)
    assert list(inspect.signature(layout.read).parameters) == ["row", "position"]
    module = inspect.getmodule(layout.read)
    assert inspect.getdoc(module), f"begin crawler/dumps/{name}.py with what it reads"
    path = Path(inspect.getfile(layout.read)).relative_to(ROOT)
    assert not set(imported(path)) & {"scrapy", "pathlib", "os", "io", "time", "random", "asyncio", "socket"}
    assert cases_of(name), f"add rows of this layout, written by us, as tests/fixtures/{name}/<case>.jsonl (or .json)"


@pytest.mark.parametrize(("name", "case"), OWN)
def test_golden_rows(name: str, case: str) -> None:
    """A golden file is recognised, its rows stand where they are said to, and are read to the answer beside it."""
    content = fixture_path(case).read_bytes()
    assert dumps.layout_of(content) == name
    rows = rows_of(name, case)
    assert all(content[offset : offset + len(row)] == row for _, offset, row in rows)
    answer = fixture_path(f"{case.rpartition('.')[0]}{ANSWER}")
    assert answer.is_file(), f"add {answer.name}: a list of model_dump(mode='json', exclude_defaults=True) of its rows"
    read = [dumps.load(name).read(row, position) for position, _, row in rows]
    told = [one.model_dump(mode="json", exclude_defaults=True) for one in read]
    assert told == json.loads(answer.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "case"), OWN)
def test_dumps_are_no_pages(name: str, case: str) -> None:
    """No layout of pages takes a dump, nor the first line of one, for its own."""
    text = fixture_path(case).read_text(encoding="utf-8")
    first = text.partition("\n")[0] if dumps.load(name).FORM == "lines" else text
    assert [one for one in layouts.names() if layouts.load(one).matches(text) or layouts.load(one).matches(first)] == []


@pytest.mark.parametrize("case", PAGES)
def test_pages_are_no_dumps(case: str) -> None:
    """A golden page of any layout is not taken for a dump, whatever its line breaks."""
    content = fixture_path(case).read_bytes()
    assert dumps.layout_of(content) is None
    if case.endswith(".json"):
        assert dumps.layout_of(json.dumps(json.loads(content)).encode()) is None


ROWS = st.sampled_from([(name, row) for name, case in OWN for _, _, row in rows_of(name, case)])


@settings(deadline=None)
@given(ROWS, st.data())
def test_a_row_that_is_cut_is_refused(golden: tuple[str, bytes], data: st.DataObject) -> None:
    """Wherever the row of any layout ends too soon, nothing of it is taken."""
    name, row = golden
    whole = row.rstrip()
    assert outcome(name, whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@settings(deadline=None)
@given(ROWS, st.data())
def test_a_damaged_row_is_refused_or_says_what_it_says(golden: tuple[str, bytes], data: st.DataObject) -> None:
    """Bytes lost, changed or put in: refused, or read as the standard library reads the same JSON."""
    name, row = golden
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(row)))
        lost = data.draw(st.integers(0, 3))
        row = row[:at] + data.draw(st.sampled_from(NOISE) | st.binary(max_size=3)) + row[at + lost :]
    try:
        plain = json.dumps(json.loads(row.decode("utf-8-sig"))).encode()
    except (ValueError, RecursionError):
        assert outcome(name, row) is None
    else:
        assert outcome(name, row) == outcome(name, plain)


NOISE = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"0",
    b"-",
    b"null",
    b"\0",
]
