"""arXiv's query API as it answered from April 2026 on: `/api/query` by GET or POST form, Atom; its feeds.

It reads `-` as NOT, drops unknown ids without a word, and mixes other papers among those a search asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from tests.standin import feeds
from tests.standin.corpus import Row, words
from tests.standin.invented import number
from tests.standin.wire import HTML, TEXT, Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.standin.corpus import Corpus
    from tests.standin.wire import Call
    from tests.standin.world import World

LONGEST_URL, LARGEST_SLICE, DEEPEST = 8192, 2000, 30_000
FIELDS = {"ti", "au", "abs", "co", "jr", "cat", "rn", "id", "all"}
ATOM = "application/atom+xml; charset=utf-8"

ID = re.compile(r"(?P<base>\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v(?P<version>[1-9]\d*))?")
TERM = re.compile(r'(?P<joint>OR|ANDNOT|AND)(?=\s)|(?:(?P<field>\w+):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
NOT = re.compile(r"-+\s*(\w+)")

HEAD = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" \
xmlns="http://www.w3.org/2005/Atom">"""


class MalformedError(Exception):
    """A request arXiv answers with its Error entry; `name` ends the entry's id."""

    def __init__(self, name: str, summary: str, status: int = 400) -> None:
        super().__init__(summary)
        self.name, self.summary, self.status = name, summary, status


@dataclass(frozen=True)
class Question:
    """The parameters of one request."""

    search: str
    ids: tuple[str, ...]
    start: int
    most: int


def asked(call: Call) -> list[str]:
    """The ids, else the terms, a request asks for; of a feed its categories."""
    if call.path.startswith(feeds.PREFIX):
        return feeds.categories(call.path)
    form = call.form
    found = TERM.finditer(form.get("search_query", ""))
    return _listed(form.get("id_list", "")) or [match[0] for match in found if not match["joint"]]


def too_fast() -> Answer:
    """What arXiv says to whoever asks too soon: no Retry-After."""
    return Answer(429, "Rate exceeded.", TEXT)


def answer(call: Call, world: World) -> Answer:
    """The feed for one request."""
    if call.path.startswith(feeds.PREFIX):
        return feeds.answer(call.path, world)
    if call.path != "/api/query":
        return Answer(404, "<html><body>404 Not Found</body></html>", HTML)
    if call.method == "GET" and len(call.target) > LONGEST_URL:
        return Answer(414, "<html><body><h1>414 Request-URI Too Large</h1></body></html>", HTML)
    try:
        question = read(call.form)
        hits = search(question, world.corpus)
    except MalformedError as error:
        return Answer(error.status, error_feed(error), ATOM)
    return Answer(200, feed(question, hits), ATOM)


def read(form: dict[str, str]) -> Question:
    """The question in a form. Raises MalformedError as arXiv does."""
    start, most = _whole(form, "start", 0), _whole(form, "max_results", 10)
    if start < 0 or not 0 <= most <= LARGEST_SLICE or start + most > DEEPEST:
        raise MalformedError("max_results", f"slices hold at most {LARGEST_SLICE} of the first {DEEPEST} results")
    ids = _listed(form.get("id_list", ""))
    for arxiv_id in ids:
        if not ID.fullmatch(arxiv_id):
            raise MalformedError(arxiv_id, f"incorrect id format for {arxiv_id}")
    query = form.get("search_query", "").strip()
    if not query.isascii() or set(query) & set("()"):
        raise MalformedError("search_query", "the query cannot be read")
    return Question(query, tuple(ids), start, most)


def _whole(form: dict[str, str], name: str, default: int) -> int:
    try:
        return int(form.get(name) or default)
    except ValueError:
        raise MalformedError(name, f"{name} must be an integer", 200) from None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def search(question: Question, corpus: Corpus) -> list[tuple[Row, int]]:
    """Every hit with the version it is shown in, ordered by a hash: neither as asked nor by relevance."""
    if question.ids:
        hits = set(_known(question.ids, corpus))
        if question.search:
            right = matches(question.search, corpus)
            hits = {hit for hit in hits if hit[0].id in right}
    else:
        right = matches(question.search, corpus)
        right |= strangers(question.search, right, corpus)
        hits = {(corpus.rows[arxiv_id], corpus.rows[arxiv_id].version) for arxiv_id in right}
    return sorted(hits, key=lambda hit: (number("order", hit[0].id), hit[1]))


def _known(ids: Iterable[str], corpus: Corpus) -> Iterator[tuple[Row, int]]:
    """The rows with those ids, in the version asked for; unknown ids and versions are left out."""
    for arxiv_id in ids:
        match = ID.fullmatch(arxiv_id)
        row = corpus.rows.get(match["base"]) if match else None
        if row and match and int(match["version"] or 1) <= row.version:
            yield row, int(match["version"] or row.version)


def terms(query: str) -> Iterator[tuple[str, str, str]]:
    """A query's terms: how each is joined to what stands before it, its field, its words.

    A term without a field, or with one that arXiv does not know, is searched in all fields.
    """
    joint = "OR"
    for match in TERM.finditer(query):
        if match["joint"]:
            joint = match["joint"]
            continue
        text = match["word"] if match["phrase"] is None else match["phrase"]
        known = match["field"] in FIELDS
        yield joint, match["field"] if known else "all", text if known or not match["field"] else match[0]
        joint = "AND"


def matches(query: str, corpus: Corpus) -> set[str]:
    """The ids that a query finds, its terms taken from left to right."""
    hits: set[str] = set()
    for joint, field, text in terms(query):
        found = _found(field, text, corpus)
        hits = hits | found if joint == "OR" else hits & found if joint == "AND" else hits - found
    return hits


def _found(field: str, text: str, corpus: Corpus) -> set[str]:
    """The ids one term finds. A `-` bars the word behind it; a phrase with a `:` finds only wrong ones."""
    if ":" in text:
        return set()
    wanted, banned = words(NOT.sub(" ", text)), [word.lower() for word in NOT.findall(text)]
    if field == "ti":
        hits = corpus.titles.having(wanted)
        return hits.difference(*(corpus.titles.holders.get(word, set()) for word in banned))
    if not wanted:
        return set()
    pattern = re.compile(r"\b" + r"\W+".join(wanted) + r"\b", re.IGNORECASE)
    return {row.id for row in corpus.rows.values() if pattern.search(_text(field, row))}


def _text(field: str, row: Row) -> str:
    texts = {
        "au": "\n".join(row.authors),
        "abs": row.abstract,
        "cat": " ".join(row.categories),
        "co": row.comment,
    }
    return texts.get(field, "") if field != "all" else "\n".join((row.title, *texts.values()))


def strangers(query: str, right: set[str], corpus: Corpus) -> set[str]:
    """One to three other papers that share a title word with the query, none that it should have found."""
    asked_for = [words(text) for _, field, text in terms(query) if field == "ti"]
    shared = sorted({word for phrase in asked_for for word in phrase} & corpus.titles.holders.keys())
    if not shared:
        return set()
    avoid = right.union(*(corpus.titles.having(phrase) for phrase in asked_for))
    pool = sorted(corpus.titles.holders[shared[number("word", query) % len(shared)]] - avoid)
    count = 1 + number("strangers", query) % 3
    return {pool[number("stranger", query, nth) % len(pool)] for nth in range(count) if pool}


def echo(query: str) -> str:
    """A query as the feed's title repeats it: terms of no or an unknown field now of the field `all`."""

    def rewritten(match: re.Match[str]) -> str:
        return match[0] if match["joint"] or match["field"] in FIELDS else f"all:{match[0]}"

    return TERM.sub(rewritten, query)


def feed(question: Question, hits: list[tuple[Row, int]]) -> str:
    """The Atom feed of one slice of the hits."""
    query, ids = echo(question.search), ",".join(question.ids)
    slice_ = f"start={question.start}&max_results={question.most}"
    link = f"https://arxiv.org/api/query?search_query={query.replace(' ', '+')}&{slice_}&id_list={ids}"
    page = hits[question.start : question.start + question.most]
    return "\n".join(
        (
            HEAD,
            f"  <id>https://arxiv.org/api/{sha1(link.encode(), usedforsecurity=False).hexdigest()[:27]}</id>",
            f"  <title>arXiv Query: {escape(f'search_query={query}&id_list={ids}&{slice_}')}</title>",
            f"  <updated>{_time(datetime.now(UTC))}</updated>",
            f'  <link href={quoteattr(link)} type="application/atom+xml"/>',
            *_totals(question.most, len(hits), question.start),
            *(entry(row, version) for row, version in page),
            "</feed>\n",
        )
    )


def _totals(most: int, total: int, start: int) -> Iterator[str]:
    yield f"  <opensearch:itemsPerPage>{most}</opensearch:itemsPerPage>"
    yield f"  <opensearch:totalResults>{total}</opensearch:totalResults>"
    yield f"  <opensearch:startIndex>{start}</opensearch:startIndex>"


def entry(row: Row, version: int) -> str:
    """One entry. What the row lacks is left out; an abstract it lacks is an empty summary."""
    name = f"{row.id}v{version}"
    lines = [
        f"    <id>http://arxiv.org/abs/{name}</id>",
        f"    <title>{escape(row.title)}</title>",
        f"    <updated>{_time(row.updated)}</updated>",
        f'    <link href="https://arxiv.org/abs/{name}" rel="alternate" type="text/html"/>',
        f'    <link href="https://arxiv.org/pdf/{name}" rel="related" type="application/pdf" title="pdf"/>',
        f"    <summary>{escape(row.abstract)}</summary>",
        *(f'    <category term={quoteattr(term)} scheme="http://arxiv.org/schemas/atom"/>' for term in row.categories),
        f"    <published>{_time(row.published)}</published>",
    ]
    if row.comment:
        lines.append(f"    <arxiv:comment>{escape(row.comment)}</arxiv:comment>")
    if row.categories:
        lines.append(f"    <arxiv:primary_category term={quoteattr(row.categories[0])}/>")
    if row.journal_ref:
        lines.append(f"    <arxiv:journal_ref>{escape(row.journal_ref)}</arxiv:journal_ref>")
    lines += [f"    <author>\n      <name>{escape(author)}</name>\n    </author>" for author in row.authors]
    if row.doi:
        lines.append(f"    <arxiv:doi>{escape(row.doi)}</arxiv:doi>")
        lines.append(f'    <link rel="related" href={quoteattr(f"https://doi.org/{row.doi}")} title="doi"/>')
    return "\n".join(("  <entry>", *lines, "  </entry>"))


def error_feed(error: MalformedError) -> str:
    """The feed with the Error entry, as recorded for a malformed id."""
    name = escape(f"https://arxiv.org/api/errors#incorrect_id_format_for_{error.name}")
    now = _time(datetime.now(UTC))
    return "\n".join(
        (
            HEAD,
            "  <id>https://arxiv.org/</id>",
            "  <title>arXiv Search Results</title>",
            f"  <updated>{now}</updated>",
            *_totals(1, 1, 0),
            "  <entry>",
            f"    <id>{name}</id>",
            "    <title>Error</title>",
            f"    <updated>{now}</updated>",
            f'    <link href={quoteattr(name)} rel="alternate" type="text/html"/>',
            f"    <summary>{escape(error.summary)}</summary>",
            "    <author>\n      <name>arXiv api core</name>\n    </author>",
            "  </entry>",
            "</feed>\n",
        )
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
