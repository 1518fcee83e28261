"""The one pipeline: pages are stored whole, refused texts are kept for another try, a failing store ends the crawl."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from scrapy.exceptions import DropItem
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector

from crawler import files
from crawler.items import Digest, Refused
from crawler.pipelines import Item, StorePipeline
from storage import raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scrapy.crawler import Crawler

    from storage.connect import Database, Document

ABSTRACT = "Cold water moves. " * 20
COPY = f"new\n\nSubscribe\n\nMar 11\n\nHow Ice Grows\n\n{ABSTRACT}\n\nOf Rivers\n\n{ABSTRACT}"
BROKEN = f"{COPY}\n\nhalf a\nrecord"


def read(name: str, text: str) -> Digest | Refused:
    """What the spider makes of a file of that text."""
    Path(name).write_bytes(text.encode())
    return files.read(name)


def kept(data_dir: Path) -> dict[Path, bytes]:
    """The raw store."""
    return {path: raw.unpack(path.read_bytes(), 10**6) for path in (data_dir / "raw").iterdir()}


class Crawl:
    """What the pipeline knows of Scrapy: settings, statistics and a way to end it."""

    def __init__(self, mongo_uri: str, database: str, data_dir: Path) -> None:
        self.settings = Settings({"MONGO_URI": mongo_uri, "MONGO_DATABASE": database, "DATA_DIR": str(data_dir)})
        self.stats = MemoryStatsCollector(cast("Crawler", self))
        self.engine = self
        self.ended: list[str] = []
        self.pipeline = StorePipeline.from_crawler(cast("Crawler", self))

    async def close_spider_async(self, *, reason: str) -> None:
        """Scrapy would stop here."""
        self.ended.append(reason)

    async def read(self, name: str, text: str) -> Item:
        """A file of that text goes through the pipeline."""
        return await self.take(read(name, text))

    async def take(self, item: Item) -> Item:
        """An item goes through the pipeline; one that is refused comes out for nobody else."""
        try:
            return await self.pipeline.process_item(item)
        except DropItem:
            assert isinstance(item, Refused)
            return item

    def counted(self) -> dict[str, Any]:
        """Our own statistics."""
        stats = self.stats.get_stats()
        return {key.removeprefix("harvest/"): value for key, value in stats.items() if key.startswith("harvest/")}


@pytest.fixture
async def crawl(
    mongo_uri: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Crawl]:
    """A crawl whose spider is open; its data folder has a blank in its name."""
    monkeypatch.chdir(tmp_path)
    opened = Crawl(mongo_uri, database.name, tmp_path / "my data")
    await opened.pipeline.open_spider()
    yield opened
    await opened.pipeline.close_spider()


async def everything(database: Database, collection: str) -> list[Document]:
    """All documents, in order."""
    return [one async for one in database[collection].find().sort("_id", 1)]


async def test_a_page_is_stored_whole(crawl: Crawl, database: Database) -> None:
    """All its papers and one digest; a copy under another name is counted as known."""
    item = await crawl.read("a.txt", COPY)
    await crawl.read("b.txt", COPY.replace("\n", "\r\n"))
    assert isinstance(item, Digest)
    assert crawl.counted() == {"digests": 1, "unchanged": 1, "listings": 4}
    assert sorted(one["title"] for one in await everything(database, "papers")) == ["How Ice Grows", "Of Rivers"]
    [digest] = await everything(database, "digests")
    assert (digest["_id"], digest["names"], digest["records"]) == (item.digest, ["a.txt", "b.txt"], 2)


async def test_what_looks_odd_is_counted(crawl: Crawl) -> None:
    """A header line that nobody knows stops nothing, and is told with the file's name."""
    await crawl.read("odd.txt", COPY.replace("new", "brand new"))
    assert crawl.counted()["warnings"] == ["odd.txt: header_unknown: 'brand new'"]


async def test_a_refused_text_is_kept_and_can_be_replayed(crawl: Crawl, database: Database, tmp_path: Path) -> None:
    """Nothing of it is stored but why, where, and the command that reads its bytes again, as a shell takes it."""
    await crawl.read("broken.txt", BROKEN)
    await crawl.read("good.txt", COPY)
    [refused] = await everything(database, "deferred")
    assert (refused["name"], refused["reason"], refused["line"]) == ("broken.txt", "record_shape", 15)
    path = tmp_path / "my data" / "raw" / f"{refused['raw']}.zst"
    assert shlex.split(refused["replay"]) == ["paperharvest", "crawl", "digest", str(path)]
    assert kept(tmp_path / "my data") == {path: BROKEN.encode()}
    assert [one["name"] for one in crawl.counted()["refusals"]] == ["broken.txt"]
    assert len(await everything(database, "papers")) == 2
    assert [one["names"] for one in await everything(database, "digests")] == [["good.txt"]]


async def test_what_cannot_be_read_is_noted_until_it_can(crawl: Crawl, database: Database, tmp_path: Path) -> None:
    """There is nothing to keep and nothing to replay but the file itself, from any folder."""
    await crawl.take(files.read("late.txt"))
    [refused] = await everything(database, "deferred")
    assert (refused["name"], refused["raw"]) == ("late.txt", None)
    assert shlex.split(refused["replay"]) == ["paperharvest", "crawl", "digest", str(tmp_path / "late.txt")]
    await crawl.read("late.txt", COPY)
    assert await everything(database, "deferred") == []


async def test_a_dump_is_noted_with_the_command_that_reads_it(crawl: Crawl, database: Database, tmp_path: Path) -> None:
    """Its replay is no second `crawl digest`; it is not kept, however small."""
    line = '{"id": "2503.00001", "title": "Of Rivers"}'
    await crawl.read("dump.jsonl", line)
    [refused] = await everything(database, "deferred")
    command = f"paperharvest crawl dump {tmp_path / 'dump.jsonl'} --layout jsonl"
    assert (refused["reason"], refused["replay"]) == ("dump", command)
    assert (refused["size"], refused["head"]) == (len(line), raw.digest_of(line.encode()))
    assert not (tmp_path / "my data" / "raw").exists()


async def test_of_what_is_too_large_nothing_is_kept(crawl: Crawl, database: Database, tmp_path: Path) -> None:
    """But its path, its size and the hash of its first MiB, until a smaller one is read."""
    size = files.LARGEST + 1
    (tmp_path / "large.txt").touch()
    os.truncate(tmp_path / "large.txt", size)
    await crawl.take(files.read("large.txt"))
    [refused] = await everything(database, "deferred")
    assert (refused["name"], refused["reason"], refused["size"]) == ("large.txt", "too_large", size)
    assert (refused["raw"], refused["head"]) == (None, raw.digest_of(bytes(2**20)))
    assert not (tmp_path / "my data" / "raw").exists()
    await crawl.read("large.txt", COPY)
    assert await everything(database, "deferred") == []


async def test_a_store_that_fails_ends_the_crawl(crawl: Crawl, database: Database) -> None:
    """With its sentence; what is read until then is not tried: each try might wait for the database."""
    await database.command("collMod", "papers", validator={"title": {"$type": "int"}})
    await crawl.read("a.txt", COPY)
    await crawl.read("b.txt", COPY.replace("Mar 11", "Mar 12"))
    await crawl.pipeline.ending
    assert crawl.ended == ["store_failed"]
    assert crawl.counted()["error"].startswith("MongoDB refused 2 writes to papers (codes [121])")
    assert await everything(database, "digests") == []


async def test_a_folder_that_cannot_be_written_ends_the_crawl(crawl: Crawl, tmp_path: Path) -> None:
    """A refused text that cannot be kept is not let go."""
    (tmp_path / "my data").write_text("in the way")
    await crawl.read("broken.txt", BROKEN)
    await crawl.pipeline.ending
    assert crawl.ended == ["store_failed"]
    assert "cannot be written" in crawl.counted()["error"]
