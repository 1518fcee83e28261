"""The summary: one screen, the exit status, and nothing that a terminal would obey."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from enrich.report import Report
from paperharvest.summary import CrawlReport, Exit, Summary
from paperharvest.texts import printable
from storage.documents import Refusal

WHY = "github: without a key its budget is small"


def refusals(number: int) -> list[Refusal]:
    """So many files that were refused."""
    return [Refusal(name=f"{one}.txt", reason="record_shape", detail="a title", line=one) for one in range(number)]


def report(waiting: int = 0, *, put_off: bool = False, **counts: int) -> Report:
    """What GitHub was asked."""
    return Report("github", Counter(counts), 2, waiting, WHY if waiting or counts.get("failed") else None, put_off)


@pytest.mark.parametrize(
    ("summary", "status"),
    [
        (Summary(), Exit.DONE),
        (Summary(crawled=CrawlReport(digests=2, listings=9)), Exit.DONE),
        (Summary(asked=[report(ok=3, missing=2, blocked=1)]), Exit.DONE),
        (Summary(asked=[report(5, put_off=True)]), Exit.DONE),
        (Summary(crawled=CrawlReport(refusals=refusals(1))), Exit.INCOMPLETE),
        (Summary(asked=[report(ok=3), report(failed=1)]), Exit.INCOMPLETE),
        (Summary(asked=[report(5)]), Exit.INCOMPLETE),
        (Summary(asked=[report(5, put_off=True, failed=1)]), Exit.INCOMPLETE),
    ],
    ids=["nothing", "stored", "answers", "note", "refused", "failed", "left", "note and failure"],
)
def test_the_exit_status(summary: Summary, status: Exit) -> None:
    """3 for what was refused, failed or left; what waits for a key or a budget is a note."""
    assert summary.exit_status is status
    assert summary.counts()["exit_status"] == int(status)
    assert Summary(error="gone").counts()["exit_status"] == Exit.ERROR


def test_the_statuses_are_the_contract() -> None:
    """Scripts rely on the numbers."""
    assert {one.name: int(one) for one in Exit} == {"DONE": 0, "ERROR": 1, "USAGE": 2, "INCOMPLETE": 3}


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        (report(), ["github: nothing to do (2 requests)"]),
        (report(ok=3, missing=1), ["github: 1 missing, 3 ok (2 requests)"]),
        (report(5), ["github: 5 left for later (2 requests)", f"  why: 5 papers wait: {WHY}; the next run asks again"]),
        (
            report(1, put_off=True, ok=1),
            ["github: 1 ok, 1 left for later (2 requests)", f"  note: 1 paper waits: {WHY}; the next run"],
        ),
        (
            replace(report(1, put_off=True), after=3599.0),
            [
                "github: 1 left for later (2 requests)",
                f"  note: 1 paper waits: {WHY}; a run after 59 minutes asks again",
            ],
        ),
        (report(failed=2), ["github: 2 failed (2 requests)", f"  why: {WHY}; the next run asks again"]),
    ],
)
def test_what_became_of_the_questions(asked: Report, lines: list[str]) -> None:
    """Counts by outcome, and a sentence for what is left or failed."""
    shown = list(Summary(asked=[asked]).lines())
    assert len(shown) == len(lines)
    assert all(one.startswith(start) for one, start in zip(shown, lines, strict=True))


def test_what_was_crawled_and_exported() -> None:
    """Each refusal by name, reason and line; beyond one screen they are counted."""
    crawled = CrawlReport(digests=2, unchanged=1, listings=9, refusals=refusals(32))
    lines = list(Summary(crawled=crawled, exported=9, output=Path("papers.jsonl")).lines())
    assert lines[0] == "digests: 2 stored, 1 known already, 32 refused; 9 listings"
    assert lines[2] == "  refused 1.txt: record_shape, line 1: a title"
    assert lines[-2:] == ["  and 2 more: see the collection `deferred`", "exported: 9 papers to papers.jsonl"]
    assert len(lines) == 33


def test_what_looked_odd_is_shown() -> None:
    """It was read, but somebody should look: no failure; beyond one screen it is counted."""
    summary = Summary(
        crawled=CrawlReport(digests=1, warnings=[f"{one}.txt: header_unknown: \x1b" for one in range(31)])
    )
    lines = list(summary.lines())
    assert summary.exit_status is Exit.DONE
    assert lines[1] == r"  odd: 0.txt: header_unknown: \x1b"
    assert lines[-1] == "  and 1 more: see `warnings` in the collection `digests`"


@pytest.mark.parametrize(
    ("dotted", "lines"),
    [(0, []), (1, ["  1 name that begins with a dot skipped"]), (2, ["  2 names that begin with a dot skipped"])],
)
def test_skipped_names_are_counted(dotted: int, lines: list[str]) -> None:
    """They are no failure, and not told where there are none."""
    summary = Summary(crawled=CrawlReport(digests=1, dotted=dotted))
    assert list(summary.lines())[1:] == lines
    assert summary.exit_status is Exit.DONE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich 冰 ok", "Zürich 冰 ok"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("two\nlines\r", r"two\nlines\r"),
        ("\u202edrow", r"\u202edrow"),
        ("caf\udce9", r"caf\udce9"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_nothing_is_obeyed_by_a_terminal(text: str, shown: str) -> None:
    """Escape sequences, line breaks and marks of direction show as what they are."""
    assert printable(text) == shown


def test_texts_from_outside_are_made_printable() -> None:
    """File names, what stood in a file, and what a provider said."""
    evil = "\x1b]0;owned\x07"
    crawled = CrawlReport(refusals=[Refusal(name=evil, reason="layout_unknown", detail=evil)])
    asked = Report("github", waiting=1, why=evil)
    assert "\x1b" not in "".join(Summary(crawled=crawled, asked=[asked]).lines())
