"""OpenAlex's list of works by DOI: `GET /works?filter=doi:a|b|…`, with the budget of a day in credits.

All counts are invented.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.standin.invented import invented_citations, known_to, number
from tests.standin.wire import Answer, answer_json

if TYPE_CHECKING:
    from tests.standin.corpus import Corpus, Row
    from tests.standin.wire import Call
    from tests.standin.world import World

NAME = "openalex"
LARGEST_BATCH = LARGEST_PAGE = 100
KEY_CREDITS = 10  # times the credits of a day without a key
CREDIT_USD = 0.0001
ARXIV_DOI = "10.48550/arxiv."


def asked(call: Call) -> list[str]:
    """The DOIs a request asks for."""
    name, _, dois = call.query.get("filter", "").partition(":")
    return [doi for doi in dois.split("|") if doi] if name == "doi" else []


def too_fast() -> Answer:
    """What it says to a burst."""
    return answer_json({"error": "Too Many Requests"}, 429, Retry_After="1")


def answer(call: Call, world: World) -> Answer:
    """One page of works, or why there is none."""
    if (call.method, call.path) != ("GET", "/works"):
        return Answer(404, "<!doctype html><title>404 Not Found</title>", "text/html")
    credits_ = world.options.openalex_credits * (KEY_CREDITS if _has_key(call) else 1)
    left = credits_ - world.spent[NAME]
    if left < 1:
        return replace(_budget_spent(), headers=_budget(credits_, 0, 0) | {"Retry-After": str(_to_midnight())})
    page = works(call, world.corpus)
    if page.status != 200:  # bad requests are free
        return page
    return replace(page, headers=_budget(credits_, left - 1, 1), cost=1)


def _has_key(call: Call) -> bool:
    return "api_key" in call.query or "Authorization" in call.headers


def _to_midnight() -> int:
    """Seconds to midnight UTC, an hour at least: a wait nobody sleeps through, at any time of day."""
    return max(3600, 86400 - int(time.time()) % 86400)


def _budget(credits_: int, left: int, used: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(credits_),
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-reset": str(_to_midnight()),
        "x-ratelimit-limit-usd": f"{credits_ * CREDIT_USD:g}",
        "x-ratelimit-remaining-usd": f"{left * CREDIT_USD:g}",
        "x-ratelimit-credits-used": str(used),
        "x-ratelimit-cost-usd": f"{used * CREDIT_USD:g}",
        "x-ratelimit-onetime-remaining": "0",
    }


def _budget_spent() -> Answer:
    message = "Insufficient budget. This request costs $0.0001 but you have $0 remaining. Resets at midnight UTC"
    return replace(answer_json({"error": "Rate limit exceeded", "message": message}, 429), told=_to_midnight())


def works(call: Call, corpus: Corpus) -> Answer:
    """The works under the DOIs asked for; those it does not know are left out and not counted."""
    query, dois = call.query, asked(call)
    select = [name for name in query.get("select", "").split(",") if name]
    per_page = query.get("per_page") or query.get("per-page") or "25"
    page = query.get("page", "1")
    if not 1 <= len(dois) <= LARGEST_BATCH or "," in query["filter"]:
        return _invalid(f"filter takes doi: and 1 to {LARGEST_BATCH} values")
    if not (per_page + page).isdigit() or not 1 <= int(per_page) <= LARGEST_PAGE or not int(page):
        return _invalid(f"per-page parameter must be between 1 and {LARGEST_PAGE}")
    found = sorted({work["id"]: work for doi in dois if (work := find(doi, corpus))}.items())
    if wrong := set(select) - (found[0][1].keys() if found else set(select)):
        return _invalid(f"{', '.join(sorted(wrong))} is not a valid select field")
    first = (int(page) - 1) * int(per_page)
    shown = [work for _, work in found[first : first + int(per_page)]]
    meta = {"count": len(found), "db_response_time_ms": 27, "page": int(page), "per_page": int(per_page)}
    results = [{name: work[name] for name in select or work} for work in shown]
    return answer_json({"meta": meta | {"groups_count": None, "cost_usd": CREDIT_USD}, "results": results})


def _invalid(message: str) -> Answer:
    return answer_json({"error": "Invalid query parameters error.", "message": message}, 400)


def find(doi: str, corpus: Corpus) -> dict[str, Any] | None:
    """The work under a DOI, with or without https://doi.org/, in any case.

    A paper is filed under its arXiv DOI; one that is not known by it, under its journal DOI, if it has one.
    """
    bare = doi.lower().removeprefix("https://doi.org/")
    if bare.startswith(ARXIV_DOI):
        row = corpus.rows.get(bare.removeprefix(ARXIV_DOI))
        return work(row, bare) if row and known_to(NAME, row.id) else None
    row = corpus.by_journal_doi.get(bare)
    return work(row, bare) if row and not known_to(NAME, row.id) else None


def work(row: Row, doi: str) -> dict[str, Any]:
    """One work with its root fields."""
    key, link = f"https://openalex.org/W{number('work', row.id) % 10**10}", f"https://doi.org/{doi}"
    return {
        "id": key,
        "doi": link,
        "title": row.title,
        "display_name": row.title,
        "publication_year": row.published.year,
        "publication_date": row.published.date().isoformat(),
        "ids": {"openalex": key, "doi": link},
        "cited_by_count": invented_citations(NAME, row.id),
        "is_retracted": False,
        "locations": [{"is_oa": True, "landing_page_url": f"https://arxiv.org/abs/{row.id}", "pdf_url": None}],
    }
