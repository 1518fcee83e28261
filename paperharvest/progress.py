"""Progress on a terminal; none in a pipe, and none without colours."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

BAR, WIDE = 12, 80  # characters: on 80 columns a wait has room beside the bar


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


class Bars:
    """One bar a stage or provider."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def begin(self, name: str, total: int | None) -> None:
        """A bar for so many questions, none for no question."""
        self.tasks[name] = self.bars.add_task(name, total=total, visible=total != 0, wait="")

    def advance(self, name: str, done: int) -> None:
        """Move a bar; a wait is over."""
        self.bars.update(self.tasks[name], advance=done, wait="")

    def wait(self, name: str, seconds: float, why: str) -> None:
        """Show beside a bar what it waits for."""
        self.bars.update(self.tasks[name], wait=f"{why} {seconds:.0f} s")


@contextmanager
def showing(console: Console | None = None, *, quiet: bool = False) -> Iterator[Bars]:
    """Bars on stderr while the context lasts: done of all, rate, time gone and left, and what is waited for."""
    console = console or Console(stderr=True)
    wide = (BarColumn(BAR), MofNCompleteColumn(), _Rate(), TimeElapsedColumn()) if console.width >= WIDE else ()
    columns = (
        TextColumn("{task.description}", markup=False),
        *(wide or (MofNCompleteColumn(),)),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[wait]}", markup=False, table_column=Column(overflow="fold")),
    )
    hidden = quiet or not console.is_interactive or console.no_color
    bars = Progress(*columns, console=console)
    with nullcontext() if hidden else bars:  # rich before 14.1 ends with an empty line even where it is disabled
        yield Bars(bars)
