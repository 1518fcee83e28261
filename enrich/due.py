"""When a fact is asked for again: by the age of its paper and by what the last answer was. Pure."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import TYPE_CHECKING

from storage.facts import Age, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enrich.settings import Refresh

ALWAYS = Window(("pending", "failed", None))
"""Nobody was asked, or gave a usable answer: due in every run."""
UNHEARD = Window(("pending", None))


def windows(refresh: Refresh, now: dt.datetime) -> list[Window]:
    """What is due, the most wanted first: what has no answer, what may have changed, what was not there."""
    bounds = [None, *(str(now.date() - dt.timedelta(days=age)) for age in refresh.ages), None]

    def ages(gaps: Sequence[float]) -> tuple[Age, ...]:
        return tuple(
            Age(since, before, now - dt.timedelta(days=days))
            for days, (before, since) in zip(gaps, pairwise(bounds), strict=True)
        )

    return [
        ALWAYS,
        Window(("ok",), ages(refresh.known), copied=False),
        Window(("missing", "blocked"), ages(refresh.absent)),
    ]


def anything(began: dt.datetime) -> list[Window]:
    """All that was not asked since then: what a run is forced to ask."""
    return [ALWAYS, Window(("ok", "missing", "blocked"), (Age(asked_before=began),))]


def unanswered(all_due: Sequence[Window]) -> list[Window]:
    """The same less what was asked in vain: what a run leaves."""
    return [one._replace(statuses=tuple(status for status in one.statuses if status != "failed")) for one in all_due]
