"""What reading text copies costs, as a ratio to the least there is to do: `str.splitlines()` of them.

    python -m benchmarks.layouts [PATH...]        exit status 1 when a bar is missed

All three take turns in every round, so that a slow moment of the machine falls on each; CPU time, medians.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

from crawler.layouts import _text, text_a, text_b

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SEEDS = Path(__file__).parents[2] / "shared" / "seeds"
ROUNDS, REPEATS = 15, 30
BARS = {"rows (plain tuples)": 4.0, "parse (validated page)": 8.0}
"""The most that each may cost, in units of splitlines()."""


def jobs(text: str) -> tuple[Callable[[], object], ...]:
    """The floor and what is measured against it, for one text."""
    layout = next(layout for layout in (text_a, text_b) if layout.matches(text))
    rows = partial(_text.rows, text, meta=layout is text_b)
    return text.splitlines, rows, partial(layout.parse, text)


def seconds(job: Sequence[Callable[[], object]]) -> float:
    """CPU time of one job over all texts, many times."""
    start = process_time()
    for _ in range(REPEATS):
        for step in job:
            step()
    return process_time() - start


def ratios(texts: Sequence[str]) -> list[float]:
    """How often the floor fits into each job: the median of the rounds."""
    floor, *others = zip(*map(jobs, texts), strict=True)
    rounds = []
    for _ in range(ROUNDS):
        least = seconds(floor)
        rounds.append([seconds(job) / least for job in others])
    return [median(column) for column in zip(*rounds, strict=True)]


def main(arguments: Sequence[str]) -> int:
    """Print the table; the exit status."""
    paths = [Path(argument) for argument in arguments] or sorted(SEEDS.glob("*.txt"))
    if not paths:
        print(f"no text copies in {SEEDS}: name some", file=sys.stderr)
        return 2
    measured = ratios([path.read_text(encoding="utf-8") for path in paths])
    print(f"{len(paths)} text copies, {ROUNDS} rounds   ratio   bar")
    for (name, bar), ratio in zip(BARS.items(), measured, strict=True):
        print(f"{name:29}{ratio:7.2f}{bar:6.1f}{'' if ratio <= bar else '   missed'}")
    return int(any(ratio > bar for bar, ratio in zip(BARS.values(), measured, strict=True)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
