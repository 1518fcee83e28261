"""The main job, end to end: text copies in, enriched JSON lines out, whatever happens on the way."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from storage.titles import title_key
from tests import standin
from tests.lab import EXAMPLES, PATIENCE, Lab, on_empty_database, until, without_times

if TYPE_CHECKING:
    from pathlib import Path

    from tests.standin import Server

FACTS = ("arxiv", "semantic_scholar", "openalex")


def told(corpus: standin.Corpus, paper: dict[str, Any]) -> dict[str, Any]:
    """What the server holds of a paper, in the terms of the export."""
    arxiv_id = paper["ids"]["arxiv"]
    row = corpus.rows[arxiv_id]
    return {
        "title": " ".join(row.title.split()),
        "authors": list(row.authors) or None,
        "comment": " ".join(row.comment.split()) or None,
        "doi": row.doi or None,
        "version": row.version,
        "published": row.published.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "semantic_scholar": counted("semantic_scholar", arxiv_id),
        "openalex": counted("openalex", arxiv_id),
    }


def counted(provider: str, arxiv_id: str) -> tuple[str, int | None]:
    """A provider's count, or that it does not know the paper."""
    if not standin.known_to(provider, arxiv_id):
        return "missing", None
    return "ok", standin.invented_citations(provider, arxiv_id)


def exported(paper: dict[str, Any]) -> dict[str, Any]:
    """The same, as it was exported."""
    counts = {name: (fact["status"], fact["count"]) for name, fact in paper["citations"].items()}
    arxiv = {key: paper["arxiv"][key] for key in ("comment", "doi", "version", "published")}
    return {"title": paper["title"], "authors": paper["authors"], **arxiv, **counts}


def check_repositories(paper: dict[str, Any]) -> None:
    """Every repository's figures are the server's, under its present name."""
    for repo in paper["repos"]:
        assert repo["status"] in ("ok", "missing")
        if repo["status"] == "ok":
            before = repo["full_name"].removesuffix("-next")
            names = (before, repo["full_name"])
            right = next(one for one in map(standin.invented_repository, names) if one.full_name == repo["full_name"])
            assert (repo["stars"], repo["forks"], repo["archived"]) == (right.stars, right.forks, right.archived)


def check_everything(corpus: standin.Corpus, papers: list[dict[str, Any]]) -> None:
    """Every fact equals what the server holds; nothing is pending or failed."""
    for paper in papers:
        if paper["ids"]["arxiv"]:
            assert exported(paper) == told(corpus, paper)
        check_repositories(paper)


# --- the dozen examples -----------------------------------------------------------------------------------


def test_the_main_job(lab: Lab) -> None:
    """Twelve papers out of two copies, each with every fact, for five requests; again for none, to the same bytes."""
    with standin.running() as server:
        lab = lab.asking(server)
        done = lab.harvest(EXAMPLES)
        assert (done.returncode, done.stdout) == (0, "")
        papers, first = lab.papers(), lab.output.read_bytes()
        assert [paper["resolution"]["status"] for paper in papers] == ["resolved"] * 12
        check_everything(server.world.corpus, papers)
        assert sum(len(paper["sightings"]) for paper in papers) == 14
        assert len(server.log) <= 5
        requests = len(server.log)
        again = lab.harvest(EXAMPLES)
        assert (again.returncode, len(server.log)) == (0, requests)
        assert lab.output.read_bytes() == first


@pytest.mark.parametrize("provider", [*FACTS, "github"])
def test_a_provider_that_is_down_costs_only_its_own_facts(lab: Lab, provider: str) -> None:
    """Its facts stay open with the reason, the rest is stored and exported, exit 3; the next run completes them.

    For arXiv DataCite stands in, which is said.
    """
    with standin.running(down={provider}) as server:
        done = lab.asking(server).harvest(EXAMPLES)
    papers = lab.papers()
    assert (done.returncode, len(papers)) == (0 if provider == "arxiv" else 3, 12)
    for paper in papers:
        facts = [paper["arxiv"], *paper["citations"].values(), *paper["repos"]]
        waiting = [fact for fact in facts if fact["status"] in ("pending", "failed")]
        assert bool(waiting) == (provider != "arxiv") or (provider == "github" and not paper["repos"])
        assert all("503" in fact["reason"] for fact in waiting)
    if provider == "arxiv":
        assert {paper["arxiv"]["provider"] for paper in papers} == {"datacite"}
        assert "  note: HTTP 503; datacite told instead" in done.stderr
    with standin.running() as server:
        assert lab.asking(server).harvest(EXAMPLES).returncode == 0
        check_everything(server.world.corpus, lab.papers())


# --- killed at any point ----------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A command is killed after so many requests: at each with --whole, else in the middle."""
    if "requests" in metafunc.fixturenames:
        metafunc.parametrize("requests", range(1, 5) if metafunc.config.getoption("--whole") else [2])


@pytest.fixture(scope="module")
def undisturbed(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What a run that nothing disturbs exports of the examples."""
    with on_empty_database(mongo_uri, tmp_path_factory.mktemp("undisturbed")) as lab, standin.running() as server:
        assert lab.asking(server).harvest(EXAMPLES).returncode == 0
        return lab.papers()


def answered(papers: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """(provider, id) of every fact that has an answer."""
    return {
        (name, paper["ids"]["arxiv"])
        for paper in papers
        for name in FACTS
        if (paper["arxiv"] if name == "arxiv" else paper["citations"][name])["status"] in ("ok", "missing")
    }


def asked(server: Server) -> set[tuple[str, str]]:
    """(provider, id) of every fact that was asked for; titles that arXiv was asked for are no facts."""
    prefixes = {"semantic_scholar": "ARXIV:", "openalex": "10.48550/arxiv."}
    return {
        (seen.provider, one.removeprefix(prefixes.get(seen.provider, ""))) for seen in server.log for one in seen.asked
    }


@pytest.mark.long
def test_a_killed_run_goes_on_where_it_was(lab: Lab, undisturbed: list[dict[str, Any]], requests: int) -> None:
    """Killed after so many requests: the same end, and no stored fact is asked again."""
    with (
        standin.running(latency=0.2) as server,
        lab.asking(server).start("run", EXAMPLES, "-o", lab.output) as process,
    ):
        until(lambda: len(server.log) >= requests or process.poll() is not None)
        process.kill()
    with standin.running() as server:
        assert lab.asking(server).run("export", "-o", lab.output).returncode == 0
        known = answered(lab.papers())
        assert lab.asking(server).harvest(EXAMPLES).returncode == 0
        assert not known & asked(server)
    assert without_times(lab.papers()) == without_times(undisturbed)


def test_a_run_killed_while_crawling_goes_on(lab: Lab, undisturbed: list[dict[str, Any]]) -> None:
    """Killed when the first papers of a page are stored: the page is stored whole by the next run."""
    with standin.running() as server, lab.database() as database:
        papers = database["papers"]
        with lab.asking(server).start("crawl", "digest", EXAMPLES) as process:
            until(lambda: papers.find_one({}, {"_id": 1}) or process.poll() is not None)
            process.kill()
        assert lab.asking(server).harvest(EXAMPLES).returncode == 0
    assert without_times(lab.papers()) == without_times(undisturbed)


@pytest.mark.long
def test_a_killed_mongod_loses_nothing_that_was_stored(
    lab: Lab, undisturbed: list[dict[str, Any]], requests: int
) -> None:
    """The command ends in one sentence; the next one starts the database again and completes the job."""
    own = Lab(lab.folder, {})
    with standin.running(latency=0.2) as server:
        with own.asking(server).start("run", EXAMPLES, "-o", own.output) as process:
            until(lambda: len(server.log) >= requests or process.poll() is not None)
            os.kill(int((own.folder / "data" / "db" / "mongod.lock").read_text()), signal.SIGKILL)
            stderr = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 1
        assert "Traceback" not in stderr
        assert own.asking(server).run("export", "-o", own.output).returncode == 0
        known, before = answered(own.papers()), len(server.log)
        assert own.asking(server).harvest(EXAMPLES).returncode == 0
        del server.log[:before]
        assert not known & asked(server)
    assert without_times(own.papers()) == without_times(undisturbed)


# --- the seed copies --------------------------------------------------------------------------------------


@pytest.fixture
def seeds(shared: Path) -> list[Path]:
    """The five text copies that the project started from."""
    return sorted((shared / "seeds").glob("*.txt"))


@pytest.fixture(scope="session")
def corpus(shared: Path) -> standin.Corpus:
    """12,752 real papers."""
    return standin.load(shared / "data" / "corpus_small.jsonl.gz")


@pytest.mark.corpus
def test_the_seeds(lab: Lab, seeds: list[Path], corpus: standin.Corpus, shared: Path) -> None:
    """339 sightings, 244 papers, at least 238 resolved and none wrong, every fact right, at most 40 requests."""
    with standin.running(corpus) as server:
        assert lab.asking(server).harvest(*seeds).returncode == 0
        papers, first, requests = lab.papers(), lab.output.read_bytes(), len(server.log)
        assert (len(papers), sum(len(paper["sightings"]) for paper in papers)) == (244, 339)
        assert sum(paper["resolution"]["status"] == "resolved" for paper in papers) >= 238
        assert requests <= 40
        check_everything(corpus, papers)
        check_truth(papers, shared)
        assert lab.asking(server).harvest(*reversed(seeds)).returncode == 0
        assert (lab.output.read_bytes(), len(server.log)) == (first, requests)


def check_truth(papers: list[dict[str, Any]], shared: Path) -> None:
    """No id and no repository is another than the confirmed one."""
    truth = shared / "data" / "truth"
    right = {title_key(row["title"]): row["arxiv_id"] for row in rows(truth / "seed_truth.jsonl")}
    titles = [(paper, {paper["title"], *(s["listed_title"] or "" for s in paper["sightings"])}) for paper in papers]
    found = {title_key(one): paper["ids"]["arxiv"] for paper, known in titles for one in known}
    assert all(found[key] in (None, arxiv_id) for key, arxiv_id in right.items())
    repos = {paper["ids"]["arxiv"]: {repo["full_name"].lower() for repo in paper["repos"]} for paper in papers}
    for row in rows(truth / "code_truth.jsonl"):
        meant = {one["repo"].removeprefix("https://github.com/") for one in row["abstract_urls"] if one["repo"]}
        if row["arxiv_id"] in repos:
            assert repos[row["arxiv_id"]] == {present(name).lower() for name in meant}


def rows(path: Path) -> list[dict[str, Any]]:
    """A file of JSON lines."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def present(name: str) -> str:
    """The name a repository has now."""
    fact = standin.invented_repository(name)
    return fact.full_name


@pytest.mark.corpus
def test_the_order_of_files_changes_nothing(
    lab: Lab, seeds: list[Path], corpus: standin.Corpus, mongo_uri: str
) -> None:
    """Two databases fed in opposite orders, file by file, export the same but for times."""
    ends = []
    for order in (seeds, list(reversed(seeds))):
        with on_empty_database(mongo_uri, lab.folder) as one, standin.running(corpus) as server:
            one.asking(server).run("crawl", "digest", order[0])
            assert one.asking(server).harvest(*order).returncode == 0
        ends.append(without_times(one.papers()))
    assert ends[0] == ends[1]


@pytest.mark.corpus
@pytest.mark.parametrize("seed", [1, 2])
def test_faults_lose_nothing(lab: Lab, seeds: list[Path], corpus: standin.Corpus, seed: int) -> None:
    """8 % of mixed faults: after a second run everything is there and right, and no told wait was undercut."""
    with standin.running(corpus, faults=0.08, seed=seed) as server:
        lab.asking(server).harvest(*seeds)
        assert lab.asking(server).harvest(*seeds).returncode == 0
        assert not [seen for seen in server.log if seen.undercut]
    assert len(lab.papers()) == 244
    check_everything(corpus, lab.papers())
