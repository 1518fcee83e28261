"""The local index of titles: one SQLite file in `data_dir`, which answers without any network.

It is never changed in place: a build or an update writes another file, which takes its place whole. What it tells
of a paper is one packed record with a checksum; the keys only lead there, so damage shows as an error or as a
paper that is not found, never as another paper.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
import sys
import time
import zlib
from collections import defaultdict
from contextlib import closing, contextmanager, suppress
from functools import partial
from hashlib import sha256
from heapq import nlargest
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import orjson
from rapidfuzz import fuzz, process

from storage.arxiv_ids import id_month
from storage.errors import StorageError
from storage.titles import abstract_opening, name_keys, spellings, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

NAME = "titles.index"
FORMAT = 1
APPLICATION = 0x70685449  # "phTI"
STALE = 86400.0  # seconds after which a file that a build left is nobody's
AGAIN = "make it again with paperharvest index build"

COMMON = 500  # titles: a word in more of them says little, and costs much to look up
RARE = 2  # words that tell enough by themselves
PAIRED = 3  # common words of a title that are looked for in pairs: its rarest
LOOKED_AT = 16  # papers whose titles are compared, those that share most of these words first
NEAR = 6  # of these, the most alike
SHARING = 50  # papers that share a key or a beginning; of more, none is the only one
BEGINNING = 4  # words: a shorter beginning says too little
STRANGE = 2  # words of a title that may be misspelt
LONGEST_WORD = 40  # letters of a word that may be misspelt
WORDS = 40  # of a title that are looked for
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHORT = 400  # bytes of a record that is not worth packing
CACHE = 64 * 1024  # KiB that SQLite may take while it builds

SETTINGS = (
    "PRAGMA journal_mode=OFF",
    "PRAGMA synchronous=OFF",
    f"PRAGMA cache_size=-{CACHE}",
    "PRAGMA temp_store=FILE",
)
# Words come cut by `words`: SQLite's own tokenizer would cut those of scripts that are newer than it.
WORD_TABLE = "content='', columnsize=0, detail=none, tokenize='ascii'"
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS papers (n INTEGER PRIMARY KEY, arxiv_id TEXT NOT NULL UNIQUE, record BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS keys (key TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (key, n)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS twins (key TEXT PRIMARY KEY, papers INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS common (word TEXT PRIMARY KEY, papers INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    f"CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(titles, {WORD_TABLE})",
    "CREATE TEMP TABLE found (key TEXT NOT NULL, n INTEGER NOT NULL)",
)


class Indexed(NamedTuple):
    """What the index knows of a paper; its titles begin with the latest."""

    arxiv_id: str
    titles: tuple[str, ...]
    authors: tuple[str, ...] | None = None
    abstract: str | None = None
    published: str | None = None
    """The day of its submission, ISO 8601."""

    def joined(self, other: Indexed) -> Indexed:
        """The same paper with what another source adds; what both tell is the other's."""
        return Indexed(
            self.arxiv_id,
            tuple(dict.fromkeys((*other.titles, *self.titles))),
            other.authors or self.authors,
            other.abstract or self.abstract,
            other.published or self.published,
        )


class About(NamedTuple):
    """How large the index is, when it was built or updated, and the month of its newest paper."""

    papers: int
    size: int
    updated_at: dt.datetime
    newest: str
    """The month of the newest paper of the dumps it was built from; empty where papers of the database made it."""

    def __str__(self) -> str:
        upto = f" up to {self.newest}" if self.newest else ""
        return f"{self.papers} papers{upto}, {self.size / 2**20:.1f} MiB"


def _pack(paper: Indexed) -> bytes:
    text = orjson.dumps(list(paper))
    if len(text) < SHORT:
        return text + zlib.crc32(text).to_bytes(4, "big")
    return zlib.compress(text, 1)  # with its own checksum


def _unpack(record: bytes) -> Indexed:
    short = record[:1] == b"["
    text = record[:-4] if short else zlib.decompress(record)
    if short and zlib.crc32(text) != int.from_bytes(record[-4:], "big"):
        raise ValueError("a record is not what was written")
    arxiv_id, titles, authors, abstract, published = orjson.loads(text)
    return Indexed(arxiv_id, tuple(titles), tuple(authors) if authors else None, abstract, published)


# --- making it --------------------------------------------------------------------------------------------


Add: TypeAlias = "Callable[[Iterable[Indexed]], None]"


@contextmanager
def writing(folder: Path, *, keep: bool) -> Iterator[Add]:
    """Write an index of the papers that are added, which takes the old one's place when all went well.

    keep: what the old one knows stays. Of a paper told twice both are joined. Raises StorageError.
    """
    old, new = folder / NAME, folder / f"{NAME}.{os.getpid()}"
    _sweep(folder)
    new.unlink(missing_ok=True)  # of a killed run, which in a container often has the same number
    try:
        if keep and old.exists():
            with closing(TitleIndex(folder)) as known:
                known.check()
            shutil.copyfile(old, new)
        with closing(sqlite3.connect(new, isolation_level=None)) as database:
            for statement in (*SETTINGS, *SCHEMA, "BEGIN"):
                database.execute(statement)
            yield partial(_add, database)
            _finish(database, keep=keep)
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        new.replace(old)
    except sqlite3.Error as error:
        raise StorageError(f"the title index cannot be written ({error}): free space in {folder}") from None
    finally:
        new.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what killed runs left behind."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{NAME}.*"):
        with suppress(FileNotFoundError):
            if left.suffix[1:].isdigit() and time.time() - left.stat().st_mtime > STALE:
                left.unlink()


def _finish(database: sqlite3.Connection, *, keep: bool) -> None:
    # In their order: a table that grows at its end is written once.
    database.execute("INSERT OR IGNORE INTO keys SELECT key, n FROM temp.found ORDER BY key, n")
    database.execute("INSERT INTO words(words) VALUES ('optimize')")
    (papers,) = database.execute("SELECT count(*) FROM papers").fetchone()
    if not papers:
        raise StorageError("no paper with an arXiv id and a title was found: the index stays as it was")
    told = {"papers": papers, "updated_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}
    if not keep:
        told["newest"] = max(id_month(one) for (one,) in database.execute("SELECT arxiv_id FROM papers"))
    database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", told.items())
    database.execute("INSERT OR IGNORE INTO meta VALUES ('newest', '')")
    database.execute("DELETE FROM twins")
    database.execute("INSERT INTO twins SELECT key, count(*) FROM keys GROUP BY key HAVING count(*) > 1")
    database.execute("CREATE VIRTUAL TABLE temp.counts USING fts5vocab(main, words, row)")
    database.execute("DELETE FROM common")
    database.execute("INSERT INTO common SELECT term, doc FROM temp.counts WHERE doc > ?", (COMMON,))
    for statement in ("COMMIT", f"PRAGMA application_id={APPLICATION}", f"PRAGMA user_version={FORMAT}"):
        database.execute(statement)


def _add(database: sqlite3.Connection, papers: Iterable[Indexed]) -> None:
    for paper in papers:
        whole, n = paper, None
        with suppress(sqlite3.IntegrityError):
            inserted = database.execute(
                "INSERT INTO papers (arxiv_id, record) VALUES (?, ?)", (paper.arxiv_id, _pack(paper))
            )
            n = inserted.lastrowid
        if n is None:
            n, record = database.execute(
                "SELECT n, record FROM papers WHERE arxiv_id = ?", (paper.arxiv_id,)
            ).fetchone()
            known = _unpack(record)
            whole = known.joined(paper)
            if whole == known:
                continue
            database.execute("UPDATE papers SET record = ? WHERE n = ?", (_pack(whole), n))
            database.execute("INSERT INTO words(words, rowid, titles) VALUES ('delete', ?, ?)", (n, _words(known)))
        database.execute("INSERT INTO words(rowid, titles) VALUES (?, ?)", (n, _words(whole)))
        database.executemany("INSERT INTO temp.found VALUES (?, ?)", ((key, n) for key in _keys(whole)))


def _words(paper: Indexed) -> str:
    return " ".join(dict.fromkeys(word for title in paper.titles for word in words(title)))


def _keys(paper: Indexed) -> set[str]:
    """All by which it is looked up: whole titles, names before a colon, how the abstract begins."""
    found = {key for title in paper.titles for key in (*spellings(title), *name_keys(title)) if key}
    if opening := _opening(paper.abstract):
        found.add(opening)
    return found


def _opening(abstract: str | None) -> str | None:
    """A key that no title can have."""
    opening = abstract_opening(abstract) if abstract else ""
    return "#" + sha256(opening.encode()).hexdigest()[:16] if opening else None


# --- asking it --------------------------------------------------------------------------------------------


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"the title index {path} is damaged ({error}): {AGAIN}") from None


def _one_letter_off(word: str) -> set[str]:
    """All words that are this one with a letter dropped, added, replaced, or swapped with its neighbour."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    dropped = {a + b[1:] for a, b in cuts if b}
    return swapped | dropped | {a + letter + rest for a, b in cuts for letter in LETTERS for rest in {b, b[1:]}}


@contextmanager
def reading(folder: Path) -> Iterator[TitleIndex | None]:
    """The index in that folder; None where none was built. Raises StorageError where it is damaged."""
    if not (folder / NAME).exists():
        yield None
        return
    with closing(TitleIndex(folder)) as index:
        yield index


class TitleIndex:
    """The index, open for reading. Raises StorageError wherever it turns out to be damaged."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        with _explained(self.path):
            self._database = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
            try:
                self.about = self._about()
            except BaseException:
                self.close()
                raise

    def _about(self) -> About:
        size = self.path.stat().st_size
        (application,) = self._one("PRAGMA application_id")
        (form,) = self._one("PRAGMA user_version")
        (pages,), (page,) = self._one("PRAGMA page_count"), self._one("PRAGMA page_size")
        if application != APPLICATION or pages * page != size:
            raise ValueError("it is cut, or no index")
        if form != FORMAT:
            raise ValueError(f"its format is {form}, not {FORMAT}")
        told = dict(self._database.execute("SELECT name, value FROM meta"))
        return About(int(told["papers"]), size, dt.datetime.fromisoformat(told["updated_at"]), told["newest"])

    def _one(self, query: str, *values: object) -> tuple[int, ...]:
        found: tuple[int, ...] = self._database.execute(query, values).fetchone()
        return found

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def check(self) -> None:
        """Read the whole file. Raises StorageError where any of it is damaged."""
        with _explained(self.path):
            if (said := self._database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise ValueError(said)
            for (record,) in self._database.execute("SELECT record FROM papers"):
                _unpack(record)

    def titled(self, title: str, abstract: str | None = None) -> tuple[list[Indexed], bool]:
        """The papers of this very title, or whose abstract begins like this one; and whether these are all."""
        keys = [*filter(None, spellings(title)), *filter(None, [_opening(abstract)])]
        with _explained(self.path):
            found, complete = self._read([n for key in keys for n in self._having(key)])
            if not abstract and any(_keys(one).isdisjoint(keys) for one in found):  # it hides the one that has it
                raise ValueError("a key leads to another paper")
            return found, complete

    def near(self, title: str) -> tuple[list[Indexed], bool]:
        """Papers whose titles begin like this one, or share telling words; and whether all that begin so are there."""
        asked = words(title)
        with _explained(self.path):
            beginning = [n for key in name_keys(f"{title}:")[-1:] for n in self._having(key)]
            if len(asked) >= BEGINNING:
                beginning += [n for key in filter(None, spellings(title)) for n in self._beginning(key)]
            begun, complete = self._read(beginning)
            alike = process.extract(
                " ".join(asked),
                {paper: _words(paper) for paper in self._sharing(asked)},
                scorer=fuzz.ratio,
                limit=NEAR,
            )
        known = {one.arxiv_id for one in begun}
        return begun + [paper for _, _, paper in alike if paper.arxiv_id not in known], complete

    def misspelt(self, title: str) -> list[Indexed]:
        """The papers whose titles this one is when one letter of a word that no title has is put right."""
        asked = words(title)
        with _explained(self.path):
            common = self._common(asked)
            strange = [
                place
                for place, word in enumerate(asked)
                if word not in common and len(word) <= LONGEST_WORD and not self.has(word)
            ]
            keys = [
                "".join((*asked[:place], word, *asked[place + 1 :]))
                for place in strange[:STRANGE]
                for word in _one_letter_off(asked[place])
            ]
            query = "SELECT DISTINCT n FROM keys WHERE key IN (SELECT value FROM json_each(?))"
            return self._read(n for (n,) in self._database.execute(query, (orjson.dumps(keys).decode(),)))[0]

    def has(self, word: str) -> bool:
        """Whether any title has a word."""
        with _explained(self.path):
            query = "SELECT 1 FROM words WHERE words MATCH ? LIMIT 1"
            return self._database.execute(query, (f'"{word}"',)).fetchone() is not None

    def _having(self, key: str) -> list[int]:
        found = [n for (n,) in self._database.execute("SELECT n FROM keys WHERE key = ? LIMIT ?", (key, SHARING + 1))]
        twins = self._database.execute("SELECT papers FROM twins WHERE key = ?", (key,)).fetchone()
        if twins and len(found) < min(twins[0], SHARING + 1):  # a paper that is hidden would leave the other certain
            raise ValueError("keys are missing")
        return found

    def _beginning(self, key: str) -> list[int]:
        query = "SELECT DISTINCT n FROM keys WHERE key > ? AND key < ? LIMIT ?"
        return [n for (n,) in self._database.execute(query, (key, key + chr(sys.maxunicode), SHARING + 1))]

    def _rows(self, *all_of: str) -> list[int]:
        # As one text: as rows they take longer to hand over than to find.
        query = "SELECT json_group_array(rowid) FROM (SELECT rowid FROM words WHERE words MATCH ? LIMIT ?)"
        (found,) = self._database.execute(query, (" AND ".join(f'"{word}"' for word in all_of), COMMON)).fetchone()
        rows: list[int] = orjson.loads(found)
        return rows

    def _common(self, asked: list[str]) -> dict[str, int]:
        """How many papers have each of these words, of those that many have."""
        query = "SELECT word, papers FROM common WHERE word IN (SELECT value FROM json_each(?))"
        return dict(self._database.execute(query, (orjson.dumps(asked).decode(),)))

    def _sharing(self, asked: list[str]) -> Iterator[Indexed]:
        """Papers that share the rarest of these words."""
        asked = asked[:WORDS]
        common = self._common(asked)
        rare = [(word,) for word in dict.fromkeys(asked) if word not in common]
        often = sorted(common, key=common.__getitem__)[:PAIRED] if len(rare) < RARE else []
        weights: dict[int, float] = defaultdict(float)
        for together in (*rare, *combinations(often, 2)):
            rows = self._rows(*together)
            weight = 1 / max(len(rows), 1)
            for n in rows:
                weights[n] += weight
        for n in nlargest(LOOKED_AT, weights, key=weights.__getitem__):
            yield self._paper(n)

    def _read(self, numbers: Iterable[int]) -> tuple[list[Indexed], bool]:
        each = list(dict.fromkeys(numbers))
        return [self._paper(n) for n in each[:SHARING]], len(each) <= SHARING

    def _paper(self, n: int) -> Indexed:
        record = self._database.execute("SELECT record FROM papers WHERE n = ?", (n,)).fetchone()
        if record is None:
            raise ValueError(f"no record {n}")
        return _unpack(record[0])
