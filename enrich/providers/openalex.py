"""OpenAlex: citation counts of up to 100 papers a request, by arXiv's DOIs.

Source: https://docs.openalex.org, "Filter entity lists". Limits and budget are read from headers: they
changed four times between 2025-09 and 2026-02.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from enrich.errors import EnrichError, NotUnderstood, PutOff
from enrich.http import Answer, Budget
from enrich.reading import count, digits, part
from storage import waits
from storage.documents import CitationCount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enrich.http import Api

KIND = "citations"
HOST, INTERVAL, BATCH, TIMEOUT, BACKOFF = "https://api.openalex.org", 0.1, 100, 30.0, 2.0
REMEDY = "set OPENALEX_API_KEY (a free one of openalex.org allows more)"
ARXIV_DOI = "10.48550/arxiv."
SELECT = "id,doi,cited_by_count"
LONG = 600.0  # seconds: a longer Retry-After is the day's budget, not a burst (53,578 was seen)


def headers(key: str | None) -> dict[str, str]:
    """The key, where there is one: as a header, so that no address holds it."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def blank(_question: str) -> CitationCount:
    """A fact with nothing in it yet."""
    return CitationCount()


async def fetch(ids: Sequence[str], api: Api) -> dict[str, CitationCount]:
    """Citation counts by arXiv id; an id left out has no work under its arXiv DOI."""
    asked = {f"{ARXIV_DOI}{one}".lower(): one for one in ids}

    def read(answer: Answer) -> dict[str, CitationCount]:
        works = _works(answer)
        dois = [_doi(work) for work in works]
        if strange := [doi for doi, times in Counter(dois).items() if times > 1 or doi not in asked]:
            raise NotUnderstood(f"{strange[0][:60]!r} twice, or not asked for")
        facts = (CitationCount(status="ok", count=count(work, "cited_by_count")) for work in works)
        return {asked[doi]: fact for doi, fact in zip(dois, facts, strict=True)}

    # per_page: without it a filter of 100 silently answers 25.
    params = {"filter": "doi:" + "|".join(asked), "per_page": str(BATCH), "select": SELECT}
    return await api.ask("GET", "/works", read, params=params)


def _works(answer: Answer) -> list[dict[str, Any]]:
    """The works of a list that is complete and holds nothing but works."""
    body = answer.json()
    works = body.get("results") if isinstance(body, dict) else None
    if not isinstance(works, list) or not all(isinstance(work, dict) for work in works):
        raise NotUnderstood(f"no list of works: {answer.text[:80]!r}")
    if (total := count(part(body, "meta"), "count")) != len(works):
        raise NotUnderstood(f"{len(works)} works of {total}")
    return works


def _doi(work: dict[str, Any]) -> str:
    return str(work.get("doi") or "").lower().removeprefix("https://doi.org/")


def objection(answer: Answer) -> EnrichError | None:
    """A spent budget, told apart from a burst: by the wait, the text or the credits left."""
    if answer.status != 429:  # noqa: PLR2004 - the status has no other name
        return None
    left, told = budget(answer), waits.told(answer.headers)
    if "Insufficient budget" in answer.text or (told or 0) > LONG or (left is not None and left.remaining < 1):
        return PutOff("the day's budget is spent", told or (left.resets_in if left else None))
    return None


def budget(answer: Answer) -> Budget | None:
    """Credits left; the reset is told in seconds to midnight UTC, unlike GitHub's."""
    remaining = digits(answer.headers.get("x-ratelimit-remaining", ""))
    reset = digits(answer.headers.get("x-ratelimit-reset", ""))
    return None if remaining is None or reset is None else Budget(remaining, float(reset))
