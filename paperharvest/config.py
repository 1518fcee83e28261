"""Configuration: the only reader of the environment and of the TOML file. The rest is handed values."""

from __future__ import annotations

import difflib
import logging
import os
import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, NoReturn, Self, TypeAlias

from platformdirs import user_data_path
from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationError

from enrich.settings import ProviderSettings, Refresh
from paperharvest.errors import ConfigError
from storage.documents import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

logger = logging.getLogger(__name__)

Keys: TypeAlias = tuple[str, ...]

PREFIX = "PAPERHARVEST_"
PROVIDERS = ("arxiv", "datacite", "semantic_scholar", "openalex", "github", "huggingface")
USUAL_KEYS = {
    "GITHUB_TOKEN": "github",
    "S2_API_KEY": "semantic_scholar",
    "OPENALEX_API_KEY": "openalex",
    "HF_TOKEN": "huggingface",
}
HEADER = re.compile(r"\s*\[([^\[\]]+)")
ENTRY = re.compile(r"([\w.\"'\s-]+)=")


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


class Given(NamedTuple):
    """A value that somebody set, and where: "paperharvest.toml, line 3" or a variable's name."""

    value: Any
    source: str


class Settings(Record):
    """What the user configured, defaults filled in."""

    mongo_uri: SecretStr | None = None
    """None: the embedded mongod."""
    database: str = Field("paperharvest", pattern=r"^[^/\\. \"$*<>:|?\x00]{1,63}$")
    data_dir: Annotated[Path, AfterValidator(_expanded)] = Field(default_factory=lambda: user_data_path("paperharvest"))
    contact: str | None = None
    """A mail address or page for the User-Agent: providers like to know whom to ask."""
    raw_limit: int = Field(2000, ge=0)
    """MiB that kept texts may take; beyond that the oldest go."""
    log: Literal["text", "json"] = "text"
    """How log lines are written to stderr."""
    refresh: Refresh = Refresh()
    """How often facts are asked for again."""
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    _sources: dict[Keys, str] = PrivateAttr(default_factory=dict)
    _file: Path | None = PrivateAttr(None)

    @classmethod
    def of(cls, values: Mapping[Keys, Given], file: Path | None) -> Self:
        """The settings that these values make. Raises ConfigError."""
        try:
            settings = cls.model_validate(_tables(values))
        except ValidationError as error:
            _explain(error, values)
        settings._sources.update((keys, one.source) for keys, one in values.items())  # noqa: SLF001 - its own
        settings._file = file  # noqa: SLF001
        return settings

    @property
    def file(self) -> Path | None:
        """The configuration file that was read."""
        return self._file

    def source(self, *keys: str) -> str | None:
        """Where a setting was set, as `Given.source` says it; None: nowhere, the default holds."""
        return self._sources.get(keys)

    @property
    def user_agent(self) -> str:
        """How we introduce ourselves to providers."""
        contact = f" (+{self.contact})" if self.contact else ""
        return f"paperharvest/{version('paperharvest')}{contact}"

    def for_scrapy(self) -> dict[str, Any]:
        """The settings as Scrapy's components look for them."""
        return {
            "MONGO_URI": self.mongo_uri and self.mongo_uri.get_secret_value(),
            "MONGO_DATABASE": self.database,
            "DATA_DIR": str(self.data_dir),
            "RAW_LIMIT": self.raw_limit * 2**20,
            "USER_AGENT": self.user_agent,
            "PROVIDERS": {name: one.revealed() for name, one in self.providers.items()},
        }


def load(file: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Settings from a TOML file (named, else $PAPERHARVEST_CONFIG, else ./paperharvest.toml) and the environment.

    The environment stands above the file. Raises ConfigError.
    """
    settings = Settings.of(given(file, env), _found_file(file, env))
    for variable, keys in _variables(os.environ if env is None else env).items():
        if _is_unknown_provider(keys):
            logger.warning("%s: no such provider, ignored%s", variable, _nearest(keys[1], PROVIDERS))
    return settings


def given(file: Path | None = None, env: Mapping[str, str] | None = None) -> dict[Keys, Given]:
    """Every value that is set, by its keys: ("providers", "arxiv", "interval"). Raises ConfigError."""
    env = os.environ if env is None else env
    return _from_file(file, env) | _from_environment(env)


def _found_file(file: Path | None = None, env: Mapping[str, str] | None = None) -> Path | None:
    """The configuration file that is read; None where none is named and none is nearby."""
    env = os.environ if env is None else env
    nearby = Path("paperharvest.toml")
    named = file or (Path(env["PAPERHARVEST_CONFIG"]) if env.get("PAPERHARVEST_CONFIG") else None)
    return named or (nearby if os.path.exists(nearby) else None)  # noqa: PTH110 - Path's raises where rights are missing


def _from_file(file: Path | None, env: Mapping[str, str]) -> dict[Keys, Given]:
    path = _found_file(file, env)
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        values, places = tomllib.loads(text), _places(text)
    except FileNotFoundError:
        raise ConfigError(
            f"the configuration file {path} is not there: correct --config or PAPERHARVEST_CONFIG"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the configuration file {path} is not understood: {error}") from None
    flat = {keys: Given(value, f"{path}{_place(places, keys)}") for keys, value in _flat(values)}
    for keys, one in flat.items():
        if _is_unknown_provider(keys):
            raise ConfigError(f"{one.source}: no provider is called {keys[1]!r}{_nearest(keys[1], PROVIDERS)}")
    return flat


def _flat(values: Mapping[str, Any], above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, (*above, key))
        elif value != "":  # empty counts as unset, as in the environment
            yield (*above, key), value


def _places(text: str) -> dict[Keys, int]:
    """The lines that set each key or open each table; tomllib does not tell."""
    places: dict[Keys, int] = {}
    table: Keys = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            table = _dotted(header[1])
            places.setdefault(table, number)
        elif entry := ENTRY.match(line):
            places.setdefault(table + _dotted(entry[1]), number)
    return places


def _dotted(written: str) -> Keys:
    return tuple(part.strip().strip("\"'") for part in written.split("."))


def _place(places: Mapping[Keys, int], keys: Keys) -> str:
    """Where a key is set, or the inline table that holds it."""
    while keys and keys not in places:
        keys = keys[:-1]
    return f", line {places[keys]}" if keys else ""


def _from_environment(env: Mapping[str, str]) -> dict[Keys, Given]:
    """`PAPERHARVEST_PROVIDERS__ARXIV__INTERVAL=3` by its keys; empty variables count as unset."""
    env = {variable: value.strip() for variable, value in env.items() if value.strip()}  # secret files end in a newline
    values: dict[Keys, Given] = {}
    for variable, provider in USUAL_KEYS.items():
        if variable in env:
            values["providers", provider, "api_key"] = Given(env[variable], variable)
    known = ((variable, keys) for variable, keys in _variables(env).items() if not _is_unknown_provider(keys))
    return values | {keys: Given(env[variable], variable) for variable, keys in known}


def _variables(env: Mapping[str, str]) -> dict[str, Keys]:
    """Our variables that are set, with the keys they stand for."""
    ours = (one for one, value in env.items() if one.startswith(PREFIX) and value.strip())
    return {one: tuple(one.removeprefix(PREFIX).lower().split("__")) for one in ours if one != f"{PREFIX}CONFIG"}


def _is_unknown_provider(keys: Keys) -> bool:
    return keys[0] == "providers" and len(keys) > 1 and keys[1] not in PROVIDERS


def _tables(values: Mapping[Keys, Given]) -> dict[str, Any]:
    """The values as nested tables, one for every provider. Raises ConfigError for a value in the place of a table."""
    tables: dict[str, Any] = {"providers": {name: {} for name in PROVIDERS}}
    for keys, one in values.items():
        table = tables
        for key in keys[:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise ConfigError(f"{one.source}: {key} is one setting, and has none below it")
        if isinstance(table.get(keys[-1]), dict) and one.value != {}:
            raise ConfigError(f"{one.source}: {'.'.join(keys)} is a table of settings")
        table.setdefault(keys[-1], one.value)
    return tables


def _explain(error: ValidationError, values: Mapping[Keys, Given]) -> NoReturn:
    """One sentence for the first thing that is wrong, without the value: it may be a key."""
    first = error.errors()[0]
    keys = tuple(map(str, first["loc"]))
    source = next((one.source for known, one in values.items() if _meet(known, keys)), "the configuration")
    if first["type"] == "extra_forbidden":
        tables: dict[str, type[Record]] = {"providers": ProviderSettings, "refresh": Refresh}
        known = tables.get(keys[0] if len(keys) > 1 else "", Settings).model_fields
        raise ConfigError(f"{source}: no setting is called {'.'.join(keys)}{_nearest(keys[-1], known)}") from None
    said = first["msg"].removeprefix("Value error, ")
    raise ConfigError(f"{source}: the setting {'.'.join(keys)} is wrong: {said}") from None


def _meet(one: Keys, other: Keys) -> bool:
    """Whether these are the same keys, or one stands below the other."""
    return all(a == b for a, b in zip(one, other, strict=False))


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {close[0]}?" if close else f": there are {', '.join(known)}"
