"""DataCite tells of a paper what arXiv tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enrich.providers import arxiv, datacite
from tests import standin
from tests.enrich.scripted import door

if TYPE_CHECKING:
    from storage.connect import Database


async def test_datacite_tells_what_arxiv_tells(turns: Database) -> None:
    """Texts, people, categories, versions, days: all but a journal's reference and a withdrawal."""
    ids = list(standin.load().rows)
    async with (
        standin.serve() as server,
        door(f"{server.url}/arxiv", turns, "arxiv") as first,
        door(f"{server.url}/datacite", turns, "datacite") as instead,
    ):
        told, again = await arxiv.fetch(ids, first), await datacite.fetch(ids, instead)
    assert set(again) == {one for one in ids if standin.known_to("datacite", one)}
    for one, entry in again.items():
        fact = told[one].fact
        updated = fact.updated if fact.version != 1 else fact.published  # the corpus has later days of a first version
        untold = {"provider": "datacite", "journal_ref": None, "withdrawn": None, "updated": updated}
        assert entry == told[one].model_copy(update={"fact": fact.model_copy(update=untold)})
