"""The command line. Only what `--help` needs is imported here: the work is imported within the commands."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paperharvest.errors import ConfigError
from paperharvest.summary import Exit
from paperharvest.texts import printable
from storage.errors import ReaderGone, StorageError

if TYPE_CHECKING:
    from paperharvest.config import Settings
    from paperharvest.summary import Summary

INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Your own database of the papers that research digests list.",
)
crawl_app = typer.Typer(no_args_is_help=True, help="Store the papers that digests list.")
app.add_typer(crawl_app, name="crawl")

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, or '-' for stdin.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write.")]


class _OneLine(logging.Formatter):
    """No traceback, and nothing that a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        record.message, record.asctime = record.getMessage(), self.formatTime(record)
        return printable(self.formatMessage(record))


@app.callback()
def configure(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="A configuration file, in TOML.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and a detailed log.")] = False,
) -> None:
    """Read the options that stand before a command."""
    context.obj = config
    # The handler's level, not the root's: Scrapy sets that one.
    shown = logging.StreamHandler()
    shown.setLevel(logging.DEBUG if debug else logging.WARNING)
    shown.setFormatter((logging.Formatter if debug else _OneLine)("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[shown])


@app.command()
def run(context: typer.Context, paths: Paths, output: Output = None) -> None:
    """Crawl digests, find their papers, ask for their facts and, with -o, export the whole database."""
    from paperharvest import commands  # noqa: PLC0415

    _finish(commands.harvest(_settings(context), paths, output))


@crawl_app.command("digest")
def crawl_digest(context: typer.Context, paths: Paths) -> None:
    """Store the listings of text copies; the layout of each file is recognised by its content."""
    from paperharvest import commands  # noqa: PLC0415

    _finish(commands.crawl_digest(_settings(context), paths))


@app.command()
def resolve(context: typer.Context) -> None:
    """Find the arXiv papers behind titles, accepted on evidence."""
    from paperharvest import commands  # noqa: PLC0415

    _finish(commands.ask(_settings(context), (), titles=True))


@app.command()
def enrich(
    context: typer.Context,
    kind: Annotated[list[str] | None, typer.Option(help="arxiv, citations or repos; all by default.")] = None,
) -> None:
    """Ask providers for the facts that are due."""
    from enrich.run import KINDS  # noqa: PLC0415
    from paperharvest import commands  # noqa: PLC0415

    if strange := [one for one in kind or () if one not in KINDS]:
        raise typer.BadParameter(f"{strange[0]!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    _finish(commands.ask(_settings(context), kind or KINDS, titles=False))


@app.command()
def export(
    context: typer.Context,
    output: Output = None,
    where: Annotated[str, typer.Option(metavar="JSON", help="A MongoDB filter, in extended JSON.")] = "{}",
) -> None:
    """Write papers as JSON lines, sorted by id, to FILE or to stdout."""
    from paperharvest import commands  # noqa: PLC0415
    from storage.export import parse_where  # noqa: PLC0415

    try:
        query = parse_where(where)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--where") from None
    _finish(commands.write_lines(_settings(context), output, query))


@app.command()
def status(context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show how much is stored, and how much of it is known."""
    from paperharvest import commands  # noqa: PLC0415

    counts = commands.count(_settings(context))
    if as_json:
        typer.echo(json.dumps(counts))
        return
    for name, numbers in counts.items():
        shown = ", ".join(f"{number} {key}" for key, number in numbers.items())
        typer.echo(f"{name + ':':<30}{shown or 'nothing'}")


@app.command()
def db(context: typer.Context) -> None:
    """Keep the database open and print its address, for mongosh and Compass, until Ctrl-C."""
    from paperharvest import commands  # noqa: PLC0415

    commands.hold(_settings(context), typer.echo)


def _settings(context: typer.Context) -> Settings:
    from paperharvest import config  # noqa: PLC0415

    return config.load(context.find_root().obj)


def _finish(summary: Summary) -> None:
    for line in summary.lines():
        typer.echo(line, err=True)
    raise typer.Exit(summary.exit_status)


def main() -> None:
    """Run the command line; every error is one sentence that says what to do."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: whoever leaves last stops the database
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ReaderGone:  # `paperharvest export | head`: who reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.DONE)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"paperharvest: {printable(_sentence(error))}", err=True)
        sys.exit(Exit.ERROR)


def _sentence(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, StorageError | ConfigError):
        return str(error)
    return f"an error of its own ({type(error).__name__}): run it again with --debug before the command, and report it"
