"""`resolve --review`, `--set` and `--unset` as people type them."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import subprocess
from typing import Any

from storage import connect, papers
from storage.documents import Candidate, Listing, Page, Resolution
from storage.titles import title_id
from tests import standin
from tests.lab import BINARY, PATIENCE, Lab

ABSTRACT = "Ice grows slowly. " * 40
CANDIDATES = (
    Candidate(arxiv_id="2503.00010", title="How Ice Grows", score=0.5, reasons=("same title", "other authors")),
    Candidate(arxiv_id="2503.00011", title="How Ice Grows Again\x1b[2J", score=0.4),
)
TITLES = {"How Ice Grows": ABSTRACT, "Of Rivers": None, "On Snow": None}
ICE, RIVERS, SNOW = (title_id(*one) for one in TITLES.items())
STATES = {
    ICE: Resolution(status="ambiguous", candidates=CANDIDATES),
    RIVERS: Resolution(status="not_found"),
    SNOW: Resolution(status="not_found"),
}
DAY: dict[str, Any] = {"listed_date": dt.date(2025, 3, 2), "listed_date_basis": "shown_year"}
PROMPT = "A number, an arXiv id or address; Enter skips, q quits: "


def listed(lab: Lab) -> None:
    """Three titles that a digest lists; the first may be one of two papers, the others were not found."""

    async def stored() -> None:
        async with connect.connected(
            lab.settings["PAPERHARVEST_MONGO_URI"], lab.settings["PAPERHARVEST_DATABASE"]
        ) as to:
            listings = [
                Listing(position=at, title=title, abstract=abstract, authors_count=3, **DAY)
                for at, (title, abstract) in enumerate(TITLES.items(), 1)
            ]
            await papers.sight(to, Page(listings=tuple(listings)), "text_a", "text:01")
            await papers.note_resolutions(to, STATES)

    asyncio.run(stored())


def answered(lab: Lab, answers: bytes) -> tuple[str, str]:
    """What the dialogue says to these answers, and its summary; its exit status is 0."""
    done = subprocess.run(  # noqa: S603 - our own binary
        [BINARY, "resolve", "--review"],
        env=lab.environment,
        input=answers,
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    return done.stdout.decode(), done.stderr.decode()


def decided(lab: Lab) -> dict[str, str | None]:
    """The papers that are stored, and how each was resolved."""
    with lab.database() as database:
        return {one["_id"]: one["resolution"]["method"] for one in database["papers"].find()}


def test_review_asks_what_open_titles_are(lab: Lab) -> None:
    """Ambiguous ones first, each with its candidates; a wrong answer is explained, and the end of input quits."""
    listed(lab)
    with standin.running() as server:
        said, summary = answered(lab.asking(server), b"3\n2503.1\n\xff\n1\n\n")
        assert server.log == []
    assert summary == "1 set, 1 skipped, 1 left\n"
    first, second, third = re.split(r"^\d of 3  ", said, flags=re.MULTILINE)[1:]
    wrong = "is neither a number from 1 to 2, nor an arXiv id, such as 2503.00010."
    assert first.splitlines() == [
        "How Ice Grows  (ambiguous)",
        "  authors     3 in all  ",
        "  published   2025-03-02",
        "  listed      text:01, at 1, text_a, listed 2025-03-02",
        f"  abstract    {'Ice grows slowly. ' * 16}Ice grows …",
        "  1           How Ice Grows  https://arxiv.org/abs/2503.00010  score 0.5",
        "              same title; other authors",
        "  2           How Ice Grows Again\\x1b[2J  https://arxiv.org/abs/2503.00011  score 0.4",
        *(f"{PROMPT}{told} {wrong}" for told in ("'3'", "'2503.1'", r"'\\xff'")),
        PROMPT,
    ]
    assert [one.splitlines()[0] for one in (second, third)] == ["Of Rivers  (not_found)", "On Snow  (not_found)"]
    assert decided(lab) == {"arxiv:2503.00010": "manual", RIVERS: None, SNOW: None}
    assert answered(lab, b"https://arxiv.org/pdf/math/0309136v2\nq\n")[1] == "1 set, 0 skipped, 1 left\n"
    assert decided(lab) == {"arxiv:2503.00010": "manual", "arxiv:math/0309136": "manual", SNOW: None}


def test_a_title_is_set_and_unset(lab: Lab) -> None:
    """By its title, an id or an address; each says what became of it, and an error what to do."""
    listed(lab)
    told = [
        lab.run("resolve", *arguments)
        for arguments in (
            ("--set", "how ice grows", "https://arxiv.org/abs/2503.00020v1"),
            ("--set", "2503.00020", "arXiv:2503.00021"),
            ("--unset", ICE, "-q"),
            ("--unset", ICE),
            ("--set", ICE, "2503"),
            ("--set", ICE, "2503.00020", "--review"),
        )
    ]
    assert [one.returncode for one in told] == [0, 0, 0, 1, 2, 2]
    assert [one.stderr for one in told[:4]] == [
        f"{ICE} is arxiv:2503.00020 now\n",
        f"{ICE} is arxiv:2503.00021 now\n",
        "",
        f"paperharvest: nobody decided what {ICE} is: --set replaces what was found\n",
    ]
    assert "'2503' is no arXiv id, such as 2503.00010" in told[4].stderr
    assert "one at a time: --dry-run, --review, --set or --unset" in told[5].stderr
    assert decided(lab) == {ICE: None, RIVERS: None, SNOW: None}
