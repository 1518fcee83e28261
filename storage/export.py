"""Papers as JSON lines: the same store gives the same bytes."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import orjson
from bson import json_util
from pydantic import ValidationError

from storage.documents import Paper
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from storage.connect import Database, Document

LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
CODE = ("$where", "$function", "$accumulator")


def paper_of(document: Document) -> Paper:
    """A stored document as a paper, without what is internal."""
    shown = {key: value for key, value in document.items() if key not in ("_id", "_work")}
    return Paper.model_validate({"id": document["_id"], **shown})


def line_of(paper: Paper) -> bytes:
    """The exported line: keys in the order of the schema, times in UTC."""
    return orjson.dumps(paper.model_dump(), option=LINE)


def parse_where(text: str) -> Document:
    """A filter from the command line, in MongoDB's extended JSON. Raises ValueError; never runs code."""
    where = json_util.loads(text, json_options=json_util.RELAXED_JSON_OPTIONS)
    if not isinstance(where, dict):
        raise ValueError(  # noqa: TRY004 - for the caller it is one error, whatever is wrong with the text
            'a filter is a JSON object, such as {"citations.openalex.count": {"$gte": 100}}'
        )
    if banned := sorted(set(_keys(where)) & set(CODE)):
        raise ValueError(f"{banned[0]} would run code: use plain query operators")
    return where


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


async def lines(database: Database, where: Document) -> AsyncIterator[bytes]:
    """The papers that a filter selects as JSON lines, sorted by id. Raises StorageError for another shape."""
    async for document in database["papers"].find(where).sort("_id", 1):
        try:
            yield line_of(paper_of(document))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise StorageError(
                f"paper {document['_id']} was written by another version or by hand ({place}: {first['msg']}):"
                " upgrade paperharvest, or mend the document"
            ) from None


@contextmanager
def target(path: Path | None) -> Iterator[IO[bytes]]:
    """The file to write, or stdout: a file appears whole or not at all. Raises StorageError."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror}): choose another file for -o") from None
    finally:
        unfinished.unlink(missing_ok=True)
