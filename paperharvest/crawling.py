"""Scrapy from the command line: one spider, its statistics as a report."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings as ScrapySettings

from paperharvest.execution import execute
from paperharvest.summary import CrawlReport
from storage.documents import Refusal
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.crawler import Crawler

    from enrich.report import Progress
    from paperharvest.config import Settings
    from paperharvest.summary import Summary


def crawl_only(settings: Settings, spider: str, *, quiet: bool, **arguments: Any) -> Summary:
    """Store what a spider reads."""
    name = f"crawl {spider.replace('_', '-')}"
    return execute(settings, name, crawl=partial(crawl, settings, spider, **arguments), quiet=quiet)


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
    told = {one.name: stats[key] for one in fields(CrawlReport) if (key := f"harvest/{one.name}") in stats}
    told["refusals"] = sorted(map(Refusal.model_validate, told.get("refusals", ())), key=attrgetter("name"))
    return CrawlReport(**told)


def _follow(crawler: Crawler, progress: Progress) -> None:
    """Tell how far the spider says that it is whenever an item was stored or refused."""
    shown = -1

    def done(item: Any) -> None:  # noqa: ARG001 - Scrapy hands over what a receiver names
        nonlocal shown
        told = crawler.stats.get_stats() if crawler.stats else {}
        unit, far = told.get("harvest/unit", "digests"), told.get("harvest/done", 0)
        if shown < 0:
            progress.begin(unit, told.get("harvest/total"))
        progress.advance(unit, far - max(shown, 0))
        shown = far

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
    scrapy_settings.update({"LOG_INSTALL_ROOT_HANDLER": False, **settings.for_scrapy(), "MONGO_URI": mongo_uri})
    return scrapy_settings
