"""Everything the stand-in invents: drawn from hashes of names, so the same in every run on every machine.

No number here says anything about a real paper or repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

LICENCES = ("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0", "NOASSERTION")
LANGUAGES = ("Python", "Jupyter Notebook", "C++", "R", "Julia")


def number(*parts: object) -> int:
    """A whole number below 2**48 that only these parts decide."""
    text = "\0".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest())


def one_in(count: int, *parts: object) -> bool:
    """True for about one in `count` of all such parts."""
    return number(*parts) % count == 0


def share(*parts: object) -> float:
    """A number from 0 up to, not including, 1 that only these parts decide."""
    return number(*parts) / 2**48


def invented_citations(provider: str, arxiv_id: str) -> int:
    """The count `semantic_scholar` or `openalex` tells for a base id: 0 for one in 20, else 1 to 9,999."""
    return 0 if one_in(20, "uncited", provider, arxiv_id) else int(10 ** (4 * share("cited", provider, arxiv_id)))


def known_to(provider: str, arxiv_id: str) -> bool:
    """Whether a provider (`datacite`, `semantic_scholar` …) knows a paper by its arXiv id: all but one in 25.

    Each provider lacks others. OpenAlex files such a paper under its journal DOI instead, if it has one.
    """
    return not one_in(25, "unknown", provider, arxiv_id)


def renamed(full_name: str) -> str:
    """The name a repository goes by now: for one in 20 `<owner>/<name>-next`, else the same."""
    return f"{full_name}-next" if one_in(20, "renamed", full_name.lower()) else full_name


@dataclass(frozen=True)
class Repository:
    """A repository's facts: one in 10 has no licence, one in 10 no language, one in 20 is archived."""

    id: int
    full_name: str
    stars: int
    forks: int
    archived: bool
    pushed_at: str
    licence: str | None
    language: str | None


def invented_repository(full_name: str) -> Repository:
    """The facts of a repository by the name it was published under, in any case."""
    name = full_name.lower()
    day = number("pushed", name)
    stars = int(10 ** (4.5 * share("stars", name))) - 1
    return Repository(
        id=10**8 + number("id", name) % 10**9,
        full_name=renamed(full_name),
        stars=stars,
        forks=stars // 8,
        archived=one_in(20, "archived", name),
        pushed_at=f"{2021 + day % 5}-{1 + day % 12:02}-{1 + day % 28:02}T{day % 24:02}:00:00Z",
        licence=None if one_in(10, "no licence", name) else LICENCES[number("licence", name) % 5],
        language=None if one_in(10, "no language", name) else LANGUAGES[number("language", name) % 5],
    )
