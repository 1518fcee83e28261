"""What the layouts of Hugging Face share: the island of a page that holds its JSON, and what an entry says.

An entry is `paper` and what stands around it; the inner value goes first, since list answers and paper pages
differ in where a key stands (seen 2026-02 to 2026-06).
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import orjson
from lxml import etree

from crawler.layouts import LayoutChanged
from storage.arxiv_ids import parse_id
from storage.documents import Code, Listing, Page, Published

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
Row = dict[str, Any]

PROMISED = {
    "summary": "abstract",
    "authors": "authors",
    "publishedAt": "published",
    "submittedOnDailyAt": "listed_date",
    "upvotes": "upvotes",
    "numComments": "comments",
}
"""Keys of every entry of all pages measured, and their fields: one that no entry has is not unknown, it has moved."""
FEW = 10
"""Entries of a day; the smallest of the days measured had 15."""
LONGEST = 2**18
"""Characters of a text: a paper's have thousands, and a document of MongoDB holds 16 MiB."""
LARGEST = 2**63 - 1
"""MongoDB's integers end here."""

TARGETS = etree.XPath("//*[@data-target]")


@lru_cache(maxsize=1)  # a page is asked for by each layout that may know it, and parsed once
def targets(text: str) -> list[etree._Element]:
    """The elements of a page that have a `data-target`."""
    # no comments: Svelte 5 splits texts by them
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True)
    root = etree.fromstring(text.encode(), parser)
    return [] if root is None else TARGETS(root)  # type: ignore[return-value] # None of a text of comments


def islands(text: str, target: str) -> list[etree._Element]:
    """The elements of a page whose `data-target` is exactly this."""
    return [one for one in targets(text) if one.get("data-target") == target] if target in text else []


def island(text: str, target: str) -> tuple[etree._Element, Row]:
    """The only such element, and its props."""
    match islands(text, target):
        case [found]:
            pass
        case []:
            raise LayoutChanged("layout_unknown", f'no element with data-target="{target}": save the page again')
        case several:
            raise LayoutChanged("props_broken", f'{len(several)} elements with data-target="{target}" instead of one')
    return found, props(found.get("data-props", ""))


def props(text: str) -> Row:
    """The JSON object in a text."""
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise LayoutChanged("props_broken", f"not JSON, save the page again: {error}") from None
    if not isinstance(data, dict):
        raise LayoutChanged("props_broken", f"a JSON object is due: {text[:60]!r}")
    return data


def daily(props: Row) -> tuple[list[Any], dt.date, tuple[dt.date, ...]]:
    """The entries of a day's props, the day, and the days that the page links to."""
    if (period := props.get("periodType")) != "day":
        raise LayoutChanged("wrong_period", f"periodType is {shown(period)}: only pages of one day are read")
    day, before, after = (_date(props.get(key)) for key in ("dateString", "prevDate", "nextDate"))
    if day is None:
        raise LayoutChanged("props_broken", f"dateString is no date: {shown(props.get('dateString'))}")
    if not isinstance(entries := props.get("dailyPapers"), list):
        raise LayoutChanged("props_broken", f"dailyPapers is no list: {shown(entries)}")
    return entries, day, tuple(other for other in (before, after) if other)


def listings(entries: Sequence[Any]) -> list[Listing]:
    """All entries in order, or LayoutChanged: one that is not understood, or a key that all have lost."""
    if not entries:
        raise LayoutChanged("no_records", "no papers: the day has none yet, or was none")
    read = [listing(entry, position) for position, entry in enumerate(entries, 1)]
    for key, field in PROMISED.items():
        if all(getattr(one, field) is None for one in read):
            raise LayoutChanged("record_shape", f"{key} has vanished: none of {len(read)} entries has it")
    return read


def page(
    read: Sequence[Listing], medium: Literal["html", "json"], day: dt.date | None, neighbours: tuple[dt.date, ...] = ()
) -> Page:
    """The page of these listings; what is listed twice is kept where it stands first."""
    once: dict[str | None, Listing] = {}
    for one in read:
        once.setdefault(one.arxiv_id, one)
    twice = sorted({str(one.arxiv_id) for one in read if once[one.arxiv_id] is not one})
    return Page(
        listings=tuple(once.values()),
        digest=f"hf-daily:{day}" if day else None,
        page_date=day,
        page_date_basis="explicit" if day else None,
        neighbours=neighbours,
        medium=medium,
        warnings=(
            *([f"listed_twice: {', '.join(twice)}"] if twice else []),
            *([f"few_records: {len(once)} listings"] if len(once) < FEW else []),
        ),
    )


def single(paper: Row, around: Row, medium: Literal["html", "json"]) -> Page:
    """The page of one paper."""
    one = listing({**around, "paper": paper}, None)
    return Page(listings=(one,), digest=f"hf-paper:{one.arxiv_id}", medium=medium)


def listing(entry: Any, position: int | None) -> Listing:
    """What one entry says; what it does not say is None. Raises LayoutChanged where a value is of another kind."""
    paper: Any = entry.get("paper") if isinstance(entry, dict) else None
    name = paper.get("id") if isinstance(paper, dict) else None
    where = f"entry {position or 1}"
    if not isinstance(name, str) or parse_id(name) != (name, None):  # the number 2503.0213 was 2503.02130
        raise LayoutChanged("record_shape", f"{where}: paper.id is no arXiv id: {shown(name)}")
    try:
        return _listing(name, paper, entry, position)
    except ValueError as error:
        raise LayoutChanged("record_shape", f"{where} ({name}): {error}") from None


def _listing(arxiv_id: str, paper: Row, entry: Row, position: int | None) -> Listing:
    both = (paper, entry)
    if (title := _said("title", _text, *both)) is None:
        raise ValueError("title is missing")
    listed = _said("submittedOnDailyAt", _day, *both)
    # the outer publishedAt is New York's wall time with a false Z
    published = _said("publishedAt", _day, paper)
    repository = _said("githubRepo", _text, *both)
    stars = _said("githubStars", _count, *both)
    return Listing(
        position=position,
        title=title,
        arxiv_id=arxiv_id,
        abstract=_said("summary", _text, *both),
        authors=_said("authors", _names, *both),
        organization=_said("organization", _organization, *both) or None,
        listed_date=listed,
        listed_date_basis="hf_props" if listed else None,
        published=Published(date=published.isoformat(), precision="day", basis="hf_props") if published else None,
        comments=_said("numComments", _count, entry),
        upvotes=_said("upvotes", _count, *both),
        ai_summary=_said("ai_summary", _text, *both),
        ai_keywords=_said("ai_keywords", _texts, *both),
        code=(Code(url=repository, stars=stars),) if repository else (),
        project_page=_said("projectPage", _text, *both),
    )


def _said(key: str, read: Callable[[Any], T | None], *rows: Row) -> T | None:
    """The first value of that key that says anything; ValueError where it is of another kind."""
    for row in rows:
        if (value := row.get(key)) not in (None, "", []):
            if (said := read(value)) is None:
                raise ValueError(f"{key} is no {KINDS[read]}: {shown(value)}")
            return said
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= LONGEST else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= LARGEST else None  # True is an int as well


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else None


def _names(value: Any) -> tuple[str, ...] | None:
    try:
        return _texts([author["name"] for author in value])
    except (TypeError, KeyError):
        return None


def _organization(value: Any) -> str | None:
    return _said("fullname", _text, value) or _said("name", _text, value) or "" if isinstance(value, dict) else None


def _day(value: Any) -> dt.date | None:
    """The day of a time, in UTC."""
    try:
        moment = dt.datetime.fromisoformat(value)
        return moment.astimezone(dt.UTC).date() if moment.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def _date(value: Any) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return day if day.isoformat() == value else None  # not 20260302, not 2026-W10-1


KINDS: dict[Callable[[Any], object], str] = {
    _text: "text",
    _count: "count",
    _texts: "list of texts",
    _names: "list of names",
    _organization: "object",
    _day: "time with its zone",
}
"""What values are called that are read so."""
