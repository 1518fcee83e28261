"""A dump in parts of one bulk write each: what its rows say, which were refused, how far it was read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeAlias

from crawler.layouts import LayoutChanged
from storage import raw
from storage.documents import Listing, Merged, Paper, Refusal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from crawler.dumps import Layout
    from crawler.dumps.reading import Row

SIZE = 500
JUDGED = 1000
"""Rows that are read before any is handed on ..."""
BROKEN = 0.1
"""... and the share of them that may be refused: with more, the file is no such dump."""
NAMED = 1000
"""Refused rows of a file that are told one by one; the rest is counted."""

Record: TypeAlias = Listing | Paper | Merged
Read: TypeAlias = tuple[int, Record | Refusal]
"""A row's position, and what it says or why it was refused."""


@dataclass(frozen=True)
class Part:
    """Some rows of a dump."""

    records: Sequence[Record]
    refusals: Sequence[Refusal]
    """Of the rows refused among these."""
    read: int
    """The position of the last row of the file up to here."""
    refused: int
    """Rows of the file refused up to here."""
    untold: int
    """Refused rows among these beyond those named; in the first part also all of a crawl that did not end."""
    last: bool


def parts(rows: Iterable[Row], layout: Layout, begun: tuple[int, int], named: Refusal) -> Generator[Part]:
    """Rows in order. Raises LayoutChanged: for a file of another layout, or where it is damaged.

    begun: `read` and `refused` of the last part that was stored, whose rows are left out; (0, 0) to begin.
    named: what the refusals of rows have in common.
    """
    (read, refused), untold = begun, begun[1]
    results: Iterator[Read] = map(partial(_read, layout, named), rows)
    if not read:
        results = _judged(results)
    for batch, last in _batches(results):
        refusals = [one for _, one in batch if isinstance(one, Refusal)]
        told = refusals[: max(NAMED - refused, 0)]
        refused, untold = refused + len(refusals), untold + len(refusals) - len(told)
        read = batch[-1][0] if batch else read
        yield Part([one for _, one in batch if not isinstance(one, Refusal)], told, read, refused, untold, last)
        untold = 0


def _read(layout: Layout, named: Refusal, row: Row) -> Read:
    position, offset, content = row
    try:
        return position, layout.read(content, position)
    except LayoutChanged as why:
        place = {"line": position, "offset": offset, "length": len(content), "raw": raw.digest_of(content)}
        return position, named.model_copy(update={**vars(why), **place})


def _judged(results: Iterator[Read]) -> Iterator[Read]:
    """The same rows, unless too many of the first are refused."""
    first = list(islice(results, JUDGED))
    refusals = [one for _, one in first if isinstance(one, Refusal)]
    if not first:
        raise LayoutChanged("no_records", "it holds no rows: check the file")
    if len(refusals) > BROKEN * len(first):
        told = f"{len(refusals)} of the first {len(first)} rows are refused, so in row {refusals[0].line}"
        why = f"{refusals[0].reason}: {refusals[0].detail}"
        raise LayoutChanged("wrong_format", f"{told} {why}: mend them, or name another --layout")
    return chain(first, results)


def _batches(results: Iterable[Read]) -> Iterator[tuple[list[Read], bool]]:
    """So many at a time, and whether they are the last; those before the damage, too, where there is any."""
    batch: list[Read] = []
    try:
        for one in results:
            batch.append(one)
            if len(batch) == SIZE:
                yield batch, False
                batch = []
    except LayoutChanged:
        if batch:
            yield batch, False
        raise
    yield batch, True
