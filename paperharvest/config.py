"""Configuration: the only reader of the environment and of the TOML file. The rest is handed values."""

from __future__ import annotations

import difflib
import logging
import os
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from platformdirs import user_data_path
from pydantic import AfterValidator, Field, SecretStr, ValidationError

from enrich.settings import ProviderSettings
from paperharvest.errors import ConfigError
from storage.documents import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

PREFIX = "PAPERHARVEST_"
PROVIDERS = ("arxiv", "datacite", "semantic_scholar", "openalex", "github", "huggingface")
USUAL_KEYS = {
    "GITHUB_TOKEN": "github",
    "S2_API_KEY": "semantic_scholar",
    "OPENALEX_API_KEY": "openalex",
    "HF_TOKEN": "huggingface",
}


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


class Settings(Record):
    """What the user configured, defaults filled in."""

    mongo_uri: SecretStr | None = None
    """None: the embedded mongod."""
    database: str = "paperharvest"
    data_dir: Annotated[Path, AfterValidator(_expanded)] = Field(default_factory=lambda: user_data_path("paperharvest"))
    contact: str | None = None
    """A mail address or page for the User-Agent: providers like to know whom to ask."""
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)

    @property
    def user_agent(self) -> str:
        """How we introduce ourselves to providers."""
        contact = f" (+{self.contact})" if self.contact else ""
        return f"paperharvest/{version('paperharvest')}{contact}"


def load(file: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Settings from a TOML file (named, else $PAPERHARVEST_CONFIG, else ./paperharvest.toml) and the environment.

    The environment stands above the file. Raises ConfigError.
    """
    env = os.environ if env is None else env
    values = _from_file(file, env)
    _add(values, _from_environment(env))
    tables = values.setdefault("providers", {})
    if isinstance(tables, dict):
        values["providers"] = {name: {} for name in PROVIDERS} | tables
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        _explain(error)


def _from_file(file: Path | None, env: Mapping[str, str]) -> dict[str, Any]:
    named = file or (Path(env["PAPERHARVEST_CONFIG"]) if env.get("PAPERHARVEST_CONFIG") else None)
    path = named or Path("paperharvest.toml")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named is None:
            return {}
        raise ConfigError(
            f"the configuration file {path} is not there: correct --config or PAPERHARVEST_CONFIG"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the configuration file {path} is not understood: {error}") from None
    tables = values.get("providers")
    if isinstance(tables, dict) and (strange := [name for name in tables if name not in PROVIDERS]):
        raise ConfigError(f"{path}: no provider is called {strange[0]!r}{_nearest(strange[0], PROVIDERS)}")
    return values


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    """`PAPERHARVEST_PROVIDERS__ARXIV__INTERVAL=3` as a nested table; empty variables count as unset."""
    values: dict[str, Any] = {}
    env = {variable: value.strip() for variable, value in env.items()}  # secret files end in a newline
    for variable, provider in USUAL_KEYS.items():
        if env.get(variable):
            _add(values, {"providers": {provider: {"api_key": env[variable]}}})
    for variable, value in env.items():
        if variable.startswith(PREFIX) and variable != "PAPERHARVEST_CONFIG" and value:
            keys = variable.removeprefix(PREFIX).lower().split("__")
            if keys[0] == "providers" and len(keys) > 1 and keys[1] not in PROVIDERS:
                logger.warning("%s: no such provider, ignored%s", variable, _nearest(keys[1], PROVIDERS))
                continue
            _add(values, _nested(keys, value))
    return values


def _nested(keys: list[str], value: str) -> dict[str, Any]:
    return {keys[0]: _nested(keys[1:], value) if keys[1:] else value}


def _add(values: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Put the values of one source over those of another, table by table."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _add(values[key], value)
        else:
            values[key] = value


def _explain(error: ValidationError) -> NoReturn:
    """One sentence for the first thing that is wrong, without the value: it may be a key."""
    first = error.errors(include_input=False, include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    variable = PREFIX + "__".join(map(str, first["loc"])).upper()
    if first["type"] == "extra_forbidden":
        known = ProviderSettings.model_fields if "." in name else Settings.model_fields
        nearest = _nearest(str(first["loc"][-1]), known)
        raise ConfigError(f"no setting is called {name} ({variable}){nearest}") from None
    raise ConfigError(f"the setting {name} ({variable}) is wrong: {first['msg']}") from None


def _nearest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean {close[0]}?" if close else f": there are {', '.join(known)}"
