"""What a person decides of titles: `resolve --set`, `--unset`, and the dialogue of `--review`. Nobody else is asked."""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import typer

from paperharvest import views
from paperharvest.execution import in_database, server
from storage import decisions, papers
from storage.arxiv_ids import parse_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paperharvest.config import Settings

PROMPT = "A number, an arXiv id or address; Enter skips, q quits: "
SKIP, QUIT = "", "q"


def decide(settings: Settings, asked: str, arxiv_id: str) -> str:
    """Let a title be that arXiv paper; returns what became of it. Raises StorageError."""
    with server(settings) as uri:
        old_id = in_database(settings, uri, partial(decisions.decide, asked=asked, arxiv_id=arxiv_id))
    return f"{old_id} is arxiv:{arxiv_id} now"


def take_back(settings: Settings, asked: str) -> str:
    """Let a title be open again; returns what became of it. Raises StorageError."""
    with server(settings) as uri:
        return f"{in_database(settings, uri, partial(decisions.take_back, asked=asked))} is open again"


def review(settings: Settings) -> str:
    """Ask what each title is that is open; an answer is stored at once. Returns how many were decided."""
    done, left = Counter[str](), 0
    with server(settings) as uri:
        titles = in_database(settings, uri, decisions.open_titles)
        for number, old_id in enumerate(titles, 1):
            paper = in_database(settings, uri, partial(papers.find, ids=[old_id])).get(old_id)
            if paper is None:  # somebody else was faster
                continue
            for line in views.question(paper, f"{number} of {len(titles)}"):
                typer.echo(line)
            answer = _answer([one["arxiv_id"] for one in paper["resolution"]["candidates"]])
            if answer == QUIT:
                left = len(titles) - number + 1
                break
            if answer != SKIP:
                in_database(settings, uri, partial(decisions.decide, asked=old_id, arxiv_id=answer))
            done["skipped" if answer == SKIP else "set"] += 1
    return f"{done['set']} set, {done['skipped']} skipped, {left} left"


def _answer(candidates: Sequence[str]) -> str:
    """The arXiv id that a person means, SKIP or QUIT; asked until it is one of them."""
    while True:
        typer.echo(PROMPT, nl=False)
        line = sys.stdin.readline() if sys.stdin else ""
        told = line.strip()
        if not line or told in (SKIP, QUIT):
            return told if line else QUIT
        if identified := parse_id(told):
            return identified[0]
        if told in (numbered := {str(number): one for number, one in enumerate(candidates, 1)}):
            return numbered[told]
        numbers = f"a number from 1 to {len(candidates)}, nor " if candidates else ""
        typer.echo(f"{told[:80]!r} is neither {numbers}an arXiv id, such as 2503.00010.")
