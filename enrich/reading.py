"""Values out of JSON answers, of the documented type, or the answer is not understood; titles as searches take them."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections import Counter
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from enrich.errors import NotUnderstood
from enrich.evidence import Described
from storage.arxiv_ids import parse_id
from storage.titles import UNSURE, clean_latex, collapse

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Mapping, Sequence

LARGEST_COUNT = 2**63 - 1  # MongoDB's integers have 64 bits
LONGEST_QUERY = 250  # characters, as Hugging Face limits them; no title needs more to be found
LONGEST_TEXT = 100_000  # characters: MongoDB's documents have 16 MiB at most
LONGEST_ABSTRACT = 20_000  # characters; the longest of arXiv have 6,000


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
    """A text, None where it is null, absent or empty. Raises NotUnderstood for another type, or no end of text."""
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise NotUnderstood(f"{key} is no text: {str(value)[:40]!r}")
    return bounded(value, key) or None


def bounded(value: str | None, name: str) -> str:
    """The text, empty for None. Raises NotUnderstood where it is longer than any can be."""
    if value and len(value) > LONGEST_TEXT:
        raise NotUnderstood(f"{name} has {len(value)} characters: {value[:40]!r}")
    return value or ""


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


def rows(value: Any, what: str) -> list[dict[str, Any]]:
    """A list of objects. Raises NotUnderstood for anything else."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise NotUnderstood(f"no list of {what}: {str(value)[:80]!r}")
    return value


def each_once(found: Collection[str], asked: Container[str]) -> None:
    """Raises NotUnderstood where something was told twice, or was not asked for."""
    if strange := [one for one, times in Counter(found).items() if times > 1 or one not in asked]:
        raise NotUnderstood(f"{strange[0][:60]!r} twice, or not asked for")


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


def query(title: str) -> str:
    """A title as searches take it: words whose spelling is sure, in any script; empty where it has none.

    Words only, since `,` `|` `:` `-` and quotes are operators; a lone sure word would find too much, so then all words.
    """
    cleaned = unicodedata.normalize("NFC", clean_latex(title))
    sure = " ".join(word for word in cleaned.split() if UNSURE.isdisjoint(word))
    words = re.findall(r"[^\W_]+(?:\.[^\W_]+)*", sure)
    if len(words) <= 1:
        words = re.findall(r"[^\W_]+", cleaned)
    return shorten(" ".join(words), LONGEST_QUERY, placeholder="") or "".join(words[:1])[:LONGEST_QUERY]


def described(
    written: str | None, row: Mapping[str, Any], abstract: str | None, authors: Sequence[str | None]
) -> Described | None:
    """A paper of a search, None without an arXiv id; authors: None for whoever is not named. Raises NotUnderstood."""
    if (identified := parse_id(written or "")) is None:
        return None
    if (title := text(row, "title")) is None:
        raise NotUnderstood(f"{written} has no title")
    names = tuple(filter(None, authors))
    return Described(
        title=collapse(title),
        abstract=collapse((abstract or "")[:LONGEST_ABSTRACT]) or None,
        authors=names or None,
        authors_count=len(names) if names and len(names) == len(authors) else None,
        arxiv_id=identified[0],
    )
