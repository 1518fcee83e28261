"""Saved answers of the API: which JSON is one, what an entry may lack, and what refuses all of them."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from crawler import layouts
from crawler.layouts import LayoutChanged, hf_api
from tests.crawler.layouts.hf_pages import golden

if TYPE_CHECKING:
    from storage.documents import Listing


def entries() -> list[dict[str, Any]]:
    """The entries of a golden day: the first has everything, the others less."""
    found: list[dict[str, Any]] = json.loads(golden("hf_api/day.json"))
    return found


def changed(key: str, value: object, *, inner: bool = True) -> list[dict[str, Any]]:
    """The day with another value in its second entry; an outer one stands beside none within."""
    day = entries()
    place = day[1]["paper"] if inner else day[1]
    day[1]["paper"].pop(key, None)
    place[key] = value
    return day


def read(data: object) -> tuple[Listing, ...]:
    """The listings of an answer."""
    return hf_api.parse(json.dumps(data)).listings


def refusal(data: object) -> LayoutChanged:
    """Why an answer is refused."""
    with pytest.raises(LayoutChanged) as caught:
        hf_api.parse(data if isinstance(data, str) else json.dumps(data))
    return caught.value


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("[]", True),
        ("\ufeff [ ]\r\n", True),
        ('[{"paper": {"id": 2603.9}}]', True),
        ('{"id": "2603.90010", "publishedAt": null}', True),
        ('{"dailyPapers": null}', True),
        ('[{"numComments": 3, "paper": {"id": "2603', True),
        ('{"dateString": "2026-03-18", "dailyPapers": [', True),
        ('{"error": "Too Many Requests"}', False),
        ('{"id": "2603.90010", "title": "T"}', False),
        ('{"id": "2603.90010", "publishedAt": ""}\n{"id": "2603.90020", "publishedAt": ""}', False),
        ('[{"paper_url": "https://paperswithcode.com/paper/a", "abstract": "the \\"paper\\": this"', False),
        ('[{"paper": "2603.90010"}]', False),
        ("[1, 2]", False),
        ("{}", False),
        ("null", False),
        ("", False),
        ("Daily Papers", False),
    ],
)
def test_answers_are_known_by_their_shape(text: str, *, fits: bool) -> None:
    """A list of papers, one paper or saved props, also where it was cut; no other JSON, no row of a dump."""
    assert hf_api.matches(text) is fits


def test_no_papers_no_page() -> None:
    """An empty list is refused as such, and JSON that is no answer as unknown."""
    assert refusal([]).reason == "no_records"
    assert refusal({"error": "Too Many Requests"}).reason == "layout_unknown"
    assert refusal("{").reason == "props_broken"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("upvotes", -1, "upvotes is no count: -1"),
        ("upvotes", "7", "upvotes is no count: '7'"),
        ("upvotes", True, "upvotes is no count: True"),
        ("upvotes", 7.0, "upvotes is no count: 7.0"),
        ("upvotes", 2**63, f"upvotes is no count: {2**63}"),
        ("githubStars", "1.92k", "githubStars is no count: '1.92k'"),
        ("summary", ["A."], "summary is no text: ['A.']"),
        ("title", 0, "title is no text: 0"),
        ("title", "", "title is missing"),
        ("title", None, "title is missing"),
        ("authors", "Dee Solo", "authors is no list of names: 'Dee Solo'"),
        ("authors", [{"name": "Dee Solo"}, {}], "authors is no list of names: [{'name': 'Dee Solo'}, {}]"),
        ("authors", [{"name": None}], "authors is no list of names: [{'name': None}]"),
        ("ai_keywords", "tides", "ai_keywords is no list of texts: 'tides'"),
        ("ai_keywords", ["tides", 7], "ai_keywords is no list of texts: ['tides', 7]"),
        ("organization", "tide-lab", "organization is no object: 'tide-lab'"),
        ("organization", {"name": 7}, "name is no text: 7"),
        ("publishedAt", 1773619200, "publishedAt is no time with its zone: 1773619200"),
        ("publishedAt", "yesterday", "publishedAt is no time with its zone: 'yesterday'"),
        ("submittedOnDailyAt", "2026-03-18T00:00", "submittedOnDailyAt is no time with its zone: '2026-03-18T00:00'"),
        ("submittedOnDailyAt", "0001-01-01T00:00+09:00", "submittedOnDailyAt is no time with its zone: '0001-0"),
    ],
)
def test_value_of_another_kind_refuses_the_answer(key: str, value: object, said: str) -> None:
    """A value is never bent into shape: the entry, its id, the key and the value are told."""
    day = changed(key, value)
    if key == "title":
        day[1].pop(key)
    refused = refusal(day)
    assert refused.reason == "record_shape"
    assert refused.detail.startswith(f"entry 2 (2603.90020): {said}")


@pytest.mark.parametrize(
    "number", [2503.0213, None, "", "2603.90020v2", "arXiv:2603.90020", "2603.9002", "2603.90020\n", ["2603.90020"]]
)
def test_entry_without_an_id_refuses_the_answer(number: object) -> None:
    """An id is a text in arXiv's form, apart from its version: as a number it was another paper's."""
    refused = refusal(changed("id", number))
    assert (refused.reason, refused.detail[:39]) == (
        "record_shape",
        "entry 2: paper.id is no arXiv id: " + repr(number)[:5],
    )


@pytest.mark.parametrize("entry", [None, 7, [], {}, {"paper": []}, {"id": "2603.90020", "title": "Flat"}])
def test_entry_without_a_paper_refuses_the_answer(entry: object) -> None:
    """One row of another shape among the entries is not left out."""
    assert refusal([*entries(), entry]).detail.startswith("entry 4: paper.id is no arXiv id")


@pytest.mark.parametrize("key", ["summary", "authors", "publishedAt", "submittedOnDailyAt", "upvotes", "numComments"])
def test_field_that_all_entries_lack_has_vanished(key: str) -> None:
    """What one entry lacks is unknown of it; what all lack that always was there refuses the answer."""
    day = entries()
    for entry in day[1:]:
        entry.pop(key, None)
        entry["paper"].pop(key, None)
    assert len(read(day)) == 3
    day[0]["paper"].pop(key, None)
    if key != "publishedAt":  # the outer one is no date of the paper
        day[0].pop(key, None)
    refused = refusal(day)
    assert (refused.reason, refused.detail) == (
        "record_shape",
        f"{key} has vanished: none of 3 entries has it",
    )


def test_missing_null_and_empty_are_unknown() -> None:
    """Optional keys may be missing, null or empty: None, never an empty text; zero stars are zero."""
    day = entries()
    del day[1]["paper"]["githubStars"]
    empty: dict[str, Any] = {
        "ai_summary": "",
        "ai_keywords": [],
        "projectPage": None,
        "githubRepo": "",
        "organization": {},
        "summary": "",
    }
    day[2]["paper"] |= empty
    day[2] |= {"organization": None, "summary": None}
    _, second, third = read(day)
    assert [(one.url, one.stars) for one in second.code] == [("https://github.com/tides/none", None)]
    assert [(one.url, one.stars) for one in read(entries())[1].code] == [("https://github.com/tides/none", 0)]
    assert (third.ai_summary, third.ai_keywords, third.project_page) == (None, None, None)
    assert (third.code, third.organization, third.abstract) == ((), None, None)


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("ai_summary", "Outer.", "ai_summary"),
        ("ai_keywords", ["outer"], "ai_keywords"),
        ("projectPage", "https://outer.example/", "project_page"),
        ("upvotes", 3, "upvotes"),
        ("organization", {"name": "outer", "fullname": "Outer Lab"}, "organization"),
    ],
)
def test_outer_value_counts_where_there_is_none_within(key: str, value: Any, field: str) -> None:
    """A key is looked for in the paper first, then around it; comments stand around it only."""
    said = {"organization": "Outer Lab", "ai_keywords": ("outer",)}.get(key, value)
    assert getattr(read(changed(key, value, inner=False))[1], field) == said
    day = entries()
    day[0] |= {key: value}
    assert getattr(read(day)[0], field) == getattr(read(entries())[0], field)
    assert read(changed("numComments", 99))[1].comments == 0


def test_list_has_a_date_where_all_was_listed_on_one_day() -> None:
    """A day's answer is that day's digest; of joined or searched lists the content is the identity."""
    page = hf_api.parse(json.dumps(entries()))
    assert (page.digest, str(page.page_date), page.page_date_basis) == ("hf-daily:2026-03-18", "2026-03-18", "explicit")
    for other in ("2026-03-19T00:00:00.000Z", None):
        page = hf_api.parse(json.dumps(changed("submittedOnDailyAt", other)))
        assert (page.digest, page.page_date, page.page_date_basis) == (None, None, None)


def test_joined_pages_may_repeat_a_paper() -> None:
    """Pages of an answer that shifted while they were asked for: a paper stays where it stands first."""
    later = copy.deepcopy(entries()[0])
    later["paper"]["upvotes"] = 42
    page = hf_api.parse(json.dumps([*entries(), later]))
    assert [(one.position, one.upvotes) for one in page.listings] == [(1, 41), (2, 7), (3, 0)]
    assert page.warnings == ("listed_twice: 2603.90010", "few_records: 3 listings")


def test_one_paper_is_no_list() -> None:
    """The answer of one paper has no position; its comments are unknown unless it counts them."""
    paper = json.loads(golden("hf_api/paper.json"))
    assert hf_api.parse(json.dumps(paper)).warnings == ()
    [one] = read(paper | {"numComments": 4, "submittedOnDailyAt": "2026-03-18T01:00:00.000Z"})
    assert (one.position, one.comments, str(one.listed_date)) == (None, 4, "2026-03-18")
    assert refusal(paper | {"id": 2603.9}).reason == "record_shape"


def test_deep_and_large_values_are_told_in_short() -> None:
    """A refusal stays readable, whatever stands where a value is due."""
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    for value in (deep, "x" * 1_000_000, list(range(100_000))):
        assert len(refusal(changed("upvotes", value)).detail) < 200
    assert refusal("[" * 100_000).reason == "props_broken"


@pytest.mark.parametrize("name", ["day.json", "paper.json", "saved_props.json", "two_days.json"])
def test_every_cut_of_an_answer_is_refused(name: str) -> None:
    """Wherever an answer ends too soon, nothing of it is read."""
    text = golden(f"hf_api/{name}").rstrip()
    for end in range(1, len(text)):
        with pytest.raises(LayoutChanged, match=r"props_broken|layout_unknown"):
            layouts.read(text[:end])
