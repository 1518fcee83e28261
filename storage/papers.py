"""The collection `papers`: sightings and facts are added in bulk, due work is found, papers are merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pymongo import DeleteOne, UpdateMany, UpdateOne

from storage import aliases, bulk, observations
from storage.connect import IGNORING_CASE
from storage.contributions import (
    TOUCHED,
    UNANSWERED,
    Contribution,
    Origin,
    adding,
    by_url,
    fresh,
    from_arxiv,
    from_line,
    from_listing,
    from_merged,
    sorted_union,
    stages,
)
from storage.documents import CitationCount, Merged, Paper, Resolution
from storage.observations import Measurement
from storage.titles import title_hash

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from storage.connect import Database, Document
    from storage.documents import ArxivEntry, Fact, Listing, Page, Repository

UNRESOLVED = {"_id": {"$regex": "^title:"}}
OPEN = {**UNRESOLVED, "$expr": {"$lte": [{"$ifNull": ["$_work.ask_after", None]}, "$$NOW"]}}
OPEN_FACT = {"$in": UNANSWERED}
PAGE = 500
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
    # First the names: see `record_arxiv`.
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
    names = [name for one in whole if one.ids.arxiv for name in _leading(one.id, one.title, one.ids.doi)]
    merges = [aliases.merged(one.id, one.merged_into, imported=True) for one in lines if isinstance(one, Merged)]
    decided = [aliases.deciding(old, one.id, imported=True) for one in whole for old in one.resolution.decided or ()]
    await aliases.add(database, names + merges + decided)
    await bulk.write(database["papers"], [adding(one.id, from_line(one), one.first_seen) for one in whole])
    for path in ("citations.semantic_scholar", "citations.openalex"):
        facts = {one.id: getattr(one.citations, path.partition(".")[2]) for one in whole}
        await record(database, path, {paper_id: fact for paper_id, fact in facts.items() if fact != type(fact)()})


def _names(listing: Listing) -> list[UpdateOne]:
    doi = listing.arxiv.doi if listing.arxiv else None
    return _leading(f"arxiv:{listing.arxiv_id}", listing.title, doi)


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


# --- facts ------------------------------------------------------------------------------------------------


async def record_arxiv(database: Database, entries: Iterable[ArxivEntry]) -> None:
    """Write what arXiv told of papers that are stored, and let their titles and DOIs lead to them."""
    entries = list(entries)
    updates = [UpdateOne({"_id": f"arxiv:{one.arxiv_id}"}, stages(from_arxiv(one))) for one in entries]
    # First the names: a paper that is written is not asked for again, so a kill between would lose them.
    await aliases.add(database, [alias for one in entries for alias in _other_names(one)])
    await bulk.write(database["papers"], updates)


def _other_names(entry: ArxivEntry) -> list[UpdateOne]:
    return _leading(f"arxiv:{entry.arxiv_id}", entry.title, entry.fact.doi)


def _leading(paper_id: str, title: str | None, doi: str | None) -> list[UpdateOne]:
    """The updates that let a title and a DOI lead to a paper."""
    hashed = title_hash(title) if title else None
    names = [f"title:{hashed}"] if hashed else []
    names += [f"doi:{doi.lower()}"] if doi else []
    return [aliases.leading(name, paper_id) for name in names]


async def record(database: Database, path: str, facts: Mapping[str, Fact]) -> None:
    """Write facts by paper id to a path like `citations.openalex`; an older fact never replaces a newer one."""
    updates = [
        UpdateOne(
            {"_id": paper_id, **_older(path, fact)},
            [{"$set": {path: {"$literal": fact.model_dump()}} | TOUCHED}],
        )
        for paper_id, fact in facts.items()
    ]
    provider = path.rpartition(".")[2]
    # Before the facts: what is stored is not asked again, so a kill between the two would lose the measurement.
    await observations.record(
        database,
        [
            Measurement(paper_id, provider, "citations", fact.count, _day(fact))
            for paper_id, fact in facts.items()
            if isinstance(fact, CitationCount) and fact.count is not None
        ],
    )
    await bulk.write(database["papers"], updates)


def _day(fact: Fact) -> str:
    return fact.fetched_at.date().isoformat() if fact.fetched_at else ""


def _older(path: str, fact: Fact) -> Document:
    """Never asked, or asked before. A failure tells nothing: it replaces only what is no answer either."""
    fetched_at, status = f"{path}.fetched_at".lstrip("."), f"{path}.status".lstrip(".")
    older: Document = {"$or": [{fetched_at: None}, {fetched_at: {"$lt": fact.fetched_at}}]}
    return older if fact.status not in UNANSWERED else {status: OPEN_FACT}


async def record_repositories(database: Database, facts: Mapping[str, Repository]) -> None:
    """Write facts by lower-cased full name to every paper that has the repository."""
    updates = [
        UpdateMany({"repos": {"$elemMatch": _repo_due(name, fact)}}, _repo_told(name, fact), collation=IGNORING_CASE)
        for name, fact in facts.items()
    ]
    await observations.record(database, [one async for one in _stars(database, facts)])
    # A paper may have been merged since it was found, its history moved before this.
    having = {"repos.full_name": {"$in": list(facts)}, "_work.merged": {"$exists": True}}
    holding = database["papers"].find(having, {"_work.merged": 1}, collation=IGNORING_CASE)
    moves = {old: paper["_id"] async for paper in holding for old in paper["_work"]["merged"]}
    await observations.move(database, moves)
    await bulk.write(database["papers"], updates)


async def _stars(database: Database, facts: Mapping[str, Repository]) -> AsyncIterator[Measurement]:
    """The stars of a repository, measured for every paper that has it."""
    having = {"repos.full_name": {"$in": list(facts)}}
    async for paper in database["papers"].find(having, {"repos.full_name": 1}, collation=IGNORING_CASE):
        for repo in paper["repos"]:
            fact = facts.get(repo["full_name"].lower())
            if fact is not None and fact.stars is not None:
                yield Measurement(paper["_id"], "github", "stars", fact.stars, _day(fact), fact.url)


def _repo_due(name: str, fact: Repository) -> Document:
    return {"full_name": name, **_older("", fact)}


def _repo_told(name: str, fact: Repository) -> list[Document]:
    """The pipeline that puts the fact in the place of the repository; a renamed one shows its new name."""
    told = fact.model_dump(exclude={"evidence"} | (set() if fact.status == "ok" else {"url", "host", "full_name"}))
    same = {"$eq": [{"$toLower": "$$this.full_name"}, {"$literal": name}]}
    entry = {"$cond": [same, {"$mergeObjects": ["$$this", {"$literal": told}]}, "$$this"]}
    update: list[Document] = [{"$set": {"repos": by_url({"$map": {"input": "$repos", "in": entry}})} | TOUCHED}]
    if (now_called := fact.full_name.lower()) != name:
        renaming = {"$literal": [{"from": name, "to": now_called}]}
        update.append({"$set": {"_work.renamed": {"$setUnion": ["$_work.renamed", renaming]}}})
        update.append({"$set": {"repos": _joined(now_called)}})
    return update


def _joined(name: str) -> Document:
    """The repositories with one entry of that name: a paper may have named it by its old and by its new one."""
    same = {"$eq": [{"$toLower": "$$this.full_name"}, {"$literal": name}]}
    entries = {"$filter": {"input": "$repos", "cond": same}}
    evidence = {"$reduce": {"input": entries, "initialValue": [], "in": sorted_union("$$value", "$$this.evidence")}}
    newest = {"$first": {"$sortArray": {"input": entries, "sortBy": {"fetched_at": -1}}}}
    one = {"$mergeObjects": [newest, {"evidence": evidence}]}
    others = {"$filter": {"input": "$repos", "cond": {"$not": [same]}}}
    return by_url({"$concatArrays": [others, [one]]})


# --- what is due ------------------------------------------------------------------------------------------


async def due_ids(database: Database, path: str) -> AsyncIterator[str]:
    """The arXiv ids of papers whose fact is pending or failed, in order."""
    async for paper in _in_pages(database, _due(path), {"ids.arxiv": 1}):
        yield paper["ids"]["arxiv"]


async def _in_pages(database: Database, query: Document, fields: Document | None = None) -> AsyncIterator[Document]:
    """What a query finds, sorted by id, a page at a time: MongoDB closes a cursor that waits for providers."""
    last = ""
    while (
        page := await database["papers"]
        .find({"$and": [query, {"_id": {"$gt": last}}]}, fields)
        .sort("_id", 1)
        .to_list(PAGE)
    ):
        for paper in page:
            yield paper
        last = page[-1]["_id"]


def _due(path: str) -> Document:
    return {f"{path}.status": OPEN_FACT, "ids.arxiv": {"$ne": None}}


async def due_repositories(database: Database) -> AsyncIterator[str]:
    """The lower-cased full names of repositories on github.com whose fact is pending or failed, each once.

    First those whose papers have most upvotes, then most sightings, then the newest: a budget may end before they do.
    """
    by_use = {"upvotes": -1, "sightings": -1, "published": -1, "_id": 1}
    names = await database["papers"].aggregate([*_repositories(OPEN_FACT), {"$sort": by_use}], allowDiskUse=True)
    async for name in names:
        yield name["_id"]


def _repositories(status: str | Document) -> list[Document]:
    """The stages to repositories on github.com of this status, by name, with what makes their papers worth knowing."""
    wanted = {"status": status, "host": "github.com"}
    use = {
        "upvotes": {"$max": {"$max": "$sightings.upvotes"}},
        "sightings": {"$sum": {"$size": {"$ifNull": ["$sightings", []]}}},
        "published": {"$max": "$published.date"},
    }
    return [
        {"$match": {"repos": {"$elemMatch": wanted}}},
        {"$unwind": "$repos"},
        {"$match": {f"repos.{key}": value for key, value in wanted.items()}},
        {"$group": {"_id": {"$toLower": "$repos.full_name"}, **use}},
    ]


async def count(database: Database, path: str, status: str | Document = OPEN_FACT) -> int:
    """How many facts are due, or of another status: of papers with an arXiv id, of repositories by name."""
    if path != "repos":
        return await database["papers"].count_documents({**_due(path), f"{path}.status": status})
    names = await database["papers"].aggregate([*_repositories(status), {"$count": "all"}], allowDiskUse=True)
    return sum([one["all"] async for one in names])


async def leave(database: Database, path: str, reason: str) -> int:
    """Say at every fact that was not asked why it waits; returns how many. A failed one keeps its own reason."""
    pending: Document = {"status": "pending", "reason": {"$ne": reason}}
    if path == "repos":
        where: Document = {"repos": {"$elemMatch": {**pending, "host": "github.com"}}}
        field, filters = "repos.$[due].reason", [{f"due.{key}": value for key, value in pending.items()}]
    else:
        where = {f"{path}.{key}": value for key, value in pending.items()} | {"ids.arxiv": {"$ne": None}}
        field, filters = f"{path}.reason", None
    update = {"$set": {field: reason}, "$currentDate": {"updated_at": True}, "$inc": {"_work.rev": 1}}
    await database["papers"].update_many(where, update, array_filters=filters)
    return await count(database, path, "pending")


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
    async for paper in _in_pages(database, {"ids.arxiv": {"$ne": None}, "title": {"$ne": None}}, fields):
        yield paper


# --- papers without an arXiv id ---------------------------------------------------------------------------


async def unresolved(database: Database, *, waiting: bool = False) -> AsyncIterator[Document]:
    """Papers without an arXiv id that may be asked for by now, in order; with `waiting` all of them."""
    async for paper in _in_pages(database, UNRESOLVED if waiting else OPEN):
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


def unchanged(paper: Document) -> Document:
    """The filter for the paper as it was read; by its time, too, since one that was made anew counts from 1 again."""
    return {"_id": paper["_id"], "_work.rev": paper["_work"]["rev"], "updated_at": paper["updated_at"]}


class Merge(NamedTuple):
    """A `title:` paper, the arXiv paper it turned out to be, and arXiv's entry where one was just read."""

    old: Document
    arxiv_id: str
    resolution: Resolution
    entry: ArxivEntry | None = None

    @property
    def new_id(self) -> str:
        """The id of the paper that the old one becomes part of."""
        return f"arxiv:{self.arxiv_id}"

    def update(self) -> UpdateOne:
        """The old paper's whole content, added to the new one."""
        return adding(self.new_id, from_merged(self.old, self.arxiv_id, self.resolution), self.old["first_seen"])

    def record(self) -> UpdateOne:
        """What it brings, kept apart, so that a person can take it back."""
        kept = {"old": self.old["_id"], "paper": self.new_id, "resolution": self.resolution.model_dump()}
        update = {"$set": kept, "$addToSet": {"was": self.old}, "$currentDate": {"recorded_at": True}}
        return UpdateOne({"_id": f"{self.old['_id']} {self.new_id}"}, update, upsert=True)

    def decided(self, paper_id: str | None) -> Merge | None:
        """The merge that a person's decision leaves of it: into that paper, or none where it was taken back."""
        if paper_id is None:
            return None if self.resolution.decided else self
        resolution = Resolution(status="resolved", method="manual", decided=(self.old["_id"],))
        entry = self.entry if paper_id == self.new_id else None
        return Merge(self.old, paper_id.removeprefix("arxiv:"), resolution, entry)


async def merge(database: Database, merges: Sequence[Merge]) -> None:
    """Fold papers into those they turned out to be. Every step can be repeated, and a kill between two loses nothing.

    The old paper is removed only at the revision that was copied: where somebody added to it meanwhile,
    it is copied again. What a person decided stands, whatever was found.
    """
    while merges:
        ids = [one.old["_id"] for one in merges]
        decided = await aliases.decided(database, ids)
        stand = [one.decided(decided.get(one.old["_id"])) for one in merges]
        merges = [one for one in stand if one is not None]
        await copy(database, merges)
        await record_arxiv(database, [one.entry for one in merges if one.entry])
        await lead(database, merges)
        if await aliases.decided(database, ids) != decided:  # whoever decided otherwise found nothing to take out yet
            await record_merges(database, merges)
        await observations.move(database, {one.old["_id"]: one.new_id for one in merges})
        await bulk.write(database["papers"], [DeleteOne(unchanged(one.old)) for one in merges])
        left = await find(database, [one.old["_id"] for one in merges])
        merges = [one._replace(old=left[one.old["_id"]]) for one in merges if one.old["_id"] in left]


async def copy(database: Database, merges: Sequence[Merge]) -> None:
    """The first step of a merge: all that the old papers hold is added to the new ones."""
    await record_merges(database, merges)
    await bulk.write(database["papers"], [one.update() for one in merges])


async def record_merges(database: Database, merges: Sequence[Merge]) -> None:
    """Keep what each merge brings."""
    await bulk.write(database["merges"], [one.record() for one in merges])


async def lead(database: Database, merges: Sequence[Merge]) -> None:
    """The second step: old ids and titles lead to the new papers."""
    await aliases.add(database, [alias for one in merges for alias in _leading_to(one)])


def _leading_to(one: Merge) -> list[UpdateOne]:
    key = one.old["_id"].partition("~")[0]
    return [aliases.leading(key, one.new_id), aliases.merged(one.old["_id"], one.new_id)]
