"""Hugging Face's page of one day, saved as HTML: all is in the JSON of one element, and the cards must agree with it.

Both generations of markup (Svelte 4 and 5) are read, and pages that another tool saved with other quotes, another
order of attributes or whole addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from crawler.layouts import LayoutChanged, _hf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.documents import Listing, Page

TARGET = "DailyPapers"
CARD = {
    "id": etree.XPath("substring-after(.//h3//a/@href, '/papers/')"),
    "title": etree.XPath("string(.//h3)"),
    "upvotes": etree.XPath("string(.//a[contains(@href, '/login?')])"),
    "comments": etree.XPath("string(.//a[contains(@href, '#community')])"),
    # the link to an organization, else the last of the authors' pictures
    "who": etree.XPath(
        "string((.//a[not(contains(@href, '/papers/') or contains(@href, '/login?'))] | .//li)[last()])"
    ),
}


def matches(text: str) -> bool:
    """Whether an element of the page has the data-target DailyPapers: not DailyPapersBannerSubscribe, not a text."""
    return bool(_hf.islands(text, TARGET))


def parse(text: str) -> Page:
    """All entries of the day, or LayoutChanged: also where one card shows something else."""
    island, props = _hf.island(text, TARGET)
    entries, day, neighbours = _hf.daily(props)
    listings = _hf.listings(entries)
    _compare(listings, island)
    return _hf.page(listings, "html", day, neighbours)


def _compare(listings: Sequence[Listing], island: etree._Element) -> None:
    """Raises LayoutChanged unless the cards show the listings, as far as these know."""
    articles, titles = list(island.iter("article")), list(island.iter("h3"))
    if not len(articles) == len(titles) == len(listings):
        detail = f"{len(listings)} entries, {len(articles)} articles, {len(titles)} titles"
        raise LayoutChanged("count_mismatch", f"{detail}: save the page again")
    for one, article in zip(listings, articles, strict=True):
        for field, due in _shown(one).items():
            card = " ".join(str(CARD[field](article)).split())
            if due is not None and card != due:
                detail = f"entry {one.position} ({one.arxiv_id}): {field} is {due!r:.80}, on the card {card!r:.80}"
                raise LayoutChanged("count_mismatch", detail)


def _shown(one: Listing) -> dict[str, str | None]:
    """What a card shows of a listing; None where the listing does not know it."""
    who = one.organization or (f"· {len(one.authors)} authors" if one.authors else None)
    return {
        "id": one.arxiv_id,
        "title": " ".join(str(one.title).split()),
        "upvotes": None if one.upvotes is None else str(one.upvotes or "-"),
        "comments": None if one.comments is None else str(one.comments or ""),
        "who": who and " ".join(who.split()),
    }
