"""From spiders to the database: a digest is one bulk write, a refused text is kept for another try."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from scrapy.exceptions import DropItem

from crawler import files
from crawler.items import Asked, Digest, Refused, Rows
from storage import connect, days, deferred, digests, papers, raw
from storage.contributions import Origin
from storage.digests import Text
from storage.documents import Listing
from storage.errors import StorageError

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

Item: TypeAlias = Digest | Rows | Asked | Refused

logger = logging.getLogger(__name__)


class StorePipeline:
    """Stores items, and counts what became of them in Scrapy's statistics under `harvest/`.

    A database that fails ends the crawl: by itself Scrapy would go on and call it finished. What is read until
    then is left: each try would wait for the database again.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler, self.stats = crawler, crawler.stats
        self.data_dir = Path(crawler.settings["DATA_DIR"])
        self.opened = AsyncExitStack()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> StorePipeline:
        """Scrapy's way to make a pipeline."""
        return cls(crawler)

    async def open_spider(self) -> None:
        """Connect before the first page is read. Raises StorageError."""
        settings = self.crawler.settings
        uri = self.opened.enter_context(connect.server(settings["MONGO_URI"], self.data_dir))
        connection = connect.connected(uri, settings["MONGO_DATABASE"])
        self.database = await self.opened.enter_async_context(connection)

    async def close_spider(self) -> None:
        """Leave the database, and no more texts than the user has room for."""
        try:
            if not self.stats.get_value("harvest/error"):
                with connect.explained(self.database):
                    spared = await deferred.kept_texts(self.database)
                    gone = raw.trim(self.data_dir, self.crawler.settings.getint("RAW_LIMIT"), spared)
                    await deferred.forget_replays(self.database, gone)
                tell(self.crawler, "trimmed", gone)
        finally:
            await self.opened.aclose()

    async def process_item(self, item: Item) -> Item:
        """Store one item whole."""
        if self.stats.get_value("harvest/error"):
            return item
        try:
            with connect.explained(self.database):
                await self._process(item)
        except StorageError as error:
            logger.info("%s", error)  # for `scrapy crawl`; our command line ends with this sentence
            self.stats.set_value("harvest/error", str(error))
            # Not awaited here: Scrapy closes a spider when its items are done, and this one is not.
            self.ending = asyncio.create_task(self.crawler.engine.close_spider_async(reason="store_failed"))
        return item

    async def _process(self, item: Item) -> None:
        match item:
            case Digest():
                await self._store(item)
            case Rows():
                await self._add(item)
            case Asked():
                await days.note(self.database, item.source, item.day, item.state)
            case Refused():
                await self._keep(item)

    async def _store(self, item: Digest) -> None:
        if item.content is not None:
            raw.keep(self.data_dir, item.content)
        text = Text(item.name, item.raw, item.path, item.crawled)
        new = await digests.store(self.database, item.page, text, source=item.source, digest=item.digest)
        self.stats.inc_value("harvest/digests" if new else "harvest/unchanged")
        self.stats.inc_value("harvest/listings", len(item.page.listings))
        tell(self.crawler, "warnings", [f"{item.name}: {warning}" for warning in item.page.warnings])

    async def _add(self, item: Rows) -> None:
        """Add what rows of a dump tell, then keep how far it was read."""
        part = item.part
        listings = [one for one in part.records if isinstance(one, Listing)]
        lines = [one for one in part.records if not isinstance(one, Listing)]
        origin = Origin(item.source, item.digest, rows=True)
        added = await papers.add(self.database, listings, origin, known_only=item.known_only)
        await papers.restore(self.database, lines)
        await deferred.add_rows(self.database, part.refusals)
        told = {"source": item.source, "known_only": item.known_only}
        told |= {"records": part.read, "refused": part.refused, "whole": part.last}
        await digests.advance(self.database, item.digest, item.name, **told)
        tell(self.crawler, "refusals", [one.model_dump() for one in part.refusals])
        self.stats.inc_value("harvest/listings", added + len(lines))
        self.stats.inc_value("harvest/unknown", len(listings) - added)
        self.stats.inc_value("harvest/untold", part.untold)
        if part.last:
            self.stats.inc_value("harvest/digests")

    async def _keep(self, item: Refused) -> None:
        refusal = item.refusal
        if item.content is not None:
            kept = raw.keep(self.data_dir, item.content)
            replay = refusal.replay or files.command("digest", str(kept))
            refusal = refusal.model_copy(update={"raw": raw.digest_of(item.content), "replay": replay})
        await deferred.add(self.database, refusal)
        tell(self.crawler, "refusals", [refusal.model_dump()])
        raise DropItem(str(item))  # a feed of Scrapy's own shall hold what was read, and has no place for bytes


def tell(crawler: Crawler, kind: str, more: list[Any]) -> None:
    """Add to what the summary lists: what is `left`, the `warnings`, the `refusals` ..."""
    if more:
        crawler.stats.set_value(f"harvest/{kind}", [*crawler.stats.get_value(f"harvest/{kind}", []), *more])
