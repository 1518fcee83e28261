"""Turns at a provider: however many ask at once, from however many processes, never too soon and never too often."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest

from storage import providers
from storage.providers import LONG_AGO, ONE_DAY, Turn, take_turn

if TYPE_CHECKING:
    from storage.connect import Database, Document

INTERVAL = 0.02  # seconds


class Watched:
    """The collection itself, remembering what each request for a turn came back with."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.seen: list[Document] = []

    def __getitem__(self, name: str) -> Watched:
        """Every collection of it is watched."""
        assert name == "providers"
        return self

    async def find_one_and_update(self, *arguments: Any, **options: Any) -> Any:
        """Pass it on."""
        document: Any = await self.database["providers"].find_one_and_update(*arguments, **options)
        self.seen.append(document)
        return document


async def take(database: Any, asker: str = "me", *, interval: float = 0.0, hold: float | None = None) -> Turn:
    """Ask once for a turn at arXiv."""
    return await take_turn(cast("Database", database), "arxiv", asker, interval=interval, hold=hold)


async def granted(database: Any, asker: str = "me", *, interval: float = 0.0) -> None:
    """Ask until the turn comes."""
    while not (await take(database, asker, interval=interval)).granted:
        pass


async def test_starts_are_never_closer_than_the_interval(database: Database) -> None:
    """Twelve takers at once: on the server's clock each start is an interval after the one before."""
    watched = Watched(database)
    await asyncio.gather(*(granted(watched, str(number), interval=INTERVAL) for number in range(12)))
    starts = sorted(one["asked_at"] for one in watched.seen if one["granted"])
    assert len(starts) == 12
    assert all((later - earlier).total_seconds() >= INTERVAL for earlier, later in pairwise(starts))


async def test_who_comes_too_soon_is_told_how_long_to_wait(database: Database) -> None:
    """Not longer than the interval, and for want of no budget."""
    assert await take(database, interval=60) == Turn(granted=True)
    told = await take(database, interval=60)
    assert not told.granted
    assert 50 < told.wait <= 60
    assert (told.spent, told.reason) == (False, None)


@pytest.mark.parametrize(
    ("holds", "wait", "reason"),
    [
        ([(100.0, "HTTP 429")], 100, "HTTP 429"),
        ([(100.0, "HTTP 429"), (200.0, "HTTP 503")], 200, "HTTP 503"),
        ([(200.0, "HTTP 503"), (100.0, "HTTP 429")], 200, "HTTP 503"),
        ([(1e12, "see you next century")], ONE_DAY, "see you next century"),
        ([(60.0, "$asked_at")], 60, "$asked_at"),
    ],
)
async def test_a_told_wait_holds_everybody_and_is_never_shortened(
    database: Database, holds: list[tuple[float, str]], wait: float, reason: str
) -> None:
    """The longest stands with its reason, which is text whatever it looks like; nobody waits longer than a day."""
    for seconds, why in holds:
        await providers.hold_back(database, "arxiv", seconds, why)
    told = await take(database, "anybody")
    assert not told.granted
    assert wait - 10 < told.wait <= wait
    assert (told.reason, told.spent) == (reason, False)


async def test_providers_wait_apart(database: Database) -> None:
    """What one told is nothing to another."""
    await providers.hold_back(database, "openalex", 100, "HTTP 429")
    assert (await take(database)).granted


async def decided(database: Database, asker: str) -> Turn:
    """A turn, or the word that none is left.

    MongoDB sets an update's time once: one that was overtaken and tried again is told to come a millisecond later.
    """
    while True:
        turn = await take(database, asker)
        if turn.granted or turn.spent:
            return turn


async def test_a_budget_is_spent_to_the_last_and_no_further(database: Database) -> None:
    """Of twenty who ask at once for the five that are left, five are let in; the others are told when."""
    await providers.note_budget(database, "arxiv", remaining=5, resets_in=1000)
    turns = await asyncio.gather(*(decided(database, str(number)) for number in range(20)))
    assert sum(turn.granted for turn in turns) == 5
    refused = [turn for turn in turns if not turn.granted]
    assert all(turn.spent and 900 < turn.wait <= 1000 for turn in refused)


async def test_a_budget_begins_anew(database: Database) -> None:
    """Once its time has come, what was left before no longer counts."""
    await providers.note_budget(database, "arxiv", remaining=0, resets_in=100)
    assert (await take(database)).spent
    await database["providers"].update_one({"_id": "arxiv"}, {"$set": {"resets_at": LONG_AGO}})
    assert [(await take(database)).granted for _ in range(3)] == [True] * 3


@pytest.mark.parametrize(
    ("remaining", "resets_in", "known"),
    [(5, 3000, True), (9, 3059, True), (4, 3000, False), (5, 3061, False), (9, 6600, False), (9, 0, False)],
)
def test_only_news_of_a_budget_is_noted(remaining: int, resets_in: float, known: bool) -> None:
    """That less is left than was counted, or of another span; where nobody told of a budget, everything is."""
    assert Turn(True, remaining=5, resets_in=3000.0).tells(remaining, resets_in) is known
    assert not Turn(True, resets_in=3000.0).tells(remaining, resets_in)


async def test_a_turn_tells_what_is_left_after_it(database: Database) -> None:
    """And for how long; nothing where the budget has begun anew."""
    await providers.note_budget(database, "github", 7, 3000)
    turn = await take(database)
    assert (turn.remaining, turn.tells(6, 3000), turn.tells(5, 3000)) == (None, False, False)
    turn = await take_turn(database, "github", "me", interval=0.0, hold=None)
    assert (turn.remaining, turn.tells(6, 3000), turn.tells(5, 3000)) == (6, True, False)


async def test_only_one_holds_a_single_connection(database: Database) -> None:
    """Others wait until it is given back; who does not hold it cannot give it back or renew it."""
    assert (await take(database, "first", hold=100)).granted
    await providers.give_back(database, "arxiv", "second")
    await providers.renew(database, "arxiv", "second", 1000)
    told = await take(database, "second", hold=100)
    assert (told.granted, told.spent) == (False, False)
    assert told.wait > 0
    assert (await take(database, "first", hold=100)).granted
    await providers.give_back(database, "arxiv", "first")
    assert (await take(database, "second", hold=100)).granted


async def test_a_dead_holder_is_not_waited_for(database: Database) -> None:
    """Its hold ends by itself, and what it gives back later is no longer its own; a renewed one goes on."""
    assert (await take(database, "killed", hold=0.0)).granted
    assert (await take(database, "next", hold=0.0)).granted
    await providers.renew(database, "arxiv", "next", 100)
    await providers.give_back(database, "arxiv", "killed")
    assert not (await take(database, "third", hold=100)).granted


async def test_one_of_many_is_let_in_to_a_single_connection(database: Database) -> None:
    """Twenty at once: the hold and the start are one atomic update."""
    turns = await asyncio.gather(*(take(database, str(number), hold=100) for number in range(20)))
    assert sum(turn.granted for turn in turns) == 1
