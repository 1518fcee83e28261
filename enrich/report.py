"""What became of a run's questions, for the summary and the exit status."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from enrich.errors import PutOff

if TYPE_CHECKING:
    from enrich.errors import EnrichError


class Progress(Protocol):
    """Who is told how far a run is."""

    def begin(self, name: str, total: int | None) -> None:
        """So many questions are due; None: nobody knows."""

    def advance(self, name: str, done: int) -> None:
        """So many more have been dealt with."""

    def wait(self, name: str, seconds: float, why: str) -> None:
        """Nothing is asked for so long; why ends in a verb: "HTTP 429, told to wait"."""


@dataclass
class Report:
    """One provider's (or the resolution's) part of a run."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    """Questions by outcome: ok, missing, blocked, failed; of titles resolved, ambiguous, not_found, failed."""
    requests: int = 0
    waiting: int = 0
    """Questions that were left for a later run."""
    why: str | None = None
    """The sentence that says why they wait, or why some failed."""
    put_off: bool = False
    """They wait for want of a key or a budget: a note, no failure."""
    unit: tuple[str, str] = ("paper waits", "papers wait")
    """One question that waits, and several."""
    instead: str | None = None
    """Who told what it did not."""
    after: float | None = None
    """Seconds until they can be asked, where somebody named them."""

    def __str__(self) -> str:
        counts = [f"{number} {outcome}" for outcome, number in sorted(self.counts.items()) if number]
        counts += [f"{self.waiting} left for later"] if self.waiting else []
        return f"{self.name}: {', '.join(counts) or 'nothing to do'} ({self.requests} requests)"

    def leave(self, waiting: int, error: EnrichError) -> None:
        """So many questions wait, for this reason."""
        self.waiting, self.why, self.after = waiting, error.reason, error.after
        self.put_off = isinstance(error, PutOff)

    @property
    def complete(self) -> bool:
        """Whether everything that could be asked has an answer."""
        return not self.counts["failed"] and (self.put_off or not self.waiting)
