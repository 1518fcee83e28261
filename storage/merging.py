"""Papers that turned out to be another one are folded into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pymongo import DeleteOne, UpdateOne

from storage import aliases, bulk, facts, observations, papers
from storage.contributions import from_merged
from storage.documents import Resolution
from storage.pipelines import adding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.connect import Database, Document
    from storage.documents import ArxivEntry


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
        await facts.record_arxiv(database, [one.entry for one in merges if one.entry])
        await lead(database, merges)
        if await aliases.decided(database, ids) != decided:  # whoever decided otherwise found nothing to take out yet
            await record_merges(database, merges)
        await observations.move(database, {one.old["_id"]: one.new_id for one in merges})
        await bulk.write(database["papers"], [DeleteOne(unchanged(one.old)) for one in merges])
        left = await papers.find(database, [one.old["_id"] for one in merges])
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
