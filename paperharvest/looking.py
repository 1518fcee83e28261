"""What the commands do that look at the database: without Scrapy and aiohttp, so that they answer soon."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from crawler import days as calendar
from enrich import due
from paperharvest import views
from paperharvest.execution import T, execute, in_database, server
from storage import days, digests, export, lookup, status, title_index
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from enrich.report import Progress
    from paperharvest.config import Settings
    from paperharvest.summary import Summary
    from storage.connect import Database, Document

STEP = 500  # lines between two movements of the bar


def write_lines(settings: Settings, output: Path | None, where: Document, *, quiet: bool) -> Summary:
    """Export the papers that a filter selects."""

    async def work(database: Database, summary: Summary, progress: Progress) -> None:
        await export_into(database, summary, progress, output, where)

    return execute(settings, "export", work=work, quiet=quiet)


async def export_into(
    database: Database, summary: Summary, progress: Progress, output: Path | None, where: Document
) -> None:
    """Write the lines, and count them in the summary; a bar only where they do not go to the terminal, too."""
    summary.exported, summary.output = 0, output
    if output is not None:
        progress.begin("export", await export.count(database, where))
    with export.target(output) as file:
        async for line in export.lines(database, where):
            file.write(line)
            summary.exported += 1
            if output is not None and not summary.exported % STEP:
                progress.advance("export", STEP)


def overview(settings: Settings) -> Document:
    """What there is, how much of it is known, what was refused, and what to do next."""

    async def looked(database: Database) -> Document:
        known, stored = await days.known(database, "hf-daily"), await days.stored(database, "hf-daily")
        now = dt.datetime.now(dt.UTC)
        figures = await status.overview(database, due.windows(settings.refresh, now))
        return figures | {"missing_days": len(calendar.missing(known, *stored, now))}

    figures = _looked_up(settings, looked)
    for name, counts in ((name, counts) for kind in figures["coverage"].values() for name, counts in kind.items()):
        if settings.providers[name].enabled is False:  # nobody will ask
            counts["due"] = 0
    token = settings.providers["github"].api_key is not None
    try:
        with title_index.reading(settings.data_dir) as index:
            figures["index"] = index and index.about._asdict()
    except StorageError as error:
        figures["index"] = {"damaged": str(error)}
    return figures | {"next": list(views.next_steps(figures, token=token))}


def find(settings: Settings, asked: str) -> tuple[list[Document], dict[str, dt.datetime]]:
    """The papers that an id, an address, a DOI or a title names, and when each of their digests was seen last.

    Raises StorageError where there is no such paper.
    """

    async def found(database: Database) -> tuple[list[Document], dict[str, dt.datetime]]:
        papers = await lookup.papers(database, asked)
        return papers, await digests.seen(database, [one["digest"] for paper in papers for one in paper["sightings"]])

    papers, seen = _looked_up(settings, found)
    if papers:
        return papers, seen
    raise StorageError(
        f"no paper is stored under {asked[:200]!r}: give its arXiv id, DOI or whole title,"
        """ or search titles with paperharvest export --where '{"title": {"$regex": "word", "$options": "i"}}'"""
    )


def _looked_up(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    with server(settings) as uri:
        return in_database(settings, uri, work)


def hold(settings: Settings, say: Callable[[str], None]) -> None:
    """Keep the database open, its address said, until the terminal interrupts."""
    with server(settings) as uri, suppress(KeyboardInterrupt):
        say(uri)
        threading.Event().wait()
