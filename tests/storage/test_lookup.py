"""Finding papers by what a person knows of them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from storage import facts, lookup, papers
from storage.contributions import from_arxiv
from storage.documents import ArxivEntry, ArxivFact, Listing, Page
from storage.pipelines import adding

if TYPE_CHECKING:
    from storage.connect import Database

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ENTRY = ArxivEntry(
    arxiv_id="2503.00010",
    title="How {\\it Ice} Grows: a Study",
    abstract="Ice grows slowly.",
    authors=("A. Floe",),
    fact=ArxivFact(status="ok", provider="arxiv", fetched_at=NOON, doi="10.1234/Ice(Grows).5"),
)
ICE = "arxiv:2503.00010"


@pytest.fixture
async def stored(database: Database) -> Database:
    """One paper with an arXiv id and a DOI, and two without an id that share a title."""
    await database["papers"].bulk_write([adding(ICE, from_arxiv(ENTRY))])
    await facts.record_arxiv(database, [ENTRY])
    pages = [
        Page(listings=(Listing(position=1, title="Snow", abstract=f"{what} falls."),)) for what in ("Snow", "Rain")
    ]
    for number, page in enumerate(pages):
        await papers.sight(database, page, "text_a", f"text:{number}")
    return database


@pytest.mark.parametrize(
    "asked",
    [
        "2503.00010",
        " arXiv:2503.00010v3 ",
        "https://arxiv.org/abs/2503.00010",
        "https://arxiv.org/pdf/2503.00010v2.pdf",
        "https://huggingface.co/papers/2503.00010",
        "http://HuggingFace.co/papers/2503.00010",
        "huggingface.co/papers/2503.00010",
        "10.48550/arXiv.2503.00010",
        "https://doi.org/10.48550/arxiv.2503.00010",
        "10.1234/Ice(Grows).5",
        "doi: 10.1234/ice(grows).5",
        "DOI:10.1234/ice(grows).5",
        "http://dx.doi.org/10.1234/ICE(GROWS).5",
        "how ice grows - A STUDY",
        ICE,
    ],
)
async def test_a_paper_is_found_by_whatever_names_it(stored: Database, asked: str) -> None:
    """Ids with or without version, addresses, DOIs in any case, the whole title in any spelling."""
    assert [paper["_id"] for paper in await lookup.papers(stored, asked)] == [ICE]


async def test_a_title_may_stand_for_several(stored: Database) -> None:
    """All of them, by the title or by their common key; by its own id one of them."""
    both = [paper["_id"] for paper in await lookup.papers(stored, "SNOW")]
    assert len(both) == 2
    assert [paper["_id"] for paper in await lookup.papers(stored, both[0].partition("~")[0])] == both
    assert [paper["_id"] for paper in await lookup.papers(stored, both[0])] == both[:1]


async def test_a_title_of_arxiv_may_lead_to_several(stored: Database) -> None:
    """What leads to one paper leads to the other, too, once arXiv tells it of that."""
    other = ENTRY.model_copy(update={"arxiv_id": "2503.00012"})
    await stored["papers"].bulk_write([adding("arxiv:2503.00012", from_arxiv(other))])
    await facts.record_arxiv(stored, [other])
    assert [paper["_id"] for paper in await lookup.papers(stored, "10.1234/Ice(Grows).5")] == [ICE, "arxiv:2503.00012"]


@pytest.mark.parametrize("asked", ["", "***", "2503.00011", "10.1234/none", "How Ice", "title:", "title:.*", "arxiv:"])
async def test_nothing_is_found_under_another_name(stored: Database, asked: str) -> None:
    """Nothing is guessed, and no pattern is run."""
    assert await lookup.papers(stored, asked) == []


async def test_a_former_id_leads_to_the_paper_it_became(stored: Database) -> None:
    """As an older export names it."""
    await stored["aliases"].insert_one({"_id": "title:0123~45", "papers": [ICE], "merged_into": ICE})
    assert [paper["_id"] for paper in await lookup.papers(stored, "title:0123~45")] == [ICE]
