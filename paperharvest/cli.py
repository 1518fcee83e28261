"""The command line. Only what `--help` needs is imported here: the work is imported within the commands."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paperharvest import logs
from paperharvest.errors import ConfigError
from paperharvest.summary import Exit
from paperharvest.texts import printable
from storage.errors import ReaderGone, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from paperharvest.config import Settings
    from paperharvest.summary import Summary
    from storage.connect import Document

INTERRUPTED = 130
said = logging.getLogger(logs.SUMMARY)
HF_DAILY = "hf-daily"
FLAGS = ("-q", "--quiet", "-v", "--verbose", "--debug")

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Your own database of the papers that research digests list.",
)
crawl_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Store the papers that digests list.")
app.add_typer(crawl_app, name="crawl")
index_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The local index of titles.")
app.add_typer(index_app, name="index")

Paths = Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders, or '-' for stdin.")]
PageYear = Annotated[
    int | None, typer.Option(min=2000, max=2100, metavar="YEAR", help="The year of text copies that show none.")
]
DAY = ["%Y-%m-%d"]
Since = Annotated[datetime | None, typer.Option(formats=DAY, metavar="DAY", help="From this day on.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Where = Annotated[str, typer.Option(metavar="JSON", help="A MongoDB filter for papers, in extended JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be asked.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write.")]


@dataclass(frozen=True)
class Options:
    """What stands before a command; the flags may also stand after it."""

    config: Path | None
    level: int
    quiet: bool


@app.callback()
def configure(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="A configuration file, in TOML.")] = None,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="No progress; a summary only if not all went well.")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log what is done and waited for.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and a detailed log.")] = False,
) -> None:
    """Read the options that stand before a command."""
    level = logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING
    context.obj = Options(config, level, quiet)


@app.command()
def run(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Files, folders, or '-' for stdin; or hf-daily with --since.")
    ],
    output: Output = None,
    since: Since = None,
    page_year: PageYear = None,
) -> None:
    """Crawl, resolve, enrich and, with -o, export.

    Reads digests, finds their papers, asks for their facts, and writes the whole database as JSON lines.
    """
    from paperharvest import commands  # noqa: PLC0415

    quiet = context.obj.quiet
    if since is None and paths == [HF_DAILY] and not Path(HF_DAILY).exists():
        raise typer.BadParameter(f"say from which day on: paperharvest run {HF_DAILY} --since D")
    if since is None:
        summary = commands.harvest(_settings(context), "digest", output, quiet=quiet, path=paths, page_year=page_year)
    elif paths == [HF_DAILY]:
        summary = commands.harvest(_settings(context), "hf_daily", output, quiet=quiet, since=_day(since))
    else:
        raise typer.BadParameter(f"it goes with {HF_DAILY} alone: paperharvest run {HF_DAILY} --since {since:%Y-%m-%d}")
    _finish(context, summary)


@crawl_app.command("digest")
def crawl_digest(context: typer.Context, paths: Paths, page_year: PageYear = None) -> None:
    """Store the papers of saved pages.

    The layout of each file is recognised by its content; what no layout understands is refused by name.
    """
    from paperharvest import crawling  # noqa: PLC0415

    settings, quiet = _settings(context), context.obj.quiet
    _finish(context, crawling.crawl_only(settings, "digest", quiet=quiet, path=paths, page_year=page_year))


@crawl_app.command(HF_DAILY)
def crawl_hf_daily(
    context: typer.Context,
    date: Annotated[datetime | None, typer.Option(formats=DAY, help="This day, whatever is known of it.")] = None,
    since: Since = None,
    until: Annotated[datetime | None, typer.Option(formats=DAY, help="To this day; today by default.")] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Days that are missing, or due to be read again.")] = False,
    html: Annotated[bool, typer.Option("--html", help="The HTML pages in place of the API.")] = False,
) -> None:
    """Store Hugging Face's daily papers.

    A day is read again after 1, 3, 7 and 14 days, when its numbers have settled; days without an answer stay missing.
    """
    from paperharvest import crawling  # noqa: PLC0415

    if sum((date is not None, since is not None, missing)) != 1 or (until and not since):
        raise typer.BadParameter("say which days: --date D, --since D [--until D], or --missing")
    if (first := date or since) and first.date() > datetime.now(UTC).date():
        raise typer.BadParameter(f"{_day(first)} is not yet: days are those of UTC")
    if since and until and until < since:
        raise typer.BadParameter(f"{_day(until)} is before {_day(since)}", param_hint="--until")
    arguments = {"date": _day(date), "since": _day(since), "until": _day(until), "missing": missing, "html": html}
    _finish(context, crawling.crawl_only(_settings(context), "hf_daily", quiet=context.obj.quiet, **arguments))


@crawl_app.command("arxiv-rss")
def crawl_arxiv_rss(
    context: typer.Context,
    categories: Annotated[list[str], typer.Argument(metavar="CATEGORY", help="Categories of arXiv: cs.CL cs.LG.")],
) -> None:
    """Store what arXiv announced today.

    One request for all categories, once a day; new papers and cross-lists are told apart from replacements.
    """
    from crawler.spiders.arxiv_rss import CATEGORY  # noqa: PLC0415
    from paperharvest import crawling  # noqa: PLC0415

    if strange := [one for one in categories if not CATEGORY.fullmatch(one)]:
        raise typer.BadParameter(f"{strange[0]!r} is no category of arXiv, such as cs.CL", param_hint="CATEGORY")
    settings, quiet = _settings(context), context.obj.quiet
    _finish(context, crawling.crawl_only(settings, "arxiv_rss", quiet=quiet, categories=categories))


@crawl_app.command("dump")
def crawl_dump(
    context: typer.Context,
    paths: Paths,
    layout: Annotated[
        str,
        typer.Option(metavar="LAYOUT", help="How it is written: arxiv-snapshot, jsonl, pwc-abstracts or pwc-links."),
    ],
    every: Annotated[
        bool, typer.Option("--all", help="Import papers that are not stored, too; jsonl always does.")
    ] = False,
) -> None:
    """Store what dumps tell of papers.

    Plain, gzip or zstd, streamed. Snapshots and archives tell of stored papers only, unless --all is given.
    """
    from crawler import dumps  # noqa: PLC0415
    from paperharvest import crawling  # noqa: PLC0415

    if layout not in dumps.names():
        raise typer.BadParameter(f"{layout!r} is none of {', '.join(dumps.names())}", param_hint="--layout")
    settings, quiet = _settings(context), context.obj.quiet
    _finish(context, crawling.crawl_only(settings, "dump", quiet=quiet, path=paths, layout=layout, all=every))


@index_app.command("build")
def index_build(context: typer.Context, paths: Paths) -> None:
    """Make the index from dumps with ids and titles.

    arXiv snapshots, JSON lines, our own export: plain, gzip or zstd. It takes the place of the one before.
    """
    from paperharvest import indexing  # noqa: PLC0415

    _finish(context, indexing.build(_settings(context), paths, quiet=context.obj.quiet))


@index_app.command("update")
def index_update(context: typer.Context) -> None:
    """Add the papers of the database to the index."""
    from paperharvest import indexing  # noqa: PLC0415

    _finish(context, indexing.update(_settings(context), quiet=context.obj.quiet))


@app.command()
def resolve(
    context: typer.Context,
    dry_run: DryRun = False,
    review: Annotated[bool, typer.Option("--review", help="Decide the titles that are open, one by one.")] = False,
    by_hand: Annotated[
        tuple[str, str] | None,
        typer.Option("--set", metavar="PAPER ARXIV_ID", help="Decide that a title is this paper."),
    ] = None,
    unset: Annotated[str | None, typer.Option(metavar="PAPER", help="Take a decision back.")] = None,
) -> None:
    """Find the arXiv papers behind titles.

    A candidate is accepted on evidence; else the title is stated to be ambiguous, or not found. What a person decides
    stands, and asks nobody; PAPER is what `show` understands.
    """
    from paperharvest import reviewing  # noqa: PLC0415
    from storage.arxiv_ids import parse_id  # noqa: PLC0415

    if sum((dry_run, review, by_hand is not None, unset is not None)) > 1:
        raise typer.BadParameter("one at a time: --dry-run, --review, --set or --unset")
    told = None
    if by_hand is not None:
        title, written = by_hand
        if (identified := parse_id(written.strip())) is None:
            raise typer.BadParameter(f"{written!r} is no arXiv id, such as 2503.00010", param_hint="--set")
        told = reviewing.decide(_settings(context), title, identified[0])
    elif unset is not None:
        told = reviewing.take_back(_settings(context), unset)
    elif review:
        told = reviewing.review(_settings(context))
    if told is not None:
        if not context.obj.quiet:
            said.info(told)
        return
    from paperharvest import commands, views  # noqa: PLC0415

    if dry_run:
        _say(views.plan(commands.plan_titles(_settings(context))))
        return
    _finish(context, commands.find_titles(_settings(context), quiet=context.obj.quiet))


@app.command()
def enrich(
    context: typer.Context,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="arxiv, citations or repos; all by default.")
    ] = None,
    where: Where = "{}",
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Ask each provider for so many at most, the most wanted first."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Ask for what is not due, too.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Ask providers for the facts that are due.

    What is not known yet, what failed, and what may have changed: of young papers often, of old ones seldom.
    """
    from enrich.run import KINDS, Wanted  # noqa: PLC0415
    from paperharvest import commands, views  # noqa: PLC0415

    if strange := [one for one in kind or () if one not in KINDS]:
        raise typer.BadParameter(f"{strange[0]!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    settings = _settings(context)
    wanted = Wanted(settings.refresh, kind or KINDS, _filter(where), limit, force)
    if dry_run:
        _say(views.errands(commands.plan_facts(settings, wanted)))
        return
    _finish(context, commands.enrich(settings, wanted, quiet=context.obj.quiet))


@app.command()
def export(
    context: typer.Context,
    output: Output = None,
    where: Where = "{}",
) -> None:
    """Write papers as JSON lines, sorted by id.

    To FILE, which appears whole or not at all, or to stdout.
    """
    from paperharvest import looking  # noqa: PLC0415

    query = _filter(where)
    _finish(context, looking.write_lines(_settings(context), output, query, quiet=context.obj.quiet))


@app.command()
def show(
    context: typer.Context,
    paper: Annotated[str, typer.Argument(metavar="ID", help="An arXiv id or address, a DOI, a title, or our id.")],
    as_json: AsJson = False,
) -> None:
    """Show everything known of a paper.

    Each value with its source and age; several papers that the title may mean are listed.
    """
    from paperharvest import looking, views  # noqa: PLC0415
    from storage.export import line_of, paper_of  # noqa: PLC0415

    found, seen = looking.find(_settings(context), paper)
    if as_json:
        _say(line_of(paper_of(one)).decode().rstrip() for one in found)
    elif len(found) == 1:
        _say(views.paper(found[0], seen))
    else:
        _say(f"{one['_id']}  {printable(one['title'])}" for one in found)


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what is there, and what to do next.

    Papers, coverage by kind and provider, days, what was refused, budgets and waits.
    """
    import orjson  # noqa: PLC0415

    from paperharvest import looking, views  # noqa: PLC0415

    figures = looking.overview(_settings(context))
    if as_json:
        _say([orjson.dumps(figures, option=orjson.OPT_UTC_Z).decode()])
    else:
        _say(views.status(figures))


@app.command()
def schema() -> None:
    """Print the JSON Schema of an exported line."""
    from storage.export import schema as schema_of_a_line  # noqa: PLC0415

    _say([json.dumps(schema_of_a_line(), indent=2)])


@app.command()
def doctor(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the providers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check all that a run needs.

    Python, configuration, keys, folders, database and providers: good, a note, or bad with the remedy (exit 3).
    """
    from paperharvest import doctor as examination  # noqa: PLC0415

    found = []
    for one in examination.examine(partial(_settings, context), offline=offline):
        found.append(one)
        if not as_json:
            _say([f"{one.state:<5} {one.subject + ':':<17} {printable(one.text)}"])
    if as_json:
        _say([json.dumps([one._asdict() for one in found])])
    raise typer.Exit(Exit.INCOMPLETE if any(one.state == "bad" for one in found) else Exit.DONE)


@app.command()
def db(context: typer.Context) -> None:
    """Keep the database open, its address printed.

    For mongosh, Compass and programs of yours, until Ctrl-C.
    """
    from paperharvest import looking  # noqa: PLC0415

    looking.hold(_settings(context), typer.echo)


def _day(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None


def _filter(where: str) -> Document:
    from storage.export import parse_where  # noqa: PLC0415

    try:
        return parse_where(where)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--where") from None


def _settings(context: typer.Context) -> Settings:
    from paperharvest import config  # noqa: PLC0415

    options: Options = context.obj
    logs.configure(options.level)
    form = config.given(options.config).get(("log",))
    logs.configure(options.level, "json" if form and form.value == "json" else "text")
    return config.load(options.config)


def _say(lines: Iterable[str]) -> None:
    try:
        for line in lines:
            typer.echo(line)
    except BrokenPipeError:
        raise ReaderGone from None


def _finish(context: typer.Context, summary: Summary) -> None:
    if not context.obj.quiet or summary.exit_status is not Exit.DONE:
        for line in summary.lines():
            said.info(line)
    raise typer.Exit(summary.exit_status)


def main() -> None:
    """Run the command line; every error is one sentence that says what to do."""
    _on_signals(signal.default_int_handler)  # as Ctrl-C: whoever leaves last stops the database
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal need not know all letters
    arguments = _flags_first(sys.argv[1:])
    try:
        app(arguments)
    except (KeyboardInterrupt, SystemExit) as ended:
        _on_signals(signal.SIG_IGN)  # it is over
        if isinstance(ended, SystemExit) and ended.code != INTERRUPTED:
            raise
        said.error("paperharvest: interrupted; what was stored stays: the same command goes on from there")
        sys.exit(INTERRUPTED)
    except ReaderGone:  # `paperharvest export | head`: who reads has enough
        _forget_output()
        sys.exit(Exit.DONE)
    except Exception as error:
        _forget_output()
        if "--debug" in arguments:
            raise
        said.error("paperharvest: %s", _sentence(error))
        sys.exit(Exit.ERROR)


def _forget_output() -> None:
    """What could not be written is not tried again when Python ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Set what an interrupt, a termination and a closed terminal do; what `nohup` ignores stays ignored."""
    for number in (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")):  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _flags_first(arguments: list[str]) -> list[str]:
    """The line with `-q`, `-v` and `--debug` before the command: people write them after it as well."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = [one for one in arguments[:end] if one in FLAGS]
    return flags + [one for one in arguments[:end] if one not in FLAGS] + arguments[end:]


def _sentence(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, StorageError | ConfigError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'the output'} cannot be used ({error.strerror}): free space, or check its rights"
    return f"an error of its own ({type(error).__name__}): run it again with --debug, and report it"
