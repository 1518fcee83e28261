"""Semantic Scholar's Graph API: citation counts of up to 500 papers a request, and the paper of a title.

Source: https://api.semanticscholar.org/api-docs/graph, "Get details for multiple papers at once", "Paper title search".
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from enrich.errors import BadBatch, Doubtful, EnrichError, NotUnderstood, PutOff
from enrich.evidence import Described, Found, compare
from enrich.reading import count, described, part, query, rows, text
from storage import waits
from storage.documents import InfluentialCitationCount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enrich.http import Answer, Api

KIND, PATH = "citations", "citations.semantic_scholar"
HOST, INTERVAL, BATCH, TIMEOUT, BACKOFF = "https://api.semanticscholar.org", 1.1, 500, 60.0, 5.0
CONNECTIONS = 1
WITHOUT_KEY = {"INTERVAL": 6.5, "BACKOFF": 65.0}  # one pool for everyone without a key
REMEDY = "set S2_API_KEY (semanticscholar.org/product/api)"
FIELDS = "externalIds,citationCount,influentialCitationCount"
TITLES, TITLE_FIELDS = 1, "externalIds,title,abstract,authors"
NONE_VALID = "No valid paper ids"  # of a batch of papers that are all too new for it
NOTHING = re.compile(r"Title match not found|Paper with id .* not found", re.DOTALL)


class _NoneKnown(BadBatch):
    """A batch refused whole, as one of unknown ids alone is said to be; of a single id, that it is unknown."""


def headers(key: str | None) -> dict[str, str]:
    """The key, where there is one."""
    return {"x-api-key": key} if key else {}


def blank(_question: str) -> InfluentialCitationCount:
    """A fact with nothing in it yet."""
    return InfluentialCitationCount()


async def fetch(ids: Sequence[str], api: Api) -> dict[str, InfluentialCitationCount]:
    """Citation counts by arXiv id; an id left out is unknown to Semantic Scholar."""

    def read(answer: Answer) -> dict[str, InfluentialCitationCount]:
        rows = answer.json()
        if not isinstance(rows, list) or len(rows) != len(ids):
            raise NotUnderstood(f"no list of {len(ids)}: {answer.text[:80]!r}")
        # By place: a row names its paper by Semantic Scholar's own id, and need not hold the arXiv id.
        return {asked: _fact(asked, row) for asked, row in zip(ids, rows, strict=True) if row is not None}

    body = {"ids": [f"ARXIV:{one}" for one in ids]}
    try:
        return await api.ask("POST", "/graph/v1/paper/batch", read, params={"fields": FIELDS}, json=body)
    except _NoneKnown as error:
        if len(ids) > 1 and NONE_VALID not in error.reason:
            raise
        return {}


async def find(titles: Sequence[str], api: Api) -> Found:
    """The one paper that Semantic Scholar takes a title for; of what has such a title, others are not shown."""
    [title] = titles

    def read(answer: Answer) -> Found:
        matches = _matches(answer)
        unlike = all(compare(title, text(row, "title") or "")[0] == "other" for row in matches)
        return Found([one for row in matches if (one := _described(row))], complete=unlike)

    params = {"query": query(title), "fields": TITLE_FIELDS}
    return await api.ask("GET", "/graph/v1/paper/search/match", read, told_by=(404,), params=params)


def _matches(answer: Answer) -> list[dict[str, Any]]:
    """What a title is matched with, which may be nothing: said by a status, by an empty list or by a total of 0."""
    match answer.status, answer.json():
        case 404, {"error": str(said)} if NOTHING.fullmatch(said):
            return []
        case 200, {"data": list(matches)}:
            return rows(matches, "papers")
        case 200, {"total": 0}:
            return []
    raise NotUnderstood(f"no match: {answer.text[:80]!r}")


def _described(row: dict[str, Any]) -> Described | None:
    authors = [text(one, "name") for one in rows(row.get("authors") or [], "authors")]
    return described(text(part(row, "externalIds"), "ArXiv"), row, text(row, "abstract"), authors)


def objection(answer: Answer) -> EnrichError | None:
    """A 429 without a key is the want of one, a 403 without one has been seen without cause.

    400 also says that a field is unknown, which tells nothing of a paper.
    """
    if answer.status == HTTPStatus.FORBIDDEN and answer.key is None:
        return Doubtful(f"HTTP 403: {answer.text[:80]!r}")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS and answer.key is None:
        return PutOff("HTTP 429: too many ask without a key", waits.told(answer.headers))
    if answer.status != HTTPStatus.BAD_REQUEST or "unsupported fields" in answer.text:
        return None
    return _NoneKnown(f"Semantic Scholar: {answer.text[:80]}")


def _fact(asked: str, row: Any) -> InfluentialCitationCount:
    if not isinstance(row, dict):
        raise NotUnderstood(f"a row that is no paper: {str(row)[:80]!r}")
    told = part(row, "externalIds").get("ArXiv", asked)
    if told != asked:
        raise NotUnderstood(f"asked for {asked}, told of {str(told)[:40]}")
    return InfluentialCitationCount(
        status="ok",
        count=count(row, "citationCount"),
        influential=count(row, "influentialCitationCount"),
    )
