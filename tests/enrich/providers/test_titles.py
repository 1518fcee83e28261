"""Searches for titles, asked of the stand-in: what each provider knows is among its candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enrich import providers
from tests import standin
from tests.enrich.harvest import EXAMPLES, corpus_of, doors

if TYPE_CHECKING:
    from storage.connect import Database

SEARCHED = ("semantic_scholar", "openalex", "huggingface")
ON = {"PAPERHARVEST_PROVIDERS__HUGGINGFACE__ENABLED": "true"}


@pytest.mark.parametrize("name", SEARCHED)
async def test_what_a_provider_knows_is_found(name: str, database: Database) -> None:
    """By its title, whatever marks stand in it: with its id, abstract and authors as the provider holds them."""
    known = [row for row in EXAMPLES if standin.known_to(name, row.id)]
    async with standin.serve() as server, doors(server, database, **ON) as apis:
        for row in known:
            found = await providers.load(name).find([row.title.upper()], apis[name])
            [right] = [one for one in found.candidates if one.arxiv_id == row.id]
            cut = name == "openalex" and len(row.authors) > 100
            authors = (row.authors[:100], None) if cut else (row.authors, len(row.authors))
            assert (right.title, right.authors, right.authors_count) == (row.title, *authors)
            assert (right.abstract, right.date) == (" ".join(row.abstract.split()), None)
        assert server.counts()[name]["requests"] == len(known) > 9


@pytest.mark.parametrize("name", SEARCHED)
async def test_what_it_does_not_know_is_not_found(name: str, database: Database) -> None:
    """Another paper's title of other words: an answer, and no candidate."""
    async with (
        standin.serve(corpus_of({"title": "Melting Snow"})) as server,
        doors(server, database, **ON) as apis,
    ):
        assert await providers.load(name).find(["How Ice Grows"], apis[name]) == ([], True)


@pytest.mark.parametrize("kind", standin.KINDS)
@pytest.mark.parametrize("name", SEARCHED)
async def test_nothing_is_lost_to_a_fault(name: str, kind: str, database: Database) -> None:
    """Every request fails once: the same candidates in the end."""
    timeout = {f"PAPERHARVEST_PROVIDERS__{name.upper()}__TIMEOUT": "0.4"}
    async with standin.serve(fail_first=kind) as server, doors(server, database, **ON, **timeout) as apis:
        found = await providers.load(name).find(["Music Transformer"], apis[name])
        assert server.counts()[name] == {"requests": 2, "asked": 2, "faults": 1, "undercuts": 0}
    assert "1809.04281" in [one.arxiv_id for one in found.candidates]


async def test_hugging_face_is_asked_only_where_the_user_says_so(database: Database) -> None:
    """Its door is not there by default; the others' are, unless they are switched off."""
    off = {"PAPERHARVEST_PROVIDERS__OPENALEX__ENABLED": "false"}
    async with standin.serve() as server:
        async with doors(server, database, **off) as apis:
            assert set(SEARCHED) & set(apis) == {"semantic_scholar"}
        async with doors(server, database, **ON) as apis:
            assert set(SEARCHED) <= set(apis)
