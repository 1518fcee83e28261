"""The command line: exit statuses, what goes to which stream, and one sentence for every error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from crawler import dumps
from paperharvest import cli
from tests import standin
from tests.lab import BINARY, EXAMPLES, PATIENCE, ROOT, Lab, gone, on_empty_database, pid_of, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOON = 10.0  # seconds: an interrupted command does not wait for anybody
GONE_WITHIN = 2.0  # seconds


@pytest.fixture
def lab(mongo_uri: str, tmp_path: Path) -> Iterator[Lab]:
    """The binary on an empty database of the run's mongod, without any provider in reach."""
    names = ("ARXIV", "OPENALEX", "GITHUB", "SEMANTIC_SCHOLAR")
    with on_empty_database(mongo_uri, tmp_path) as empty:
        yield empty.having({f"PAPERHARVEST_PROVIDERS__{name}__ENABLED": "false" for name in names})


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Lab]:
    """The binary with an embedded mongod of its own, which is ended if a test leaves it."""
    yield Lab(tmp_path, {})
    if (pid := pid_of(tmp_path / "data")) and not gone(pid):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def started(lab: Lab, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A command that is killed where a test does not end it."""
    with lab.start(*arguments) as process:
        try:
            yield process
        finally:
            process.kill()


def at_once(lab: Lab, *commands: list[str | Path], closed: int | None = None) -> list[subprocess.CompletedProcess[str]]:
    """Run several commands side by side to their ends. closed: the one whose output nobody reads."""
    with ExitStack() as stack:
        processes = [stack.enter_context(started(lab, *command)) for command in commands]
        if closed is not None:
            stdout, processes[closed].stdout = processes[closed].stdout, None
            assert stdout is not None
            stdout.close()
        outputs = [process.communicate(timeout=PATIENCE) for process in processes]
    return [
        subprocess.CompletedProcess(command, process.returncode, *output)
        for command, process, output in zip(commands, processes, outputs, strict=True)
    ]


def is_sentence(said: str) -> bool:
    """One line from us, without a traceback."""
    return said.startswith("paperharvest: ") and said.count("\n") == 1 and said.endswith("\n")


# --- usage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "crawl"),
        (["crawl"], "digest"),
        (["run"], "PATH"),
        (["crawl", "digest"], "PATH"),
        (["harvest"], "harvest"),
        (["enrich", "--kind", "stars"], "'stars' is none of arxiv, citations, repos"),
        (["export", "--where", "{"], "--where"),
        (["export", "--where", '{"$where": "1"}'], "$where would run code"),
        (["export", "--where", '{"_id": {"$oid": "1"}}'], "--where"),
        (["status", "--xml"], "--xml"),
    ],
)
def test_wrong_usage_is_2(arguments: list[str], word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started; what is wrong is named on stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 2
    assert word in done.output


# --- what is read, refused and shown ----------------------------------------------------------------------


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with one good page, and names and texts that a terminal would obey."""
    folder = tmp_path / "pages"
    folder.mkdir()
    page = next(EXAMPLES.glob("*03-11.txt")).read_bytes()
    (folder / os.fsdecode(b"caf\xe9.txt")).write_bytes(page)
    (folder / "\x1b]0;owned\x07.txt").write_text("Dear diary\n\nnothing")
    (folder / "two\nlines.txt").write_bytes(page + b"\n\n\x1b[31mhalf a\nrecord")
    return folder


def test_the_layouts_of_dumps_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The help names them without importing them."""
    monkeypatch.setenv("COLUMNS", "200")
    told = CliRunner().invoke(cli.app, ["crawl", "dump", "--help"]).output
    assert [name for name in dumps.names() if name not in told] == []


def test_what_is_refused_is_listed_and_the_rest_is_stored(lab: Lab, hostile: Path) -> None:
    """A path that is not there, an unknown text, half a page: exit 3, by name; nothing reaches the terminal raw."""
    done = lab.run("crawl", "digest", hostile / "nowhere.txt", hostile)
    assert (done.returncode, done.stdout) == (3, "")
    lines = done.stderr.splitlines()
    assert lines[0] == "digests: 1 stored, 3 refused; 8 listings"
    refused = sorted(line.replace(f"{hostile}/", "") for line in lines[1:])
    assert refused[0].startswith(r"  refused \x1b]0;owned\x07.txt: layout_unknown: ")
    assert refused[1] == "  refused nowhere.txt: unreadable: No such file or directory: check the path and its rights"
    assert refused[2].startswith(r"  refused two\nlines.txt: record_shape, line ")
    assert r"\x1b[31mhalf a / record" in refused[2].replace(r"\\", "\\")
    assert done.stderr.isprintable() or set(filter(lambda c: not c.isprintable(), done.stderr)) == {"\n"}
    with lab.database() as database:
        [digest], runs = database["digests"].find(), list(database["runs"].find({"command": {"$ne": None}}))
    assert digest["names"] == [rf"{hostile}/caf\xe9.txt"]
    assert [(one["command"], one["exit_status"], len(one["refused"])) for one in runs] == [("crawl digest", 3, 3)]


def fill(lab: Lab) -> None:
    """Eight papers, from what another program prints."""
    done = subprocess.run(  # noqa: S603 - our own binary
        [BINARY, "crawl", "digest", "-"],
        input=next(EXAMPLES.glob("*03-11.txt")).read_bytes(),
        env=lab.environment,
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    assert done.stderr.decode().startswith("digests: 1 stored, 0 refused; 8 listings\n")


def test_results_go_to_stdout_and_all_else_to_stderr(lab: Lab, tmp_path: Path) -> None:
    """JSON lines, or a file and nothing; figures as JSON; a filter that MongoDB refuses is an error."""
    path = tmp_path / "some.jsonl"
    fill(lab)
    whole, some, counts, wrong, unread = at_once(
        lab,
        ["export"],
        ["export", "-o", path, "--where", '{"title": {"$regex": "^M"}}'],
        ["status", "--json"],
        ["export", "--where", '{"$foo": 1}'],
        ["export"],
        closed=4,
    )
    assert [done.returncode for done in (whole, some, counts, wrong)] == [0, 0, 0, 1]
    lines = whole.stdout.splitlines(keepends=True)
    assert (len(lines), whole.stderr) == (8, "exported: 8 papers\n")
    selected = [line for line in lines if json.loads(line)["title"].startswith("M")]
    assert (path.read_text(), some.stdout) == ("".join(selected), "")
    assert some.stderr == f"exported: {len(selected)} papers to {path}\n"
    figures = json.loads(counts.stdout)
    assert figures["papers"] == {"stored": 8, "without_id": 8, "resolution": {"pending": 8}, "due": 8}
    assert counts.stderr == wrong.stdout == ""
    assert is_sentence(wrong.stderr)
    assert "correct --where" in wrong.stderr
    assert (unread.returncode, unread.stderr) == (0, "")  # `paperharvest export | head`: it has enough


def test_a_wrong_filter_is_told_before_a_file_is_written(lab: Lab, tmp_path: Path) -> None:
    """With -o the same sentence as without."""
    wrong = lab.run("export", "-o", tmp_path / "wrong.jsonl", "--where", '{"$foo": 1}')
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert is_sentence(wrong.stderr)
    assert "correct --where" in wrong.stderr
    assert not (tmp_path / "wrong.jsonl").exists()


def test_a_note_is_no_failure(lab: Lab) -> None:
    """Nobody may be asked: all that was asked for is done, exit 0. Without -o nothing is exported."""
    done = lab.run("run", EXAMPLES)
    assert (done.returncode, done.stdout) == (0, "")
    assert "digests: 2 stored, 0 refused; 14 listings" in done.stderr
    assert "exported" not in done.stderr


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    """Exit 1, what to do, no traceback and no secret; `--debug` shows more."""
    (tmp_path / "file").write_text("")
    folder = Lab(tmp_path, {"PAPERHARVEST_DATA_DIR": str(tmp_path / "file")})
    secret = Lab(tmp_path, {"PAPERHARVEST_MONGO_URI": "mongodb://me:hun@ter2@db/"})
    missing, data, debug = at_once(folder, ["--config", "no.toml", "db"], ["run", EXAMPLES], ["--debug", "status"])
    [uri] = at_once(secret, ["crawl", "digest", EXAMPLES])
    assert [done.returncode for done in (missing, data, debug, uri)] == [1] * 4
    assert all(is_sentence(done.stderr) for done in (missing, data, uri))
    assert "correct --config" in missing.stderr
    assert "PAPERHARVEST_DATA_DIR" in data.stderr
    assert "Traceback" in debug.stderr
    assert "mongo_uri is not understood" in uri.stderr
    assert "ter2" not in uri.stderr


# --- the database and interrupts --------------------------------------------------------------------------


def test_db_holds_the_database_open(own: Lab) -> None:
    """Two print one address that answers; whoever leaves last, interrupted or terminated, stops the server."""
    with started(own, "db") as first, started(own, "db") as second:
        assert first.stdout is not None
        assert second.stdout is not None
        uri = first.stdout.readline().strip()
        assert second.stdout.readline().strip() == uri
        assert pid_of(own.folder / "data")
        first.send_signal(signal.SIGINT)
        assert first.wait(timeout=PATIENCE) == 0
        with MongoClient[dict[str, Any]](uri) as client:
            assert client.admin.command("ping")["ok"]
        second.send_signal(signal.SIGTERM)
        assert second.wait(timeout=PATIENCE) == 0
        until(lambda: not pid_of(own.folder / "data"), GONE_WITHIN)
        assert [one.communicate() for one in (first, second)] == [("", "")] * 2


def test_ctrl_c_ends_a_run_that_waits_for_a_provider(lab: Lab) -> None:
    """At once and with 130, although a crawl went before; what was read is stored."""
    with standin.running(latency=PATIENCE) as server:
        asking = {key: value for key, value in lab.settings.items() if not key.endswith("ENABLED")}
        with started(Lab(lab.folder, asking).asking(server), "run", EXAMPLES) as process:
            until(lambda: server.log)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=SOON)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    assert lab.run("status").stdout.startswith("papers     12: 12 pending\n")


def test_a_closed_terminal_stops_the_database(own: Lab) -> None:
    """As Ctrl-C does; `nohup` keeps it."""
    with started(own, "db") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        pid = pid_of(own.folder / "data")
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=PATIENCE) == 0
        assert gone(pid)


@contextmanager
def reading(lab: Lab) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A crawl that waits for the rest of a page, which comes through a pipe."""
    pipe = lab.folder / "pipe.txt"
    os.mkfifo(pipe)
    with started(lab, "crawl", "digest", pipe) as process:
        yield process, pipe


def test_an_interrupted_crawl_is_not_done(lab: Lab) -> None:
    """The page that was being read is stored, and the exit status says that it was interrupted."""
    with reading(lab) as (process, pipe):
        with pipe.open("wb") as page:
            process.send_signal(signal.SIGINT)
            page.write(next(EXAMPLES.glob("*03-11.txt")).read_bytes())
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


def test_a_database_that_dies_while_pages_are_read_is_an_error(own: Lab) -> None:
    """Not a crawl that finished: one sentence, exit 1."""
    with reading(own) as (process, pipe):
        with pipe.open("wb") as page:
            os.kill(pid_of(own.folder / "data"), signal.SIGKILL)
            page.write(next(EXAMPLES.glob("*03-11.txt")).read_bytes())
        said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 1
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("paperharvest: the embedded mongod was ended: run the command again")
