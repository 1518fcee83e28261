"""What reading a saved page of Hugging Face costs, as a ratio to `lxml.html.fromstring` of the same text.

    python -m benchmarks.html [PATH...]        exit status 1 when the bar is missed

Both take turns on every page of every round, so that a slow moment of the machine falls on each; CPU time, medians.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

import lxml.html

from crawler.layouts import _hf, hf_props

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAGES = Path(__file__).parents[2] / "shared" / "data" / "hf_daily_html"
ROUNDS, BAR = 15, 2.2


def ours(text: str) -> object:
    """Recognised and read, from the text on."""
    _hf.targets.cache_clear()
    return hf_props.matches(text) and hf_props.parse(text)


def seconds(job: Callable[[str], object], text: str) -> float:
    """CPU time of one job on one page."""
    start = process_time()
    job(text)
    return process_time() - start


def main(arguments: Sequence[str]) -> int:
    """Print the ratio; the exit status."""
    paths = [Path(argument) for argument in arguments] or sorted(PAGES.glob("*.html"))
    if not paths:
        print(f"no saved pages in {PAGES}: name some", file=sys.stderr)
        return 2
    texts = [path.read_text(encoding="utf-8") for path in paths]
    rounds = []
    for _ in range(ROUNDS):
        pairs = [(seconds(lxml.html.fromstring, text), seconds(ours, text)) for text in texts]
        floor, cost = map(sum, zip(*pairs, strict=True))
        rounds.append(cost / floor)
    ratio = median(rounds)
    print(f"{len(paths)} pages, {ROUNDS} rounds: {ratio:.2f}, bar {BAR}{'' if ratio <= BAR else '   missed'}")
    return int(ratio > BAR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
