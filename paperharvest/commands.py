"""What the commands do that ask, and `run`. Imported when one is run: Scrapy and aiohttp are heavy."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from enrich import providers, resolve, run
from enrich.http import session
from paperharvest.crawling import crawl
from paperharvest.execution import execute, in_database, server
from paperharvest.looking import export_into
from storage import digests, export, title_index

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from enrich.http import Api
    from enrich.report import Progress
    from paperharvest.config import Settings
    from paperharvest.summary import Summary
    from storage.connect import Database


def harvest(settings: Settings, spider: str, output: Path | None, *, quiet: bool, **arguments: Any) -> Summary:
    """Crawl, resolve, enrich and, where a file is named, export the whole database."""

    async def work(database: Database, summary: Summary, progress: Progress) -> None:
        await _ask(settings, True, run.Wanted(settings.refresh), database, summary, progress)
        if output is not None:
            await export_into(database, summary, progress, output, {})

    if output is not None:
        export.check(output)
    return execute(settings, "run", crawl=partial(crawl, settings, spider, **arguments), work=work, quiet=quiet)


def find_titles(settings: Settings, *, quiet: bool) -> Summary:
    """Find the papers behind titles."""
    return execute(settings, "resolve", work=partial(_ask, settings, True, None), quiet=quiet)


def enrich(settings: Settings, wanted: run.Wanted, *, quiet: bool) -> Summary:
    """Ask for the facts that are wanted."""
    return execute(settings, "enrich", work=partial(_ask, settings, False, wanted), quiet=quiet)


async def _ask(
    settings: Settings,
    titles: bool,
    wanted: run.Wanted | None,
    database: Database,
    summary: Summary,
    progress: Progress,
) -> None:
    async with _doors(settings, database) as apis:
        if titles:
            with title_index.reading(settings.data_dir) as index:
                summary.asked.append(await resolve.resolve(database, apis, index, progress))
            await digests.date_by_ids(database)
        if wanted is not None:
            await export.check_where(database, wanted.where or {})
            summary.asked += await run.enrich(database, apis, wanted, progress)


@asynccontextmanager
async def _doors(settings: Settings, database: Database) -> AsyncIterator[dict[str, Api]]:
    async with session(settings.user_agent) as pool:
        yield providers.open_apis(pool, database, settings.providers)


def plan_titles(settings: Settings) -> resolve.Plan:
    """What `resolve` would ask, without asking anybody."""

    async def planned(database: Database) -> resolve.Plan:
        async with _doors(settings, database) as apis:
            with title_index.reading(settings.data_dir) as index:
                return await resolve.plan(database, apis, index)

    with server(settings) as uri:
        return in_database(settings, uri, planned)


def plan_facts(settings: Settings, wanted: run.Wanted) -> list[run.Errand]:
    """What `enrich` would ask, without asking anybody."""

    async def planned(database: Database) -> list[run.Errand]:
        await export.check_where(database, wanted.where or {})
        async with _doors(settings, database) as apis:
            return await run.plan(database, apis, wanted)

    with server(settings) as uri:
        return in_database(settings, uri, planned)
