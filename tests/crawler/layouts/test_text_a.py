"""Copies without meta blocks, and what both text layouts share: header, blocks, titles, the page's date."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from crawler import layouts
from crawler.layouts import LayoutChanged, _text, text_a, text_b

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ("new", "Get trending papers in your email inbox!", "Subscribe", "byAK and the research community")
ABSTRACT = "We describe what was found. " * 12 + "The end."
RECORDS = ("A Title", ABSTRACT, "Another Title?", f"Motivation: {ABSTRACT}")


def copy(*blocks: str, header: tuple[str, ...] = HEADER, date: str = "Mar 11") -> str:
    """A page as it is copied: a blank line between blocks, no line end after the last."""
    return "\n\n".join((*header, date, *blocks))


def titles(text: str) -> list[str | None]:
    """The titles of a page."""
    return [listing.title for listing in text_a.parse(text).listings]


def refusal(text: str) -> LayoutChanged:
    """Why a page is refused."""
    with pytest.raises(LayoutChanged) as caught:
        text_a.parse(text)
    return caught.value


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        (),
        ("new", "Get trending papers in your email inbox once a day!", *HEADER[1:]),
        (*HEADER[:3], "Daily Papers", "by AK and the research community", "Daily", "Weekly", "Monthly"),
        ("## Trending Papers", "by", "AK", "and the research community", "- Daily\n* Weekly\n- Monthly"),
        (
            "---\nurl: https://example.org/?q=x\n---\nnew",
            "[Trending](https://huggingface.co/papers/trending)",
        ),
        ("\n \n\u00a0new", "Daily\u00a0 Papers \t", "https://huggingface.co/akhaliq"),
    ],
)
def test_header_lines_are_skipped(header: tuple[str, ...]) -> None:
    """T1: the header lines of copies of 2025 and 2026 are known, and none becomes a record."""
    page = text_a.parse(copy(*RECORDS, header=header))
    assert [listing.title for listing in page.listings] == ["A Title", "Another Title?"]
    assert (page.page_date_shown, page.warnings) == ("Mar 11", ())


def test_unknown_header_lines_are_reported() -> None:
    """T1: a header line never seen before is skipped by structure and told, shortened."""
    lines = [
        "Daily Bash",
        "renew",
        "urls: 2",
        "----",
        "see https://huggingface.co/",
        "https://huggingface.com",
        "x" * 60,
    ]
    page = text_a.parse(copy(*RECORDS, header=("new", "\n".join(lines), "y" * 300)))
    assert page.warnings == tuple(f"header_unknown: {line!r}" for line in [*lines, f"{'y' * 60}…"])


def test_date_stands_within_25_blocks() -> None:
    """T1: the page's date is the 25th block at the latest, else the page is refused."""
    assert titles(copy(*RECORDS, header=("Daily",) * 24)) == ["A Title", "Another Title?"]
    late = copy(*RECORDS, header=("Daily",) * 25)
    assert text_a.matches(late)
    assert refusal(late).reason == "no_page_date"


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ((*HEADER, RECORDS[0]), 11),
        ((*HEADER, f"Daily\n{'x' * 301}"), 9),
        ((*HEADER, "Mar 10\nMar 11", RECORDS[0]), 14),
        ((*HEADER, "Mar 10 4", RECORDS[0]), 13),
    ],
)
def test_records_are_never_swallowed_into_the_header(header: tuple[str, ...], line: int) -> None:
    """Where the bare date is lost, a block as long as an abstract ends the search, and is named."""
    error = refusal(copy(*RECORDS[2:], header=(*header, ABSTRACT)))
    assert (error.reason, error.line) == ("no_page_date", line)
    assert error.detail.startswith("a record comes before any date: '")


def test_short_texts_without_a_date_are_refused() -> None:
    """Header lines with something else than a date below are no page."""
    error = refusal("new\n\nIntercode Bash\n\nSubscribe")
    assert (error.reason, error.detail, error.line) == (
        "no_page_date",
        "no bare date among the first 25 blocks",
        None,
    )


@pytest.mark.parametrize(
    ("text", "detail", "line"),
    [
        ("", "the text is empty", None),
        ("\ufeff", "the text is empty", None),
        (" \r\n\u00a0\n\n\x0b", "the text is empty", None),
        ("\n\n".join(HEADER), "nothing but header lines", None),
        ("---\nretrieved: 2026-10-02\n---\nnew", "nothing but header lines", None),
        (copy(), "nothing follows the page's date 'Mar 11'", 9),
        ("\n\nMar 11\n", "nothing follows the page's date 'Mar 11'", 3),
    ],
)
def test_nothing_is_not_zero_records(text: str, detail: str, line: int | None) -> None:
    """T31: an empty text, a header alone and a header with its date are refused, not read as 0 records."""
    assert (text_a.matches(text), text_b.matches(text)) == (True, False)
    error = refusal(text)
    assert (error.reason, error.detail, error.line) == ("no_records", detail, line)


@pytest.mark.parametrize(
    "text",
    [
        "A story.\n\nDaily Planet\n\nThe renewal.",
        "---",
        "https://huggingface.co/akhaliq",
        f"<html>\nnew\n\n{copy(*RECORDS)}",
        f"\ufeff \n{{\n\n{copy(*RECORDS)}",
        f"[\n\n{copy(*RECORDS)}",
        f'[ {{"id": 1}},\n\n{copy(*RECORDS)}',
        "Some prose.\n\n" * 25 + copy(*RECORDS),
        copy("### [A Title][32]", ABSTRACT),
        copy("[A Title](https://huggingface.co/papers/2606.00683)", ABSTRACT),
        copy("A Title", f"[{ABSTRACT}](https://huggingface.co/papers/2606.00683#community) and more"),
        copy("A Title", "https://huggingface.co/papers/2410.0543", ABSTRACT),
        copy(*RECORDS, f"   ### [A Title]({ABSTRACT}"),
    ],
)
def test_other_texts_are_no_copies(text: str) -> None:
    """Markup, JSON, prose and renderings that give each record's address belong to neither layout."""
    assert (text_a.matches(text), text_b.matches(text)) == (False, False)
    assert refusal(text).reason == "layout_unknown"
    with pytest.raises(LayoutChanged, match="layout_unknown"):
        layouts.read(text)


@pytest.mark.parametrize(
    "ending",
    [
        "(https://huggingface.co/papers/2606.00683)",
        "[x](https://huggingface.co/papers/trending)",
        "https://huggingface.co/papers/2606.00683",
        "](https://example.org/papers/2606.00683)",
    ],
)
def test_addresses_in_an_abstract_are_its_words(ending: str) -> None:
    """T16: an abstract may begin or end with an address, of a paper too; nothing is cut."""
    for abstract in (f"{ABSTRACT} {ending}", f"{ending} {ABSTRACT}"):
        assert text_a.parse(copy("A Title", abstract)).listings[0].abstract == abstract


@pytest.mark.parametrize(
    "title",
    [
        "?",
        "SAM-Med2D",
        "Only-IF:No Blank",
        '"What It…" & more',
        "Mar 11 Was Monday",
        "New",
        "### Title",
        "x" * 300,
        "3 authors met",
    ],
)
def test_titles_by_place(title: str) -> None:
    """T14, T17: what stands where a title is due is one, of any punctuation and up to 300 characters."""
    page = text_a.parse(copy(title, ABSTRACT))
    assert [(one.title, one.abstract) for one in page.listings] == [(title, ABSTRACT)]


def test_words_are_kept_as_written() -> None:
    """T15, T17, T30: inner white space of any kind, LaTeX and headings stay; only the ends are trimmed."""
    title = r"A  \em Title\x" + "\u2028of\x0ban\x85odd\x1c\u2029\u00a0kind"
    page = text_a.parse(copy(f"\u00a0 {title}\u2028 ", f"\tBackground:  {ABSTRACT} \x0c"))
    assert page.listings[0].title == title
    assert page.listings[0].abstract == f"Background:  {ABSTRACT}"


def test_all_else_is_unknown() -> None:
    """T2, T3: what a page without meta blocks does not say is null; positions count from 1."""
    page = text_a.parse(copy(*RECORDS))
    assert (page.page_date, page.page_date_basis, page.page_date_shown) == (None, None, "Mar 11")
    assert [one.model_dump(exclude_defaults=True) for one in page.listings] == [
        {"position": 1, "title": RECORDS[0], "abstract": RECORDS[1]},
        {"position": 2, "title": RECORDS[2], "abstract": RECORDS[3]},
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "\n",
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", " \t\u00a0\n"),
        lambda text: text.replace("\n\n", "\n \n\u2003\n\n"),
        lambda text: "\n\n" + text.replace("\n", "\u2028\n"),
        lambda text: text.replace("Mar 11", " Mar\u00a0 \x1f11"),
    ],
)
def test_bytes_that_mean_nothing(change: object) -> None:
    """T30: BOM, CRLF, blanks at line ends and blank lines of blanks change nothing."""
    assert callable(change)
    assert text_a.parse(change(copy(*RECORDS))) == text_a.parse(copy(*RECORDS))


@pytest.mark.parametrize(
    ("blocks", "line", "detail"),
    [
        (("A Title",), 11, "an abstract is due, not 'the end'"),
        ((*RECORDS, "Left over"), 19, "an abstract is due, not 'the end'"),
        (("A Title", "A Title"), 11, "too long for a title: 'A Title'"),
        (("A Title", "Short"), 11, "too long for a title: 'A Title'"),
        (("x" * 301, ABSTRACT), 11, f"too long for a title: '{'x' * 60}…'"),
        (("A\nTitle", ABSTRACT), 11, "a title is due, not 'A / Title'"),
        (("A Title", f"{ABSTRACT}\nx"), 13, f"an abstract is due, not '{ABSTRACT[:60]}…'"),
        (
            (*RECORDS[:2], "• 4 authors\nMar 11"),
            15,
            "one line, or who and date, are due, not '• 4 authors / Mar 11'",
        ),
        (RECORDS[1:], 11, f"too long for a title: '{ABSTRACT[:60]}…'"),
        ((RECORDS[0], *RECORDS[2:]), 15, "an abstract is due, not 'the end'"),
    ],
)
def test_other_shapes_are_refused(blocks: tuple[str, ...], line: int, detail: str) -> None:
    """T14: titles and abstracts take strict turns of one line; the block at fault is named with its line."""
    error = refusal(copy(*blocks))
    assert (error.reason, error.line, error.detail) == ("record_shape", line, detail)


@pytest.mark.parametrize(
    "line",
    [
        *HEADER,
        "Daily Papers",
        "Daily\u00a0Papers",
        "- Weekly",
        "---",
        "retrieved: 2026-10-02",
        "https://huggingface.co/akhaliq",
        "Mar 14",
        "Mar 14, 2025",
        "Oct 28 2",
        "·",
        "• 4 authors",
        "- 4 authors",
        "1\u2028author",
    ],
)
def test_structure_is_never_words(line: str) -> None:
    """Two pages glued together, and meta blocks torn apart, are refused where their lines stand."""
    for place, due in enumerate(("a title", "an abstract")):
        blocks = [*RECORDS[:2], RECORDS[2], RECORDS[3]]
        blocks.insert(2 + place, line)
        error = refusal(copy(*blocks))
        assert (error.reason, error.line) == ("record_shape", 15 + 2 * place)
        assert error.detail == f"{due} is due, not {line!r}"


@pytest.mark.parametrize(
    ("date", "header", "expected"),
    [
        ("Mar 11, 2026", (), "2026-03-11"),
        ("Feb 29, 2024", (), "2024-02-29"),
        ("Mar 11, 2026", ("retrieved: 2025-03-11",), "2026-03-11"),
        ("Mar 11", ("---\nretrieved: 2026-03-11\n---",), "2026-03-11"),
        ("Mar 11", ('retrieved: "2026-10-02T10:00:00Z"',), "2026-03-11"),
        ("Oct 3", ("retrieved: 2026-10-02",), "2026-10-03"),
        ("Oct 4", ("retrieved: 2026-10-02",), "2025-10-04"),
        ("Dec 31", ("retrieved: 2027-01-01",), "2026-12-31"),
        ("Jan 1", ("retrieved: 2026-12-31",), "2027-01-01"),
        ("Mar 25", ("https://huggingface.co/papers/date/2026-03-24",), "2026-03-25"),
        ("Mar 24", ("[back](https://huggingface.co/papers/date/2026-03-24)",), "2026-03-24"),
        ("Jan 2", ("https://huggingface.co/papers/date/2026-12-31",), "2027-01-02"),
        ("Jan 2", ("retrieved: 2027-01-02", "https://huggingface.co/papers/date/2026-12-31"), "2027-01-02"),
        ("Feb 29", ("https://huggingface.co/papers/date/2028-02-28",), "2028-02-29"),
        ("Jan 1", ("https://huggingface.co/papers/date/0001-01-01",), "0001-01-01"),
        ("Dec 31", ("retrieved: 9999-12-31",), "9999-12-31"),
    ],
)
def test_year_that_the_page_tells(date: str, header: tuple[str, ...], expected: str) -> None:
    """T2: a year on the page wins; around New Year that of a header's day is not the page's."""
    page = text_a.parse(copy(*RECORDS, header=header, date=date))
    assert (page.page_date, page.page_date_basis) == (dt.date.fromisoformat(expected), "explicit")
    assert (page.page_date_shown, page.warnings) == (date, ())


@pytest.mark.parametrize(
    ("date", "header"),
    [
        ("Mar 11", ("retrieved: 2026-03-11", "https://huggingface.co/papers/date/2026-03-12")),
        ("Feb 29", ("retrieved: 2026-03-01",)),
        ("Feb 29", ("https://huggingface.co/papers/date/2025-02-28",)),
        ("Mar 11", ("retrieved: 2026-02-30",)),
        ("Jan 1", ("https://huggingface.co/papers/date/9999-12-31",)),
        ("Dec 31", ("retrieved: 0001-01-01",)),
    ],
)
def test_years_that_make_no_sense(date: str, header: tuple[str, ...]) -> None:
    """T2: days of the header that contradict the page's date or each other: no year, and a warning."""
    page = text_a.parse(copy(*RECORDS, header=header, date=date))
    assert (page.page_date, page.page_date_basis, page.page_date_shown) == (None, None, date)
    assert page.warnings == (f"year_unknown: 0 listed dates without a year cannot have that of {date!r}",)


@pytest.mark.parametrize("date", ["Feb 30", "Mar 0", "Apr 31", "Mar 11, 0000", "Feb 29, 2025"])
def test_page_date_that_no_calendar_has(date: str) -> None:
    """A day that never was refuses the page."""
    error = refusal(copy(*RECORDS, date=date))
    assert (error.reason, error.detail, error.line) == ("record_shape", f"no such day: {date!r}", 9)


@pytest.mark.parametrize(
    "date",
    ["March 11", "mar 11", "11 Mar", "Mar 111", "Mar 11,2026", "Mar 11, 26", "Mar \u0661\u0661", "Mar 11."],
)
def test_what_is_no_date(date: str) -> None:
    """One anchored form of dates is known; nothing is guessed from another."""
    assert refusal(copy(*RECORDS, date=date)).reason == "no_page_date"


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("seed", "date", "records"),
    [
        ("000_fb439f3fb56e3107.txt", "Mar 11", 98),
        ("001_311d3c3ef2d0397c.txt", "Mar 14", 78),
        ("004_7c632fc4ffd44a21.txt", "Mar 18", 93),
    ],
)
def test_seed_pages(shared: Path, seed: str, date: str, records: int) -> None:
    """T3, T13: the seeds of this layout hold one record for each line longer than 1,000 characters."""
    text = (shared / "seeds" / seed).read_text(encoding="utf-8")
    name, page = layouts.read(text)
    assert (name, len(page.listings), page.warnings) == ("text_a", records, ())
    assert (page.page_date, page.page_date_basis, page.page_date_shown) == (None, None, date)
    assert [one.abstract for one in page.listings] == [line for line in text.split("\n") if len(line) > 1000]
    said = {(one.authors_count, one.who, one.organization, one.listed_date, one.comments) for one in page.listings}
    assert said == {(None,) * 5}


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("seed", "record", "line", "opening"),
    [
        ("000_fb439f3fb56e3107.txt", 6, 31, "Motivation:"),
        ("000_fb439f3fb56e3107.txt", 13, 59, "Background:"),
        ("000_fb439f3fb56e3107.txt", 61, 251, "Background:"),
        ("004_7c632fc4ffd44a21.txt", 45, 187, "Background:"),
    ],
)
def test_seed_records_that_open_like_headings(shared: Path, seed: str, record: int, line: int, opening: str) -> None:
    """T15: a word and a colon at the beginning of an abstract are part of it."""
    _, rows = _text.rows((shared / "seeds" / seed).read_text(encoding="utf-8"), meta=False)
    assert rows[record - 1].line == line
    assert rows[record - 1].abstract.startswith(opening)


@pytest.mark.corpus
@pytest.mark.parametrize(
    "name",
    [
        "hf_search_firecrawl_2026-10-02.excerpt.md",
        "hf_search_notebooklm_2026-03-25.excerpt.txt",
        "hf_search_numbered_refs_2026-06-29.excerpt.txt",
        "hf_trending_2026-10.excerpt.md",
    ],
)
def test_other_renderings_are_refused(shared: Path, name: str) -> None:
    """Copies that give each record's address are left to a layout that reads it."""
    text = (shared / "data" / "text_copies" / name).read_text(encoding="utf-8")
    assert (text_a.matches(text), text_b.matches(text)) == (False, False)
    with pytest.raises(LayoutChanged, match="layout_unknown"):
        layouts.read(text)
