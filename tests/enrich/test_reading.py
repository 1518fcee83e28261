"""Values out of answers: of the documented type, or not understood; absent is never 0."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich import reading
from enrich.errors import NotUnderstood

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WRONG = object()
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (reading.count, 0, 0),
        (reading.count, 2**63 - 1, 2**63 - 1),
        (reading.count, 2**63, WRONG),
        (reading.count, -1, WRONG),
        (reading.count, 1.0, WRONG),
        (reading.count, "1", WRONG),
        (reading.count, True, WRONG),
        (reading.count, None, WRONG),
        (reading.flag, False, False),
        (reading.flag, True, True),
        (reading.flag, 0, WRONG),
        (reading.flag, "false", WRONG),
        (reading.flag, None, WRONG),
        (reading.text, "ice", "ice"),
        (reading.text, "", None),
        (reading.text, None, None),
        (reading.text, 7, WRONG),
        (reading.text, ["ice"], WRONG),
        (reading.part, {"a": 1}, {"a": 1}),
        (reading.part, None, {}),
        (reading.part, [], WRONG),
        (reading.part, "", WRONG),
        (reading.time, "2026-03-01T12:00:00Z", NOON),
        (reading.time, "2026-03-01T07:00:00-05:00", NOON),
        (reading.time, None, None),
        (reading.time, "", None),
        (reading.time, "2026-03-01T12:00:00", WRONG),
        (reading.time, "2026-03-01", WRONG),
        (reading.time, "2026-02-30T12:00:00Z", WRONG),
        (reading.time, "0001-01-01T00:00:00+05:00", WRONG),
        (reading.time, "9999-12-31T23:00:00-05:00", WRONG),
        (reading.time, 1772366400, WRONG),
    ],
)
def test_values(read: Callable[[dict[str, Any], str], Any], value: Any, expected: Any) -> None:
    """What is of another type is not understood, by its name."""
    if expected is WRONG:
        with pytest.raises(NotUnderstood, match=r"^stars is (no|neither)"):
            read({"stars": value}, "stars")
    else:
        found = read({"stars": value}, "stars")
        assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("value", [None, {}, "ice", [{"a": 1}, None], [[]]])
def test_rows_are_a_list_of_objects(value: Any) -> None:
    """All of them, or the answer is not understood; an empty list is one."""
    with pytest.raises(NotUnderstood, match=r"^no list of floes: "):
        reading.rows(value, "floes")
    assert reading.rows([], "floes") == []


@pytest.mark.parametrize(
    ("title", "asked"),
    [
        ('How Ice-Floes Grow: A Survey, of (all) | "floes"', "How Ice Floes Grow A Survey of all floes"),
        ("ti:ice AND -snow OR `frost`?!", "ti ice AND snow OR frost"),
        ("Don't Freeze: Ice's Growth in {\\em Z\\\"urich} at 3.5 K.", "Freeze Growth in Zürich at 3.5 K"),
        ("Snow of $\\mathcal{O}(n^2)$ Floes", "Snow of Floes"),
        ("Don't Freeze", "Don t Freeze"),
        ("Zu\u0308rich", "Zürich"),
        ("生成式 人工智能、综述", "生成式 人工智能 综述"),
        ("https://arxiv.org/abs/2406.01001", "https arxiv.org abs 2406.01001"),
        ("floe " * 400, ("floe " * 50).strip()),
        ("x" * 2000, "x" * 250),
    ],
)
def test_a_title_as_searches_take_it(title: str, asked: str) -> None:
    """Words alone, without those that an index may spell otherwise, and no more than are needed."""
    assert reading.query(title) == asked


@pytest.mark.parametrize("title", ["", "?!", "$^_$", "—", "™", "№ ㎏"])
def test_a_title_of_symbols_alone_is_not_asked_for(title: str) -> None:
    """Nothing would be left of it."""
    assert reading.query(title) == ""


@given(st.text())
def test_a_query_is_always_words(title: str) -> None:
    """Whatever a title holds: no operator of any search, and a bounded length."""
    asked = reading.query(title)
    assert len(asked) <= reading.LONGEST_QUERY
    assert all(one.isalnum() or one in " ." for one in asked)


@pytest.mark.parametrize("read", [reading.count, reading.flag])
def test_what_must_be_there(read: Callable[[dict[str, Any], str], Any]) -> None:
    """A key that is absent is not understood."""
    with pytest.raises(NotUnderstood):
        read({}, "stars")


@given(anything)
def test_nothing_else_is_raised(value: Any) -> None:
    """Whatever JSON holds."""
    for read in (reading.count, reading.flag, reading.text, reading.part, reading.time):
        try:
            read({"stars": value}, "stars")
        except NotUnderstood:
            continue


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0", 0),
        (" 12\n", 12),
        ("9" * 15, 10**15 - 1),
        ("9" * 16, None),
        ("", None),
        ("-1", None),
        ("1.0", None),
        ("²", None),
    ],
)
def test_digits(written: str, number: int | None) -> None:
    """Whole numbers as headers and feeds write them."""
    assert reading.digits(written) == number
