"""What a user may set: of each provider, and how often facts are asked for again."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field, HttpUrl, SecretStr, model_validator

from storage.documents import Record


class ProviderSettings(Record):
    """The table `[providers.<name>]`; None leaves the constant of the provider's module."""

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


def _listed(value: Any) -> Any:
    """As the environment has it: `1,7,30`."""
    return value.split(",") if isinstance(value, str) else value


Day: TypeAlias = Annotated[float, Field(gt=0, le=36_500)]
Days: TypeAlias = Annotated[tuple[Day, ...], BeforeValidator(_listed)]


class Refresh(Record):
    """The table `[refresh]`: days between two answers, for papers of each age; the last of a list is for all older."""

    ages: Days = (30, 365, 1095)
    """Days since a paper came out that part young papers from old ones."""
    known: Days = (1, 7, 30, 90)
    """For what a provider knows: young papers change often."""
    absent: Days = (2, 14, 60, 180)
    """For what it does not know, or does not show."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if not all(one < other for one, other in pairwise(self.ages)):
            raise ValueError("ages are days, each more than the one before")
        for days in (self.known, self.absent):
            if len(days) != len(self.ages) + 1 or min(days) < 1:
                raise ValueError("known and absent have one number more than ages, of days, 1 at least")
        return self
