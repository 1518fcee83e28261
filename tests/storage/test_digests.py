"""Digests: one document for one content, whatever its name, and the refusals it settles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storage import deferred, digests
from storage.digests import Text
from storage.documents import Listing, Page, Refusal

if TYPE_CHECKING:
    from storage.connect import Database, Document


def page(*titles: str, **fields: Any) -> Page:
    """A page that lists these titles."""
    listings = tuple(Listing(position=at, title=title) for at, title in enumerate(titles, 1))
    return Page(listings=listings, page_date_shown="Mar 11", **fields)


async def store(database: Database, what: Page, *, name: str = "a.txt", raw: str = "aa") -> bool:
    """Store it as the digest text:01."""
    return await digests.store(database, what, Text(name, raw, f"/{name}"), source="text_a", digest="text:01")


async def everything(database: Database, collection: str) -> list[Document]:
    """All documents, in order."""
    return [one async for one in database[collection].find().sort("_id", 1)]


async def test_one_content_under_two_names_is_one_digest(database: Database) -> None:
    """Both names are kept, and nothing that was stored is touched: not even the time of a change."""
    assert await store(database, page("How Ice Grows", "How Ice Goes"))
    before = await everything(database, "papers")
    assert not await store(database, page("How Ice Grows", "How Ice Goes"), name="b.txt", raw="bb")
    assert await everything(database, "papers") == before
    [digest] = await everything(database, "digests")
    assert (digest["_id"], digest["names"], digest["records"]) == ("text:01", ["a.txt", "b.txt"], 2)
    assert (digest["page_date"], digest["page_date_shown"]) == (None, "Mar 11")


async def test_a_mended_layout_reads_the_digest_again(database: Database) -> None:
    """Other listings out of the same content: the sightings are replaced, the paper stays the same one."""
    await store(database, page("How Ice Grows"))
    mended = page("Of Rivers", "How Ice Grows", warnings=("header_unknown: 'x'",))
    assert await store(database, mended)
    assert not await store(database, mended)
    papers = {one["title"]: one["sightings"] for one in await everything(database, "papers")}
    assert [(one["digest"], one["position"]) for one in papers["How Ice Grows"]] == [("text:01", 2)]
    [digest] = await everything(database, "digests")
    assert (digest["names"], digest["records"], digest["warnings"]) == (["a.txt"], 2, ["header_unknown: 'x'"])


async def test_a_page_that_was_killed_halfway_is_stored_again(database: Database) -> None:
    """The digest's own document is written last: without it the page counts as not stored."""
    await store(database, page("How Ice Grows"))
    await database["digests"].delete_many({})
    assert await store(database, page("How Ice Grows"))
    [paper] = await everything(database, "papers")
    assert len(paper["sightings"]) == 1


async def test_a_text_that_is_understood_settles_its_refusals(database: Database) -> None:
    """Under any name, and of the file that now holds it; other texts, and a file of that name elsewhere, stay."""
    for name, folder, raw in (
        ("old.txt", "/", "aa"),
        ("a.txt", "/", None),
        ("a.txt", "/", "bb"),
        ("a.txt", "/elsewhere/", "dd"),
        ("b.txt", "/", None),
        ("c.txt", "/", "cc"),
    ):
        refusal = Refusal(name=name, path=folder + name, reason="layout_unknown", detail="why", raw=raw)
        await deferred.add(database, refusal)
    await store(database, page("How Ice Grows"))
    left = await everything(database, "deferred")
    assert [(one["name"], one["raw"]) for one in left] == [("b.txt", None), ("c.txt", "cc"), ("a.txt", "dd")]


async def test_a_refusal_is_noted_once(database: Database) -> None:
    """The last reason for a text of that name, and when."""
    for reason in ("layout_unknown", "record_shape"):
        await deferred.add(database, Refusal(name="a.txt", reason=reason, detail="why", line=3, raw="aa", replay="x"))
    [refused] = await everything(database, "deferred")
    assert {**refused, "at": None} == {
        "_id": "aa a.txt",
        "name": "a.txt",
        "path": None,
        "reason": "record_shape",
        "detail": "why",
        "line": 3,
        "digest": None,
        "offset": None,
        "length": None,
        "raw": "aa",
        "replay": "x",
        "size": None,
        "head": None,
        "at": None,
    }
    assert refused["at"] is not None
