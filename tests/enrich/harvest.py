"""What the tests of resolving and enriching share: listings of a corpus, the stand-in's doors, what it holds."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from enrich import providers, run
from enrich.http import session
from enrich.resolve import resolve
from enrich.settings import Refresh
from paperharvest import config
from storage import merging, papers
from storage.documents import Listing, Page, Resolution
from storage.export import paper_of
from storage.merging import Merge
from tests import standin
from tests.enrich.scripted import AGENT
from tests.standin.corpus import Corpus, read_row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping
    from typing import TypeAlias

    from enrich.http import Api
    from enrich.report import Report
    from storage.connect import Database
    from storage.documents import Fact, Paper
    from tests.standin import Server
    from tests.standin.corpus import Row

    Reports: TypeAlias = dict[str, Report]

ALL = run.Wanted(Refresh())
EXAMPLES = list(standin.load().rows.values())


def corpus_of(*lines: dict[str, Any]) -> Corpus:
    """A corpus of made-up lines; id, title and month need not be given."""
    numbers = count(1)
    return Corpus(
        read_row({"id": f"2401.{next(numbers):05}", "title": "A title", "ym": "2024-01"} | line) for line in lines
    )


def listing(title: str, abstract: str | None = None, position: int = 1, **more: Any) -> Listing:
    """One entry of a digest."""
    return Listing(position=position, title=title, abstract=abstract, **more)


async def list_rows(database: Database, rows: Iterable[Row] = EXAMPLES, digest: str = "text:01") -> None:
    """Store a digest that lists these papers."""
    listed = (listing(row.title, row.abstract or None, place) for place, row in enumerate(rows, 1))
    await papers.sight(database, Page(listings=tuple(listed)), "text_a", digest)


async def identify(database: Database, rows: Iterable[Row] = EXAMPLES) -> None:
    """Store these papers as if an alias had led to their ids: arXiv's own entries are still to be asked for."""
    rows = list(rows)
    await list_rows(database, rows)
    ids = {row.title: row.id for row in rows}
    known = Resolution(status="resolved", method="alias", score=1.0)
    merges = [Merge(one, ids[one["title"]], known) async for one in papers.unresolved(database)]
    await merging.merge(database, merges)


async def list_one(database: Database, title: str, abstract: str | None = None, digest: str = "text:01") -> None:
    """Store a digest with one entry."""
    await papers.sight(database, Page(listings=(listing(title, abstract),)), "text_a", digest)


@dataclass
class Shown:
    """What the progress bars would show, by name: questions that were due, that are dealt with, and waits."""

    totals: dict[str, int | None] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    waits: list[tuple[str, float, str]] = field(default_factory=list)

    def begin(self, name: str, total: int | None) -> None:
        """A new bar."""
        self.totals[name] = total

    def advance(self, name: str, done: int) -> None:
        """Add to a bar."""
        self.counts[name] += done

    def wait(self, name: str, seconds: float, why: str) -> None:
        """Show a wait."""
        self.waits.append((name, seconds, why))


@asynccontextmanager
async def doors(server: Server, database: Database, **variables: str) -> AsyncIterator[dict[str, Api]]:
    """The doors to the stand-in, as its environment configures them, but sooner back. variables: more of those."""
    sooner = {f"PAPERHARVEST_PROVIDERS__{name.upper()}__BACKOFF": "0.002" for name in providers.names()}
    settings = config.load(env=server.environment() | sooner | variables)
    async with session(AGENT) as pool:
        yield providers.open_apis(pool, database, settings.providers)


async def find_titles(server: Server, database: Database, **variables: str) -> Report:
    """One run of the resolution."""
    async with doors(server, database, **variables) as apis:
        return await resolve(database, {"arxiv": apis["arxiv"]}, None, Shown())


async def enrich_by(database: Database, apis: Mapping[str, Api], kinds: Collection[str] = run.KINDS) -> Reports:
    """One run of the enrichment through these doors: reports by provider."""
    wanted = ALL._replace(kinds=kinds)
    return {report.name: report for report in await run.enrich(database, apis, wanted, Shown())}


async def ask_all(server: Server, database: Database, kinds: Collection[str] = run.KINDS, **variables: str) -> Reports:
    """One run of the enrichment: reports by provider."""
    async with doors(server, database, **variables) as apis:
        return await enrich_by(database, apis, kinds)


async def harvest(server: Server, database: Database, **variables: str) -> Reports:
    """Both in turn, through the same doors, as the command does it."""
    async with doors(server, database, **variables) as apis:
        titles = await resolve(database, {"arxiv": apis["arxiv"]}, None, Shown())
        return {"titles": titles} | await enrich_by(database, apis)


async def stored(database: Database) -> dict[str, Paper]:
    """All papers by id."""
    return {one["_id"]: paper_of(one) async for one in database["papers"].find().sort("_id", 1)}


def asked_of(server: Server) -> dict[str, int]:
    """Requests by provider, of those that got any."""
    return {name: counts["requests"] for name, counts in server.counts().items() if counts["requests"]}


def held(corpus: Corpus, paper: Paper) -> dict[str, Any]:
    """What the server holds of a paper, in the paper's own terms."""
    row = corpus.rows[paper.id.removeprefix("arxiv:")]
    return {
        "title": row.title,
        "abstract": row.abstract,
        "authors": row.authors,
        "arxiv": (
            *("ok", row.version, row.categories or None, row.comment or None, row.doi or None),
            *(row.published, row.updated),
        ),
        "semantic_scholar": held_count("semantic_scholar", row.id),
        "openalex": held_count("openalex", row.id),
        "repos": {repo.full_name: held_repository(corpus, repo.full_name) for repo in paper.repos},
    }


def held_count(provider: str, arxiv_id: str) -> tuple[str, int | None]:
    """A provider's count, or that it does not know the paper."""
    known = standin.known_to(provider, arxiv_id)
    return ("ok", standin.invented_citations(provider, arxiv_id)) if known else ("missing", None)


def held_repository(corpus: Corpus, name: str) -> tuple[Any, ...]:
    """A repository's facts under its present name."""
    repo = corpus.repositories[name.lower()]
    license_ = None if repo.licence == "NOASSERTION" else repo.licence
    return ("ok", repo.full_name, repo.stars, repo.forks, repo.archived, license_, repo.language)


def told(paper: Paper) -> dict[str, Any]:
    """The same, as it is stored."""
    fact, cited = paper.arxiv, paper.citations
    return {
        "title": paper.title,
        "abstract": paper.abstract,
        "authors": paper.authors,
        "arxiv": (
            *(fact.status, fact.version, fact.categories, fact.comment, fact.doi),
            *(fact.published, fact.updated),
        ),
        "semantic_scholar": (cited.semantic_scholar.status, cited.semantic_scholar.count),
        "openalex": (cited.openalex.status, cited.openalex.count),
        "repos": {
            one.full_name: (
                *(one.status, one.full_name, one.stars, one.forks, one.archived, one.license, one.language),
            )
            for one in paper.repos
        },
    }


async def check_all(database: Database, corpus: Corpus, rows: Iterable[Row] = EXAMPLES) -> None:
    """Exactly these papers are stored, and every fact of them is what the server holds."""
    found = await stored(database)
    assert set(found) == {f"arxiv:{row.id}" for row in rows}
    for paper in found.values():
        assert told(paper) == held(corpus, paper)


def incomplete(reports: Reports) -> set[str]:
    """Those who left something that could have been asked."""
    return {name for name, report in reports.items() if not report.complete}


def waiting(paper: Paper) -> dict[str, str]:
    """Why each fact that is open is open, by who owes it."""
    facts: dict[str, Fact] = {
        "arxiv": paper.arxiv,
        "semantic_scholar": paper.citations.semantic_scholar,
        "openalex": paper.citations.openalex,
        **{f"github {repo.full_name}": repo for repo in paper.repos},
    }
    return {name: f"{one.status}: {one.reason}" for name, one in facts.items() if one.status in ("pending", "failed")}
