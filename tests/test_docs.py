"""The documents tell the truth: commands run, output is what they show, generated parts are up to date."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crawler import visiting
from crawler.spiders import hf_daily
from enrich import providers
from enrich.providers import huggingface
from enrich.settings import ProviderSettings
from paperharvest.config import PROVIDERS, Settings, load
from storage.export import parse_where
from tests import docs, standin
from tests.conftest import fixture_path
from tests.lab import BINARY, EXAMPLES, Lab, on_empty_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.connect import Document

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs" / "paperharvest.toml.example"
PAGES = [ROOT / "README.md", *docs.PAGES, ROOT / "examples" / "README.md"]
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([\w-]+))?\)")
FILE = re.compile(r"`((?:storage|crawler|enrich|paperharvest|tests|docs|benchmarks|examples)/[\w./-]*)`")
FOUND = (5, 1, 3, 3, 4, 6, 1, 0, 0, 12)
"""How many of the examples answer each of the ten questions."""
FILES = {
    "saved/day.html": "hf_props/svelte_5.html",
    "saved/paper.html": "hf_paper_page/paper.html",
    "dumps/arxiv-metadata-oai-snapshot.json": "arxiv_snapshot/rows.jsonl",
    "dumps/links-between-papers-and-code.json.gz": "pwc_links/entries.json",
    "dumps/papers-with-abstracts.json.gz": "pwc_abstracts/entries.json",
}
"""What the how-to takes to be there, and the fixtures that are."""
STEP = re.compile(r"(<!-- once -->\n)?```(sh|python|text)\n(.*?)```", re.DOTALL)


# --- README -----------------------------------------------------------------------------------------------


def test_the_two_commands_stand_by_line_15() -> None:
    """One line makes papers, one runs the tests; each makes its own environment."""
    commands = [line for line in README.splitlines()[:15] if line.startswith("python3 -m venv .venv && ")]
    assert len(commands) == 2
    assert commands[0].endswith("&& .venv/bin/paperharvest run examples/digests -o papers.jsonl")
    assert commands[1].endswith("&& .venv/bin/pytest")


def test_the_stand_in_command_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """The same job without asking anybody, pasted from the README."""
    [command] = re.findall(r"^\.venv/bin/python (-m tests\.standin -- .*)$", README, re.MULTILINE)
    [shown] = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    output = tmp_path / "papers.jsonl"
    arguments = [sys.executable, *command.replace("papers.jsonl", str(output)).split()]
    done = subprocess.run(  # noqa: S603 - our own binary
        arguments, cwd=ROOT, env=Lab(tmp_path, {}).environment, capture_output=True, text=True, check=True
    )
    assert shown in done.stderr.replace(str(output), "papers.jsonl")
    assert len(output.read_bytes().splitlines()) == 12


# --- every page -------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The headings of a page, as addresses name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_are_there(page: Path) -> None:
    """Every relative link, its heading, and every file of ours that a page names exists."""
    text = page.read_text(encoding="utf-8")
    links = [((page.parent / link) if link else page, anchor) for link, anchor in LINK.findall(text)]
    named = [path for path, _ in links]
    named += [ROOT / name for name in FILE.findall(text) if f"<!-- {name} -->" not in text]  # a page's own examples
    assert [path for path in named if not path.exists()] == []
    assert [anchor for path, anchor in links if anchor and anchor not in anchors(path)] == []


@pytest.mark.parametrize("page", docs.PAGES, ids=lambda page: page.name)
def test_what_is_generated_is_up_to_date(page: Path) -> None:
    """Help texts, exit statuses, settings, fields and mongosh lines; `python -m tests.docs` writes them."""
    text = page.read_text(encoding="utf-8")
    assert docs.rendered(text) == text


# --- reference --------------------------------------------------------------------------------------------


def test_every_reason_of_a_refusal_is_documented() -> None:
    """Each code that `LayoutChanged` is raised with, and no other."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "crawler").rglob("*.py"))
    raised = set(re.findall(r'LayoutChanged\(\s*"([a-z_]+)"', sources))
    section = REFERENCE.partition("## Why a text is refused")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)) == raised


def test_the_example_holds_every_setting_with_its_default(tmp_path: Path) -> None:
    """Without the `#` before them, the settings are those that hold without any file."""
    text = re.sub(r"^# (?=\[|\w+ = )", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    written = tomllib.loads(text)
    file = tmp_path / "paperharvest.toml"
    file.write_text(text)
    load(file, {})
    plain: Any = load(EXAMPLE, {}).model_dump()
    assert set(written) == set(Settings.model_fields)
    same = ("database", "log", "raw_limit")
    assert [written[key] for key in same] == [plain[key] for key in same]
    visited = written["providers"].pop("huggingface")
    paces = (
        f"{hf_daily.INTERVAL_WITH_TOKEN}    # {hf_daily.INTERVAL} without a token; {huggingface.INTERVAL:g} for titles"
    )
    assert f"interval = {paces}" in text
    assert (huggingface.HOST, huggingface.TIMEOUT) == (hf_daily.HOST, visiting.TIMEOUT)
    assert huggingface.BACKOFF == visiting.BACKOFF
    assert visited == {
        "enabled": huggingface.ENABLED,
        "base_url": hf_daily.HOST,
        "api_key": "…",
        "interval": hf_daily.INTERVAL_WITH_TOKEN,
        "timeout": visiting.TIMEOUT,
        "backoff": visiting.BACKOFF,
    }
    assert [*written["providers"], "huggingface"] == [name for name in PROVIDERS if name in providers.names()]
    for name, table in written["providers"].items():
        module = providers.load(name)
        constants = {key: getattr(module, key.upper()) for key in ("interval", "batch", "timeout", "backoff")}
        keyed = {"api_key": "…"} if module.headers("key") else {}
        assert table == {"enabled": True, "base_url": module.HOST, **keyed, **constants}
        assert set(table) | {"api_key"} == set(ProviderSettings.model_fields)
        for key, value in getattr(module, "WITHOUT_KEY", {}).items():
            if key.lower() not in ProviderSettings.model_fields:  # nobody sets what a provider allows
                continue
            assert re.search(rf"{key.lower()} = \S+ +# {value:g} without a (?:key|token)", text)


# --- how-to -----------------------------------------------------------------------------------------------


def test_there_are_ten_questions() -> None:
    """Each with a line for mongosh that is generated from its filter."""
    assert len(docs.questions(HOW_TO)) == 10


@pytest.fixture(scope="module")
def harvested(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A database of the examples, harvested from the stand-in."""
    with on_empty_database(mongo_uri, tmp_path_factory.mktemp("docs")) as lab, standin.running() as server:
        assert lab.asking(server).run("run", EXAMPLES).returncode == 0
        yield lab


def stages(plan: Document) -> list[str]:
    """The names of a plan's stages, from the outermost in."""
    inner = [plan[key] for key in ("inputStage", "queryPlan") if key in plan] + plan.get("inputStages", [])
    return [plan.get("stage", ""), *(stage for one in inner for stage in stages(one))]


@pytest.mark.parametrize(("question", "papers"), list(zip(docs.questions(HOW_TO), FOUND, strict=True)))
def test_each_question_is_answered_from_an_index(harvested: Lab, question: str, papers: int) -> None:
    """So many of the examples, found without reading every paper."""
    with harvested.database() as database:
        found = database["papers"].find(parse_where(question))
        assert len(found.to_list()) == papers
        plan = stages(found.rewind().explain()["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan


@pytest.fixture
def home(harvested: Lab, tmp_path: Path) -> Iterator[Lab]:
    """A home as the page takes it to be: paperharvest installed by pipx, digests in a folder, the clone at hand."""
    (tmp_path / ".local" / "bin").mkdir(parents=True)
    (tmp_path / ".local" / "bin" / "paperharvest").symlink_to(BINARY)
    (tmp_path / "digests").symlink_to(EXAMPLES)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for name, fixture in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        content = fixture_path(fixture).read_bytes()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    path = f"{tmp_path}/.local/bin{os.pathsep}{os.environ['PATH']}"
    today, ids = dt.datetime.now(dt.UTC).date(), list(standin.load(standin.SMALL).rows)
    with standin.running(days={str(today - dt.timedelta(back)): ids[:3] for back in range(7)}) as server:
        yield Lab(tmp_path, {**harvested.settings, "PATH": path}).asking(server)


def typed(home: Lab, command: str) -> str:
    """What a shell prints to these lines, whose exit status is 0."""
    done = subprocess.run(  # noqa: S603 - what the page tells to type
        ["bash", "-ec", command],  # noqa: S607
        cwd=home.folder,
        env=home.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def test_the_commands_of_the_how_to_run(home: Lab, mongo_uri: str) -> None:
    """All but the upgrade, which needs a package index; with the run's own server and data folder for the example's."""
    blocks = [text for _, kind, text in STEP.findall(HOW_TO) if kind == "sh"]
    [upgrade] = [block for block in blocks if block.startswith("pipx ")]
    assert len(blocks) == 14
    for block in blocks:
        if block is not upgrade:
            command = block.replace("~/.local/share/paperharvest", str(home.folder / "data"))
            assert typed(home, re.sub(r"'mongodb://[^']*'", f"'{mongo_uri}'", command))


def test_what_runs_every_day_runs(home: Lab) -> None:
    """The lines for cron say nothing when all went well; the units of systemd name commands that work."""
    begun = dt.datetime.now(dt.UTC).date() - dt.timedelta(3)
    assert typed(home, f"paperharvest -q crawl hf-daily --since {begun}") == ""
    crons = re.findall(r"```crontab\n(?:\S+ ){5}(.*)\n```", HOW_TO)
    assert [typed(home, cron) for cron in crons] == ["", ""]
    starts = re.findall(r"^ExecStart=(.*)$", HOW_TO, re.MULTILINE)
    [log] = set(re.findall(r"^Environment=(.*)$", HOW_TO, re.MULTILINE))
    run, crawl = (typed(home, f"{log} {start.replace('%h', str(home.folder))}") for start in starts)
    assert re.match(r"exported: \d+ papers to ", json.loads(run.splitlines()[-1])["message"])
    assert json.loads(crawl)["message"] == "digests: 0 stored, 0 refused; 0 listings"
    timers = re.findall(r"^OnCalendar=(.*)$", HOW_TO, re.MULTILINE)
    assert timers == ["*-*-* 06:17", "*-*-* 02:17 UTC"]  # a day's list is whole at 01:00 UTC


def test_a_layout_is_added_in_three_files(tmp_path: Path) -> None:
    """Those of the page, put into a copy of the project: the contract test finds, and passes, them."""
    for package in ("crawler", "storage", "tests"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    written = re.findall(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```$", HOW_TO, re.MULTILINE | re.DOTALL)
    assert len(written) == 3
    for name, text in written:
        assert f"`{name}`" in HOW_TO
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    contract = ["-q", "-n0", "-p", "no:cacheprovider", "-k", "reading_list", "tests/crawler/layouts/test_contract.py"]
    done = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", *contract], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- tutorial ---------------------------------------------------------------------------------------------


def test_the_tutorial_runs(tmp_path: Path) -> None:
    """Every command in its order, each printing what the page shows."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    plain = {**Lab(tmp_path, {}).environment, "PYTHONPATH": str(ROOT)}
    plain["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{plain['PATH']}"
    said, address = "", ""
    with Lab(tmp_path, {}).start("db") as database:
        try:
            assert database.stdout
            address = database.stdout.readline()
            for once, kind, text in STEP.findall(TUTORIAL):
                if kind == "python":
                    (tmp_path / "most_cited.py").write_text(text)
                elif kind == "text":
                    assert shows(said, text), f"{text}\nis not what was printed:\n{said}"
                elif text == "paperharvest db\n":
                    said = address
                elif not once:
                    command = re.sub(r"'mongodb://.*'", f"'{address.strip()}'", text)
                    done = subprocess.run(  # noqa: S603 - what the page tells to type
                        ["bash", "-ec", command],  # noqa: S607
                        cwd=tmp_path,
                        env=plain,
                        capture_output=True,
                        text=True,
                        check=True,
                    )
                    said = done.stdout + done.stderr
        finally:
            database.terminate()
    assert len(said.splitlines()) == 3
    assert said.splitlines()[0].split()[0].isdigit()


def shows(said: str, page: str) -> bool:
    """Whether the lines of a page stand in what was printed; `…` is anything."""
    pattern = re.escape(page).replace("…", ".*")
    return re.search(pattern, said) is not None
