"""How values are written for a person."""

from __future__ import annotations

import datetime as dt

SPANS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def printable(text: str) -> str:
    """Text from outside without anything that a terminal would obey."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def shortened(text: str, length: int = 240) -> str:
    """The beginning of a long text."""
    return text if len(text) <= length else f"{text[:length].rsplit(' ', 1)[0]} …"


def span(seconds: float) -> str:
    """A length of time in its largest unit: "3 days"."""
    size, unit = next((one for one in SPANS if seconds >= one[0]), SPANS[-1])
    number = int(seconds // size)
    return f"{number} {unit}{'' if number == 1 else 's'}"


def ago(moment: dt.datetime | None) -> str:
    """How long ago: "3 days ago"."""
    return f"{span(max((dt.datetime.now(dt.UTC) - moment).total_seconds(), 0))} ago" if moment else "never"


def ahead(moment: dt.datetime) -> str:
    """How far off: "in 35 minutes"."""
    return f"in {span(max((moment - dt.datetime.now(dt.UTC)).total_seconds(), 0))}"
