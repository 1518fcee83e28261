"""The commands' work. Imported by the command line when one is run: what it imports is heavy."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from enrich import providers, run
from enrich.http import session
from enrich.resolve import resolve as resolve_titles
from paperharvest import logs, views
from paperharvest.crawling import crawl
from paperharvest.progress import showing
from paperharvest.summary import Summary
from storage import connect, export, lookup, runs, status
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
    from pathlib import Path

    from enrich.http import Api
    from enrich.report import Progress
    from paperharvest.config import Settings
    from storage.connect import Database, Document

logger = logging.getLogger(__name__)
T = TypeVar("T")
Work: TypeAlias = "Callable[[Database, Summary, Progress], Awaitable[None]]"


def harvest(settings: Settings, paths: list[str], output: Path | None, *, quiet: bool) -> Summary:
    """Crawl, resolve, enrich and, where a file is named, export the whole database."""

    async def work(database: Database, summary: Summary, progress: Progress) -> None:
        await _ask(settings, database, summary, run.KINDS, progress, titles=True)
        if output is not None:
            await _export(database, summary, output, {})

    if output is not None:
        export.check(output)
    return _execute(settings, "run", work, paths=paths, quiet=quiet)


def crawl_digest(settings: Settings, paths: list[str], *, quiet: bool) -> Summary:
    """Store the digests in files and folders."""

    async def work(_database: Database, _summary: Summary, _progress: Progress) -> None:
        """Nothing follows the crawl."""

    return _execute(settings, "crawl digest", work, paths=paths, quiet=quiet)


def ask(settings: Settings, kinds: Collection[str], *, titles: bool, quiet: bool) -> Summary:
    """Find the papers behind titles, or ask for the facts of these kinds that are due."""

    async def work(database: Database, summary: Summary, progress: Progress) -> None:
        await _ask(settings, database, summary, kinds, progress, titles=titles)

    return _execute(settings, "resolve" if titles else "enrich", work, quiet=quiet)


def write_lines(settings: Settings, output: Path | None, where: Document) -> Summary:
    """Export the papers that a filter selects."""

    async def work(database: Database, summary: Summary, _progress: Progress) -> None:
        await _export(database, summary, output, where)

    return _execute(settings, "export", work, quiet=True)


def overview(settings: Settings) -> Document:
    """What there is, how much of it is known, what was refused, and what to do next."""
    figures = _looked_up(settings, status.overview)
    key = settings.providers["github"].api_key
    return figures | {"next": list(views.next_steps(figures, token=key is not None))}


def find(settings: Settings, asked: str) -> list[Document]:
    """The papers that an id, an address, a DOI or a title names. Raises StorageError where there is none."""

    async def found(database: Database) -> list[Document]:
        return await lookup.papers(database, asked)

    if papers := _looked_up(settings, found):
        return papers
    raise StorageError(
        f"no paper is stored under {asked[:200]!r}: give its arXiv id, DOI or whole title,"
        """ or search titles with paperharvest export --where '{"title": {"$regex": "word", "$options": "i"}}'"""
    )


def lines_of(papers: list[Document]) -> list[bytes]:
    """Papers as exported lines."""
    return [export.line_of(export.paper_of(one)) for one in papers]


def _looked_up(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    with _server(settings) as uri:
        return _in_database(settings, uri, work)


def hold(settings: Settings, say: Callable[[str], None]) -> None:
    """Keep the database open, its address said, until the terminal interrupts."""
    with _server(settings) as uri, suppress(KeyboardInterrupt):
        say(uri)
        threading.Event().wait()


@contextmanager
def _server(settings: Settings) -> Iterator[str]:
    uri = settings.mongo_uri.get_secret_value() if settings.mongo_uri else None
    with connect.server(uri, settings.data_dir) as found:
        yield found


def _execute(settings: Settings, command: str, work: Work, *, paths: list[str] | None = None, quiet: bool) -> Summary:
    """Run a command: the crawl of these paths, if any, then the work. Its beginning and its end stand in `runs`.

    Scrapy runs an event loop of its own, so the crawl stands between two of ours.
    """
    summary = Summary()

    async def begin(database: Database) -> None:
        await runs.begin(database, logs.RUN, command)

    async def finish(database: Database) -> None:
        await runs.end(database, logs.RUN, summary.counts())

    logger.info("%s begins", command)
    with _server(settings) as uri:
        _in_database(settings, uri, begin)
        try:
            with showing(quiet=quiet) as progress:
                if paths is not None:
                    summary.crawled = crawl(settings, uri, progress, "digest", path=paths)
                _in_database(settings, uri, lambda database: work(database, summary, progress))
        except BaseException as error:
            summary.error = str(error) if isinstance(error, StorageError) else type(error).__name__
            raise
        finally:
            with suppress(StorageError):
                _in_database(settings, uri, finish)
    return summary


def _in_database(settings: Settings, uri: str, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run a piece of work on the database, in an event loop of its own."""

    async def worked() -> T:
        async with connect.connected(uri, settings.database) as database:
            return await work(database)

    return asyncio.run(worked())


async def _ask(
    settings: Settings,
    database: Database,
    summary: Summary,
    kinds: Collection[str],
    progress: Progress,
    *,
    titles: bool,
) -> None:
    async with _apis(settings, database) as apis:
        if titles:
            summary.asked.append(await resolve_titles(database, apis.get("arxiv"), progress))
        summary.asked += await run.enrich(database, apis, kinds, progress)


@asynccontextmanager
async def _apis(settings: Settings, database: Database) -> AsyncIterator[dict[str, Api]]:
    async with session(settings.user_agent) as pool:
        yield providers.open_apis(pool, database, settings.providers)


async def _export(database: Database, summary: Summary, output: Path | None, where: Document) -> None:
    summary.exported, summary.output = 0, output
    with export.target(output) as file:
        async for line in export.lines(database, where):
            file.write(line)
            summary.exported += 1
