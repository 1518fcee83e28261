"""The local index of titles: what it finds, by which part of a title, and what becomes of a damaged one."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage import title_index
from storage.errors import StorageError
from storage.title_index import AGAIN, COMMON, NAME, NEAR, SHARING, STALE, About, Indexed, TitleIndex, reading, writing
from storage.titles import title_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def about(folder: Path) -> About:
    """What the index says of itself."""
    with reading(folder) as index:
        assert index is not None
        return index.about


ICE, BRIDGES, NETS, VAE, ADAM, COVARIANCE = PAPERS = [
    Indexed(
        "2401.00001",
        ("How Ice Grows: A Tale of Two Rivers",),
        ("Ada Frost", "B. Rime"),
        "We measure how rivers freeze from both banks, and find that the left one is the colder of the two.",
        "2024-01-02",
    ),
    Indexed("hep-th/9901001", ("Bridges of Wood and of Stone, Explained to Children", "On Bridges")),
    Indexed("1512.03385", ("Deep Residual Learning for Image Recognition",), ("Kaiming He",)),
    Indexed("2001.00004", (r"$\beta$-VAE of Größe in Z\"urich Explored",)),
    Indexed("1412.06980", ("Adam",)),
    Indexed("1010.00839", ("Discussion of: Brownian distance covariance",), None, "...", "2010-10-05"),
]


def build(folder: Path, *papers: Indexed, keep: bool = False) -> None:
    """Write an index of these papers."""
    with writing(folder, keep=keep) as add:
        add(papers)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TitleIndex]:
    """An index of the papers above."""
    folder = tmp_path_factory.mktemp("index")
    build(folder, *PAPERS)
    with closing(TitleIndex(folder)) as found:
        yield found


def of(folder: Path, ask: Callable[[TitleIndex], list[Indexed]]) -> list[Indexed]:
    """What the index in a folder tells."""
    with closing(TitleIndex(folder)) as found:
        return ask(found)


def names(folder: Path) -> list[str]:
    """The files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def numbered(count: int, title: str) -> list[Indexed]:
    """So many papers, each with its number at the end of its title."""
    return [Indexed(f"2402.{n:05}", (f"{title} {n}",)) for n in range(1, count + 1)]


# --- what is found ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("paper", PAPERS)
def test_what_was_put_in_comes_out(index: TitleIndex, paper: Indexed) -> None:
    """Whole, under each of its titles; of nothing else."""
    for title in paper.titles:
        assert index.titled(title) == ([paper], True)


@pytest.mark.parametrize(
    ("title", "paper"),
    [
        ("how ice grows -- a tale of TWO rivers!", ICE),
        (r"How \textbf{Ice} Grows: {\em A Tale} of Two Rivers", ICE),
        ("HowIceGrows ATaleofTwoRivers", ICE),
        ("β-VAE of Größe in Zürich explored", VAE),
        (r"$\beta$-vae of gro\ss{}e in zurich explored", VAE),
        (r"beta-VAE of Grosse in Zurich Explored", VAE),
        (r"\beta VAE of GRÖSSE in Zürich, Explored", VAE),
        ("On bridges", BRIDGES),
        ("How Ice Grows", None),
        ("A Tale of Two Rivers", None),
        ("How Ice Grows: A Tale of Two River", None),
        ("?!", None),
        ("", None),
    ],
)
def test_a_title_is_found_under_any_spelling(index: TitleIndex, title: str, paper: Indexed | None) -> None:
    """And only under a spelling: what is like it is another question."""
    assert index.titled(title) == ([paper] if paper else [], True)


@pytest.mark.parametrize(
    ("abstract", "paper"),
    [
        (ICE.abstract, ICE),
        (r"We MEASURE how {\em rivers} freeze from both banks, and find that the left one is the colder now.", ICE),
        ("We measure how rivers freeze from both banks.", None),
        ("howicegrowsataleoftworivers", None),
        ("...", None),
        ("", None),
        (None, None),
    ],
)
def test_a_paper_is_found_by_how_its_abstract_begins(
    index: TitleIndex, abstract: str | None, paper: Indexed | None
) -> None:
    """Whatever its title has become; an abstract of symbols is nobody's, and none is another's title."""
    assert index.titled("Retitled", abstract) == ([paper] if paper else [], True)
    assert index.titled("Adam", abstract) == ([ADAM, paper] if paper else [ADAM], True)


@pytest.mark.parametrize(
    ("title", "paper"),
    [
        ("How Ice Grows", ICE),
        ("HOW ICE-GROWS", ICE),
        ("How Ice Grows: Another Tale", ICE),
        ("How Ice Grows: A Tale of", ICE),
        ("How Ice Grows: A Tale of Two Riv", ICE),
        ("How Ice Grows: A Tale of Two Rivers, Told Again", ICE),
        ("Two Rivers", ICE),
        ("Bridges of Wood and", BRIDGES),
        ("bridges of wood, and of st", BRIDGES),
        ("Wood and Stone", BRIDGES),
        ("Explained to: Children", BRIDGES),
        ("Residual Networks", NETS),
        ("VAE", VAE),
        ("Größen in Zürich", VAE),
        ("Discussion of", COVARIANCE),
        ("The Adam Optimizer", ADAM),
        ("On Bridges of Stone", BRIDGES),
    ],
)
def test_titles_that_begin_so_or_share_words_are_near(index: TitleIndex, title: str, paper: Indexed) -> None:
    """The name before a colon, a beginning, any telling word."""
    found, complete = index.near(title)
    assert (found[0], complete) == (paper, True)


@pytest.mark.parametrize("title", ["Snow", "Melting Snow Everywhere", "Iced", "?!", "", r"\foo \bar \baz \qux"])
def test_nothing_is_near_what_shares_no_word(index: TitleIndex, title: str) -> None:
    """Not even a beginning of words, nor the key that a title of symbols has."""
    assert index.near(title) == ([], True)


@pytest.mark.parametrize(
    ("title", "near"),
    [("Ho wicegr ows atale", [ICE]), ("Ho wicegrows atale", []), ("Howicegrowsatale", []), ("O wicegr ows atale", [])],
)
def test_a_beginning_has_four_words(index: TitleIndex, title: str, near: list[Indexed]) -> None:
    """However they are cut; fewer are found by words that they share alone."""
    assert index.near(title) == (near, True)


@pytest.mark.parametrize("count", [SHARING - 1, SHARING, SHARING + 1, 3 * SHARING])
def test_of_more_than_fifty_none_is_the_only_one(tmp_path: Path, count: int) -> None:
    """Papers that begin so, have this name, or this title: fifty are told, and whether those are all."""
    begin = numbered(count, "How Ice Grows Again")
    same = [Indexed(f"2403.{n:05}", ("How Snow Falls",)) for n in range(count)]
    named = [Indexed(f"2404.{n:05}", (f"Hail: A {n}th Tale",)) for n in range(count)]
    build(tmp_path, *begin, *same, *named)
    with closing(TitleIndex(tmp_path)) as index:
        begun, all_begun = index.near("How Ice Grows Again")
        titled, all_titled = index.titled("How snow falls")
        called, all_called = index.near("Hail")
        assert {*index.misspelt("How Snow Fals")} <= {*same}
    assert {*begun} <= {*begin}
    assert {*called} <= {*named}
    assert len(titled) == min(count, SHARING) <= min(len(begun), len(called)) <= SHARING + NEAR
    assert all_begun == all_titled == all_called == (count <= SHARING)


def test_words_of_many_titles_are_looked_for_in_pairs(tmp_path: Path) -> None:
    """Each alone says little: the paper that has two of them is found among a thousand that have one."""
    both = Indexed("2401.00001", ("Ice of Snow",))
    ice, snow = ([Indexed(f"{month}.{n:05}", (f"{word} {n}",)) for n in range(COMMON + 1)] for month, word in WEATHER)
    build(tmp_path, *ice, both, *snow)
    with closing(TitleIndex(tmp_path)) as index:
        assert index.near("Snow, or Ice") == ([both], True)
        assert index.near("Ice") == ([], True)
        assert index.near("Ice 7")[0] == [ice[7], snow[7]]


WEATHER = (("2402", "Ice"), ("2403", "Snow"))


def test_the_likest_are_told_first(tmp_path: Path) -> None:
    """Six at most, of those that share most of the rarest words."""
    others = [Indexed(f"2402.{n:05}", (f"Zebras {n} {'again ' * n}",)) for n in range(1, 40)]
    like = Indexed("2401.00001", ("The Zebras of Zurich at Night",))
    build(tmp_path, *others, like)
    with closing(TitleIndex(tmp_path)) as index:
        found, complete = index.near("Zebras of Zurich by Night")
        assert (found[0], len(found), complete) == (like, NEAR, True)
        assert len(index.near("Zebras")[0]) == NEAR


def test_no_paper_is_told_twice(tmp_path: Path) -> None:
    """It may begin so, share words, and have several titles that do."""
    paper = Indexed("2401.00001", ("Ice Grows in the Cold", "Ice Grows in the Cold: A Tale", "Ice grows in the cold!"))
    build(tmp_path, paper)
    with closing(TitleIndex(tmp_path)) as index:
        assert index.near("Ice Grows in the") == index.titled("ICE GROWS IN THE COLD") == ([paper], True)
        assert index.misspelt("Ice Growz in the Cold") == [paper]


# --- misspelt ---------------------------------------------------------------------------------------------


def misspellings(word: str) -> list[str]:
    """The word with a letter dropped, added, replaced or swapped, at its beginning, its end and in between."""
    dropped = [word[:at] + word[at + 1 :] for at in range(len(word))]
    added = [word[:at] + "q" + word[at:] for at in range(len(word) + 1)]
    replaced = [word[:at] + "q" + word[at + 1 :] for at in range(len(word))]
    swapped = [word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)]
    return [*dropped, *added, *replaced, *swapped]


@pytest.mark.parametrize("word", ["Deep", "Learning", "Recognition"])
def test_a_letter_that_is_wrong_anywhere_is_put_right(index: TitleIndex, word: str) -> None:
    """In the first word, the last one, and one between."""
    for wrong in {*misspellings(word)} - {word}:
        assert index.misspelt(NETS.titles[0].replace(word, wrong)) == [NETS], wrong


@pytest.mark.parametrize(
    "title",
    [
        "Deap Residual Lerning for Image Recognition",
        "Deeppp Residual Learning for Image Recognition",
        "Dep Residual Learning for Image",
        "Deep Residual Learning for Image Recognition",
        "Adam",
        "?!",
        "",
        "Deep Residual Learning for Image Ice",
    ],
)
def test_one_letter_of_one_word_is_put_right(index: TitleIndex, title: str) -> None:
    """Not two, not in a title that is cut, and none in words that titles have."""
    assert index.misspelt(title) == []


def test_the_first_words_that_no_title_has_are_put_right(tmp_path: Path) -> None:
    """Two of them, up to forty letters long; another name of the paper counts as well."""
    long = "pneumonoultramicroscopicsilicovolcanocon"
    paper = Indexed("2401.00001", (f"Alpha Beta Gamma {long}", "Another Name"))
    build(tmp_path, paper)
    with closing(TitleIndex(tmp_path)) as index:
        assert len(long) == 40
        assert index.misspelt(f"Alpha Beta Gama {long}") == index.misspelt("Anothr Name") == [paper]
        assert index.misspelt(f"Alpha Beta Gamma {long[1:]}") == [paper]
        assert index.misspelt(f"Alpha Beta Gamma {long}s") == []
        build(tmp_path, paper, Indexed("2401.00002", ("Stranger and Stranger Things",)))
    with closing(TitleIndex(tmp_path)) as index:
        assert [one.arxiv_id for one in index.misspelt("Strangr and Stranger Things")] == ["2401.00002"]


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("ice", True),
        ("two", True),
        ("vae", True),
        ("grosse", True),
        ("zurich", True),
        ("ic", False),
        ("ices", False),
        ("and", True),
        ("or", False),
        ("not", False),
        ("2401", False),
        ("frost", False),
        ("colder", False),
    ],
)
def test_which_words_titles_have(index: TitleIndex, word: str, known: bool) -> None:
    """Of titles alone, whole words, also those that a search reads as operators."""
    assert index.has(word) is known


# --- titles of all kinds ----------------------------------------------------------------------------------

STRANGE = [
    "Ice",
    "?!",
    "∞",
    "a" * 2000,
    "word " * 400,
    " ".join(f"word{n}" for n in range(250)),
    "ice AND snow OR NOT hail NEAR(rain)",
    'ti:"How Ice" AND cat:cs.LG',
    'all:"quoted" (parenthesis',
    '"',
    "'; DROP TABLE papers; --",
    "^ice* + {snow} - col:umn",
    "-minus --signs -everywhere",
    "%_like_%",
    "תורת הגרפים: מבוא",
    "\u202eright-to-left override",
    "深度学习综述",
    "Введение в теорию льда",
    "𞤀𞤣𞤤𞤢𞤥 a script of 2016",
    "https://arxiv.org/abs/2401.00001",
    "2401.00001",
    "arXiv:hep-th/9901001v2",
    "10.48550/arXiv.2401.00001",
    "nul\x00within\x00it",
    "line\nbreaks\r\nand\ttabs",
    "😀 emoji 😀",
    "a" * 41 + " b",
    r"\foo{\bar}$\baz$ \\ \{",
    "",
]


@pytest.mark.parametrize("title", STRANGE, ids=range(len(STRANGE)))
def test_any_title_is_kept_and_found(tmp_path: Path, title: str) -> None:
    """Whatever it is, it leads to its own paper, or to none where it has no letters."""
    paper = Indexed("2405.00001", (title,))
    build(tmp_path, *PAPERS, paper)
    with closing(TitleIndex(tmp_path)) as index:
        found = [*index.titled(title)[0], *index.near(title)[0], *index.misspelt(title)]
        assert (paper in found) is bool(title_key(title))
        assert {*found} <= {*PAPERS, paper}
        index.check()


@pytest.mark.parametrize("title", STRANGE, ids=range(len(STRANGE)))
def test_any_title_can_be_asked_for(index: TitleIndex, title: str) -> None:
    """Nothing in it is read as anything but words."""
    found = [*index.titled(title, title)[0], *index.misspelt(title)]
    assert found == []
    assert {*index.near(title)[0]} <= {*PAPERS}


texts = st.text(max_size=40) | st.text("ab AND\"'():*-\x00", max_size=40)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(titles=st.lists(texts, min_size=1, max_size=5), asked=texts)
@example(titles=["ab a"], asked="AB: A")
@example(titles=["\u2f00"], asked="")
def test_what_has_letters_is_found(tmp_path: Path, titles: list[str], asked: str) -> None:
    """Every title by itself, in any company; whatever else is asked, only what was put in comes out."""
    papers = [Indexed(f"2401.{n:05}", (title,)) for n, title in enumerate(titles, 1)]
    build(tmp_path, *papers)
    with closing(TitleIndex(tmp_path)) as index:
        for paper in papers:
            found, complete = index.titled(paper.titles[0])
            assert (paper in found) is bool(title_key(paper.titles[0]))
            assert complete
        assert {*index.titled(asked, asked)[0], *index.near(asked)[0], *index.misspelt(asked)} <= {*papers}


# --- making it --------------------------------------------------------------------------------------------


def test_a_paper_told_again_is_one(tmp_path: Path) -> None:
    """With all titles, the latest first; what several tell is the last one's, what it does not tell stays."""
    first = Indexed("2401.00001", ("Old Ice", "Ice"), ("A. Frost",), "The first abstract.", "2024-01-01")
    second = Indexed("2401.00001", ("New Ice", "Ice"), ("Ada Frost",), None, "2024-01-02")
    both = Indexed("2401.00001", ("Ice", "New Ice", "Old Ice"), ("Ada Frost",), "The first abstract.", second.published)
    build(tmp_path, first, ADAM, second, Indexed("2401.00001", ("Ice",)))
    build(tmp_path / "other", Indexed(*first[:2]), Indexed(*second[:2], None, "Another abstract."))
    with closing(TitleIndex(tmp_path)) as index:
        for title in ("Old Ice", "New Ice", "Ice"):
            assert index.titled(title) == ([both], True)
        assert index.titled("", "The first abstract") == ([both], True)
        assert index.near("Older and Newer Ice") == ([both], True)
        assert index.misspelt("Olld Ice") == [both]
    found = of(tmp_path / "other", lambda index: index.titled("Ice")[0])
    assert found == [Indexed("2401.00001", ("New Ice", "Ice", "Old Ice"), None, "Another abstract.")]


def test_an_update_keeps_what_is_there(tmp_path: Path) -> None:
    """New papers beside the old ones, known ones with what is new; the same again changes nothing but the time."""
    build(tmp_path, ICE, ADAM)
    retitled = ICE._replace(titles=("How Snow Grows",), abstract=None)
    for _ in range(2):
        build(tmp_path, retitled, NETS, keep=True)
    with closing(TitleIndex(tmp_path)) as index:
        assert index.about.papers == 3
        whole = ICE._replace(titles=("How Snow Grows", *ICE.titles))
        assert index.titled("How snow grows") == index.titled(ICE.titles[0]) == ([whole], True)
        assert index.near("Two Rivers of Snow") == ([whole], True)
        assert index.near("Adam and Ice")[0] == [ADAM, whole]
        assert index.titled(NETS.titles[0]) == ([NETS], True)
        index.check()


def test_an_update_where_there_is_none_builds_one(tmp_path: Path) -> None:
    """In a folder that is not there yet."""
    folder = tmp_path / "data" / "of mine? 100% #1"
    build(folder, ADAM, keep=True)
    assert of(folder, lambda index: index.titled("Adam")[0]) == [ADAM]


def test_a_build_begins_anew(tmp_path: Path) -> None:
    """What only the old index knew is gone, also what a killed build of the same process number left."""
    build(tmp_path, ICE)
    (tmp_path / NAME).rename(tmp_path / f"{NAME}.{os.getpid()}")
    build(tmp_path, ADAM)
    with closing(TitleIndex(tmp_path)) as index:
        assert index.titled(ICE.titles[0]) == ([], True)
        assert index.about.papers == 1


def test_words_that_have_become_common(tmp_path: Path) -> None:
    """An update counts them anew: no search for one of them alone."""
    ice = numbered(COMMON + 1, "Ice")
    build(tmp_path, *ice[:COMMON])
    assert len(of(tmp_path, lambda index: index.near("Ice")[0])) == NEAR
    build(tmp_path, ice[COMMON], keep=True)
    assert of(tmp_path, lambda index: index.near("Ice")[0]) == []


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    """How many papers, how large, when it was made, and the month of the newest paper, in any century."""
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    build(tmp_path, *PAPERS)
    told = about(tmp_path)
    assert told is not None
    assert (told.papers, told.newest, told.size) == (6, "2024-01", (tmp_path / NAME).stat().st_size)
    assert before <= told.updated_at <= dt.datetime.now(dt.UTC)
    assert str(told._replace(size=3 * 2**19)) == "6 papers up to 2024-01, 1.5 MiB"
    build(tmp_path, BRIDGES)
    assert str(about(tmp_path)).startswith("1 papers up to 1999-01, ")


def test_how_far_it_reaches_is_told_by_dumps_alone(tmp_path: Path) -> None:
    """A database has some papers of a month: those that it adds say nothing of the others."""
    build(tmp_path / "own", ICE, keep=True)
    assert (about(tmp_path / "own").newest, str(about(tmp_path / "own"))[:9]) == ("", "1 papers,")
    build(tmp_path, BRIDGES)
    build(tmp_path, ICE, keep=True)
    assert about(tmp_path).newest == "1999-01"


def test_where_none_was_built(tmp_path: Path) -> None:
    """There is none, which is no error."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        with reading(folder) as index:
            assert index is None


class BrokenOff(Exception):
    """What ends a build in these tests."""


@pytest.mark.parametrize("keep", [False, True])
def test_a_build_that_fails_leaves_the_old_one(tmp_path: Path, keep: bool) -> None:
    """Whatever ended it; no file of its own is left behind."""
    build(tmp_path, ICE)
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(BrokenOff), writing(tmp_path, keep=keep) as add:  # noqa: PT012 - what fails is within
        add([ADAM])
        raise BrokenOff
    assert (tmp_path / NAME).read_bytes() == before
    assert names(tmp_path) == [NAME]


def test_an_index_of_nothing_is_none(tmp_path: Path) -> None:
    """It does not take the place of what is there; an update may find nothing new."""
    build(tmp_path, ICE)
    with pytest.raises(StorageError, match="no paper with an arXiv id and a title was found: the index stays"):
        build(tmp_path)
    build(tmp_path, keep=True)
    assert of(tmp_path, lambda index: index.titled(ICE.titles[0])[0]) == [ICE]
    assert names(tmp_path) == [NAME]


FULL = """
import resource, sys
from pathlib import Path
from storage.errors import StorageError
from storage.title_index import Indexed, writing
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    with writing(Path(sys.argv[1]), keep=False) as add:
        add(Indexed(f"2401.{n:05}", (f"How Ice Grows {n}",)) for n in range(1, 1000))
except StorageError as error:
    print(error)
"""


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """It says what to do; the old index stays, and nothing else."""
    build(tmp_path, ICE)
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.startswith("the title index cannot be written (")
    assert done.stdout.endswith(f"): free space in {tmp_path}\n")
    assert names(tmp_path) == [NAME]
    assert of(tmp_path, lambda index: index.titled(ICE.titles[0])[0]) == [ICE]


def test_what_killed_builds_left_is_swept(tmp_path: Path) -> None:
    """After a day, by the next build; another that still runs keeps its file, and so does everybody else."""
    yesterday = time.time() - STALE - 1
    others = ["other", f"{NAME}.saved", "titles.indexes"]
    for name in (f"{NAME}.1", f"{NAME}.2", *others):
        (tmp_path / name).write_bytes(b"half")
    for name in (f"{NAME}.1", *others):
        os.utime(tmp_path / name, (yesterday, yesterday))
    build(tmp_path, ICE)
    assert names(tmp_path) == ["other", NAME, f"{NAME}.2", f"{NAME}.saved", "titles.indexes"]


def test_who_reads_it_meanwhile_reads_the_old_one(tmp_path: Path) -> None:
    """A new one takes its place whole."""
    build(tmp_path, ICE)
    with closing(TitleIndex(tmp_path)) as index:
        build(tmp_path, ADAM)
        assert index.titled(ICE.titles[0]) == ([ICE], True)
        assert index.titled("Adam") == ([], True)
        index.check()


# --- damage -----------------------------------------------------------------------------------------------


def damaged(content: bytes) -> list[bytes]:
    """What may stand in the place of an index."""
    half = len(content) // 2
    form = content[:60] + (2).to_bytes(4, "big") + content[64:]
    return [b"", b"SQLite format 3\x00", content[:half], content[:-1], content[:4096], content * 2, b"{}\n" * 999, form]


@pytest.mark.parametrize("which", range(8))
def test_what_is_no_index_of_ours_is_told(tmp_path: Path, which: int) -> None:
    """Empty, cut, doubled, another file, another format: at opening, with the path and what to do."""
    build(tmp_path, *PAPERS)
    path = tmp_path / NAME
    path.write_bytes(damaged(path.read_bytes())[which])
    told = rf"the title index {path} is damaged \(.+\): {AGAIN}"
    for look in (about, TitleIndex):
        with pytest.raises(StorageError, match=told):
            look(tmp_path)
    with pytest.raises(StorageError, match=told):
        build(tmp_path, ADAM, keep=True)
    assert names(tmp_path) == [NAME]
    build(tmp_path, ADAM)
    assert of(tmp_path, lambda index: index.titled("Adam")[0]) == [ADAM]


def test_another_format_says_so(tmp_path: Path) -> None:
    """By both numbers, so that nobody looks for a broken disk."""
    build(tmp_path, ADAM)
    path = tmp_path / NAME
    path.write_bytes(damaged(path.read_bytes())[-1])
    with pytest.raises(StorageError, match=f"its format is 2, not {title_index.FORMAT}"):
        TitleIndex(tmp_path)


def test_a_database_of_somebody_else_is_no_index(tmp_path: Path) -> None:
    """Even a sound one of SQLite's."""
    build(tmp_path, ADAM)
    path = tmp_path / NAME
    content = path.read_bytes()
    path.write_bytes(content[:68] + b"else" + content[72:])
    with pytest.raises(StorageError, match="it is cut, or no index"):
        TitleIndex(tmp_path)


def test_a_broken_record_is_not_carried_on(tmp_path: Path) -> None:
    """An update reads the whole old index first."""
    build(tmp_path, ICE, ADAM)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes().replace(b"A Tale of Two", b"A Tale of too"))
    with pytest.raises(StorageError, match=AGAIN):
        build(tmp_path, NETS, keep=True)
    assert names(tmp_path) == [NAME]


@pytest.mark.parametrize("name", [b"newest", b"updated_at", b"papers"])
def test_what_it_no_longer_says_of_itself(tmp_path: Path, name: bytes) -> None:
    """Is told at opening, as all damage is."""
    build(tmp_path, *PAPERS)
    path = tmp_path / NAME
    before, found, after = path.read_bytes().rpartition(name)
    path.write_bytes(before + found.upper() + after)
    with pytest.raises(StorageError, match=f"is damaged .+: {AGAIN}"):
        TitleIndex(tmp_path)


@pytest.mark.long
def test_no_broken_byte_makes_another_paper(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Wherever it is: what comes out is what was put in, less of it, or an error with what to do."""
    build(tmp_path, *PAPERS)
    path = tmp_path / NAME
    content = path.read_bytes()
    step = 1 if request.config.getoption("whole") else 97
    outcomes = {True: 0, False: 0}
    with path.open("r+b") as file:
        for at in range(0, len(content), step):
            broken = content[at] ^ (1 << at % 8 if at % 3 else 0xFF)
            for byte in (broken, content[at]):
                file.seek(at)
                file.write(bytes([byte]))
                file.flush()
                if byte == broken:
                    with suppress(StorageError):
                        outcomes[answers_well(tmp_path)] += 1
    assert outcomes[False] == 0
    assert outcomes[True] > len(content) // step // 2
    assert answers_well(tmp_path)


def answers_well(folder: Path) -> bool:
    """Whether nothing comes out that was not put in; raises only what a user can do something about."""
    with closing(TitleIndex(folder)) as index:
        found: set[Indexed] = set()
        for paper in PAPERS:
            title = paper.titles[-1]
            found |= {*index.titled(title, paper.abstract)[0], *index.near(title)[0], *index.misspelt(f"{title}s")}
        return found <= {*PAPERS}


@pytest.mark.long
def test_the_whole_file_can_be_checked(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A record that is broken is told, wherever it is."""
    build(tmp_path, *PAPERS)
    path = tmp_path / NAME
    content = path.read_bytes()
    with closing(TitleIndex(tmp_path)) as index:
        index.check()
    start = content.index(title_index._pack(ICE))
    step = 1 if request.config.getoption("whole") else 7
    for at in range(start, start + len(title_index._pack(ICE)), step):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        with closing(TitleIndex(tmp_path)) as index, pytest.raises(StorageError, match=AGAIN):
            index.check()
