"""Spiders against the stand-in, in the process of the test: a crawl costs some 50 ms, the binary two seconds."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
from scrapy import signals
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.settings import Settings

from storage import days, export
from tests import standin

if TYPE_CHECKING:
    from pathlib import Path

    from storage.connect import Database, Document
    from storage.days import Day

ROW = next(iter(standin.load(standin.SMALL).rows.values()))
YESTERDAY = dt.timedelta(days=1, minutes=1)


def entries(count: int, day: str, **paper: object) -> list[dict[str, Any]]:
    """So many entries of a day's list, made of one row; `paper` are inner fields that are to be others."""
    rows = [replace(ROW, id=f"2602.{nth:05}", title=f"{ROW.title} {nth}") for nth in range(1, count + 1)]
    return [standin.entry(row, day, **paper) for row in rows]


@dataclass
class Place:
    """A database, a data folder and a server: what a crawl is between."""

    uri: str
    database: Database
    folder: Path
    server: standin.Server | None = None
    url: str = ""

    async def crawl(
        self, spider: str, *, interval: float = 0.0, key: str | None = None, within: float = 30, **arguments: Any
    ) -> Document:
        """Run a spider to its end; what it told of itself, and how many requests it made. Raises its errors."""
        base = self.server.url if self.server else self.url
        given = {"interval": interval, "backoff": 0.01, "timeout": within, "api_key": key}
        providers = {name: given | {"base_url": f"{base}/{name}"} for name in ("arxiv", "huggingface")}
        settings = Settings()
        settings.setmodule("crawler.settings")
        settings.update(
            {
                "TWISTED_REACTOR_ENABLED": False,
                "MONGO_URI": self.uri,
                "MONGO_DATABASE": self.database.name,
                "DATA_DIR": str(self.folder),
                "RAW_LIMIT": 2**30,
                "PROVIDERS": providers,
            }
        )
        runner = AsyncCrawlerRunner(settings)
        crawler = runner.create_crawler(spider)
        errors: list[BaseException] = []
        for event in (signals.item_error, signals.spider_error):
            crawler.signals.connect(lambda failure: errors.append(failure.value), event, weak=False)
        await runner.crawl(crawler, **arguments)
        for error in errors:
            raise error
        assert crawler.stats
        stats = crawler.stats.get_stats()
        told = {key.removeprefix("harvest/"): value for key, value in stats.items() if key.startswith("harvest/")}
        return {"left": [], "warnings": [], "requests": stats["downloader/request_count"] - 1, **told}

    def asked(self) -> list[str]:
        """The days or categories that the server was asked for, since this was asked last."""
        assert self.server
        log = [" ".join(one.asked) for one in self.server.log]
        self.server.log.clear()
        return log

    async def days(self, source: str = "hf-daily") -> dict[str, Day]:
        """What became of each day."""
        return {day.isoformat(): state for day, state in (await days.known(self.database, source)).items()}

    async def all(self, collection: str) -> list[Document]:
        """All documents, in order."""
        return [one async for one in self.database[collection].find().sort("_id", 1)]

    async def exported(self) -> list[Document]:
        """The exported lines."""
        return [orjson.loads(line) async for line in export.lines(self.database, {})]

    async def upvotes(self) -> list[tuple[int, str, str]]:
        """All spans of upvotes that were seen."""
        found = self.database["observations"].find({"metric": "upvotes"}).sort([("paper", 1), ("first_day", 1)])
        return [(one["value"], one["first_day"], one["last_day"]) async for one in found]

    async def as_of_yesterday(self) -> None:
        """Whatever was crawled so far was crawled a day earlier."""
        for day in await self.all("days"):
            moved = {key: day[key] - YESTERDAY for key in ("asked_at", "listed_at", "empty_since") if day[key]}
            await self.database["days"].update_one({"_id": day["_id"]}, {"$set": moved})
        for one in await self.all("observations"):
            await self.database["observations"].delete_one({"_id": one["_id"]})
            first, last = (str(dt.date.fromisoformat(one[key]) - dt.timedelta(1)) for key in ("first_day", "last_day"))
            await self.database["observations"].insert_one(
                {**one, "_id": f"{one['series']} {first}", "first_day": first, "last_day": last}
            )

    async def beside(self) -> Place:
        """Another database of the same server, empty."""
        other = self.database.client[f"{self.database.name}_beside"]
        await other.client.drop_database(other.name)
        return replace(self, database=other, folder=self.folder / "beside")
