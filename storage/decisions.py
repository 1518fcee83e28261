"""What a person decided a title to be: kept first, then carried out, and it stands until it is taken back.

`merges` holds what each merge brought (`was`, by `old` and `paper`), so that it can be taken out of that paper again.
"""

from __future__ import annotations

from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING

from pymongo import DeleteOne, UpdateOne

from storage import aliases, bulk, lookup, merging, observations, papers
from storage.contributions import EMPTY, from_merged, from_paper, instead, without
from storage.documents import Resolution
from storage.errors import StorageError
from storage.merging import Merge
from storage.pipelines import stages
from storage.titles import title_hash, title_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage.connect import Database, Document


async def decide(database: Database, asked: str, arxiv_id: str) -> str:
    """Let a title be that arXiv paper, whatever it was before; returns the title's id. Raises StorageError.

    asked: what `lookup.papers` understands, or the `title:` id of a paper that became another.
    """
    old_id = _one(asked, await _titles(database, asked))
    await aliases.add(database, [aliases.deciding(old_id, f"arxiv:{arxiv_id}")])
    await _follow(database, old_id)
    return old_id


async def take_back(database: Database, asked: str) -> str:
    """Let a title be open again that a person decided; returns its id. Raises StorageError."""
    titles = await _titles(database, asked)
    decided = await aliases.decided(database, titles)
    if not decided:
        raise StorageError(f"nobody decided what {', '.join(titles)} is: --set replaces what was found")
    old_id = _one(asked, list(decided))
    await _undo(database, old_id)
    await aliases.undecide(database, old_id)
    await _undo(database, old_id)  # somebody may have been following the decision meanwhile
    return old_id


async def _undo(database: Database, old_id: str) -> None:
    for one in await _records(database, {"old": old_id}):
        await _take_out(database, one)


async def settle(database: Database) -> int:
    """Carry out what was decided: titles may have been listed again, runs killed; returns how many titles were left."""
    decided = await aliases.decided(database)
    records = await _records(database, {"old": {"$in": list(decided)}})
    left = {one["old"] for one in records if one["paper"] != decided[one["old"]] or not one["resolution"]["decided"]}
    left |= set(await papers.find(database, decided))
    for old_id in sorted(left):
        await _follow(database, old_id)
    return len(left)


async def open_titles(database: Database) -> list[str]:
    """The ids of the titles that are left to a person: the ambiguous ones, then those not found."""
    found = []
    for status in ("ambiguous", "not_found"):
        where = papers.UNRESOLVED | {"resolution.status": status}
        found += [one["_id"] async for one in database["papers"].find(where, {"_id": 1}).sort("_id", 1)]
    return found


async def _titles(database: Database, asked: str) -> list[str]:
    """The titles that it names, living or merged into papers that it names. Raises StorageError where there is none."""
    found = await lookup.papers(database, asked)
    merged = {"$or": [{"old": asked}, {"paper": {"$in": [one["_id"] for one in found]}}]}
    titles = {one["_id"] for one in found if one["_id"].startswith("title:")}
    titles |= {one["old"] for one in await _records(database, merged)}
    for exact in (asked, f"title:{title_hash(asked)}"):
        if of_it := sorted(one for one in titles if exact in (one, one.partition("~")[0])):
            return of_it
    if titles:
        return sorted(titles)
    if found:
        raise StorageError(
            f"{found[0]['_id']} has its id from a digest or an import: only what titles led to can be set"
        )
    raise StorageError(f"no paper is stored under {asked[:200]!r}: give its arXiv id, its whole title, or our id")


def _one(asked: str, titles: Sequence[str]) -> str:
    if len(titles) > 1:
        raise StorageError(f"{asked[:200]!r} may be {', '.join(titles)}: give one of these ids")
    return titles[0]


async def _records(database: Database, where: Document) -> list[Document]:
    return await database["merges"].find(where).sort("_id", 1).to_list()


async def _follow(database: Database, old_id: str) -> None:
    """Merge a title into the paper it was decided to be, and take it out of all others."""
    paper_id = None
    while (now := (await aliases.decided(database, [old_id])).get(old_id)) != paper_id:
        paper_id = now  # or decided otherwise meanwhile, or taken back
        for one in await _records(database, {"old": old_id}):
            if one["paper"] != paper_id:
                await _take_out(database, one)
            elif not one["resolution"]["decided"]:
                await _restore(database, one)
        here = await papers.find(database, [old_id] if paper_id else ())
        merges = [Merge(one, str(paper_id).removeprefix("arxiv:"), Resolution()) for one in here.values()]
        await merging.merge(database, merges)


async def _take_out(database: Database, record: Document) -> None:
    """Undo a merge: the title is there again, and the paper has what is left of it; one without any source goes.

    The record goes last: after a kill all is repeated.
    """
    paper_id = record["paper"]
    while (paper := await _restore(database, record)) and not await _remove(database, paper, record):
        pass  # somebody added to it meanwhile
    if not await papers.find(database, [paper_id]):
        await aliases.forget(database, paper_id)
        await observations.remove(database, paper_id)
    same = {"_id": record["_id"], "recorded_at": record["recorded_at"]}
    await bulk.write(database["merges"], [DeleteOne(same)])


async def _restore(database: Database, record: Document) -> Document | None:
    """Add to a title what it was when it was merged, open to be asked for; returns the paper that it became."""
    found = await papers.find(database, [record["old"], record["paper"]])
    paper, here = found.get(record["paper"]), found.get(record["old"])
    now = {(one["digest"], one["position"]): one for one in (paper["sightings"] if paper else ())}
    was = [old | {"sightings": [_as_now(one, now, old["title"]) for one in old["sightings"]]} for old in record["was"]]
    added = [stage for one in [*was, *filter(None, [here])] for stage in stages(from_paper(one), one["first_seen"])]
    asked: list[Document] = [{"$set": {"resolution": EMPTY["resolution"]}}]
    asked += [{"$unset": ["_work.asked", "_work.asked_at", "_work.ask_after", "_work.answered"]}]
    await bulk.write(database["papers"], [UpdateOne({"_id": record["old"]}, [*added, *asked], upsert=True)])
    return paper


def _as_now(sighting: Document, now: Mapping[tuple[str, int | None], Document], title: str) -> Document:
    """The sighting, which may have been dated since, in the title's own words."""
    there = now.get((sighting["digest"], sighting["position"]), sighting)
    return there | {"listed_title": sighting["listed_title"] or title}


async def _remove(database: Database, paper: Document, record: Document) -> bool:
    """Leave of a paper what others told of it; False where it changed meanwhile."""
    old_id, paper_id, arxiv_id = record["old"], paper["_id"], paper["ids"]["arxiv"]
    listed = {one["digest"] for one in paper["sightings"]}
    others = [
        from_merged(old, arxiv_id, Resolution.model_validate(one["resolution"]))
        for one in await _records(database, {"paper": paper_id, "old": {"$ne": old_id}})
        for old in one["was"]
        if not listed.isdisjoint(sighting["digest"] for sighting in old["sightings"])  # else it was taken out, too
    ]
    left = reduce(without, record["was"], paper)
    lost = {one["url"] for one in paper["repos"]}
    lost -= {one["url"] for one in chain(left["repos"], *(one.repos for one in others))}
    await observations.move(database, {paper_id: old_id}, list(lost))
    titles = (left["title"], *(one["listed_title"] for one in left["sightings"]))
    names = {old_id, old_id.partition("~")[0]} - {title_id(one, None) for one in titles if one}
    await aliases.forget(database, paper_id, names)
    if not left["sightings"] and not others and "resolution" not in left["_work"]["by"]:
        return (await database["papers"].delete_one(merging.unchanged(paper))).deleted_count == 1
    told = [stage for one in (*others, instead(left)) for stage in stages(one)]
    update = [{"$replaceWith": {"$literal": left}}, *told]
    return (await database["papers"].update_one(merging.unchanged(paper), update)).matched_count == 1
