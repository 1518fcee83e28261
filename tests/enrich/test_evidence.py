"""Evidence: what it takes to call a candidate the paper that a listing means, from words, names and dates alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import permutations, product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from enrich import evidence
from enrich.evidence import Described, Verdict, abstracts_agree, compare, decide, judge
from storage.documents import ArxivEntry, ArxivFact
from storage.title_index import Indexed
from storage.titles import title_key, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from enrich.evidence import Outcome

PAIRS = 100
WORDS = [f"word{n}" for n in range(PAIRS + 1)]
OTHERS = [f"other{n}" for n in range(PAIRS + 1)]
ABSTRACT, UNRELATED = " ".join(WORDS), " ".join(OTHERS)
TITLE, RETITLED = "How Ice Grows", "On the Growth of Snow"
DAY = dt.date(2026, 3, 31)
LISTED = Described(TITLE, ABSTRACT, authors_count=3, date=DAY)
RIGHT = Described(TITLE, ABSTRACT, authors_count=3, date=DAY, arxiv_id="2603.00010")
SAID = "the same title"


def sharing(percent: int) -> str:
    """An abstract as long as ABSTRACT that shares so many of its hundred word pairs."""
    return " ".join((WORDS[: percent + 1] + OTHERS)[: PAIRS + 1]) if percent else UNRELATED


def none(_word: str) -> bool:
    """No title has any word: whatever a word is, it may be misspelt."""
    return False


def judged(asked: str, candidate: str, known: Callable[[str], bool] | None = none) -> Verdict:
    """What a bare title makes of another one."""
    return judge(Described(asked), Described(candidate, arxiv_id="2603.00010"), known)


def outcome(asked: Described, candidate: Described) -> Outcome:
    """What a candidate is."""
    return judge(asked, candidate).outcome


# --- titles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "candidate"),
    [
        ("how ice  GROWS?", "How Ice Grows"),
        ("How Ice-Grows", "How Ice Grows"),
        ("HowIce Grows", "How Ice Grows"),
        ("Hôw Ice Grows", "How Ice Grows"),
        (r"How \textbf{Ice} {\em Grows}", "How Ice Grows"),
        ("Ice in Zürich", r"Ice in Z\"urich"),
        ("On β-VAE", r"On $\beta$-VAE"),
        (r"On $\beta$-VAE", "On beta-VAE"),
        ("A 2 × 3 Grid", r"A 2 $\times$ 3 Grid"),  # noqa: RUF001 - a sign is meant
        ("Nets of Order n²", "Nets of Order n2"),
        ("深度学习: 综述", "深度学习综述"),
        ("Ice", "ICE!"),
        ("GPT-4 v2", "GPT4 V2"),
    ],
)
def test_spellings_of_one_title_are_one(asked: str, candidate: str) -> None:
    """Case, blanks, punctuation, accents, signs and LaTeX make no other title, on whichever side they stand."""
    expected = Verdict("accepted", 0.5, "same", compared=False, reasons=(SAID,))
    assert judged(asked, candidate) == judged(candidate, asked, None) == expected


@pytest.mark.parametrize("title", ["", "???", "∞", r"\\ {}"])
@pytest.mark.parametrize("other", ["", "???", "!", "Ice"])
def test_titles_of_symbols_have_nothing_in_common(title: str, other: str) -> None:
    """The empty key is nobody's: only an abstract can tell."""
    asked, candidate = Described(title), Described(other, arxiv_id="2603.00010")
    assert judge(asked, candidate, none) == ("rejected", 0.0, "other", False, ("titles 0% alike",))
    assert outcome(replace(asked, abstract=ABSTRACT), replace(candidate, abstract=ABSTRACT)) == "accepted"
    assert decide(asked, [candidate], "index").resolution.status == "not_found"


@pytest.mark.parametrize(
    ("asked", "candidate", "word"),
    [
        ("How Ic Grows", TITLE, "ic"),
        ("How Icce Grows", TITLE, "icce"),
        ("How Ide Grows", TITLE, "ide"),
        ("How Iec Grows", TITLE, "iec"),
        ("Hwo Ice Grows", TITLE, "hwo"),
        ("How Ice Grow", TITLE, "grow"),
        ("How Ice Growss", TITLE, "growss"),
        ("how, ICE: growz", TITLE, "growz"),
        ("Icee Grows", "Ice Grows", "icee"),
        ("HowIcee Grows", TITLE, "howicee"),
        ("Selfsupervised Learnin of Nets", "Self-Supervised Learning of Nets", "selfsupervised learnin"),
        ("Sef-Supervised Nets", "Selfsupervised Nets", "sef supervised"),
        ("Ice in Zurch", "Ice in Zürich", "zurch"),
        ("GTP-4 in Use", "GPT-4 in Use", "gtp"),
        ("Iec 3D", "Ice 3D", "iec"),
    ],
)
def test_a_letter_may_be_wrong(asked: str, candidate: str, word: str) -> None:
    """Dropped, added, replaced or swapped, in a word that no other title has."""
    why = f"the same title but for {word!r}"
    assert judged(asked, candidate) == ("accepted", 0.475, "misspelt", False, (why,))
    for known in (None, {*words(asked)}.__contains__):
        assert judged(asked, candidate, known).outcome != "accepted"


@pytest.mark.parametrize(
    ("asked", "candidate"),
    [
        ("GPT4 in Use", "GPT5 in Use"),
        ("How Ice Grows 2", "How Ice Grows 3"),
        ("How Ice Grows 12", "How Ice Grows 1"),
        ("Ice of 2023 in Rivers", "Ice of 2024 in Rivers"),
        ("How Ice Grows II", "How Ice Grows III"),
        ("How Ice Grows IV", "How Ice Grows VI"),
        ("How Ice Grows X", "How Ice Grows"),
        ("How Ice A Grows", "How Ice B Grows"),
        ("How Ice Grows A", TITLE),
        ("A How Ice Grows", TITLE),
        ("How Ice Grows", "How A Ice Grows"),
        ("C Programs in Use", "R Programs in Use"),
        ("How Ice3 Grows", "How Ice Grows"),
        ("Vi-Based Ice", "Via-Based Ice"),
        ("Ice by Vi", "Ice by Via"),
        ("How Icx Gros", TITLE),
        ("How Ices Grew", TITLE),
        ("Hail Ice", "Ice Hail"),
        ("Bart", "Bert"),
        ("Iec", "Ice"),
        ("Selfsupervisd", "Self-Supervised"),
        ("x", "y"),
    ],
)
def test_what_is_no_misspelling(asked: str, candidate: str) -> None:
    """Digits, Roman numerals, single letters, two letters, and a title of which nothing else is left."""
    assert judged(asked, candidate).outcome != "accepted"
    assert judged(candidate, asked).outcome != "accepted"


def test_a_word_that_other_titles_have_is_not_misspelt() -> None:
    """Nor is any, where nobody can tell what titles have."""
    for known, expected in ((none, "misspelt"), (lambda word: word == "grow", "alike"), (None, "alike")):
        assert judged("How Ice Grow", TITLE, known).closeness == expected
    assert judged("How Ice Grow", TITLE, lambda word: word == "grows").closeness == "misspelt"


BEGINS = "the title begins so"
COLD = "How Ice Grows Cold"
LONG = "How Ice Grows Cold Here"


@pytest.mark.parametrize(
    ("asked", "candidate", "why"),
    [
        (LONG, f"{LONG} in Rivers", BEGINS),
        (LONG, f"{LONG}: In Rivers", BEGINS),
        (LONG, f"{LONG} and There", BEGINS),
        (LONG, f"{LONG} via V2X", BEGINS),
        (COLD, f"{COLD}: In Rivers", BEGINS),
        (COLD, f"{COLD} - In Rivers", BEGINS),
        (COLD, f"{COLD}? In Rivers", BEGINS),
        ("How Ice: Grows Cold", "How Ice: Grows Cold: In Rivers", BEGINS),
        (f"{COLD}...", f"{COLD} in Rivers", BEGINS),
        (f"{COLD}\u2026", f"{COLD} in Rivers", BEGINS),
        (f"{COLD} \u2026 ", f"{COLD} in Rivers", BEGINS),
        (f"{COLD}:", f"{COLD} in Rivers", BEGINS),
        (f"{COLD},", f"{COLD} in Rivers", BEGINS),
        (f"{COLD} -", f"{COLD} in Rivers", BEGINS),
        ("How Ice Grows in", "How Ice Grows in Rivers", BEGINS),
        ("How Ice Grows with", "How Ice Grows with Snow", BEGINS),
        ("How Ice Grows 3D", "How Ice Grows 3D: In Rivers", BEGINS),
        (COLD, f"{COLD} in Rivers", f"{BEGINS}, in too few words"),
        (f"{COLD}.", f"{COLD} in Rivers", f"{BEGINS}, in too few words"),
        ("Ice: A Cold Tale", "Ice: A Cold Tale of Frost", f"{BEGINS}, in too few words"),
        (TITLE, f"{TITLE}: In Rivers", "the title begins with this name"),
        ("Ice", "Ice: In Rivers", "the title begins with this name"),
        (f"{TITLE}...", f"{TITLE} in Rivers", "too few words"),
        ("How Ice in", "How Ice in Rivers", "too few words"),
        (TITLE, f"{TITLE} in Rivers", "too few words"),
        ("Ice", "Ice in Rivers", "too few words"),
        (TITLE, f"{TITLE} a", "too few words"),
        *(
            (LONG, f"{LONG}{gap}{rest}", f"{BEGINS}, and goes on as a sequel: {following}")
            for gap, rest, following in [
                (", ", "Part II", "part"),
                (" ", "II", "ii"),
                (": ", "IX", "ix"),
                (" ", "X", "x"),
                (" ", "2", "2"),
                (" ", "3D", "3d"),
                (" ", "v2", "v2"),
                (" ", "V", "v"),
                (": ", "Erratum", "erratum"),
                (" ", "Revisited", "revisited"),
                (" (", "Extended Version)", "extended"),
                (": ", "Reply to Snow", "reply"),
            ]
        ),
        (f"{LONG}...", f"{LONG} II", f"{BEGINS}, and goes on as a sequel: ii"),
        (f"{LONG}: Part", f"{LONG}: Part II", f"{BEGINS}, and goes on as a sequel: ii"),
    ],
)
def test_a_title_that_is_cut(asked: str, candidate: str, why: str) -> None:
    """Four words that look cut or stop before a subtitle, five in any case; never where another paper goes on."""
    sure = "accepted" if why == BEGINS else "undecided"
    assert judged(asked, candidate) == (sure, 0.45, "begins", False, (why,))
    assert judged(candidate, asked).outcome != "accepted"


SEQUELS = """
    appendix chapter comment corrigendum erratum extended full long part reply revisited short
"""
DANGLING = """
    a an and as at between by for from in into is of on or over that the through to towards under using via with
"""


@pytest.mark.parametrize("word", SEQUELS.split())
def test_words_that_begin_a_sequel(word: str) -> None:
    """After a title, where they leave a second possibility; not within the words that are asked for."""
    assert judged(LONG, f"{LONG}: {word.title()} of it").outcome == "undecided"
    assert judged(f"{LONG} {word}", f"{LONG} {word} of it").outcome == "accepted"


@pytest.mark.parametrize("word", DANGLING.split())
def test_words_that_no_title_ends_in(word: str) -> None:
    """A title of four words that ends in one is cut."""
    assert judged(f"How Ice Grows {word}", f"How Ice Grows {word} Rivers").outcome == "accepted"
    assert judged(f"How Ice Grows q{word}", f"How Ice Grows q{word} Rivers").outcome == "undecided"


@pytest.mark.parametrize(
    ("asked", "candidate", "closeness", "said"),
    [
        ("How Ice Grows in Cold Rivers", "How Ice Grew in Cold Rivers", "alike", "titles 95% alike"),
        ("How Ice Grows Col", "How Ice Grows Cold Here", "alike", "titles 85% alike"),
        ("Rivers: How Ice Grows", "How Ice Grows: Rivers", "other", "titles 65% alike"),
        ("Ice: A Tale of Frost", "Ice: Why Snow Falls", "named", "titles 49% alike, the same name"),
        ("Ice: A Tale: of Frost", "ICE -- Why Snow Falls", "named", "titles 49% alike, the same name"),
        ("Ice: A Tale of Frost", "Frost: A Tale of Ice", "other", "titles 58% alike"),
        ("Ice: A Tale of Frost", "Ice of Winter", "other", "titles 50% alike"),
        ("Ice 2: A Tale of Frost", "Ice 3: A Tale of Frost", "other", "titles 95% alike, other numbers"),
        ("How Ice Grows in 2D", "How Ice Grew in 3D", "other", "titles 86% alike, other numbers"),
        ("How Ice Grows in 2D", "How Ice Grew in a 2D", "alike", "titles 87% alike"),
        ("Ice v2: A Tale", "Ice: A Tale", "other", "titles 87% alike, other numbers"),
        ("How GPT-4 Grows", "How GPT-4o Grows", "alike", "titles 97% alike"),
        ("How Ice Grows, Part I", "How Ice Grows, Part V", "other", "titles 95% alike, other numbers"),
        ("Snow", "Ice", "other", "titles 0% alike"),
    ],
)
def test_titles_that_are_only_alike(asked: str, candidate: str, closeness: str, said: str) -> None:
    """They are never enough, and other numbers, parts or versions are another paper's."""
    found = judged(asked, candidate, lambda _: True)
    assert (found.closeness, found.reasons, found.compared) == (closeness, (said,), False)
    assert found.outcome == ("undecided" if closeness == "alike" else "rejected")
    assert judged(candidate, asked, lambda _: True)[:4] == found[:4]


NUMBERS = "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xix xx xxxix 7 2nd gpt4"
WORDS_LIKE_NUMBERS = "iiii iix ivi vv vx ixi xxxx mix c"


@pytest.mark.parametrize("word", [*NUMBERS.split(), *WORDS_LIKE_NUMBERS.split()])
def test_which_words_are_numbers(word: str) -> None:
    """Those with digits, and numbers as Romans wrote them."""
    assert compare(f"{TITLE} {word}", TITLE)[2].endswith("other numbers") is (word in NUMBERS.split())


def test_scores_of_titles() -> None:
    """Half of how alike they are, to three places, whatever the likeness is called."""
    assert judged("How Ice Grows in Cold Rivers", "How Ice Grew in Cold Rivers", None).score == 0.473
    assert judged("Snow", "Ice").score == 0.0


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


CLOSE = {
    "same": TITLE,
    "misspelt": "How Icee Grows",
    "begins": f"{TITLE}: In Rivers",
    "alike": "How Ice Grow",
    "named": "Ice: Why",
    "other": RETITLED,
}


@pytest.mark.parametrize(
    ("percent", "near", "alike", "other"),
    [
        (100, "accepted", "accepted", "accepted"),
        (80, "accepted", "accepted", "accepted"),
        (79, "accepted", "undecided", "undecided"),
        (60, "accepted", "undecided", "undecided"),
        (59, "undecided", "undecided", "undecided"),
        (25, "undecided", "undecided", "undecided"),
        (24, "undecided", "undecided", "rejected"),
        (20, "undecided", "undecided", "rejected"),
        (10, "undecided", "undecided", "rejected"),
        (9, "undecided", "rejected", "rejected"),
        (0, "undecided", "rejected", "rejected"),
    ],
)
def test_the_abstract_decides(percent: int, near: Outcome, alike: Outcome, other: Outcome) -> None:
    """Where nothing else is known: under a title that is nearly the same, one that is alike, and any other."""
    expected = {"same": near, "misspelt": near, "begins": near, "alike": alike, "named": alike, "other": other}
    for closeness, title in CLOSE.items():
        asked = Described("Ice: How" if closeness == "named" else TITLE, ABSTRACT)
        candidate = Described(title, sharing(percent), arxiv_id="2603.00010")
        found = judge(asked, candidate, none if closeness == "misspelt" else None)
        assert (found.closeness, found.outcome) == (closeness, expected[closeness])
        assert (found.score, found.compared) == (percent / 100, True)
        assert found.reasons[1:] == (f"abstracts {percent}% alike",)
        assert found.by_abstract == (found.outcome == "accepted")


SIGNS: dict[bool | None, tuple[dict[str, Any], dict[str, Any]]] = {
    True: ({"authors_count": 3}, {"date": DAY}),
    False: ({"authors_count": 4}, {"date": DAY + dt.timedelta(days=90), "arxiv_id": "2606.00010"}),
    None: ({"authors_count": None}, {"date": DAY + dt.timedelta(days=7), "arxiv_id": "2604.00010"}),
}


@pytest.mark.parametrize(("count", "date"), list(product(SIGNS, SIGNS)))
@pytest.mark.parametrize("percent", [100, 60, 40, 21, 20, 10, None])
def test_counts_and_dates_weigh_where_the_abstract_leaves_it_open(
    percent: int | None, count: bool | None, date: bool | None
) -> None:
    """A third of an abstract needs a sign for and none against; a foreign one with none against is not ruled out."""
    abstract = None if percent is None else sharing(percent)
    candidate = replace(RIGHT, abstract=abstract, **SIGNS[count][0], **SIGNS[date][1])
    signs = {count, date}
    part: Outcome = "accepted" if True in signs and False not in signs else "undecided"
    foreign: Outcome = "rejected" if False in signs else "undecided"
    expected: dict[int | None, Outcome] = {
        100: "accepted",
        60: "accepted",
        40: part,
        21: part,
        20: foreign,
        10: foreign,
        None: "undecided" if False in signs else "accepted",
    }
    found = judge(LISTED, candidate)
    assert found.outcome == expected[percent]
    assert found.by_abstract == (percent in (100, 60))


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(100, "accepted"), (79, "undecided"), (25, "undecided"), (24, "rejected"), (0, "rejected"), (None, "rejected")],
)
def test_no_sign_outweighs_another_title(percent: int | None, expected: Outcome) -> None:
    """Same number of authors on the same day is a coincidence; without abstracts another title is another paper."""
    abstract = None if percent is None else sharing(percent)
    assert outcome(LISTED, replace(RIGHT, title=RETITLED, abstract=abstract)) == expected


@pytest.mark.parametrize(
    "against",
    [
        {"title": RETITLED, "authors_count": 99},
        {"title": RETITLED, "date": None, "arxiv_id": "0901.00010"},
        {"title": f"{RETITLED} II"},
        {"title": f"{RETITLED} 2"},
    ],
)
def test_a_whole_abstract_against_a_sign_is_not_accepted(against: dict[str, Any]) -> None:
    """Under another title: other authors, another month, or numbers that this one has not."""
    assert outcome(LISTED, replace(RIGHT, **against)) == "undecided"
    assert outcome(replace(LISTED, title=against["title"]), replace(RIGHT, title=against["title"])) == "accepted"


@pytest.mark.parametrize(("count", "expected"), [(41, "accepted"), (40, "rejected")])
def test_another_title_needs_many_words(count: int, expected: Outcome) -> None:
    """Forty pairs that agree; of fewer nothing follows: many papers begin with "We study learning"."""
    candidate = replace(RIGHT, title=RETITLED, abstract=" ".join(WORDS[:count]))
    found = judge(LISTED, candidate)
    assert (found.outcome, found.compared) == (expected, expected == "accepted")


def test_scores_of_abstracts() -> None:
    """What agrees, to three places, and in the reasons as a percentage."""
    thirds = judge(Described(TITLE, ABSTRACT), Described(TITLE, " ".join(WORDS[:11] + OTHERS[:20])))
    assert (thirds.score, thirds.reasons) == (0.333, (SAID, "abstracts 33% alike"))


def test_a_listing_without_an_abstract_goes_by_its_title() -> None:
    """Whatever abstract the candidate has: there is nothing to compare it with."""
    bare = judge(Described(TITLE), Described(TITLE, ABSTRACT, ("A. Frost",), 1, DAY, "2603.00010"))
    assert bare == ("accepted", 0.5, "same", False, (SAID,))
    assert judge(Described(TITLE, ABSTRACT), Described(TITLE)).outcome == "accepted"


def test_an_abstract_too_short_to_compare_needs_a_sign() -> None:
    """Where an abstract only says "Withdrawn", the number of authors has to agree."""
    withdrawn = Described(TITLE, "Withdrawn by the author.", arxiv_id="2603.00010")
    assert outcome(Described(TITLE, ABSTRACT), withdrawn) == "undecided"
    assert outcome(Described(TITLE, ABSTRACT, authors_count=3), replace(withdrawn, authors_count=3)) == "accepted"
    assert outcome(Described(TITLE, ABSTRACT, authors_count=4), replace(withdrawn, authors_count=3)) == "undecided"
    begun = replace(withdrawn, title=f"{TITLE}: In Rivers", authors_count=3)
    assert outcome(Described(TITLE, ABSTRACT, authors_count=3), begun) == "undecided"


# --- authors and dates ------------------------------------------------------------------------------------

TEAM = ("Ada B. Frost", "Carl Rime", "Émile Grésil")


@pytest.mark.parametrize(
    ("asked", "candidate", "sign"),
    [
        (TEAM, TEAM, True),
        (TEAM, ("Gresil, E.", "RIME, C", "A. Frost"), True),
        (TEAM, TEAM[:1], True),
        (TEAM[2:], TEAM, True),
        (TEAM, ("A. Frost", "B. Snow"), True),
        (TEAM, ("A. Frost", "B. Snow", "C. Hail"), None),
        (TEAM, ("B. Snow",), False),
        (TEAM, ("Clara Frost", "Ada Rime"), False),
        (("A. Frost", "A. Frost"), ("Ada Frost", "B. Snow"), True),
        (TEAM, ("?", "B. Snow"), False),
        (TEAM, ("?",), None),
        (("",), TEAM, None),
        (("Plato",), ("Plato",), True),
    ],
)
def test_names(asked: tuple[str, ...], candidate: tuple[str, ...], sign: bool | None) -> None:
    """Last name and initial in any form and order, half of the shorter list; none at all contradicts."""
    said = {True: "its authors", False: "none of its authors", None: None}[sign]
    for one, other in ((asked, candidate), (candidate, asked)):
        found = judge(Described(TITLE, authors=one), Described(TITLE, authors=other))
        assert found.reasons == (SAID, *filter(None, [said]))
        assert found.outcome == ("rejected" if sign is False else "accepted")


def test_other_authors_are_another_paper() -> None:
    """A misspelt title or a beginning of theirs too; their abstract is stronger, and their names stand above counts."""
    asked, candidate = Described(TITLE, authors=TEAM), Described(TITLE, authors=("B. Snow",), arxiv_id="2603.00010")
    for title in ("How Icee Grows", f"{TITLE}: In Rivers"):
        assert judge(asked, replace(candidate, title=title), none).outcome == "rejected"
    asked, candidate = replace(asked, abstract=ABSTRACT), replace(candidate, abstract=ABSTRACT)
    assert outcome(asked, candidate) == "accepted"
    counted = judge(replace(asked, authors_count=1), replace(candidate, authors_count=1))
    assert counted.reasons == (SAID, "abstracts 100% alike", "none of its authors")
    assert judge(replace(asked, authors_count=3), replace(RIGHT, authors=TEAM, authors_count=9)).reasons[2:] == (
        "its authors",
    )


@pytest.mark.parametrize(
    ("listed", "told", "said", "expected"),
    [
        (3, 3, ("as many authors",), "accepted"),
        (3, 4, ("4 authors",), "undecided"),
        (None, 3, (), "accepted"),
        (3, None, (), "accepted"),
        (0, 0, ("as many authors",), "accepted"),
    ],
)
def test_counts(listed: int | None, told: int | None, said: tuple[str, ...], expected: Outcome) -> None:
    """Where names are not told; a number that one side does not tell is no sign against."""
    one, other = Described(TITLE, authors_count=listed), Described(TITLE, authors_count=told)
    for asked in (one, replace(one, authors=TEAM)):
        found = judge(asked, other)
        assert (found.reasons, found.outcome) == ((SAID, *said), expected)


@pytest.mark.parametrize(
    ("listed", "submitted", "arxiv_id", "said"),
    [
        ("2026-03-30", "2026-03-30", "2603.00010", "submitted that day"),
        ("2026-03-30", "2026-03-31", "2603.00010", "submitted that day"),
        ("2026-03-31", "2026-04-01", "2604.00010", "submitted that day"),
        ("2025-12-31", "2026-01-01", "2601.00010", "submitted that day"),
        ("2026-03-30", "2026-03-30", None, "submitted that day"),
        ("2026-03-30", "2026-03-29", "2603.00010", None),
        ("2026-03-30", "2026-04-01", "2604.00010", None),
        ("2025-12-30", "2026-01-02", "2601.00010", None),
        ("2025-12-30", None, "2602.00010", "an id of 2026-02"),
        ("2026-03-30", None, "2603.00010", None),
        ("2026-03-30", None, "2604.00010", None),
        ("2026-03-30", None, "2602.00010", "an id of 2026-02"),
        ("2026-03-30", None, "2605.00010", "an id of 2026-05"),
        ("2026-03-30", "2025-03-30", "2503.00010", "an id of 2025-03"),
        ("1999-03-30", "1999-03-29", "hep-th/9903001", None),
        ("2000-01-30", "1999-03-29", "hep-th/9903001", "an id of 1999-03"),
        ("2026-03-30", "2026-04-01", None, None),
        ("2026-03-30", None, None, None),
        (None, "2026-03-30", "2603.00010", None),
    ],
)
def test_dates(listed: str | None, submitted: str | None, arxiv_id: str | None, said: str | None) -> None:
    """The day shown is US Eastern: it or the next agrees. The id's month is that of the day shown, or the next."""
    asked = Described(TITLE, date=dt.date.fromisoformat(listed) if listed else None)
    candidate = Described(TITLE, date=dt.date.fromisoformat(submitted) if submitted else None, arxiv_id=arxiv_id)
    found = judge(asked, candidate)
    assert found.reasons == (SAID, *filter(None, [said]))
    assert found.outcome == ("undecided" if said and said.startswith("an id") else "accepted")


# --- all candidates ---------------------------------------------------------------------------------------


def ids(decided: evidence.Decided) -> list[str]:
    """The candidates that are shown."""
    return [one.arxiv_id for one in decided.resolution.candidates]


def test_one_accepted_candidate_is_the_paper() -> None:
    """With its score and its reasons; the rejected and the undecided stand for nothing."""
    others = [
        replace(RIGHT, abstract=UNRELATED, authors_count=9, arxiv_id="2603.00002"),
        replace(RIGHT, abstract=sharing(50), authors_count=9, arxiv_id="2603.00001"),
    ]
    found, settled = decide(LISTED, [*others, RIGHT], "arxiv")
    assert (found.status, found.method, found.score, settled) == ("resolved", "arxiv", 1.0, True)
    [shown] = found.candidates
    assert (shown.arxiv_id, shown.title, shown.score) == ("2603.00010", TITLE, 1.0)
    assert shown.reasons == (SAID, "abstracts 100% alike", "as many authors", "submitted that day")


def test_two_accepted_candidates_are_ambiguous() -> None:
    """Two papers of one title and one abstract: neither is chosen, both are shown, in an order of their own."""
    twin = replace(RIGHT, arxiv_id="2603.00009")
    for candidates in ([RIGHT, twin], [twin, RIGHT]):
        found, settled = decide(LISTED, candidates, "arxiv")
        assert (found.status, found.score, settled) == ("ambiguous", None, True)
        assert [(one.arxiv_id, one.score) for one in found.candidates] == [("2603.00009", 1.0), ("2603.00010", 1.0)]


BARE = Described(TITLE, arxiv_id="2603.00010")
SECOND = replace(BARE, arxiv_id="2603.00011")
MISSPELT = Described("How Icee Grows", arxiv_id="2603.00012")
BEGUN = Described(f"{TITLE}: In Rivers", arxiv_id="2603.00013")
LIKE = Described("How Ice Grew", arxiv_id="2603.00014")


@pytest.mark.parametrize(
    ("asked", "candidates", "status", "shown"),
    [
        (Described(TITLE), [BARE], "resolved", "0"),
        (Described(TITLE), [BARE, SECOND], "ambiguous", "01"),
        (Described(TITLE), [BARE, MISSPELT, BEGUN, LIKE], "resolved", "0"),
        (Described(TITLE), [MISSPELT], "resolved", "2"),
        (Described(TITLE), [MISSPELT, LIKE], "resolved", "2"),
        (Described(TITLE), [MISSPELT, BEGUN], "ambiguous", "23"),
        (Described(TITLE), [MISSPELT, replace(MISSPELT, arxiv_id="2603.00011")], "ambiguous", "12"),
        (Described(TITLE), [BEGUN, LIKE], "ambiguous", "34"),
        (Described(LONG), [replace(BEGUN, title=f"{LONG}: In Rivers")], "resolved", "3"),
        (
            Described(LONG),
            [replace(BEGUN, title=f"{LONG}: In Rivers"), replace(LIKE, title=f"{LONG}, or Not")],
            "ambiguous",
            "34",
        ),
        (Described(TITLE), [LIKE], "ambiguous", "4"),
        (Described(TITLE), [Described(RETITLED, arxiv_id="2603.00015")], "not_found", "5"),
        (Described(TITLE), [], "not_found", ""),
        (Described(TITLE, authors=TEAM), [replace(BARE, authors=TEAM), SECOND], "ambiguous", "01"),
        (
            Described(TITLE, authors=TEAM),
            [replace(BARE, authors=TEAM), replace(SECOND, authors=("X",))],
            "resolved",
            "0",
        ),
        (Described(TITLE, authors_count=1), [replace(BARE, authors_count=2), SECOND], "ambiguous", "10"),
        (Described(TITLE, date=DAY), [BARE, replace(SECOND, arxiv_id="2501.00011")], "ambiguous", "01"),
        (Described(TITLE, ABSTRACT), [replace(BARE, abstract=ABSTRACT), SECOND], "resolved", "0"),
        (Described(TITLE, ABSTRACT), [replace(BARE, abstract=UNRELATED), SECOND], "ambiguous", "10"),
        (
            Described(TITLE, ABSTRACT),
            [replace(LIKE, abstract=ABSTRACT), replace(BARE, abstract=ABSTRACT)],
            "resolved",
            "0",
        ),
        (Described(TITLE, ABSTRACT), [replace(LIKE, abstract=ABSTRACT), BARE], "resolved", "4"),
        (
            Described(TITLE, ABSTRACT),
            [replace(BEGUN, abstract=ABSTRACT), replace(LIKE, abstract=ABSTRACT)],
            "ambiguous",
            "34",
        ),
        (Described(TITLE, ABSTRACT), [replace(BARE, abstract=sharing(40)), BEGUN], "ambiguous", "03"),
    ],
)
def test_which_of_several(asked: Described, candidates: list[Described], status: str, shown: str) -> None:
    """Whoever fits as well leaves it open: an abstract above a title, the same title above one that is nearly so."""
    for order in permutations(candidates):
        found = decide(asked, order, "index", known=none)
        assert found.resolution.status == status
        assert [one[-1] for one in ids(found)] == list(shown)
        assert found.resolution.score == (found.resolution.candidates[0].score if status == "resolved" else None)


def test_the_very_title_goes_before_a_longer_one() -> None:
    """A phrase search for "Foo" also finds "Foo: extended version", perhaps with the same abstract."""
    extended = Described(f"{TITLE}: Extended Version", ABSTRACT, arxiv_id="2604.00010")
    asked, right = Described(TITLE, ABSTRACT), Described(TITLE, ABSTRACT, arxiv_id="2603.00010")
    found = decide(asked, [extended, right], "arxiv")
    assert (found.resolution.status, ids(found)) == ("resolved", ["2603.00010"])


def test_one_paper_under_two_titles_is_no_rival_of_itself() -> None:
    """What fits best of a paper stands for it, also where two sources tell different things of it."""
    retitled = replace(RIGHT, title=RETITLED)
    bare = Described(TITLE, arxiv_id=RIGHT.arxiv_id)
    for candidates in permutations([retitled, bare, RIGHT]):
        found = decide(LISTED, candidates, "index")
        assert (found.resolution.status, ids(found)) == ("resolved", ["2603.00010"])
        assert found.resolution.candidates[0].title == TITLE
        assert found.resolution.score == 1.0
    assert decide(LISTED, [replace(bare, authors_count=9), bare], "index").resolution.status == "resolved"


@pytest.mark.parametrize(
    ("asked", "candidate", "status"),
    [
        (LISTED, RIGHT, "resolved"),
        (replace(LISTED, title=RETITLED), RIGHT, "resolved"),
        (LISTED, replace(RIGHT, abstract=sharing(60)), "resolved"),
        (LISTED, replace(RIGHT, abstract=sharing(59)), "ambiguous"),
        (LISTED, replace(RIGHT, abstract=None), "ambiguous"),
        (Described(TITLE), RIGHT, "ambiguous"),
        (LISTED, replace(RIGHT, title=RETITLED, abstract=UNRELATED), "not_found"),
    ],
)
def test_a_search_that_showed_not_all_needs_the_abstract(asked: Described, candidate: Described, status: str) -> None:
    """There may be another paper of that title that was not shown."""
    assert decide(asked, [candidate], "arxiv", complete=False).resolution.status == status


def test_what_was_rejected_is_shown_where_nothing_else_is() -> None:
    """A person may know better: with the reasons; at most ten, the best first, by score and then by id."""
    others = [Described(f"How Snow {'o' * n}", arxiv_id=f"2603.{n:05}") for n in range(12)]
    found, settled = decide(LISTED, others, "arxiv")
    assert (found.status, found.method, settled, len(found.candidates)) == ("not_found", "arxiv", False, 10)
    scores = [one.score for one in found.candidates]
    assert scores == sorted(scores, reverse=True)
    assert found.candidates[0].reasons == ("titles 57% alike",)
    assert decide(LISTED, [*others, replace(RIGHT, abstract=sharing(30), date=None, authors_count=None)], "a") == (
        decide(LISTED, [replace(RIGHT, abstract=sharing(30), date=None, authors_count=None)], "a")
    )


def test_undecided_candidates_come_by_how_much_agrees() -> None:
    """Then by id."""
    shares = [21, 59, 30, 30, 45, 58, 22]
    candidates = [Described(TITLE, sharing(s), arxiv_id=f"2603.0000{n}") for n, s in enumerate(shares)]
    found = decide(Described(TITLE, ABSTRACT), candidates, "arxiv")
    assert [one[-1] for one in ids(found)] == ["1", "5", "4", "2", "3", "6", "0"]


@pytest.mark.parametrize(
    ("asked", "candidates", "settled"),
    [
        (Described(TITLE), [BARE], True),
        (Described(TITLE), [BARE, SECOND], True),
        (Described(TITLE), [], False),
        (Described(TITLE), [LIKE], False),
        (Described(TITLE), [BEGUN], False),
        (Described(TITLE, date=dt.date(2020, 1, 1)), [BARE], False),
        (Described(TITLE, ABSTRACT), [BARE, SECOND], False),
        (Described(TITLE, date=DAY), [BARE, replace(SECOND, arxiv_id="2501.00011")], False),
        (LISTED, [replace(RIGHT, abstract=sharing(59), authors_count=9)], True),
        (Described(TITLE, ABSTRACT), [replace(RIGHT, abstract=sharing(21))], True),
        (Described(TITLE, ABSTRACT), [replace(RIGHT, abstract=sharing(20))], False),
        (Described(TITLE, ABSTRACT), [replace(BEGUN, abstract=UNRELATED), replace(LIKE, abstract=UNRELATED)], False),
        (Described(TITLE, ABSTRACT), [replace(LIKE, abstract=sharing(10))], True),
        (LISTED, [replace(RIGHT, title=RETITLED, abstract=UNRELATED)], False),
        (LISTED, [RIGHT, replace(RIGHT, arxiv_id="2603.00011")], True),
    ],
)
def test_whether_others_may_still_change_it(asked: Described, candidates: list[Described], settled: bool) -> None:
    """What abstracts left open, or two papers of a bare title, is not asked for elsewhere; beside a namesake it is."""
    assert decide(asked, candidates, "index").settled is settled


# --- of any candidates ------------------------------------------------------------------------------------

titles = st.sampled_from(
    [
        TITLE,
        TITLE.upper(),
        "How Icee Grows",
        "How Ice Grow",
        LONG,
        f"{LONG}: In Rivers",
        f"{LONG} II",
        RETITLED,
        "?",
        "",
    ]
) | st.text(max_size=20)
described = st.builds(
    Described,
    title=titles,
    abstract=st.none() | st.integers(0, PAIRS).map(sharing) | st.just(" ".join(WORDS[:40])) | st.text(max_size=20),
    authors=st.none() | st.lists(st.sampled_from([*TEAM, "B. Snow", "?", ""]), max_size=3).map(tuple),
    authors_count=st.none() | st.integers(0, 3),
    date=st.none() | st.dates(dt.date(2026, 3, 28), dt.date(2026, 4, 3)),
    arxiv_id=st.sampled_from(["2603.00010", "2603.00011", "2604.00001", "2606.00001", "hep-th/9901001"]),
)
several = st.lists(described, max_size=6)


@given(described, several, st.booleans(), st.randoms())
def test_the_order_of_candidates_changes_nothing(
    asked: Described, candidates: list[Described], complete: bool, noise: Any
) -> None:
    """Nor does being told twice; and a paper that is resolved is one of them."""
    found = decide(asked, candidates, "index", complete=complete, known=none)
    shuffled = [*candidates, *candidates[:2]]
    noise.shuffle(shuffled)
    other = decide(asked, shuffled, "index", complete=complete, known=none)
    assert (ids(found), found.resolution.status, found.settled) == (ids(other), other.resolution.status, other.settled)
    assert {*ids(found)} <= {one.arxiv_id for one in candidates}
    if found.resolution.status == "resolved":
        assert len(ids(found)) == 1
        assert found.settled
        assert decide(asked, candidates, "index", known=none).resolution == found.resolution


@given(described, several)
def test_a_decision_follows_from_the_verdicts(asked: Described, candidates: list[Described]) -> None:
    """Resolved only to what is accepted by itself; ambiguous where anything is possible, else not found."""
    verdicts = [judge(asked, one, none) for one in candidates]
    possible = {one.arxiv_id for one, what in zip(candidates, verdicts, strict=True) if what.outcome != "rejected"}
    accepted = {one.arxiv_id for one, what in zip(candidates, verdicts, strict=True) if what.outcome == "accepted"}
    found = decide(asked, candidates, "index", known=none)
    if found.resolution.status == "resolved":
        assert {*ids(found)} <= accepted
    else:
        assert found.resolution.status == ("ambiguous" if possible else "not_found")
        assert {*ids(found)} == possible or not possible
    if len(possible) == len(accepted) == 1:
        assert found.resolution.status == "resolved"


FITTING = [
    (Described(TITLE), BARE),
    (Described(TITLE), MISSPELT),
    (Described(LONG), replace(BARE, title=f"{LONG}: In Rivers")),
    (Described(TITLE, authors=TEAM), replace(BARE, authors=TEAM)),
    (Described(TITLE, ABSTRACT), BARE),
    (LISTED, RIGHT),
    (LISTED, replace(RIGHT, title=RETITLED)),
]


@given(st.sampled_from(FITTING), several)
def test_whoever_fits_as_well_leaves_it_open(pair: tuple[Described, Described], others: list[Described]) -> None:
    """Of two that do neither is chosen, in whatever company; one alone only where no other is possible."""
    asked, right = pair
    right, twin = (replace(right, arxiv_id=f"2603.0001{n}") for n in (8, 9))
    assert decide(asked, [right], "index", known=none).resolution.status == "resolved"
    assert decide(asked, [right, twin], "index", known=none).resolution.status == "ambiguous"
    chosen = decide(asked, [*others, right, twin], "index", known=none)
    assert chosen.resolution.status == "ambiguous" or {right.arxiv_id, twin.arxiv_id}.isdisjoint(ids(chosen))
    alone = decide(asked, [*others, right], "index", known=none)
    if alone.resolution.status == "resolved" and ids(alone) != [right.arxiv_id]:
        ranks = [judge(asked, one, none).rank for one in others if one.arxiv_id in ids(alone)]
        assert max(ranks) > judge(asked, right, none).rank


@given(described.filter(lambda one: not title_key(one.title)), several)
def test_a_title_of_symbols_resolves_to_nothing(asked: Described, candidates: list[Described]) -> None:
    """Whatever there is; an abstract alone may tell."""
    bare = replace(asked, abstract=None)
    assert decide(bare, candidates, "index", known=none).resolution.status == "not_found"
    assert all(judge(asked, one, none).compared for one in candidates if judge(asked, one, none).outcome == "accepted")


@given(titles, titles)
def test_likeness_goes_both_ways(one: str, other: str) -> None:
    """But for beginnings: a paper that tells more than was asked for may be it, one that tells less is not."""
    there, back = compare(one, other, none), compare(other, one, none)
    if "begins" not in (there[0], back[0]):
        assert there[:2] == back[:2]
    assert compare(one, one, none)[0] == ("same" if title_key(one) else "other")


plain = st.lists(st.from_regex(r"[a-z]{3,9}", fullmatch=True), min_size=2, max_size=8)


@given(plain, st.data())
def test_any_slip_of_one_letter_is_forgiven(found: list[str], data: st.DataObject) -> None:
    """In any word of a title, unless it makes a number, and never two."""
    place = data.draw(st.integers(0, len(found) - 1))
    word = found[place]
    at = data.draw(st.integers(0, len(word) - 2))
    slips = [word[:at] + word[at + 1 :], word[:at] + "q" + word[at:], word[:at] + "q" + word[at + 1 :]]
    slip = data.draw(st.sampled_from([*slips, word[:at] + word[at + 1] + word[at] + word[at + 2 :]]))
    asked = " ".join([*found[:place], slip, *found[place + 1 :]])
    assume(slip != word and not any(map(evidence._ROMAN.fullmatch, (slip, word))))
    assert compare(asked, " ".join(found), none)[0] == "misspelt"
    assert compare(f"{asked}zz", " ".join(found), none)[0] != "misspelt"


english = st.text("abcdefghij  ", min_size=1, max_size=60)


@given(english, english, english, english, described, described)
def test_another_title_and_an_unrelated_abstract_are_never_accepted(
    title: str, other: str, abstract: str, foreign: str, asked: Described, candidate: Described
) -> None:
    """Whatever authors and dates say, and whatever the words are."""
    assume(title_key(title) != title_key(other))
    asked = replace(asked, title=title, abstract=f"{abstract} {ABSTRACT}")
    candidate = replace(candidate, title=other, abstract=f"{foreign} {UNRELATED}")
    assert judge(asked, candidate, none).outcome != "accepted"
    if compare(title, other)[0] == "other":
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
@pytest.mark.parametrize("authors", [None, ["A. Frost", "B. Rime"]])
def test_a_stored_paper_as_evidence(
    published: dict[str, str] | None, date: dt.date | None, authors: list[str] | None
) -> None:
    """A month alone is no day."""
    paper = {"title": TITLE, "abstract": ABSTRACT, "authors": authors, "authors_count": 3, "published": published}
    names = tuple(authors) if authors else None
    assert evidence.of_paper(paper | {"ids": {"arxiv": None}}) == Described(TITLE, ABSTRACT, names, 3, date)
    untitled = paper | {"title": None, "ids": {"arxiv": "2603.00010"}}
    assert evidence.of_paper(untitled) == Described("", ABSTRACT, names, 3, date, "2603.00010")


def test_an_answer_as_evidence() -> None:
    """Its authors are counted, its day is that of its submission in UTC; what it leaves out is not known."""
    late = dt.datetime(2026, 3, 31, 23, 59, tzinfo=dt.UTC)
    entry = ArxivEntry(
        arxiv_id="2603.00010", title=TITLE, abstract=ABSTRACT, authors=TEAM, fact=ArxivFact(published=late)
    )
    assert evidence.of_entry(entry) == replace(RIGHT, authors=TEAM, entry=entry)
    bare = ArxivEntry(arxiv_id="2603.00010", title=TITLE, abstract=None, authors=None, fact=ArxivFact())
    assert evidence.of_entry(bare) == Described(TITLE, arxiv_id="2603.00010", entry=bare)


def test_the_index_as_evidence() -> None:
    """Once for each title; what it does not know is not known."""
    whole = evidence.of_indexed(Indexed("2603.00010", (TITLE, RETITLED), TEAM, ABSTRACT, "2026-03-31"))
    assert whole == [replace(RIGHT, authors=TEAM), replace(RIGHT, authors=TEAM, title=RETITLED)]
    assert evidence.of_indexed(Indexed("2603.00010", (TITLE,))) == [Described(TITLE, arxiv_id="2603.00010")]
