"""What enriching costs beside a hand-written ideal and beside others, and how it grows.

    python -m benchmarks.enrich           1,000 papers and 512 repositories, answers after 100 ms
    python -m benchmarks.enrich large     10,000 and 100,000 papers, answers at once: some minutes

Exit status 1 when a bar is missed. Everything takes turns in every round, in a process and a database of its own;
stand-in and mongod are processes, too, and no pace is kept. Wall and CPU time without imports and connecting; medians.
The libraries `arxiv` and `semanticscholar` (`pip install --group benchmark`) do their own part alone and store nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import importlib
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import aiohttp
import orjson
from lxml import etree
from pymongo import UpdateOne

from benchmarks.titles import report
from enrich import providers, run
from enrich.http import session
from enrich.settings import Refresh
from paperharvest import config
from paperharvest.execution import GARBAGE
from storage import connect
from storage.embedded import embedded
from tests import standin
from tests.enrich.harvest import Shown, identify
from tests.standin.corpus import Corpus, Row, read_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.titles import Bar
    from storage.connect import Database

ROUNDS, PAPERS, REPOSITORIES, LATENCY = 5, 1_000, 512, 0.1
SMALL, LARGE = 10_000, 100_000
OPEN = ["pending", "failed"]


class Taken(NamedTuple):
    """What one round took: seconds, KiB; what it left, and what the server saw."""

    wall: float
    cpu: float
    peak: int
    open: int
    requests: int
    again: int
    """Of these, second tries at OpenAlex: by published DOIs."""


def rows(size: int) -> list[Row]:
    """Papers as arXiv has them, 512 of a thousand with a repository, every fifth with a DOI."""
    noise = random.Random(1)  # noqa: S311 - the same rows each time
    words = ["".join(noise.choices("etaoinshrdlu", k=noise.randint(2, 9))) for _ in range(5_000)]
    return [read_row(_line(number, noise, words)) for number in range(size)]


def _line(number: int, noise: random.Random, words: Sequence[str]) -> dict[str, Any]:
    month, place = divmod(number, 90_000)
    code = f" Code: https://github.com/group{number}/name." if number % 1000 < REPOSITORIES else ""
    return {
        "id": f"{2401 + month}.{place + 1:05}",
        "ym": f"2024-{month + 1:02}",
        "title": f"{' '.join(noise.choices(words, k=9))} {number}",
        "abstract": " ".join(noise.choices(words, k=180)) + "." + code,
        "authors": [" ".join(noise.choices(words, k=2)).title() for _ in range(noise.randint(1, 9))],
        "categories": ["cs.LG", "stat.ML"],
        "comment": "12 pages, 3 figures",
    } | ({"doi": f"10.1002/ice.{number}", "journal_ref": "Journal of Ice 51 (8), 2021"} if number % 5 == 0 else {})


# --- ours -------------------------------------------------------------------------------------------------


async def ours(database: Database, environment: Mapping[str, str]) -> None:
    """As the command `enrich` does it."""
    gc.set_threshold(*GARBAGE)
    settings = config.load(env=environment)
    async with session("paperharvest/0 (+benchmarks)") as pool:
        apis = providers.open_apis(pool, database, settings.providers)
        await run.enrich(database, apis, run.Wanted(Refresh()), Shown())


# --- the ideal, frozen ------------------------------------------------------------------------------------

BATCHES = {"arxiv": (500, 1), "semantic_scholar": (500, 1), "openalex": (100, 4), "github": (100, 1)}
ONE_BY_ONE = dict.fromkeys(BATCHES, (1, 100))
FIELDS = "nameWithOwner stargazerCount forkCount isArchived pushedAt licenseInfo{spdxId} primaryLanguage{name}"
ATOM, ARXIV = "{http://www.w3.org/2005/Atom}", "{http://arxiv.org/schemas/atom}"


async def ideal(database: Database, environment: Mapping[str, str], batches: Any = BATCHES) -> None:
    """The least code that asks in the same batches, checks the same things of them and stores the same facts.

    It keeps no pace, budget or history, halves nothing, asks no DOI, looks for no links, notes no titles,
    and overwrites whatever stands there, newer or better.
    """
    papers = await database["papers"].find({}, {"ids.arxiv": 1, "repos.full_name": 1}).to_list()
    ids = [one["ids"]["arxiv"] for one in papers]
    names = {repo["full_name"]: one["_id"] for one in papers for repo in one["repos"]}

    async def asked(name: str, some: Sequence[str], turns: asyncio.Semaphore) -> None:
        method, path, what = QUESTIONS[name](some)
        url = environment[f"PAPERHARVEST_PROVIDERS__{name.upper()}__BASE_URL"] + path
        async with turns:
            updates = READERS[name](some, await answer(pool, method, url, **what), names)
            await database["papers"].bulk_write(updates, ordered=False)

    async with aiohttp.ClientSession(headers={"Authorization": "Bearer stand-in"}) as pool:
        parts = []
        for name, (size, together) in batches.items():
            questions, turns = list(names) if name == "github" else ids, asyncio.Semaphore(together)
            parts += [asked(name, questions[at : at + size], turns) for at in range(0, len(questions), size)]
        await asyncio.gather(*parts)


async def one_by_one(database: Database, environment: Mapping[str, str]) -> None:
    """The same with a request, and a write, for every paper at every provider, a hundred at once."""
    await ideal(database, environment, ONE_BY_ONE)


async def answer(pool: aiohttp.ClientSession, method: str, url: str, **what: Any) -> bytes:
    """The body, after three tries at most."""
    for tries in range(3):
        async with pool.request(method, url, **what) as response:
            if response.status == 200:
                return await response.read()
        await asyncio.sleep(2**tries)
    raise RuntimeError(url)


def ask_arxiv(ids: Sequence[str]) -> Any:
    """Method, path, and what goes with them."""
    return "POST", "/api/query", {"data": {"id_list": ",".join(ids), "max_results": str(len(ids))}}


def ask_semantic_scholar(ids: Sequence[str]) -> Any:
    """The same."""
    params = {"fields": "externalIds,citationCount,influentialCitationCount"}
    return "POST", "/graph/v1/paper/batch", {"params": params, "json": {"ids": [f"ARXIV:{one}" for one in ids]}}


def ask_openalex(ids: Sequence[str]) -> Any:
    """The same."""
    dois = "|".join(f"10.48550/arxiv.{one}" for one in ids)
    return "GET", "/works", {"params": {"filter": f"doi:{dois}", "per_page": "100", "select": "doi,cited_by_count"}}


def ask_github(names: Sequence[str]) -> Any:
    """The same."""
    pairs = [name.split("/") for name in names]
    declared = ",".join(f"$o{n}:String!,$n{n}:String!" for n in range(len(names)))
    aliases = " ".join(f"a{n}:repository(owner:$o{n},name:$n{n}){{{FIELDS}}}" for n in range(len(names)))
    variables = {f"{key}{n}": text for n, pair in enumerate(pairs) for key, text in zip("on", pair, strict=True)}
    return "POST", "/graphql", {"json": {"query": f"query({declared}){{{aliases}}}", "variables": variables}}


QUESTIONS: dict[str, Any] = {
    "arxiv": ask_arxiv,
    "semantic_scholar": ask_semantic_scholar,
    "openalex": ask_openalex,
    "github": ask_github,
}


def told(paper_id: str, fields: dict[str, Any]) -> UpdateOne:
    """The update that writes them."""
    counted = {"$currentDate": {"updated_at": True}, "$inc": {"_work.rev": 1}}
    return UpdateOne({"_id": paper_id}, {"$set": fields, **counted})


def fact(status: str = "ok", **fields: Any) -> dict[str, Any]:
    """One provider's answer, heard now."""
    return {"status": status, "fetched_at": dt.datetime.now(dt.UTC), "reason": None, **fields}


def count(value: Any) -> int:
    """A count, or an error."""
    assert type(value) is int
    assert value >= 0
    return value


def read_arxiv(ids: Sequence[str], body: bytes, _names: Any) -> list[UpdateOne]:
    """The updates that an answer makes."""
    entries = etree.fromstring(body).findall(f"{ATOM}entry")
    found = {entry.findtext(f"{ATOM}id", "").rpartition("/")[2].partition("v")[0]: entry for entry in entries}
    assert found.keys() <= set(ids)
    return [_entry(one, entry) for one, entry in found.items()]


def _entry(one: str, entry: etree._Element) -> UpdateOne:
    def text(tag: str) -> str | None:
        return " ".join((entry.findtext(tag) or "").split()) or None

    authors = [name.text for name in entry.iterfind(f"{ATOM}author/{ATOM}name")]
    published, updated = (dt.datetime.fromisoformat(text(ATOM + name) or "") for name in ("published", "updated"))
    primary = entry.find(f"{ARXIV}primary_category")
    assert primary is not None
    fields: dict[str, Any] = {
        "provider": "arxiv",
        "version": int(entry.findtext(f"{ATOM}id", "").rpartition("v")[2]),
        "categories": [category.get("term") for category in entry.iterfind(f"{ATOM}category")],
        "primary_category": primary.get("term"),
        **{name: text(ARXIV + name) for name in ("comment", "journal_ref", "doi")},
        "withdrawn": "withdrawn" in (text(f"{ARXIV}comment") or ""),
        "published": published,
        "updated": updated,
    }
    texts = {
        "title": text(f"{ATOM}title"),
        "text_source": "arxiv",
        "abstract": text(f"{ATOM}summary"),
        "authors": authors,
        "authors_count": len(authors),
        "published": {"date": published.date().isoformat(), "precision": "day", "basis": "arxiv"},
        "ids.doi": fields["doi"],
    }
    assert texts["title"]
    return told(f"arxiv:{one}", texts | {"arxiv": fact(**fields)})


def read_semantic_scholar(ids: Sequence[str], body: bytes, _names: Any) -> list[UpdateOne]:
    """The same."""
    updates = []
    for one, row in zip(ids, orjson.loads(body), strict=True):
        cited = fact("missing", count=None, influential=None)
        if row:
            assert row["externalIds"]["ArXiv"] == one
            cited = fact(count=count(row["citationCount"]), influential=count(row["influentialCitationCount"]))
        updates.append(told(f"arxiv:{one}", {"citations.semantic_scholar": cited}))
    return updates


def read_openalex(ids: Sequence[str], body: bytes, _names: Any) -> list[UpdateOne]:
    """The same."""
    works = orjson.loads(body)
    assert works["meta"]["count"] == len(works["results"])
    found = {work["doi"].removeprefix("https://doi.org/10.48550/arxiv."): work for work in works["results"]}
    assert found.keys() <= set(ids)
    cited = {one: fact(count=count(work["cited_by_count"])) for one, work in found.items()}
    return [told(f"arxiv:{one}", {"citations.openalex": cited.get(one) or fact("missing", count=None)}) for one in ids]


def read_github(some: Sequence[str], body: bytes, names: Any) -> list[UpdateOne]:
    """The same."""
    data = orjson.loads(body)["data"]
    updates = []
    for n, name in enumerate(some):
        repo = data[f"a{n}"]
        fields: dict[str, Any] = {"status": "missing"}
        if repo:
            licence = (repo["licenseInfo"] or {}).get("spdxId")
            assert type(repo["isArchived"]) is bool
            fields = {
                "url": f"https://github.com/{repo['nameWithOwner']}",
                "full_name": repo["nameWithOwner"],
                "stars": count(repo["stargazerCount"]),
                "forks": count(repo["forkCount"]),
                "archived": repo["isArchived"],
                "license": None if licence == "NOASSERTION" else licence,
                "language": (repo["primaryLanguage"] or {}).get("name"),
                "pushed_at": dt.datetime.fromisoformat(repo["pushedAt"]),
            }
        answered = {f"repos.$.{key}": value for key, value in fact(**fields).items()}
        update = {"$set": answered, "$currentDate": {"updated_at": True}, "$inc": {"_work.rev": 1}}
        updates.append(UpdateOne({"_id": names[name], "repos.full_name": name}, update))
    return updates


READERS: dict[str, Any] = {
    "arxiv": read_arxiv,
    "semantic_scholar": read_semantic_scholar,
    "openalex": read_openalex,
    "github": read_github,
}


# --- libraries --------------------------------------------------------------------------------------------


async def arxiv_library(database: Database, environment: Mapping[str, str]) -> None:
    """Pages of 500, which a GET just holds."""
    library: Any = importlib.import_module("arxiv")
    client = library.Client(page_size=500, delay_seconds=0)
    client.query_url_format = environment["PAPERHARVEST_PROVIDERS__ARXIV__BASE_URL"] + "/api/query?{}"
    ids = await database["papers"].distinct("ids.arxiv")
    found = [
        one
        for at in range(0, len(ids), 500)
        for one in client.results(library.Search(id_list=ids[at : at + 500], max_results=500))
    ]
    assert len(found) == len(ids)


async def semanticscholar_library(database: Database, environment: Mapping[str, str]) -> None:
    """Batches of 500."""
    library: Any = importlib.import_module("semanticscholar")
    client = library.AsyncSemanticScholar(api_url=environment["PAPERHARVEST_PROVIDERS__SEMANTIC_SCHOLAR__BASE_URL"])
    ids = [f"ARXIV:{one}" for one in await database["papers"].distinct("ids.arxiv")]
    fields = ["externalIds", "citationCount", "influentialCitationCount"]
    for at in range(0, len(ids), 500):
        assert await client.get_papers(ids[at : at + 500], fields)


# --- rounds -----------------------------------------------------------------------------------------------

CONTESTANTS = {
    "ours": ours,
    "the ideal": ideal,
    "one by one": one_by_one,
    "arxiv": arxiv_library,
    "semanticscholar": semanticscholar_library,
}
LIBRARIES = ("arxiv", "semanticscholar")


def serve(size: int, latency: float) -> None:
    """The server of a round, until its input ends; then it tells what it saw."""
    # arXiv's single connection is not enforced, or whoever asks one by one would get nowhere.
    free = {"connections": {}, "openalex_credits": 10**6}
    with standin.running(Corpus(rows(size)), latency=latency, **free) as server:
        print(json.dumps(server.environment()), flush=True)
        sys.stdin.read()
        again = [seen for seen in server.log if seen.provider == "openalex" and "10.48550" not in seen.asked[0]]
        print(json.dumps({"requests": len(server.log), "again": len(again)}))


async def compete(who: str, uri: str, name: str, environment: Mapping[str, str]) -> None:
    """One round, in a process of its own; prints what it took."""
    if who in LIBRARIES:
        importlib.import_module(who)
    async with connect.connected(uri, name) as database:
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        await CONTESTANTS[who](database, environment)
        wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
        papers = {"$or": [{f"{path}.status": {"$in": OPEN}} for path in connect.WORK if path != "_work.huggingface"]}
        left = await database["papers"].count_documents(papers)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak(), "open": left}))


def peak() -> int:
    """Of this process, KiB; `ru_maxrss` is that of its parent where that is larger."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))[0])


async def store(uri: str, name: str, size: int) -> None:
    """The papers as they are before: titles of a text copy whose ids were found."""
    async with connect.connected(uri, name) as database:
        found = rows(size)
        for at in range(0, size, 1000):
            await identify(database, found[at : at + 1000])


async def drop(uri: str, name: str) -> None:
    """Remove what a round left."""
    async with connect.connected(uri, name) as database:
        await database.client.drop_database(name)


def a_round(who: str, uri: str, size: int, latency: float) -> Taken:
    """One contestant's turn."""
    name, command = f"benchmark_{uuid4().hex}", [sys.executable, "-m", "benchmarks.enrich"]
    asyncio.run(store(uri, name, size))
    with subprocess.Popen(  # noqa: S603 - our own
        [*command, "serve", str(size), str(latency)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        environment = server.stdout.readline()
        took = subprocess.run(  # noqa: S603 - our own
            [*command, who, uri, name, environment], stdout=subprocess.PIPE, check=True
        ).stdout
        seen, _ = server.communicate()
    asyncio.run(drop(uri, name))
    return Taken(**json.loads(took), **json.loads(seen))


def side_by_side(uri: str) -> Iterator[Bar]:
    """Everything in turns."""
    for name in LIBRARIES:
        if find_spec(name) is None:
            print(f"{name} is not installed")
    there = [name for name in CONTESTANTS if name not in LIBRARIES or find_spec(name)]
    taken: dict[str, list[Taken]] = {name: [] for name in there}
    for _ in range(ROUNDS):
        for name in there:
            taken[name].append(a_round(name, uri, PAPERS, LATENCY))
    print(f"{PAPERS} papers{'':8}{'requests':>9}{'again':>7}{'wall, s':>9}{'CPU, s':>9}{'MiB':>6}{'open':>6}")
    middle = {name: Taken(*map(median, zip(*rounds, strict=True))) for name, rounds in taken.items()}
    for name, took in middle.items():
        counts = f"{took.requests - took.again:9.0f}{took.again:7.0f}"
        print(f"{name:19}{counts}{took.wall:9.2f}{took.cpu:9.2f}{took.peak / 2**10:6.0f}{took.open:6.0f}")
    mine, least = middle["ours"], middle["the ideal"]
    requests = (mine.requests - mine.again) / least.requests
    wall, cpu = (median_ratio(taken["ours"], taken["the ideal"], of) for of in ("wall", "cpu"))
    faster = median_ratio(taken["one by one"], taken["ours"], "wall")
    yield "requests / the ideal's", requests, requests <= 1.1, "<= 1.1"
    yield "wall / the ideal's", wall, wall <= 1.3, "<= 1.3"
    yield "CPU / the ideal's", cpu, cpu <= 1.6, "<= 1.6"
    yield "one by one, wall / ours", faster, faster >= 3, ">= 3"
    yield "papers that ours left open", mine.open, not mine.open, "0"


def median_ratio(ones: Sequence[Taken], others: Sequence[Taken], of: str) -> float:
    """Round by round."""
    pairs = zip(ones, others, strict=True)
    return float(median(getattr(one, of) / getattr(other, of) for one, other in pairs))


def growing(uri: str) -> Iterator[Bar]:
    """Ten times as many papers."""
    small, large = (a_round("ours", uri, size, 0) for size in (SMALL, LARGE))
    for size, took in ((SMALL, small), (LARGE, large)):
        print(f"{size} papers: {took}")
    memory, cpu = large.peak / small.peak, large.cpu / LARGE * SMALL / small.cpu
    yield "memory of ten times as many papers", memory, memory <= 1.3, "<= 1.3"
    yield "CPU a paper, of ten times as many", cpu, cpu <= 1.2, "<= 1.2"


def main(arguments: Sequence[str]) -> int:
    """Print the table; the exit status."""
    match arguments:
        case ["serve", size, latency]:
            serve(int(size), float(latency))
            return 0
        case [who, uri, name, environment]:
            asyncio.run(compete(who, uri, name, json.loads(environment)))
            return 0
    with tempfile.TemporaryDirectory() as folder, embedded(Path(folder)) as uri:
        return report(growing(uri) if arguments == ["large"] else side_by_side(uri))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
