"""Log lines: one each, with the run they belong to, as text or as JSON."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
from typing import Literal, TextIO

from paperharvest.texts import printable

RUN = os.urandom(16).hex()
"""This execution of a command: its id in the log and in the collection `runs`."""


SUMMARY = "paperharvest.summary"
"""The logger of what a command says in the end, its summary or its error: plain lines, unless the log is JSON."""
OURS = {"crawler", "enrich", "paperharvest", "storage"}


class _Text(logging.Formatter):
    """One line without anything that a terminal would obey; tracebacks only where they were asked for."""

    def __init__(self, line: str, *, tracebacks: bool = False) -> None:
        super().__init__(line)
        self.tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        record.message, record.asctime = record.getMessage(), self.formatTime(record)
        line = printable(self.formatMessage(record))
        if self.tracebacks and record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        return line


class _Json(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "run": RUN,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _Stderr(logging.StreamHandler[TextIO]):
    """What stderr is at that moment: progress bars stand in its place for a while."""

    def __init__(self, level: int, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setLevel(level)  # beside the loggers': Scrapy sets the root's
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def configure(level: int, form: Literal["text", "json"] = "text") -> None:
    """Write records of this level and above to stderr; of libraries only warnings, unless all details are wanted."""
    detailed = _Text(f"%(asctime)s %(levelname)s {RUN[:8]} %(name)s: %(message)s", tracebacks=level <= logging.DEBUG)
    shown = _Stderr(level, _Json() if form == "json" else detailed)
    shown.addFilter(lambda record: level <= logging.DEBUG or record.levelno > logging.INFO or _is_ours(record))
    logging.basicConfig(handlers=[shown], level=level, force=True)
    logging.getLogger("pymongo").setLevel(logging.WARNING)  # its details hold documents
    said = logging.getLogger(SUMMARY)
    said.handlers, said.propagate = [_Stderr(logging.INFO, _Json() if form == "json" else _Text("%(message)s"))], False
    said.setLevel(logging.INFO)


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in OURS
