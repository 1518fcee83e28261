"""A first hour in which things go wrong: no network, an impatient person, a log that somebody reads later."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests import standin
from tests.lab import BINARY, EXAMPLES, PATIENCE, ROOT, Lab, on_empty_database, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROVIDERS = ("ARXIV", "SEMANTIC_SCHOLAR", "OPENALEX", "GITHUB")
NO_NETWORK = 60.0  # seconds
PROMPT = 2.0  # seconds from an interrupt to the prompt
IMPATIENT = 0.1  # seconds between two interrupts
HEAVY = {"aiohttp", "bson", "lxml", "pymongo", "pydantic", "scrapy", "twisted"}


def runs(lab: Lab) -> list[dict[str, Any]]:
    """What the database knows of the commands."""
    with lab.database() as database:
        return list(database["runs"].find({"command": {"$ne": None}}).sort("started_at"))


# --- no network -------------------------------------------------------------------------------------------


@contextmanager
def silent_port() -> Iterator[int]:
    """A port of 127.0.0.1 that never answers: its queue of connections is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@pytest.mark.long
def test_without_a_network_everything_is_stored_and_exported(lab: Lab, pytestconfig: pytest.Config) -> None:
    """Refused, no such name, no answer at all: within a minute, all papers, exit 3, the reason and what to do.

    Not whole, only arXiv is asked where nobody answers.
    """
    silent: dict[str, str] = (
        {} if pytestconfig.getoption("--whole") else {"PAPERHARVEST_PROVIDERS__GITHUB__ENABLED": "false"}
    )
    with ExitStack() as stack:
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))  # nobody listens
        ways: tuple[tuple[str, str, dict[str, str]], ...] = (
            ("Connection refused", f"http://127.0.0.1:{closed.getsockname()[1]}", {}),
            ("Name or service not known", "http://nowhere.invalid", {}),
            ("no answer within 5 s", f"http://127.0.0.1:{stack.enter_context(silent_port())}", silent),
        )
        started = [stack.enter_context(away(lab, url, more)) for _, url, more in ways]
        ended = [process.communicate(timeout=NO_NETWORK)[1] for process, _ in started]
    for (why, *_), (process, output), said in zip(ways, started, ended, strict=True):
        assert (process.returncode, "Traceback" in said) == (3, False)
        assert f"({why}): check the network" in said
        assert "12 titles wait" in said
        papers = [json.loads(line) for line in output.read_bytes().splitlines()]
        assert len(papers) == 12
        assert {paper["resolution"]["status"] for paper in papers} == {"pending"}
        assert all(why in paper["arxiv"]["reason"] for paper in papers)
        assert {paper["citations"]["openalex"]["count"] for paper in papers} == {None}
        assert {repo["stars"] for paper in papers for repo in paper["repos"]} == {None}


@contextmanager
def away(lab: Lab, url: str, more: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run whose providers are all there, in a database of its own."""
    where = {f"PAPERHARVEST_PROVIDERS__{provider}__BASE_URL": url for provider in PROVIDERS}
    with on_empty_database(lab.settings["PAPERHARVEST_MONGO_URI"], lab.folder) as empty:
        output = lab.folder / f"{empty.settings['PAPERHARVEST_DATABASE']}.jsonl"
        with empty.having({**where, **more}).start("run", EXAMPLES, "-o", output) as process:
            try:
                yield process, output
            finally:
                process.kill()


# --- interrupts -------------------------------------------------------------------------------------------


@pytest.fixture
def many(lab: Lab) -> Path:
    """A folder of 3,000 pages."""
    page = (EXAMPLES / "papers-search-2025-03-11.txt").read_text()
    folder = lab.folder / "pages"
    folder.mkdir()
    for number in range(3000):
        (folder / f"{number:04}.txt").write_text(page.replace("scikit-image is an", f"Ice {number} is an"))
    return folder


@pytest.mark.parametrize(("command", "times"), [("run", 1), ("crawl digest", 1), ("crawl digest", 2)])
def test_an_interrupt_ends_a_crawl_of_many_files(lab: Lab, many: Path, command: str, times: int) -> None:
    """At once, not after all of them, however impatient; what was stored stays, and the run knows its end."""
    with lab.start(*command.split(), many) as process, lab.database() as database:
        try:
            until(lambda: database["digests"].estimated_document_count() >= 3)
            interrupted = time.monotonic()
            process.send_signal(signal.SIGINT)
            for _ in range(times - 1):
                until(lambda: time.monotonic() - interrupted > IMPATIENT)
                process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=PATIENCE)
            assert time.monotonic() - interrupted < PROMPT
        finally:
            process.kill()
        assert (process.returncode, *said) == (
            130,
            "",
            "paperharvest: interrupted; what was stored stays: the same command goes on from there\n",
        )
        assert 3 <= database["digests"].estimated_document_count() < 3000
    if times == 1:  # after a second one nothing more is written
        [run] = runs(lab)
        assert (run["error"], "ended_at" in run) == ("KeyboardInterrupt", True)


# --- what is said, and where ------------------------------------------------------------------------------


def test_quiet_says_nothing_unless_something_went_wrong(lab: Lab) -> None:
    """Wherever it stands in the line; for cron, which sends whatever is printed."""
    (lab.folder / "strange.txt").write_text("Dear diary")
    with standin.running() as server:
        asking = lab.asking(server)
        well = asking.run("run", EXAMPLES, "-q")
        ill = asking.run("--quiet", "crawl", "digest", lab.folder / "strange.txt")
        named = asking.run("crawl", "digest", "--", "-q")
    assert (well.returncode, well.stdout, well.stderr) == (0, "", "")
    assert ill.returncode == named.returncode == 3
    assert "layout_unknown" in ill.stderr
    assert "refused -q: unreadable" in named.stderr


def test_log_lines_tell_their_run(lab: Lab) -> None:
    """-v logs what begins and ends, each line with the run's id, as the database has it; libraries are silent."""
    with standin.running() as server:
        said = lab.asking(server).run("-v", "run", EXAMPLES).stderr.splitlines()
    [run] = runs(lab)
    logged = [line.split(maxsplit=4) for line in said if line.startswith("20")]
    assert {(line[2], line[3]) for line in logged} == {("INFO", run["_id"][:8])}
    assert logged[0][4] == "paperharvest.execution: run begins"
    assert "enrich.resolve: titles: 12 resolved (1 requests)" in [line[4] for line in logged]
    assert said[len(logged)] == "digests: 2 stored, 0 refused; 14 listings"
    assert len(said) == len(logged) + 6


def test_a_log_for_machines(lab: Lab) -> None:
    """By a setting each line is an object: the log, the summary and errors alike."""
    reader = lab.having({"PAPERHARVEST_LOG": "json"})
    exported, wrong = reader.run("-v", "export", "-o", "/dev/null"), reader.run("show", "nothing")
    [run] = runs(lab)
    lines = [json.loads(line) for line in exported.stderr.splitlines()]
    assert [(line["level"], line["run"], line["message"]) for line in lines] == [
        ("INFO", run["_id"], "export begins"),
        ("INFO", run["_id"], "exported: 0 papers to /dev/null"),
    ]
    assert list(lines[0]) == ["time", "level", "run", "logger", "message"]
    [error] = [json.loads(line) for line in wrong.stderr.splitlines()]
    assert (wrong.returncode, error["level"]) == (1, "ERROR")
    assert error["message"].startswith("paperharvest: no paper is stored under 'nothing'")


@pytest.mark.parametrize(
    ("command", "end"),
    [
        ("export >/dev/full", "stdout cannot be written (No space left on device): choose another file for -o"),
        ("export >&-", "stdout is closed: name a file with -o"),
        ("export -o nowhere/a.jsonl", "nowhere/a.jsonl cannot be written (No such file or directory): choose another"),
        ("run page.txt -o nowhere/a.jsonl", "is a folder, or its folder cannot be written: choose another"),
        ("status >/dev/full", "the output cannot be used (No space left on device): free space, or check its rights"),
        ("schema | true", ""),
        ("status | true", ""),
    ],
)
def test_output_that_cannot_be_written(lab: Lab, command: str, end: str) -> None:
    """One sentence, exit 1; whoever reads and has enough is no error."""
    shutil.copy(EXAMPLES / "papers-search-2025-03-11.txt", lab.folder / "page.txt")
    lab.run("crawl", "digest", lab.folder / "page.txt")
    done = subprocess.run(  # noqa: S603
        ["bash", "-o", "pipefail", "-c", f"{BINARY} {command}"],  # noqa: S607
        env=lab.environment,
        cwd=lab.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1 if end else 0, "")
    assert end in done.stderr
    assert done.stderr.count("\n") == (1 if end else 0)


def test_a_terminal_that_knows_few_letters(lab: Lab) -> None:
    """A title is shown as far as it can be."""
    page = (EXAMPLES / "papers-search-2025-03-11.txt").read_text().replace("scikit-image: Image", "scikit \u2192 image")
    (lab.folder / "page.txt").write_text(page, encoding="utf-8")
    lab.run("crawl", "digest", lab.folder / "page.txt")
    narrow = lab.having({"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"})
    done = narrow.run("show", "scikit image processing in Python")
    assert done.returncode == 0
    assert r"scikit \u2192 image processing in Python" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    """It answers at once: what works is imported within the commands."""
    program = "import sys; sys.argv = ['paperharvest', '--help']; from paperharvest.cli import main\n"
    program += "try: main()\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603
    assert "Usage: paperharvest" in done.stdout
    assert not {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()} & HEAVY


def test_the_shell_completes_commands_and_options() -> None:
    """As `--install-completion` sets it up."""
    asked = {"_PAPERHARVEST_COMPLETE": "complete_bash", "COMP_WORDS": "paperharvest ex", "COMP_CWORD": "1"}
    environment = {"PATH": os.environ["PATH"], **asked}
    done = subprocess.run([BINARY], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout.split() == ["export"]
