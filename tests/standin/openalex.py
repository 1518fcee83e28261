"""OpenAlex's list of works, by DOI or by the words of a title: `GET /works?filter=doi:a|b|…`, `title.search:a b`.

It has the budget of a day in credits.

All counts are invented.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.standin.corpus import words
from tests.standin.invented import invented_citations, known_to, number, one_in
from tests.standin.wire import Answer, answer_json

if TYPE_CHECKING:
    from tests.standin.corpus import Corpus, Row
    from tests.standin.wire import Call
    from tests.standin.world import World

NAME = "openalex"
LARGEST_BATCH = LARGEST_PAGE = AUTHORS_SHOWN = 100
KEY_CREDITS = 10  # times the credits of a day without a key
SEARCH_CREDITS = 10
CREDIT_USD = 0.0001
CHOKES = re.compile(r"[,|:'\u2019\"]")
ARXIV_DOI = "10.48550/arxiv."
SEARCH = "title.search"


def asked(call: Call) -> list[str]:
    """The DOIs, or the title, that a request asks for."""
    name, _, value = call.query.get("filter", "").partition(":")
    return [one for one in value.split("|") if one] if name in ("doi", SEARCH) else []


def too_fast() -> Answer:
    """What it says to a burst."""
    return answer_json({"error": "Too Many Requests"}, 429, Retry_After="1")


def answer(call: Call, world: World) -> Answer:
    """One page of works, or why there is none."""
    if (call.method, call.path) != ("GET", "/works"):
        return Answer(404, "<!doctype html><title>404 Not Found</title>", "text/html")
    credits_ = world.options.openalex_credits * (KEY_CREDITS if _has_key(call) else 1)
    left = credits_ - world.spent[NAME]
    cost = SEARCH_CREDITS if _is_search(call) else 1
    if left < cost:
        return replace(_budget_spent(), headers=_budget(credits_, left, 0) | {"Retry-After": str(_to_midnight())})
    page = works(call, world.corpus)
    if page.status != 200:  # bad requests are free
        return page
    return replace(page, headers=_budget(credits_, left - cost, cost), cost=cost)


def _is_search(call: Call) -> bool:
    return call.query.get("filter", "").startswith(f"{SEARCH}:")


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
    """The works under the DOIs, or with all words of the title, asked for; what it does not know is not counted."""
    query, wanted = call.query, asked(call)
    select = [name for name in query.get("select", "").split(",") if name]
    per_page = query.get("per_page") or query.get("per-page") or "25"
    page = query.get("page", "1")
    if _is_search(call) and CHOKES.search(query["filter"].partition(":")[2]):
        return _invalid("title.search takes words")
    if not 1 <= len(wanted) <= LARGEST_BATCH or "," in query["filter"]:
        return _invalid(f"filter takes doi: and 1 to {LARGEST_BATCH} values")
    if not (per_page + page).isdigit() or not 1 <= int(per_page) <= LARGEST_PAGE or not int(page):
        return _invalid(f"per-page parameter must be between 1 and {LARGEST_PAGE}")
    hits = titled(wanted[0], corpus) if _is_search(call) else [work for doi in wanted if (work := find(doi, corpus))]
    found = sorted({work["id"]: work for work in hits}.items())
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


def titled(title: str, corpus: Corpus) -> list[dict[str, Any]]:
    """The works whose titles hold all words of this one, under whichever DOI each is filed."""
    shared = corpus.titles.sharing(words(title))
    rows = [corpus.rows[one] for one, number_of in shared.items() if number_of == len(set(words(title)))]
    dois = [f"{ARXIV_DOI}{row.id}" if known_to(NAME, row.id) else row.doi for row in rows]
    return [work(row, doi.lower()) for row, doi in zip(rows, dois, strict=True) if doi]


def _index(text: str) -> dict[str, list[int]] | None:
    """Each word of an abstract with its places."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(text.split()):
        places[word].append(place)
    return places or None


def work(row: Row, doi: str) -> dict[str, Any]:
    """One work with its root fields. Of those under a journal's DOI every other one also names its place at arXiv."""
    key, link = f"https://openalex.org/W{number('work', row.id) % 10**10}", f"https://doi.org/{doi}"
    at_arxiv = doi.startswith(ARXIV_DOI) or one_in(2, "at arXiv", row.id)
    places = [link, f"https://arxiv.org/abs/{row.id}"] if at_arxiv else [link]
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
        "locations": [{"is_oa": True, "landing_page_url": place, "pdf_url": None} for place in places],
        "authorships": [{"author": {"id": None, "display_name": name}} for name in row.authors[:AUTHORS_SHOWN]],
        "abstract_inverted_index": _index(row.abstract),
    }
