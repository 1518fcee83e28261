"""When an answer was heard: written on every fact by whoever asked, never by a provider's module."""

from __future__ import annotations

import datetime as dt
from typing import TypeAlias, TypeVar, cast

from storage.documents import ArxivEntry, Fact

Told: TypeAlias = Fact | ArxivEntry
T = TypeVar("T", bound=Told)


def now() -> dt.datetime:
    """The time in UTC, as exact as MongoDB keeps it: milliseconds."""
    moment = dt.datetime.now(dt.UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def stamped(told: T, heard: dt.datetime) -> T:
    """What was told, heard then: the fact itself, or the one within an entry."""
    if isinstance(told, ArxivEntry):
        return told.model_copy(update={"fact": stamped(told.fact, heard)})
    return cast("T", told.model_copy(update={"fetched_at": heard}))
