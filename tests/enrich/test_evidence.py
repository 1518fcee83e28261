"""Evidence: what it takes to call a candidate the paper that a listing means, from words, counts and dates alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from enrich import evidence
from enrich.evidence import Described, abstracts_agree, decide, judge
from storage.documents import ArxivEntry, ArxivFact
from storage.titles import title_key

if TYPE_CHECKING:
    from collections.abc import Sequence

Outcome = Literal["accepted", "undecided", "rejected"]

PAIRS = 100
WORDS = [f"word{n}" for n in range(PAIRS + 1)]
OTHERS = [f"other{n}" for n in range(PAIRS + 1)]
ABSTRACT, UNRELATED = " ".join(WORDS), " ".join(OTHERS)
TITLE, RETITLED = "How Ice Grows", "On the Growth of Ice"
DAY = dt.date(2026, 3, 31)
LISTED = Described(TITLE, ABSTRACT, authors_count=3, date=DAY)
RIGHT = Described(TITLE, ABSTRACT, authors_count=3, date=DAY, arxiv_id="2603.00010")


def sharing(percent: int) -> str:
    """An abstract as long as ABSTRACT that shares so many of its hundred word pairs."""
    return " ".join((WORDS[: percent + 1] + OTHERS)[: PAIRS + 1]) if percent else UNRELATED


def outcome(asked: Described, candidate: Described) -> Outcome:
    """What a candidate is."""
    return judge(asked, candidate).outcome


# --- abstracts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        (ABSTRACT, ABSTRACT, 1.0),
        (ABSTRACT, ABSTRACT.upper().replace(" ", ",\n"), 1.0),
        (ABSTRACT, UNRELATED, 0.0),
        (ABSTRACT, sharing(37), 0.37),
        (ABSTRACT, " ".join(WORDS[:30]) + " ...", 1.0),
        (" ".join(WORDS[:30]), ABSTRACT, 1.0),
        (ABSTRACT, " ".join(reversed(WORDS)), 0.0),
        (" ".join(WORDS[:9]), " ".join(WORDS[:9]), 1.0),
        (" ".join(WORDS[:8]), ABSTRACT, None),
        (ABSTRACT, "word0 word1 " * 50, None),
        (ABSTRACT, "", None),
        (ABSTRACT, None, None),
        (None, None, None),
    ],
)
def test_abstracts_agree_as_far_as_the_shorter_one_goes(
    one: str | None, other: str | None, share: float | None
) -> None:
    """Its word pairs that the other has too; copies cut abstracts. Of fewer than eight pairs nothing follows."""
    assert abstracts_agree(one, other) == share
    assert abstracts_agree(other, one) == share


def test_latex_is_read_as_it_prints() -> None:
    """A copy that kept the commands and arXiv, or the other way round, say the same."""
    written = r"We show that 27\% of {\em cold} rivers in Z\"urich freeze, which \textbf{nobody} had seen before."
    printed = "We show that 27% of cold rivers in Zürich freeze, which nobody had seen before."
    assert abstracts_agree(written, printed) == 1.0


# --- one candidate ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "same_title", "other_title"),
    [
        (100, "accepted", "accepted"),
        (80, "accepted", "accepted"),
        (79, "accepted", "undecided"),
        (60, "accepted", "undecided"),
        (59, "undecided", "rejected"),
        (21, "undecided", "rejected"),
        (20, "undecided", "rejected"),
        (0, "undecided", "rejected"),
    ],
)
def test_the_abstract_decides(percent: int, same_title: Outcome, other_title: Outcome) -> None:
    """Where neither authors nor dates are known; under another title it has to say more."""
    candidate = Described(TITLE, sharing(percent), arxiv_id="2603.00010")
    bare = Described(TITLE, ABSTRACT)
    assert judge(bare, candidate) == (same_title, percent / 100)
    assert judge(bare, replace(candidate, title=RETITLED)) == (other_title, percent / 100)


SIGNS: dict[bool | None, tuple[dict[str, Any], dict[str, Any]]] = {
    True: ({"authors_count": 3}, {"date": DAY}),
    False: ({"authors_count": 4}, {"date": DAY + dt.timedelta(days=90), "arxiv_id": "2606.00010"}),
    None: ({"authors_count": None}, {"date": DAY + dt.timedelta(days=7), "arxiv_id": "2604.00010"}),
}


@pytest.mark.parametrize(("count", "date"), list(product(SIGNS, SIGNS)))
@pytest.mark.parametrize("percent", [100, 60, 40, 10, None])
def test_counts_and_dates_weigh_where_the_abstract_leaves_it_open(
    percent: int | None, count: bool | None, date: bool | None
) -> None:
    """Half an abstract needs a sign for and none against; a foreign one with none against is not ruled out."""
    abstract = None if percent is None else sharing(percent)
    candidate = replace(RIGHT, abstract=abstract, **SIGNS[count][0], **SIGNS[date][1])
    signs = {count, date}
    expected: dict[int | None, Outcome] = {
        100: "accepted",
        60: "accepted",
        40: "accepted" if True in signs and False not in signs else "undecided",
        10: "rejected" if False in signs else "undecided",
        None: "undecided" if False in signs else "accepted",
    }
    assert outcome(LISTED, candidate) == expected[percent]


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(100, "accepted"), (79, "undecided"), (59, "rejected"), (0, "rejected"), (None, "rejected")],
)
def test_no_sign_outweighs_another_title(percent: int | None, expected: Outcome) -> None:
    """Same number of authors on the same day is a coincidence; without abstracts another title is another paper."""
    abstract = None if percent is None else sharing(percent)
    assert outcome(LISTED, replace(RIGHT, title=RETITLED, abstract=abstract)) == expected


def test_a_few_words_say_nothing_under_another_title() -> None:
    """Many papers begin with "We study learning"; a whole abstract against all signs is not accepted either."""
    short = " ".join(ABSTRACT.split()[:20])
    assert outcome(LISTED, replace(RIGHT, title=RETITLED, abstract=short)) == "rejected"
    against = replace(RIGHT, title=RETITLED, authors_count=99, date=None, arxiv_id="0901.00010")
    assert outcome(LISTED, against) == "undecided"


@pytest.mark.parametrize(("percent", "expected"), [(21, "undecided"), (20, "rejected"), (0, "rejected")])
def test_a_foreign_abstract_and_another_number_of_authors_are_another_paper(percent: int, expected: Outcome) -> None:
    """Under one title, too."""
    assert outcome(LISTED, replace(RIGHT, abstract=sharing(percent), authors_count=4, date=None)) == expected


@pytest.mark.parametrize(("words", "expected"), [(41, "accepted"), (40, "rejected")])
def test_another_title_needs_many_words(words: int, expected: Outcome) -> None:
    """Forty pairs that agree; fewer say nothing."""
    assert outcome(LISTED, replace(RIGHT, title=RETITLED, abstract=" ".join(WORDS[:words]))) == expected


def test_a_listing_without_an_abstract_goes_by_its_title() -> None:
    """Whatever abstract the candidate has: there is nothing to compare it with."""
    assert judge(Described(TITLE), Described(TITLE, ABSTRACT, 3, DAY, "2603.00010")) == ("accepted", 0.5)


def test_an_abstract_too_short_to_compare_needs_a_sign() -> None:
    """Where an abstract only says "Withdrawn", the number of authors has to agree."""
    withdrawn = Described(TITLE, "Withdrawn by the author.", arxiv_id="2603.00010")
    assert outcome(Described(TITLE, ABSTRACT), withdrawn) == "undecided"
    assert outcome(Described(TITLE, ABSTRACT, 3), replace(withdrawn, authors_count=3)) == "accepted"


def test_the_very_title_goes_before_a_longer_one() -> None:
    """A phrase search for "Foo" also finds "Foo: extended version", perhaps with the same abstract."""
    extended = Described(f"{TITLE}: Extended Version", ABSTRACT, arxiv_id="2604.00010")
    asked, right = Described(TITLE, ABSTRACT), Described(TITLE, ABSTRACT, arxiv_id="2603.00010")
    decided = decide(asked, [extended, right], "arxiv")
    assert (decided.status, [one.arxiv_id for one in decided.candidates]) == ("resolved", ["2603.00010"])


def test_a_bare_title_does_not_go_before_an_abstract() -> None:
    """One has the very title and no abstract, the other the very abstract under another title: who knows?"""
    titled, told = Described(TITLE, arxiv_id="2603.00010"), Described(RETITLED, ABSTRACT, arxiv_id="2603.00011")
    decided = decide(Described(TITLE, ABSTRACT), [titled, told], "arxiv")
    assert (decided.status, [one.score for one in decided.candidates]) == ("ambiguous", [1.0, 0.5])


@pytest.mark.parametrize(("listed", "told", "agree"), [(3, 3, True), (3, 4, False), (None, 3, None), (3, None, None)])
def test_counts(listed: int | None, told: int | None, agree: bool | None) -> None:
    """A number that one side does not tell is no sign against."""
    one, other = Described(TITLE, authors_count=listed), Described(TITLE, authors_count=told)
    assert evidence._counts_agree(one, other) is agree


def test_scores() -> None:
    """What agrees of the abstract, to three places; half for a title alone, nothing for another title alone."""
    thirds = Described(TITLE, " ".join(WORDS[:11] + OTHERS[:20]))
    assert judge(Described(TITLE, ABSTRACT), thirds).score == 0.333
    assert judge(Described(TITLE), Described(TITLE)).score == 0.5
    assert judge(Described(TITLE), Described(RETITLED)).score == 0.0


@pytest.mark.parametrize("title", ["", "???", "∞"])
def test_titles_of_symbols_have_nothing_in_common(title: str) -> None:
    """The empty key is nobody's: only an abstract can tell."""
    asked, candidate = Described(title), Described(title, arxiv_id="2603.00010")
    assert outcome(asked, candidate) == "rejected"
    assert outcome(replace(asked, abstract=ABSTRACT), replace(candidate, abstract=ABSTRACT)) == "accepted"


@pytest.mark.parametrize("title", ["how ice  GROWS?", r"How \textbf{Ice} Grows", "Hôw Ice-Grows!"])
def test_spellings_of_one_title_are_one(title: str) -> None:
    """Case, accents, punctuation and font commands make no other title."""
    assert outcome(Described(title), Described(TITLE, arxiv_id="2603.00010")) == "accepted"


@pytest.mark.parametrize(
    ("listed", "submitted", "arxiv_id", "agrees"),
    [
        ("2026-03-30", "2026-03-30", "2603.00010", True),
        ("2026-03-30", "2026-03-31", "2603.00010", True),
        ("2026-03-31", "2026-04-01", "2604.00010", True),
        ("2025-12-31", "2026-01-01", "2601.00010", True),
        ("2026-03-30", "2026-03-29", "2603.00010", None),
        ("2026-03-30", "2026-04-01", "2604.00010", None),
        ("2025-12-30", "2026-01-02", "2601.00010", None),
        ("2025-12-30", None, "2602.00010", False),
        ("2026-03-30", None, "2603.00010", None),
        ("2026-03-30", None, "2604.00010", None),
        ("2026-03-30", None, "2602.00010", False),
        ("2026-03-30", None, "2605.00010", False),
        ("2026-03-30", "2025-03-30", "2503.00010", False),
        ("1999-03-30", "1999-03-29", "hep-th/9903001", None),
        ("2000-01-30", "1999-03-29", "hep-th/9903001", False),
        ("2026-03-30", "2026-04-01", None, None),
        ("2026-03-30", None, None, None),
        (None, "2026-03-30", "2603.00010", None),
    ],
)
def test_dates(listed: str | None, submitted: str | None, arxiv_id: str | None, agrees: bool | None) -> None:
    """The day shown is US Eastern: it or the next agrees. The id's month is that of the day shown, or the next."""
    asked = Described(TITLE, date=dt.date.fromisoformat(listed) if listed else None)
    candidate = Described(TITLE, date=dt.date.fromisoformat(submitted) if submitted else None, arxiv_id=arxiv_id)
    assert evidence._dates_agree(asked, candidate) is agrees


# --- all candidates ---------------------------------------------------------------------------------------


def test_one_accepted_candidate_is_the_paper() -> None:
    """Its score is what its abstract agrees; the rejected and the undecided stand for nothing."""
    others = [
        replace(RIGHT, abstract=UNRELATED, authors_count=9, arxiv_id="2603.00002"),
        replace(RIGHT, abstract=sharing(50), authors_count=9, arxiv_id="2603.00001"),
    ]
    decided = decide(LISTED, [*others, RIGHT], "arxiv")
    assert (decided.status, decided.method, decided.score) == ("resolved", "arxiv", 1.0)
    assert [one.arxiv_id for one in decided.candidates] == ["2603.00010"]


def test_two_accepted_candidates_are_ambiguous() -> None:
    """Two papers of one title and one abstract: neither is chosen, both are shown, in an order of their own."""
    twin = replace(RIGHT, arxiv_id="2603.00009")
    for candidates in ([RIGHT, twin], [twin, RIGHT]):
        decided = decide(LISTED, candidates, "arxiv")
        assert (decided.status, decided.score) == ("ambiguous", None)
        assert [(one.arxiv_id, one.score) for one in decided.candidates] == [("2603.00009", 1.0), ("2603.00010", 1.0)]


def test_an_undecided_candidate_is_shown() -> None:
    """It may be the paper: better say so than nothing."""
    decided = decide(LISTED, [replace(RIGHT, abstract=sharing(50), authors_count=4)], "alias")
    assert (decided.status, decided.method, decided.score) == ("ambiguous", "alias", None)
    assert [(one.arxiv_id, one.title, one.score) for one in decided.candidates] == [("2603.00010", TITLE, 0.5)]


@pytest.mark.parametrize("candidates", [[], [replace(RIGHT, title=RETITLED, abstract=UNRELATED)]])
def test_no_possible_candidate_is_not_found(candidates: Sequence[Described]) -> None:
    """What was rejected is not shown."""
    decided = decide(LISTED, candidates, "arxiv")
    assert (decided.status, decided.method, decided.candidates) == ("not_found", "arxiv", ())


def test_the_best_five_candidates_are_shown() -> None:
    """By how much agrees, then by id."""
    shares = [21, 59, 30, 30, 45, 58, 22]
    bare = Described(TITLE, ABSTRACT)
    candidates = [Described(TITLE, sharing(s), arxiv_id=f"2603.0000{n}") for n, s in enumerate(shares)]
    decided = decide(bare, candidates, "arxiv")
    assert [one.arxiv_id[-1] for one in decided.candidates] == ["1", "5", "4", "2", "3"]


described = st.builds(
    Described,
    title=st.sampled_from([TITLE, TITLE.upper(), RETITLED, "?", ""]),
    abstract=st.none() | st.integers(0, PAIRS).map(sharing) | st.just(" ".join(WORDS[:40])),
    authors_count=st.none() | st.integers(1, 3),
    date=st.none() | st.dates(dt.date(2026, 3, 28), dt.date(2026, 4, 3)),
    arxiv_id=st.sampled_from(["2603.00010", "2603.00011", "2604.00001", "2606.00001", "hep-th/9901001"]),
)


@given(described, st.lists(described, max_size=6))
def test_a_decision_follows_from_the_verdicts(asked: Described, candidates: list[Described]) -> None:
    """Resolved from one accepted candidate, of two only to the one of the very title and abstract; in any order."""
    outcomes = [outcome(asked, one) for one in candidates]
    accepted = [one for one, what in zip(candidates, outcomes, strict=True) if what == "accepted"]
    very = [one for one in accepted if evidence._same_title(asked, one) and judge(asked, one).score >= evidence.SAME]
    decided = decide(asked, candidates, "arxiv")
    if len(very or accepted) == 1:
        assert decided.status == "resolved"
        assert [one.arxiv_id for one in decided.candidates] == [one.arxiv_id for one in very or accepted]
    else:
        assert decided.status == ("ambiguous" if {"accepted", "undecided"} & set(outcomes) else "not_found")
        assert decided.score is None
    assert decide(asked, candidates[::-1], "arxiv").status == decided.status


english = st.text("abcdefghij  ", min_size=1, max_size=60)


@given(english, english, english, english, described, described)
def test_another_title_and_an_unrelated_abstract_are_never_accepted(
    title: str, other: str, abstract: str, foreign: str, asked: Described, candidate: Described
) -> None:
    """Whatever authors and dates say, and whatever the words are."""
    assume(title_key(title) != title_key(other))
    asked = replace(asked, title=title, abstract=f"{abstract} {ABSTRACT}")
    candidate = replace(candidate, title=other, abstract=f"{foreign} {UNRELATED}")
    assert outcome(asked, candidate) == "rejected"


# --- where it comes from ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "date"),
    [
        (None, None),
        ({"date": "2026-03-31", "precision": "day", "basis": "shown_year"}, DAY),
        ({"date": "2026-03", "precision": "month", "basis": "id_month"}, None),
    ],
)
def test_a_stored_paper_as_evidence(published: dict[str, str] | None, date: dt.date | None) -> None:
    """A month alone is no day."""
    paper = {"title": TITLE, "abstract": ABSTRACT, "authors_count": 3, "published": published, "ids": {"arxiv": None}}
    assert evidence.of_paper(paper) == Described(TITLE, ABSTRACT, 3, date, None)


def test_an_answer_as_evidence() -> None:
    """Its authors are counted, its day is that of its submission in UTC; what it leaves out is not known."""
    late = dt.datetime(2026, 3, 31, 23, 59, tzinfo=dt.UTC)
    entry = ArxivEntry(
        arxiv_id="2603.00010", title=TITLE, abstract=ABSTRACT, authors=("A", "B", "C"), fact=ArxivFact(published=late)
    )
    assert evidence.of_entry(entry) == RIGHT
    bare = ArxivEntry(arxiv_id="2603.00010", title=TITLE, abstract=None, authors=None, fact=ArxivFact())
    assert evidence.of_entry(bare) == Described(TITLE, arxiv_id="2603.00010")
