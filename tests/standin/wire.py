"""What goes over the wire: one request as a provider reads it, one answer as it gives it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON, HTML, TEXT = "application/json", "text/html", "text/plain"


@dataclass(frozen=True)
class Call:
    """One request. `target` is path and query behind the provider's prefix, `base` that prefix's address."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    base: str

    @property
    def path(self) -> str:
        """The path behind the provider's prefix, without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The query's parameters and those of a form in the body."""
        return self.query | dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object, empty if it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Answer:
    """One answer. `cost` is what it takes from the provider's quota, `told` the seconds it tells to wait."""

    status: int
    body: str
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    cost: int = 0
    told: float = 0.0


def answer_json(value: object, status: int = 200, **headers: str) -> Answer:
    """A JSON answer; `x_ratelimit_limit="1"` becomes the header x-ratelimit-limit."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value, ensure_ascii=False), JSON, named)
