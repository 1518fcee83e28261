"""Dumps in parts: the first rows are judged, refusals are named or counted, what was stored is not read again."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from crawler import dumps
from crawler.dumps.parts import Part, parts
from crawler.layouts import LayoutChanged
from storage.documents import Listing, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from crawler.dumps.reading import Row

NAMED = Refusal(name="d.jsonl", digest="jsonl:0", reason="", detail="")


def rows(count: int, bad: Collection[int] = (), end: Exception | None = None) -> Iterator[Row]:
    """Lines of foreign JSON, some of them broken, and what happens after them."""
    offset = 0
    for number in range(1, count + 1):
        row = b"{" if number in bad else b'{"title": "Ice %d"}' % number
        yield number, offset, row
        offset += len(row) + 1
    if end:
        raise end


def read(count: int, bad: Collection[int] = (), begun: tuple[int, int] = (0, 0)) -> list[Part]:
    """The parts of such a file behind what was read of it before."""
    behind = (row for row in rows(count, bad) if row[0] > begun[0])
    return list(parts(behind, dumps.load("jsonl"), begun, NAMED))


def test_every_row_is_in_one_part() -> None:
    """Five hundred at most in each, in order; the last one says so, and may be empty."""
    found = read(1500)
    assert [(len(part.records), part.read, part.last) for part in found] == [
        (500, 500, False),
        (500, 1000, False),
        (500, 1500, False),
        (0, 1500, True),
    ]
    assert [one.position for part in found for one in part.records if isinstance(one, Listing)] == [*range(1, 1501)]


def test_a_bad_row_is_refused_with_its_place() -> None:
    """Its line, where it stands and how long it is, its hash and the reason; the others are read."""
    [part] = read(30, {7})
    assert (len(part.records), part.read, part.refused, part.untold) == (29, 30, 1, 0)
    [refused] = part.refusals
    assert (refused.reason, refused.line, refused.offset, refused.length) == ("record_shape", 7, 6 * 19, 1)
    assert (refused.name, refused.digest, len(refused.raw or "")) == ("d.jsonl", "jsonl:0", 64)


@pytest.mark.parametrize("share", [9, 10])
def test_a_tenth_of_the_first_thousand_rows_may_be_bad(share: int) -> None:
    """All others are handed on."""
    found = read(3000, [number for number in range(1, 1001) if number % 100 < share])
    assert (sum(len(part.records) for part in found), found[-1].refused) == (3000 - share * 10, share * 10)


def test_more_than_a_tenth_of_the_first_thousand_rows_bad() -> None:
    """Nothing is handed on, whatever follows: the file is refused, and says what is wrong with its first such row."""
    with pytest.raises(LayoutChanged) as refused:
        read(3000, [number for number in range(1, 1001) if number % 100 < 11])
    assert refused.value.reason == "wrong_format"
    assert "110 of the first 1000 rows are refused, so in row 1 record_shape: " in refused.value.detail


def test_later_rows_are_not_judged() -> None:
    """After a thousand good rows the file is what it says: of the others each is refused alone."""
    assert read(2000, range(1001, 2001))[-1].refused == 1000


def test_a_thousand_refusals_are_named_and_the_rest_counted() -> None:
    """Of 2,000 bad rows among 50,000; a crawl that goes on names as many as the first one left it."""
    bad = range(25, 50001, 25)
    found = read(50_000, bad)
    named = [one.line for part in found for one in part.refusals]
    assert named == list(bad)[:1000]
    assert (found[-1].refused, sum(part.untold for part in found)) == (2000, 1000)
    later = read(30_000, bad, begun=(20_000, 800))
    assert [one.line for part in later for one in part.refusals] == list(bad)[800:1000]
    assert (later[-1].refused, sum(part.untold for part in later)) == (1200, 1000)
    assert (later[0].read, sum(len(part.records) for part in later)) == (20_500, 9600)


def test_a_file_without_rows_is_refused() -> None:
    """Nothing was read; a crawl that had read everything has only its end to tell."""
    with pytest.raises(LayoutChanged) as refused:
        read(0)
    assert refused.value.reason == "no_records"
    assert read(700, begun=(700, 3)) == [Part([], [], 700, 3, 3, last=True)]


@pytest.mark.parametrize(
    ("end", "before"),
    [
        (lambda: LayoutChanged("compressed_broken", "cut short: pack it again"), [500, 500, 300]),
        (lambda: OSError(errno.EIO, "Input/output error"), [500, 500]),
    ],
)
def test_damage_is_told_after_the_rows_before_it(end: Callable[[], Exception], before: list[int]) -> None:
    """What was read before stays; within the first thousand rows nothing is handed on."""
    found = parts(rows(1300, end=end()), dumps.load("jsonl"), (0, 0), NAMED)
    assert [len(next(found).records) for _ in before] == before
    with pytest.raises(type(end())):
        next(found)
    with pytest.raises(type(end())):
        next(parts(rows(999, end=end()), dumps.load("jsonl"), (0, 0), NAMED))
