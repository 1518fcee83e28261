"""Dumps: files of up to millions of rows, streamed. A crawl that was killed goes on behind what it stored."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import scrapy

from crawler import dumps, files, visiting
from crawler.dumps.parts import parts
from crawler.dumps.reading import digest_id
from crawler.items import Refused, Rows
from crawler.layouts import LayoutChanged
from storage import deferred, digests
from storage.documents import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from io import BufferedReader

    from scrapy.http import Response


class DumpSpider(scrapy.Spider):
    """`scrapy crawl dump -a path=… -a layout=arxiv-snapshot [-a all=1]`."""

    name = "dump"
    custom_settings = {"CONCURRENT_ITEMS": 1}  # noqa: RUF012 - Scrapy's; what is stored is a beginning of the file

    def __init__(
        self,
        path: str | list[str] | None = None,
        layout: str | None = None,
        all: str | None = None,  # noqa: A002 - as the command line calls it
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not path or layout not in dumps.names():
            raise ValueError(
                f"name a file and how it is written ({', '.join(dumps.names())}):"
                " scrapy crawl dump -a path=dump.jsonl.gz -a layout=jsonl"
            )
        self.paths = [path] if isinstance(path, str) else path
        self.layout, self.reader = layout, dumps.load(layout)
        self.source = layout.replace("-", "_")
        self.known_only = not (all or self.reader.EVERY)

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """One request to nowhere: a callback has back-pressure, `start` has none (Scrapy 2.19)."""
        yield scrapy.Request("data:,", self.parse)

    async def parse(self, _response: Response, **_kwargs: Any) -> AsyncIterator[Rows | Refused]:
        """The rows of every file, until somebody interrupts or the store fails."""
        stats = self.crawler.stats
        names, dotted = files.named(self.paths)
        stats.set_value("harvest/dotted", dotted)
        stats.set_value("harvest/unit", "MiB")
        stats.set_value("harvest/total", sum(map(files.size_of, names)) >> 20)
        before = 0
        for name in names:
            try:
                with files.opened(name, waits=name in self.paths) as opened, files.seekable(opened) as file:
                    async for item in self._rows(name, file):
                        stats.set_value("harvest/done", before + file.tell() >> 20)
                        yield item
                        if not self.crawler.crawling or stats.get_value("harvest/error"):
                            return
            except LayoutChanged as why:
                replay = None if name == files.STDIN else f"{files.command('dump', name)} --layout {self.layout}"
                told = self._named(name).model_copy(update={"replay": replay, **vars(why)})
                yield Refused(refusal=told, content=None)
            before += files.size_of(name)

    async def _rows(self, name: str, file: BufferedReader) -> AsyncIterator[Rows]:
        """A file from where its last crawl stopped. Raises LayoutChanged."""
        database = visiting.database(self.crawler)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        digest = digest_id(self.source, file.read(dumps.BEGINNING), size)
        file.seek(0)
        begun = await digests.progress(database, digest, known_only=self.known_only)
        if begun == (0, 0):
            await deferred.forget_rows(database, digest)
        named = self._named(name).model_copy(update={"digest": digest})
        with closing(parts(file, self.reader, begun, named)) as found:
            for part in found:
                yield Rows(self.source, digest, named.name, part, known_only=self.known_only)

    def _named(self, name: str) -> Refusal:
        return Refusal(name=files.shown(name), path=files.absolute(name), reason="", detail="")
