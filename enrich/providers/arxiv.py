"""arXiv's API: metadata by id, and titles to entries.

Source: https://info.arxiv.org/help/api/user-manual.html. Answers of three generations differ in namespaces,
line breaks and links (2025-08, 2025-11, 2026-04): elements are read by name, addresses derived from ids.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from lxml import etree

from enrich.errors import BadBatch, EnrichError, NotUnderstood, TryLater
from enrich.evidence import Found, of_entry
from enrich.reading import bounded, digits, in_utc
from storage import waits
from storage.arxiv_ids import parse_id
from storage.documents import ArxivEntry, ArxivFact
from storage.titles import collapse, search_phrase
from storage.withdrawn import is_withdrawn

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from enrich.http import Answer, Api

KIND = PATH = "arxiv"
HOST, INTERVAL, BATCH, TIMEOUT, BACKOFF = "https://export.arxiv.org", 3.0, 500, 60.0, 30.0
CONNECTIONS = 1
SINGLE = True  # https://info.arxiv.org/help/api/tou.html: one connection at a time, over all machines
QUERY = "/api/query"
LARGEST_SLICE = 2000  # the manual: at most 2,000 results a request
TITLES = 20  # OR-ed phrases; the syntax allows it, how many work well is not documented
ENTRIES_A_TITLE = 10  # room in an answer for each title asked for

ATOM = "{http://www.w3.org/2005/Atom}"
ARXIV = "{http://arxiv.org/schemas/atom}"
OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
CATEGORY = re.compile(r"[a-z][a-z-]*(?:\.[A-Za-z][A-Za-z-]*)?")  # not MSC ("35") or ACM classes ("I.2.7")


class Feed(NamedTuple):
    """One answer: how many results there are, and the entries of this slice."""

    total: int
    entries: list[ArxivEntry]


def headers(_key: str | None) -> dict[str, str]:
    """ArXiv has no keys."""
    return {}


def blank(_question: str) -> ArxivFact:
    """A fact with nothing in it yet."""
    return ArxivFact(provider="arxiv")


async def fetch(ids: Sequence[str], api: Api) -> dict[str, ArxivEntry]:
    """Entries by base id, asked by POST: a GET of 500 ids comes near the server's limit of 8 KiB."""
    form = {"id_list": ",".join(ids), "start": "0", "max_results": str(len(ids))}

    def read(answer: Answer) -> dict[str, ArxivEntry]:
        feed = parse(answer)
        if feed.total > len(feed.entries):
            raise NotUnderstood(f"arXiv returned {len(feed.entries)} of {feed.total} entries")
        # By id, not by place: unknown ids are left out, and the order need not be the one asked for.
        found = {entry.arxiv_id: entry for entry in feed.entries}
        if unasked := found.keys() - set(ids):
            raise NotUnderstood(f"arXiv told of {len(unasked)} papers that were not asked for")
        return found

    return await api.ask("POST", QUERY, read, data=form)


async def find(titles: Sequence[str], api: Api) -> Found:
    """Entries whose titles hold one of these as a phrase. Raises BadBatch where several find more than can be read."""
    phrases = dict.fromkeys(phrase for title in titles if (phrase := search_phrase(title)))
    query = " OR ".join(f'ti:"{phrase}"' for phrase in phrases)
    found: dict[str, ArxivEntry] = {}
    room = min(ENTRIES_A_TITLE * len(phrases), LARGEST_SLICE)
    start, total = 0, 1
    while start < min(total, LARGEST_SLICE):
        form = {"search_query": query, "start": str(start), "max_results": str(room)}
        feed = await api.ask("POST", QUERY, _parse_search, data=form)
        if feed.total > LARGEST_SLICE and len(phrases) > 1:
            raise BadBatch(f"{feed.total} results for {len(phrases)} titles")
        found |= {entry.arxiv_id: entry for entry in feed.entries}
        start, total = start + len(feed.entries), feed.total
        room = LARGEST_SLICE
    return Found([of_entry(entry) for entry in found.values()], complete=len(found) >= total)


def objection(answer: Answer) -> EnrichError | None:
    """`Rate exceeded.` comes with status 429 or 200, without Retry-After; 10 of 10 requests 30 s apart failed so."""
    if answer.body[:64].lstrip().startswith(b"Rate exceeded"):
        return TryLater("rate exceeded", waits.told(answer.headers))
    if answer.status == 400:  # noqa: PLR2004 - the status has no other name
        with suppress(EnrichError):  # a page for people: the status says all
            if error := next(filter(None, map(_error, _root(answer).iterfind(f"{ATOM}entry"))), None):
                return BadBatch(f"arXiv: {error}")
    return None


def parse(answer: Answer) -> Feed:
    """The entries of an Atom answer; those without an id are the first generation's way to say unknown.

    Raises NotUnderstood for an error entry or another body, TryLater where it is cut or results are not shown.
    """
    root = _root(answer)
    total = digits(root.findtext(f"{OPENSEARCH}totalResults", ""))
    if root.tag != f"{ATOM}feed" or total is None:
        raise NotUnderstood(f"no Atom feed: {answer.text[:80]!r}")
    elements = root.findall(f"{ATOM}entry")
    if total > 0 and not elements:
        raise TryLater("arXiv counted results and showed none")
    entries = [entry for entry in map(_entry, elements) if entry is not None]
    return Feed(total - (len(elements) - len(entries)), entries)


def _parse_search(answer: Answer) -> Feed:
    """The same for a search: an unknown field is silently rewritten to `all:`, as the echo in the title shows."""
    if "search_query=all:" in (_root(answer).findtext(f"{ATOM}title") or ""):
        raise NotUnderstood("arXiv searched everywhere instead of in titles")
    feed = parse(answer)
    if feed.total > 0 and not feed.entries:
        raise NotUnderstood("arXiv counted results and named none")
    return feed


def _root(answer: Answer) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(answer.body, parser)
    except etree.XMLSyntaxError:
        if b"<feed" in answer.body and not answer.body.rstrip().endswith(b"</feed>"):
            raise TryLater("arXiv: the answer is cut") from None
        raise NotUnderstood(f"not XML: {answer.text[:80]!r}") from None
    if root.getroottree().docinfo.internalDTD is not None:  # entities of its own: texts would end at the first
        raise NotUnderstood("arXiv: a document type where a feed should be")
    return root


def _error(entry: etree._Element) -> str | None:
    """The text of an error entry: errors come as feeds, with status 400 or 200."""
    is_one = "/api/errors" in entry.findtext(f"{ATOM}id", "")
    return collapse(entry.findtext(f"{ATOM}summary", ""))[:200] if is_one else None


def _entry(element: etree._Element) -> ArxivEntry | None:
    """None for an entry without an id."""
    told = {child.tag: child for child in reversed(element)}  # of several the first
    if f"{ATOM}id" not in told:
        return None
    written, title = told[f"{ATOM}id"].text or "", _text(told, f"{ATOM}title")
    identified = parse_id(written)
    if identified is None or title is None:
        error = _error(element)
        raise NotUnderstood(f"arXiv: {error}" if error else f"an entry without arXiv id or title: {written[:80]!r}")
    arxiv_id, version = identified
    abstract = _text(told, f"{ATOM}summary")
    names = (name for author in element.iterchildren(f"{ATOM}author") for name in author.iterchildren(f"{ATOM}name"))
    authors = tuple(collapse(name.text or "") for name in names)
    return ArxivEntry(
        arxiv_id=arxiv_id,
        title=title,
        abstract=abstract,
        authors=authors or None,
        fact=_fact(element, told, version, abstract),
    )


def _fact(
    element: etree._Element, told: Mapping[Any, etree._Element], version: int | None, abstract: str | None
) -> ArxivFact:
    primary = told.get(f"{ARXIV}primary_category")
    comment = _text(told, f"{ARXIV}comment")
    return ArxivFact(
        status="ok",
        provider="arxiv",
        version=version,
        categories=tuple(_categories(element)) or None,
        primary_category=None if primary is None else primary.get("term"),
        comment=comment,
        journal_ref=_text(told, f"{ARXIV}journal_ref"),
        doi=_text(told, f"{ARXIV}doi"),
        withdrawn=is_withdrawn(comment, abstract),
        published=_time(told, "published"),
        updated=_time(told, "updated"),
    )


def _categories(element: etree._Element) -> Iterator[str]:
    for category in element.iterchildren(f"{ATOM}category"):
        if CATEGORY.fullmatch(term := category.get("term", "")):
            yield term


def _text(told: Mapping[Any, etree._Element], tag: str) -> str | None:
    """The text of a child, white space collapsed; None where it is absent or blank. Raises NotUnderstood."""
    child = told.get(tag)
    return None if child is None else collapse(bounded(child.text, tag)) or None


def _time(told: Mapping[Any, etree._Element], tag: str) -> dt.datetime | None:
    text = _text(told, f"{ATOM}{tag}")
    return in_utc(text, tag) if text else None
