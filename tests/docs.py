"""`python -m tests.docs`: write into the pages of docs/ what is generated from the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from enrich.settings import ProviderSettings, Refresh
from paperharvest.cli import INTERRUPTED, app
from paperharvest.config import PREFIX, USUAL_KEYS, Settings
from paperharvest.summary import Exit
from storage.documents import Paper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import typer

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
QUESTION = re.compile(r"(```json\n(\{.*?\})\n```\n\n```js\n).*?(```)", re.DOTALL)
MOMENT = re.compile(r'\{"\$date": ("[^"]*")\}')
WIDTH = 80
EXITS = {
    Exit.DONE: "all that was asked is done; what waits for want of a key or a budget is a note",
    Exit.ERROR: "an error; one sentence on stderr says what to do",
    Exit.USAGE: "the command line is wrong",
    Exit.INCOMPLETE: "finished, but something was refused or failed: the summary lists it",
    INTERRUPTED: "interrupted; what was stored stays, and the same command goes on from there",
}


def rendered(page: str) -> str:
    """The page with its generated parts as the code would have them now."""
    page = BLOCK.sub(lambda match: f"{match[1]}{GENERATED[match[2]]()}{match[3]}", page)
    return QUESTION.sub(lambda match: f"{match[1]}{mongosh(match[2])}\n{match[3]}", page)


def mongosh(where: str) -> str:
    """A filter in extended JSON as a line for mongosh."""
    plain = MOMENT.sub(r"ISODate(\1)", where)
    return f"db.papers.find({plain})"


def questions(page: str) -> list[str]:
    """The filters of a page, in extended JSON."""
    return [match[2] for match in QUESTION.finditer(page)]


def commands(group: typer.Typer = app, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command by its words, a group before its own."""
    yield above
    for one in group.registered_commands:
        assert one.callback
        yield (*above, one.name or one.callback.__name__)
    for inner in group.registered_groups:
        assert inner.typer_instance
        yield from commands(inner.typer_instance, (*above, str(inner.name)))


def help_of(words: tuple[str, ...]) -> str:
    """What a command's --help prints at 80 columns."""
    binary = Path(sys.executable).with_name("paperharvest")
    plain = {"PATH": os.environ["PATH"], "COLUMNS": str(WIDTH), "LC_ALL": "C.UTF-8"}
    return subprocess.run(  # noqa: S603 - our own binary
        [binary, *words, "--help"], env=plain, capture_output=True, text=True, check=True
    ).stdout


def _commands() -> str:
    parts = [
        f"### {' '.join(('paperharvest', *words))}\n\n```text\n{help_of(words).rstrip()}\n```\n" for words in commands()
    ]
    return "\n".join(parts)


def _exit_statuses() -> str:
    return _table(("status", "meaning"), ((str(int(one)), meaning) for one, meaning in EXITS.items()))


def _settings() -> str:
    return _table(("setting", "type", "default", "variable"), _setting_rows())


def _setting_rows() -> Iterator[tuple[str, ...]]:
    usual = ", ".join(f"`{variable}`" for variable in USUAL_KEYS)
    for name, field in Settings.model_fields.items():
        if name not in ("refresh", "providers"):
            default = {"data_dir": "the user's data folder", "mongo_uri": "the private mongod"}.get(name, field.default)
            yield f"`{name}`", _type(field.annotation), str(default), f"`{PREFIX}{name.upper()}`"
    for name, field in Refresh.model_fields.items():
        default = ",".join(map(str, field.default))
        yield f"`[refresh]` `{name}`", "list of days", default, f"`{PREFIX}REFRESH__{name.upper()}`"
    for name, field in ProviderSettings.model_fields.items():
        default = (
            "none" if name == "api_key" else "the provider's" if field.default is None else str(field.default).lower()
        )
        also = f", or {usual}" if name == "api_key" else ""
        variable = f"`{PREFIX}PROVIDERS__<NAME>__{name.upper()}`{also}"
        yield f"`[providers.<name>]` `{name}`", _type(field.annotation), default, variable


def _fields() -> str:
    return _table(("path", "type"), _field_rows(Paper, ""))


def _field_rows(model: type[BaseModel], above: str) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        inner, many = _model_in(field.annotation)
        yield f"`{above}{name}`", _type(field.annotation)
        if inner is not None:
            yield from _field_rows(inner, f"{above}{name}{'[]' if many else ''}.")


def _model_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The record that a field holds, and whether it holds several."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one, get_origin(annotation) is tuple
    return None, False


NAMES = {"str": "text", "int": "integer", "float": "number", "bool": "true or false", "datetime": "time"}
NAMES |= {"SecretStr": "text", "Path": "path", "HttpUrl": "address", "NoneType": "null"}


def _type(annotation: Any) -> str:
    """A type as a reader knows it."""
    origin, inner = get_origin(annotation), [one for one in get_args(annotation) if one is not ...]
    if origin is Literal:
        return ", ".join(f"`{json.dumps(one)}`" for one in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_type, inner))
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin is not None:  # Annotated
        return _type(inner[0])
    if issubclass(annotation, BaseModel):
        return "object"
    return NAMES[annotation.__name__]


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    lines.insert(1, "|---" * len(head) + "|")
    return "".join(f"{line}\n" for line in lines)


GENERATED: dict[str, Callable[[], str]] = {
    "commands": _commands,
    "exit statuses": _exit_statuses,
    "settings": _settings,
    "fields": _fields,
}


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")
