"""Whether a candidate is the paper that a listing means: pure, from what both sides tell of themselves."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from storage.arxiv_ids import id_month
from storage.documents import Candidate, Resolution
from storage.titles import clean_latex, title_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.connect import Document
    from storage.documents import ArxivEntry

SAME, DIFFERENT = 0.6, 0.2
"""Shared word pairs of two abstracts: of one paper nearly all, even rewritten 0.6; of two papers under 0.1."""
RETITLED = 0.8
"""Under another title the abstract has to say more."""
FEW_PAIRS, MANY_PAIRS = 8, 40
"""So many word pairs an abstract needs to say anything, and to say it under another title."""
BARE_TITLE = 0.5
"""The score where only the title speaks."""
SHOWN_CANDIDATES = 5


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


class Found(NamedTuple):
    """What a search found, and whether that is all there is."""

    candidates: list[Described]
    complete: bool


class Verdict(NamedTuple):
    """What a candidate is, and how much of its abstract agrees, 0 to 1."""

    outcome: Literal["accepted", "undecided", "rejected"]
    score: float


def of_paper(paper: Document) -> Described:
    """A stored paper as evidence."""
    published = paper["published"] or {}
    dated = published.get("date") if published.get("precision") == "day" else None
    return Described(
        title=paper["title"],
        abstract=paper["abstract"],
        authors_count=paper["authors_count"],
        date=dt.date.fromisoformat(dated) if dated else None,
        arxiv_id=paper["ids"]["arxiv"],
    )


def of_entry(entry: ArxivEntry) -> Described:
    """An answer of arXiv as evidence."""
    return Described(
        title=entry.title,
        abstract=entry.abstract,
        authors_count=len(entry.authors) if entry.authors else None,
        date=entry.fact.published.date() if entry.fact.published else None,
        arxiv_id=entry.arxiv_id,
    )


def decide(asked: Described, candidates: Sequence[Described], method: str) -> Resolution:
    """Which of all candidates the listing means; without a second possibility, or not at all."""
    judged = sorted(
        ((judge(asked, one), one) for one in candidates),
        key=lambda pair: (-pair[0].score, pair[1].arxiv_id or ""),
    )
    accepted = [pair for pair in judged if pair[0].outcome == "accepted"]
    possible = [pair for pair in judged if pair[0].outcome != "rejected"]
    # A search for "Foo" also finds "Foo: extended version", with the same abstract: the very title goes first.
    best = [pair for pair in accepted if pair[0].score >= SAME and _same_title(asked, pair[1])] or accepted
    if len(best) == 1:
        return Resolution(status="resolved", method=method, score=best[0][0].score, candidates=_shown(best))
    status: Literal["ambiguous", "not_found"] = "ambiguous" if possible else "not_found"
    return Resolution(status=status, method=method, candidates=_shown(possible))


def _shown(judged: Sequence[tuple[Verdict, Described]]) -> tuple[Candidate, ...]:
    best = judged[:SHOWN_CANDIDATES]
    return tuple(Candidate(arxiv_id=one.arxiv_id or "", title=one.title, score=verdict.score) for verdict, one in best)


def judge(asked: Described, candidate: Described) -> Verdict:
    """Whether one candidate is the paper. An abstract decides; other signs support or contradict it."""
    same_title = _same_title(asked, candidate)
    agreement = abstracts_agree(asked.abstract, candidate.abstract, FEW_PAIRS if same_title else MANY_PAIRS)
    signs = {_counts_agree(asked, candidate), _dates_agree(asked, candidate)}
    if agreement is None:
        return _by_title(asked, candidate, signs) if same_title else Verdict("rejected", 0.0)
    score = round(agreement, 3)
    if same_title:
        if agreement <= DIFFERENT:  # abstracts are rewritten: without another contradiction it may still be the one
            return Verdict("rejected" if False in signs else "undecided", score)
        enough = agreement >= SAME or (True in signs and False not in signs)
        return Verdict("accepted" if enough else "undecided", score)
    if agreement >= RETITLED and False not in signs:
        return Verdict("accepted", score)
    return Verdict("undecided" if agreement >= SAME else "rejected", score)


def _by_title(asked: Described, candidate: Described, signs: set[bool | None]) -> Verdict:
    """A bare title: nothing may contradict it, and a sign has to agree where one abstract is too short to compare."""
    unlike = bool(asked.abstract and candidate.abstract)
    enough = False not in signs and (True in signs or not unlike)
    return Verdict("accepted" if enough else "undecided", BARE_TITLE)


def _same_title(one: Described, other: Described) -> bool:
    """By the key; the empty key of a title of symbols alone is nobody's."""
    return bool(title_key(one.title)) and title_key(one.title) == title_key(other.title)


def abstracts_agree(one: str | None, other: str | None, least: int = FEW_PAIRS) -> float | None:
    """The share of the shorter abstract's word pairs that the other one has; None where it has fewer than `least`.

    Of the shorter one, because copies cut abstracts.
    """
    pairs = sorted((_word_pairs(one or ""), _word_pairs(other or "")), key=len)
    return None if len(pairs[0]) < least else len(pairs[0] & pairs[1]) / len(pairs[0])


@lru_cache(maxsize=1024)  # every listing of a batch is judged against every entry of the answer
def _word_pairs(text: str) -> frozenset[tuple[str, str]]:
    words = re.findall(r"\w+", clean_latex(text).casefold())
    return frozenset(pairwise(words))


def _counts_agree(asked: Described, candidate: Described) -> bool | None:
    if asked.authors_count is None or candidate.authors_count is None:
        return None
    return asked.authors_count == candidate.authors_count


def _dates_agree(asked: Described, candidate: Described) -> bool | None:
    """True for the shown day or the next, since US Eastern is behind UTC; False where the id's month is another.

    arXiv gives ids at announcement: the shown day falls in the id's month or in the one before.
    """
    if asked.date is None:
        return None
    if candidate.date is not None and (candidate.date - asked.date).days in (0, 1):
        return True
    if candidate.arxiv_id is None:
        return None
    month = dt.date.fromisoformat(id_month(candidate.arxiv_id) + "-01")
    months_later = (month.year - asked.date.year) * 12 + month.month - asked.date.month
    return None if months_later in (0, 1) else False
