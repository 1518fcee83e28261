"""Who knows something about papers: one module a provider; its file name is its name everywhere.

A provider is constants and functions, without state:

    KIND, PATH     "arxiv", "citations" or "repos": what it tells; where in a paper its facts stand
    HOST, INTERVAL, BATCH, TIMEOUT, BACKOFF    where; seconds between starts; questions a request; seconds
    CONNECTIONS    how many requests may be open at once
    HOURLY         optional: how many requests are allowed an hour, where those are few
    WITHOUT_KEY    optional: the constants that differ where the user has no key, by name
    STANDS_IN_FOR  optional: the provider of its KIND without whose answers alone it is asked
    REMEDY         optional: the key to set where requests without one are put off
    SINGLE         optional: True where only one connection is allowed, over all machines
    ENABLED        optional: False where it is asked only if the user says so
    headers(key: str | None) -> dict           what it wants to see, the key included
    blank(question: str) -> Fact               a fact with nothing in it yet
    fetch(questions: Sequence[str], api: Api) -> Mapping[str, ...]
                   facts by question (arXiv: entries); a question left out is unknown to the provider
    fetch_by_doi(dois: Mapping[str, str], api) optional: the same for papers that `fetch` left out, by published DOIs
    TITLES, find(titles: Sequence[str], api: Api) -> Found     optional: titles a request; candidates for these titles,
                   all together: whatever has an arXiv id, with all that the provider tells of it
    objection(answer: Answer) -> EnrichError | None    optional: what it says in words of its own
    budget(answer: Answer) -> Budget | None            optional: what its headers say is left

A question is an arXiv id without version or, for repositories, "owner/name" in lower case.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from enrich.http import Answer, Api, Terms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import aiohttp

    from enrich.settings import ProviderSettings
    from storage.connect import Database


def names() -> list[str]:
    """The providers there are: the modules of this folder."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def load(name: str) -> ModuleType:
    """The module of a provider."""
    return importlib.import_module(f"{__name__}.{name}")


def open_apis(
    pool: aiohttp.ClientSession, database: Database, settings: Mapping[str, ProviderSettings]
) -> dict[str, Api]:
    """The providers that are enabled, ready to be asked."""
    return {name: Api(pool, database, terms(name, settings[name])) for name in names() if is_enabled(name, settings)}


def is_enabled(name: str, settings: Mapping[str, ProviderSettings]) -> bool:
    """Whether a provider is asked: as the user says, else as its module does."""
    said = settings[name].enabled
    return getattr(load(name), "ENABLED", True) if said is None else said


def terms(name: str, settings: ProviderSettings) -> Terms:
    """The module's constants, overridden by what the user set; its batch limit stands."""
    module = load(name)
    key = settings.api_key.get_secret_value() if settings.api_key else None

    def constant(which: str) -> Any:
        keyless = {} if key else getattr(module, "WITHOUT_KEY", {})
        return keyless.get(which, getattr(module, which, None))

    def chosen(which: str) -> Any:
        value = getattr(settings, which.lower())
        return constant(which) if value is None else value

    return Terms(
        name=name,
        base_url=str(settings.base_url or module.HOST).rstrip("/"),
        interval=chosen("INTERVAL"),
        batch=min(chosen("BATCH"), constant("BATCH")),
        timeout=chosen("TIMEOUT"),
        backoff=chosen("BACKOFF"),
        hourly=constant("HOURLY"),
        connections=constant("CONNECTIONS"),
        single=getattr(module, "SINGLE", False),
        key=key,
        headers=module.headers(key),
        remedy=None if key else getattr(module, "REMEDY", None),
        objection=getattr(module, "objection", _nothing),
        budget=getattr(module, "budget", _nothing),
    )


def _nothing(_answer: Answer) -> None:
    """For providers that say all they say in the usual words."""
    return
