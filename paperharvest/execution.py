"""How a command runs: the database while it lasts, its run noted, its crawl before its work."""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from paperharvest import logs
from paperharvest.progress import showing
from paperharvest.summary import Summary
from storage import connect, runs
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from enrich.report import Progress
    from paperharvest.config import Settings
    from paperharvest.summary import CrawlReport
    from storage.connect import Database

logger = logging.getLogger(__name__)
T = TypeVar("T")
GARBAGE = (100_000, 20, 20)
"""A bulk of updates is some 75,000 small objects at once: by default Python looks for garbage among them a hundred
times, which costs more than making them."""
Crawl: TypeAlias = "Callable[[str, Progress], CrawlReport]"
"""Given the database's address."""
Work: TypeAlias = "Callable[[Database, Summary, Progress], Awaitable[None]]"


@contextmanager
def server(settings: Settings) -> Iterator[str]:
    """The address of the database, which is there for as long as the context."""
    uri = settings.mongo_uri.get_secret_value() if settings.mongo_uri else None
    try:
        with connect.server(uri, settings.data_dir) as found:
            yield found
    except StorageError as error:
        if uri is None or "mongo_uri" not in str(error):
            raise
        raise StorageError(f"{error} ({settings.source('mongo_uri')})") from None


def in_database(settings: Settings, uri: str, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run a piece of work on the database, in an event loop of its own."""

    async def worked() -> T:
        async with connect.connected(uri, settings.database) as database:
            return await work(database)

    return asyncio.run(worked())


def execute(
    settings: Settings, command: str, *, crawl: Crawl | None = None, work: Work | None = None, quiet: bool
) -> Summary:
    """Run a command: its crawl, if any, then its work. Its beginning and its end stand in `runs`.

    Scrapy runs an event loop of its own, so the crawl stands between two of ours.
    """
    gc.set_threshold(*GARBAGE)
    summary = Summary()

    async def begin(database: Database) -> None:
        await runs.begin(database, logs.RUN, command)

    async def finish(database: Database) -> None:
        await runs.end(database, logs.RUN, summary.counts())

    logger.info("%s begins", command)
    with server(settings) as uri:
        in_database(settings, uri, begin)
        try:
            with showing(quiet=quiet) as progress:
                if crawl is not None:
                    summary.crawled = crawl(uri, progress)
                if work is not None:
                    in_database(settings, uri, lambda database: work(database, summary, progress))
        except BaseException as error:
            summary.error = str(error) if isinstance(error, StorageError) else type(error).__name__
            raise
        finally:
            with suppress(StorageError):
                in_database(settings, uri, finish)
    return summary
