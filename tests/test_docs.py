"""The documents tell the truth: commands run, output is what they show, files they name are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "README.md"]
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")
FILE = re.compile(r"`((?:storage|crawler|enrich|paperharvest|tests|docs|benchmarks|examples)/[\w./-]*)`")


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
    plain = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PAPERHARVEST_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(arguments, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)  # noqa: S603
    assert shown in done.stderr.replace(str(output), "papers.jsonl")
    assert len(output.read_bytes().splitlines()) == 12


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_are_there(page: Path) -> None:
    """Every relative link and every file of ours that a page names exists."""
    text = page.read_text(encoding="utf-8")
    named = [page.parent / link for link in LINK.findall(text)] + [ROOT / name for name in FILE.findall(text)]
    assert [path for path in named if not path.exists()] == []
