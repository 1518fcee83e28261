"""Where the numbers of `enrich/evidence.py` come from.

    python -m benchmarks.thresholds        exit status 1 when a number is not what its rule yields

A rule takes the least step of a grid at which at most so many cases are wrong. The cases are papers under different
titles and ids, or titles whose own papers are taken as absent. Only RETITLED looks at copies of the same papers, too.
"""

from __future__ import annotations

import random
import re
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from rapidfuzz import fuzz, process

from benchmarks.titles import DATA, all_titles, lines, names, seed_listings, truth
from crawler import layouts
from enrich import evidence
from enrich.evidence import abstracts_agree
from storage.titles import author_key, clean_latex, title_key, words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from benchmarks.titles import Row

STEPS = [step / 20 for step in range(1, 20)]
SAMPLE, OPENINGS = 20_000, 400
CHANCE = random.Random(1)  # noqa: S311 - the same samples each time

NEARLY = 0.75
"""Titles so alike are looked at; those that are ALIKE are few."""

Two: TypeAlias = tuple[int, int]
Shares: TypeAlias = "Mapping[Any, float]"
"""Of all cases, by step."""


def rule(name: str, cases: str, shares: Shares, one_in: int) -> bool:
    """Print the least step that at most one case in so many reaches; whether the code has it."""
    found = min(step for step, share in shares.items() if share <= 1 / one_in)
    return told(name, found, f"at most 1 in {one_in} {cases}", shares)


def told(name: str, found: float, why: str, shares: Shares) -> bool:
    """Print a number, its rule and the shares around it; whether the code has it."""
    now: float = getattr(evidence, name)
    print(f"{name:10} {found:5.2f}  {why}" + ("" if found == now else f"   missed, the code has {now}"))
    steps = list(shares)
    around = steps[max(steps.index(found) - 3, 0) : steps.index(found) + 4]
    print(f"{'':18}{'   '.join(f'{step:.3g}: {shares[step]:.2%}' for step in around)}")
    return found == now


def reached(values: Collection[float]) -> Shares:
    """The share of the cases that reach each step."""
    return {step: sum(value >= step for value in values) / len(values) for step in STEPS}


# --- abstracts --------------------------------------------------------------------------------------------


class Corpus:
    """Papers with abstracts, and the word pairs of each abstract in their order."""

    def __init__(self, papers: Iterable[Row]) -> None:
        self.papers = [one for one in papers if one.get("abstract")]
        found = (pairwise(re.findall(r"\w+", clean_latex(one["abstract"]).casefold())) for one in self.papers)
        self.pairs = [list(dict.fromkeys(pairs)) for pairs in found]
        self.keys = [title_key(one["title"]) for one in self.papers]
        self.having = defaultdict(list)
        for at, pairs in enumerate(self.pairs):
            for pair in pairs:
                self.having[pair].append(at)

    def agreement(self, both: Sequence[int]) -> float:
        """Of two abstracts."""
        return abstracts_agree(*(self.papers[at]["abstract"] for at in both)) or 0

    def opening(self, both: Two, count: int) -> float:
        """How much of the first pairs of one abstract the other one has."""
        return len(set(self.pairs[both[0]][:count]).intersection(self.pairs[both[1]])) / count

    def sharing(self) -> dict[Two, float]:
        """The agreement of papers under different titles that share a few rare pairs: others have less."""
        rare = (having for having in self.having.values() if 2 <= len(having) <= 12)
        shared = Counter(both for having in rare for both in combinations(having, 2))
        some = (both for both, count in shared.items() if count >= 4 and self.keys[both[0]] != self.keys[both[1]])
        return {both: self.agreement(both) for both in some}

    def found_by_opening(self, one: int, counts: Sequence[int]) -> Iterator[tuple[int, float]]:
        """For each number of first pairs, how much of them the abstract under any other title has at most."""
        seen: Counter[int] = Counter()
        for before, count in pairwise((0, *counts)):
            seen.update(at for pair in self.pairs[one][before:count] for at in self.having[pair])
            yield count, max((n for at, n in seen.items() if self.keys[at] != self.keys[one]), default=0) / count


def best(size: int, agreement: dict[Two, float], counts: Callable[[Two], bool]) -> list[float]:
    """For each paper the most that another one agrees with it."""
    most = [0.0] * size
    for both, value in agreement.items():
        if counts(both):
            for at in both:
                most[at] = max(most[at], value)
    return most


def alike(titles: Sequence[str]) -> dict[Two, float]:
    """The pairs of different titles that are at least NEARLY alike."""
    spelt = [" ".join(words(title)) for title in titles]
    return {
        (one, one + 1 + at): score / 100
        for one, title in enumerate(spelt)
        for _, score, at in process.extract(
            title, spelt[one + 1 :], scorer=fuzz.ratio, score_cutoff=100 * NEARLY, limit=None
        )
        if title_key(titles[one]) != title_key(titles[one + 1 + at])
    }


def abstracts(corpus: Corpus) -> Iterator[bool]:
    """The numbers about abstracts, and about titles that are alike."""
    size, titles = len(corpus.papers), [one["title"] for one in corpus.papers]
    numbers = [evidence._spelt(title).numbers for title in titles]  # noqa: SLF001 - as the evidence has them

    def same_numbers(both: Two) -> bool:
        return numbers[both[0]] == numbers[both[1]]

    agreement = corpus.sharing()
    papers = reached(best(size, agreement, lambda _: True))
    yield rule("DIFFERENT", "papers with another one that agrees so much", papers, 125)
    yield rule("REWRITTEN", "papers with another one that agrees so much", papers, 200)
    any_two = [corpus.agreement(CHANCE.sample(range(size), 2)) for _ in range(SAMPLE)]
    yield rule("RELATED", "pairs of any two papers", reached(any_two), 500)
    near = alike(titles)
    by_title = reached(best(size, near, same_numbers))
    shares: Shares = {step: share for step, share in by_title.items() if step >= NEARLY}
    yield rule("ALIKE", "papers with another title so alike, of the same numbers", shares, 100)
    close = [both for both, score in near.items() if score >= evidence.ALIKE]
    shares = reached([corpus.agreement(both) for both in close])
    yield rule("SAME", f"pairs of papers whose titles are ALIKE ({len(close)})", shares, 20)
    papers, copied = reached(best(size, agreement, same_numbers)), reached(copies(corpus))
    low = min(step for step in STEPS if papers[step] <= 1 / 2500)
    high = max(step for step in STEPS if copied[step] >= 19 / 20)
    why = f"between {low} (at most 1 in 2500 papers with another one, of the same numbers) and {high} (19 of 20 copies)"
    yield told("RETITLED", round((low + high) / 2, 2), why, papers)
    either = [*near, *((other, one) for one, other in near)]
    few = {n: sum(corpus.opening(both, n) >= evidence.SAME for both in either) / len(either) for n in (2, 4, 8, 16, 32)}
    yield rule("FEW_PAIRS", f"abstracts so short, of titles nearly ALIKE ({len(near)} pairs), that reach SAME", few, 15)
    many: defaultdict[int, float] = defaultdict(float)
    for one in CHANCE.sample(range(size), OPENINGS):
        for length, most in corpus.found_by_opening(one, range(8, 65, 8)):
            many[length] += (most >= evidence.REWRITTEN) / OPENINGS
    yield rule("MANY_PAIRS", "abstracts so short of which another one has REWRITTEN", many, 8)


def copies(corpus: Corpus) -> list[float]:
    """The agreement of copies with the papers themselves: on saved pages, and of the seeds."""
    known = {one["id"]: one["abstract"] for one in corpus.papers}
    seeds = seed_listings()
    listed = [(right, seeds[key].abstract) for key, right in truth(corpus.papers, seeds).items()]
    for path in (DATA / "hf_daily_html").glob("*.html"):
        page = layouts.read(path.read_text(encoding="utf-8"))[1]
        listed += [(one.arxiv_id, one.abstract) for one in page.listings if one.arxiv_id]
    agree = (abstracts_agree(known.get(arxiv_id), abstract) for arxiv_id, abstract in listed)
    return [one for one in agree if one is not None]


def authors(papers: Iterable[Row]) -> bool:
    """How many names of the shorter list are on both, where one is."""
    lists = [{key for name in names(one) or () if (key := author_key(name))} for one in papers]
    by_name = defaultdict(list)
    for at, one in enumerate(lists):
        for name in one if len(one) >= 3 else ():
            by_name[name].append(at)
    common = Counter(both for having in by_name.values() if len(having) <= 60 for both in combinations(having, 2))
    shares = [count / min(len(lists[one]), len(lists[other])) for (one, other), count in common.items()]
    steps = {step: sum(share >= step for share in shares) / len(shares) for step in (1 / 4, 1 / 3, 1 / 2, 2 / 3, 1)}
    return rule("HALF", "pairs of papers by three and more that share an author", steps, 100)


# --- titles -----------------------------------------------------------------------------------------------


def beginnings(titles: Sequence[str]) -> Iterator[bool]:
    """How often a title that is taken as absent is the beginning of exactly one other."""
    spelt = sorted((" ".join(words(title)), title) for title in titles)
    keys = [key for key, _ in spelt]

    def only_one(start: str, own: int) -> str | None:
        """The one other title that goes on after these words, where none is these words."""
        first = bisect_left(keys, start)
        if any(key == start for at, key in enumerate(keys[first : first + 2], first) if at != own):
            return None
        first = bisect_left(keys, f"{start} ")
        begun = [at for at in range(first, min(first + 3, len(keys))) if keys[at].startswith(f"{start} ") and at != own]
        return spelt[begun[0]][1] if len(begun) == 1 else None

    counted: Counter[int] = Counter()
    taken: dict[str, Counter[int]] = {"CUT": Counter(), "WHOLE": Counter()}
    for at, (key, title) in enumerate(spelt):
        counted[key.count(" ") + 1] += 1
        if other := only_one(key, at):
            marked = evidence._at_subtitle(title, other)  # noqa: SLF001 - as the evidence has it
            taken["CUT" if marked else "WHOLE"][key.count(" ") + 1] += 1
    for name, goes_on in (("CUT", "a subtitle"), ("WHOLE", "another word")):
        shares = {size: taken[name][size] / counted[size] for size in range(2, 10)}
        yield rule(name, f"titles of so many words that one other goes on with {goes_on}", shares, 150)
    cut = Counter[int]()
    for at in CHANCE.sample([at for at, key in enumerate(keys) if key.count(" ") >= 8], SAMPLE):
        cut.update(size for size in range(2, 9) if only_one(" ".join(keys[at].split()[:size]), at))
    print("cut after so many words, one other begins so:", {n: f"{cut[n] / SAMPLE:.1%}" for n in sorted(cut)})


def main() -> int:
    """Print each number with what it follows from; the exit status."""
    papers = lines(DATA / "corpus_small.jsonl.gz")
    right = [*abstracts(Corpus(papers)), authors(papers), *beginnings([title for _, title in all_titles()])]
    return int(not all(right))


if __name__ == "__main__":
    sys.exit(main())
