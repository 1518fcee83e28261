"""arXiv's feed of one day, RSS 2.0 or Atom: what was announced in a set of categories, in arXiv's own words.

Shapes: https://info.arxiv.org/help/rss_specifications.html and arXiv's own code, github.com/arXiv/arxiv-feed.
"""

from __future__ import annotations

import datetime as dt
import re
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from lxml import etree

from crawler.layouts import LayoutChanged
from storage.arxiv_ids import parse_id
from storage.documents import Listing, Page
from storage.titles import collapse

if TYPE_CHECKING:
    from collections.abc import Callable

ARXIV = "http://arxiv.org/schemas/atom"
ATOM = "{http://www.w3.org/2005/Atom}"
CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
MOST_ITEMS = 2000  # the specification: a feed holds no more
BEGINNING = 65536  # characters, in which the feed says whose it is
ANNOUNCED = {kind: kind for kind in get_args(get_args(Listing.model_fields["announced"].annotation)[0])}

_OWN = re.compile(r"https?://rss\.arxiv\.org/(?:rss|atom)/(\S+)")
_OWN_ELEMENT = re.compile(rf"(?:link|id)>\s*{_OWN.pattern}")
_ABOUT = re.compile(r"(?P<id>arXiv:\S+) Announce Type: (?P<kind>\S+)\s+Abstract:(?P<abstract>.*)", re.DOTALL)
_AFFILIATION = re.compile(r" ?\((?:[^()]|\([^()]*\))*+\)")


class Form(NamedTuple):
    """How a form of the feed names what it says, and writes its times."""

    own: str
    title: str
    about: str
    item: str
    guid: str
    link: str
    description: str
    days: tuple[str, ...]
    moment: Callable[[str], dt.datetime]


def _rfc822(text: str) -> dt.datetime:
    """A time; ValueError where its day does not read `Mon, 02 Mar 2026` or is another weekday."""
    moment = parsedate_to_datetime(text)
    if format_datetime(moment)[:16] != text[:16]:
        raise ValueError(text)
    return moment


RSS_FORM = Form("link", "title", "description", "item", "guid", "link", "description", ("pubDate",), _rfc822)
ATOM_FORM = Form(
    own=f"{ATOM}id",
    title=f"{ATOM}title",
    about=f"{ATOM}subtitle",
    item=f"{ATOM}entry",
    guid=f"{ATOM}id",
    link=f"{ATOM}link",
    description=f"{ATOM}summary",
    # an entry is announced when it is `published`; `updated` is when the feed was made
    days=(f"{ATOM}published", f"{ATOM}updated"),
    moment=dt.datetime.fromisoformat,
)


def matches(text: str) -> bool:
    """Whether the text is such a feed, also an empty one or an error; an answer of arXiv's API is none."""
    return (
        text[:64].lstrip("\ufeff \t\r\n").startswith(("<?xml", "<rss", "<feed", "<!DOCTYPE rss", "<!DOCTYPE feed"))
        and ("<rss" in text or "<feed" in text)
        and ARXIV in text
        and ("announce_type>" in text or _OWN_ELEMENT.search(text, 0, BEGINNING) is not None)
    )


def parse(text: str) -> Page:
    """All items of the feed, or LayoutChanged: one without items is an empty day, `no_records`."""
    page = feed(text)
    if not page.listings:
        raise LayoutChanged("no_records", f"an empty day: {page.digest} announces nothing")
    return page


def feed(text: str) -> Page:
    """The same, where an empty day is a page without listings."""
    root = _root(text)
    form, channels = (ATOM_FORM, [root]) if root.tag == f"{ATOM}feed" else (RSS_FORM, root.findall("channel"))
    if root.tag not in (f"{ATOM}feed", "rss") or len(channels) != 1:
        raise LayoutChanged("wrong_format", f"neither RSS nor Atom: <{root.tag[:40]}> with {len(channels)} channels")
    [channel] = channels
    title = collapse(_text(channel, form.title))
    if title.startswith("Feed error for query:"):
        raise LayoutChanged("answer_unexpected", f"{title[:200]}: {collapse(_text(channel, form.about))[:200]}")
    own, day = _OWN.fullmatch(_text(channel, form.own)), _day(channel, form)
    if not own or not day:
        raise _refused(channel, f"the feed does not tell its categories and its day: {title[:80]!r}")
    categories = "+".join(sorted(set(own[1].split("+"))))
    items = channel.findall(form.item)
    listed = [_listing(position, item, form, day) for position, item in enumerate(items, 1)]
    if len(items) != sum(1 for _ in root.iter(form.item)) or (items and not any(listing.who for listing in listed)):
        raise _refused(channel, "an item stands outside the feed's list, or no item tells its creators")
    first = {listing.arxiv_id: listing for listing in reversed(listed)}
    twice = [listing for listing in listed if first[listing.arxiv_id] is not listing]
    warnings = [f"listed_twice: {listing.arxiv_id}, again as item {listing.position}" for listing in twice]
    if len(items) >= MOST_ITEMS:
        warnings.append(f"many_records: {len(items)} items, of which a feed holds {MOST_ITEMS}: others may be left out")
    return Page(
        listings=tuple(listing for listing in listed if first[listing.arxiv_id] is listing),
        digest=f"arxiv-rss:{categories}:{day}",
        page_date=day,
        page_date_basis="explicit",
        medium="json",
        warnings=tuple(warnings),
    )


def _root(text: str) -> etree._Element:
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise LayoutChanged("wrong_format", f"no XML that can be read: {error.msg}", error.lineno) from None
    if root.getroottree().docinfo.internalDTD is not None:  # entities of its own: texts would end at the first
        raise LayoutChanged("wrong_format", "a document type where a feed should be")
    return root


def _listing(position: int, item: etree._Element, form: Form, feed_day: dt.date) -> Listing:
    """One item, of which guid, link and description have to tell the same paper, and the type twice."""
    guid, title, who = (_text(item, name) for name in (form.guid, form.title, CREATOR))
    link = _text(item, form.link) or next((one.get("href", "") for one in item.iterfind(form.link)), "")
    identified, linked = parse_id(guid), parse_id(link)
    about, kind = _ABOUT.fullmatch(_text(item, form.description)), _text(item, f"{{{ARXIV}}}announce_type")
    wrong = None
    if not title or not identified or identified[1] is None:
        wrong = "no title, or no guid oai:arXiv.org:IDvN"
    elif not about or parse_id(about["id"]) != identified or not linked or linked[0] != identified[0]:
        wrong = "guid, link and description do not tell the same paper"
    elif kind not in ANNOUNCED or about["kind"] != kind:
        wrong = f"announced as {kind!r} and {about['kind']!r}"
    if wrong or not identified or not about:
        raise _refused(item, f"item {position} ({guid[:40]}): {wrong}")
    return Listing(
        position=position,
        title=title,
        arxiv_id=identified[0],
        abstract=about["abstract"].strip() or None,
        authors=_authors(who),
        who=who or None,
        listed_date=_day(item, form) or feed_day,
        listed_date_basis="explicit",
        announced=ANNOUNCED[kind],
    )


def _authors(who: str) -> tuple[str, ...] | None:
    """The names between commas, without affiliations in brackets; None where brackets do not pair."""
    names = _AFFILIATION.sub("", collapse(who))
    if "(" in names or ")" in names:
        return None
    return tuple(name for part in names.split(",") if (name := part.strip())) or None


def _day(element: etree._Element, form: Form) -> dt.date | None:
    """The day an element is of, where it was announced: midnight Eastern carries its own offset."""
    text = next(filter(None, (_text(element, tag) for tag in form.days)), "")
    try:
        return form.moment(text).date() if text else None
    except ValueError:
        raise _refused(element, f"no time: {text[:40]!r}") from None


def _text(element: etree._Element, tag: str) -> str:
    """The text of the only child of that name, empty where there is none."""
    found = element.findall(tag)
    if len(found) > 1 or any(len(child) for child in found):
        raise _refused(element, f"<{found[0].tag}> is there twice, or not plain text")
    return (found[0].text or "").strip() if found else ""


def _refused(element: etree._Element, detail: str) -> LayoutChanged:
    return LayoutChanged("record_shape", detail, cast("int | None", element.sourceline))
