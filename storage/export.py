"""Papers as JSON lines: the same store gives the same bytes."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import orjson
from bson import encode, json_util
from bson.errors import BSONError
from pydantic import ValidationError
from pymongo.errors import OperationFailure

from storage.documents import Paper
from storage.errors import ReaderGone, StorageError

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


def schema() -> Document:
    """The JSON Schema of an exported line."""
    described = Paper.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


def parse_where(text: str) -> Document:
    """A filter from the command line, in MongoDB's extended JSON. Raises ValueError; never runs code."""
    try:
        where = json_util.loads(text, json_options=json_util.RELAXED_JSON_OPTIONS)
        encode({"where": where})
    except (ArithmeticError, BSONError, LookupError, RecursionError, TypeError) as error:
        raise ValueError(f"not extended JSON: {error}") from None
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
    async for document in _found(database, where):
        try:
            yield line_of(paper_of(document))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise StorageError(
                f"paper {document['_id']} was written by another version or by hand ({place}: {first['msg']}):"
                " upgrade paperharvest, or mend the document"
            ) from None


async def count(database: Database, where: Document) -> int | None:
    """How many lines there will be; None where only reading them tells."""
    return None if where else await database["papers"].estimated_document_count()


async def _found(database: Database, where: Document) -> AsyncIterator[Document]:
    try:
        async for document in database["papers"].find(where).sort("_id", 1):
            yield document
    except OperationFailure as error:
        if not where:
            raise
        said = (error.details or {}).get("errmsg", error.code)
        raise StorageError(f"MongoDB does not take the filter ({said}): correct --where") from None


async def check_where(database: Database, where: Document) -> None:
    """Whether MongoDB takes a filter, asked before it is used. Raises StorageError."""
    async for _ in _found(database, where):
        return


def check(path: Path) -> None:
    """Whether a file can be written there, asked before hours of work. Raises StorageError."""
    folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 - Path's raise where rights are missing
    if os.path.isdir(path) or not os.access(folder, os.W_OK | os.X_OK):  # noqa: PTH112
        raise StorageError(f"{path} is a folder, or its folder cannot be written: choose another file for -o")


@contextmanager
def target(path: Path | None) -> Iterator[IO[bytes]]:
    """The file to write, or stdout: a file appears whole or not at all; a pipe or a device is written as it goes.

    Raises StorageError; ReaderGone where nobody reads stdout any more.
    """
    if path is None and sys.stdout is None:
        raise StorageError("stdout is closed: name a file with -o")
    try:
        if path is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        as_it_goes = path.exists() and not path.is_file()
        with path.open("wb") if as_it_goes else _whole(path.resolve()) as file:
            yield file
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        where = path or "stdout"
        raise StorageError(f"{where} cannot be written ({error.strerror}): choose another file for -o") from None


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    file = unfinished.open("wb")
    try:
        with file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
