"""Whether a candidate is the paper that a listing means: pure, from what both sides tell of themselves.

An abstract decides wherever both sides have one. A bare title is accepted where it is the same, misspelt by a letter,
or cut, nothing contradicts it and no other paper comes as close. The numbers below come from data: see
`benchmarks/thresholds.py`, which derives and prints them.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from storage.arxiv_ids import id_month
from storage.documents import Candidate, Resolution
from storage.titles import author_key, clean_latex, name_keys, spellings, title_key, words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from storage.connect import Document
    from storage.documents import ArxivEntry
    from storage.title_index import Indexed

SAME, DIFFERENT = 0.6, 0.2
"""Shared word pairs of two abstracts: of one paper nearly all, even rewritten 0.6; of two papers under 0.2."""
RETITLED = 0.8
"""Under another title the abstract has to say more."""
REWRITTEN, RELATED = 0.25, 0.1
"""So much may be left of an abstract that was rewritten; with a like title, or the same name, this much."""
FEW_PAIRS, MANY_PAIRS = 8, 40
"""So many word pairs an abstract needs to say anything, and to say it under another title."""
ALIKE = 0.85
"""Titles so alike may be of one paper; they are never enough: the same people name their papers alike."""
CUT, WHOLE = 4, 5
"""Words of a beginning that leaves no second possibility: of a title that is cut, and of one that looks whole."""
HALF = 0.5
"""Of the shorter list of authors: lists are cut, and some of a team write its next paper."""
BARE_TITLE = 0.5
"""The score where only the title speaks."""
SHOWN_CANDIDATES = 10

Outcome: TypeAlias = Literal["accepted", "undecided", "rejected"]
Known: TypeAlias = "Callable[[str], bool]"
"""Whether a word stands in other titles."""
Closeness: TypeAlias = Literal["same", "misspelt", "begins", "alike", "named", "other"]
_CLOSER = {"same": 1.0, "misspelt": 0.95, "begins": 0.9}  # than any that is only alike

_DANGLING = {"a", "an", "and", "as", "at", "between", "by", "for", "from", "in", "into", "is", "of", "on", "or", "over"}
_DANGLING |= {"that", "the", "through", "to", "towards", "under", "using", "via", "with"}
# What follows a title where another paper continues the first one.
_SEQUEL = {"appendix", "chapter", "comment", "corrigendum", "erratum", "extended", "full", "long", "part", "reply"}
_SEQUEL |= {"revisited", "short"}
_ROMAN = re.compile(r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})")


@dataclass(frozen=True)
class Described:
    """A paper as a listing or a candidate tells of it; None is what it does not tell."""

    title: str
    abstract: str | None = None
    authors: tuple[str, ...] | None = None
    authors_count: int | None = None
    date: dt.date | None = None
    """The day shown (US Eastern) of a listing, the day of submission (UTC) of a candidate."""
    arxiv_id: str | None = None
    entry: ArxivEntry | None = None
    """A candidate as arXiv itself tells it."""


class Found(NamedTuple):
    """What a search found, and whether that is all there is."""

    candidates: list[Described]
    complete: bool


class Verdict(NamedTuple):
    """What a candidate is and why; the score is the share of its abstract that agrees, of a bare title at most 0.5."""

    outcome: Outcome
    score: float
    closeness: Closeness
    compared: bool
    """Whether the score is that of two abstracts."""
    reasons: tuple[str, ...]

    @property
    def by_abstract(self) -> bool:
        """Whether the abstract has decided."""
        return self.outcome == "accepted" and self.compared and self.score >= SAME

    @property
    def rank(self) -> int:
        """Whose possibility counts: an abstract's above a title's, the same title above one that is nearly the same."""
        if self.by_abstract:
            return 5 if self.closeness == "same" else 4
        return {"same": 3, "misspelt": 2, "begins": 2}.get(self.closeness, 1)


class Decided(NamedTuple):
    """A resolution, and whether other candidates could not change it."""

    resolution: Resolution
    settled: bool


def of_paper(paper: Document) -> Described:
    """A stored paper as evidence."""
    published = paper["published"] or {}
    dated = published.get("date") if published.get("precision") == "day" else None
    return Described(
        title=paper["title"] or "",
        abstract=paper["abstract"],
        authors=tuple(paper["authors"]) if paper["authors"] else None,
        authors_count=paper["authors_count"],
        date=dt.date.fromisoformat(dated) if dated else None,
        arxiv_id=paper["ids"]["arxiv"],
    )


def of_entry(entry: ArxivEntry) -> Described:
    """An answer of arXiv as evidence."""
    return Described(
        title=entry.title,
        abstract=entry.abstract,
        authors=entry.authors,
        authors_count=len(entry.authors) if entry.authors else None,
        date=entry.fact.published.date() if entry.fact.published else None,
        arxiv_id=entry.arxiv_id,
        entry=entry,
    )


def of_indexed(paper: Indexed) -> list[Described]:
    """What the local index knows of a paper as evidence, once for each of its titles."""
    date = dt.date.fromisoformat(paper.published) if paper.published else None
    count = len(paper.authors) if paper.authors else None
    return [Described(title, paper.abstract, paper.authors, count, date, paper.arxiv_id) for title in paper.titles]


def decide(
    asked: Described, candidates: Iterable[Described], method: str, *, complete: bool = True, known: Known | None = None
) -> Decided:
    """Which of all candidates the listing means; without a second possibility, or not at all.

    complete: whether these are all that a search could find; else there may be another of that title.
    known: whether a word stands in other titles, without which no word is taken for misspelt.
    """
    judged: dict[str, tuple[Verdict, Described]] = {}
    for one in candidates:
        verdict = judge(asked, one, known)
        best = judged.get(one.arxiv_id or "")
        if best is None or _order(verdict) < _order(best[0]):
            judged[one.arxiv_id or ""] = verdict, one
    ranked = sorted(judged.values(), key=lambda pair: (_order(pair[0]), pair[1].arxiv_id or ""))
    accepted = [pair for pair in ranked if pair[0].outcome == "accepted"]
    possible = [pair for pair in ranked if pair[0].outcome != "rejected"]
    top = max((verdict.rank for verdict, _ in accepted), default=0)
    rivals = [pair for pair in possible if pair[0].rank >= top]
    if accepted and len(rivals) == 1 and (complete or rivals[0][0].by_abstract):
        found = Resolution(status="resolved", method=method, score=rivals[0][0].score, candidates=_shown(rivals))
        return Decided(found, settled=True)
    if not possible:
        return Decided(Resolution(status="not_found", method=method, candidates=_shown(ranked)), settled=False)
    # What two abstracts leave open, and what two papers of one title leave open, no third paper closes;
    # but beside a namesake with another abstract there may be one with this abstract.
    settled = any(one.compared and (one.score > DIFFERENT or one.closeness not in _CLOSER) for one, _ in possible)
    settled = settled or (len(accepted) > 1 and not asked.abstract)
    return Decided(Resolution(status="ambiguous", method=method, candidates=_shown(possible)), settled)


def _order(verdict: Verdict) -> tuple[int, int, float]:
    """Accepted before undecided before rejected; then by what decides."""
    return ("accepted", "undecided", "rejected").index(verdict.outcome), -verdict.rank, -verdict.score


def _shown(judged: Sequence[tuple[Verdict, Described]]) -> tuple[Candidate, ...]:
    best = judged[:SHOWN_CANDIDATES]
    return tuple(
        Candidate(arxiv_id=one.arxiv_id or "", title=one.title, score=verdict.score, reasons=verdict.reasons)
        for verdict, one in best
    )


def judge(asked: Described, candidate: Described, known: Known | None = None) -> Verdict:
    """Whether one candidate is the paper. An abstract decides; other signs support or contradict it."""
    closeness, alike, why = compare(asked.title, candidate.title, known)
    signs = dict(_signs(asked, candidate))
    near = closeness in _CLOSER
    agreement = abstracts_agree(asked.abstract, candidate.abstract, FEW_PAIRS if near else MANY_PAIRS)
    if agreement is None:
        outcome, score = _by_title(asked, candidate, closeness, why, signs), round(alike * BARE_TITLE, 3)
        said = [why]
    else:
        outcome, score = _by_abstract(agreement, closeness, asked, candidate, signs.values()), round(agreement, 3)
        said = [why, f"abstracts {agreement:.0%} alike"]
    return Verdict(outcome, score, closeness, agreement is not None, (*said, *signs))


def _by_abstract(
    agreement: float, closeness: Closeness, asked: Described, candidate: Described, signs: Collection[bool]
) -> Outcome:
    agree, contradict = True in signs, False in signs
    if closeness in _CLOSER:
        if agreement <= DIFFERENT:  # abstracts are rewritten: without another contradiction it may still be the one
            return "rejected" if contradict else "undecided"
        return "accepted" if agreement >= SAME or (agree and not contradict) else "undecided"
    if agreement >= RETITLED and not contradict and _spelt(asked.title).numbers == _spelt(candidate.title).numbers:
        return "accepted"
    possible = agreement >= (RELATED if closeness in ("alike", "named") else REWRITTEN)
    return "undecided" if possible else "rejected"


def _by_title(
    asked: Described, candidate: Described, closeness: Closeness, why: str, signs: Mapping[str, bool]
) -> Outcome:
    """A bare title: nothing may contradict it, and a sign has to agree where one abstract is too short to compare."""
    if closeness not in _CLOSER:
        return "undecided" if closeness == "alike" else "rejected"
    if False in signs.values():
        return "rejected" if OTHERS in signs else "undecided"
    unlike = bool(asked.abstract and candidate.abstract)
    sure = closeness != "begins" or why == BEGINS
    return "accepted" if sure and (True in signs.values() or not unlike) else "undecided"


# --- titles -----------------------------------------------------------------------------------------------

BEGINS, OTHERS = "the title begins so", "none of its authors"


def compare(asked: str, candidate: str, known: Known | None = None) -> tuple[Closeness, float, str]:
    """How close two titles are, how alike from 0 to 1, and that in words."""
    mine, theirs = _spelt(asked), _spelt(candidate)
    if not mine.keys.isdisjoint(theirs.keys):
        return "same", 1.0, "the same title"
    if known and (word := _misspelt(mine.words, theirs.words, known)):
        return "misspelt", _CLOSER["misspelt"], f"the same title but for {word!r}"
    if mine.words and mine.words == theirs.words[: len(mine.words)]:
        why = _beginning(asked, candidate, mine.words, theirs.words)
        return "begins", _CLOSER["begins"], why
    return _alike(mine, theirs)


def _alike(mine: _Spelt, theirs: _Spelt) -> tuple[Closeness, float, str]:
    alike = fuzz.ratio(" ".join(mine.words), " ".join(theirs.words)) / 100 if mine.words else 0.0
    told = f"titles {alike:.0%} alike"
    if mine.numbers != theirs.numbers:
        return "other", alike, f"{told}, other numbers"
    if alike >= ALIKE:
        return "alike", alike, told
    if mine.name and mine.name == theirs.name:
        return "named", alike, f"{told}, the same name"
    return "other", alike, told


class _Spelt(NamedTuple):
    keys: frozenset[str]
    words: tuple[str, ...]
    name: str | None
    numbers: list[str]


@lru_cache(maxsize=4096)  # every listing of a batch is compared with every candidate
def _spelt(title: str) -> _Spelt:
    """The empty key of a title of symbols alone is nobody's."""
    each = tuple(words(title))
    keys = frozenset(filter(None, spellings(title)))
    return _Spelt(keys, each, next(iter(name_keys(title)), None), _numbers(each))


def _numbers(each: Sequence[str]) -> list[str]:
    """The digits, and numbers as Romans wrote them: what tells parts, versions and years apart."""
    return sorted([*filter(_ROMAN.fullmatch, each), *re.findall(r"\d+", " ".join(each))])


def _misspelt(asked: Sequence[str], candidate: Sequence[str], known: Known) -> str | None:
    """The one word of the title, beside others, that is a letter off where no other title has it; None for none."""
    mine, theirs = "".join(asked), "".join(candidate)
    if OSA.distance(mine, theirs, score_cutoff=1) > 1:
        return None
    before = next((at for at, (a, b) in enumerate(zip(asked, candidate, strict=False)) if a != b), 0)
    after = next((at for at, (a, b) in enumerate(zip(reversed(asked), reversed(candidate), strict=False)) if a != b), 0)
    changed = asked[before : len(asked) - after], candidate[before : len(candidate) - after]
    if not before + after or any(
        len(word) == 1 or not word.isalpha() or _ROMAN.fullmatch(word) for side in changed for word in side
    ):
        return None
    return " ".join(changed[0]) if not any(known(word) for word in changed[0]) else None


def _beginning(asked: str, candidate: str, mine: Sequence[str], theirs: Sequence[str]) -> str:
    """BEGINS where a title of these words is cut, or lacks its subtitle; else why that is not certain."""
    following = theirs[len(mine)]
    if len(mine) < CUT:
        return "the title begins with this name" if _at_subtitle(asked, candidate) else "too few words"
    if following in _SEQUEL or _ROMAN.fullmatch(following) or following.removeprefix("v")[:1].isdigit():
        return f"{BEGINS}, and goes on as a sequel: {following}"
    cut = asked.rstrip().endswith(("...", "\u2026", ":", "-", ",")) or mine[-1] in _DANGLING
    return BEGINS if cut or len(mine) >= WHOLE or _at_subtitle(asked, candidate) else f"{BEGINS}, in too few words"


def _at_subtitle(asked: str, candidate: str) -> bool:
    key = title_key(asked)
    return f"{key}:" in name_keys(candidate)


# --- abstracts --------------------------------------------------------------------------------------------


def abstracts_agree(one: str | None, other: str | None, least: int = FEW_PAIRS) -> float | None:
    """The share of the shorter abstract's word pairs that the other one has; None where it has fewer than `least`.

    Of the shorter one, because copies cut abstracts.
    """
    pairs = sorted((_word_pairs(one or ""), _word_pairs(other or "")), key=len)
    return None if len(pairs[0]) < least else len(pairs[0] & pairs[1]) / len(pairs[0])


@lru_cache(maxsize=1024)  # as above
def _word_pairs(text: str) -> frozenset[tuple[str, str]]:
    return frozenset(pairwise(re.findall(r"\w+", clean_latex(text).casefold())))


# --- signs: what else both sides tell ---------------------------------------------------------------------


def _signs(asked: Described, candidate: Described) -> Iterable[tuple[str, bool]]:
    """What speaks for the candidate (True) and against it (False), in words."""
    if asked.authors and candidate.authors:
        yield from _names_agree(asked.authors, candidate.authors)
    elif asked.authors_count is not None and candidate.authors_count is not None:
        same = asked.authors_count == candidate.authors_count
        yield ("as many authors" if same else f"{candidate.authors_count} authors"), same
    if asked.date is not None:
        yield from _dates_agree(asked.date, candidate)


def _names_agree(asked: Sequence[str], candidate: Sequence[str]) -> Iterable[tuple[str, bool]]:
    """Half of the names agree, none contradicts."""
    mine, theirs = ({name for one in each if (name := author_key(one))} for each in (asked, candidate))
    if not mine or not theirs:
        return
    shared = len(mine & theirs) / min(len(mine), len(theirs))
    if shared >= HALF:
        yield "its authors", True
    elif not shared:
        yield OTHERS, False


def _dates_agree(shown: dt.date, candidate: Described) -> Iterable[tuple[str, bool]]:
    """True for the shown day or the next, since US Eastern is behind UTC; False where the id's month is another.

    arXiv gives ids at announcement: the shown day falls in the id's month or in the one before.
    """
    if candidate.date is not None and (candidate.date - shown).days in (0, 1):
        yield "submitted that day", True
    elif candidate.arxiv_id is not None:
        month = dt.date.fromisoformat(id_month(candidate.arxiv_id) + "-01")
        if (month.year - shown.year) * 12 + month.month - shown.month not in (0, 1):
            yield f"an id of {month:%Y-%m}", False
