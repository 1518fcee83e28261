"""The commands that make the local title index: from dumps, and from the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crawler import dumps, files
from crawler.dumps.parts import parts
from crawler.dumps.reading import rows
from crawler.layouts import LayoutChanged
from enrich.batches import batched
from paperharvest.execution import execute
from paperharvest.progress import showing
from paperharvest.summary import IndexReport, Summary
from storage import papers, title_index
from storage.documents import Listing, Paper, Refusal
from storage.errors import StorageError
from storage.title_index import Indexed
from storage.titles import collapse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crawler.dumps.parts import Record
    from enrich.report import Progress
    from paperharvest.config import Settings
    from storage.connect import Database, Document
    from storage.title_index import Add

BATCH = 500
ARXIVS = ("arxiv", "arxiv_snapshot")  # sources of titles that are arXiv's own


def build(settings: Settings, paths: list[str], *, quiet: bool) -> Summary:
    """Index the papers of dumps, in the place of what was indexed before. It needs no database.

    Broken rows are left out; where a file is broken, the index stays as it was: who is not in it is no rival.
    """
    report = IndexReport()
    names, _ = files.named(paths)
    with showing(quiet=quiet) as progress, title_index.writing(settings.data_dir, keep=False) as add:
        progress.begin("MiB", sum(map(files.size_of, names)) >> 20)
        for name in names:
            try:
                _add_dump(name, add, report, progress, waits=name in paths)
            except LayoutChanged as why:
                told = f"{files.shown(name)} is refused ({why.reason}: {why.detail})"
                raise StorageError(f"{told}; mend it or leave it out: the index stays as it was") from None
    with title_index.reading(settings.data_dir) as index:
        report.about = index.about if index else None
    return Summary(indexed=report)


def _add_dump(name: str, add: Add, report: IndexReport, progress: Progress, *, waits: bool) -> None:
    with files.opened(name, waits=waits) as opened, files.seekable(opened) as file:
        layout = dumps.layout_of(file.read(dumps.BEGINNING))
        if layout is None:
            raise LayoutChanged("layout_unknown", "no arXiv snapshot, JSON lines or archive of Papers with Code")
        file.seek(0)
        reader, done = dumps.load(layout), 0
        named = Refusal(name=files.shown(name), reason="", detail="")
        for part in parts(rows(file, reader.FORM), reader, (0, 0), named):
            found = list(_indexed(part.records))
            add(found)
            report.left_out += len(part.records) - len(found)
            report.refusals += part.refusals
            report.untold += part.untold
            progress.advance("MiB", (file.tell() >> 20) - done)
            done = file.tell() >> 20


def update(settings: Settings, *, quiet: bool) -> Summary:
    """Add the papers of the database to the index; one is made where there is none."""

    async def work(database: Database, summary: Summary, progress: Progress) -> None:
        progress.begin("papers", None)
        with title_index.writing(settings.data_dir, keep=True) as add:
            async for batch in batched(papers.identified(database), BATCH):
                add(known for paper in batch for known in _stored(paper))
                progress.advance("papers", len(batch))
        with title_index.reading(settings.data_dir) as index:
            summary.indexed = IndexReport(about=index.about if index else None)

    return execute(settings, "index update", work=work, quiet=quiet)


def _indexed(records: Iterable[Record]) -> Iterator[Indexed]:
    """What the index keeps of the rows of a dump; those without an arXiv id or a title are left out."""
    for one in records:
        if isinstance(one, Paper) and one.ids.arxiv and one.title:
            yield from _stored(one.model_dump())
        elif isinstance(one, Listing) and one.arxiv_id and one.title:
            submitted = one.arxiv.published if one.arxiv else None
            day = f"{submitted:%Y-%m-%d}" if submitted else _day(one.published.model_dump() if one.published else None)
            abstract = collapse(one.abstract) if one.abstract else None
            yield Indexed(one.arxiv_id, (collapse(one.title),), one.authors, abstract, day)


def _stored(paper: Document) -> Iterator[Indexed]:
    """What it keeps of a paper of ours, if its title is no guess: arXiv told it, or a digest that gave the id."""
    given = paper["resolution"]["status"] == "given"
    if given or paper["text_source"] in ARXIVS:
        listed = (one["listed_title"] for one in paper["sightings"] if given and one["listed_title"])
        titles = tuple(dict.fromkeys([paper["title"], *listed]))
        authors = paper["authors"] and tuple(paper["authors"])
        yield Indexed(paper["ids"]["arxiv"], titles, authors, paper["abstract"], _day(paper["published"]))


def _day(published: Document | None) -> str | None:
    """When a paper came out, where the day is known."""
    return published["date"] if published and published["precision"] == "day" else None
