"""Copies with meta blocks: who, date and comments, records without, and the year left out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from crawler import layouts
from crawler.layouts import LayoutChanged, _text, text_a, text_b

if TYPE_CHECKING:
    from pathlib import Path

    from storage.documents import Listing

HEADER = ("new", "Subscribe", "Daily Papers", "byAK and the research community")
ABSTRACT = "We describe what was found. " * 12 + "The end."
META = "  • 4 authors\n·\nJan 31, 2023"


def copy(*blocks: str, date: str = "Dec 24", header: tuple[str, ...] = HEADER) -> str:
    """A page as it is copied: a blank line between blocks, no line end after the last."""
    return "\n\n".join((*header, date, *blocks))


def dated(*dates: str) -> list[str]:
    """The blocks of records with these dates."""
    return [block for date in dates for block in ("A Title", ABSTRACT, f"  • 4 authors\n·\n{date}")]


def only(meta: str) -> Listing:
    """The one record of a page, by its meta block."""
    return text_b.parse(copy("A Title", ABSTRACT, meta)).listings[0]


def refusal(text: str) -> LayoutChanged:
    """Why a page is refused."""
    with pytest.raises(LayoutChanged) as caught:
        text_b.parse(text)
    return caught.value


def test_one_block_makes_the_layout() -> None:
    """A copy belongs to this layout and no other as soon as the second line of one block is the dot."""
    without, within = copy("A Title", ABSTRACT), copy("A Title", ABSTRACT, "A Title", ABSTRACT, META)
    assert [(text_a.matches(text), text_b.matches(text)) for text in (without, within)] == [
        (True, False),
        (False, True),
    ]
    assert refusal(without).reason == "layout_unknown"
    with pytest.raises(LayoutChanged, match="layout_unknown: not a text copy without meta blocks"):
        text_a.parse(within)
    torn = copy("A Title", ABSTRACT, "• 4 authors\n·")
    assert (text_a.matches(torn), text_b.matches(torn)) == (False, True)


@pytest.mark.parametrize("text", ["", "A story.\n\nIt has\n·\na dot.", f"<p>\n\n{copy('A Title', ABSTRACT, META)}"])
def test_no_copy_no_layout(text: str) -> None:
    """A dot alone makes no copy, and an empty text has none."""
    assert not text_b.matches(text)
    assert refusal(text).detail == "not a text copy with meta blocks"


@pytest.mark.parametrize(
    ("who", "authors", "organization"),
    [
        ("  • 4 authors", 4, None),
        ("•\u00a04\u2003authors  ", 4, None),
        ("  • 1 authors", 1, None),
        ("  • 11 authors", 11, None),
        ("  • 445 authors", 445, None),
        ("  • 671 authors", 671, None),
        ("Alibaba-NLP Alibaba-NLP", None, "Alibaba-NLP"),
        ("example-lab  Example Lab\u00a0of  Clocks", None, "Example Lab of Clocks"),
        ("  Featherworks ", None, "Featherworks"),
        ("Tsinghua University", None, "University"),
        ("authors", None, "authors"),
        ("AK Lab", None, "Lab"),
        ("lab-4 Lab of 4 authors", None, "Lab of 4 authors"),
        ("x" * 300, None, "x" * 300),
    ],
)
def test_who(who: str, authors: int | None, organization: str | None) -> None:
    """T5 to T8: a number of authors, or an organization after its slug; the line itself is kept, trimmed."""
    listing = only(f"{who}\n·\nDec 1")
    assert (listing.authors_count, listing.organization, listing.who) == (authors, organization, who.strip())


@pytest.mark.parametrize(
    "who",
    [
        "• 0 authors",
        "• 04 authors",
        "• 1234567 authors",
        "• four authors",
        "• 4 author",
        "•4 authors",
        "• 4 authors and more",
        "•",
        "44 authors",
        "-  4\u00a0 authors",
        "·",
        "Dec 1",
        "Subscribe",
        "x" * 301,
    ],
)
def test_who_that_is_neither(who: str) -> None:
    """What begins like a number of authors but is none, and lines of another kind, are refused."""
    error = refusal(copy("A Title", ABSTRACT, f"{who}\n·\nDec 1"))
    assert (error.reason, error.line) == ("record_shape", 15)
    assert error.detail.startswith(f"neither authors nor an organization: {repr(who[:60])[:-1]}")


@pytest.mark.parametrize(
    ("date", "listed", "basis", "comments"),
    [
        ("Oct 2, 2024 2", "2024-10-02", "shown_year", 2),
        ("Oct 28 2", "2025-10-28", "shown_page_year", 2),
        ("Oct 31 1", "2025-10-31", "shown_page_year", 1),
        ("Jan 31, 2023", "2023-01-31", "shown_year", 0),
        ("Dec 24", "2025-12-24", "shown_page_year", 0),
        ("Feb 29, 2024 123456", "2024-02-29", "shown_year", 123456),
        ("Feb 2 2", "2025-02-02", "shown_page_year", 2),
        ("Oct 2 1899", "2025-10-02", "shown_page_year", 1899),
        ("Oct 2 20240", "2025-10-02", "shown_page_year", 20240),
        ("  Oct\u00a02,\u20282024  0 ", "2024-10-02", "shown_year", 0),
    ],
)
def test_date_and_comments(date: str, listed: str, basis: str, comments: int) -> None:
    """T9 to T11: a day with or without its year, then the number of comments, 0 if none is shown."""
    page = text_b.parse(copy(*dated("Jan 1, 2024", date)))
    listing = page.listings[1]
    assert (listing.listed_date, listing.listed_date_basis) == (dt.date.fromisoformat(listed), basis)
    assert listing.comments == comments


@pytest.mark.parametrize(
    "date",
    [
        "Oct 2024",
        "Oct 28 2024",
        "Oct 28 1999",
        "Oct 2, 24",
        "Oct 2, 2024 1234567",
        "Oct 2,2024",
        "oct 2",
        "Oct 2 -1",
        "2",
        "Sept 2",
    ],
)
def test_what_is_no_date(date: str) -> None:
    """T10: one anchored form of dates is known; "Oct 28 2024" is neither a year nor 2,024 comments."""
    error = refusal(copy(*dated(date)))
    detail = f"one line, or who and date, are due, not '• 4 authors / · / {date}'"
    assert (error.reason, error.line, error.detail) == ("record_shape", 15, detail)


@pytest.mark.parametrize("date", ["Feb 30", "Feb 29, 2023 4", "Apr 31, 2024", "Dec 0", "Jan 1, 0000"])
def test_days_that_no_calendar_has(date: str) -> None:
    """A day that never was refuses the page."""
    error = refusal(copy(*dated("Jan 1, 2020", date)))
    assert (error.reason, error.line, error.detail) == ("record_shape", 23, f"no such day: {date!r}")


@pytest.mark.parametrize(
    ("blocks", "line"),
    [
        ((META, "A Title", ABSTRACT), 11),
        (("A Title", META), 13),
        (("A Title", META, ABSTRACT), 13),
        (("A Title", ABSTRACT, META, META), 19),
        (("A Title", ABSTRACT, META, "A Title"), 19),
        (("A Title", ABSTRACT, f"{META}\nx"), 15),
        (("A Title", ABSTRACT, "• 4 authors\n·"), 15),
        (("A Title", ABSTRACT, META, "A Title", ABSTRACT, "·\nDec 1"), 23),
        (("A Title", ABSTRACT, META, "A Title", ABSTRACT, "• 4 authors\n-\nDec 1"), 23),
        (("A Title", ABSTRACT, META, "A Title", ABSTRACT, "·", "Dec 1"), 23),
        (("A Title", f"{ABSTRACT}\n{META}"), 13),
        (("A Title", f"{ABSTRACT}\n·\nDec 1"), 13),
        (("A Title", ABSTRACT, f"{META}\nA Title", ABSTRACT), 15),
    ],
)
def test_other_shapes_are_refused(blocks: tuple[str, ...], line: int) -> None:
    """T5: a meta block has three lines, follows an abstract and stands once; all else is refused."""
    error = refusal(copy(*blocks, "A Title", ABSTRACT, META))
    assert (error.reason, error.line) == ("record_shape", line)


def test_meta_above_the_date_is_no_header() -> None:
    """A meta block before any date means that the page's date was lost."""
    error = refusal(copy("Dec 24", "A Title", ABSTRACT, date=META))
    assert (error.reason, error.line) == ("no_page_date", 9)


def test_record_without_meta_shifts_nothing() -> None:
    """T4: an abstract followed at once by the next title: kept, meta null, the next ones untouched."""
    page = text_b.parse(copy("A Title", ABSTRACT, "B Title", ABSTRACT, META, "C Title", ABSTRACT))
    assert [(one.position, one.title, one.authors_count, one.comments) for one in page.listings] == [
        (1, "A Title", None, None),
        (2, "B Title", 4, 0),
        (3, "C Title", None, None),
    ]


@pytest.mark.parametrize(("records", "lacking", "told"), [(5, 1, False), (9, 2, True), (2, 1, True)])
def test_many_records_without_meta_are_told(records: int, lacking: int, *, told: bool) -> None:
    """More than 20 % of the records without meta: a warning; 20 % are none."""
    page = text_b.parse(copy(*dated(*["Jan 1, 2020"] * (records - lacking)), *("A Title", ABSTRACT) * lacking))
    assert page.warnings == (f"meta_missing: {lacking} of {records} records have no who and no date",) * told


@pytest.mark.parametrize(
    ("date", "listed", "expected"),
    [
        ("Dec 24", ["Jan 31, 2023", "Oct 2, 2024", "Dec 1"], "2025-12-24"),
        ("Dec 11", ["Oct 2, 2024"], "2025-12-11"),
        ("Dec 11", ["Oct 2, 2024", "Dec 11"], "2025-12-11"),
        ("Mar 11", ["Oct 2, 2024", "Feb 29"], "2028-03-11"),
        ("Feb 29", ["Oct 2, 2024", "Jan 2"], "2028-02-29"),
        ("Feb 29", ["Oct 2, 1896"], "1904-02-29"),
        ("Mar 1", ["Feb 29", "Oct 2, 1896"], "1904-03-01"),
        ("Jan 1", ["Dec 31, 9998", "Jan 1"], "9999-01-01"),
    ],
)
def test_year_by_those_shown(date: str, listed: list[str], expected: str) -> None:
    """T9: the page leaves its own year out, so that is after all it shows, and has every day it lists."""
    page = text_b.parse(copy(*dated(*listed), date=date))
    assert (page.page_date, page.page_date_basis) == (dt.date.fromisoformat(expected), "page_years")
    assert page.warnings == ()
    yearless = [one.listed_date for one in page.listings if one.listed_date_basis == "shown_page_year"]
    assert {day.year for day in yearless if day} <= {int(expected[:4])}
    assert len(yearless) == sum("," not in day for day in listed)


@pytest.mark.parametrize(
    ("date", "listed", "left_out"),
    [
        ("Dec 11", ["Oct 2, 2024", "Dec 12", "Dec 1"], 2),
        ("Dec 11", ["Dec 1"], 1),
        ("Feb 28", ["Oct 2, 2024", "Feb 29"], 1),
        ("Jan 1", ["Dec 31, 9999", "Jan 1"], 1),
    ],
)
def test_year_that_cannot_be_told(date: str, listed: list[str], left_out: int) -> None:
    """T9: no year on the page, or a day after the page's: the years are null, and a warning says so."""
    page = text_b.parse(copy(*dated(*listed), date=date))
    assert (page.page_date, page.page_date_basis, page.page_date_shown) == (None, None, date)
    unknown = [one for one in page.listings if one.listed_date is None]
    assert [one.listed_date_basis for one in unknown] == [None] * left_out
    assert page.warnings == (f"year_unknown: {left_out} listed dates without a year cannot have that of {date!r}",)


@pytest.mark.parametrize(
    ("listed", "dates"),
    [
        (["Jan 1", "Dec 31, 2020"], ["2027-01-01", "2020-12-31"]),
        (["Jan 3", "Dec 31, 2020"], [None, "2020-12-31"]),
        (["Jan 1"], ["2027-01-01"]),
    ],
)
def test_year_that_the_header_tells(listed: list[str], dates: list[str | None]) -> None:
    """The header's year holds for days without one, unless they lie after the page's date."""
    header = ("new", "https://huggingface.co/papers/date/2026-12-31")
    page = text_b.parse(copy(*dated(*listed), header=header, date="Jan 2"))
    assert (page.page_date, page.page_date_basis) == (dt.date(2027, 1, 2), "explicit")
    assert [one.listed_date and one.listed_date.isoformat() for one in page.listings] == dates
    assert all((one.listed_date_basis is None) == (one.listed_date is None) for one in page.listings)
    assert len(page.warnings) == dates.count(None)


def test_all_years_shown_and_none_missing() -> None:
    """A page that shows its own year is dated by it alone."""
    page = text_b.parse(copy(*dated("Oct 2, 2024"), date="Dec 24, 2030"))
    assert (page.page_date, page.page_date_basis, page.warnings) == (dt.date(2030, 12, 24), "explicit", ())


SEEDS = {2: "002_50bd6a463eec3472.txt", 3: "003_dc39c0e75ed18e18.txt"}


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("seed", "page_date", "who", "dates", "comments"),
    [
        (2, "2025-12-24", (33, 32, 31, 1, 652), (21, 11, 1), "1111222234"),
        (3, "2025-12-11", (37, 37, 37, 0, 221), (26, 11, 0), "1122222222"),
    ],
)
def test_seed_pages(
    shared: Path, seed: int, page_date: str, who: tuple[int, ...], dates: tuple[int, ...], comments: str
) -> None:
    """T9 to T13: each count of the seeds; one record for each line longer than 1,000 characters."""
    text = (shared / "seeds" / SEEDS[seed]).read_text(encoding="utf-8")
    name, page = layouts.read(text)
    listings = page.listings
    assert (name, page.warnings) == ("text_b", ())
    assert (page.page_date, page.page_date_basis) == (dt.date.fromisoformat(page_date), "page_years")
    assert [one.abstract for one in listings] == [line for line in text.split("\n") if len(line) > 1000]
    metas = [one for one in listings if one.who]
    authors = [one.authors_count for one in metas if one.authors_count]
    named = [one for one in metas if one.organization]
    assert who == (len(listings), len(metas), len(authors), len(named), sum(authors))
    bases = [one.listed_date_basis for one in listings]
    assert dates == tuple(bases.count(basis) for basis in ("shown_year", "shown_page_year", None))
    assert comments == "".join(sorted(str(one.comments) for one in listings if one.comments))
    assert all((one.comments is None) == (one.listed_date is None) == (one.who is None) for one in listings)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("seed", "record", "line", "opening", "said"),
    [
        (2, 1, 13, "A Comprehensive", (4, None, "2023-01-31", 0)),
        (2, 9, 77, "Quantifying", (8, None, "2024-10-02", 2)),
        (2, 17, 141, "Mixing Mechanisms", (None, None, None, None)),
        (2, 18, 145, "From Atomic", (8, None, "2025-12-01", 0)),
        (2, 19, 153, "InteractComp", (25, None, "2025-10-28", 2)),
        (2, 22, 177, "Beyond the", (445, None, "2022-06-09", 1)),
        (2, 30, 241, "Towards Universal", (None, "Alibaba-NLP", "2025-10-31", 1)),
        (3, 15, 125, "A Tutorial", (1, None, "2018-07-08", 0)),
    ],
)
def test_seed_records(shared: Path, seed: int, record: int, line: int, opening: str, said: tuple[object, ...]) -> None:
    """T4, T6, T7, T10: the odd records of the seeds, each at its number and line."""
    text = (shared / "seeds" / SEEDS[seed]).read_text(encoding="utf-8")
    assert _text.rows(text, meta=True)[1][record - 1].line == line
    one = text_b.parse(text).listings[record - 1]
    assert (one.title or "").startswith(opening)
    listed = one.listed_date and one.listed_date.isoformat()
    assert (one.authors_count, one.organization, listed, one.comments) == said
