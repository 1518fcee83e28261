"""Scrapy's settings: constants. What the user configures is joined to them in `paperharvest.scrapy_settings`."""

BOT_NAME = "paperharvest"
SPIDER_MODULES = ["crawler.spiders"]
NEWSPIDER_MODULE = "crawler.spiders"
ITEM_PIPELINES = {"crawler.pipelines.StorePipeline": 300}

ROBOTSTXT_OBEY = True
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
DEFAULT_DROPITEM_LOG_LEVEL = "INFO"  # what is refused stands in the summary
LOG_LEVEL = "INFO"  # DEBUG prints every item: more than the pages themselves
# Digests list the same papers: of a hundred writes to one document at once most fail and try again.
CONCURRENT_ITEMS = 4
