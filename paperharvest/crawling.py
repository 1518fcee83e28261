"""Scrapy from the command line: one spider, its statistics as a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings as ScrapySettings

from storage.documents import Refusal
from storage.errors import StorageError

if TYPE_CHECKING:
    from paperharvest.config import Settings


@dataclass(frozen=True)
class CrawlReport:
    """What became of the digests."""

    digests: int = 0
    unchanged: int = 0
    listings: int = 0
    refusals: list[Refusal] = field(default_factory=list)


def crawl(settings: Settings, mongo_uri: str, spider: str, **arguments: Any) -> CrawlReport:
    """Run a spider to its end. Raises StorageError where its pages could not be stored."""
    process = AsyncCrawlerProcess(_settings(settings, mongo_uri))
    crawler = process.create_crawler(spider)
    task = process.crawl(crawler, **arguments)
    process.start()
    if error := task.exception():
        raise error
    stats = crawler.stats.get_stats() if crawler.stats else {}
    if "harvest/error" in stats:
        raise StorageError(stats["harvest/error"])
    return CrawlReport(
        digests=stats.get("harvest/digests", 0),
        unchanged=stats.get("harvest/unchanged", 0),
        listings=stats.get("harvest/listings", 0),
        refusals=[Refusal.model_validate(one) for one in stats.get("harvest/refusals", ())],
    )


def _settings(settings: Settings, mongo_uri: str) -> ScrapySettings:
    scrapy_settings = ScrapySettings()
    scrapy_settings.setmodule("crawler.settings")
    scrapy_settings.update(
        {
            "LOG_INSTALL_ROOT_HANDLER": False,
            "MONGO_URI": mongo_uri,
            "MONGO_DATABASE": settings.database,
            "DATA_DIR": str(settings.data_dir),
            "USER_AGENT": settings.user_agent,
        }
    )
    return scrapy_settings
