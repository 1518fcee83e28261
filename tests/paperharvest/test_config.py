"""Configuration: one file and the environment above it, understood whole or refused in a sentence."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paperharvest import config
from paperharvest.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from paperharvest.config import Settings

SECRETS = ("hunter2", "ghp_secret", "s2_secret")


@pytest.fixture(autouse=True)
def nothing_nearby(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No paperharvest.toml in the folder that a test runs in."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """A configuration file of that text."""

    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(file: Path | None = None, env: dict[str, str] | None = None) -> str:
    """The sentence with which a configuration is refused; it never holds a secret."""
    with pytest.raises(ConfigError) as caught:
        config.load(file, env or {})
    said = str(caught.value)
    assert "\n" not in said
    assert not any(secret in said + repr(caught.value) for secret in SECRETS)
    return said


def interval(settings: Settings) -> float | None:
    """The one that most tests set."""
    return settings.providers["arxiv"].interval


# --- where settings come from -----------------------------------------------------------------------------


def test_without_anything_there_are_defaults() -> None:
    """An embedded server, the user's data folder, every provider there is."""
    settings = config.load(None, {})
    assert (settings.mongo_uri, settings.database, settings.contact) == (None, "paperharvest", None)
    assert settings.data_dir.is_absolute()
    assert settings.data_dir.name == "paperharvest"
    assert list(settings.providers) == ["arxiv", "datacite", "semantic_scholar", "openalex", "github", "huggingface"]
    assert settings.log == "text"
    assert settings.user_agent == f"paperharvest/{version('paperharvest')}"


def test_a_file_is_read(written: Callable[[str], Path]) -> None:
    """Plain keys and a table a provider; what is not named keeps its default."""
    settings = config.load(
        written(
            """
            mongo_uri = "mongodb://me:hunter2@db/"
            database = "mine"
            data_dir = "~/papers"
            contact = "me@example.org"
            [providers.arxiv]
            interval = 3
            base_url = "http://127.0.0.1:8000/arxiv"
            [providers.github]
            enabled = false
            [providers.openalex]
            # enabled = false
            """
        ),
        {},
    )
    assert settings.mongo_uri is not None
    assert settings.mongo_uri.get_secret_value() == "mongodb://me:hunter2@db/"
    assert (settings.database, settings.data_dir) == ("mine", Path.home() / "papers")
    assert settings.user_agent.endswith("(+me@example.org)")
    assert (interval(settings), settings.providers["arxiv"].timeout) == (3, None)
    assert [name for name, one in settings.providers.items() if one.enabled is not None] == ["github"]
    assert not settings.providers["github"].enabled


def test_which_file(written: Callable[[str], Path], tmp_path: Path) -> None:
    """The named one, else that of the environment, else the one nearby."""
    (tmp_path / "paperharvest.toml").write_text('database = "nearby"')
    other = tmp_path / "other.toml"
    other.write_text('database = "other"')
    env = {"PAPERHARVEST_CONFIG": str(other)}
    assert config.load(None, {}).database == "nearby"
    assert config.load(None, {"PAPERHARVEST_CONFIG": ""}).database == "nearby"
    assert config.load(None, env).database == "other"
    assert config.load(written('database = "named"'), env).database == "named"


def test_days_are_lists_in_a_file_and_in_the_environment(written: Callable[[str], Path]) -> None:
    """Of two ages there are three gaps."""
    file = written("[refresh]\nages = [7, 70]\nknown = [1, 2, 3]\nabsent = [1, 1, 1]")
    refresh = config.load(file, {"PAPERHARVEST_REFRESH__ABSENT": "4, 5,6.5"}).refresh
    assert (refresh.ages, refresh.known, refresh.absent) == ((7, 70), (1, 2, 3), (4, 5, 6.5))


def test_the_environment_stands_above_the_file_key_by_key(written: Callable[[str], Path]) -> None:
    """Nested keys by `__`; what it does not name stays the file's; empty counts as unset."""
    file = written('database = "file"\n[providers.arxiv]\ninterval = 3\nbatch = 7')
    env = {
        "PAPERHARVEST_DATABASE": "env",
        "PAPERHARVEST_PROVIDERS__ARXIV__INTERVAL": "0.5",
        "PAPERHARVEST_PROVIDERS__OPENALEX__ENABLED": "false",
        "PAPERHARVEST_PROVIDERS__ARXIV__BATCH": "",
        "PAPERHARVEST_CONTACT": "",
        "OTHER_THINGS": "1",
    }
    settings = config.load(file, env)
    assert (settings.database, settings.contact) == ("env", None)
    assert (interval(settings), settings.providers["arxiv"].batch) == (0.5, 7)
    assert settings.providers["openalex"].enabled is False


@pytest.mark.parametrize(
    ("variable", "provider"),
    [
        ("GITHUB_TOKEN", "github"),
        ("S2_API_KEY", "semantic_scholar"),
        ("OPENALEX_API_KEY", "openalex"),
        ("HF_TOKEN", "huggingface"),
    ],
)
def test_the_usual_variables_hold_keys(written: Callable[[str], Path], variable: str, provider: str) -> None:
    """Above the file's, below our own variable; an empty one is no key."""

    def key(env: dict[str, str], file: Path | None = None) -> str | None:
        found = config.load(file, env).providers[provider].api_key
        return found.get_secret_value() if found else None

    file = written(f'[providers.{provider}]\napi_key = "of the file"')
    ours = {f"PAPERHARVEST_PROVIDERS__{provider.upper()}__API_KEY": "ours"}
    assert key({variable: "usual"}) == "usual"
    assert key({variable: "usual"}, file) == "usual"
    assert key({variable: "usual"} | ours) == "ours"
    assert key({variable: " \n"}) is None


def test_secrets_never_show() -> None:
    """Neither in a repr nor in a text, nor dumped."""
    env = {
        "PAPERHARVEST_MONGO_URI": "mongodb://me:hunter2@db/",
        "GITHUB_TOKEN": "ghp_secret",
        "S2_API_KEY": "s2_secret",
    }
    settings = config.load(None, env)
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {settings.user_agent}"
    assert not any(secret in shown for secret in SECRETS)


def test_where_each_value_comes_from(written: Callable[[str], Path]) -> None:
    """The line of the file or the variable, whichever stands above."""
    file = written('database = "mine"\n[providers.github]\napi_key = "ghp_secret"\n[providers.arxiv]\nbatch = 7')
    found = config.given(file, {"GITHUB_TOKEN": "ghp_secret", "PAPERHARVEST_CONTACT": "me"})
    assert {".".join(keys): one.source for keys, one in found.items()} == {
        "database": f"{file}, line 1",
        "providers.github.api_key": "GITHUB_TOKEN",
        "providers.arxiv.batch": f"{file}, line 5",
        "contact": "PAPERHARVEST_CONTACT",
    }


def test_empty_counts_as_unset(written: Callable[[str], Path]) -> None:
    """In the file as in the environment: an empty key is none."""
    settings = config.load(written('contact = ""\n[providers.github]\napi_key = ""'), {"S2_API_KEY": " "})
    assert settings.contact is None
    assert {one.api_key for one in settings.providers.values()} == {None}
    assert settings.source("providers", "github", "api_key") is None


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('mongo_url = "x"', ", line 1: no setting is called mongo_url: did you mean mongo_uri?"),
        ("zzz = 1", ", line 1: no setting is called zzz: there are mongo_uri, database, data_dir,"),
        (
            "[providers.arxiv]\n# slower\nintervall = 1",
            ", line 3: no setting is called providers.arxiv.intervall: did you",
        ),
        ("[providers.arixv]\ninterval = 1", ", line 2: no provider is called 'arixv': did you mean arxiv?"),
        ("[providers.scholar]\n", ", line 1: no provider is called 'scholar': "),
        ('mongo-uri="x"', ", line 1: no setting is called mongo-uri: did you mean mongo_uri?"),
        ('"\\u007a" = 1', "mine.toml: no setting is called z: there are"),
        ("\t[providers.arxiv]\t# slower\n\tbatch\t= 0", ", line 2: the setting providers.arxiv.batch is wrong: "),
        (
            "[providers.github] \nbatch  = 1\n[providers.arxiv] #\nbatch = 0",
            ", line 4: the setting providers.arxiv.batch",
        ),
        ("[providers.arxiv]\ninterval = -1", ", line 2: the setting providers.arxiv.interval is wrong: "),
        ('[providers.arxiv]\ninterval = "fast"', "the setting providers.arxiv.interval"),
        ("[providers.arxiv]\nbatch = 0", "the setting providers.arxiv.batch"),
        ("[providers.arxiv]\ntimeout = 0", "the setting providers.arxiv.timeout"),
        ('[providers.arxiv]\nbase_url = "arxiv.org"', "the setting providers.arxiv.base_url"),
        ('[providers.arxiv]\nenabled = "perhaps"', "the setting providers.arxiv.enabled"),
        ("[providers.github]\napi_key = 17", "the setting providers.github.api_key"),
        ("mongo_uri = 17", "the setting mongo_uri"),
        ("[providers]\n  'arxiv' . \"batch\" = 0", ", line 2: the setting providers.arxiv.batch"),
        ("[providers]\n\narxiv = {interval = 1, batch = 0}", ", line 3: the setting providers.arxiv.batch"),
        ("providers.arxiv.batch = 0", ", line 1: the setting providers.arxiv.batch"),
        ("providers = 3", ", line 1: providers is a table of settings"),
        ('providers = ["arxiv"]', ", line 1: providers is a table of settings"),
        ("[providers]\narxiv = 3", ", line 2: providers.arxiv is a table of settings"),
        ("[mongo_uri]\nx = 1", ", line 2: the setting mongo_uri"),
        ('log = "xml"', ", line 1: the setting log is wrong: "),
        ('database = "a.b"', ", line 1: the setting database is wrong: "),
        (f'database = "{64 * "x"}"', ", line 1: the setting database is wrong: "),
        ('data_dir = "~nobody-of-this-name/papers"', "the setting data_dir"),
        ("mongo_uri = mongodb://me:hunter2@db/", "is not understood"),
        ("[providers.arxiv", "is not understood"),
        ("[refresh]\nagess = [1]", ", line 2: no setting is called refresh.agess: did you mean ages?"),
        (
            "[refresh]\nages = [30, 30, 90]",
            "the setting refresh is wrong: ages are days, each more than the one before",
        ),
        ("[refresh]\nages = [0, 30, 90]", ", line 2: the setting refresh.ages.0 is wrong: "),
        ("[refresh]\nknown = [1, 7, 30, inf]", ", line 2: the setting refresh.known.3 is wrong: "),
        ("[refresh]\nknown = [1, 2, 3]", "one number more than ages"),
        ("[refresh]\nabsent = [0.5, 2, 3, 4]", "1 at least"),
    ],
)
def test_a_file_that_is_wrong_is_told(written: Callable[[str], Path], text: str, sentence: str) -> None:
    """The line, the name of the setting, and the nearest right one."""
    assert sentence in refusal(written(text))


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "PAPERHARVEST_MONGO_URL",
            "x",
            "PAPERHARVEST_MONGO_URL: no setting is called mongo_url: did you mean mongo_uri?",
        ),
        ("PAPERHARVEST_PROVIDERS__ARXIV__INTERVALL", "1", "did you mean interval?"),
        (
            "PAPERHARVEST_PROVIDERS__ARXIV__INTERVAL",
            "fast",
            "PAPERHARVEST_PROVIDERS__ARXIV__INTERVAL: the setting providers",
        ),
        ("PAPERHARVEST_PROVIDERS__GITHUB__API_KEY__X", "ghp_secret", "the setting providers.github.api_key"),
        ("PAPERHARVEST_PROVIDERS__GITHUB", "ghp_secret", "PAPERHARVEST_PROVIDERS__GITHUB: providers.github is a table"),
        ("PAPERHARVEST_PROVIDERS", "arxiv", "PAPERHARVEST_PROVIDERS: providers is a table of settings"),
        ("PAPERHARVEST_MONGO_URI__X", "mongodb://me:hunter2@db/", "the setting mongo_uri"),
        ("PAPERHARVEST_", "x", "no setting is called"),
        ("PAPERHARVEST_REFRESH__KNOWN", "1,x,3,4", "PAPERHARVEST_REFRESH__KNOWN: the setting refresh.known.1 is wrong"),
    ],
)
def test_a_variable_that_is_wrong_is_told(variable: str, value: str, sentence: str) -> None:
    """The same, by the variable; the value is never repeated."""
    assert sentence in refusal(env={variable: value})


def test_a_setting_is_no_table_and_no_table_a_setting() -> None:
    """In whichever order they are set."""
    one, below = {"PAPERHARVEST_CONTACT": "me"}, {"PAPERHARVEST_CONTACT__X": "y"}
    assert refusal(env=one | below) == "PAPERHARVEST_CONTACT__X: contact is one setting, and has none below it"
    assert refusal(env=below | one) == "PAPERHARVEST_CONTACT: contact is a table of settings"


def test_a_provider_that_is_unknown_in_the_environment_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """It may be meant for another version: a warning names the nearest one, and the rest counts."""
    env = {"PAPERHARVEST_PROVIDERS__ARIXV__INTERVAL": "1", "PAPERHARVEST_PROVIDERS__ARXIV__INTERVAL": "2"}
    assert interval(config.load(None, env | {"PAPERHARVEST_PROVIDERS__OTHER": "1"})) == 2
    assert "ARIXV__INTERVAL: no such provider, ignored: did you mean arxiv?" in caplog.text


def test_a_key_from_a_file_that_ends_in_a_newline_is_the_key() -> None:
    """As `GITHUB_TOKEN=$(cat token)` in other shells, and secrets that are mounted, have it."""
    key = config.load(None, {"GITHUB_TOKEN": "abc\n"}).providers["github"].api_key
    assert key is not None
    assert key.get_secret_value() == "abc"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """If somebody named it; the one nearby may be missing."""
    missing = tmp_path / "nowhere.toml"
    for said in (refusal(missing), refusal(env={"PAPERHARVEST_CONFIG": str(missing)})):
        assert said == f"the configuration file {missing} is not there: correct --config or PAPERHARVEST_CONFIG"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"database = 'caf\xe9'"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    """TOML is UTF-8; a folder is no file."""
    (tmp_path / "paperharvest.toml").write_bytes(content)
    assert "is not understood" in refusal()
    assert "is not understood" in refusal(tmp_path)
