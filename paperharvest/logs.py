"""Log lines: one each, with the run they belong to, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal, TextIO
from uuid import uuid4

from paperharvest.texts import printable

RUN = uuid4().hex
"""This execution of a command: its id in the log and in the collection `runs`."""


class _Text(logging.Formatter):
    """One line without anything that a terminal would obey; tracebacks only where they were asked for."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {RUN[:8]} %(name)s: %(message)s")
        self.tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        record.message, record.asctime = record.getMessage(), self.formatTime(record)
        line = printable(self.formatMessage(record))
        if self.tracebacks and record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        return line


class _Json(logging.Formatter):
    """One object a line."""

    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record),
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

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def configure(level: int, form: Literal["text", "json"] = "text") -> None:
    """Write records of this level and above to stderr."""
    shown = _Stderr()
    shown.setLevel(level)  # beside the root's: Scrapy sets that one
    shown.setFormatter(_Json() if form == "json" else _Text(tracebacks=level <= logging.DEBUG))
    logging.basicConfig(handlers=[shown], level=level, force=True)
    logging.getLogger("pymongo").setLevel(logging.WARNING)  # its details hold documents
