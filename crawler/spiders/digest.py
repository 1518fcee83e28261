"""Pages that somebody saved or copied: files, folders, or stdin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crawler import files, visiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.http import Response

    from crawler.items import Digest, Refused


class DigestSpider(visiting.Reader):
    """`scrapy crawl digest -a path=… [-a page_year=2025]`: the layout of each file is recognised by its content."""

    name = "digest"

    def __init__(self, path: str | list[str] | None = None, page_year: str | int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not path:
            raise ValueError("name a file, a folder or '-': scrapy crawl digest -a path=page.txt")
        self.paths = [path] if isinstance(path, str) else path
        self.page_year = int(page_year) if page_year else None

    def parse(self, _response: Response, **_kwargs: Any) -> Iterator[Digest | Refused]:
        """Every file, read or refused, until somebody interrupts or the store fails."""
        given, stats = set(self.paths), self.crawler.stats
        names, dotted = files.named(self.paths)
        stats.set_value("harvest/dotted", dotted)
        stats.set_value("harvest/total", len(names))
        for done, name in enumerate(names, 1):
            stats.set_value("harvest/done", done)
            # Scrapy would take all that comes before it closes a spider.
            if visiting.ending(self.crawler):
                return
            yield files.read(name, waits=name in given, page_year=self.page_year)
