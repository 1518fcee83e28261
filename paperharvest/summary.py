"""What a command did, on one screen, and the exit status that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from paperharvest.texts import printable, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from enrich.report import Report
    from storage.documents import Refusal
    from storage.title_index import About

SHOWN = 30  # refusals and problems; the rest is counted


class Exit(IntEnum):
    """Exit statuses: all done; an error; wrong usage; finished, but something was refused or failed."""

    DONE, ERROR, USAGE, INCOMPLETE = 0, 1, 2, 3


@dataclass(frozen=True)
class CrawlReport:
    """What became of the digests."""

    digests: int = 0
    unchanged: int = 0
    listings: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    untold: int = 0
    """Refused rows of dumps that are not among the refusals: those after a thousand of a file, or an earlier run's."""
    unknown: int = 0
    """Rows of dumps whose papers are not stored."""
    left: list[str] = field(default_factory=list)
    """What could not be asked, and why."""
    trimmed: list[str] = field(default_factory=list)
    """Kept texts for which there was no room any more."""
    dotted: int = 0
    """Names within folders that begin with a dot: they were skipped."""


@dataclass
class IndexReport:
    """What became of the rows of which the title index was made."""

    about: About | None = None
    left_out: int = 0
    """Rows without an arXiv id or a title."""
    refusals: list[Refusal] = field(default_factory=list)
    untold: int = 0
    """Refused rows that are not among the refusals."""


@dataclass
class Summary:
    """One execution of a command."""

    crawled: CrawlReport | None = None
    asked: list[Report] = field(default_factory=list)
    indexed: IndexReport | None = None
    exported: int | None = None
    output: Path | None = None
    error: str | None = None
    """The sentence with which it ended too soon."""

    @property
    def exit_status(self) -> Exit:
        """INCOMPLETE where something was refused or failed; what waits for a key or a budget is a note."""
        crawled, indexed = self.crawled, self.indexed
        refused = bool(crawled and (crawled.refusals or crawled.untold or crawled.left))
        refused = refused or bool(indexed and indexed.refusals)
        return Exit.INCOMPLETE if refused or not all(one.complete for one in self.asked) else Exit.DONE

    def counts(self) -> dict[str, Any]:
        """The figures, for the collection `runs`."""
        crawled = self.crawled
        return {
            "digests": crawled.digests if crawled else 0,
            "listings": crawled.listings if crawled else 0,
            "refused": [one.name for one in crawled.refusals][:SHOWN] if crawled else [],
            "asked": {one.name: {**one.counts, "requests": one.requests, "why": one.why} for one in self.asked},
            "exported": self.exported,
            "error": self.error,
            "exit_status": int(Exit.ERROR if self.error else self.exit_status),
        }

    def lines(self) -> Iterator[str]:
        """The summary as a person reads it."""
        if self.crawled:
            yield from _crawl_lines(self.crawled)
        for report in self.asked:
            yield from _report_lines(report)
        if self.indexed:
            yield from _index_lines(self.indexed)
        if self.exported is not None:
            yield f"exported: {self.exported} papers" + (f" to {self.output}" if self.output else "")


def _crawl_lines(crawled: CrawlReport) -> Iterator[str]:
    known = f", {crawled.unchanged} known already" if crawled.unchanged else ""
    refused = len(crawled.refusals) + crawled.untold
    yield f"digests: {crawled.digests} stored{known}, {refused} refused; {crawled.listings} listings"
    if crawled.unknown:
        yield f"  {crawled.unknown} rows of papers that are not stored were left out: --all imports them"
    for sentence in crawled.left[:SHOWN]:
        yield f"  left {printable(sentence)}"
    for warning in crawled.warnings[:SHOWN]:
        yield f"  odd: {printable(warning)}"
    if len(crawled.warnings) > SHOWN:
        yield f"  and {len(crawled.warnings) - SHOWN} more: see `warnings` in the collection `digests`"
    if crawled.dotted:
        names = "1 name that begins" if crawled.dotted == 1 else f"{crawled.dotted} names that begin"
        yield f"  {names} with a dot skipped"
    yield from _refusals(crawled.refusals, refused, ": see the collection `deferred`")
    if crawled.trimmed:
        gone = ", ".join(crawled.trimmed[:SHOWN])
        yield f"raw texts: {len(crawled.trimmed)} of the oldest went, for raw_limit: {gone}"


def _refusals(refusals: Sequence[Refusal], refused: int, where: str = "") -> Iterator[str]:
    for one in refusals[:SHOWN]:
        place = f", line {one.line}" if one.line else ""
        yield f"  refused {printable(one.name)}: {one.reason}{place}: {printable(one.detail)}"
    if more := refused - len(refusals[:SHOWN]):
        yield f"  and {more} more{where}"


def _index_lines(indexed: IndexReport) -> Iterator[str]:
    yield f"index: {indexed.about}"
    if indexed.left_out:
        yield f"  {indexed.left_out} rows without an arXiv id or a title left out"
    yield from _refusals(indexed.refusals, len(indexed.refusals) + indexed.untold)


def _report_lines(report: Report) -> Iterator[str]:
    yield str(report)
    if report.waiting or report.counts["failed"]:
        again = f"a run after {span(report.after)} asks again" if report.after else "the next run asks again"
        waits = f"{report.waiting} {report.unit[report.waiting > 1]}: " if report.waiting else ""
        yield f"  {'note' if report.put_off else 'why'}: {waits}{printable(report.why or '')}; {again}"
    elif report.instead:
        yield f"  note: {printable(report.why or '')}; {report.instead} told instead"
