"""The settings that `scrapy crawl` uses: the project's constants and the user's configuration."""

from __future__ import annotations

from crawler.settings import *  # noqa: F403 - Scrapy reads the names of this module
from paperharvest import config

globals().update(config.load().for_scrapy())
