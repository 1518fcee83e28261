"""Dumps: files of many records. They are read by `crawl dump`, and by `crawl digest` only recognised."""

from __future__ import annotations

import json

from storage import raw

BEGINNING = 2**20
"""So many bytes hold the first record of any dump; of a file that is too large to keep, their hash is kept."""
ARRAYS = (
    ({"paper_url", "repo_url"}, "pwc-links"),
    ({"paper_url", "abstract"}, "pwc-abstracts"),
)
LINES = (
    ({"id", "authors_parsed"}, "arxiv-snapshot"),
    ({"id", "versions"}, "arxiv-snapshot"),
    ({"id", "schema_version"}, "jsonl"),
    ({"id", "title"}, "jsonl"),
    ({"arxiv_id", "title"}, "jsonl"),
)


def layout_of(content: bytes) -> str | None:
    """The `--layout` that reads a dump with such a first record, plain, gzip or zstd; None for what is no dump.

    content: the file, or its beginning.
    """
    text = raw.beginning(content, BEGINNING).decode("utf-8-sig", errors="ignore").lstrip()
    layouts, text = (ARRAYS, text[1:].lstrip()) if text.startswith("[") else (LINES, text)
    if not text.startswith("{"):
        return None
    try:
        record, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if layouts is LINES and "\n" in text[:end]:
        return None  # one object over several lines: an API's answer
    return next((layout for keys, layout in layouts if keys <= record.keys()), None)
