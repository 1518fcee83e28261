"""What the commands do that look at the database: without Scrapy and aiohttp, so that they answer soon."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from paperharvest import views
from paperharvest.execution import T, execute, in_database, server
from storage import export, lookup, status
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from enrich.report import Progress
    from paperharvest.config import Settings
    from paperharvest.summary import Summary
    from storage.connect import Database, Document


def write_lines(settings: Settings, output: Path | None, where: Document) -> Summary:
    """Export the papers that a filter selects."""

    async def work(database: Database, summary: Summary, _progress: Progress) -> None:
        await export_into(database, summary, output, where)

    return execute(settings, "export", work=work, quiet=True)


async def export_into(database: Database, summary: Summary, output: Path | None, where: Document) -> None:
    """Write the lines, and count them in the summary."""
    summary.exported, summary.output = 0, output
    with export.target(output) as file:
        async for line in export.lines(database, where):
            file.write(line)
            summary.exported += 1


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
    with server(settings) as uri:
        return in_database(settings, uri, work)


def hold(settings: Settings, say: Callable[[str], None]) -> None:
    """Keep the database open, its address said, until the terminal interrupts."""
    with server(settings) as uri, suppress(KeyboardInterrupt):
        say(uri)
        threading.Event().wait()
