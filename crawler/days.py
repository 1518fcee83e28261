"""Which days of a daily list are asked for, and what an answer makes of a day: pure, times in UTC.

A list fills until its day is over (of 1,890 timed entries the last came at 23:58:46 UTC), numbers settle within
two weeks, and weekends have no lists.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from storage.days import Day

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from storage.days import Status

ONE_DAY = dt.timedelta(days=1)
CLOSES = dt.timedelta(days=1, hours=1)
"""A day is complete when it was crawled so long after it began."""
AGAIN = (1, 3, 7, 14)
"""Days after which it is crawled again."""
FEW = 10
"""Listings: fewer on a weekday look odd (15 to 71 on 71 days)."""
FULL = (50, 100)
"""A page of so many may be cut: what the API gives without and with a limit."""
GIVE_UP = 10
"""Weekdays in a row without a list: the lists begin later."""


def closes(day: dt.date) -> dt.datetime:
    """When a day's list is full."""
    return dt.datetime.combine(day, dt.time(), dt.UTC) + CLOSES


def is_weekday(day: dt.date) -> bool:
    """Monday to Friday."""
    return day.isoweekday() <= 5  # noqa: PLR2004


def due_at(day: dt.date, state: Day | None) -> dt.datetime | None:
    """When a day is asked for next; None: never more."""
    if state is None:
        return dt.datetime.combine(day, dt.time(), dt.UTC)
    looks = (closes(day) + (after - 1) * ONE_DAY for after in AGAIN)
    regular = next((look for look in looks if look > state.asked_at), None)
    tomorrow = state.asked_at + ONE_DAY
    if state.status == "refused" or (state.status == "open" and state.empty_since):
        return tomorrow
    return min(tomorrow, regular or tomorrow) if state.few else regular


def missing(
    known: Mapping[dt.date, Day], stored: Collection[dt.date], neighbours: Collection[dt.date], now: dt.datetime
) -> list[dt.date]:
    """The days between the first and the last known one, and beside them, that are due: the newest first.

    known: days that were asked for; once there is one, the last known day is today. stored: days with a digest,
    also a saved one, which stands for its day. neighbours: days that stored pages link to.
    """
    there = {*known, *stored, *neighbours}
    if not there:
        return []
    last = now.date() if known else max(there)
    return [day for day in due(known, min(there), last, now) if day in known or day not in stored]


def due(known: Mapping[dt.date, Day], since: dt.date, until: dt.date, now: dt.datetime) -> list[dt.date]:
    """The weekdays of a span that are due, none after today: the newest first."""
    return [day for day in _back(min(until, now.date()), since) if _is_due(day, known.get(day), now)]


def _back(last: dt.date, first: dt.date) -> Iterator[dt.date]:
    days = ((last - ONE_DAY * count) for count in range((last - first).days + 1))
    return filter(is_weekday, days)


def _is_due(day: dt.date, state: Day | None, now: dt.datetime) -> bool:
    at = due_at(day, state)
    return at is not None and at <= now


def listed(day: dt.date, before: Day | None, at: dt.datetime, records: int, *, whole: bool = True) -> Day:
    """A day that listed so many papers; whole: that is known to be all."""
    few = records < max(FEW, before.records // 2 if before else 0) and is_weekday(day) and not (before and before.few)
    status: Status = "complete" if whole and at >= closes(day) else "open"
    return Day(status=status, asked_at=at, records=records, few=few)


def empty(day: dt.date, before: Day | None, at: dt.datetime) -> Day:
    """A day that listed nothing: an empty weekday is believed when it is so a day later, too."""
    since = before.empty_since if before and before.empty_since else at
    if before and before.records:
        return before.model_copy(update={"asked_at": at})
    if not is_weekday(day) or at - since >= ONE_DAY:
        return Day(status="empty_confirmed", asked_at=at, empty_since=since)
    return Day(status="open", asked_at=at, empty_since=since if at >= closes(day) else None)


def refused(before: Day | None, at: dt.datetime) -> Day:
    """A day whose answer was not understood."""
    return Day(status="refused", asked_at=at, records=before.records if before else 0)


def other_date_shown(before: Day | None, at: dt.datetime) -> Day:
    """A day for which another day's page was shown."""
    return Day(status="other_date_shown", asked_at=at, records=before.records if before else 0)


def announced(at: dt.datetime, records: int) -> Day:
    """A day whose list is never added to."""
    return Day(status="complete", asked_at=at, records=records)
