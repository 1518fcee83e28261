"""When a fact is asked for again: by the age of its paper and by what the last answer was. Pure."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import TYPE_CHECKING

from storage.facts import COPIES, Age, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enrich.settings import Refresh

UNHEARD = Window(("pending", None))
"""Nobody was asked."""
UNANSWERED = Window(("pending", None, "failed"))
"""Nobody gave a usable answer."""
SECOND_HAND = Window(("ok",), provider="datacite")
"""Told by who stands in for the provider that knows it better."""
SLACK = dt.timedelta(hours=2)
"""Less than a day still is one: what runs every morning takes now longer, now less."""


def windows(refresh: Refresh, now: dt.datetime) -> list[Window]:
    """What is due, the most wanted first: what is not known, what may have changed, what was not there.

    What failed comes last: a question that nobody can answer keeps no other one waiting.
    """
    bounds = [None, *(str(now.date() - dt.timedelta(days=age)) for age in refresh.ages), None]

    def ages(gaps: Sequence[float]) -> tuple[Age, ...]:
        return tuple(
            Age(since, before, now - dt.timedelta(days=days) + SLACK)
            for days, (before, since) in zip(gaps, pairwise(bounds), strict=True)
        )

    known = Window(("ok",), ages(refresh.known), but=(*COPIES, "datacite"))
    return [UNHEARD, SECOND_HAND, known, Window(("missing", "blocked"), ages(refresh.absent)), _failed(now)]


def anything(began: dt.datetime) -> list[Window]:
    """All that was not asked since then: what a run is forced to ask."""
    answered = Window(("ok", "missing", "blocked"), (Age(asked_before=began),), but=("datacite",))
    return [UNHEARD, SECOND_HAND, answered, _failed(began)]


def _failed(began: dt.datetime) -> Window:
    """Asked in vain by an earlier run."""
    return Window(("failed",), (Age(asked_before=began),))
