"""What providers told of papers, in the collection `papers`: facts are written in bulk, and what is due is found."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pymongo import UpdateMany

from storage import aliases, bulk, observations
from storage.connect import IGNORING_CASE
from storage.contributions import UNANSWERED, from_arxiv, from_index
from storage.documents import CitationCount
from storage.observations import Measurement
from storage.pipelines import TOUCHED, joining, of_each, ranked, sorted_union

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from storage.connect import Database, Document
    from storage.documents import ArxivEntry, Fact, LinkedRepository, Repository

F = TypeVar("F", bound="Fact")
OPEN_FACT = {"$in": [*UNANSWERED, None]}
LINKED = "_work.huggingface"
COPIES = ("arxiv_snapshot",)
"""Their rows tell when a paper changed, which is no age of what is known."""
DOI = r"^10\.\d{4,9}/[^\s,|]+$"  # a field of several, or an address, is none that can be asked for
UNLISTED = "not under its arXiv DOI"
PAGE = 5_000  # questions that are read from the store at once


async def record_arxiv(database: Database, entries: Sequence[ArxivEntry]) -> None:
    """Write what arXiv told of papers that are stored, and let their titles and DOIs lead to them."""
    told = {f"arxiv:{one.arxiv_id}": one for one in entries}
    # First the names: a paper that is written is not asked for again, so a kill between would lose them.
    names = [(name, one) for one, entry in told.items() for name in aliases.names(entry.title, entry.fact.doi)]
    await aliases.lead(database, names)
    await bulk.write(database["papers"], joining({one: from_arxiv(entry) for one, entry in told.items()}))


async def record(database: Database, path: str, facts: Mapping[str, Fact]) -> None:
    """Write facts by paper id to a path like `citations.openalex`; an older fact never replaces a newer one."""
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
    updates = [_told(path, some, _by_paper(some)) for some in _heard_together(facts)]
    await bulk.write(database["papers"], updates)


def _told(path: str, facts: Mapping[str, Fact], value: Document) -> UpdateMany:
    """The update that puts a value where facts stand that are older than these, which were heard at one time.

    After a pipeline MongoDB brings all indexes up to date, which still takes less than a plain update for each.
    """
    heard = next(iter(facts.values()))
    return UpdateMany({"_id": {"$in": list(facts)}, **_older(path, heard)}, [{"$set": {path: value} | TOUCHED}])


def _by_paper(facts: Mapping[str, Fact]) -> Document:
    return of_each({paper_id: vars(fact) for paper_id, fact in facts.items()}, "$_id")


def _heard_together(facts: Mapping[str, F]) -> list[dict[str, F]]:
    """Facts in groups of one time, answers apart from failures: each replaces the same older ones."""
    alike: defaultdict[tuple[object, ...], dict[str, F]] = defaultdict(dict)
    for one, fact in facts.items():
        alike[fact.fetched_at, fact.status in UNANSWERED][one] = fact
    return list(alike.values())


def _day(fact: Fact) -> str:
    return fact.fetched_at.date().isoformat() if fact.fetched_at else ""


def _older(path: str, fact: Fact) -> Document:
    """Never asked, or asked before. A failure tells nothing: it replaces only what is no answer either."""
    fetched_at, status = f"{path}.fetched_at".lstrip("."), f"{path}.status".lstrip(".")
    older: Document = {"$or": [{fetched_at: None}, {fetched_at: {"$lt": fact.fetched_at}}, {status: OPEN_FACT}]}
    return older if fact.status not in UNANSWERED else {status: OPEN_FACT}


def _is_older(fact: Fact) -> Document:
    """The same as an expression, of the entry of an array."""
    is_open = {"$in": [{"$ifNull": ["$$this.status", None]}, OPEN_FACT["$in"]]}
    known, older = {"$gt": ["$$this.fetched_at", None]}, {"$lt": ["$$this.fetched_at", fact.fetched_at]}
    return is_open if fact.status in UNANSWERED else {"$or": [is_open, {"$not": [known]}, older]}


async def note_unlisted(database: Database, path: str, facts: Mapping[str, Fact]) -> None:
    """Write `missing`, and why, of papers that are not known by their arXiv ids alone, by these ids.

    A paper that was known is so by its published DOI: what was told of it stands until that was asked for.
    """
    named = {"$regexMatch": {"input": {"$ifNull": ["$ids.doi", ""]}, "regex": DOI}}
    known = {"$and": [{"$eq": [f"${path}.status", "ok"]}, named]}
    marked = {"$mergeObjects": [f"${path}", {"reason": UNLISTED}]}
    unlisted = {f"arxiv:{one}": fact.model_copy(update={"reason": UNLISTED}) for one, fact in facts.items()}
    updates = [_told(path, some, {"$cond": [known, marked, _by_paper(some)]}) for some in _heard_together(unlisted)]
    await bulk.write(database["papers"], updates)


async def record_linked(database: Database, facts: Mapping[str, LinkedRepository]) -> None:
    """Write which repositories an index of papers names, by paper id: beside what else names one, never instead."""
    named = {paper_id: from_index(fact.url) for paper_id, fact in facts.items() if fact.url}
    await bulk.write(database["papers"], joining(named))
    await record(database, LINKED, facts)


async def record_repositories(database: Database, facts: Mapping[str, Repository]) -> None:
    """Write facts, heard at one time, by lower-cased full name to every paper that has the repository."""
    renamed = [{name: fact} for name, fact in facts.items() if fact.full_name.lower() != name]
    same = {name: fact for name, fact in facts.items() if fact.full_name.lower() == name}
    await observations.record(database, [one async for one in _stars(database, facts)])
    # A paper may have been merged since it was found, its history moved before this.
    having = {"repos.full_name": {"$in": list(facts)}, "_work.merged": {"$exists": True}}
    holding = database["papers"].find(having, {"_work.merged": 1}, collation=IGNORING_CASE)
    moves = {old: paper["_id"] async for paper in holding for old in paper["_work"]["merged"]}
    await observations.move(database, moves)
    await bulk.write(database["papers"], [_repositories_told(some) for some in (*_heard_together(same), *renamed)])


async def _stars(database: Database, facts: Mapping[str, Repository]) -> AsyncIterator[Measurement]:
    """The stars of a repository, measured for every paper that has it."""
    having = {"repos.full_name": {"$in": list(facts)}}
    async for paper in database["papers"].find(having, {"repos.full_name": 1}, collation=IGNORING_CASE):
        for repo in paper["repos"]:
            fact = facts.get(repo["full_name"].lower())
            if fact is not None and fact.stars is not None:
                yield Measurement(paper["_id"], "github", "stars", fact.stars, _day(fact), fact.url)


def _repositories_told(facts: Mapping[str, Repository]) -> UpdateMany:
    """The update that puts facts in the places of their repositories; a renamed one comes alone."""
    told = {
        name: fact.model_dump(exclude={"evidence"} | (set() if fact.status == "ok" else {"url", "host", "full_name"}))
        for name, fact in facts.items()
    }
    name, heard = next(iter(facts.items()))
    lowered = {"$toLower": "$$this.full_name"}
    concerned = {"$and": [{"$in": [lowered, {"$literal": list(told)}]}, _is_older(heard)]}
    entry = {"$cond": [concerned, {"$mergeObjects": ["$$this", of_each(told, lowered)]}, "$$this"]}
    update: list[Document] = [{"$set": {"repos": ranked({"$map": {"input": "$repos", "in": entry}})} | TOUCHED}]
    if (now_called := heard.full_name.lower()) != name:
        renaming = {"$literal": [{"from": name, "to": now_called}]}
        update.append({"$set": {"_work.renamed": {"$setUnion": ["$_work.renamed", renaming]}}})
        update.append({"$set": {"repos": _joined(now_called)}})
    having = {"repos": {"$elemMatch": {"full_name": {"$in": list(told)}, **_older("", heard)}}}
    return UpdateMany(having, update, collation=IGNORING_CASE)


def _joined(name: str) -> Document:
    """The repositories with one entry of that name: a paper may have named it by its old and by its new one."""
    same = {"$eq": [{"$toLower": "$$this.full_name"}, {"$literal": name}]}
    entries = {"$filter": {"input": "$repos", "cond": same}}
    evidence = {"$reduce": {"input": entries, "initialValue": [], "in": sorted_union("$$value", "$$this.evidence")}}
    newest = {"$first": {"$sortArray": {"input": entries, "sortBy": {"fetched_at": -1}}}}
    one = {"$mergeObjects": [newest, {"evidence": evidence}]}
    others = {"$filter": {"input": "$repos", "cond": {"$not": [same]}}}
    return ranked({"$concatArrays": [others, [one]]})


# --- what is due ------------------------------------------------------------------------------------------


class Age(NamedTuple):
    """Papers of an age, and when their facts are due."""

    since: str | None = None
    """They came out on this day or later ..."""
    before: str | None = None
    """... and before that one; ISO dates."""
    asked_before: dt.datetime | None = None

    def asked(self, path: str = "") -> Document:
        """The filter for a fact at that path, or for an entry of `repos`."""
        return {f"{path}fetched_at": {"$lt": self.asked_before}} if self.asked_before else {}

    def paper(self) -> Document:
        """The filter for the paper."""
        later: Document = {"published.date": {"$gte": self.since}} if self.since else {}
        # Not `$lt`: papers whose date nobody knows are old ones.
        return {"$and": [later, {"published.date": {"$not": {"$gte": self.before}}}]} if self.before else later


class Window(NamedTuple):
    """Facts that are due: of these statuses, of papers of one of these ages."""

    statuses: tuple[str | None, ...]
    """None: there is no fact at all yet."""
    ages: tuple[Age, ...] = (Age(),)
    provider: str | None = None
    """Who told them; None: whoever did ..."""
    but: tuple[str, ...] = ()
    """... except these."""

    def fact(self, path: str = "") -> Document:
        """The filter for a fact at that path, whatever its age, or for an entry of `repos`."""
        told: Document = {f"{path}provider": {"$nin": list(self.but)}} if self.but else {}
        told |= {f"{path}provider": self.provider} if self.provider else {}
        return told | {f"{path}status": {"$in": list(self.statuses)}}


ORDERS: tuple[Document, ...] = ({"$lt": "arxiv:a"}, {"$gt": "arxiv:a", "$lt": "arxiv;"})
"""Ids by date and number (`2410.03717`), then those by archive, which are older."""


async def due_ids(
    database: Database, path: str, windows: Iterable[Window], where: Document | None = None
) -> AsyncIterator[str]:
    """The arXiv ids of papers whose fact lies in one of these windows: window by window, the newest ids first.

    By id and not by date, which an answer may change meanwhile; a page at a time, since MongoDB closes a cursor
    that waits for providers.
    """
    left = [(_papers(path, window, where), ids) for window in windows for ids in ORDERS]
    asked = left[:1]  # alone while it fills pages: what little the others find comes at once
    while asked:
        page = await _page(database, [{"$and": [query, {"_id": ids}]} for query, ids in asked])
        for paper in page:
            yield paper["_id"].removeprefix("arxiv:")
        if len(page) == PAGE:
            (query, ids), *others = left[page[-1]["part"] :]
            left = [(query, ids | {"$lt": page[-1]["_id"]}), *others]
            asked = left[:1]
        else:
            asked = left = left[len(asked) :]


async def _page(database: Database, queries: Sequence[Document]) -> list[Document]:
    """The first ids that these queries find, with the place of the query: one after the other, the newest ids first."""
    found: list[list[Document]] = [
        [{"$match": query}, {"$sort": {"_id": -1}}, {"$limit": PAGE}, {"$project": {"part": {"$literal": part}}}]
        for part, query in enumerate(queries)
    ]
    stages = [*_united(found), {"$sort": {"part": 1, "_id": -1}}, {"$limit": PAGE}]
    return await (await database["papers"].aggregate(stages)).to_list()


def _united(pipelines: Sequence[list[Document]]) -> list[Document]:
    """What several pipelines find of papers, in no order."""
    first, *others = pipelines
    return [*first, *({"$unionWith": {"coll": "papers", "pipeline": one}} for one in others)]


def _papers(path: str, window: Window, where: Document | None) -> Document:
    aged = [{**age.asked(f"{path}."), **age.paper()} for age in window.ages]
    return {"$and": [window.fact(f"{path}."), {"_id": {"$regex": "^arxiv:"}}, {"$or": aged}, where or {}]}


async def due_repositories(
    database: Database, windows: Sequence[Window], where: Document | None = None
) -> AsyncIterator[str]:
    """The lower-cased full names of repositories on github.com within these windows, each once: window by window.

    First those whose papers have most upvotes, then most sightings, then the newest: a budget may end before they do.
    """
    once = {"_id": "$_id", "window": {"$min": "$window"}, **_most("$upvotes", "$sightings", "$published")}
    by_use = {"window": 1, "upvotes": -1, "sightings": -1, "published": -1, "_id": 1}
    stages: list[Document] = [*_repositories(windows, where), {"$group": once}, {"$sort": by_use}]
    names = await database["papers"].aggregate(stages, allowDiskUse=True)
    for name in await names.to_list():  # MongoDB closes a cursor that waits for providers
        yield name["_id"]


def _repositories(windows: Sequence[Window], where: Document | None) -> list[Document]:
    """The stages to repositories on github.com by name and window, with what makes their papers worth knowing."""
    return _united([_within(window, place, where) for place, window in enumerate(windows)])


def _within(window: Window, place: int, where: Document | None) -> list[Document]:
    here, ages = {"host": "github.com"}, window.ages
    having = [{"repos": {"$elemMatch": here | window.fact() | age.asked()}, **age.paper()} for age in ages]
    fact = {"repos.host": "github.com"} | window.fact("repos.")
    use = _most({"$max": "$sightings.upvotes"}, {"$size": {"$ifNull": ["$sightings", []]}}, "$published.date")
    return [
        {"$match": {"$and": [{"$or": having}, where or {}]}},
        {"$unwind": "$repos"},
        {"$match": {"$or": [fact | age.asked("repos.") | age.paper() for age in ages]}},
        {"$group": {"_id": {"$toLower": "$repos.full_name"}, **use}},
        {"$set": {"window": {"$literal": place}}},
    ]


def _most(upvotes: Any, sightings: Any, published: Any) -> Document:
    return {"upvotes": {"$max": upvotes}, "sightings": {"$sum": sightings}, "published": {"$max": published}}


async def count(database: Database, path: str, windows: Sequence[Window], where: Document | None = None) -> int:
    """How many facts lie in these windows: of papers with an arXiv id, of repositories by name."""
    if path != "repos":
        return await database["papers"].count_documents({"$or": [_papers(path, one, where) for one in windows]})
    stages: list[Document] = [*_repositories(windows, where), {"$group": {"_id": "$_id"}}, {"$count": "all"}]
    names = await (await database["papers"].aggregate(stages, allowDiskUse=True)).to_list()
    return names[0]["all"] if names else 0


async def unlisted(
    database: Database, path: str, where: Document | None = None, most: int | None = None
) -> AsyncIterator[str]:
    """The arXiv ids of papers that have a DOI and are not known by these ids, nor were asked for by it: so many."""
    query = {"$and": [{f"{path}.reason": UNLISTED, "ids.doi": {"$regex": DOI}}, where or {}]}
    asked = 0
    async for paper in bulk.pages(database["papers"], query, {"_id": 1}):
        if asked == most:
            return
        asked += 1
        yield paper["_id"].removeprefix("arxiv:")


async def dois(database: Database, arxiv_ids: Sequence[str]) -> dict[str, str]:
    """The published DOIs of these papers, by arXiv id, less those that several papers of ours have."""
    query = {"_id": {"$in": [f"arxiv:{one}" for one in arxiv_ids]}, "ids.doi": {"$regex": DOI}}
    found = {one["ids"]["arxiv"]: one["ids"]["doi"] async for one in database["papers"].find(query, {"ids": 1})}
    names = await aliases.papers_of(database, [f"doi:{doi.lower()}" for doi in found.values()])
    return {one: doi for one, doi in found.items() if len(names.get(f"doi:{doi.lower()}", ())) <= 1}


async def leave(database: Database, path: str, reason: str, where: Document | None = None) -> None:
    """Say at every fact that was not asked why it waits. A failed one keeps its own reason."""
    pending: Document = {"status": "pending", "reason": {"$ne": reason}}
    if path == "repos":
        waiting: Document = {"repos": {"$elemMatch": {**pending, "host": "github.com"}}}
        field, filters = "repos.$[due].reason", [{f"due.{key}": value for key, value in pending.items()}]
    else:
        waiting = {f"{path}.{key}": value for key, value in pending.items()} | {"ids.arxiv": {"$ne": None}}
        field, filters = f"{path}.reason", None
    update = {"$set": {field: reason}, "$currentDate": {"updated_at": True}, "$inc": {"_work.rev": 1}}
    await database["papers"].update_many({"$and": [waiting, where or {}]}, update, array_filters=filters)
