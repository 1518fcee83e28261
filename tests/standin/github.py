"""GitHub: `POST /graphql` with aliases, and `GET /repos/{owner}/{name}`, for repositories the corpus names.

All facts are invented.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.standin.wire import Answer, answer_json

if TYPE_CHECKING:
    from tests.standin.corpus import Corpus
    from tests.standin.invented import Repository
    from tests.standin.wire import Call
    from tests.standin.world import World

NAME = "github"
MOST_ALIASES = 120
TOKEN_HOURLY = 5000
HOUR = 3600
ALIAS = re.compile(
    r'(\w+)\s*:\s*repository\s*\(\s*owner\s*:\s*(\$\w+|"[^"]*")\s*,?\s*name\s*:\s*(\$\w+|"[^"]*")\s*[,)]'
)


def asked(call: Call) -> list[str]:
    """The repositories a request asks for, `owner/name`."""
    if call.path == "/graphql":
        return [name for _, name in aliases(call.json)]
    return [call.path.removeprefix("/repos/")] if call.path.startswith("/repos/") else []


def too_fast() -> Answer:
    """What it says to whoever asks too soon: a secondary limit, its remaining requests not used up."""
    message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    return answer_json({"message": message}, 403, Retry_After="1", x_ratelimit_remaining=str(TOKEN_HOURLY - 1))


def answer(call: Call, world: World) -> Answer:
    """The answer to one request, within the hour's limit."""
    if "User-Agent" not in call.headers:
        return answer_json({"message": "Missing or invalid User Agent string."}, 403)
    token = "Authorization" in call.headers
    limit = TOKEN_HOURLY if token else world.options.github_hourly
    left, reset = limit - world.spent[NAME], int(world.started) + HOUR
    if call.path == "/graphql" and not token:
        return answer_json({"message": "Bad credentials", "status": "401"}, 401)
    if left < 1:
        message = {"message": "API rate limit exceeded for 127.0.0.1."}
        return replace(answer_json(message, 403), headers=_limits(limit, 0, reset), told=reset - time.time())
    asked = call.path == "/graphql"
    plain = graphql(call.json, world.corpus, left - 1, reset) if asked else rest(call, world.corpus)
    return replace(plain, headers={**_limits(limit, left - 1, reset), **plain.headers}, cost=1)


def _limits(limit: int, left: int, reset: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-used": str(limit - left),
        "x-ratelimit-reset": str(reset),
    }


def aliases(question: dict[str, Any]) -> list[tuple[str, str]]:
    """The aliases of a query with the repository each asks for, given as variables or literally."""
    variables = question.get("variables") or {}

    def value(text: str) -> str:
        return str(variables.get(text[1:])) if text.startswith("$") else text.strip('"')

    found = ALIAS.findall(str(question.get("query")))
    return [(alias, f"{value(owner)}/{value(name)}") for alias, owner, name in found]


def graphql(question: dict[str, Any], corpus: Corpus, left: int, reset: int) -> Answer:
    """One object for each alias, null and an error for each that is not there."""
    wanted, query = aliases(question), str(question.get("query"))
    if len(wanted) > MOST_ALIASES:
        return answer_json({"errors": [{"message": "Resource limits for this query exceeded."}]})
    if not wanted and "rateLimit" not in query:
        return answer_json({"errors": [{"message": "Parse error: no repository is asked for"}]})
    data: dict[str, Any] = {}
    errors = []
    for alias, name in wanted:
        repository = corpus.repositories.get(name.lower())
        data[alias] = node(repository, query) if repository else None
        if not repository:
            message = f"Could not resolve to a Repository with the name '{name}'."
            errors.append({"type": "NOT_FOUND", "path": [alias], "message": message})
    if "rateLimit" in query:
        reset_at = f"{datetime.fromtimestamp(reset, UTC):%Y-%m-%dT%H:%M:%SZ}"
        data["rateLimit"] = {"cost": 1, "remaining": left, "resetAt": reset_at}
    return answer_json({"data": data, "errors": errors} if errors else {"data": data})


def node(repository: Repository, query: str) -> dict[str, Any]:
    """A repository with those of its fields that the query names."""
    fields = {
        "databaseId": repository.id,
        "nameWithOwner": repository.full_name,
        "url": f"https://github.com/{repository.full_name}",
        "stargazerCount": repository.stars,
        "forkCount": repository.forks,
        "isArchived": repository.archived,
        "pushedAt": repository.pushed_at,
        "licenseInfo": repository.licence and {"spdxId": repository.licence},
        "primaryLanguage": repository.language and {"name": repository.language},
    }
    return {name: value for name, value in fields.items() if re.search(rf"\b{name}\b", query)}


def rest(call: Call, corpus: Corpus) -> Answer:
    """A repository by name, or by number behind the redirect of one that was renamed."""
    kind, _, name = call.path.removeprefix("/").partition("/")
    if kind == "repositories" and name.isdigit() and (repository := corpus.repositories_by_id.get(int(name))):
        return answer_json(record(repository))
    found = corpus.repositories.get(name.lower()) if kind == "repos" else None
    if not found:
        return answer_json({"message": "Not Found", "status": "404"}, 404)
    if found.full_name.lower() == name.lower():
        return answer_json(record(found))
    place = f"{call.base}/repositories/{found.id}"
    return answer_json({"message": "Moved Permanently", "url": place}, 301, Location=place)


def record(repository: Repository) -> dict[str, Any]:
    """A repository as REST tells it; its watchers are its stars once more."""
    owner, _, name = repository.full_name.partition("/")
    return {
        "id": repository.id,
        "name": name,
        "full_name": repository.full_name,
        "owner": {"login": owner},
        "html_url": f"https://github.com/{repository.full_name}",
        "stargazers_count": repository.stars,
        "watchers_count": repository.stars,
        "subscribers_count": repository.stars // 60,
        "forks_count": repository.forks,
        "archived": repository.archived,
        "pushed_at": repository.pushed_at,
        "license": repository.licence and {"spdx_id": repository.licence},
        "language": repository.language,
    }
