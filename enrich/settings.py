"""What a user may set of a provider; None leaves the provider module's own constant."""

from __future__ import annotations

from typing import Any

from pydantic import Field, HttpUrl, SecretStr

from storage.documents import Record


class ProviderSettings(Record):
    """The table `[providers.<name>]`."""

    base_url: HttpUrl | None = None
    """Scheme, host, port and optionally a path, to which the provider's own paths are appended."""
    api_key: SecretStr | None = None
    interval: float | None = Field(None, ge=0)
    """Seconds between the starts of two requests."""
    batch: int | None = Field(None, ge=1)
    """Questions a request; the provider's own limit stands above it."""
    timeout: float | None = Field(None, gt=0)
    """Seconds for a whole answer."""
    backoff: float | None = Field(None, gt=0)
    """Seconds of the first wait where the provider names none."""
    enabled: bool | None = None
    """Whether enrichment asks it; spiders go by what they are told to crawl."""

    def revealed(self) -> dict[str, Any]:
        """The settings as plain values, the key among them."""
        return self.model_dump(mode="json") | {"api_key": self.api_key and self.api_key.get_secret_value()}
