"""The structure of the project: who imports whom, what is shipped, what stands at the top."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
LANES: dict[str, set[str]] = {
    "storage": set(),
    "crawler": {"storage"},
    "enrich": {"storage"},
    "paperharvest": {"crawler", "enrich", "storage"},
}
HOME = {
    "aiohttp": ("enrich/http.py", "enrich/providers/__init__.py"),  # the second for its annotations alone
    "tenacity": ("enrich/http.py", "storage/"),
    "pymongo": ("storage/",),
    "bson": ("storage/",),
    "scrapy": ("crawler/spiders/", "crawler/pipelines.py", "crawler/visiting.py", "paperharvest/crawling.py"),
}
FILES = [path.relative_to(ROOT) for lane in LANES for path in sorted((ROOT / lane).rglob("*.py"))]


def imported(path: Path) -> Iterator[str]:
    """The top-level names of all that a file imports."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_stay_in_lane(path: Path) -> None:
    """Storage knows none of ours, crawler and enrich know storage only; each library has its home."""
    file, lane, names = path.as_posix(), path.parts[0], set(imported(path))
    assert names & set(LANES) <= LANES[lane] | {lane}
    assert {name for name in names & set(HOME) if not file.startswith(HOME[name])} == set()


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[:2] == ("crawler", "layouts")], ids=str)
def test_layouts_are_pure(path: Path) -> None:
    """A layout knows text: no files, no network, no clock, no Scrapy."""
    assert not set(imported(path)) & {"scrapy", "pathlib", "os", "io", "time", "random", "asyncio", "socket"}


def test_the_environment_is_read_in_one_place() -> None:
    """`os.environ` stands in paperharvest/config.py alone."""
    readers = [path for path in FILES if re.search(r"\benviron\b|getenv", (ROOT / path).read_text(encoding="utf-8"))]
    assert [path.as_posix() for path in readers] == ["paperharvest/config.py"]


def test_the_wheel_holds_the_four_packages_and_nothing_else(tmp_path: Path) -> None:
    """What is installed beside other people's packages is exactly what we name."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a fixed command
    [wheel] = tmp_path.glob("*.whl")
    shipped = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    assert {path for path in shipped if ".dist-info" not in path.parts[0]} == set(FILES)


def test_what_stands_at_the_top_has_earned_its_place() -> None:
    """A newcomer sees what the project consists of, and nothing that was left lying about."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607
    top = {Path(line).parts[0] for line in listed.stdout.splitlines()}
    asked_for = {"pyproject.toml", "scrapy.cfg", "crawler", "enrich", "storage", "tests"}
    earned = {"paperharvest", "benchmarks", "docs", "examples", "requirements.lock"}
    usual = {"README.md", "CHANGELOG.md", "LICENSE", ".ci", ".gitignore", ".gitattributes"}
    assert top <= asked_for | earned | usual
