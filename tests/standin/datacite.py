"""DataCite's list of DOIs, of which it knows arXiv's: `GET /dois?query=doi:("…" OR "…")`, 25 a page unless told more.

A record has no journal reference and no mark of withdrawal.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from tests.standin.invented import known_to
from tests.standin.wire import Answer, answer_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.standin.corpus import Corpus, Row
    from tests.standin.wire import Call
    from tests.standin.world import World

NAME = "datacite"
USUAL_PAGE, LARGEST_PAGE = 25, 1000
ARXIV_DOI = "10.48550/arxiv."
QUERY = re.compile(r'doi:\("[^"]+"(?: OR "[^"]+")*\)')


def asked(call: Call) -> list[str]:
    """The DOIs that a request asks for."""
    return re.findall(r'"([^"]+)"', call.query.get("query", ""))


def too_fast() -> Answer:
    """What it says to a burst."""
    return _error(429, "Too many requests.", Retry_After="1")


def answer(call: Call, world: World) -> Answer:
    """One page of records, or why there is none."""
    if (call.method, call.path) != ("GET", "/dois"):
        return _error(404, "The resource you are looking for doesn't exist.")
    size, number = call.query.get("page[size]", str(USUAL_PAGE)), call.query.get("page[number]", "1")
    if not QUERY.fullmatch(call.query.get("query", "")) or not (size + number).isdecimal() or not int(number):
        return _error(400, "The request could not be read.")
    found = list(records(asked(call), world.corpus))
    shown, before = min(int(size), LARGEST_PAGE), (int(number) - 1) * int(size)
    meta = {"total": len(found), "totalPages": -(-len(found) // max(shown, 1)), "page": int(number)}
    return answer_json({"data": found[before : before + shown], "meta": meta, "links": {"self": call.base}})


def _error(status: int, title: str, **headers: str) -> Answer:
    return answer_json({"errors": [{"status": str(status), "title": title}]}, status, **headers)


def records(dois: list[str], corpus: Corpus) -> Iterator[dict[str, Any]]:
    """The records under these DOIs, in any case, each once; which are not in the order asked for."""
    for doi in sorted({doi.lower() for doi in dois}):
        row = corpus.rows.get(doi.removeprefix(ARXIV_DOI))
        if row and doi.startswith(ARXIV_DOI) and known_to(NAME, row.id):
            yield {"id": doi, "type": "dois", "attributes": record(row, doi)}


def record(row: Row, doi: str) -> dict[str, Any]:
    """What is registered of a paper; its title with entities, its versions in equal steps from first to last."""
    texts = {"Abstract": row.abstract, "Other": row.comment}
    step = (row.updated - row.published) / max(1, row.version - 1)
    submitted = [row.published + nth * step for nth in range(row.version)]
    journal = {"relationType": "IsVersionOf", "relatedIdentifier": row.doi, "relatedIdentifierType": "DOI"}
    return {
        "doi": doi,
        "creators": [_creator(name) for name in row.authors],
        "titles": [{"title": escape(row.title, quote=False)}],
        "publisher": "arXiv",
        "publicationYear": row.published.year,
        "subjects": [
            *({"subject": f"An invented name ({code})", "subjectScheme": "arXiv"} for code in row.categories),
            {"subject": "FOS: Invented sciences", "subjectScheme": "Fields of Science and Technology (FOS)"},
        ],
        "dates": [
            *(
                {"date": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "dateType": "Submitted", "dateInformation": f"v{nth}"}
                for nth, moment in enumerate(submitted, 1)
            ),
            {"date": f"{row.published:%Y-%m}", "dateType": "Available", "dateInformation": "v1"},
        ],
        "version": str(row.version),
        "descriptions": [{"description": text, "descriptionType": kind} for kind, text in texts.items() if text],
        "relatedIdentifiers": [journal] if row.doi else [],
        "citationCount": 0,
    }


def _creator(name: str) -> dict[str, Any]:
    """A person by given and family name; who has but one is an organization."""
    given, _, family = name.rpartition(" ")
    if not given:
        return {"name": name, "nameType": "Organizational", "affiliation": []}
    person = {"givenName": given, "familyName": family, "nameType": "Personal"}
    return {"name": f"{family}, {given}", **person, "affiliation": []}
