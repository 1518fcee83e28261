"""Semantic Scholar's Graph API: `POST /graph/v1/paper/batch` and `GET /graph/v1/paper/search/match`.

All counts are invented. Without a key it answers too, at a sixth of the pace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.standin.corpus import words
from tests.standin.invented import invented_citations, known_to, number
from tests.standin.wire import Answer, answer_json

if TYPE_CHECKING:
    from tests.standin.corpus import Corpus, Row
    from tests.standin.wire import Call
    from tests.standin.world import World

NAME = "semantic_scholar"
LARGEST_BATCH = 500


def asked(call: Call) -> list[str]:
    """The ids of a batch, or the title of a match."""
    if call.path.endswith("/batch"):
        ids = call.json.get("ids")
        return [str(paper) for paper in ids] if isinstance(ids, list) else []
    return [title] if (title := call.query.get("query", "")) else []


def too_fast() -> Answer:
    """What it says to whoever asks too soon: no Retry-After."""
    return answer_json({"message": "Too Many Requests"}, 429, x_amzn_ErrorType="TooManyRequestsException")


def answer(call: Call, world: World) -> Answer:
    """The answer to one request."""
    if world.options.semantic_scholar_wants_key and "x-api-key" not in call.headers:
        return too_fast()
    fields = [field for field in call.query.get("fields", "title").split(",") if field]
    if unknown := sorted(set(fields) - FIELDS.keys()):
        return answer_json({"error": f"Unrecognized or unsupported fields: [{', '.join(unknown)}]"}, 400)
    if (call.method, call.path) == ("POST", "/graph/v1/paper/batch"):
        return batch(asked(call), fields, world.corpus)
    if (call.method, call.path) == ("GET", "/graph/v1/paper/search/match"):
        return match(call.query.get("query", ""), fields, world.corpus)
    return answer_json({"error": "Not found"}, 404)


def batch(ids: list[str], fields: list[str], corpus: Corpus) -> Answer:
    """A list as long as the ids and in their order, null for what is not known, as is any id with a `vN`."""
    if not 1 <= len(ids) <= LARGEST_BATCH:
        return answer_json({"error": f"Expected 1 to {LARGEST_BATCH} ids"}, 400)
    rows = [_row(paper, corpus) for paper in ids]
    return answer_json([paper(row, fields) if row else None for row in rows])


def _row(paper_id: str, corpus: Corpus) -> Row | None:
    scheme, _, arxiv_id = paper_id.partition(":")
    row = corpus.rows.get(arxiv_id) if scheme.upper() == "ARXIV" else None
    return row if row and known_to(NAME, row.id) else None


def match(title: str, fields: list[str], corpus: Corpus) -> Answer:
    """The paper whose title shares most words with the query, if half of them: often the wrong one."""
    wanted = set(words(title))
    shared = corpus.titles.sharing(wanted)
    known = [arxiv_id for arxiv_id in shared if 2 * shared[arxiv_id] >= len(wanted) and known_to(NAME, arxiv_id)]
    if not known:
        return answer_json({"error": "Title match not found"}, 404)
    exact = f" {' '.join(words(title))} "
    best = max(known, key=lambda key: (corpus.titles.lines[key] == exact, shared[key], number("match", key)))
    score = round(20.0 * shared[best] + number("score", best) % 100 / 100, 2)
    return answer_json({"data": [paper(corpus.rows[best], fields) | {"matchScore": score}]})


def paper(row: Row, fields: list[str]) -> dict[str, Any]:
    """One paper with the fields asked for; `paperId` always."""
    return {name: FIELDS[name](row) for name in ("paperId", *fields)}


def _external(row: Row) -> dict[str, Any]:
    return {
        "ArXiv": row.id,
        **({"DOI": row.doi} if row.doi else {}),
        "CorpusId": number("corpus", row.id) % 10**9,
    }


def _paper_id(row: Row) -> str:
    return f"{number('paper', row.id):040x}"


FIELDS: dict[str, Any] = {
    "paperId": _paper_id,
    "corpusId": lambda row: number("corpus", row.id) % 10**9,
    "externalIds": _external,
    "url": lambda row: f"https://www.semanticscholar.org/paper/{_paper_id(row)}",
    "title": lambda row: row.title,
    "abstract": lambda row: row.abstract or None,
    "venue": lambda row: row.journal_ref or "arXiv.org",
    "journal": lambda row: {"name": row.journal_ref or "ArXiv"},
    "year": lambda row: row.published.year,
    "publicationDate": lambda row: row.published.date().isoformat() if row.dated else None,
    "authors": lambda row: [{"authorId": str(number("author", name) % 10**8), "name": name} for name in row.authors],
    "citationCount": lambda row: invented_citations(NAME, row.id),
    "influentialCitationCount": lambda row: invented_citations(NAME, row.id) // 12,
}
