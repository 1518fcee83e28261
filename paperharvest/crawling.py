"""Scrapy from the command line: one spider, its statistics as a report."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings as ScrapySettings

from storage.documents import Refusal
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.crawler import Crawler

    from enrich.report import Progress
    from paperharvest.config import Settings


@dataclass(frozen=True)
class CrawlReport:
    """What became of the digests."""

    digests: int = 0
    unchanged: int = 0
    listings: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    dotted: int = 0
    """Names within folders that begin with a dot: they were skipped."""


def crawl(settings: Settings, spider: str, mongo_uri: str, progress: Progress, **arguments: Any) -> CrawlReport:
    """Run a spider to its end. Raises what it failed with, a StorageError where pages could not be stored.

    By itself Scrapy logs errors, and interrupts, and calls the crawl finished.
    """
    process = AsyncCrawlerProcess(_settings(settings, mongo_uri))
    crawler = process.create_crawler(spider)
    errors: list[BaseException] = []
    for event in (signals.item_error, signals.spider_error):
        crawler.signals.connect(lambda failure: errors.append(failure.value), event, weak=False)
    _follow(crawler, progress)
    task = process.crawl(crawler, **arguments)
    with _own_signal_handlers():
        process.start()
    stats = crawler.stats.get_stats() if crawler.stats else {}
    if not task.done():  # interrupted twice
        raise KeyboardInterrupt
    if error := task.exception() or next(iter(errors), None):
        raise error
    if "harvest/error" in stats:
        raise StorageError(stats["harvest/error"])
    if stats.get("finish_reason") == "shutdown":
        raise KeyboardInterrupt
    return CrawlReport(
        digests=stats.get("harvest/digests", 0),
        unchanged=stats.get("harvest/unchanged", 0),
        listings=stats.get("harvest/listings", 0),
        warnings=stats.get("harvest/warnings", []),
        dotted=stats.get("harvest/dotted", 0),
        refusals=sorted(map(Refusal.model_validate, stats.get("harvest/refusals", ())), key=attrgetter("name")),
    )


def _follow(crawler: Crawler, progress: Progress) -> None:
    """Tell of every item that is stored or refused; how many there will be stands in the statistics."""
    begun = False

    def done(item: Any) -> None:  # noqa: ARG001 - Scrapy hands over what a receiver names
        nonlocal begun
        if not begun and crawler.stats:
            progress.begin("digests", crawler.stats.get_value("harvest/files", 0))
            begun = True
        progress.advance("digests", 1)

    for event in (signals.item_scraped, signals.item_dropped):
        crawler.signals.connect(done, event, weak=False)


@contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Scrapy leaves its handlers behind, for which Ctrl-C ends a crawl that is over."""
    own = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in own.items():
            signal.signal(number, handler)


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
