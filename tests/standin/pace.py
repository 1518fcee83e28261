"""The pace a provider keeps its clients to: distance of starts, open requests, waits it told."""

from __future__ import annotations

import math
from dataclasses import dataclass

KEYLESS = {"semantic_scholar": 6}  # times the interval, without an x-api-key: 6.5 s for 1.1 s
TOLERANCE = 0.05  # of the interval: clocks and event loops jitter
UNDER_WAY = 0.2  # seconds: another request that comes so soon after a told wait was sent before the client knew


@dataclass
class Pace:
    """One provider's pace. Times are of time.monotonic()."""

    interval: float
    connections: int | None
    last: float = -math.inf
    open: int = 0
    told_at: float = -math.inf
    told_until: float = -math.inf
    told_request: str = ""

    def undercut(self, request: str, now: float, intervals: float) -> str | None:
        """How a request that starts now comes too soon, if it does; its start counts in any case."""
        since, self.last = now - self.last, max(self.last, now)
        if self.interval and since < self.interval * intervals * (1 - TOLERANCE):
            return "interval"
        if self.connections is not None and self.open >= self.connections:
            return "connections"
        knew = request == self.told_request or now > self.told_at + UNDER_WAY
        return "told" if knew and now < self.told_until else None

    def tell(self, request: str, now: float, wait: float) -> None:
        """Remember that the answer to this request tells to wait."""
        self.told_at, self.told_until, self.told_request = now, max(self.told_until, now + wait), request
