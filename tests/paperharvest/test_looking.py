"""Looking at what there is: show, status, schema and doctor, by the real binary on a harvest of the examples."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from storage.documents import Paper
from tests import standin
from tests.lab import EXAMPLES, Lab, on_empty_database

if TYPE_CHECKING:
    from collections.abc import Iterator

PAPER = "arxiv:1407.6245"
AGO = re.compile(r"\d+ (?:second|minute)s? ago")


@pytest.fixture(scope="module")
def harvested(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The examples, harvested once, and one refused file beside them."""
    with on_empty_database(mongo_uri, tmp_path_factory.mktemp("looking")) as lab, standin.running() as server:
        (lab.folder / "strange.txt").write_text("Dear diary\n\nnothing \x1b[31m today")
        assert lab.asking(server).harvest(EXAMPLES, lab.folder / "strange.txt").returncode == 3
        yield lab


# --- show -------------------------------------------------------------------------------------------------


def test_json_is_the_exported_line(harvested: Lab) -> None:
    """Found by any name of the paper."""
    [exported] = [line for line in harvested.output.read_bytes().splitlines() if json.loads(line)["id"] == PAPER]
    done = harvested.run("show", "https://doi.org/10.7717/PeerJ.453", "--json")
    assert (done.returncode, done.stdout.encode().rstrip(), done.stderr) == (0, exported, "")


def test_everything_known_stands_on_one_screen(harvested: Lab) -> None:
    """Each value with its source and age; figures of two providers side by side."""
    done = harvested.run("show", "1407.6245")
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines) <= 24) == (0, True)
    assert lines[0] == PAPER
    assert re.fullmatch(rf"  title       scikit-image: Image processing in Python  \(arxiv, {AGO.pattern}\)", lines[1])
    shown = {line.split()[0]: line for line in lines[2:]}
    assert "9 in all  (arxiv, " in shown["authors"]
    assert "2014-07-23  (the day, from arxiv)" in shown["published"]
    assert "doi 10.7717/peerj.453" in shown["ids"]
    assert "resolved by arxiv, score 1.0" in shown["arXiv"]
    counts = [line for line in lines if line.startswith("  citations")]
    assert [line.split()[1] for line in counts] == ["semantic_scholar:", "openalex:"]
    assert all(AGO.search(line) for line in [*counts, shown["arxiv"]])
    assert re.search(rf"at 5, text_a, page of 2025-03-11  \(text:b5cc494a4595d71c, {AGO.pattern}\)", shown["listed"])


def test_a_paper_that_is_not_there_is_told(harvested: Lab) -> None:
    """What it was asked for, and how else to look; nothing that a terminal would obey."""
    done = harvested.run("show", "No such title \x1b[31m")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "no paper is stored under" in done.stderr
    assert "\x1b" not in done.stderr


def test_several_papers_of_one_title_are_listed(lab: Lab) -> None:
    """None of them is chosen; each can be shown by its id."""
    page = (EXAMPLES / "papers-search-2025-03-11.txt").read_text()
    (lab.folder / "one.txt").write_text(page)
    (lab.folder / "other.txt").write_text(re.sub("scikit-image is an", "Ice is no", page))
    lab.run("crawl", "digest", lab.folder / "one.txt", lab.folder / "other.txt")
    listed = lab.run("show", "scikit-image: Image processing in Python").stdout.splitlines()
    assert [line.split("  ")[1] for line in listed] == ["scikit-image: Image processing in Python"] * 2
    one = listed[0].split()[0]
    assert lab.run("show", one).stdout.startswith(one)


# --- status -----------------------------------------------------------------------------------------------


def test_status_says_what_there_is_and_what_is_missing(harvested: Lab) -> None:
    """Coverage by kind and provider, days, what was refused; as text and as JSON."""
    figures = json.loads(harvested.run("status", "--json").stdout)
    papers = [json.loads(line) for line in harvested.output.read_bytes().splitlines()]
    ok = sum(one["citations"]["semantic_scholar"]["status"] == "ok" for one in papers)
    none = {"ok": 0, "missing": 0, "blocked": 0, "failed": 0, "pending": 0, "due": 0}
    assert figures["papers"] == {"stored": 12, "without_id": 0, "resolution": {"resolved": 12}, "due": 0}
    assert figures["coverage"]["arxiv"]["arxiv"] == none | {"ok": 12}
    assert figures["coverage"]["citations"]["semantic_scholar"] == none | {"ok": ok, "missing": 12 - ok}
    assert figures["coverage"]["repos"]["github"]["ok"] == 5
    assert (figures["digests"]["stored"], figures["digests"]["listings"]) == (2, 14)
    assert (figures["digests"]["first_day"], figures["digests"]["last_day"]) == ("2025-03-11", "2025-12-24")
    assert figures["refused"]["stored"] == 1
    assert figures["refused"]["latest"][0]["reason"] == "layout_unknown"
    assert figures["last_run"]["exit_status"] == 3
    assert figures["next"][-1].startswith("paperharvest export")
    shown = harvested.run("status").stdout
    assert "papers     12: 12 resolved" in shown
    assert re.search(r"citations semantic_scholar +\d+ +\d+ +0 +0 +0 +0\n", shown)
    assert "strange.txt: layout_unknown" in shown


def test_status_of_nothing_says_how_to_begin(lab: Lab) -> None:
    """The first step, and no figures that nobody has."""
    done = lab.run("status")
    assert done.returncode == 0
    assert "papers     0\n" in done.stdout
    assert "last seen never" in done.stdout
    assert re.findall("^next.*", done.stdout, re.MULTILINE) == [
        "next       paperharvest run PATH... -o papers.jsonl   reads digests, and asks for their papers"
    ]


def test_status_counts_days(lab: Lab) -> None:
    """By what became of them, and how many `--missing` would ask for; that is a next step."""
    now = dt.datetime.now(dt.UTC)
    days = [day for back in range(2, 9) if (day := (now - dt.timedelta(back)).date()).isoweekday() < 6]
    lately = [day for back in range(2) if (day := (now - dt.timedelta(back)).date()).isoweekday() < 6]
    lab.run("crawl", "digest", EXAMPLES)
    with lab.database() as database:
        for day in [*days, *lately]:
            begun = dt.datetime.combine(day, dt.time(), dt.UTC)
            state = {"status": "open", "asked_at": begun} if day == days[0] else {"status": "complete", "asked_at": now}
            database["days"].insert_one({"_id": f"hf-daily:{day}", "source": "hf-daily", "day": str(day), **state})
    figures = json.loads(lab.run("status", "--json").stdout)
    complete = len(days) + len(lately) - 1
    assert (figures["days"], figures["missing_days"]) == ({"hf-daily": {"complete": complete, "open": 1}}, 1)
    shown = lab.run("status").stdout
    assert f"hf-daily   {complete + 1} days asked for: {complete} complete, 1 open; 1 missing or due\n" in shown
    assert "next       paperharvest crawl hf-daily --missing   asks for 1 days that are missing or due\n" in shown


def test_a_paper_without_a_title_is_shown(lab: Lab) -> None:
    """A dump may give an arXiv id alone; a feed tells how it was announced."""
    (lab.folder / "ids.jsonl").write_text('{"arxiv_id": "2503.00001"}\n')
    assert lab.run("crawl", "dump", lab.folder / "ids.jsonl", "--layout", "jsonl").returncode == 0
    with lab.database() as database:
        database["papers"].update_one({}, {"$set": {"sightings.0.announced": "cross"}})
    shown = lab.run("show", "2503.00001").stdout
    assert "title       not known yet" in shown
    assert ", announced as cross" in shown
    assert json.loads(lab.run("show", "2503.00001", "--json").stdout)["title"] is None


def test_status_leads_on(lab: Lab) -> None:
    """What was crawled and not asked for yet: the commands, with their numbers; budgets and waits by provider."""
    lab.run("crawl", "digest", EXAMPLES)
    with lab.database() as database:
        soon: list[dict[str, Any]] = [
            {"$set": {"at": {"$dateAdd": {"startDate": "$$NOW", "unit": "minute", "amount": 90}}}}
        ]
        held: list[dict[str, Any]] = [
            {"$set": {"remaining": 7, "resets_at": "$at", "not_before": "$at", "reason": "told"}},
            {"$unset": "at"},
        ]
        database["providers"].update_one({"_id": "github"}, soon + held, upsert=True)
    figures = json.loads(lab.run("status", "--json").stdout)
    assert figures["papers"]["due"] == figures["papers"]["without_id"] == 12
    assert [step.split("   ")[0] for step in figures["next"]] == [
        "paperharvest resolve",
        "paperharvest enrich --kind repos",
        "set GITHUB_TOKEN",
        "paperharvest export -o papers.jsonl",
    ]
    shown = lab.run("status").stdout
    assert "budget     github: 7 requests left, renewed in 1 hour\n" in shown
    assert "waiting    github: asked again in 1 hour (told)\n" in shown


# --- schema -----------------------------------------------------------------------------------------------


def test_the_schema_is_valid_for_what_is_exported(harvested: Lab) -> None:
    """JSON Schema 2020-12: every key is named and required, and nothing else passes."""
    schema = json.loads(harvested.run("schema").stdout)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.check_schema(schema)
    papers = [json.loads(line) for line in harvested.output.read_bytes().splitlines()]
    assert [list(validator.iter_errors(paper)) for paper in papers] == [[]] * 12
    assert schema["required"] == list(Paper.model_fields)
    wrong = [papers[0] | {"title": 1}, papers[0] | {"more": 1}, papers[0] | {"repos": [{}]}, papers[0] | {"id": 1}]
    assert not any(map(validator.is_valid, wrong))


# --- doctor -----------------------------------------------------------------------------------------------


def findings(lab: Lab, *options: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """The exit status, and what was found by subject."""
    done = lab.run("doctor", *options, "--json")
    found: dict[str, list[tuple[str, str]]] = {}
    for one in json.loads(done.stdout):
        found.setdefault(one["subject"], []).append((one["state"], one["text"]))
    return done.returncode, found


def test_doctor_finds_all_well(lab: Lab) -> None:
    """Python, configuration, keys and their sources, folder, database, and every provider that is on asked once."""
    with standin.running() as server:
        asking = lab.asking(server)
        quiet = findings(asking)[1]["huggingface"]
        off = {one.provider for one in server.log}
        exit_status, found = findings(asking.having({"PAPERHARVEST_PROVIDERS__HUGGINGFACE__ENABLED": "true"}))
        asked = {one.provider for one in server.log}
    assert exit_status == 0
    assert {state for each in found.values() for state, _ in each} <= {"good", "note"}
    providers = ["arxiv", "datacite", "github", "huggingface", "openalex", "semantic_scholar"]
    assert (quiet, off) == ([("note", "off unless switched on by `enabled`")], set(providers) - {"huggingface"})
    assert sorted(found) == sorted([*providers, "configuration", "data folder", "database", "key", "python"])
    assert asked == set(providers)
    assert all("was understood" in found[name][0][1] for name in providers)


def test_doctor_names_sources_and_never_keys(lab: Lab) -> None:
    """A file that others may read is a note, with the remedy."""
    file = lab.folder / "paperharvest.toml"
    file.write_text('[providers.github]\napi_key = "ghp_secret"\n')
    file.chmod(0o644)
    more = {"PAPERHARVEST_CONFIG": str(file), "S2_API_KEY": "s2_secret"}
    done = lab.having(more).run("doctor", "--offline")
    assert done.returncode == 0
    assert f"github: from {file}, line 2" in done.stdout
    assert "semantic_scholar: from S2_API_KEY" in done.stdout
    assert f"others may read it: chmod 600 {file}" in done.stdout
    assert "openalex: none; OPENALEX_API_KEY raises its limits" in done.stdout
    assert "secret" not in done.stdout + done.stderr
    assert "not asked (--offline)" in done.stdout


def test_doctor_finds_what_is_bad(lab: Lab) -> None:
    """Each with its remedy, exit 3; what does not depend on it is still looked at."""
    with standin.running(down=["openalex"]) as server:
        asking = lab.asking(server)
        fast = {"PAPERHARVEST_PROVIDERS__OPENALEX__BACKOFF": "0.01", "PAPERHARVEST_PROVIDERS__ARXIV__ENABLED": "false"}
        exit_status, found = findings(asking.having(fast))
    assert exit_status == 3
    assert [state for state, _ in found["openalex"]] == ["bad"]
    assert found["arxiv"] == [("note", "switched off by `enabled`")]
    assert found["github"][0][0] == "good"


def test_doctor_goes_on_after_what_is_bad(lab: Lab) -> None:
    """A wrong setting ends it; a folder or a database that cannot be used leaves the rest to be looked at."""
    exit_status, found = findings(Lab(lab.folder, {"PAPERHARVEST_MONGO_URL": "x"}))
    assert (exit_status, list(found)) == (3, ["python", "configuration"])
    assert "did you mean mongo_uri?" in found["configuration"][0][1]
    folder = {"PAPERHARVEST_DATA_DIR": str(EXAMPLES / "papers-search-2025-03-11.txt")}
    dead = {"PAPERHARVEST_MONGO_URI": "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100"}
    exit_status, found = findings(Lab(lab.folder, {**folder, **dead}), "--offline")
    assert exit_status == 3
    assert found["data folder"][0][0] == found["database"][0][0] == "bad"
    assert found["database"][0][1].endswith("(PAPERHARVEST_MONGO_URI)")
    exit_status, found = findings(lab.having(dead))
    assert (exit_status, found["providers"]) == (3, [("note", "not asked (their pace is kept in the database)")])
