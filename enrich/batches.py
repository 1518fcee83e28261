"""Questions in batches: cut from a stream, and halved until a bad one stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from enrich.errors import BadBatch, EnrichError, NotUnderstood

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

Q = TypeVar("Q")
R = TypeVar("R")


async def batched(stream: AsyncIterator[Q], size: int) -> AsyncIterator[list[Q]]:
    """The stream in lists of `size`, the last one shorter."""
    batch: list[Q] = []
    async for one in stream:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def ask_halving(
    ask: Callable[[Sequence[Q]], Awaitable[R]], questions: Sequence[Q]
) -> AsyncIterator[tuple[Sequence[Q], R | EnrichError]]:
    """Every part of the batch with its answer, or with the error that nothing smaller could avoid."""
    try:
        yield questions, await ask(questions)
    except (BadBatch, NotUnderstood) as error:
        if len(questions) == 1:
            yield questions, error
            return
        half = len(questions) // 2
        for part in (questions[:half], questions[half:]):
            async for answered in ask_halving(ask, part):
                yield answered
    except EnrichError as error:
        yield questions, error
