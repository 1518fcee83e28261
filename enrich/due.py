"""When a fact is asked for again: by the age of its paper and by what the last answer was. Pure."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import TYPE_CHECKING

from storage.facts import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enrich.settings import Refresh

ALWAYS = Window(("pending", "failed", None))
"""Nobody was asked, or gave a usable answer: due in every run."""
UNHEARD = Window(("pending", None))


def windows(refresh: Refresh, now: dt.datetime) -> list[Window]:
    """What is due, the most wanted first: what has no answer, then what may have changed, of young papers first."""
    today = now.date()
    bounds = [None, *(str(today - dt.timedelta(days=age)) for age in refresh.ages), None]
    return [
        ALWAYS,
        *(
            Window(statuses, since, before, now - dt.timedelta(days=days))
            for statuses, gaps in ((("ok",), refresh.known), (("missing", "blocked"), refresh.absent))
            for days, (before, since) in zip(gaps, pairwise(bounds), strict=True)
        ),
    ]


def anything(began: dt.datetime) -> list[Window]:
    """All that was not asked since then: what a run is forced to ask."""
    return [ALWAYS, Window(("ok", "missing", "blocked"), asked_before=began)]


def unanswered(all_due: Sequence[Window]) -> list[Window]:
    """The same less what was asked in vain: what a run leaves."""
    return [one._replace(statuses=tuple(status for status in one.statuses if status != "failed")) for one in all_due]
