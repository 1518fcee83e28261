"""The history of metrics: one document for each span of days over which a value was seen unchanged.

`first_day` and `last_day` are both days of a measurement: "unchanged" and "not measured" differ. Of several values
on one day the last stands.
"""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from pymongo import DeleteOne, UpdateOne

from storage import bulk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage.connect import Database, Document


class Measurement(NamedTuple):
    """A value as a provider told it on a day (ISO 8601, UTC)."""

    paper: str
    provider: str
    metric: str
    value: int
    day: str
    url: str | None = None
    """What was measured, where a paper has several: the repository of the stars."""

    @property
    def series(self) -> str:
        """What stays the same while the value changes."""
        return " ".join(filter(None, (self.paper, self.provider, self.metric, self.url)))


async def record(database: Database, measurements: Sequence[Measurement]) -> None:
    """Extend the span of a value that is unchanged, begin another where it changed."""
    measured = [(one.series, one) for one in measurements]
    spans = await _spans(database, [series for series, _ in measured])
    updates = [_update(series, one, spans.get(series, ())) for series, one in measured]
    await bulk.write(database["observations"], updates)


async def _spans(database: Database, series: list[str]) -> dict[str, list[Document]]:
    """The spans of each series, in order."""
    found: defaultdict[str, list[Document]] = defaultdict(list)
    if series:
        spans = database["observations"].find({"series": {"$in": series}}).sort([("last_day", 1), ("first_day", 1)])
        async for span in spans:
            found[span["series"]].append(span)
    return found


def _first_day(new: Measurement, spans: Sequence[Document]) -> str:
    """That of the span which the measurement belongs to: the latest if nothing changed, or one around its day."""
    for span in reversed(spans):
        around = span is spans[-1] or span["first_day"] <= new.day <= span["last_day"]
        if around and span["value"] == new.value:
            first_day: str = span["first_day"]
            return first_day
    return new.day


def _update(series: str, new: Measurement, spans: Sequence[Document]) -> UpdateOne:
    first_day = _first_day(new, spans)
    begun = {
        "series": series,
        "paper": new.paper,
        "provider": new.provider,
        "metric": new.metric,
        "url": new.url,
        "first_day": first_day,
    }
    return UpdateOne(
        {"_id": f"{series} {first_day}"},
        {"$set": {"value": new.value}, "$max": {"last_day": new.day}, "$setOnInsert": begun},
        upsert=True,
    )


async def move(database: Database, moves: Mapping[str, str], urls: Sequence[str] | None = None) -> None:
    """Give papers' histories (by old id), or those of these repositories, to the papers they turned out to be."""
    moved: Document = {"paper": {"$in": list(moves)}} | ({} if urls is None else {"url": {"$in": urls}})
    spans = [span async for span in database["observations"].find(moved)] if moves else []
    if not spans:
        return
    named = [_named(span, moves[span["paper"]]) for span in spans]
    series = {"series": {"$in": [one["series"] for one in named]}}
    there = [span async for span in database["observations"].find(series)]
    united = _united([*there, *named])
    await bulk.write(database["observations"], [_kept(span) for span in united])
    stay = {span["_id"] for span in united}
    # As they were read: what was extended meanwhile is left to whoever did that.
    gone = [DeleteOne(span) for span in (*spans, *there) if span["_id"] not in stay]
    await bulk.write(database["observations"], gone)


async def remove(database: Database, paper_id: str) -> None:
    """Forget the history of a paper that is none."""
    await database["observations"].delete_many({"paper": paper_id})


def _named(span: Document, new_id: str) -> Document:
    named = {key: span[key].replace(span["paper"], new_id, 1) for key in ("_id", "series")}
    return {**span, **named, "paper": new_id}


def _united(spans: Sequence[Document]) -> list[Document]:
    """The spans, with those made one that overlap in a series with the same value."""
    united: defaultdict[tuple[str, int], list[Document]] = defaultdict(list)
    for span in sorted(spans, key=itemgetter("first_day")):
        same = united[span["series"], span["value"]]
        if same and span["first_day"] <= same[-1]["last_day"]:
            same[-1]["last_day"] = max(same[-1]["last_day"], span["last_day"])
        else:
            same.append(span.copy())
    return [span for same in united.values() for span in same]


def _kept(span: Document) -> UpdateOne:
    begun = {key: value for key, value in span.items() if key not in ("_id", "last_day")}
    return UpdateOne({"_id": span["_id"]}, {"$setOnInsert": begun, "$max": {"last_day": span["last_day"]}}, upsert=True)
