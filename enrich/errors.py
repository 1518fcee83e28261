"""Errors named by what happens next.

EnrichError
├── TryLater        asked again in this run; tries used up, or the wait too long: left for the next run
│   ├── Unreachable     tries cost the provider nothing; used up: it is off for this run
│   └── TrySmaller      tries used up: the batch is halved, the one fails
├── PutOff          for want of a key or a budget: asked again where it is soon renewed, else a note and no failure
├── Refused         the provider does not let us in: it is off for this run
│   └── Doubtful        seen without cause: asked once more before that
├── BadBatch        one question is at fault: the batch is halved, the one fails
└── NotUnderstood   an answer of another shape: asked once more, then treated like BadBatch
"""

from __future__ import annotations


class EnrichError(Exception):
    """A provider gave no usable answer; the text is a sentence, without addresses or keys."""

    after: float | None = None
    """Seconds until asking makes sense again, where somebody named them."""

    @property
    def reason(self) -> str:
        """Why, for a fact and for the summary."""
        return str(self)


class TryLater(EnrichError):
    """Asking again will help."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Unreachable(TryLater):
    """No connection at all: nobody was asked, so another try costs the provider nothing."""


class TrySmaller(TryLater):
    """The server failed over it: perhaps for a while, perhaps over one question."""


class PutOff(EnrichError):
    """A key or a budget is wanting; a budget begins anew at a known time."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Refused(EnrichError):
    """The key was refused or we are shut out: asking again cannot help."""


class Doubtful(Refused):
    """Shut out, as it happens to those who are not."""


class BadBatch(EnrichError):
    """The provider rejects this request: a smaller one may pass."""


class NotUnderstood(EnrichError):
    """The answer has another shape than documented, or tells of something that was not asked."""

    answer: str | None = None
    """What was answered: its first 4 KiB, without our key."""
