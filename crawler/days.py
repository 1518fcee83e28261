"""Which days of a daily list are asked for, and what an answer makes of a day: pure, times in UTC.

A list fills until its day is over (of 1,890 timed entries the last came at 23:58:46 UTC), numbers settle within
two weeks, and weekends have no lists.
"""

from __future__ import annotations

import datetime as dt
from itertools import count, islice
from typing import TYPE_CHECKING

from storage.days import Day

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from storage.days import Status

ONE_DAY = dt.timedelta(days=1)
CLOSES = dt.timedelta(days=1, hours=1)
"""A day is complete when it was crawled so long after it began."""
AGAIN = (1, 3, 7, 14)
"""Days after which it is crawled again."""
SOON = dt.timedelta(hours=20)
"""After which what looked wrong is crawled again: by the next of daily crawls, which are not punctual to the second."""
SELDOM = SOON + dt.timedelta(days=6)
"""The same once a day has settled: whether a newer version reads what was refused."""
FEW = 10
"""Listings: fewer on a weekday look odd (15 to 71 on 71 days)."""
FULL = (50, 100)
"""A page of so many may be cut: what the API gives without and with a limit."""
GIVE_UP = 10
"""Weekdays in a row without a list: the lists begin later."""


def begins(day: dt.date) -> dt.datetime:
    """When a day's list is there, empty."""
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def closes(day: dt.date) -> dt.datetime:
    """When a day's list is full."""
    return begins(day) + CLOSES


def is_weekday(day: dt.date) -> bool:
    """Monday to Friday."""
    return day.isoweekday() <= 5  # noqa: PLR2004


def due_at(day: dt.date, state: Day | None) -> dt.datetime | None:
    """When a day is asked for next; None: never more."""
    if state is None:
        return begins(day)
    looks = (closes(day) + (after - 1) * ONE_DAY for after in AGAIN)
    due = [look for look in looks if look > state.asked_at]
    if state.status == "refused":
        due.append(state.asked_at + (SOON if due else SELDOM))
    elif (state.few and len(due) not in (1, 2)) or (state.status == "open" and state.empty_since):
        due.append(state.asked_at + SOON)  # few papers between two late looks wait for the next: eight looks are all
    return min(due, default=None)


def missing(
    known: Mapping[dt.date, Day],
    saved: Mapping[dt.date, dt.datetime | None],
    heard_of: Collection[dt.date],
    now: dt.datetime,
) -> list[dt.date]:
    """The days between the first and the last that is known of that are due: the newest first.

    known: days that were asked for; once there is one, the last day is today. saved: days of saved pages, and when
    these were first seen: from an hour after the day on they stand for it. heard_of: days that pages link to, or
    that were crawled by a crawl that was killed.
    """
    there = {*known, *saved, *heard_of}
    if not there:
        return []
    last = now.date() if known else max(there)
    whole = {day for day, seen in saved.items() if seen is None or seen >= closes(day)} - {*known}
    return [day for day in due(known, min(there), last, now) if day not in whole]


def due(known: Mapping[dt.date, Day], since: dt.date, until: dt.date, now: dt.datetime) -> list[dt.date]:
    """The weekdays of a span that are due, none after today: the newest first."""
    last = min(until, now.date())
    span = ((last - ONE_DAY * back) for back in range((last - since).days + 1))
    return [day for day in filter(is_weekday, span) if (at := due_at(day, known.get(day))) and at <= now]


def lists_begin_after(day: dt.date, known: Mapping[dt.date, Day]) -> bool:
    """Whether all of the next weekdays were asked for, and had no list."""
    later: Iterable[dt.date] = filter(is_weekday, (day + ONE_DAY * ahead for ahead in count(1)))
    states = map(known.get, islice(later, GIVE_UP))
    return all(one and not one.records and (one.empty_since or one.status == "other_date_shown") for one in states)


def listed(day: dt.date, before: Day | None, at: dt.datetime, records: int, *, whole: bool = True) -> Day:
    """A day that listed so many papers; whole: that is known to be all."""
    over = at >= closes(day)
    first = over and not (before and before.listed_at and before.listed_at >= closes(day))
    least = max(FEW if first and is_weekday(day) else 0, before.records // 2 if before else 0)
    few = records < least and (first or not (before and before.few))
    status: Status = "complete" if over and whole else "open"
    return Day(status=status, asked_at=at, listed_at=at, records=records, few=few)


def empty(day: dt.date, before: Day | None, at: dt.datetime) -> Day:
    """A day that listed nothing: an empty weekday is believed when it is so a day later, too."""
    if before and before.records:
        status: Status = "complete" if at >= closes(day) else "open"
        return before.model_copy(update={"status": status, "asked_at": at, "few": False})
    since = before.empty_since if before and before.empty_since else at
    if not is_weekday(day) or at - since >= ONE_DAY:
        return Day(status="empty_confirmed", asked_at=at, empty_since=since)
    return Day(status="open", asked_at=at, empty_since=since if at >= closes(day) else None)


def unread(status: Status, before: Day | None, at: dt.datetime) -> Day:
    """A day whose list was not read: what was known of it stays."""
    before = before or Day(status=status, asked_at=at)
    few = before.few and status == "refused"
    return before.model_copy(update={"status": status, "asked_at": at, "few": few})


def heard_of(day: dt.date) -> Day:
    """A day that another day's list tells of: due as soon as it is over."""
    return Day(status="open", asked_at=begins(day))
