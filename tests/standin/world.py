"""What a provider's answer depends on beside the request, and what is written down about each request."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.standin.faults import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tests.standin.corpus import Corpus


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the server behaves. Providers by name: arxiv, semantic_scholar, openalex, github."""

    latency: float = 0.0  # seconds before each answer
    interval: Mapping[str, float] = field(default_factory=dict)  # seconds between a provider's request starts
    connections: Mapping[str, int] = field(default_factory=lambda: {"arxiv": 1})  # requests open at once
    faults: float = 0.0  # share of requests that meet one
    kinds: tuple[str, ...] = KINDS  # of those faults
    fail_first: str | None = None  # every distinct request meets this one first
    seed: int = 0
    down: Collection[str] = ()  # providers that answer 503 to everything
    poisoned: frozenset[str] = frozenset()  # things asked for, as logged, that every time end in 500
    openalex_credits: int = 1000  # of a day without a key; one a list
    github_hourly: int = 60  # requests without a token
    semantic_scholar_wants_key: bool = False  # 429 to whoever has none

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
