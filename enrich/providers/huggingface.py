"""Hugging Face: the papers of a title. Its daily lists are read by a spider, which goes by the same turns.

Source: https://huggingface.co/docs/hub/rate-limits, and the client huggingface_hub for `/api/papers/search`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enrich.errors import NotUnderstood
from enrich.evidence import Described, Found
from enrich.reading import described, part, query, rows, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enrich.http import Answer, Api

KIND, TITLES, ENABLED = "titles", 1, False
HOST, INTERVAL, BATCH, TIMEOUT, BACKOFF = "https://huggingface.co", 6.0, 1, 30.0, 1.0  # 50 searches in 300 s
REMEDY = "set HF_TOKEN (huggingface.co/settings/tokens)"


def headers(key: str | None) -> dict[str, str]:
    """The token, where there is one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


async def find(titles: Sequence[str], api: Api) -> Found:
    """The papers that Hugging Face relates to a title, the likest first, so that a namesake is among them."""
    [title] = titles

    def read(answer: Answer) -> Found:
        entries = rows(answer.json(), "papers")
        candidates = [one for entry in entries if (one := _described(entry))]
        # The number 2503.0213 was 2503.02130: an id that lost a digit is nobody's, and may be the one.
        return Found(candidates, complete=len(candidates) == len(entries))

    return await api.ask("GET", "/api/papers/search", read, params={"q": query(title)})


def _described(entry: dict[str, Any]) -> Described | None:
    paper = part(entry, "paper")
    if (written := text(paper, "id")) is None:
        raise NotUnderstood("a paper without an id")
    authors = [text(one, "name") for one in rows(paper.get("authors") or [], "authors")]
    return described(written, paper, text(paper, "summary"), authors)
