"""Hugging Face: a paper's repository, one a request; the papers of a title. Its daily lists are read by a spider.

Source: https://huggingface.co/docs/hub/rate-limits, and the client huggingface_hub for `/api/papers`. The spider goes
by the same turns.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from enrich.errors import NotUnderstood
from enrich.evidence import Described, Found
from enrich.reading import described, part, query, rows, text
from storage.documents import LinkedRepository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enrich.http import Answer, Api

KIND, PATH, TITLES, ENABLED = "repos", "_work.huggingface", 1, False
HOST, INTERVAL, BATCH, TIMEOUT, BACKOFF = "https://huggingface.co", 6.0, 1, 30.0, 1.0  # 50 searches in 300 s
CONNECTIONS = 2
REMEDY = "set HF_TOKEN (huggingface.co/settings/tokens)"


def headers(key: str | None) -> dict[str, str]:
    """The token, where there is one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def blank(_question: str) -> LinkedRepository:
    """A fact with nothing in it yet."""
    return LinkedRepository()


async def fetch(ids: Sequence[str], api: Api) -> dict[str, LinkedRepository]:
    """The repository that is linked with a paper, or that none is; nothing where Hugging Face has no such paper."""
    [asked] = ids

    def read(answer: Answer) -> dict[str, LinkedRepository]:
        paper = part({"paper": answer.json()}, "paper")
        if answer.status == HTTPStatus.NOT_FOUND:
            return {}
        if (told := text(paper, "id")) != asked:
            raise NotUnderstood(f"asked for {asked}, told of {str(told)[:40]!r}")
        return {asked: LinkedRepository(status="ok", url=text(paper, "githubRepo"))}

    path = f"/api/papers/{quote(asked, safe='')}"
    return await api.ask("GET", path, read, told_by=(HTTPStatus.NOT_FOUND,))


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
