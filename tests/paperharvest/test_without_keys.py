"""The first runs of somebody without any key: what can be had is there, the rest is a note that names the key."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tests import standin
from tests.lab import EXAMPLES, Lab

if TYPE_CHECKING:
    from tests.standin import Server

HOURLY = 3


def keyless(lab: Lab, server: Server) -> Lab:
    """The lab at this server, without the token that the server gives."""
    lab = lab.asking(server)
    return replace(lab, settings={**lab.settings, "GITHUB_TOKEN": ""})


def repositories(lab: Lab) -> dict[str, Counter[str]]:
    """The exported repositories by status, each with the number of papers that name it."""
    found: dict[str, Counter[str]] = {}
    for paper in lab.papers():
        for repo in paper["repos"]:
            found.setdefault(repo["status"], Counter())[repo["full_name"].lower()] += 1
    return found


def renew(lab: Lab) -> None:
    """An hour has passed: the budget that GitHub told of has begun anew."""
    hour = 3_600_000
    earlier = {key: {"$subtract": [f"${key}", hour]} for key in ("resets_at", "next_start")}
    with lab.database() as database:
        assert database["providers"].update_one({"_id": "github"}, [{"$set": earlier}]).modified_count == 1


def test_repositories_come_hour_by_hour(lab: Lab) -> None:
    """As many requests as an hour allows, exit 0, a note with the number; in the next hours the rest, none twice."""
    asked: list[str] = []
    waiting = None
    while waiting != 0:
        with standin.running(github_hourly=HOURLY) as server:
            done = keyless(lab, server).harvest(EXAMPLES)
            requests = [seen for seen in server.log if seen.provider == "github"]
        assert done.returncode == 0, done.stderr
        found = repositories(lab)
        waiting = len(found.get("pending", ()))
        if waiting:
            assert len(requests) == HOURLY
            waits = "repository waits" if waiting == 1 else "repositories wait"
            assert f"{waiting} left for later ({HOURLY} requests)\n  note: {waiting} {waits}: " in done.stderr
            assert "budget is spent: set GITHUB_TOKEN" in done.stderr
            assert "scope is needed); a run after 59 minutes asks again\n" in done.stderr
        asked += [name for seen in requests for name in seen.asked if seen.status != 301]
        renew(lab)
    assert set(found) == {"ok"}
    assert len(asked) == len(set(asked)) > HOURLY
    assert server.counts()["arxiv"]["requests"] == 0


def test_within_the_hour_nobody_is_asked_again(lab: Lab) -> None:
    """A second run knows that the budget is spent, sends nothing, and says the same; a token helps at once."""
    with standin.running(github_hourly=HOURLY) as server:
        for _ in range(2):
            done = keyless(lab, server).harvest(EXAMPLES)
            assert done.returncode == 0
            assert "set GITHUB_TOKEN" in done.stderr
        assert server.counts()["github"]["requests"] == HOURLY
    with standin.running() as server:
        assert lab.asking(server).harvest(EXAMPLES).returncode == 0
        assert server.counts()["github"]["requests"] == 1
    assert set(repositories(lab)) == {"ok"}


def test_semantic_scholar_without_a_key(lab: Lab) -> None:
    """It answers 429: exit 0, a note with the number of papers and the variable, and OpenAlex' counts are there."""
    with standin.running(semantic_scholar_wants_key=True) as server:
        done = keyless(lab, server).harvest(EXAMPLES)
        assert (done.returncode, server.counts()["semantic_scholar"]["requests"]) == (0, 1)
        assert "semantic_scholar: 12 left for later (1 requests)\n  note: 12 papers wait: HTTP 429" in done.stderr
        assert "set S2_API_KEY" in done.stderr
        before = Counter(seen.provider for seen in server.log)
        assert keyless(lab, server).harvest(EXAMPLES).returncode == 0
        assert Counter(seen.provider for seen in server.log) - before == {"semantic_scholar": 1}
    statuses = [{name: fact["status"] for name, fact in paper["citations"].items()} for paper in lab.papers()]
    assert {one["openalex"] for one in statuses} <= {"ok", "missing"}
    assert {one["semantic_scholar"] for one in statuses} == {"pending"}


def test_openalex_without_a_key(lab: Lab) -> None:
    """The day's credits end: exit 0, and a note with the number of papers and the variable."""
    with standin.running(openalex_credits=1) as server:
        lab = keyless(lab, server)
        lab = replace(lab, settings={**lab.settings, "PAPERHARVEST_PROVIDERS__OPENALEX__BATCH": "5"})
        done = lab.harvest(EXAMPLES)
        assert (done.returncode, server.counts()["openalex"]["requests"]) == (0, 1)
    assert (
        "7 left for later (1 requests)\n  note: 7 papers wait: the budget is spent: set OPENALEX_API_KEY" in done.stderr
    )
