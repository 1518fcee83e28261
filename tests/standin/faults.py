"""Faults on demand: which request meets which, and what each looks like."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from tests.standin.invented import number, share
from tests.standin.wire import HTML, JSON, TEXT, Answer, answer_json

if TYPE_CHECKING:
    from tests.standin.world import Options

KINDS = ("429", "429-date", "500", "502", "hang", "cut", "wrong200", "reset")
MOST_A_REQUEST = 2
PAGE = "<html><body><h1>{}</h1></body></html>"


class Faults:
    """Decides by the seed, a request and how often it came: the same run meets the same faults."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.tries: Counter[str] = Counter()
        self.met: Counter[str] = Counter()  # random faults by request
        self.wrong: set[str] = set()

    def may(self, kind: str) -> bool:
        """Whether a request may meet this kind."""
        return kind == self.options.fail_first or (self.options.faults > 0 and kind in self.options.kinds)

    def draw(self, request: str) -> str | None:
        """The fault this request meets this time, if any.

        No request meets more than two random faults, at most one of them a wrong 200: whoever asks
        five times, and once more after a wrong 200, always gets its answer.
        """
        nth = self.tries[request]
        self.tries[request] += 1
        if self.options.fail_first and nth == 0:
            return self.options.fail_first
        spared = self.met[request] >= MOST_A_REQUEST
        if spared or share("fault", self.options.seed, request, nth) >= self.options.faults:
            return None
        self.met[request] += 1
        kinds = self.options.kinds
        kind = kinds[number("kind", self.options.seed, request, nth) % len(kinds)]
        if kind != "wrong200":
            return kind
        first = request not in self.wrong
        self.wrong.add(request)
        return kind if first else "500"


def refusal(kind: str, too_fast: Answer) -> Answer:
    """The answer of a fault that is one; `too_fast` is the provider's own way of saying 429."""
    if kind == "429":
        return replace(too_fast, status=429, headers={**too_fast.headers, "Retry-After": "1"}, told=1)
    if kind == "429-date":
        now = time.time()
        dates = {"Date": formatdate(now, usegmt=True), "Retry-After": formatdate(int(now) + 1, usegmt=True)}
        return replace(too_fast, status=429, headers={**too_fast.headers, **dates}, told=int(now) + 1 - now)
    if kind == "502":
        return Answer(502, PAGE.format("502 Bad Gateway"), HTML)
    return answer_json({"message": "Internal Server Error"}, 500)


def wrong(right: Answer, request: str) -> Answer:
    """A 200 with other content than the right answer."""
    others = [("{}", JSON), (PAGE.format("Down for maintenance"), JSON)]
    if right.body.startswith("<?xml"):
        others.append(("Rate exceeded.", TEXT))
    if right.body.startswith("["):
        others.append((json.dumps([*json.loads(right.body), None]), JSON))  # one more than asked for
    body, kind = others[number("wrong", request) % len(others)]
    return Answer(200, body, kind)
