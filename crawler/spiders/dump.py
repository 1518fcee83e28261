"""Dumps: files of up to millions of rows, streamed. A crawl that was killed goes on behind what it stored."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

from crawler import dumps, files, visiting
from crawler.dumps.parts import parts
from crawler.dumps.reading import digest_id, rows
from crawler.items import Refused, Rows
from crawler.layouts import LayoutChanged
from storage import connect, deferred, digests
from storage.documents import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from io import BufferedReader

    from scrapy.http import Response


GLANCE = 10_000  # rows that are passed over between two looks whether somebody interrupts


class DumpSpider(visiting.Reader):
    """`scrapy crawl dump -a path=… -a layout=arxiv-snapshot [-a all=1]`."""

    name = "dump"

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
        self.known_only = not (visiting.flag(all) or self.reader.EVERY)

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
                        if visiting.ending(self.crawler):  # a pipe may have ended because of that
                            return
                        stats.set_value("harvest/done", before + file.tell() >> 20)
                        yield item
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
        with connect.explained(database):
            begun = await digests.progress(database, digest, known_only=self.known_only)
        if begun[0]:
            self.tell("warnings", f"{files.shown(name)}: goes on after row {begun[0]}, where a crawl stopped")
        found = rows(file, self.reader.FORM)
        for position, _, _ in found if begun[0] else ():
            if position == begun[0]:
                break
            if position % GLANCE == 0:
                await asyncio.sleep(0)
                if visiting.ending(self.crawler):
                    return
        named = self._named(name).model_copy(update={"digest": digest})
        with closing(parts(found, self.reader, begun, named)) as read:
            for at, part in enumerate(read):
                if at == 0:  # by now it is known to be of this layout
                    with connect.explained(database):
                        await deferred.forget_dump(database, digest, named.path, begun[0])
                yield Rows(self.source, digest, named.name, part, known_only=self.known_only)

    def _named(self, name: str) -> Refusal:
        return Refusal(name=files.shown(name), path=files.absolute(name), reason="", detail="")
