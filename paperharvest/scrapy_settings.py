"""The settings that `scrapy crawl` uses: the project's constants and the user's configuration."""

from __future__ import annotations

from crawler.settings import *  # noqa: F403 - Scrapy reads the names of this module
from paperharvest import config

_configured = config.load()
MONGO_URI = _configured.mongo_uri and _configured.mongo_uri.get_secret_value()
MONGO_DATABASE = _configured.database
DATA_DIR = str(_configured.data_dir)
USER_AGENT = _configured.user_agent
