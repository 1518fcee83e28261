"""How long an answer tells us to wait, by its headers (names in lower case): pure, for whoever asks a provider."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 366 * 86_400.0  # seconds: more is none to reckon with
LIMIT_SIGN = re.compile(r"(?:^|;)\s*r\s*=\s*0\s*(?:;|$)")
RESET_SIGN = re.compile(r"(?:^|;)\s*t\s*=\s*(\d+)")


def told(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: Retry-After (seconds or a date), else an exhausted RateLimit."""
    wait = _retry_after(headers)
    wait = _rate_limit(headers) if wait is None else wait
    return None if wait is None else min(wait, LONGEST)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """RFC 9110, 10.2.3; blank, negative and unreadable ones count as absent."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until = moment(value)
    return max((until - sent_at(headers)).total_seconds(), 0.0) if until else None


def sent_at(headers: Mapping[str, str]) -> datetime:
    """When the answer was sent, by its own clock, which also its dates go by; else by ours."""
    return moment(headers.get("date", "")) or datetime.now(UTC)


def moment(value: str) -> datetime | None:
    """The time that a header names."""
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _rate_limit(headers: Mapping[str, str]) -> float | None:
    """`RateLimit: "api";r=0;t=55` (Hugging Face's documentation): in a fixed window, so a second is added."""
    value = headers.get("ratelimit", "")
    reset = RESET_SIGN.search(value) if LIMIT_SIGN.search(value) else None
    return float(reset[1]) + 1 if reset else None
