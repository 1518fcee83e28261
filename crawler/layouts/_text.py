"""Search pages copied as plain text: what text_a and text_b share, from the lines to the Page.

    copy      = { header line } page-date { record }
    record    = title abstract [ meta ]          title and abstract: one block of one line each
    meta      = who / "·" / date [ comments ]    one block of exactly three lines
    who       = "• 4 authors" | [ slug ] name
    date      = "Mar 11" | "Mar 11, 2024"        the year is left out when it was that of the visit

A block is a run of non-blank lines. Structure alone decides, and what does not fit is refused with its line:
a parser that closed a record at the next "N authors" glued two of them together and no count noticed.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from crawler.layouts import LayoutChanged
from storage.documents import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER_BLOCKS = 25
"""A page's date stands within so many blocks, or it is lost (T1)."""
LONGEST = 300
"""Characters of a title, a header line or a who line. Longest title known: 162; shortest abstract: 358."""
FEW = 0.2
"""The share of records without meta that looks like chance on a page with meta (seed pages: 1 of 33)."""
LEAP_YEAR, LEAP_GAP = 2024, 8
"""A year that has every day there is, and the most years from one such to the next (1896 to 1904)."""
ONE_DAY = dt.timedelta(days=1)

Block = tuple[int, list[str]]
"""The number of a block's first line, counted from 1, and its lines, trimmed."""


class Shown(NamedTuple):
    """A day as a page shows it."""

    month: int
    day: int
    year: int | None

    def within(self, year: int) -> dt.date | None:
        """That day of a year; None where the year has no such day."""
        try:
            return dt.date(year, self.month, self.day)
        except ValueError:
            return None


class Header(NamedTuple):
    """What stands above the records: the page's date, and the lines before it."""

    line: int
    date: str
    shown: Shown
    above: list[str]


class Row(NamedTuple):
    """A record as it was read. Without a meta block all after `abstract` is None (T3, T4, T11)."""

    line: int
    title: str
    abstract: str
    who: str | None = None
    authors_count: int | None = None
    organization: str | None = None
    shown: Shown | None = None
    comments: int | None = None


class Years(NamedTuple):
    """The page's date, what its year was read from, and the year of the days that show none."""

    page_date: dt.date | None = None
    basis: Literal["explicit", "page_years"] | None = None
    yearless: int | None = None


def _pattern(words: str) -> re.Pattern[str]:
    """A pattern whose blanks stand for any white space, such as NBSP and U+2028 (T30)."""
    return re.compile(words.replace(" ", r"\s+"))


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = rf"({'|'.join(MONTHS)}) ([0-9]{{1,2}})"
PAGE_DATE = _pattern(rf"{_DAY}(?:, ([0-9]{{4}}))?")
# "Oct 28 2" is a day and two comments (T10). "Oct 28 2024" would be a year that lost its comma: refused.
LISTED_DATE = _pattern(rf"{_DAY}(?:, ([0-9]{{4}})|(?! (?:19|20)[0-9]{{2}}$))(?: ([0-9]{{1,6}}))?")
AUTHORS = _pattern("• ([1-9][0-9]{0,5}) authors")  # plural even for "1 authors" (T6)
HEADER_LINE = _pattern(
    r"(?:[-*#]+ )?(?:new|Get trending papers in your email inbox(?: once a day)?!|Subscribe"
    r"|(?:Daily|Trending) Papers|by|AK|(?:by.*)?and the research community|Daily|Weekly|Monthly)"
)
HEADER_EXTRA = _pattern(r"---|(?:url|retrieved):.*|(?:\[.*\]\()?https://huggingface\.co/\S*")
HEADER_DAY = re.compile(r"(retrieved:|/papers/date/)\W*([0-9]{4}-[0-9]{2}-[0-9]{2})")
STRUCTURE = re.compile(
    "|".join((HEADER_LINE.pattern, HEADER_EXTRA.pattern, LISTED_DATE.pattern, r"·|\W*[0-9]+\s+authors?"))
)
"""Lines that are no title, abstract or name: where one is due, two pages were glued or a block broke."""
MARKUP = re.compile(r"[<{]|\[\s*(?:[\[{\"0-9\]]|$)")
"""How HTML, XML and JSON begin."""
PAPERS = "https://huggingface.co/papers/"
_PAPER = rf"{PAPERS}[0-9]{{4}}\.[0-9]{{4,5}}(?:#\w+)?"
LINKED = re.compile(rf"### \[|{_PAPER}$|.*\]\({_PAPER}\)")
"""Lines of the renderings that give each record's address: these hold more and are other layouts' to read."""


def split(text: str) -> list[Block]:
    """The blocks of a text, none for a blank one."""
    blocks: list[Block] = []
    block: list[str] = []
    # Not splitlines(): U+2028, \x0b and \x85 stand inside a line; the \r of CRLF goes with the blanks (T30).
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip()
        if not line:
            block = []
        elif block:
            block.append(line)
        else:
            block = [line]
            blocks.append((number, block))
    return blocks


def dated(text: str, year: int) -> str:
    """The copy with the year that its date leaves out; any other text as it is."""
    for number, block in split(text)[:HEADER_BLOCKS]:
        if found := _page_date(block):
            lines = text.split("\n")
            lines[number - 1] = lines[number - 1].rstrip() + (f", {year}" if found[3] is None else "")
            return "\n".join(lines)
    return text


def fits(blocks: list[Block], *, meta: bool) -> bool:
    """Whether these are the blocks of a copy with meta blocks, or of one without any."""
    return _is_copy(blocks) and any(_is_meta(block) for _, block in blocks) is meta


def rows(text: str, *, meta: bool) -> tuple[Header, list[Row]]:
    """The header and the records of a copy, as plain tuples. Raises LayoutChanged."""
    blocks = split(text)
    if not fits(blocks, meta=meta):
        raise LayoutChanged("layout_unknown", f"not a text copy {'with' if meta else 'without'} meta blocks")
    header, rest = _header(blocks)
    records = list(_records(rest))
    if not records:
        raise LayoutChanged("no_records", f"nothing follows the page's date {header.date!r}", header.line)
    return header, records


def page(text: str, *, meta: bool) -> Page:
    """A copy with meta blocks, or one without any, read whole. Raises LayoutChanged."""
    header, records = rows(text, meta=meta)
    years = _years(header, records)
    return Page.model_validate(
        {
            "listings": [_listing(position, row, years) for position, row in enumerate(records, 1)],
            "page_date": years.page_date,
            "page_date_basis": years.basis,
            "page_date_shown": header.date,
            "warnings": tuple(_warnings(header, records, years)),
        }
    )


def _is_copy(blocks: list[Block]) -> bool:
    """Whether a header begins the text: a bare date among its first blocks, or lines known from headers."""
    if not blocks:
        return True  # an empty copy is refused for want of records (T31), not as unknown
    if MARKUP.match(blocks[0][1][0]):
        return False
    begins, holds = ("### [", PAPERS), f"]({PAPERS}"  # a sieve before LINKED: it sees every line of the page
    suspects = [line for _, block in blocks for line in block if line.startswith(begins) or holds in line]
    if any(map(LINKED.match, suspects)):
        return False
    return any(_page_date(block) or any(map(HEADER_LINE.fullmatch, block)) for _, block in blocks[:HEADER_BLOCKS])


def _is_meta(block: list[str]) -> bool:
    """By its second line, never by its place: a record may lack the block (T4)."""
    return len(block) > 1 and block[1] == "·"


def _page_date(block: list[str]) -> re.Match[str] | None:
    return PAGE_DATE.fullmatch(block[0]) if len(block) == 1 else None


def _header(blocks: list[Block]) -> tuple[Header, list[Block]]:
    """The header, and the blocks that follow it. A record is never taken for a header line."""
    above: list[str] = []
    for size, (number, block) in enumerate(blocks[:HEADER_BLOCKS], 1):
        if dated := _page_date(block):
            return Header(number, " ".join(dated[0].split()), _shown(dated, number), above), blocks[size:]
        if _is_meta(block) or max(map(len, block)) > LONGEST:
            raise LayoutChanged("no_page_date", f"a record comes before any date: {_short(block)}", number)
        above += block
    if all(_is_header_line(line) for _, block in blocks for line in block):
        raise LayoutChanged("no_records", "nothing but header lines" if blocks else "the text is empty")
    raise LayoutChanged("no_page_date", f"no bare date among the first {HEADER_BLOCKS} blocks")


def _is_header_line(line: str) -> bool:
    return bool(HEADER_LINE.fullmatch(line) or HEADER_EXTRA.fullmatch(line))


def _records(blocks: list[Block]) -> Iterator[Row]:
    """The records in order: title and abstract in strict turns, each with the meta block that may follow."""
    queue = iter(blocks)
    block = next(queue, None)
    while block:
        line = block[0]
        title = _words("a title", block)
        abstract = _words("an abstract", next(queue, (line, [])))
        if len(title) >= len(abstract) or len(title) > LONGEST:
            raise LayoutChanged("record_shape", f"too long for a title: {_short([title])}", line)
        block = next(queue, None)
        if block and len(block[1]) > 1:
            yield Row(line, title, abstract, *_meta(block))
            block = next(queue, None)
        else:
            yield Row(line, title, abstract)


def _words(due: str, block: Block) -> str:
    """The text of a block that should be a title or an abstract, as the page wrote it (T14 to T17)."""
    line, lines = block
    if len(lines) != 1 or STRUCTURE.fullmatch(lines[0]):
        raise LayoutChanged("record_shape", f"{due} is due, not {_short(lines)}", line)
    return lines[0]


def _meta(block: Block) -> tuple[str, int | None, str | None, Shown, int]:
    """The fields of a Row from `who` on."""
    line, lines = block
    match lines:
        case [who, "·", date] if dated := LISTED_DATE.fullmatch(date):
            return who, *_who(who, line), _shown(dated, line), int(dated[4] or 0)
    raise LayoutChanged("record_shape", f"one line, or who and date, are due, not {_short(lines)}", line)


def _who(who: str, line: int) -> tuple[int | None, str | None]:
    """The number of authors, or the organization: "slug name", or the name alone (T7, T8)."""
    if counted := AUTHORS.fullmatch(who):
        return int(counted[1]), None
    if who.startswith("•") or len(who) > LONGEST or STRUCTURE.fullmatch(who):
        raise LayoutChanged("record_shape", f"neither authors nor an organization: {_short([who])}", line)
    slug, *name = who.split()
    return None, " ".join(name) or slug


def _shown(dated: re.Match[str], line: int) -> Shown:
    """The day of a date line, refused if no calendar has it."""
    year = int(dated[3]) if dated[3] else None
    shown = Shown(MONTHS.index(dated[1]) + 1, int(dated[2]), year)
    if shown.within(LEAP_YEAR if year is None else year) is None:
        raise LayoutChanged("record_shape", f"no such day: {_short([dated[0]])}", line)
    return shown


def _years(header: Header, records: list[Row]) -> Years:
    """What the header tells; else the first year after all shown ones in which the page can list its days.

    The page leaves out exactly the year of its visit: that is none of those shown.
    """
    yearless = [row.shown for row in records if row.shown and row.shown.year is None]
    basis: Literal["explicit", "page_years"]
    if told := _told(header):
        page_date, basis = told.pop() if len(told) == 1 else None, "explicit"
    else:
        newest = max((row.shown.year or 0 for row in records if row.shown), default=0)
        years = range(newest + 1, newest + 1 + LEAP_GAP) if newest else ()
        dates = filter(None, map(header.shown.within, years))
        page_date, basis = next((date for date in dates if _can_list(date, yearless)), None), "page_years"
    if page_date is None:
        return Years()
    return Years(page_date, basis, page_date.year if _can_list(page_date, yearless) else None)


def _can_list(page_date: dt.date, yearless: list[Shown]) -> bool:
    """Whether the page's year has all these days, none of them after the page."""
    return all((day := shown.within(page_date.year)) and day <= page_date for shown in yearless)


def _told(header: Header) -> set[dt.date | None]:
    """The page's date by each word on its year; with None, or more than one, where these make no sense."""
    shown = header.shown
    if shown.year is not None:
        return {shown.within(shown.year)}
    words = (found for line in header.above for found in HEADER_DAY.findall(line))
    return {_told_by(word, day, shown) for word, day in words}


def _told_by(word: str, iso: str, shown: Shown) -> dt.date | None:
    """The page's date by the day of its retrieval, or by its link to the list before it."""
    try:
        told = dt.date.fromisoformat(iso)
    except ValueError:
        return None
    near = list(filter(None, map(shown.within, (told.year - 1, told.year, told.year + 1))))
    if word == "retrieved:":  # by a clock that may be a time zone behind the page's
        return max((day for day in near if day - told <= ONE_DAY), default=None)
    return min((day for day in near if day >= told), default=None)  # a page of Jan 2 links the list of Dec 31


def _listing(position: int, row: Row, years: Years) -> dict[str, object]:
    """The fields of a Listing."""
    listed_date, basis = _listed(row.shown, years) if row.shown else (None, None)
    return {
        "position": position,
        "title": row.title,
        "abstract": row.abstract,
        "authors_count": row.authors_count,
        "organization": row.organization,
        "who": row.who,
        "listed_date": listed_date,
        "listed_date_basis": basis,
        "comments": row.comments,
    }


def _listed(shown: Shown, years: Years) -> tuple[dt.date | None, str | None]:
    """The date of a day that shows its year, or has the page's; None for one that can have neither."""
    if shown.year is not None:
        return shown.within(shown.year), "shown_year"
    if years.yearless is not None:
        return shown.within(years.yearless), "shown_page_year"
    return None, None


def _warnings(header: Header, records: list[Row], years: Years) -> Iterator[str]:
    """What was read but looks odd, each with a stable code first."""
    for line in header.above:
        if not _is_header_line(line):
            yield f"header_unknown: {_short([line])}"
    days = [row.shown for row in records if row.shown]
    left_out = 0 if years.yearless else sum(day.year is None for day in days)
    if left_out or (_told(header) and not years.page_date):
        yield f"year_unknown: {left_out} listed dates without a year cannot have that of {header.date!r}"
    newest = max((day.year or 0 for day in days), default=0)
    if years.page_date and newest >= years.page_date.year:
        yield f"year_contradicted: days of {newest} are shown, which a page of {years.page_date.year} does not"
    lacking = len(records) - len(days)
    if days and lacking > FEW * len(records):
        yield f"meta_missing: {lacking} of {len(records)} records have no who and no date"


def _short(lines: list[str], size: int = 60) -> str:
    """The lines as one repr for a person, of a size that a log can bear."""
    text = " / ".join(lines) or "the end"
    return repr(text if len(text) <= size else f"{text[:size]}…")
