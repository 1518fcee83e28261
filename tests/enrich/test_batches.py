"""Batches: cut from a stream, and halved so that of a whole batch exactly the bad members fail."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.batches import ask_halving, batched
from enrich.errors import BadBatch, EnrichError, NotUnderstood, PutOff, Refused, TryLater, TrySmaller, Unreachable
from enrich.http import CIRCUIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

SPLITTING = (BadBatch, NotUnderstood, TrySmaller)


class Asked:
    """A provider that fails over every batch with a bad member, and the batches it was asked for."""

    def __init__(self, bad: set[int], error: type[EnrichError]) -> None:
        self.bad, self.error = bad, error
        self.batches: list[Sequence[int]] = []

    async def ask(self, questions: Sequence[int]) -> list[int]:
        """The questions, each doubled."""
        self.batches.append(questions)
        if self.bad.intersection(questions):
            raise self.error("bad")
        return [2 * one for one in questions]

    @property
    def longest_failure(self) -> int:
        """How many batches failed in a row."""
        failed = [bool(self.bad.intersection(batch)) for batch in self.batches]
        return max((len(list(run)) for bad, run in groupby(failed) if bad), default=0)


async def stream(size: int) -> AsyncIterator[int]:
    """The numbers up to a size."""
    for number in range(size):
        yield number


@pytest.mark.parametrize(("size", "sizes"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3])])
async def test_a_stream_is_cut_into_batches(size: int, sizes: list[int]) -> None:
    """In its order, the last one shorter, none empty."""
    batches = [batch async for batch in batched(stream(size), 3)]
    assert [len(batch) for batch in batches] == sizes
    assert [one for batch in batches for one in batch] == list(range(size))


@given(st.integers(1, 60), st.sets(st.integers(0, 59)), st.sampled_from(SPLITTING))
async def test_exactly_the_bad_fail(size: int, bad: set[int], kind: type[EnrichError]) -> None:
    """Each question is answered once, in the order of its part; a bad one stands alone with its error."""
    provider = Asked(bad, kind)
    ends = [end async for end in ask_halving(provider.ask, range(size))]
    assert sorted(one for part, _ in ends for one in part) == list(range(size))
    for part, answer in ends:
        assert answer == [2 * one for one in part] or (len(part) == 1 and isinstance(answer, kind))
    failed = {one for part, answer in ends for one in part if isinstance(answer, EnrichError)}
    assert failed == bad & set(range(size))


@given(st.integers(1, 1000), st.data())
async def test_one_bad_member_costs_little(size: int, data: st.DataObject) -> None:
    """Two requests for each halving; and never as many failures in a row as close the door."""
    provider = Asked({data.draw(st.integers(0, size - 1))}, data.draw(st.sampled_from(SPLITTING)))
    assert [end async for end in ask_halving(provider.ask, range(size))]
    assert len(provider.batches) <= 1 + 2 * size.bit_length()
    if provider.error is TrySmaller:
        assert provider.longest_failure < CIRCUIT


async def test_answers_that_are_not_understood_keep_their_order() -> None:
    """The next part is the next in the batch: what was answered is stored, whatever happens later."""
    provider = Asked({0, 5}, NotUnderstood)
    ends = [part async for part, _ in ask_halving(provider.ask, range(8))]
    assert [one for part in ends for one in part] == list(range(8))


@pytest.mark.parametrize("kind", [TryLater, Unreachable, Refused, PutOff])
async def test_what_no_smaller_batch_avoids_fails_whole(kind: type[EnrichError]) -> None:
    """A provider that is down or has shut us out is not asked again in halves."""
    provider = Asked({3}, kind)
    [(part, answer)] = [end async for end in ask_halving(provider.ask, range(8))]
    assert (list(part), type(answer), len(provider.batches)) == (list(range(8)), kind, 1)


async def test_other_errors_pass() -> None:
    """A mistake of ours is no answer of theirs."""

    async def mistaken(_: Sequence[int]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        assert [end async for end in ask_halving(mistaken, range(8))]
