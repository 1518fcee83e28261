"""Shared fixtures: golden files (an unread one fails the run), real pages beside the checkout."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from storage import connect
from storage.embedded import embedded
from tests.lab import Lab, on_empty_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from storage.connect import Database

FIXTURES = Path(__file__).parent / "fixtures"
SHARED = Path(__file__).parents[2] / "shared"
MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30  # noqa: S108 - journals that are flushed there cost nothing
_read: set[Path] = set()


def fixture_path(name: str) -> Path:
    """A file of tests/fixtures, remembered as used."""
    path = FIXTURES / name
    _read.add(path)
    return path


def fixture_cases(folder: str, pattern: str) -> list[str]:
    """The names of the golden inputs in a folder of tests/fixtures, for parametrize."""
    return sorted(path.relative_to(FIXTURES).as_posix() for path in (FIXTURES / folder).glob(pattern))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pages and recorded answers; tests that read it carry the marker `corpus`."""
    if not SHARED.is_dir():
        pytest.skip("../shared (real pages and recorded answers, not distributed) is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real mongod for the whole run, started the way that users start it; in memory where there is room for it."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("mongod")
        if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY)))
        yield stack.enter_context(embedded(folder))


@pytest.fixture
async def database(mongo_uri: str) -> AsyncIterator[Database]:
    """An empty database for one test, dropped afterwards."""
    async with connect.connected(mongo_uri, f"test_{uuid4().hex}") as empty:
        yield empty
        await empty.client.drop_database(empty.name)


@pytest.fixture
def lab(mongo_uri: str, tmp_path: Path) -> Iterator[Lab]:
    """The binary on an empty database, without any provider yet."""
    with on_empty_database(mongo_uri, tmp_path) as empty:
        yield empty


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--whole` runs the long tests whole instead of a tenth of each."""
    parser.addoption("--whole", action="store_true", help="run the long tests whole, not a tenth of each")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts the binary comes first: the files that take longest are not left for the end."""
    items.sort(key=lambda item: item.path.parent.name not in ("tests", "paperharvest"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of the processes that share the run has ended: what it read counts."""
    _read.update(map(Path, getattr(node, "workeroutput", {}).get("read", ())))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A fixture that no test reads fails a whole run (not one narrowed by names, markers or paths)."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["read"] = list(map(str, _read))
        return
    option = session.config.option
    whole = session.config.args_source.name == "TESTPATHS" and not option.keyword and not option.markexpr
    unread = {path for path in FIXTURES.rglob("*") if path.is_file()} - _read
    if whole and session.exitstatus == 0 and unread:
        print("\nnot read by any test:", *sorted(map(str, unread)), sep="\n  ")  # noqa: T201 - pytest's own output
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
