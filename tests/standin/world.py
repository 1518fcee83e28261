"""What a provider's answer depends on beside the request, and what is written down about each request."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.standin.faults import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tests.standin.corpus import Corpus
    from tests.standin.wire import Answer


@dataclass(kw_only=True)
class Options:
    """How the server behaves. Providers by name: arxiv, datacite, semantic_scholar, openalex, github, huggingface.

    All but interval and connections may be changed while it runs: `server.options.today = "2026-03-03"`.
    """

    latency: float = 0.0  # seconds before each answer
    interval: Mapping[str, float] = field(default_factory=dict)  # seconds between a provider's request starts
    connections: Mapping[str, int] = field(default_factory=lambda: {"arxiv": 1})  # requests open at once
    faults: float = 0.0  # share of requests that meet one
    kinds: tuple[str, ...] = KINDS  # of those faults
    fail_first: str | None = None  # every distinct request meets this one first
    seed: int = 0
    down: Collection[str] = ()  # providers that answer 503 to everything
    poisoned: frozenset[str] = frozenset()  # things asked for, as logged, that every time end in 500
    openalex_credits: int = 1000  # of a day without a key; one a list, ten a search
    github_hourly: int = 60  # requests without a token
    semantic_scholar_wants_key: bool = False  # 429 to whoever has none
    instead: Mapping[str, Answer] = field(default_factory=dict)  # answers by path, or by a thing asked for, as logged
    today: str | None = None  # the day it is on the server, "2026-03-02"; None: the real one in UTC
    days: Mapping[str, Sequence[str | Mapping[str, Any]]] | None = None  # what Hugging Face lists: ids or whole entries
    announced: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by day: paper -> arXiv's announce type
    huggingface_window: int = 300  # seconds, for which the next three hold; twice as much with a token
    huggingface_api: int = 500
    huggingface_pages: int = 100
    huggingface_search: int = 50

    def __post_init__(self) -> None:
        if unknown := {*self.kinds, self.fail_first or KINDS[0]} - set(KINDS):
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")


@dataclass
class World:
    """A corpus, the options, and what of the quotas is spent."""

    corpus: Corpus
    options: Options
    spent: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.time)

    @property
    def today(self) -> str:
        """The day it is, ISO."""
        return self.options.today or datetime.now(UTC).date().isoformat()


@dataclass
class Seen:
    """One request in the server's log."""

    provider: str
    method: str
    path: str
    start: float  # time.monotonic() of its arrival
    asked: list[str]  # ids, DOIs, titles or repositories
    status: int | None = None  # None: no answer was sent (yet)
    fault: str | None = None  # the kind it met, or "down"
    undercut: str | None = None  # "interval", "connections" or "told": came sooner than allowed

    @property
    def count(self) -> int:
        """How many things it asked for."""
        return len(self.asked)
