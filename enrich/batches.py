"""Questions in batches: cut from a stream, and halved until a bad one stands alone."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

from enrich.errors import BadBatch, EnrichError, NotUnderstood, TrySmaller

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
    parts = deque([questions])
    while parts:
        part = parts.popleft()
        try:
            answer = await ask(part)
        except EnrichError as error:
            half = len(part) // 2
            if half and isinstance(error, BadBatch | NotUnderstood):
                parts.extendleft((part[half:], part[:half]))
            elif half and isinstance(error, TrySmaller):
                # After all other parts: then one bad question fails twice in a row at most, a server that is down on.
                parts.extend((part[:half], part[half:]))
            else:
                yield part, error
        else:
            yield part, answer
