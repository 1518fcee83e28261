"""What the commands do that ask, and `run`. Imported when one is run: Scrapy and aiohttp are heavy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from enrich import providers, resolve, run
from enrich.http import session
from paperharvest.crawling import crawl
from paperharvest.execution import execute, in_database, server
from paperharvest.looking import export_into
from storage import digests, export, title_index

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from enrich.report import Progress
    from paperharvest.config import Settings
    from paperharvest.summary import Summary
    from storage.connect import Database


def harvest(settings: Settings, spider: str, output: Path | None, *, quiet: bool, **arguments: Any) -> Summary:
    """Crawl, resolve, enrich and, where a file is named, export the whole database."""

    async def work(database: Database, summary: Summary, progress: Progress) -> None:
        await _ask(settings, database, summary, run.KINDS, progress, titles=True)
        if output is not None:
            await export_into(database, summary, progress, output, {})

    if output is not None:
        export.check(output)
    return execute(settings, "run", crawl=partial(crawl, settings, spider, **arguments), work=work, quiet=quiet)


def ask(settings: Settings, kinds: Collection[str], *, titles: bool, quiet: bool) -> Summary:
    """Find the papers behind titles, or ask for the facts of these kinds that are due."""

    async def work(database: Database, summary: Summary, progress: Progress) -> None:
        await _ask(settings, database, summary, kinds, progress, titles=titles)

    return execute(settings, "resolve" if titles else "enrich", work=work, quiet=quiet)


def plan(settings: Settings) -> resolve.Plan:
    """What `resolve` would ask, without asking anybody."""

    async def planned(database: Database) -> resolve.Plan:
        async with session(settings.user_agent) as pool:
            apis = providers.open_apis(pool, database, settings.providers)
            with title_index.reading(settings.data_dir) as index:
                return await resolve.plan(database, apis, index)

    with server(settings) as uri:
        return in_database(settings, uri, planned)


async def _ask(
    settings: Settings,
    database: Database,
    summary: Summary,
    kinds: Collection[str],
    progress: Progress,
    *,
    titles: bool,
) -> None:
    async with session(settings.user_agent) as pool:
        apis = providers.open_apis(pool, database, settings.providers)
        if titles:
            with title_index.reading(settings.data_dir) as index:
                summary.asked.append(await resolve.resolve(database, apis, index, progress))
            await digests.date_by_ids(database)
        summary.asked += await run.enrich(database, apis, kinds, progress)
