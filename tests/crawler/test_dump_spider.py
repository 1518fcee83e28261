"""The spider `dump` and the pipeline: what rows add to papers, what is refused, where a second crawl goes on."""

from __future__ import annotations

import gzip
import json
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest
from scrapy.exceptions import DropItem
from scrapy.http import TextResponse
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector

from crawler.dumps._row import LARGEST
from crawler.dumps.parts import SIZE
from crawler.items import Rows
from crawler.pipelines import StorePipeline
from crawler.spiders.dump import GLANCE, DumpSpider
from storage import aliases, export, facts, merging, papers
from storage.documents import ArxivEntry, ArxivFact, CitationCount, Listing, Page, Resolution
from storage.merging import Merge
from tests.lab import without_times

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scrapy.crawler import Crawler

    from storage.connect import Database, Document

ABSTRACT = "Cold water moves. Code: https://github.com/icelab/floe"
NOON = "2026-03-01T12:00:00Z"


def snapshot(number: int, **fields: Any) -> dict[str, Any]:
    """A row of arXiv's snapshot."""
    return {
        "id": f"2503.{number:05}",
        "title": f"How Ice\n  Grows {number}",
        "comments": "12 pages. https://github.com/icelab/grow",
        "doi": f"10.1002/ice.{number}",
        "categories": "cs.LG stat.ML",
        "abstract": f"  {ABSTRACT}\n",
        "versions": [{"version": "v3", "created": "Sat, 1 Mar 2025 20:31:27 GMT"}],
        "update_date": "2025-04-10",
        "authors_parsed": [["North", "Ada", ""]],
        **fields,
    }


def link(number: int | None, repository: str, **fields: Any) -> dict[str, Any]:
    """An entry of Papers with Code's links."""
    arxiv_id = f"2503.{number:05}" if number else None
    return {
        "paper_url": "x",
        "paper_title": f"Ice {number}",
        "paper_arxiv_id": arxiv_id,
        "repo_url": repository,
        **fields,
    }


def foreign(number: int, **fields: Any) -> dict[str, Any]:
    """A line that somebody wrote."""
    return {"arxiv_id": f"2503.{number:05}", "title": f"Ice {number}", **fields}


def lines(rows: list[Any]) -> bytes:
    """JSON lines; what is no object is put in as it is."""
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in rows)


class Crawl:
    """What spider and pipeline know of Scrapy: settings, statistics, each other, and whether somebody interrupts."""

    def __init__(self, mongo_uri: str, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        fields = {"MONGO_URI": mongo_uri, "MONGO_DATABASE": database.name, "DATA_DIR": str(folder / "data")}
        self.settings = Settings(fields | {"RAW_LIMIT": 10**9})
        self.crawling = True

    def get_item_pipeline(self, _: type[StorePipeline]) -> StorePipeline:
        """The only one there is."""
        return self.pipeline

    async def close_spider_async(self, *, reason: str) -> None:
        """Scrapy would stop here."""

    async def dump(
        self, layout: str, *paths: Path | str, every: bool = False, stop: int | None = None
    ) -> dict[str, Any]:
        """Crawl files, as far as so many items; returns our statistics."""
        self.stats, self.engine = MemoryStatsCollector(cast("Crawler", self)), self
        self.pipeline = StorePipeline.from_crawler(cast("Crawler", self))
        await self.pipeline.open_spider()
        spider = DumpSpider([str(path) for path in paths], layout, "1" if every else None)
        spider.crawler = cast("Crawler", self)
        self.items, self.crawling = 0, stop != 0
        async for item in spider.parse(TextResponse("data:,")):
            self.items += 1
            self.crawling = self.items != stop
            try:
                await self.pipeline.process_item(item)
            except DropItem:
                assert not isinstance(item, Rows)
        await self.pipeline.close_spider()
        stats = self.stats.get_stats()
        return {key.removeprefix("harvest/"): value for key, value in stats.items() if key.startswith("harvest/")}

    async def rows(self, layout: str, rows: list[Any], *, every: bool = False) -> dict[str, Any]:
        """Crawl a file of these rows, in the layout's form."""
        path = self.folder / f"{layout}.json"
        path.write_bytes(json.dumps(rows).encode() if layout.startswith("pwc") else lines(rows))
        return await self.dump(layout, path, every=every)

    async def know(self, *numbers: int) -> None:
        """Store papers of which a page told the ids."""
        listings = tuple(Listing(position=at, title=f"Ice {at}", arxiv_id=f"2503.{at:05}") for at in numbers)
        await papers.sight(self.database, Page(listings=listings), "text_b", "text:0")

    async def all(self, collection: str) -> list[Document]:
        """All documents, in order."""
        return [one async for one in self.database[collection].find().sort("_id", 1)]

    async def paper(self, number: int) -> Document:
        """One of the papers."""
        found = await self.database["papers"].find_one({"_id": f"arxiv:2503.{number:05}"})
        assert found
        return found

    async def exported(self) -> bytes:
        """The export."""
        return b"".join([line async for line in export.lines(self.database, {})])

    async def end(self) -> Any:
        """All that is stored, but for when, and how often it was written."""
        moments = {"at", "seen_at", "_work", "names"}
        stored = {name: await self.all(name) for name in ("papers", "digests", "deferred", "aliases")}
        return without_times(
            {
                name: [{key: value for key, value in one.items() if key not in moments} for one in documents]
                for name, documents in stored.items()
            }
        )


@pytest.fixture
def crawl(mongo_uri: str, database: Database, tmp_path: Path) -> Crawl:
    """Crawls of dumps into one database."""
    return Crawl(mongo_uri, database, tmp_path)


# --- arXiv's snapshot -------------------------------------------------------------------------------------


async def test_a_snapshot_tells_of_known_papers(crawl: Crawl) -> None:
    """Their metadata, texts and links, as of its date; unknown ones are left out, and counted."""
    await crawl.know(1, 2)
    told = await crawl.rows("arxiv-snapshot", [snapshot(number) for number in (1, 2, 3, 4, 5)])
    assert (told["listings"], told["unknown"], told["digests"], told["untold"]) == (2, 3, 1, 0)
    found = await crawl.all("papers")
    assert [one["_id"] for one in found] == ["arxiv:2503.00001", "arxiv:2503.00002"]
    paper = found[0]
    fact = paper["arxiv"]
    assert (fact["status"], fact["provider"], fact["version"]) == ("ok", "arxiv_snapshot", 3)
    assert (fact["categories"], fact["comment"][:9]) == (["cs.LG", "stat.ML"], "12 pages.")
    assert paper["published"] == {"date": "2025-03-01", "precision": "day", "basis": "arxiv"}
    assert (paper["ids"]["doi"], paper["title"], paper["text_source"]) == (
        "10.1002/ice.1",
        "How Ice Grows 1",
        "arxiv_snapshot",
    )
    assert [one["full_name"] for one in paper["repos"]] == ["icelab/grow", "icelab/floe"]
    [digest] = await crawl.all("digests")
    assert (digest["records"], digest["refused"], digest["whole"], digest["known_only"]) == (5, 0, True, True)
    assert await aliases.papers_of(crawl.database, ["doi:10.1002/ice.1"]) == {"doi:10.1002/ice.1": ["arxiv:2503.00001"]}


async def test_the_same_snapshot_again(crawl: Crawl) -> None:
    """It changes nothing; papers that are known by now are filled; `--all` imports the others."""
    await crawl.know(1)
    rows = [snapshot(number) for number in (1, 2, 3)]
    await crawl.rows("arxiv-snapshot", rows)
    first, before = await crawl.end(), await crawl.paper(1)
    await crawl.rows("arxiv-snapshot", rows)
    assert await crawl.end() == first
    assert len(before["sightings"]) == 2
    await crawl.know(2)
    assert (await crawl.rows("arxiv-snapshot", rows))["unknown"] == 1
    assert (await crawl.paper(2))["arxiv"]["status"] == "ok"
    assert (await crawl.rows("arxiv-snapshot", rows, every=True))["unknown"] == 0
    assert (await crawl.paper(3))["arxiv"] == {**before["arxiv"], "doi": "10.1002/ice.3"}
    assert len((await crawl.paper(1))["sightings"]) == 2


@pytest.mark.parametrize(
    ("status", "date", "stands"),
    [
        ("ok", "2026-01-01", True),
        ("ok", "2025-01-01", False),
        ("missing", "2026-01-01", True),
        ("failed", "2026-01-01", False),
        ("pending", "2026-01-01", False),
    ],
)
async def test_a_newer_answer_stands(crawl: Crawl, status: Any, date: str, stands: bool) -> None:
    """One of arXiv itself, whatever it was; an older one, and what is no answer, is replaced."""
    await crawl.know(1)
    asked = ArxivFact.model_validate({"status": status, "provider": "arxiv", "fetched_at": f"{date}T00:00:00Z"})
    title = "As arXiv Has It"
    entry = ArxivEntry(arxiv_id="2503.00001", title=title, abstract=None, authors=None, fact=asked)
    await facts.record_arxiv(crawl.database, [entry])
    await crawl.rows("arxiv-snapshot", [snapshot(1)])
    paper = await crawl.paper(1)
    assert paper["arxiv"]["provider"] == ("arxiv" if stands else "arxiv_snapshot")
    assert (paper["title"], paper["text_source"]) == (title, "arxiv")


# --- Papers with Code -------------------------------------------------------------------------------------


LINKS = [
    link(1, "https://github.com/icelab/floe", is_official=True, mentioned_in_paper=True),
    link(1, "https://gitlab.com/other/ice", mentioned_in_github=True),
    link(1, "https://code.example.org/dead", mentioned_in_paper=True),
    link(1, "https://github.com/other/ice", mentioned_in_paper=True),
    link(1, "https://github.com/third/ice"),
    link(2, "https://github.com/unknown/paper"),
    link(None, "https://github.com/without/id"),
]


async def test_links_are_evidence(crawl: Crawl) -> None:
    """Several of one paper, all of them as links, those on GitHub as repositories, whichever row is read last."""
    await crawl.know(1)
    told = await crawl.rows("pwc-links", LINKS)
    assert (told["listings"], told["unknown"]) == (5, 2)
    paper = await crawl.paper(1)
    assert {one["full_name"]: one["evidence"] for one in paper["repos"]} == {
        "icelab/floe": ["pwc_official"],
        "other/ice": ["pwc_mentioned"],
        "third/ice": ["pwc_listed"],
    }
    assert {one["url"]: (one["kind"], one["found_in"]) for one in paper["links"]} == {
        "https://github.com/icelab/floe": ("github", "page"),
        "https://gitlab.com/other/ice": ("gitlab", "page"),
        "https://code.example.org/dead": ("other", "page"),
        "https://github.com/other/ice": ("github", "page"),
        "https://github.com/third/ice": ("github", "page"),
    }
    assert len(paper["sightings"]) == 2
    assert all(one["stars"] is None for one in paper["repos"])
    first = await crawl.end()
    await crawl.rows("pwc-links", LINKS)
    assert await crawl.end() == first


async def test_links_of_papers_without_an_id(crawl: Crawl) -> None:
    """With `--all` they make a paper that waits for its id."""
    told = await crawl.rows("pwc-links", LINKS, every=True)
    assert (told["listings"], told["unknown"]) == (7, 0)
    [waiting] = [one for one in await crawl.all("papers") if one["_id"].startswith("title:")]
    assert waiting["repos"][0]["evidence"] == ["pwc_listed"]


async def test_abstracts_fill_known_papers(crawl: Crawl) -> None:
    """They stand where no better source has one, and what they name becomes evidence."""
    await crawl.know(1)
    rows = [
        {"paper_url": "x", "arxiv_id": "2503.00001", "title": "Ice 1", "abstract": ABSTRACT, "authors": ["Ada North"]},
        {"paper_url": "y", "arxiv_id": None, "url_abs": "https://openreview.net/x", "title": "No Id", "abstract": "A"},
    ]
    told = await crawl.rows("pwc-abstracts", rows)
    assert (told["listings"], told["unknown"]) == (1, 1)
    paper = await crawl.paper(1)
    assert (paper["abstract"], paper["authors"], paper["arxiv"]["status"]) == (ABSTRACT, ["Ada North"], "pending")
    assert paper["repos"][0]["evidence"] == ["abstract"]
    await crawl.rows("arxiv-snapshot", [snapshot(1, abstract="As arXiv has it.")])
    assert (await crawl.paper(1))["abstract"] == "As arXiv has it."


# --- lines of others, and our own -------------------------------------------------------------------------


async def test_every_line_of_others_is_imported(crawl: Crawl) -> None:
    """By id, or by title until the id is known; the first of two lines of one paper says what it is called."""
    rows = [
        foreign(1, upvotes=3, githubRepo="https://github.com/icelab/floe", githubStars=7),
        {"title": "By Its Title Alone"},
        foreign(1, title="Ice, Again", githubRepo="https://github.com/other/ice"),
    ]
    told = await crawl.rows("jsonl", rows)
    assert (told["listings"], told["unknown"]) == (3, 0)
    by_id, by_title = await crawl.all("papers")
    assert (by_id["_id"], by_id["title"], by_id["sightings"][0]["position"]) == ("arxiv:2503.00001", "Ice 1", 3)
    assert [one["url"] for one in by_id["links"]] == ["https://github.com/icelab/floe", "https://github.com/other/ice"]
    assert by_title["_id"].startswith("title:")
    assert by_title["resolution"]["status"] == "pending"
    assert await crawl.all("observations") == []


async def fill(crawl: Crawl) -> None:
    """A store with something of everything: facts, waits, several sources, papers by title, links and repositories."""
    await crawl.know(1, 2, 3)
    await crawl.rows("arxiv-snapshot", [snapshot(1)])
    await crawl.rows("pwc-links", LINKS)
    await crawl.rows(
        "jsonl",
        [foreign(4, ai_keywords=["ice"], authors="North, Oslo"), foreign(5, authors=["A B"]), {"title": "Not Asked"}],
    )
    listings = (
        Listing(position=1, title="Waiting", abstract=ABSTRACT, authors_count=7, who="Ada and 6 more", upvotes=3),
        Listing(position=2, title="Ambiguous", abstract="One of two."),
        Listing(position=3, title="ICE 3", arxiv_id="2503.00003", comments=0, project_page="https://ice.example.org"),
    )
    await papers.sight(crawl.database, Page(listings=listings, medium="text"), "text_a", "text:1")
    ambiguous = (await crawl.database["papers"].find_one({"title": "Ambiguous"}) or {})["_id"]
    candidates = [{"arxiv_id": "2503.00009", "title": "Ambiguous", "score": 0.9}]
    told = Resolution.model_validate({"status": "ambiguous", "method": "title", "score": 0.9, "candidates": candidates})
    await papers.note_resolutions(crawl.database, {ambiguous: told})
    waiting = await crawl.database["papers"].find_one({"title": "Waiting"}) or {}
    by_hand = Resolution(status="resolved", method="manual")
    await merging.merge(crawl.database, [Merge(waiting, "2503.00007", by_hand)])
    fact = CitationCount.model_validate({"status": "ok", "fetched_at": NOON, "count": 12})
    await facts.record(crawl.database, "citations.openalex", {"arxiv:2503.00001": fact})
    for path in ("arxiv", "citations.semantic_scholar", "citations.openalex", "repos"):
        await facts.leave(crawl.database, path, "no budget left for today")
    await papers.leave_titles(crawl.database, "arXiv was not asked")


async def test_our_export_into_an_empty_database(mongo_uri: str, crawl: Crawl, database: Database) -> None:
    """Exported again it is the same, byte by byte but for `updated_at`; the history of citations is there."""
    await fill(crawl)
    first = await crawl.exported()
    for part in (b'"method":"manual"', b'"ambiguous"', b"arXiv was not asked", b"no budget left", b'"given"'):
        assert part in first
    (crawl.folder / "export.jsonl").write_bytes(first)
    copy = Crawl(mongo_uri, database.client[f"{database.name}_copy"], crawl.folder)
    try:
        told = await copy.dump("jsonl", crawl.folder / "export.jsonl")
        assert told["listings"] == first.count(b"\n")
        assert timeless(await copy.exported()) == timeless(first)
        [measured] = await copy.all("observations")
        assert (measured["paper"], measured["value"]) == ("arxiv:2503.00001", 12)
        found = await aliases.papers_of(copy.database, ["doi:10.1002/ice.1"])
        assert found == {"doi:10.1002/ice.1": ["arxiv:2503.00001"]}
        await copy.dump("jsonl", crawl.folder / "export.jsonl")
        assert timeless(await copy.exported()) == timeless(first)
    finally:
        await database.client.drop_database(copy.database.name)


def timeless(exported: bytes) -> list[bytes]:
    """The lines without when each was changed last; with when its paper was first seen."""
    return [line[: line.rindex(b',"updated_at"')] for line in exported.splitlines()]


async def test_our_export_into_the_same_database(crawl: Crawl) -> None:
    """It changes nothing: no paper, no sighting, no measurement, no alias."""
    await fill(crawl)
    first, measured, named = await crawl.exported(), await crawl.all("observations"), await crawl.all("aliases")
    (crawl.folder / "export.jsonl").write_bytes(first)
    for _ in range(2):
        await crawl.dump("jsonl", crawl.folder / "export.jsonl")
        assert timeless(await crawl.exported()) == timeless(first)
        assert await crawl.all("observations") == measured
        assert await crawl.all("aliases") == named


async def test_lines_of_resolved_papers_lead_to_them(crawl: Crawl) -> None:
    """An increment says what a paper became; another version of the line is refused."""
    merged = {"schema_version": 1, "id": "title:0123", "merged_into": "arxiv:2503.00001", "updated_at": NOON}
    told = await crawl.rows("jsonl", [*map(foreign, range(1, 12)), merged, {**merged, "schema_version": 2}])
    assert (told["listings"], len(told["refusals"])) == (12, 1)
    assert "schema_version '2' instead of 1" in told["refusals"][0]["detail"]
    assert await aliases.papers_of(crawl.database, ["title:0123"]) == {"title:0123": ["arxiv:2503.00001"]}


# --- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
async def test_packed_is_as_plain(crawl: Crawl, mongo_uri: str, database: Database, pack: Callable[..., bytes]) -> None:
    """Of files in folders, too: the same papers; bytes as they are on disk are counted."""
    content = lines([*map(foreign, range(1, 1200)), b"half"])
    (crawl.folder / "plain").mkdir()
    (crawl.folder / "plain" / "a.jsonl").write_bytes(content)
    (crawl.folder / "packed").mkdir()
    (crawl.folder / "packed" / "a.jsonl.x").write_bytes(pack(content))
    plain = await crawl.dump("jsonl", crawl.folder / "plain")
    copy = Crawl(mongo_uri, database.client[f"{database.name}_copy"], crawl.folder)
    try:
        packed = await copy.dump("jsonl", crawl.folder / "packed")
        assert [plain["listings"], len(plain["refusals"])] == [packed["listings"], len(packed["refusals"])] == [1199, 1]
        one, other = await crawl.all("papers"), await copy.all("papers")
        for paper in (*one, *other):
            paper["sightings"][0]["digest"] = ""
            del paper["_work"]
        assert without_times(one) == without_times(other)
    finally:
        await database.client.drop_database(copy.database.name)


async def test_progress_is_told_in_bytes(crawl: Crawl) -> None:
    """In MiB of all files as they are on disk."""
    content = lines([foreign(number, abstract=f"{number} " * 800) for number in range(1, 600)])
    for name in ("a", "b"):
        (crawl.folder / name).write_bytes(content)
        content += b"\n"
    told = await crawl.dump("jsonl", crawl.folder / "a", crawl.folder / "b")
    assert (told["unit"], told["total"], told["done"]) == ("MiB", 2 * len(content) >> 20, 2 * len(content) >> 20)


async def test_a_bad_row_is_refused_and_forgotten_when_it_is_mended(crawl: Crawl) -> None:
    """The others are stored; the entry has its place and hash, and goes with the file that is mended."""
    path = crawl.folder / "a.jsonl"
    path.write_bytes(lines([*map(foreign, range(1, 30)), b'{"title": 5}']))
    told = await crawl.dump("jsonl", path)
    assert (told["listings"], len(told["refusals"])) == (29, 1)
    [entry] = await crawl.all("deferred")
    assert (entry["reason"], entry["line"], entry["path"]) == ("record_shape", 30, str(path))
    assert path.read_bytes()[entry["offset"] :][: entry["length"]] == b'{"title": 5}'
    path.write_bytes(lines([*map(foreign, range(1, 31))]))
    assert (await crawl.dump("jsonl", path))["listings"] == 30
    assert await crawl.all("deferred") == []


async def test_a_file_that_is_cut_far_behind(crawl: Crawl) -> None:
    """What stands before the cut is stored, and stays when it is read again; the whole file settles it."""
    content = gzip.compress(lines([foreign(number, note=number**9) for number in range(1, 2001)]))
    path = crawl.folder / "a.jsonl.gz"
    path.write_bytes(content[: len(content) * 4 // 5])
    told = await crawl.dump("jsonl", path)
    assert (told["refusals"][0]["reason"], told.get("digests", 0)) == ("compressed_broken", 0)
    stored = told["listings"]
    assert 1200 < stored < 1800
    again = await crawl.dump("jsonl", path)
    assert (again.get("listings", 0), len(await crawl.all("deferred"))) == (0, 1)
    path.write_bytes(content)
    assert (await crawl.dump("jsonl", path))["listings"] == 2000
    assert await crawl.all("deferred") == []
    assert len(await crawl.all("papers")) == 2000


BAD: dict[str, tuple[bytes, str, str]] = {
    "cut.gz": (gzip.compress(lines([*map(foreign, range(1, 900))]))[:-2000], "compressed_broken", "cut short"),
    "zeros.gz": (gzip.compress(bytes(2**28)), "wrong_format", "1 of the first 1 rows"),
    "table.parquet": (b"PAR1\x15\x04", "wrong_format", "Parquet: convert it to JSON lines"),
    "array.json": (json.dumps(LINKS).encode(), "wrong_format", "one JSON array: name --layout pwc-links"),
    "unknown.json": (b'[{"a": 1}]', "wrong_format", "one JSON array: convert it to JSON lines"),
    "eleven.jsonl": (lines([*map(foreign, range(1, 90)), *[b"{"] * 11]), "wrong_format", "11 of the first 100 rows"),
    "empty.jsonl": (b"", "no_records", "it holds no rows"),
    "latin-1.jsonl": ('{"title": "N\u00f6"}'.encode("latin-1"), "wrong_format", "row 1 encoding: byte 12"),
}


async def test_strange_files(crawl: Crawl) -> None:
    """Each is refused by name with what to do, nothing of it is stored, and the good ones are."""
    for name, (content, _, _) in BAD.items():
        (crawl.folder / name).write_bytes(content)
    (crawl.folder / "good.jsonl").write_bytes(lines([foreign(1)]))
    told = await crawl.dump("jsonl", crawl.folder, "/proc/self/mem", "/dev/null", crawl.folder / "nowhere")
    refused = {one["name"].rpartition("/")[2]: one for one in told["refusals"]}
    assert set(refused) == {*BAD, "mem", "null", "nowhere"}
    for name, (_, reason, detail) in BAD.items():
        assert (name, refused[name]["reason"]) == (name, reason)
        assert detail in refused[name]["detail"]
    assert [refused[name]["reason"] for name in ("mem", "null", "nowhere")] == [
        "unreadable",
        "not_a_file",
        "unreadable",
    ]
    assert (told["listings"], len(await crawl.all("papers")), len(await crawl.all("digests"))) == (1, 1, 1)
    assert len(await crawl.all("deferred")) == len(refused)


@pytest.mark.parametrize(
    ("layout", "rows"),
    [("arxiv-snapshot", LINKS), ("pwc-links", [snapshot(1)]), ("arxiv-snapshot", [foreign(1)])],
)
async def test_the_wrong_layout(crawl: Crawl, layout: str, rows: list[Any]) -> None:
    """Refused whole, with the way out."""
    path = crawl.folder / "a.json"
    path.write_bytes(json.dumps(rows).encode() if rows is LINKS else lines(rows))
    told = await crawl.dump(layout, path, every=True)
    [refused] = told["refusals"]
    assert (refused["reason"], await crawl.all("papers")) == ("wrong_format", [])
    assert "--layout" in refused["detail"]


async def test_a_line_with_a_huge_text(crawl: Crawl) -> None:
    """No document of MongoDB could hold it: that row is refused, the others are stored."""
    large = LARGEST - 1000
    rows = [foreign(2, abstract="Ice " * (large // 4)), foreign(3, authors=["a"] * (large // 5)), foreign(4)]
    rows += [foreign(5, abstract=" ".join(f"https://github.com/a/{number}" for number in range(2000)))]
    for _ in range(2):  # papers are made in another way than they are added to
        told = await crawl.rows("jsonl", [*map(foreign, range(1, 30)), *rows, foreign(30, abstract="Ice " * large)])
        assert (told["listings"], [one["reason"] for one in told["refusals"]]) == (33, ["too_large"])


# --- interrupted and started again ------------------------------------------------------------------------


async def test_an_interrupted_crawl_goes_on(crawl: Crawl) -> None:
    """At the row behind what is stored, which nobody writes again; the end is that of a crawl that was not."""
    path = crawl.folder / "a.jsonl"
    path.write_bytes(lines([*map(foreign, range(1, 2800)), b"{", *map(foreign, range(2801, 3001))]))
    await crawl.dump("jsonl", path, stop=3)
    [digest] = await crawl.all("digests")
    assert (digest["records"], digest["whole"]) == (1500, False)
    told = await crawl.dump("jsonl", path)
    assert (crawl.items, told["listings"], len(told["refusals"])) == (4, 1499, 1)
    [digest] = await crawl.all("digests")
    assert (digest["records"], digest["refused"], digest["whole"]) == (3000, 1, True)
    stored = await crawl.all("papers")
    assert (len(stored), {one["_work"]["rev"] for one in stored}) == (2999, {1})


async def test_an_interrupt_while_rows_are_passed_over(crawl: Crawl) -> None:
    """It is heard before the place where the last crawl stopped, and changes nothing; `--all` begins anew."""
    path = crawl.folder / "a.json"
    path.write_bytes(
        json.dumps([link(number, "https://github.com/a/b") for number in range(1, GLANCE + 2000)]).encode()
    )
    count = GLANCE // SIZE + 1
    assert (await crawl.dump("pwc-links", path, stop=count))["unknown"] == count * SIZE
    before = await crawl.end()
    await crawl.dump("pwc-links", path, stop=0)
    assert (crawl.items, await crawl.end()) == (0, before)
    await crawl.dump("pwc-links", path, every=True, stop=1)
    [digest] = await crawl.all("digests")
    assert (digest["records"], digest["known_only"], digest["whole"]) == (SIZE, False, False)


async def test_a_crawl_that_goes_on_tells_of_rows_refused_before(crawl: Crawl) -> None:
    """They are counted, so that it does not end as if nothing had been refused; their entries stay."""
    path = crawl.folder / "a.jsonl"
    path.write_bytes(lines([b"{", *map(foreign, range(1, 1200))]))
    await crawl.dump("jsonl", path, stop=1)
    told = await crawl.dump("jsonl", path)
    assert ("refusals" in told, told["untold"], len(await crawl.all("deferred"))) == (False, 1, 1)
