"""GitHub: by GraphQL up to 100 repositories a request, without a token by plain REST one a request, 60 an hour.

Source: https://docs.github.com/graphql and https://docs.github.com/rest/repos/repos#get-a-repository. Names go
as variables, never into the query's text.
"""

from __future__ import annotations

import re
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from enrich.errors import BadBatch, EnrichError, NotUnderstood, PutOff, TryLater
from enrich.http import Answer, Budget
from enrich.reading import count, digits, flag, part, text, time
from storage import waits
from storage.documents import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from enrich.http import Api

KIND = PATH = "repos"
HOST, INTERVAL, BATCH, TIMEOUT, BACKOFF = "https://api.github.com", 1.0, 100, 30.0, 60.0
CONNECTIONS = 1
WITHOUT_KEY = {"INTERVAL": 0.1, "BATCH": 1, "HOURLY": 60}
REMEDY = "set GITHUB_TOKEN for 5,000 requests an hour (github.com/settings/tokens, no scope is needed)"
BLOCKED = HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS
SECONDARY_LIMITS = ("secondary rate", "abuse detection")
NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
HOUR = 3600.0  # seconds: where no reset is told (an answer of 2013)
RATE_LIMITS = {"RATE_LIMITED", "RATE_LIMIT"}
TOO_MUCH = ("Resource limits for this query exceeded", "Something went wrong while executing your query")
FRAGMENT = (
    "fragment Repo on Repository{nameWithOwner stargazerCount forkCount isArchived pushedAt"
    " licenseInfo{spdxId} primaryLanguage{name}}"
)


def headers(key: str | None) -> dict[str, str]:
    """The token, where there is one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def blank(question: str) -> Repository:
    """A repository of which only the name is known."""
    return Repository(url=f"https://github.com/{question}", host="github.com", full_name=question)


async def fetch(names: Sequence[str], api: Api) -> dict[str, Repository]:
    """Repositories by name as asked; a renamed one tells its present name. A name left out is not there, or private."""
    if api.terms.key is None:
        [name] = names
        read = partial(_read_plain, name=name)
        return await api.ask("GET", f"/repos/{name}", read, told_by=(HTTPStatus.NOT_FOUND, BLOCKED))
    question = {"query": _query(len(names)), "variables": _variables(names)}
    return await api.ask("POST", "/graphql", partial(_read, names=names), json=question)


def _read_plain(answer: Answer, name: str) -> dict[str, Repository]:
    repo = answer.json()
    if not isinstance(repo, dict):
        raise NotUnderstood(f"no repository: {answer.text[:80]!r}")
    if answer.status == BLOCKED:
        return {name: _blocked(name, f"HTTP 451: {text(part(repo, 'block'), 'reason') or 'legal reasons'}"[:80])}
    if answer.status != HTTPStatus.NOT_FOUND:
        return {name: _fact(_as_graphql(repo))}
    if repo.get("message") != "Not Found":
        raise NotUnderstood(f"HTTP 404: {answer.text[:80]!r}")
    return {}


def _as_graphql(repo: Mapping[str, Any]) -> dict[str, Any]:
    """A repository of REST by GraphQL's names; its watchers are its stars once more."""
    return {
        "nameWithOwner": repo.get("full_name"),
        "stargazerCount": repo.get("stargazers_count"),
        "forkCount": repo.get("forks_count"),
        "isArchived": repo.get("archived"),
        "pushedAt": repo.get("pushed_at"),
        "licenseInfo": {"spdxId": part(repo, "license").get("spdx_id")},
        "primaryLanguage": {"name": repo.get("language")},
    }


def _query(size: int) -> str:
    declared = ",".join(f"$o{n}:String!,$n{n}:String!" for n in range(size))
    aliases = " ".join(f"a{n}:repository(owner:$o{n},name:$n{n}){{...Repo}}" for n in range(size))
    return f"query({declared}){{{aliases} rateLimit{{cost remaining resetAt}}}} {FRAGMENT}"


def _variables(names: Sequence[str]) -> dict[str, str]:
    pairs = [name.split("/", 1) for name in names]
    return {f"{key}{n}": part for n, pair in enumerate(pairs) for key, part in zip("on", pair, strict=True)}


def _read(answer: Answer, names: Sequence[str]) -> dict[str, Repository]:
    body = answer.json()
    if not isinstance(body, dict):
        raise NotUnderstood(f"no GraphQL answer: {answer.text[:80]!r}")
    errors = _errors(body, answer)
    data = body.get("data")
    if not isinstance(data, dict) or not all(f"a{n}" in data for n in range(len(names))):
        raise NotUnderstood(f"not all aliases are answered: {answer.text[:80]!r}")
    facts = {name: _answered(name, data[f"a{n}"], errors.get(f"a{n}")) for n, name in enumerate(names)}
    return {name: fact for name, fact in facts.items() if fact is not None}


def _errors(body: Mapping[str, Any], answer: Answer) -> dict[str, str]:
    """Error types by alias. Raises PutOff, TryLater or BadBatch for an error of the whole query."""
    types = {}
    errors = body.get("errors") or []
    if not isinstance(errors, list) or not all(isinstance(error, dict) for error in errors):
        raise NotUnderstood(f"GitHub: errors that are none: {str(errors)[:80]!r}")
    for error in errors:
        said = str(error.get("message", ""))
        if error.get("type") in RATE_LIMITS or "API rate limit exceeded" in said:
            raise _spent(answer) or TryLater("rate limit", waits.told(answer.headers))
        if error.get("type") == "RESOURCE_LIMITS_EXCEEDED" or said.startswith(TOO_MUCH):
            raise BadBatch(f"GitHub: {said[:80]}")
        path = error.get("path")
        if not isinstance(path, list) or not path:
            raise NotUnderstood(f"GitHub: {said[:80]}")
        types[str(path[0])] = str(error.get("type"))
    return types


def _answered(name: str, repo: Any, error: str | None) -> Repository | None:
    """One alias: a repository, None where there is none, or why it is not shown."""
    if isinstance(repo, dict) and error is None:
        return _fact(repo)
    if repo is None and error == "NOT_FOUND":
        return None
    if repo is None and error == "FORBIDDEN":
        return _blocked(name, "GitHub does not show it")
    raise NotUnderstood(f"{name}: {error or str(repo)[:80]}")


def _blocked(name: str, reason: str) -> Repository:
    return blank(name).model_copy(update={"status": "blocked", "reason": reason})


def _fact(repo: dict[str, Any]) -> Repository:
    full_name = text(repo, "nameWithOwner") or ""
    if not NAME.fullmatch(full_name):
        raise NotUnderstood(f"a repository of no such name: {full_name[:80]!r}")
    return Repository(
        url=f"https://github.com/{full_name}",
        host="github.com",
        full_name=full_name,
        stars=count(repo, "stargazerCount"),
        forks=count(repo, "forkCount"),
        archived=flag(repo, "isArchived"),
        license=_license(part(repo, "licenseInfo")),
        language=text(part(repo, "primaryLanguage"), "name"),
        pushed_at=time(repo, "pushedAt"),
        status="ok",
    )


def _license(info: Mapping[str, Any]) -> str | None:
    """The SPDX identifier; NOASSERTION means that GitHub does not know."""
    spdx = text(info, "spdxId")
    return None if spdx == "NOASSERTION" else spdx


def objection(answer: Answer) -> EnrichError | None:
    """403 and 429 are limits where they say so: the secondary one comes while the hourly budget is not spent."""
    if answer.status not in (403, 429):
        return None
    if any(sign in answer.text.lower() for sign in SECONDARY_LIMITS):
        return TryLater("secondary rate limit", waits.told(answer.headers))
    return _spent(answer)


def _spent(answer: Answer) -> PutOff | None:
    """The hour's budget, where nothing is left of it; while something is, the reset is not what is waited for."""
    left = budget(answer)
    if left is None or left.remaining > 0:
        return None
    return PutOff("the hour's budget is spent", waits.told(answer.headers) or left.resets_in + 1)


def budget(answer: Answer) -> Budget | None:
    """Points left this hour; the reset is an epoch time, by GitHub's clock, and stands on nearly every answer."""
    remaining = digits(answer.headers.get("x-ratelimit-remaining", ""))
    reset = digits(answer.headers.get("x-ratelimit-reset", ""))
    if remaining is None:
        return None
    return Budget(remaining, HOUR if reset is None else max(reset - waits.sent_at(answer.headers).timestamp(), 0.0))
