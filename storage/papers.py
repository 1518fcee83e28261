"""The collection `papers`: what digests list is added in bulk, and what has no arXiv id yet is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import UpdateOne

from storage import aliases, bulk, facts, observations
from storage.contributions import UNANSWERED, Contribution, Origin, from_line, from_listing
from storage.documents import Merged, Paper
from storage.observations import Measurement
from storage.pipelines import TOUCHED, adding, fresh

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from storage.connect import Database, Document
    from storage.documents import Listing, Page, Resolution

UNRESOLVED = {"_id": {"$regex": "^title:"}}
OPEN = {**UNRESOLVED, "$expr": {"$lte": [{"$ifNull": ["$_work.ask_after", None]}, "$$NOW"]}}
LONGEST_WAIT = 5  # doublings of a day: 32 days


async def sight(database: Database, page: Page, source: str, digest: str, *, crawled: bool = False) -> None:
    """Add a sighting of every listing of a page: one bulk write.

    crawled: it was read at its own place, just now: its numbers are measurements, and no saved copy replaces them.
    """
    await add(database, page.listings, Origin.of(page, source, digest, crawled=crawled))


async def add(database: Database, listings: Sequence[Listing], origin: Origin, *, known_only: bool = False) -> int:
    """Add a sighting of every listing, or of those whose papers are stored under their arXiv id; returns how many."""
    if known_only:
        listings = await _known(database, listings)
    # First the names: see `facts.record_arxiv`.
    await aliases.add(database, [name for one in listings if one.arxiv_id for name in _names(one)])
    found = [from_listing(one, origin) for one in listings]
    if not known_only:  # most papers of a dump are new
        first: dict[str, Contribution] = {}
        for paper_id, contribution in found:
            first.setdefault(paper_id, contribution)
        created = await bulk.write(database["papers"], [fresh(*one) for one in first.items()])
        found = [one for one in found if one[0] not in created or one[1] is not first[one[0]]]
    await bulk.write(database["papers"], [adding(*one) for one in found])
    return len(listings)


async def _known(database: Database, listings: Sequence[Listing]) -> list[Listing]:
    ids = [f"arxiv:{one.arxiv_id}" for one in listings if one.arxiv_id]
    stored = {one["_id"] async for one in database["papers"].find({"_id": {"$in": ids}}, {"_id": 1})}
    return [one for one in listings if f"arxiv:{one.arxiv_id}" in stored]


async def date_sightings(database: Database, digest: str, page_date: str, basis: str) -> None:
    """Set the date of a page in all its sightings."""
    dated = {"sightings.$[of].page_date": page_date, "sightings.$[of].page_date_basis": basis}
    await database["papers"].update_many(
        {"sightings.digest": digest},
        {"$set": dated, "$currentDate": {"updated_at": True}, "$inc": {"_work.rev": 1}},
        array_filters=[{"of.digest": digest}],
    )


async def restore(database: Database, lines: Sequence[Paper | Merged]) -> None:
    """Add what exported lines tell: the same lines again change nothing but `updated_at`."""
    whole = [one for one in lines if isinstance(one, Paper)]
    names = [name for one in whole if one.ids.arxiv for name in aliases.naming(one.id, one.title, one.ids.doi)]
    merges = [aliases.merged(one.id, one.merged_into, imported=True) for one in lines if isinstance(one, Merged)]
    decided = [aliases.deciding(old, one.id, imported=True) for one in whole for old in one.resolution.decided or ()]
    await aliases.add(database, names + merges + decided)
    await bulk.write(database["papers"], [adding(one.id, from_line(one), one.first_seen) for one in whole])
    for path in ("citations.semantic_scholar", "citations.openalex"):
        told = {one.id: getattr(one.citations, path.partition(".")[2]) for one in whole}
        await facts.record(database, path, {paper_id: fact for paper_id, fact in told.items() if fact != type(fact)()})


def _names(listing: Listing) -> list[UpdateOne]:
    doi = listing.arxiv.doi if listing.arxiv else None
    return aliases.naming(f"arxiv:{listing.arxiv_id}", listing.title, doi)


async def measure(database: Database, listings: Sequence[Listing], day: str) -> None:
    """Keep what a digest just showed of each paper, for the history. day: of the crawl, in UTC."""
    await observations.record(
        database,
        [
            Measurement(f"arxiv:{one.arxiv_id}", "huggingface", metric, value, day, url)
            for one in listings
            for metric, value, url in (
                ("upvotes", one.upvotes, None),
                ("comments", one.comments, None),
                *(("stars", code.stars, code.url) for code in one.code),
            )
            if value is not None
        ],
    )


async def identified(database: Database) -> AsyncIterator[Document]:
    """What tells papers with an arXiv id apart: titles, authors, abstract, day of submission."""
    fields = {
        "ids.arxiv": 1,
        "title": 1,
        "authors": 1,
        "abstract": 1,
        "published": 1,
        "text_source": 1,
        "resolution.status": 1,
        "sightings.listed_title": 1,
    }
    async for paper in bulk.pages(database["papers"], {"ids.arxiv": {"$ne": None}, "title": {"$ne": None}}, fields):
        yield paper


# --- papers without an arXiv id ---------------------------------------------------------------------------


async def unresolved(database: Database, *, waiting: bool = False) -> AsyncIterator[Document]:
    """Papers without an arXiv id that may be asked for by now, in order; with `waiting` all of them."""
    async for paper in bulk.pages(database["papers"], UNRESOLVED if waiting else OPEN):
        yield paper


async def count_open(database: Database) -> int:
    """How many papers without an arXiv id may be asked for by now."""
    return await database["papers"].count_documents(OPEN)


async def leave_titles(database: Database, reason: str) -> int:
    """Say at every paper that waits for its arXiv id why it was not asked for; returns how many wait."""
    result = await database["papers"].update_many(OPEN, [{"$set": {"arxiv.reason": {"$literal": reason}} | TOUCHED}])
    return result.matched_count


async def find(database: Database, ids: Iterable[str]) -> dict[str, Document]:
    """Papers by id; those that are not stored are left out."""
    return {one["_id"]: one async for one in database["papers"].find({"_id": {"$in": list(ids)}})}


async def note_resolutions(
    database: Database,
    resolutions: Mapping[str, Resolution],
    reason: str | None = None,
    answered: Mapping[str, object] | None = None,
) -> None:
    """Write what became of titles that led to no paper; reason: why some of those asked gave no answer.

    What all did answer is asked again after a day, then two, four ... answered: who did, `by`, and `on` which day.
    """
    updates = [UpdateOne({"_id": one}, _noted(what, reason, answered)) for one, what in resolutions.items()]
    await bulk.write(database["papers"], updates)


def _noted(resolution: Resolution, reason: str | None, answered: Mapping[str, object] | None) -> list[Document]:
    days: Document = {"$pow": [2, {"$min": [{"$ifNull": ["$_work.asked", 0]}, LONGEST_WAIT]}]}
    told: Document = {"$literal": resolution.model_dump()}
    if resolution.status in UNANSWERED:  # it tells nothing: what was found earlier stays
        told = {"$cond": [{"$in": ["$resolution.status", UNANSWERED]}, told, "$resolution"]}
    fields: Document = {
        "resolution": told,
        "arxiv.reason": {"$literal": reason},
        "_work.answered": {"$literal": answered},
    }
    if resolution.status in ("ambiguous", "not_found"):
        fields["_work.asked"] = {"$add": [{"$ifNull": ["$_work.asked", 0]}, 1]}
        fields["_work.asked_at"] = "$$NOW"
        fields["_work.ask_after"] = {"$dateAdd": {"startDate": "$$NOW", "unit": "day", "amount": days}}
    return [{"$set": fields | TOUCHED}]
