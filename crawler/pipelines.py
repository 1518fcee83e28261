"""From spiders to the database: a digest is one bulk write, a refused text is kept for another try."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.exceptions import DropItem

from crawler import files
from crawler.items import Digest, Refused
from storage import connect, deferred, digests, raw
from storage.errors import StorageError

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

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
        """Leave the database."""
        await self.opened.aclose()

    async def process_item(self, item: Digest | Refused) -> Digest | Refused:
        """Store one item whole."""
        if self.stats.get_value("harvest/error"):
            return item
        try:
            with connect.explained(self.database):
                await (self._store(item) if isinstance(item, Digest) else self._keep(item))
        except StorageError as error:
            logger.info("%s", error)  # for `scrapy crawl`; our command line ends with this sentence
            self.stats.set_value("harvest/error", str(error))
            # Not awaited here: Scrapy closes a spider when its items are done, and this one is not.
            self.ending = asyncio.create_task(self.crawler.engine.close_spider_async(reason="store_failed"))
        return item

    async def _store(self, item: Digest) -> None:
        new = await digests.store(
            self.database,
            item.page,
            source=item.source,
            digest=item.digest,
            name=item.name,
            path=item.path,
            raw=item.raw,
        )
        self.stats.inc_value("harvest/digests" if new else "harvest/unchanged")
        self.stats.inc_value("harvest/listings", len(item.page.listings))
        if warnings := [f"{item.name}: {warning}" for warning in item.page.warnings]:
            self.stats.set_value("harvest/warnings", [*self.stats.get_value("harvest/warnings", []), *warnings])

    async def _keep(self, item: Refused) -> None:
        refusal = item.refusal
        if item.content is not None:
            kept = raw.keep(self.data_dir, item.content)
            replay = refusal.replay or files.command("digest", str(kept))
            refusal = refusal.model_copy(update={"raw": raw.digest_of(item.content), "replay": replay})
        await deferred.add(self.database, refusal)
        refusals = self.stats.get_value("harvest/refusals", [])
        self.stats.set_value("harvest/refusals", [*refusals, refusal.model_dump()])
        raise DropItem(str(item))  # a feed of Scrapy's own shall hold what was read, and has no place for bytes
