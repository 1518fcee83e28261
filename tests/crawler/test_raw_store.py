"""The raw store: what was fetched or refused is kept, and read again without asking anybody."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from storage import deferred, raw
from storage.documents import Refusal
from tests import standin
from tests.crawler.crawls import ROW, Place, entries
from tests.crawler.layouts.hf_pages import golden
from tests.lab import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from storage.connect import Database, Document
    from tests.lab import Lab

SUNDAY, MONDAY, TUESDAY, WEDNESDAY = "2026-03-08", "2026-03-09", "2026-03-10", "2026-03-11"
STORED = ("papers", "observations", "days", "deferred", "aliases")


@pytest.fixture
async def place(mongo_uri: str, database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """A stand-in that lists nothing yet, and a database that is empty."""
    async with standin.serve(days={}) as server:
        yield Place(mongo_uri, database, tmp_path, server)


async def stored(place: Place) -> list[list[Document]]:
    """All that is stored of papers, days and refusals, but for when."""
    return [
        [{key: value for key, value in one.items() if key != "at"} for one in await place.all(collection)]
        for collection in STORED
    ]


async def reread(place: Place) -> Document:
    """Crawl the raw store; nobody is asked for anything."""
    place.asked()
    told = await place.crawl("digest", path=str(place.folder / "raw"))
    assert place.asked() == []
    return told


async def test_fetched_days_are_read_again_without_asking(place: Place) -> None:
    """From the API and from pages, an earlier look and one that held two days, too: nothing changes."""
    assert place.server
    options = place.server.options
    strays = [one | {"paper": one["paper"] | {"id": f"2603.{at:05}"}} for at, one in enumerate(entries(2, SUNDAY), 1)]
    options.days = {
        MONDAY: [*strays, *entries(3, MONDAY)],
        TUESDAY: entries(4, TUESDAY),
        WEDNESDAY: entries(5, WEDNESDAY),
    }
    for day in (MONDAY, TUESDAY):
        await place.crawl("hf_daily", date=day)
    await place.crawl("hf_daily", date=WEDNESDAY, html="1")
    options.days = {MONDAY: [*strays, *entries(3, MONDAY, upvotes=99)]}
    await place.crawl("hf_daily", date=MONDAY)
    kept = list((place.folder / "raw").iterdir())
    before = await stored(place)
    assert len(before[0]) == 2 + 5
    for _ in range(2):
        told = await reread(place)
        assert (told["unchanged"], len(kept)) == (4, 4)
        assert "digests" not in told
        assert await stored(place) == before


async def test_a_fetched_feed_is_read_again_without_asking(place: Place) -> None:
    """It is what arXiv announced on that day, and not once more."""
    assert place.server
    place.server.options.today = WEDNESDAY
    place.server.options.announced = {WEDNESDAY: {ROW.id: "new"}}
    assert (await place.crawl("arxiv_rss", categories=[ROW.categories[0]]))["digests"] == 1
    before = await stored(place)
    assert (await reread(place))["unchanged"] == 1
    assert await stored(place) == before


@pytest.mark.parametrize(
    ("name", "day"),
    [("hf_props/svelte_5.html", "2026-03-18"), ("hf_api/day.json", None), ("hf_paper_page/paper.html", None)],
)
async def test_a_mended_layout_reads_what_an_older_one_refused(place: Place, name: str, day: str | None) -> None:
    """The records are there, and the refusals of that text, of the file and of the day are settled."""
    text = golden(name).encode()
    path = raw.keep(place.folder, text)
    for refused in (
        Refusal(name="a.html", reason="props_broken", detail="why", raw=raw.digest_of(text), replay="read it"),
        Refusal(name="b.html", path=str(path), reason="unreadable", detail="why"),
        *([Refusal(name="hf-daily", digest=f"hf-daily:{day}", reason="answer_unexpected", detail="x")] if day else []),
    ):
        await deferred.add(place.database, refused)
    told = await reread(place)
    assert (told["digests"], await place.all("deferred")) == (1, [])
    assert len(await place.all("papers")) == told["listings"] > 0
    assert [one["value"] for one in await place.all("observations")] == []


async def test_what_is_still_refused_is_refused_again(place: Place) -> None:
    """For the same reason, as kept; a broken archive as what it was."""
    (place.folder / "pages").mkdir()
    for at, content in enumerate((b"Dear diary", b"\x1f\x8b\x08broken", golden("hf_api/day.json")[:-9].encode())):
        (place.folder / "pages" / f"{at}.x").write_bytes(content)
    await place.crawl("digest", path=str(place.folder / "pages"))
    first = {one["raw"]: one["reason"] for one in await place.all("deferred")}
    await reread(place)
    assert {one["raw"]: one["reason"] for one in await place.all("deferred")} == first
    assert sorted(first.values()) == ["compressed_broken", "layout_unknown", "props_broken"]
    assert sorted(first) == sorted(one.stem for one in (place.folder / "raw").iterdir())


def test_the_oldest_texts_go_first(tmp_path: Path) -> None:
    """Until the rest has room; those that wait for a mended layout go last."""
    paths = [raw.keep(tmp_path, bytes([at]) * 100) for at in range(5)]
    size = paths[0].stat().st_size
    for at, path in enumerate(paths):
        os.utime(path, (at, at))
    spared = {paths[0].stem, paths[3].stem}
    assert raw.trim(tmp_path, 5 * size, spared) == []
    assert raw.trim(tmp_path, 3 * size, spared) == [paths[1].stem, paths[2].stem]
    assert raw.trim(tmp_path, size, spared) == [paths[4].stem, paths[0].stem]
    assert [one.stem for one in (tmp_path / "raw").iterdir()] == [paths[3].stem]
    assert raw.trim(tmp_path / "nowhere", 0, ()) == []


def test_what_goes_is_listed(lab: Lab) -> None:
    """With raw_limit, in MiB: nothing is said of it while there is room; then its refusal offers no replay."""
    (lab.folder / "diary.txt").write_text("Dear diary")
    assert "raw texts" not in lab.run("crawl", "digest", lab.folder / "diary.txt").stderr
    done = lab.having({"PAPERHARVEST_RAW_LIMIT": "0"}).run("crawl", "digest", EXAMPLES)
    name = raw.digest_of(b"Dear diary")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == f"raw texts: 1 of the oldest went, for raw_limit: {name}"
    with lab.database() as database:
        [refused] = database["deferred"].find()
    assert (refused["reason"], refused["raw"], refused["replay"]) == ("layout_unknown", name, None)
    assert name not in lab.run("status").stdout
