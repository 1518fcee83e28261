"""DataCite: arXiv's metadata of up to 50 papers a request, by the DOIs that arXiv registers there.

Source: https://support.datacite.org/docs/api-queries, and https://schema.datacite.org for the records. A paper of the
last days is not registered yet.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

from enrich.errors import NotUnderstood
from enrich.providers.arxiv import CATEGORY
from enrich.reading import count, each_once, part, rows, text, time
from storage.documents import ArxivEntry, ArxivFact
from storage.titles import collapse

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from enrich.http import Answer, Api

KIND = PATH = STANDS_IN_FOR = "arxiv"
HOST, INTERVAL, BATCH, TIMEOUT, BACKOFF = "https://api.datacite.org", 0.7, 50, 30.0, 60.0
CONNECTIONS = 2
ARXIV_DOI = "10.48550/arxiv."
VERSION = re.compile(r"v([1-9][0-9]{0,3})")
SUBJECT = re.compile(rf".*\(({CATEGORY.pattern})\)")  # "Quantum Physics (quant-ph)"


def headers(_key: str | None) -> dict[str, str]:
    """DataCite wants no key for what is public."""
    return {}


def blank(_question: str) -> ArxivFact:
    """A fact with nothing in it yet."""
    return ArxivFact(provider="datacite")


async def fetch(ids: Sequence[str], api: Api) -> dict[str, ArxivEntry]:
    """Entries by base id; an id left out is not registered, which says nothing about arXiv."""
    asked = {f"{ARXIV_DOI}{one}": one for one in ids}

    def read(answer: Answer) -> dict[str, ArxivEntry]:
        body = part({"answer": answer.json()}, "answer")
        found = [part(one, "attributes") for one in rows(body.get("data"), "DOIs")]
        if (total := count(part(body, "meta"), "total")) != len(found):
            raise NotUnderstood(f"{len(found)} DOIs of {total}")
        dois = [(text(one, "doi") or "").lower() for one in found]
        each_once(dois, asked)
        return {asked[doi]: _entry(asked[doi], one) for doi, one in zip(dois, found, strict=True)}

    # page[size]: without it a query for 50 silently answers 25.
    query = " OR ".join(f'"{doi}"' for doi in asked)
    params = {"query": f"doi:({query})", "page[size]": str(BATCH), "disable-facets": "true"}
    return await api.ask("GET", "/dois", read, params=params)


def _entry(arxiv_id: str, record: Mapping[str, Any]) -> ArxivEntry:
    title = collapse(unescape(next(_texts(record, "titles", "title"), "")))
    if not title:
        raise NotUnderstood(f"{arxiv_id} has no title")
    return ArxivEntry(
        arxiv_id=arxiv_id,
        title=title,
        abstract=next(_texts(record, "descriptions", "description", descriptionType="Abstract"), None),
        authors=tuple(_author(one) for one in _rows(record, "creators")) or None,
        fact=_fact(record),
    )


def _fact(record: Mapping[str, Any]) -> ArxivFact:
    """What DataCite has of arXiv's metadata: neither the journal's reference nor whether a paper was withdrawn."""
    subjects = [SUBJECT.fullmatch(one) for one in _texts(record, "subjects", "subject", subjectScheme="arXiv")]
    codes = [match and match[1] for match in subjects]
    published_as = _texts(
        record, "relatedIdentifiers", "relatedIdentifier", relationType="IsVersionOf", relatedIdentifierType="DOI"
    )
    submitted = _submitted(record)
    newest = max(submitted, default=None)
    return ArxivFact(
        status="ok",
        provider="datacite",
        version=newest,
        categories=tuple(filter(None, codes)) or None,
        primary_category=codes[0] if codes else None,
        comment=next(_texts(record, "descriptions", "description", descriptionType="Other"), None),
        doi=next((doi for doi in published_as if not doi.lower().startswith(ARXIV_DOI)), None),
        published=submitted.get(1),
        updated=submitted[newest] if newest else None,
    )


def _submitted(record: Mapping[str, Any]) -> dict[int, dt.datetime | None]:
    """When each version was submitted, by its number."""
    dates = [one for one in _rows(record, "dates") if one.get("dateType") == "Submitted"]
    versions = [VERSION.fullmatch(text(one, "dateInformation") or "") for one in dates]
    return {int(version[1]): time(one, "date") for version, one in zip(versions, dates, strict=True) if version}


def _author(creator: Mapping[str, Any]) -> str:
    """A person by given and family name; whoever has not both, as a collaboration, by the name as it stands."""
    given, family = text(creator, "givenName"), text(creator, "familyName")
    name = collapse(f"{given} {family}" if given and family else text(creator, "name") or "")
    if not name:
        raise NotUnderstood("a creator without a name")
    return name


def _texts(record: Mapping[str, Any], key: str, name: str, **like: str) -> Iterator[str]:
    """The texts of a list's rows with these values: without those that are blank, white space collapsed."""
    alike = (row for row in _rows(record, key) if like.items() <= row.items())
    return filter(None, (collapse(text(row, name) or "") for row in alike))


def _rows(record: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    return rows([] if (value := record.get(key)) is None else value, key)
