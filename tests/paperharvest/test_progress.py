"""Bars on a terminal: done of all, rate, time, and what is waited for; nothing anywhere else."""

from __future__ import annotations

import io
import os
import pty
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from paperharvest.progress import showing
from tests import standin
from tests.lab import BINARY, EXAMPLES, PATIENCE, ROOT, Lab

if TYPE_CHECKING:
    from pathlib import Path


def shown(**console: Any) -> str:
    """What a stage with a wait and one that is done look like in the end."""
    screen = io.StringIO()
    settings: dict[str, Any] = {"force_terminal": True, "width": 110, "_environ": {}, "color_system": None} | console
    with showing(Console(file=screen, **settings)) as bars:
        bars.begin("openalex", 4)
        bars.wait("openalex", 9.0, "HTTP 503, waiting")
        bars.advance("openalex", 4)
        bars.begin("github", 0)
        bars.begin("arxiv", 1200)
        bars.advance("arxiv", 500)
        bars.wait("arxiv", 31.4, "[red], told to wait")
    return screen.getvalue()


def test_a_bar_a_stage() -> None:
    """Done of all, times, the wait as long as it lasts, in its own words; none for what has nothing to do."""
    last = shown().rstrip().splitlines()[-3:]
    openalex, arxiv = (line for line in last if line.strip("\x1b[?25hl"))
    assert openalex.split()[-3:] == ["4/4", "0:00:00", "00:00"]
    assert " 500/1200 " in arxiv
    assert "[red], told to wait 31 s" in arxiv
    assert "github" not in shown()


def test_a_narrow_terminal_has_what_matters() -> None:
    """Done of all, time left and the wait; neither bar nor rate, which would leave them no room."""
    last = shown(width=60).rstrip().splitlines()
    assert any(" 500/1200 " in line and "told to wait" in line for line in last)


def test_the_rate_is_shown() -> None:
    """Questions a second, as soon as two steps tell it."""
    screen = io.StringIO()
    with showing(Console(file=screen, force_terminal=True, width=110, _environ={}, color_system=None)) as bars:
        bars.begin("arxiv", 1200)
        for _ in range(3):
            bars.advance("arxiv", 100)
    assert "/s " in screen.getvalue().rstrip().splitlines()[-2]


@pytest.mark.parametrize("console", [{"force_terminal": False}, {"no_color": True}, {"_environ": {"TERM": "dumb"}}])
def test_no_bar_where_none_is_wanted(console: dict[str, Any]) -> None:
    """In a pipe, with NO_COLOR, on a terminal that can only write on: not a character."""
    assert not shown(**console).strip()


def on_a_terminal(lab: Lab, **environment: str) -> str:
    """What a run writes to a terminal."""
    ours, its = pty.openpty()
    command: list[str | Path] = [BINARY, "run", EXAMPLES]
    terminal = {**lab.environment, "TERM": "xterm", "COLUMNS": "110", **environment}
    with subprocess.Popen(command, env=terminal, cwd=ROOT, stderr=its) as process:  # noqa: S603 - our own binary
        os.close(its)
        written = b""
        try:
            while some := os.read(ours, 4096):
                written += some
        except OSError:  # how Linux says that nobody writes any more
            pass
        finally:
            os.close(ours)
        assert process.wait(timeout=PATIENCE) == 0
    return written.decode()


def test_a_run_on_a_terminal(lab: Lab) -> None:
    """A bar for the titles and for every provider, each to its end; with NO_COLOR only the summary."""
    with standin.running() as server:
        asking = lab.asking(server)
        written = on_a_terminal(asking)
        for name in ("titles", "arxiv", "semantic_scholar", "openalex"):
            assert name in written
        assert written.count("12/12") >= 3
        assert "\x1b[" in written
    with standin.running() as server:
        plain = on_a_terminal(lab.asking(server), NO_COLOR="1")
    assert "\x1b[" not in plain
    assert plain.startswith("digests: ")
