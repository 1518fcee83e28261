"""The spider `digest`, and Scrapy's own command line: the same as ours, as far as Scrapy can."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from scrapy.http import TextResponse
from scrapy.utils.test import get_crawler

from crawler.items import Digest, Refused
from crawler.spiders.digest import DigestSpider
from tests.lab import EXAMPLES, PATIENCE, ROOT, Lab, without_times

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLLECTIONS = ("papers", "digests", "deferred")
MOMENTS = {"_id": 0, "first_seen_at": 0, "seen_at": 0, "at": 0, "_work.rev": 0}


def scrapy(lab: Lab, *arguments: str) -> subprocess.Popen[str]:
    """Start `scrapy` in the project's root."""
    return subprocess.Popen(  # noqa: S603 - a fixed program
        [sys.executable, "-m", "scrapy", *arguments],
        env=lab.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def client(mongo_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A plain client of the run's mongod."""
    with MongoClient[dict[str, Any]](mongo_uri) as connection:
        yield connection


def test_the_spider_reads_what_it_was_named(tmp_path: Path) -> None:
    """A path as Scrapy's command line gives it, or several; a pipe that a folder holds is not waited for."""
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / ".hidden.txt").write_text("")
    os.mkfifo(tmp_path / "pipe.txt")
    cases = ((str(tmp_path), [Refused] * 2), ([str(tmp_path), str(EXAMPLES)], [Refused, Refused, Digest, Digest]))
    for path, kinds in cases:
        crawler = get_crawler(DigestSpider)
        crawler.crawling = True
        items = list(DigestSpider.from_crawler(crawler, path=path).parse(TextResponse("data:,")))
        assert [type(one) for one in items] == kinds
        assert crawler.stats
        assert crawler.stats.get_value("harvest/dotted") == 1


async def test_the_spider_asks_for_no_page() -> None:
    """Files are read by a callback, which has back-pressure."""
    assert [request.url async for request in DigestSpider(path="x").start()] == ["data:,"]


def test_the_spider_wants_a_path() -> None:
    """The error shows how to name one."""
    with pytest.raises(ValueError, match="scrapy crawl digest -a path="):
        DigestSpider()


def test_scrapy_stores_what_the_binary_stores(
    tmp_path: Path, mongo_uri: str, client: MongoClient[dict[str, Any]]
) -> None:
    """Good files beside a bad one: the same papers, digests and refusals; `scrapy list` knows all spiders."""
    folder = tmp_path / "pages"
    shutil.copytree(EXAMPLES, folder)
    (folder / "bad.txt").write_text("Dear diary")
    ends, settings = [], {"PAPERHARVEST_MONGO_URI": mongo_uri}
    labs = [Lab(tmp_path, settings | {"PAPERHARVEST_DATABASE": f"test_{uuid4().hex}"}) for _ in range(2)]
    with (
        labs[0].start("crawl", "digest", folder) as ours,
        scrapy(labs[1], "crawl", "digest", "-a", f"path={folder}") as theirs,
        scrapy(labs[1], "list") as listing,
    ):
        ours.communicate(timeout=PATIENCE)
        said = theirs.communicate(timeout=PATIENCE)[1]
        assert (ours.returncode, theirs.returncode) == (3, 0)
        assert listing.communicate(timeout=PATIENCE)[0].split() == ["arxiv_rss", "digest", "dump", "hf_daily"]
    assert "'item_scraped_count': 2" in said
    for lab in labs:
        name = lab.settings["PAPERHARVEST_DATABASE"]
        ends.append({one: [*client[name][one].find({}, MOMENTS).sort("_id", 1)] for one in COLLECTIONS})
        client.drop_database(name)
    assert without_times(ends[0]) == without_times(ends[1])
    assert [len(ends[0][one]) for one in COLLECTIONS] == [12, 2, 1]


def test_scrapy_does_not_pretend_where_the_database_is_dead(tmp_path: Path) -> None:
    """Checked before the first page is read: exit 1, the reason, and no password."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    lab = Lab(tmp_path, {"PAPERHARVEST_MONGO_URI": f"mongodb://me:hunter2@127.0.0.1:{port}/"})
    with scrapy(lab, "crawl", "digest", "-a", f"path={EXAMPLES}") as process:
        output = "".join(process.communicate(timeout=PATIENCE))
    assert process.returncode == 1
    assert f"MongoDB at 127.0.0.1:{port} cannot be reached" in output
    assert "item_scraped_count" not in output
    assert "hunter2" not in output
