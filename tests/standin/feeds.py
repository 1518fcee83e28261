"""arXiv's RSS feeds as its own code writes them: `/rss/<category>[+<category>...]`, what is announced today.

Today is `Options.today`, what is announced on a day `Options.announced`: nothing unless a test says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from tests.standin.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.standin.corpus import Corpus, Row
    from tests.standin.world import World

PREFIX = "/rss/"
RSS = "application/rss+xml"
CATEGORIES = ("cs.AI", "cs.CL", "cs.CV", "cs.LG", "stat.ML")  # beside those of the corpus
MOST_ITEMS = 2000
NEW_YORK = ZoneInfo("America/New_York")

HEAD = """<?xml version='1.0' encoding='UTF-8'?>
<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" version="2.0">
  <channel>"""


def categories(path: str) -> list[str]:
    """The categories that an address asks for."""
    return unquote(path).removeprefix(PREFIX).split("+")


def answer(path: str, world: World) -> Answer:
    """The feed of today, or the one that says what was wrong with the question."""
    asked = categories(path)
    query, midnight = "+".join(asked), datetime.fromisoformat(world.today).replace(tzinfo=NEW_YORK)
    link = f"http://rss.arxiv.org/rss/{query}"
    if wrong := set(asked) - known(world.corpus):
        title = f"Feed error for query: {link}"
        about = f"Bad archive '{min(wrong)}'. Valid archive names are: cs, stat."
        return Answer(400, feed(title, link, about, midnight, []), RSS)
    announced = world.options.announced.get(world.today, {})
    rows = [(world.corpus.rows[key], kind) for key, kind in announced.items()]
    items = [item(row, kind, midnight) for row, kind in rows if any(_is_in(row, one) for one in asked)]
    title, about = (
        f"{', '.join(asked)} updates on {where}" for where in ("arXiv.org", "the arXiv.org e-print archive.")
    )
    body = feed(title, link, about, midnight, items[:MOST_ITEMS])
    left = midnight + timedelta(days=1) - datetime.now(NEW_YORK)
    kept = {"Cache-Control": f"max-age={max(0, int(left.total_seconds()))}"}
    return Answer(200, body, RSS, kept | {"ETag": f'"{sha256(body.encode()).hexdigest()}"'})


def known(corpus: Corpus) -> set[str]:
    """The categories and archives there are."""
    found = {*CATEGORIES, *(name for row in corpus.rows.values() for name in row.categories)}
    return found | {name.partition(".")[0] for name in found}


def _is_in(row: Row, asked: str) -> bool:
    """Whether a feed of that category or archive has the row; one without categories is in every feed."""
    return not row.categories or any(name == asked or name.startswith(f"{asked}.") for name in row.categories)


def feed(title: str, link: str, about: str, midnight: datetime, items: list[str]) -> str:
    """A whole feed."""
    stamp = format_datetime(midnight)
    return "\n".join(
        (
            HEAD,
            f"    <title>{escape(title)}</title>",
            f"    <link>{link}</link>",
            f"    <description>{escape(about)}</description>",
            f'    <atom:link href={quoteattr(link)} rel="self" type="{RSS}"/>',
            "    <docs>http://www.rssboard.org/rss-specification</docs>",
            "    <language>en-us</language>",
            f"    <lastBuildDate>{stamp}</lastBuildDate>",
            "    <managingEditor>rss-help@arxiv.org</managingEditor>",
            f"    <pubDate>{stamp}</pubDate>",
            "    <skipDays>\n      <day>Saturday</day>\n      <day>Sunday</day>\n    </skipDays>",
            *items,
            "  </channel>\n</rss>\n",
        )
    )


def item(row: Row, kind: str, midnight: datetime) -> str:
    """One item; whatever is announced as new is a first version."""
    name = f"{row.id}v{row.version if 'replace' in kind else 1}"
    return "\n".join(("    <item>", *(f"      {line}" for line in _lines(row, name, kind, midnight)), "    </item>"))


def _lines(row: Row, name: str, kind: str, midnight: datetime) -> Iterator[str]:
    yield f"<title>{escape(row.title)}</title>"
    yield f"<link>https://arxiv.org/abs/{row.id}</link>"
    yield f"<description>arXiv:{name} Announce Type: {kind} \nAbstract: {escape(row.abstract)}</description>"
    yield f'<guid isPermaLink="false">oai:arXiv.org:{name}</guid>'
    yield from (f"<category>{category}</category>" for category in row.categories)
    yield f"<pubDate>{format_datetime(midnight)}</pubDate>"
    yield f"<arxiv:announce_type>{kind}</arxiv:announce_type>"
    yield "<dc:rights>http://arxiv.org/licenses/nonexclusive-distrib/1.0/</dc:rights>"
    if row.doi:
        yield f"<arxiv:DOI>{escape(row.doi)}</arxiv:DOI>"
    if row.journal_ref:
        yield f"<arxiv:journal_reference>{escape(row.journal_ref)}</arxiv:journal_reference>"
    yield f"<dc:creator>{escape(', '.join(row.authors))}</dc:creator>"
