"""OpenAlex: citation counts of up to 100 papers a request, by arXiv's DOIs; the papers of a title.

Source: https://docs.openalex.org, "Filter entity lists" and "Search entities". Limits and budget are read from
headers: they changed four times between 2025-09 and 2026-02.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enrich.errors import EnrichError, NotUnderstood, PutOff
from enrich.evidence import Described, Found, compare
from enrich.http import Answer, Budget
from enrich.reading import count, described, digits, each_once, part, query, rows, text
from storage import waits
from storage.documents import CitationCount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from enrich.http import Api

KIND, PATH = "citations", "citations.openalex"
HOST, INTERVAL, BATCH, TIMEOUT, BACKOFF = "https://api.openalex.org", 0.1, 100, 30.0, 2.0
CONNECTIONS = 4
REMEDY = "set OPENALEX_API_KEY (a free one of openalex.org allows more)"
ARXIV_DOI = "10.48550/arxiv."
SELECT = "id,doi,cited_by_count"
TITLES, TITLE_SELECT, WORKS_A_TITLE = 1, "id,doi,title,locations,authorships,abstract_inverted_index", 25
AUTHORS_SHOWN = 100  # of a work in a list
SEARCH_CREDITS = 10
RESERVE = 500  # credits that no search may touch: they are the citation counts of 50,000 papers
LONG = 600.0  # seconds: a longer Retry-After is the day's budget, not a burst (53,578 was seen)


def headers(key: str | None) -> dict[str, str]:
    """The key, where there is one: as a header, so that no address holds it."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def blank(_question: str) -> CitationCount:
    """A fact with nothing in it yet."""
    return CitationCount()


async def fetch(ids: Sequence[str], api: Api) -> dict[str, CitationCount]:
    """Citation counts by arXiv id; an id left out has no work under its arXiv DOI."""
    return await fetch_by_doi({one: f"{ARXIV_DOI}{one}" for one in ids}, api)


async def fetch_by_doi(dois: Mapping[str, str], api: Api) -> dict[str, CitationCount]:
    """Citation counts by arXiv id, asked for by any DOI of the paper: some works are filed under a journal's alone."""
    asked = {doi.lower(): one for one, doi in dois.items()}

    def read(answer: Answer) -> dict[str, CitationCount]:
        works, total = _works(answer)
        if total != len(works):
            raise NotUnderstood(f"{len(works)} works of {total}")
        found = [_doi(work) for work in works]
        each_once(found, asked)
        facts = (CitationCount(status="ok", count=count(work, "cited_by_count")) for work in works)
        return {asked[doi]: fact for doi, fact in zip(found, facts, strict=True)}

    # per_page: without it a filter of 100 silently answers 25.
    params = {"filter": "doi:" + "|".join(asked), "per_page": str(BATCH), "select": SELECT}
    return await api.ask("GET", "/works", read, params=params)


async def find(titles: Sequence[str], api: Api) -> Found:
    """The works whose titles hold all words of a title. Raises PutOff where what is left is for citation counts."""
    [title] = titles
    if api.budget and api.budget.remaining < RESERVE:
        raise PutOff("what is left of the day's budget is for citation counts", api.budget.resets_in)

    def read(answer: Answer) -> Found:
        works, total = _works(answer)
        if len(works) != min(total, WORKS_A_TITLE):
            raise NotUnderstood(f"{len(works)} works of {total}")
        candidates = list(dict.fromkeys(one for work in works for one in _described(work) if one))
        # The very title elsewhere, and not on arXiv: what arXiv has under a like title is another paper.
        titled = any(compare(title, text(work, "title") or "")[0] == "same" for work in works)
        known = not titled or any(compare(title, one.title)[0] == "same" for one in candidates)
        return Found(candidates, complete=known and total == len(works))

    words = query(title)
    params = {"filter": f"title.search:{words}", "per_page": str(WORKS_A_TITLE), "select": TITLE_SELECT}
    return await api.ask("GET", "/works", read, params=params)


def _works(answer: Answer) -> tuple[list[dict[str, Any]], int]:
    """The works that are shown, and how many there are."""
    body = part({"answer": answer.json()}, "answer")
    return rows(body.get("results"), "works"), count(part(body, "meta"), "count")


def _described(work: dict[str, Any]) -> Iterator[Described | None]:
    """The work by its arXiv DOI, else by each of its places: where they name different ids, none is certain."""
    doi, places = _doi(work), rows(work.get("locations") or [], "locations")
    shown = [text(place, "landing_page_url") for place in places]
    named = [doi.removeprefix(ARXIV_DOI)] if doi.startswith(ARXIV_DOI) else shown
    abstract = _abstract(part(work, "abstract_inverted_index"))
    authors = [text(part(one, "author"), "display_name") for one in rows(work.get("authorships") or [], "authors")]
    if len(authors) >= AUTHORS_SHOWN:
        authors.append(None)
    return (described(one, work, abstract, authors) for one in named)


def _abstract(places: Mapping[str, Any]) -> str:
    """The text that an index of its words by their places stands for."""
    if not all(isinstance(at, list) and all(type(one) is int for one in at) for at in places.values()):
        raise NotUnderstood("abstract_inverted_index holds no places")
    words = {one: word for word, at in places.items() for one in at}
    return " ".join(words[one] for one in sorted(words))


def _doi(work: dict[str, Any]) -> str:
    return str(work.get("doi") or "").lower().removeprefix("https://doi.org/")


def objection(answer: Answer) -> EnrichError | None:
    """A spent budget, told apart from a burst: by the wait, the text, or fewer credits left than a search costs."""
    if answer.status != 429:  # noqa: PLR2004 - the status has no other name
        return None
    left, told = budget(answer), waits.told(answer.headers)
    spent = "Insufficient budget" in answer.text or (told or 0) > LONG
    if spent or (left is not None and left.remaining < SEARCH_CREDITS):
        return PutOff("the day's budget is spent", told or (left.resets_in if left else None))
    return None


def budget(answer: Answer) -> Budget | None:
    """Credits left; the reset is told in seconds to midnight UTC, unlike GitHub's."""
    remaining = digits(answer.headers.get("x-ratelimit-remaining", ""))
    reset = digits(answer.headers.get("x-ratelimit-reset", ""))
    return None if remaining is None or reset is None else Budget(remaining, float(reset))
