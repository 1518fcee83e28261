"""Digests: one document for one content, whatever its name, and the refusals it settles."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from crawler import layouts
from storage import deferred, digests, merging
from storage.digests import Text
from storage.documents import Listing, Page, Refusal, Resolution

if TYPE_CHECKING:
    from pathlib import Path

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


async def test_several_copies_of_a_day_are_read_once_each(database: Database) -> None:
    """Saved twice, with other numbers: whichever was read last stands, and reading both again changes nothing."""
    early, late = (
        Page(listings=(Listing(position=1, title="Ice", arxiv_id="2503.00001", upvotes=votes),), digest="hf-daily:1")
        for votes in (1, 2)
    )
    for new in (True, False):
        for what, raw in ((early, "aa"), (late, "bb")):
            text = Text(f"{raw}.html", raw, f"/{raw}.html")
            assert await digests.store(database, what, text, source="hf_props", digest="hf-daily:1") is new
        [paper] = await everything(database, "papers")
        assert [one["upvotes"] for one in paper["sightings"]] == [2]
    [digest] = await everything(database, "digests")
    assert digest["first_seen_at"] < digest["seen_at"]


async def test_an_unchanged_list_in_another_text_can_be_read_again(database: Database) -> None:
    """The latest crawl's text is the one that a mended layout reads, also where nothing in the list had changed."""
    what = Page(listings=(Listing(position=1, title="Ice", arxiv_id="2503.00001"),), digest="hf-daily:1")
    for raw in ("aa", "bb"):
        text = Text("hf-daily:1", raw, crawled=dt.date(2026, 3, 3))
        assert await digests.store(database, what, text, source="hf_api", digest="hf-daily:1") is (raw == "aa")
    mended = what.model_copy(update={"listings": (what.listings[0].model_copy(update={"title": "Ice and Snow"}),)})
    for raw in ("aa", "bb"):
        told = await digests.store(database, mended, Text(raw, raw), source="hf_api", digest="hf-daily:1")
        assert told is (raw == "bb")
    [paper] = await everything(database, "papers")
    assert paper["title"] == "Ice and Snow"


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


async def test_a_kept_text_that_is_refused_again_is_one_refusal(database: Database) -> None:
    """It keeps the name and the digest by which it came, and tells the reason of today."""
    first = Refusal(name="hf-daily:1", digest="hf-daily:1", reason="props_broken", detail="then", raw="a" * 64)
    kept = Refusal(name="x.zst", path=f"/data/raw/{'a' * 64}.zst", reason="record_shape", detail="now", raw="a" * 64)
    for one in (first, kept):
        await deferred.add(database, one)
    [refused] = await everything(database, "deferred")
    assert (refused["digest"], refused["reason"], refused["detail"]) == ("hf-daily:1", "record_shape", "now")


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


# --- the year that a copy leaves out ----------------------------------------------------------------------


def listing(*ids: str, shown: str = "Mar 11", **fields: Any) -> Page:
    """A copy of a page that lists these papers."""
    found = tuple(Listing(position=at, title=f"Of {one}", arxiv_id=one) for at, one in enumerate(ids, 1))
    return Page(listings=found, page_date_shown=shown, **fields)


async def dates(database: Database) -> set[tuple[str | None, str | None]]:
    """The page's date and its basis, as every sighting and the digest itself tell it."""
    sightings = [one for paper in await everything(database, "papers") for one in paper["sightings"]]
    return {(one["page_date"], one["page_date_basis"]) for one in [*sightings, *await everything(database, "digests")]}


@pytest.mark.parametrize(
    ("shown", "ids", "expected"),
    [
        ("Mar 11", ["2401.00001", "2502.19402", "2312.00009"], "2025-03-11"),  # as in the three seeds
        ("Mar 14", ["2502.14631"], "2025-03-14"),
        ("Mar 18", ["2503.13222", "2412.03293"], "2025-03-18"),
        ("Mar 11", ["2503.00001"], "2025-03-11"),
        ("Mar 11", ["2504.00001"], "2026-03-11"),
        ("Feb 28", ["2503.00001"], "2025-02-28"),
        ("Feb 27", ["2503.00001"], "2026-02-27"),
        ("Dec 31", ["2601.00001"], "2025-12-31"),
        ("Jan 1", ["2512.00001"], "2026-01-01"),
        ("Feb 29", ["2501.00001"], "2028-02-29"),
        ("Feb 29", ["2403.00001"], "2024-02-29"),
        ("Mar 11", ["hep-th/9901001"], "1999-03-11"),
    ],
)
async def test_a_copy_is_dated_by_the_newest_paper_it_lists(
    database: Database, shown: str, ids: list[str], expected: str
) -> None:
    """The first such day not before the last one of the month before: in every sighting and in the digest."""
    await store(database, listing(*ids, shown=shown))
    await digests.date_by_ids(database)
    assert await dates(database) == {(expected, "newest_id")}


async def test_the_year_rises_with_newer_ids_and_stays(database: Database) -> None:
    """Without any id there is none; dating again, and reading the copy again, changes nothing at all."""
    named = page("How Ice Grows", "How Ice Goes")
    await store(database, named)
    await digests.date_by_ids(database)
    assert await dates(database) == {(None, None)}
    for arxiv_id, expected in (("2402.00001", "2024-03-11"), ("2502.00001", "2025-03-11")):
        old = await database["papers"].find_one({"_id": {"$regex": "^title:"}})
        assert old
        await merging.merge(database, [merging.Merge(old, arxiv_id, Resolution(status="resolved"))])
        await digests.date_by_ids(database)
        assert await dates(database) == {(expected, "newest_id")}
    before = await everything(database, "papers")
    assert not await store(database, named, name="b.txt")
    await digests.date_by_ids(database)
    assert await everything(database, "papers") == before


async def test_what_a_mended_layout_reads_is_dated_again(database: Database) -> None:
    """Its sightings are new ones, and know no year until the next resolution."""
    await store(database, listing("2502.00001", "2401.00001"))
    await digests.date_by_ids(database)
    await store(database, listing("2401.00001", "2502.00001"))
    assert await dates(database) == {(None, None)}
    await digests.date_by_ids(database)
    assert await dates(database) == {("2025-03-11", "newest_id")}


async def test_only_copies_that_show_no_year_are_dated(database: Database) -> None:
    """What a page says itself stays, and so does what it cannot say in another layout."""
    told: dict[str, Any] = {"page_date": dt.date(2024, 3, 11), "page_date_basis": "explicit"}
    await store(database, listing("2502.00001", **told))
    await digests.store(database, listing("2502.00002"), Text("b", "bb"), source="text_b", digest="text:02")
    await digests.date_by_ids(database)
    assert await dates(database) == {("2024-03-11", "explicit"), (None, None)}


async def test_a_year_that_was_given_is_not_forgotten(database: Database) -> None:
    """The same copy without it changes nothing; another year replaces it."""
    years: list[dict[str, Any]] = [
        {"page_date": dt.date(year, 3, 11), "page_date_basis": "explicit"} for year in (2024, 2025)
    ]
    await store(database, listing("2401.00001"))
    await digests.date_by_ids(database)
    for told in years:
        assert await store(database, listing("2401.00001", **told))
        assert not await store(database, listing("2401.00001"))
        inferred = listing("2401.00001", page_date=dt.date(2026, 3, 11), page_date_basis="page_years")
        assert not await store(database, inferred)
        await digests.date_by_ids(database)
        assert await dates(database) == {(str(told["page_date"]), "explicit")}


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("seed", "date"),
    [
        ("000_fb439f3fb56e3107.txt", "2025-03-11"),
        ("001_311d3c3ef2d0397c.txt", "2025-03-14"),
        ("004_7c632fc4ffd44a21.txt", "2025-03-18"),
    ],
)
async def test_seed_pages_are_of_2025(database: Database, shared: Path, seed: str, date: str) -> None:
    """By the newest of those of their papers whose ids are confirmed."""
    source, seen = layouts.read((shared / "seeds" / seed).read_text(encoding="utf-8"))
    await digests.store(database, seen, Text(seed, "aa"), source=source, digest="text:01")
    truth = map(orjson.loads, (shared / "data" / "truth" / "seed_truth.jsonl").read_bytes().splitlines())
    ids = {one["title"]: one["arxiv_id"] for one in truth if one["status"] == "confirmed"}
    found = [one for one in await everything(database, "papers") if one["title"] in ids]
    resolved = Resolution(status="resolved")
    await merging.merge(database, [merging.Merge(one, ids[one["title"]], resolved) for one in found])
    await digests.date_by_ids(database)
    assert await dates(database) == {(date, "newest_id")}


# --- what was crawled -------------------------------------------------------------------------------------

MONDAY = dt.date(2026, 3, 2)


async def crawled(database: Database, what: Page, raw: str, day: dt.date | None = MONDAY) -> bool:
    """Store it as a list of that Monday, crawled on a day, or somebody's copy of it."""
    return await digests.store(
        database, what, Text("x", raw, crawled=day), source="hf_api", digest="hf-daily:2026-03-02"
    )


async def test_a_kept_text_stands_for_its_crawl(database: Database) -> None:
    """Read again it changes nothing; read better it is what was crawled, but no measurement."""
    await crawled(database, listing("2502.00001"), "aa")
    before = [await everything(database, one) for one in ("papers", "observations")]
    assert not await crawled(database, listing("2502.00001"), "aa", day=None)
    assert [await everything(database, one) for one in ("papers", "observations")] == before
    mended = Page(listings=(Listing(position=1, title="Of Ice", arxiv_id="2502.00001", upvotes=7),))
    assert await crawled(database, mended, "aa", day=None)
    [paper] = await everything(database, "papers")
    assert [one["upvotes"] for one in paper["sightings"]] == [7]
    assert await everything(database, "observations") == []


async def test_an_earlier_look_at_a_day_tells_nothing_more(database: Database) -> None:
    """A later one followed; nor does an answer that held more than this day, under a name of its own."""
    await crawled(database, listing("2502.00001"), "aa")
    await crawled(database, listing("2502.00001", "2502.00002"), "bb", MONDAY + dt.timedelta(1))
    before = [await everything(database, one) for one in ("papers", "digests")]
    assert not await crawled(database, listing("2502.00001"), "aa", day=None)
    assert not await digests.store(database, listing("2502.00009"), Text("y", "bb"), source="hf_api", digest="text:09")
    assert [await everything(database, one) for one in ("papers", "digests")] == before


async def test_what_went_from_the_raw_store_offers_no_replay(database: Database) -> None:
    """The refusal itself stays, and so does the command of a text that is kept."""
    for raw in ("aa", "bb"):
        await deferred.add(database, Refusal(name="a.txt", reason="x", detail="why", raw=raw, replay=f"read {raw}"))
    await deferred.forget_replays(database, ["aa", "cc"])
    assert [one["replay"] for one in await everything(database, "deferred")] == [None, "read bb"]
