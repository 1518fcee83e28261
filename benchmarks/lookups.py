"""The speed of the local index over 559,230 titles, beside a small baseline; and what building and opening it takes.

    python -m benchmarks.lookups        exit status 1 when a bar is missed

The baseline is tantivy's default tokenizer, any of a title's words, the best 20, and of these the one that
`rapidfuzz.ratio` finds most alike, all titles in memory (`pip install --group benchmark`). Both take turns in every
round; CPU time, medians.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import tantivy
from rapidfuzz import fuzz

from benchmarks.titles import all_titles, answer, hard_rows, look_up, report
from enrich import evidence
from enrich.evidence import Described
from storage.title_index import NAME, TitleIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.titles import Bar, Row

ROUNDS, RATIO = 9, 2.0
THRESHOLDS = range(70, 100, 3)
"""From so many percent on the baseline's answer is taken for the paper."""
MISSPELT = "Attention Is All You Nede"


class Scores(NamedTuple):
    """Of all titles: the right paper found, a wrong one, and nothing where nothing is there."""

    right: int
    wrong: int
    nothing: int


def building(folder: Path) -> Iterator[Bar]:
    """Build the index of all titles as a user does, and open it in a fresh process."""
    with (folder / "titles.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": one, "title": title}) + "\n" for one, title in all_titles())
    command = [str(Path(sys.executable).with_name("paperharvest")), "index", "build", file.name]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | {"PAPERHARVEST_DATA_DIR": str(folder)})  # noqa: S603 - our own
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    assert status == 0
    opening = [sys.executable, "-m", "benchmarks.lookups", str(folder)]
    opened = int(subprocess.run(opening, check=True, capture_output=True).stdout) / 2**10  # noqa: S603 - our own
    peak, size = usage.ru_maxrss / 2**10, (folder / NAME).stat().st_size / 2**20
    yield "building, seconds", wall, wall <= 90, "<= 90"
    yield "... of CPU", usage.ru_utime + usage.ru_stime, True, ""
    yield "building, peak MiB", peak, peak <= 1430, "<= 1430"
    yield "its file, MiB", size, True, ""
    yield "opening and one look-up, MiB", opened, opened <= 47, "<= 47"


def opening(folder: Path) -> int:
    """How much the peak of this process grows, KiB."""
    before = peak()
    look_up(Described(MISSPELT), TitleIndex(folder))
    return peak() - before


def peak() -> int:
    """Of this process, KiB; `ru_maxrss` is that of its parent where that is larger."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))[0])


def baseline(titles: Sequence[tuple[str, str]], folder: Path) -> Callable[[str], tuple[float, str | None]]:
    """The most alike title's share in percent, and its paper."""
    schema = tantivy.SchemaBuilder().add_unsigned_field("n", stored=True).add_text_field("title").build()
    index = tantivy.Index(schema, path=str(folder))
    writer = index.writer(200_000_000, 1)
    for n, (_, title) in enumerate(titles):
        writer.add_document(tantivy.Document(n=n, title=title))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def best(title: str) -> tuple[float, str | None]:
        any_of = [
            (tantivy.Occur.Should, tantivy.Query.term_query(schema, "title", word))
            for word in re.findall(r"\w+", title.lower())
        ]
        hits = searcher.search(tantivy.Query.boolean_query(any_of), 20, count=False).hits
        found = (titles[searcher.doc(address)["n"][0]] for _, address in hits)
        return max(((fuzz.ratio(title, other), arxiv_id) for arxiv_id, other in found), default=(0.0, None))

    return best


def speed(rows: Sequence[Row], index: TitleIndex, theirs: Callable[[str], tuple[float, str | None]]) -> Iterator[Bar]:
    """Print each round's speed, and return the ratio."""
    titles = [row["query_title"] for row in rows]
    random.Random(1).shuffle(titles)  # noqa: S311 - the same order each time
    ratios = []
    for _ in range(ROUNDS):
        evidence._spelt.cache_clear()  # noqa: SLF001 - each round spells its titles anew
        ours = seconds(lambda: [look_up(Described(title), index) for title in titles])
        floor = seconds(lambda: [theirs(title) for title in titles])
        ratios.append(floor / ours)
        print(f"{len(titles) / ours:8.0f} look-ups a CPU second, the baseline {len(titles) / floor:.0f}")
    yield "look-ups / the baseline's", median(ratios), median(ratios) >= RATIO, f">= {RATIO}"


def seconds(job: Callable[[], object]) -> float:
    """CPU time of one turn."""
    start = time.process_time()
    job()
    return time.process_time() - start


def accuracy(
    rows: Sequence[Row], index: TitleIndex, theirs: Callable[[str], tuple[float, str | None]]
) -> Iterator[Bar]:
    """Print how often each is right about the same bare titles: what it accepts, and what it finds first."""
    found = [look_up(Described(row["query_title"]), index) for row in rows]
    guessed = [theirs(row["query_title"]) for row in rows]
    right = [row["right_id"] for row in rows]

    def scores(told: Sequence[str | None]) -> Scores:
        pairs = list(zip(told, right, strict=True))
        return Scores(
            sum(one is not None and one == each for one, each in pairs),
            sum(one not in (None, each) for one, each in pairs),
            sum(one is None and each is None for one, each in pairs),
        )

    ours = scores([answer(one) for one in found])
    first = scores([one.candidates[0].arxiv_id if one.candidates else None for one in found])
    others = {at: scores([one if score >= at else None for score, one in guessed]) for at in THRESHOLDS}
    their_first = scores([one for _, one in guessed])
    print(f"{len(rows)} titles{'':24}{'right':>8}{'wrong':>8}{'nothing, rightly':>18}")
    for name, each in (
        ("ours", ours),
        *((f"baseline, from {at} % on", each) for at, each in others.items()),
    ):
        print(f"{name:34}{each.right:8}{each.wrong:8}{each.nothing:18}")
    print(f"the right one first: ours {first.right}, the baseline {their_first.right}")
    best = max(each.right - each.wrong for each in others.values())
    least = min(each.wrong for each in others.values())
    yield "right less wrong", ours.right - ours.wrong, ours.right - ours.wrong >= best, f">= {best}"
    yield "wrong", ours.wrong, ours.wrong <= least, f"<= {least}"
    yield "the right one first", first.right, first.right >= their_first.right, f">= {their_first.right}"


def main(arguments: Sequence[str]) -> int:
    """Print the tables; the exit status."""
    if arguments:
        print(opening(Path(arguments[0])))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder, rows = Path(temporary), hard_rows()
        built = list(building(folder))  # before this process grows: a child's peak is at least its parent's
        index, theirs = TitleIndex(folder), baseline(all_titles(), folder)
        there = [row for row in rows if "removed_id" not in row]
        return report([*built, *speed(rows, index, theirs), *accuracy(there, index, theirs)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
