"""The papers behind every provider: one file of JSON lines, indexed by id, title word, DOI and repository."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.standin.invented import Repository, invented_repository, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SMALL = Path(__file__).parent / "corpus.jsonl"

WORD = re.compile(r"[^\W_]+")
REPOSITORY = re.compile(r"github\.com/([A-Za-z0-9][A-Za-z0-9-]*)/([A-Za-z0-9._-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One paper as the providers tell it. What its line lacks is empty; the dates are completed by a rule."""

    id: str
    title: str
    abstract: str
    authors: tuple[str, ...]
    published: datetime
    updated: datetime
    dated: bool  # False: the line has no `published`
    version: int
    categories: tuple[str, ...]
    comment: str
    doi: str
    journal_ref: str
    code_urls: tuple[str, ...]


def published(line: dict[str, Any]) -> datetime:
    """When a paper was published: its day, else one of its month that its id decides, as the time of day."""
    month = datetime.fromisoformat(f"{line['ym']}-01").replace(tzinfo=UTC)
    day = line.get("published") or (month + timedelta(days=number("day", line["id"]) % 28)).isoformat()
    return _timed(day, line["id"])


def _timed(day: str, arxiv_id: str) -> datetime:
    """Midnight of that day and a time of day that the id decides."""
    midnight = datetime.fromisoformat(day[:10]).replace(tzinfo=UTC)
    return midnight + timedelta(seconds=number("time of day", arxiv_id) % 86400)


def read_row(line: dict[str, Any]) -> Row:
    """A corpus line as a row; most of its keys are optional."""
    first = published(line)
    return Row(
        id=line["id"],
        title=line["title"],
        abstract=line.get("abstract") or "",
        authors=tuple(line.get("authors") or ()),
        published=first,
        updated=max(first, _timed(line["updated"], line["id"])) if line.get("updated") else first,
        dated=bool(line.get("published")),
        version=line.get("version") or 1,
        categories=tuple(line.get("categories") or ()),
        comment=line.get("comment") or "",
        doi=line.get("doi") or "",
        journal_ref=line.get("journal_ref") or "",
        code_urls=tuple(url if isinstance(url, str) else url["url"] for url in line.get("code_urls") or ()),
    )


def words(text: str) -> list[str]:
    """The words of a text: lower case, split at everything that is neither letter nor digit."""
    return WORD.findall(text.lower())


def repository_names(row: Row) -> Iterator[str]:
    """The repositories (`owner/name`) that a paper's texts and links name, as written there."""
    text = " ".join((row.abstract, row.comment, *row.code_urls)).replace("\\_", "_")
    for owner, name in REPOSITORY.findall(text):
        if bare := name.rstrip(".").removesuffix(".git"):
            yield f"{owner}/{bare}"


@dataclass
class Titles:
    """Finds titles by their words."""

    lines: dict[str, str] = field(default_factory=dict)  # id -> " the words of its title "
    holders: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # word -> ids

    def add(self, row: Row) -> None:
        """Take a row's title in."""
        found = words(row.title)
        self.lines[row.id] = f" {' '.join(found)} "
        for word in found:
            self.holders[word].add(row.id)

    def having(self, phrase: list[str]) -> set[str]:
        """The ids whose titles hold these words one right after the other."""
        if not phrase:
            return set()
        rarest = min((self.holders.get(word, set()) for word in phrase), key=len)
        line = f" {' '.join(phrase)} "
        return {arxiv_id for arxiv_id in rarest if line in self.lines[arxiv_id]}

    def sharing(self, wanted: Iterable[str]) -> Counter[str]:
        """The ids whose titles hold some of these words, and how many of them."""
        return Counter(arxiv_id for word in set(wanted) for arxiv_id in self.holders.get(word, ()))


class Corpus:
    """All rows of one file.

    rows: by id. by_journal_doi: by the lower-cased DOI of their journal version. repositories: every one the
    papers name, by its lower-cased name there and, if renamed, by the new one; repositories_by_id: by number.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = {row.id: row for row in rows}
        self.titles = Titles()
        self.by_journal_doi: dict[str, Row] = {}
        self.repositories: dict[str, Repository] = {}
        for row in self.rows.values():
            self.titles.add(row)
            if row.doi:
                self.by_journal_doi[row.doi.lower()] = row
            for name in repository_names(row):
                repository = self.repositories.setdefault(name.lower(), invented_repository(name))
                self.repositories.setdefault(repository.full_name.lower(), repository)
        self.repositories_by_id = {repository.id: repository for repository in self.repositories.values()}


@lru_cache(maxsize=4)
def load(path: Path = SMALL) -> Corpus:
    """The corpus of a `.jsonl` or `.jsonl.gz` file."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return Corpus(read_row(json.loads(line)) for line in raw.splitlines() if line.strip())
