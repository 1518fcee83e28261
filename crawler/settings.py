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
# In order: what is stored of a dump is its beginning, what became of a day follows its papers, and of two copies of a
# day the last one read stands. Digests list the same papers, too: of writes to one document at once most fail.
CONCURRENT_ITEMS = 1
