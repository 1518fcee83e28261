"""`enrich` as it is started: several at once, killed anywhere, and refused; the end is the same but for times."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from enrich import providers
from storage import connect, papers
from storage.documents import Page
from storage.export import paper_of
from tests import standin
from tests.enrich.harvest import corpus_of, listing
from tests.lab import PATIENCE, Lab, on_empty_database, until, without_times
from tests.standin import pace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.database import Database

    from tests.standin import Corpus, Server

NAMES = ("arxiv", "semantic_scholar", "openalex", "github")
KEY = "ghp_3141592653"
LATE = 1.0  # seconds that a request may take from its start to its arrival, beside other tests
PREFIXES = {"semantic_scholar": "ARXIV:", "openalex": "10.48550/arxiv."}


def papers_of_the_year(count: int) -> Corpus:
    """Made-up papers, half of them with a repository, one in five with a published DOI."""
    lines = (
        {
            "title": f"Ice of kind {n}",
            "abstract": f"On ice {n}." + f" Code: https://github.com/ice/floe{n}" * (n % 2),
            "authors": [f"A. Writer{n}"],
            "doi": f"10.1234/ice.{n}" * (n % 5 == 0),
        }
        for n in range(count)
    )
    return corpus_of(*lines)


class Start:
    """A database of papers whose ids are known and of which nobody was asked yet, to be put back as often as wanted."""

    def __init__(self, lab: Lab, corpus: Corpus) -> None:
        self.corpus, many = corpus, len(corpus.rows)
        # The requests that a thousand cost, however many there are.
        self.most = {"arxiv": many // 2, "semantic_scholar": many // 2, "openalex": many // 10, "github": many // 10}
        batches = {f"PAPERHARVEST_PROVIDERS__{name.upper()}__BATCH": str(size) for name, size in self.most.items()}
        self.lab = lab.having(batches | {"S2_API_KEY": "k"})
        asyncio.run(self._store())
        with lab.database() as database:
            self.held = {name: list(database[name].find()) for name in ("papers", "aliases")}

    async def _store(self) -> None:
        uri, name = (self.lab.settings[f"PAPERHARVEST_{key}"] for key in ("MONGO_URI", "DATABASE"))
        async with connect.connected(uri, name) as database:
            rows = self.corpus.rows.values()
            listed = (listing(row.title, row.abstract, place, arxiv_id=row.id) for place, row in enumerate(rows, 1))
            await papers.sight(database, Page(listings=tuple(listed)), "text_a", "text:01")
            # Known before: else it depends on who answers first whether OpenAlex is asked by them.
            for row in rows:
                if row.doi:
                    await database["papers"].update_one({"_id": f"arxiv:{row.id}"}, {"$set": {"ids.doi": row.doi}})

    def again(self) -> None:
        """Put everything back."""
        with self.lab.database() as database:
            for name in ("papers", "aliases", "providers", "observations"):
                database[name].delete_many({})
                if name in self.held:
                    database[name].insert_many(self.held[name])

    def end(self) -> tuple[Any, ...]:
        """What is stored, but for times."""
        with self.lab.database() as database:
            stored = {one["_id"]: paper_of(one).model_dump(mode="json") for one in database["papers"].find()}
            return without_times(stored), sorted(
                (one["series"], one["value"]) for one in database["observations"].find()
            )


@pytest.fixture(scope="module")
def start(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Start]:
    """A thousand papers, a fifth of them without `--whole`."""
    with on_empty_database(mongo_uri, tmp_path_factory.mktemp("start")) as lab:
        yield Start(lab, papers_of_the_year(1000 if pytestconfig.getoption("whole") else 200))


@pytest.fixture(scope="module")
def undisturbed(start: Start) -> tuple[Any, ...]:
    """How a run that nothing disturbs ends."""
    start.again()
    with standin.running(start.corpus) as server:
        assert start.lab.asking(server).run("enrich").returncode == 0
        assert max(questions(server).values()) == 1
    return start.end()


def questions(server: Server) -> Counter[tuple[str, str]]:
    """How often each was asked for what."""
    return Counter((seen.provider, one) for seen in server.log for one in seen.asked)


def answered(database: Database[dict[str, Any]]) -> set[tuple[str, str]]:
    """Who has answered what, by the facts that are stored."""
    found = set()
    for paper in database["papers"].find():
        one = paper["ids"]["arxiv"]
        facts = [
            ("arxiv", one, paper["arxiv"]),
            *((name, f"{prefix}{one}", paper["citations"][name]) for name, prefix in PREFIXES.items()),
            *(("github", repo["full_name"].lower().removesuffix("-next"), repo) for repo in paper["repos"]),
        ]
        found |= {(who, what) for who, what, fact in facts if fact["status"] in ("ok", "missing")}
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A run is killed at twenty points with `--whole`, else at two."""
    if "point" in metafunc.fixturenames:
        metafunc.parametrize("point", range(20) if metafunc.config.getoption("--whole") else [1, 10])


@pytest.mark.long
def test_killed_at_any_point_it_goes_on(start: Start, undisturbed: tuple[Any, ...], point: int) -> None:
    """As a request arrives, or as facts are written: none is asked for again but what was on its way; the same end."""
    start.again()
    chance = Random(point)  # noqa: S311 - repeatable, no secret
    requests, measured = chance.randrange(1, 24), chance.randrange(2 * len(start.corpus.rows))
    with start.lab.database() as database, standin.running(start.corpus, latency=0.1) as server:
        lab, written = start.lab.asking(server), database["observations"].estimated_document_count
        with lab.start("enrich") as process:
            until(
                lambda: (
                    process.poll() is not None or (len(server.log) >= requests if point % 2 else written() > measured)
                )
            )
            process.kill()
        before, known = questions(server), answered(database)
        # As after nine seconds: what was killed holds arXiv's connection no longer.
        database["providers"].update_many({}, {"$unset": {"held_until": 1}})
    # Another server: what was on its way when the run was killed may reach the first one late.
    with standin.running(start.corpus, latency=0.1) as server:
        assert start.lab.asking(server).run("enrich").returncode == 0
        after = questions(server)
    assert not known & after.keys()
    assert max((*before.values(), *after.values())) == 1
    # OpenAlex: as many are gathered for a second try.
    open_ = {
        name: size * (providers.load(name).CONNECTIONS + (name == "openalex")) for name, size in start.most.items()
    }
    assert Counter(who for who, _ in before.keys() & after.keys()) <= Counter(open_)
    assert start.end() == undisturbed


@pytest.fixture(scope="module")
def together(start: Start, undisturbed: tuple[Any, ...]) -> tuple[Server, tuple[Any, ...]]:
    """A server that three runs asked, which began at once and have ended; and what is stored then."""
    assert undisturbed
    start.again()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "TOLERANCE", 1)  # beside other tests a request may arrive late, and the next one in time
        with standin.running(start.corpus, interval=dict.fromkeys(NAMES, 0.1)) as server:
            processes = [start.lab.asking(server).start("enrich") for _ in range(3)]
            ends = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, ends
    return server, start.end()


def test_several_at_once_end_as_one_alone(
    together: tuple[Server, tuple[Any, ...]], undisturbed: tuple[Any, ...]
) -> None:
    """Whoever was first: the same facts, measured once."""
    assert together[1] == undisturbed


def test_several_at_once_keep_one_pace(together: tuple[Server, tuple[Any, ...]]) -> None:
    """Together they start no more requests than one may."""
    assert {name: ahead for name in NAMES if (ahead := together[0].ahead(name)) > LATE} == {}


def test_a_refused_key_costs_only_its_own_facts(start: Start) -> None:
    """One request and one sentence, without the key; exit 3, and all that the others tell is there."""
    start.again()
    refused = standin.answer_json({"message": "Bad credentials", "token": KEY}, 401)
    with standin.running(start.corpus, instead={"/graphql": refused}) as server:
        done = start.lab.asking(server).having({"GITHUB_TOKEN": KEY}).run("enrich")
        assert server.counts()["github"]["requests"] == 1
    half = len(start.corpus.rows) // 2
    assert (done.returncode, done.stdout) == (3, "")
    [sentence] = [line for line in done.stderr.splitlines() if "why:" in line]
    assert sentence.startswith(f"  why: {half} repositories wait: HTTP 401: ")
    assert "Bad credentials" in sentence
    with start.lab.database() as database:
        everything = [list(database[name].find()) for name in database.list_collection_names()]
        assert len(answered(database)) == 3 * len(start.corpus.rows)
    assert KEY not in done.stderr + repr(everything)


def test_a_filter_that_is_none_is_told(start: Start) -> None:
    """Before anybody is asked, in one sentence."""
    for more in ((), ("--dry-run",)):
        done = start.lab.run("enrich", "--where", '{"title": {"$near": 1}}', *more)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(r"paperharvest: MongoDB does not take the filter \(.*\): correct --where\n", done.stderr)


def test_a_dry_run_asks_and_stores_nothing(start: Start) -> None:
    """It says how many requests the run will make: as many are made, but for those by published DOIs."""
    start.again()
    before = start.end()
    with standin.running(start.corpus) as server:
        lab = start.lab.asking(server)
        told = lab.run("enrich", "--dry-run")
        assert (told.returncode, server.log, start.end()) == (0, [], before)
        assert lab.run("enrich").returncode == 0
        asked, dois = server.counts(), [seen for seen in server.log if any("10.1234" in one for one in seen.asked)]
    planned = {line.split()[0]: int(line.split()[3]) for line in told.stdout.splitlines() if " requests" in line}
    right = {name: asked[name]["requests"] - (len(dois) if name == "openalex" else 0) for name in NAMES}
    assert planned == right
    assert "up to 2 more by published DOIs" in told.stdout
    assert 1 <= len(dois) <= 2
