"""How often a bare title whose paper is not in the index is taken for another paper.

    python -m benchmarks.absent

Each of a sample of 559,230 titles is looked up in an index of all the others, with nothing but the title known. Some of
the wrong ones are the same paper under a second id.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.titles import all_titles, answer, look_up
from enrich.evidence import Described
from storage import title_index
from storage.title_index import Indexed, TitleIndex

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLE = 20_000


class Without(TitleIndex):
    """An index that does not know one of its papers."""

    def leave_out(self, arxiv_id: str) -> None:
        """From now on that one."""
        (self.absent,) = self._one("SELECT n FROM papers WHERE arxiv_id = ?", arxiv_id)

    def _read(self, numbers: Iterable[int]) -> tuple[list[Indexed], bool]:
        return super()._read(n for n in numbers if n != self.absent)

    def _rows(self, *all_of: str) -> list[int]:
        return [n for n in super()._rows(*all_of) if n != self.absent]

    def has(self, word: str) -> bool:
        """Whether any other title has a word."""
        return bool(self._rows(word))


def main() -> int:
    """Print how many are wrong and why, and each of them."""
    papers = all_titles()
    wrong: defaultdict[str, list[str]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        with title_index.writing(Path(temporary), keep=False) as add:
            add(Indexed(arxiv_id, (title,)) for arxiv_id, title in papers)
        index = Without(Path(temporary))
        for arxiv_id, title in random.Random(1).sample(papers, SAMPLE):  # noqa: S311 - the same ones each time
            index.leave_out(arxiv_id)
            found = look_up(Described(title), index)
            if answer(found):
                taken = found.candidates[0]
                wrong[taken.reasons[0]].append(f"{arxiv_id} {title!r} for {taken.arxiv_id} {taken.title!r}")
    for why, those in wrong.items():
        print(f"{why}: {len(those)}", *those, sep="\n  ")
    count = sum(map(len, wrong.values()))
    print(f"{count} of {SAMPLE} absent titles are taken for another paper: {count / SAMPLE * 100_000:.0f} of 100,000")
    return 0


if __name__ == "__main__":
    sys.exit(main())
