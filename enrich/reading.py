"""Values out of JSON answers: of the documented type, or the answer is not understood."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from enrich.errors import NotUnderstood

if TYPE_CHECKING:
    from collections.abc import Mapping


LARGEST_COUNT = 2**63 - 1  # MongoDB's integers have 64 bits


def count(row: Mapping[str, Any], key: str) -> int:
    """A count that must be there: a whole number, not negative. Raises NotUnderstood: absent is not 0."""
    value = row.get(key)
    if type(value) is not int or not 0 <= value <= LARGEST_COUNT:  # a bool is an int to isinstance
        raise NotUnderstood(f"{key} is no count: {str(value)[:40]!r}")
    return value


def flag(row: Mapping[str, Any], key: str) -> bool:
    """True or false. Raises NotUnderstood."""
    value = row.get(key)
    if not isinstance(value, bool):
        raise NotUnderstood(f"{key} is neither true nor false: {str(value)[:40]!r}")
    return value


def text(row: Mapping[str, Any], key: str) -> str | None:
    """A text, None where it is null, absent or empty. Raises NotUnderstood for another type."""
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise NotUnderstood(f"{key} is no text: {str(value)[:40]!r}")
    return value or None


def digits(written: str) -> int | None:
    """A whole number as headers and feeds write it; None for anything else, also for more than can be meant."""
    return int(written) if re.fullmatch(r"\s*[0-9]{1,15}\s*", written) else None


def part(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object within, empty where it is null or absent. Raises NotUnderstood for another type."""
    value = row.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NotUnderstood(f"{key} is no object: {str(value)[:40]!r}")
    return value


def time(row: Mapping[str, Any], key: str) -> dt.datetime | None:
    """An ISO 8601 time with its zone, in UTC; None where it is null or absent. Raises NotUnderstood."""
    value = text(row, key)
    return in_utc(value, key) if value else None


def in_utc(value: str, name: str) -> dt.datetime:
    """An ISO 8601 time with its zone, in UTC. Raises NotUnderstood, also where the zone is not told."""
    try:
        moment = dt.datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    raise NotUnderstood(f"{name} is no time: {value[:40]!r}")
