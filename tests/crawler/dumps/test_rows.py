"""Rows of dumps: every name that a value may have, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from crawler import dumps
from crawler.dumps._row import LARGEST
from crawler.layouts import LayoutChanged
from storage.documents import Listing

if TYPE_CHECKING:
    from pathlib import Path

SNAPSHOT = {
    "id": "2503.00010",
    "title": "How Ice Grows",
    "comments": None,
    "journal-ref": None,
    "doi": None,
    "categories": "cs.LG",
    "abstract": "Cold water moves.",
    "versions": [{"version": "v1", "created": "Sat, 1 Mar 2025 20:31:27 GMT"}],
    "update_date": "2025-03-02",
    "authors_parsed": [["North", "Ada", ""]],
}
LINK = {"paper_title": "How Ice Grows", "repo_url": "https://github.com/a/b"}
OWN = {"schema_version": 1, "title": "Ice", "text_source": "arxiv", "ids": {"arxiv": "2503.00010"}}
TIMES = {"first_seen": "2025-03-02T00:00:00Z", "updated_at": "2025-03-02T00:00:00Z"}
EXPORTED = {**OWN, **TIMES, "id": "arxiv:2503.00010"}
MERGED = {"schema_version": 1, "id": "title:0123", "merged_into": "arxiv:2503.00010", "updated_at": TIMES["updated_at"]}


def read(layout: str, **fields: Any) -> Listing:
    """The listing of a row with these fields."""
    found = dumps.load(layout).read(json.dumps(fields).encode(), 7)
    assert isinstance(found, Listing)
    assert found.position == 7
    return found


def refusal(layout: str, row: dict[str, Any]) -> str:
    """Why a row is refused."""
    with pytest.raises(LayoutChanged) as refused:
        dumps.load(layout).read(json.dumps(row).encode(), 7)
    assert refused.value.reason == "record_shape"
    return refused.value.detail


@pytest.mark.parametrize(
    ("key", "value", "field", "said"),
    [
        ("arxiv_id", "2503.00010", "arxiv_id", "2503.00010"),
        ("arxivId", "2503.00010v2", "arxiv_id", "2503.00010"),
        ("paper_id", "arXiv:2503.00010", "arxiv_id", "2503.00010"),
        ("paper_arxiv_id", "math.GT/0309136", "arxiv_id", "math/0309136"),
        ("id", "2503.00010", "arxiv_id", "2503.00010"),
        ("id", "a-key-of-its-own", "arxiv_id", None),
        ("id", 17, "arxiv_id", None),
        ("url", "https://arxiv.org/abs/2503.00010", "arxiv_id", "2503.00010"),
        ("url", "https://example.org/2503.00010", "arxiv_id", None),
        ("pdf_link", "http://arxiv.org/pdf/2503.00010v1.pdf", "arxiv_id", "2503.00010"),
        ("external_url", "arxiv.org/abs/2503.00010", "arxiv_id", "2503.00010"),
        ("abstract", "Cold.", "abstract", "Cold."),
        ("summary", "Cold.", "abstract", "Cold."),
        ("abstract", " ", "abstract", None),
        ("authors", ["Ada", "Bo"], "authors", ("Ada", "Bo")),
        ("authors", [{"name": "Ada", "_id": 1}], "authors", ("Ada",)),
        ("authors", [], "authors", None),
        ("authors", "Ada, Bo", "authors", None),
        ("authors", "Ada, Bo", "who", "Ada, Bo"),
        ("submittedOnDailyAt", "2025-03-10T00:20:00.000Z", "listed_date", dt.date(2025, 3, 10)),
        ("submittedOnDailyAt", "2025-03-09T23:20:00-05:00", "listed_date", dt.date(2025, 3, 10)),
        ("date_seen", "2025-03-10", "listed_date", dt.date(2025, 3, 10)),
        ("date", "2025-03-10", "listed_date", None),
        ("upvotes", 0, "upvotes", 0),
        ("numComments", 2, "comments", 2),
        ("projectPage", "https://a.github.io", "project_page", "https://a.github.io"),
        ("ai_summary", "Ice.", "ai_summary", "Ice."),
        ("ai_keywords", ["ice"], "ai_keywords", ("ice",)),
    ],
)
def test_names_that_others_give(key: str, value: Any, field: str, said: Any) -> None:
    """Each accepted key of a foreign line leads to its field, and what is absent is not known."""
    listing = read("jsonl", title="How Ice Grows", **{key: value})
    assert getattr(listing, field) == said
    assert (listing.listed_date_basis == "explicit") == (listing.listed_date is not None)


@pytest.mark.parametrize("key", ["published", "publishedAt", "publication_date"])
@pytest.mark.parametrize(
    ("written", "date", "precision"),
    [
        ("2025-03-07", "2025-03-07", "day"),
        ("2025-03-07T23:59:59.000Z", "2025-03-07", "day"),
        ("2025-03-07 22:00:00-05:00", "2025-03-08", "day"),
        ("2025-03", "2025-03", "month"),
    ],
)
def test_dates_of_publication(key: str, written: str, date: str, precision: str) -> None:
    """A day or a month, in UTC where the zone is told."""
    published = read("jsonl", title="How Ice Grows", **{key: written}).published
    assert published
    assert (published.date, published.precision, published.basis) == (date, precision, "explicit")


@pytest.mark.parametrize("written", ["2025", "1999"])
def test_a_year_alone_is_no_date(written: str) -> None:
    """The row is good, and when the paper came out stays unknown."""
    assert read("jsonl", title="How Ice Grows", published=written).published is None


def test_code_has_the_stars_that_are_told_with_it() -> None:
    """Stars without a repository tell nothing; a repository without stars has none that are known."""
    [code] = read("jsonl", title="Ice", githubRepo="https://github.com/a/b", githubStars=0).code
    assert (code.url, code.stars, code.evidence) == ("https://github.com/a/b", 0, "page")
    assert read("jsonl", title="Ice", githubRepo="https://github.com/a/b").code[0].stars is None
    assert read("jsonl", title="Ice", githubStars=3).code == ()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"abstract": "Cold."}, "neither a title nor"),
        ({"title": " ", "id": "no id"}, "neither a title nor"),
        ({"title": "Ice", "arxiv_id": 2503.0213}, "arxiv_id: Input should be a valid string"),
        ({"title": "Ice", "id": 2503.0213}, "id: "),
        ({"title": "Ice", "arxiv_id": "2503.0213"}, "no arXiv id: '2503.0213'"),
        ({"title": "Ice", "paper_id": "x"}, "no arXiv id"),
        ({"title": "Ice", "url": "https://arxiv.org/abs/2503.0213"}, "no arXiv id"),
        ({"arxiv_id": "2503.00010", "url": "https://arxiv.org/abs/2503.00011"}, "several arXiv ids"),
        ({"title": "Ice", "upvotes": -1}, "upvotes"),
        ({"title": "Ice", "upvotes": True}, "upvotes"),
        ({"title": "Ice", "upvotes": "5"}, "upvotes"),
        ({"title": "Ice", "upvotes": 5.0}, "upvotes"),
        ({"title": "Ice", "githubStars": 2**63}, "githubStars"),
        ({"title": ["Ice"]}, "title"),
        ({"title": "Ice", "authors": [1]}, "authors"),
        ({"title": "Ice", "ai_keywords": "ice"}, "ai_keywords"),
        ({"title": "Ice", "published": "yesterday"}, "no ISO date: 'yesterday'"),
        ({"title": "Ice", "published": "20255"}, "no ISO date"),
        ({"title": "Ice", "published": 2025}, "published"),
        ({"title": "Ice", "date_seen": "2025-02-30"}, "no ISO date"),
        ({"title": "Ice", "date_seen": "0001-01-01T00:00:00+14:00"}, "no ISO date"),
        ({"title": "Ice", "paper": {"id": "2503.00010"}, "publishedAt": "2025-03-07T23:59:59Z"}, "crawl digest"),
        ({**EXPORTED, "schema_version": 2}, "upgrade paperharvest"),
        ({**EXPORTED, "schema_version": "1"}, "schema_version '1'"),
        ({**EXPORTED, "schema_version": True}, "schema_version 'True'"),
        ({**EXPORTED, "id": "arxiv:2503.0001"}, "no paper's id"),
        ({**EXPORTED, "id": "doi:10.1/x"}, "no paper's id"),
        ({**EXPORTED, "id": "title:"}, "no paper's id"),
        ({**EXPORTED, "id": "title:0123"}, "ids.arxiv"),
        ({**EXPORTED, "id": "arxiv:2503.00011"}, "ids.arxiv"),
        ({**EXPORTED, "new_field": 1}, "new_field"),
        ({**EXPORTED, "authors_count": "1"}, "authors_count"),
        ({**MERGED, "merged_into": "2503.00010"}, "no paper's id"),
        ({**MERGED, "id": 1}, "id: "),
    ],
    ids=str,
)
def test_lines_that_are_refused(row: dict[str, Any], told: str) -> None:
    """A line that leaves open which paper it means, or says what cannot be, is refused with its reason."""
    assert told in refusal("jsonl", row)


def test_a_word_in_a_text_makes_no_export() -> None:
    """A foreign line may speak of `schema_version`, or leave it empty."""
    assert read("jsonl", title="Ice", abstract='has "schema_version" in it', schema_version=None).title == "Ice"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": 2503.0001}, "id: "),
        ({"id": "2503.0001"}, "no arXiv id"),
        ({"title": " "}, "title"),
        ({"title": None}, "title"),
        ({"abstract": None}, "abstract"),
        ({"categories": ["cs.LG"]}, "categories"),
        ({"versions": []}, "versions"),
        ({"versions": [{"version": "1", "created": "Sat, 1 Mar 2025 20:31:27 GMT"}]}, "versions: 0: version"),
        ({"update_date": "2025-02-30"}, "update_date"),
        ({"update_date": 20250302}, "update_date"),
        ({"authors_parsed": [["North", "Ada"]]}, "authors_parsed"),
        ({"authors_parsed": "Ada North"}, "authors_parsed"),
        ({"comments": 12}, "comments"),
        *(
            ({"versions": [{"version": "v1", "created": created}]}, "no time")
            for created in [
                "",
                "2025-03-01T20:31:27Z",
                "Sun, 1 Mar 2025 20:31:27 GMT",
                "Sat, 1 Mar 2025 20:31:27 EST",
                "Sat, 1 Mar 2025 20:31:27",
                "Sat, 1 Mar 2025 25:31:27 GMT",
                "Sat, 1 Mar 2025 20:31+01 GMT",
                "Sat, 1 Mar 2025  20:31:27 GMT",
                "Sat, 31 Feb 2025 20:31:27 GMT",
                "Sat, 1 Mar 25 20:31:27 GMT",
                "sat, 1 mar 2025 20:31:27 GMT",
                "Sat, 1 Mar 2025 20:31:27 GMT ",
            ]
        ),
    ],
    ids=str,
)
def test_snapshot_rows_that_are_refused(change: dict[str, Any], told: str) -> None:
    """A field of the snapshot that is gone or of another shape refuses its row, never the value alone."""
    assert told in refusal("arxiv-snapshot", {**SNAPSHOT, **change})


@pytest.mark.parametrize("key", ["id", "title", "abstract", "categories", "versions", "update_date", "authors_parsed"])
def test_snapshot_rows_without_a_field(key: str) -> None:
    """What every row of the snapshot has must be there."""
    assert key in refusal("arxiv-snapshot", {name: value for name, value in SNAPSHOT.items() if name != key})


@pytest.mark.parametrize(
    ("comments", "abstract", "withdrawn"),
    [
        (None, "Cold.", False),
        ("This paper has\n  been withdrawn", "Cold.", True),
        ("Withdrawn.", "Cold.", True),
        ("On samples withdrawn from ice", "Cold.", False),
        (None, "  This paper has been\nwithdrawn.\n", True),
        (None, "  Our " + "manuscript" + " \n" * 200 + "is withdrawn", True),
        (None, "This paper studies how water that was frozen for many years is withdrawn", False),
    ],
)
def test_withdrawn_is_told_by_words(comments: str | None, abstract: str, withdrawn: bool) -> None:
    """The comment or the abstract's opening say it, however their lines are wrapped."""
    fact = read("arxiv-snapshot", **{**SNAPSHOT, "comments": comments, "abstract": abstract}).arxiv
    assert fact
    assert fact.withdrawn is withdrawn


@pytest.mark.corpus
def test_the_row_that_arxiv_users_quote(shared: Path) -> None:
    """A real row of the snapshot is read."""
    row = (shared / "data/api_samples/quoted/kaggle_arxiv_line.jsonl").read_bytes()
    listing = dumps.load("arxiv-snapshot").read(row, 1)
    assert isinstance(listing, Listing)
    assert listing.arxiv
    assert (listing.arxiv_id, listing.authors, listing.arxiv.version) == ("2101.11408", ("Daniel Lemire",), 2)
    assert listing.arxiv.published == dt.datetime(2021, 1, 11, 20, 31, 27, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("official", "in_paper", "in_github", "evidence"),
    [
        (True, True, True, "pwc_official"),
        (True, False, False, "pwc_official"),
        (False, True, False, "pwc_mentioned"),
        (False, False, True, "pwc_mentioned"),
        (None, None, None, "pwc_listed"),
    ],
)
def test_what_a_link_is_worth(official: Any, in_paper: Any, in_github: Any, evidence: str) -> None:
    """Official before mentioned before listed."""
    flags = {"is_official": official, "mentioned_in_paper": in_paper, "mentioned_in_github": in_github}
    [code] = read("pwc-links", **LINK, **flags).code
    assert (code.evidence, code.stars) == (evidence, None)


@pytest.mark.parametrize(
    ("layout", "row", "told"),
    [
        ("pwc-links", {"paper_title": "Ice"}, "repo_url"),
        ("pwc-links", {**LINK, "repo_url": " "}, "repo_url"),
        ("pwc-links", {"repo_url": "https://github.com/a/b"}, "neither a title nor"),
        ("pwc-links", {**LINK, "paper_arxiv_id": 2503.0001}, "paper_arxiv_id"),
        ("pwc-links", {**LINK, "is_official": 1}, "is_official"),
        (
            "pwc-links",
            {**LINK, "paper_arxiv_id": "2503.00010", "paper_url_abs": "http://arxiv.org/abs/2503.00011v1"},
            "several arXiv ids: 2503.00010, 2503.00011",
        ),
        ("pwc-abstracts", {"abstract": "Cold."}, "neither a title nor"),
        ("pwc-abstracts", {"title": "Ice", "authors": "Ada, Bo"}, "authors"),
        ("pwc-abstracts", {"title": "Ice", "arxiv_id": "x"}, "no arXiv id"),
    ],
    ids=str,
)
def test_entries_that_are_refused(layout: str, row: dict[str, Any], told: str) -> None:
    """An entry that names no paper or two, or has a value of another type."""
    assert told in refusal(layout, row)


@pytest.mark.parametrize("name", dumps.names())
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"[]", "record_shape"),
        (b"null", "record_shape"),
        (b"17", "record_shape"),
        (b"{}", "record_shape"),
        (b"", "record_shape"),
        (b"<html>", "record_shape"),
        (b'{"title":' * 10**5, "record_shape"),
        ('{"title":"Über Eis"}'.encode("latin-1"), "encoding"),
        (b" " * (LARGEST + 1), "too_large"),
    ],
    ids=lambda value: str(value[:10]),
)
def test_what_is_no_row_at_all(name: str, row: bytes, reason: str) -> None:
    """Other JSON, other text and what is too large are refused by every layout."""
    with pytest.raises(LayoutChanged) as refused:
        dumps.load(name).read(row, 1)
    assert refused.value.reason == reason
