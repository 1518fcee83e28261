"""Dumps are recognised by their first record, whatever they are packed with."""

from __future__ import annotations

import gzip
import json
import random
import sys
from typing import Any

import pytest

from crawler import dumps

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SNAPSHOT = {
    "id": "2503.00001",
    "submitter": "A. Author",
    "authors": "A. Author",
    "title": "How Ice\n  Grows",
    "abstract": "  Cold water moves.\n",
    "versions": [{"version": "v1", "created": "Sat, 1 Mar 2025 20:31:27 GMT"}],
    "update_date": "2025-03-02",
    "authors_parsed": [["Author", "A.", ""]],
}
LINK = {"paper_url": "https://paperswithcode.com/paper/x", "paper_title": "X", "repo_url": "https://github.com/a/b"}
ABSTRACT = {"paper_url": "https://paperswithcode.com/paper/x", "arxiv_id": "2503.00001", "title": "X", "abstract": "Y"}
EXPORTED = {"schema_version": 1, "id": "arxiv:2503.00001", "title": "How Ice Grows"}
MERGED = {"schema_version": 1, "id": "title:0123", "merged_into": "arxiv:2503.00001"}


def lines(record: dict[str, Any]) -> bytes:
    """A few equal records as JSON lines."""
    return b"".join(json.dumps(record).encode() + b"\n" for _ in range(3))


def array(record: dict[str, Any], indent: int | None = None) -> bytes:
    """A few equal records as a JSON array."""
    return json.dumps([record] * 3, indent=indent).encode()


def shown(value: object) -> str:
    """The beginning of a text, as a test's name: some are a million characters long."""
    return repr(value)[:40]


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        (lines(SNAPSHOT), "arxiv-snapshot"),
        (lines({"id": "hep-th/9901001", "versions": []}), "arxiv-snapshot"),
        (lines({"id": "0704.0001", "authors_parsed": []}), "arxiv-snapshot"),
        (array(LINK), "pwc-links"),
        (array(LINK, indent=2), "pwc-links"),
        (array(ABSTRACT), "pwc-abstracts"),
        (b"\xef\xbb\xbf \r\n[\r\n" + json.dumps(ABSTRACT).encode() + b",\r\n{", "pwc-abstracts"),
        (lines({"id": "2503.00001", "title": "How Ice Grows"}), "jsonl"),
        (lines({"arxiv_id": "2503.00001", "title": "How Ice Grows"})[:-1], "jsonl"),
        (lines(EXPORTED), "jsonl"),
        (lines(MERGED), "jsonl"),
        (lines({"id": "2503.00001", "title": "How Ice Grows", "publishedAt": "2025-03-01T00:00:00Z"}), "jsonl"),
        (lines({"paper_id": "2503.00001", "title": "How Ice Grows"}), "jsonl"),
        (lines({"arxivId": "2503.00001", "title": "How Ice Grows"}), "jsonl"),
        (b'{"id": "2503.00001", "title": "How Ice Grows", "publishedAt": "2025-03-01T00:00:00Z"}\n', None),
        (lines({"id": "2503.00001", "title": "How Ice Grows"})[:50], "jsonl"),
        (b'{"dailyPapers": [], "dateString": "2025-03-01", "title": "x"}', None),
        (lines({"paper": {"id": "2503.00001"}, "title": "How Ice Grows", "publishedAt": "2025-03-01"}), None),
        (b'{"error": "Not found"}', None),
        (b'{"error": {"id": 1, "title": "x"}}', None),
        (json.dumps(SNAPSHOT, indent=2).encode(), None),
        (array({"paper": {"id": "2503.00001"}, "title": "How Ice Grows"}), None),
        (b"[]", None),
        (b"[1, 2]", None),
        (b'"id"', None),
        (b'{"id": "2503.00001", "title": "How Ice', None),
        (b"{" * 10**6, None),
        (b"[" * 10**6, None),
        (b'[{"a":' * 10**6, None),
        (b"", None),
        (b"<!doctype html>", None),
        (random.Random(1).randbytes(1000), None),  # noqa: S311 - noise
        ("Über Eis".encode("latin-1"), None),
    ],
    ids=shown,
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_a_dump_is_told_by_its_first_record(content: bytes, layout: str | None, pack: Any) -> None:
    """Plain or packed, with a byte order mark or without; an API's answer or a page is none."""
    assert dumps.layout_of(pack(content)) == layout


@pytest.mark.parametrize(
    "content",
    [
        *(lines({key: 1}) for key in ("title", "versions", "authors_parsed", "schema_version", "id", "arxiv_id")),
        *(array({key: 1}) for key in ("repo_url", "abstract", "paper_url")),
    ],
    ids=shown,
)
def test_half_of_what_tells_a_dump_is_not_enough(content: bytes) -> None:
    """An API's report of an error has a title, too."""
    assert dumps.layout_of(content) is None


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_the_beginning_is_enough(pack: Any) -> None:
    """The first MiB of a file that has many, packed as badly as text can be; what is damaged is none."""
    noise = random.Random(1)  # noqa: S311 - nothing else packs as badly
    content = b"".join(lines({"arxiv_id": str(one), "title": noise.randbytes(500).hex()}) for one in range(2000))
    beginning = pack(content)[: dumps.BEGINNING]
    assert dumps.layout_of(beginning) == "jsonl"
    assert dumps.layout_of(beginning[:4] + bytes(100)) is None
