"""Whether a paper was withdrawn: arXiv's metadata have no field for it, only people's words."""

from __future__ import annotations

import re

# Lines may be wrapped: a run of white space counts as one blank.
_COMMENT = re.compile(r"\b(?:has\s+been|is|was|been)\s+withdrawn\b|^\W*withdrawn\b", re.IGNORECASE)
_ABSTRACT = re.compile(
    r"^\W*(?:(?:this|the|our)\s+)?(?:paper|article|manuscript|submission|preprint|work)\b"
    r"(?:\s++|\S){0,40}\bwithdrawn\b",
    re.IGNORECASE,
)


def is_withdrawn(comment: str | None, abstract: str | None) -> bool:
    """Whether the authors' comment or the abstract says so."""
    told = comment and "withdrawn" in comment.lower() and _COMMENT.search(comment)  # of millions, few hold the word
    return bool(told or _ABSTRACT.match(abstract or ""))
