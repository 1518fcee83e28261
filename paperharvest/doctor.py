"""Whether everything that a run needs is there: one finding after the other, each with its remedy."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from enrich import providers
from enrich.errors import EnrichError, PutOff
from enrich.http import session
from paperharvest.config import USUAL_KEYS
from paperharvest.errors import ConfigError
from paperharvest.execution import in_database, server
from paperharvest.texts import ago, span
from storage import health, title_index
from storage.errors import StorageError
from storage.mongod import NEEDED as NEEDED_DISK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from enrich.http import Api
    from paperharvest.config import Settings
    from storage.connect import Database

LITTLE = 2**30  # bytes of free disk: soon too little
OTHERS, WRITABLE = 0o077, 0o022  # rights of the group and of everybody
WELL_KNOWN = {"repos": "python/cpython"}
"""What is asked of who knows something else than papers."""
PAPER = "1706.03762"
SKEWED = 60.0  # seconds


State: TypeAlias = Literal["good", "note", "bad"]


class Finding(NamedTuple):
    """One thing that was looked at; `bad` ones hold their remedy."""

    subject: str
    state: State
    text: str


def examine(load: Callable[[], Settings], *, offline: bool) -> Iterator[Finding]:
    """Look at one thing after the other. What a bad one makes impossible is left out."""
    yield Finding("python", "good", f"{platform.python_version()} at {sys.executable}")
    try:
        settings = load()
    except ConfigError as error:
        yield Finding("configuration", "bad", str(error))
        return
    yield from _configuration(settings)
    yield _data_folder(settings.data_dir)
    yield from _title_index(settings.data_dir)
    if settings.mongo_uri is None:
        yield _mongod()
    yield from _database(settings, offline=offline)


def _configuration(settings: Settings) -> Iterator[Finding]:
    """The file that is read, and where each key comes from."""
    file = settings.file
    yield Finding("configuration", "good", f"{file} is read" if file else "no file, only defaults and the environment")
    secret = [("mongo_uri",), *(("providers", name, "api_key") for name in settings.providers)]
    if file and file.stat().st_mode & OTHERS and any(str(file) in (settings.source(*keys) or "") for keys in secret):
        yield Finding("configuration", "note", f"{file} holds keys and others may read it: chmod 600 {file}")
    for variable, name in USUAL_KEYS.items():
        if source := settings.source("providers", name, "api_key"):
            yield Finding("key", "good", f"{name}: from {source}")
        elif name in providers.names():
            yield Finding("key", "note", f"{name}: none; {variable} raises its limits")


def _data_folder(folder: Path) -> Finding:
    nearest = folder.absolute()
    while not os.path.exists(nearest):  # noqa: PTH110 - Path's raises where rights are missing
        nearest = nearest.parent
    if not os.access(nearest, os.R_OK | os.W_OK | os.X_OK) or not nearest.is_dir():
        return Finding("data folder", "bad", f"{folder} cannot be used: set data_dir (PAPERHARVEST_DATA_DIR)")
    if nearest == folder and folder.stat().st_mode & WRITABLE:
        return Finding("data folder", "note", f"{folder}; others may write there: chmod go-w {folder}")
    return Finding("data folder", "good", str(folder))


def _title_index(folder: Path) -> Iterator[Finding]:
    try:
        with title_index.reading(folder) as index:
            if index is None:
                return
            index.check()
            yield Finding("title index", "good", f"{index.about}, made {ago(index.about.updated_at)}")
    except StorageError as error:
        yield Finding("title index", "bad", str(error))


def _mongod() -> Finding:
    from storage.embedded import find_mongod  # noqa: PLC0415 - needs fcntl, which a configured server does not

    try:
        binary = find_mongod()
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    except StorageError as error:
        return Finding("mongod", "bad", str(error))
    except OSError as error:
        return Finding("mongod", "bad", f"{binary} cannot be run ({error.strerror})")
    return Finding("mongod", "good", f"{(said.stdout.splitlines() or ['?'])[0]} at {binary}")


def _database(settings: Settings, *, offline: bool) -> Iterator[Finding]:
    """The database, and through it the providers: their pace is kept there."""

    async def look(database: Database) -> list[Finding]:
        found = [_healthy(await health.of(database))]
        return found if offline else found + [one async for one in _asked(database, settings)]

    reached = False
    try:
        with server(settings) as uri:
            yield from in_database(settings, uri, look)
            reached = True
    except StorageError as error:
        yield Finding("database", "bad", str(error))
    if offline or not reached:
        why = "--offline" if offline else "their pace is kept in the database"
        yield Finding("providers", "note", f"not asked ({why})")


def _size(number: int) -> str:
    return f"{number / 2**30:.1f} GiB"


def _healthy(found: health.Health) -> Finding:
    told = f"MongoDB {found.version}, writes are acknowledged"
    if not found.new_enough:
        return Finding("database", "bad", f"{told}: paperharvest needs 6.0 or newer")
    if found.free is not None:
        told += f", {_size(found.free)} free"
    if found.free is not None and found.free < LITTLE:
        return Finding("database", "bad" if found.free < NEEDED_DISK else "note", f"{told}: free space")
    return Finding("database", "good", told)


async def _asked(database: Database, settings: Settings) -> AsyncIterator[Finding]:
    """Every provider, side by side, asked for something well-known."""
    for name in providers.names():
        if not providers.is_enabled(name, settings.providers):
            unset = settings.providers[name].enabled is None
            yield Finding(name, "note", "off unless switched on by `enabled`" if unset else "switched off by `enabled`")
    async with session(settings.user_agent) as pool:
        apis = providers.open_apis(pool, database, settings.providers)
        for one in await asyncio.gather(*(_provider(name, api) for name, api in apis.items())):
            yield one


async def _provider(name: str, api: Api) -> Finding:
    module, begun = providers.load(name), time.monotonic()
    try:
        await module.fetch([WELL_KNOWN.get(module.PATH, PAPER)], api)
    except PutOff as error:
        return Finding(name, "note", error.reason)
    except EnrichError as error:
        return Finding(name, "bad", error.reason)
    told = f"answered within {time.monotonic() - begun:.1f} s, and was understood"
    if api.skew is not None and abs(api.skew) > SKEWED:
        return Finding(
            name, "bad", f"{told}, but its clock and ours differ by {span(abs(api.skew))}: set this machine's"
        )
    return Finding(name, "good", told)
