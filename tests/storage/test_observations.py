"""The history of metrics: spans of days, which a merged paper takes along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage import observations
from storage.observations import Measurement

if TYPE_CHECKING:
    from storage.connect import Database

OLD, NEW = "title:0011223344556677~00112233", "arxiv:2503.00010"
FLOE = "https://github.com/Ice/Floe"


def stars(value: int, day: int, *, paper: str = OLD, url: str = FLOE) -> Measurement:
    """The stars of a repository on a day of April."""
    return Measurement(paper, "github", "stars", value, f"2026-04-{day:02}", url)


async def record(database: Database, *measurements: Measurement) -> None:
    """One after the other, as different runs do."""
    for one in measurements:
        await observations.record(database, [one])


async def spans(database: Database, **query: str) -> list[tuple[int, int, int]]:
    """(value, first day, last day) of what is stored, in order."""
    found = database["observations"].find(query).sort([("first_day", 1), ("_id", 1)])
    return [(one["value"], int(one["first_day"][-2:]), int(one["last_day"][-2:])) async for one in found]


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ([(5, 1)], [(5, 1, 1)]),
        ([(5, 1), (5, 1)], [(5, 1, 1)]),
        ([(5, 1), (5, 4)], [(5, 1, 4)]),
        ([(5, 1), (5, 4), (7, 6)], [(5, 1, 4), (7, 6, 6)]),
        ([(5, 1), (7, 2), (5, 3)], [(5, 1, 1), (7, 2, 2), (5, 3, 3)]),
        ([(0, 1), (0, 2)], [(0, 1, 2)]),
        ([(5, 1), (7, 1)], [(7, 1, 1)]),  # the last word of a day stands
        ([(5, 1), (5, 3), (7, 3), (7, 5)], [(5, 1, 3), (7, 3, 5)]),
        ([(5, 4), (5, 2)], [(5, 4, 4)]),  # an answer that was overtaken tells nothing new
    ],
)
async def test_spans(database: Database, measured: list[tuple[int, int]], expected: list[tuple[int, int, int]]) -> None:
    """An unchanged value extends its span, another begins one; days between two spans were not measured."""
    await record(database, *(stars(value, day) for value, day in measured))
    assert await spans(database) == expected


async def test_series_stand_apart(database: Database) -> None:
    """Papers, providers, metrics and repositories have histories of their own, also within one write."""
    rime = "https://github.com/Ice/Rime"
    both = [stars(5, 1), stars(6, 1, url=rime), Measurement(OLD, "openalex", "citations", 5, "2026-04-01")]
    await observations.record(database, both)
    await observations.record(database, [stars(5, 2), stars(7, 2, url=rime)])
    assert await spans(database, url=FLOE) == [(5, 1, 2)]
    assert await spans(database, url=rime) == [(6, 1, 1), (7, 2, 2)]
    assert await spans(database, metric="citations") == [(5, 1, 1)]


@pytest.mark.parametrize(
    "others",
    [[], [(5, 1)], [(9, 7)]],
    ids=["into none", "into the same, as after a kill", "beside others"],
)
async def test_a_merged_paper_takes_its_history_along(database: Database, others: list[tuple[int, int]]) -> None:
    """Every span moves once, with what stands in it; moving again changes nothing, and new values go on."""
    await record(database, stars(5, 1), stars(5, 3), stars(7, 5))
    await record(database, *(stars(value, day, paper=NEW) for value, day in others))
    for _ in range(2):
        await observations.move(database, {OLD: NEW})
    beside = [(value, day, day) for value, day in others if value == 9]
    assert await spans(database) == await spans(database, paper=NEW) == [(5, 1, 3), (7, 5, 5), *beside]
    await record(database, stars(9, 8, paper=NEW))
    assert (await spans(database))[-1][2] == 8
    [span] = [one async for one in database["observations"].find({"value": 5})]
    series = f"{NEW} github stars {FLOE}"
    assert (span["_id"], span["series"], span["url"]) == (f"{series} 2026-04-01", series, FLOE)
