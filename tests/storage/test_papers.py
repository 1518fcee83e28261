"""Papers: whatever order sources come in, and however often, the same document."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from storage import aliases, facts, merging, papers
from storage.documents import (
    ArxivEntry,
    ArxivFact,
    Candidate,
    CitationCount,
    Code,
    Listing,
    Page,
    Repository,
    Resolution,
)
from storage.export import line_of, paper_of
from storage.facts import Window
from storage.merging import Merge
from storage.titles import title_id

if TYPE_CHECKING:
    from storage.connect import Database, Document

ABSTRACT = "We measure how rivers freeze. The code is at https://github.com/Ice/Floe. " + "Cold water moves. " * 20
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
TITLE = "$OneRiver: How Ice Grows"
PAPER_ID = title_id(TITLE, ABSTRACT)

OPEN = [Window(("pending", "failed"))]


def page(abstract: str = ABSTRACT, *, title: str = TITLE, **listing: Any) -> Page:
    """A page with one listing."""
    return Page(listings=(Listing(position=1, title=title, abstract=abstract, **listing),))


def entry(**fact: Any) -> ArxivEntry:
    """What arXiv tells of the paper."""
    told = ArxivFact(status="ok", provider="arxiv", fetched_at=NOON, version=1, withdrawn=False, **fact)
    return ArxivEntry(
        arxiv_id="2503.00010",
        title="How Ice Grows",
        abstract=ABSTRACT,
        authors=("A. Frost", "B. Rime"),
        fact=told,
    )


async def only(database: Database) -> Document:
    """The only paper there is."""
    [document] = [one async for one in database["papers"].find()]
    return document


def without_times(document: Document) -> Document:
    """The document as others compare it: not when, nor after how many changes."""
    work = {key: value for key, value in document["_work"].items() if key != "rev"}
    return {
        **{key: document[key] for key in document if key not in ("first_seen", "updated_at")},
        "_work": work,
    }


async def test_a_listing_becomes_a_paper(database: Database) -> None:
    """Title, abstract, links and repositories come from the listing; everything unknown is null."""
    await papers.sight(database, page(), "text_a", "text:01")
    paper = paper_of(await only(database))
    assert (paper.id, paper.title, paper.abstract) == (PAPER_ID, TITLE, ABSTRACT.strip())
    assert paper.text_source == "text_a"
    assert [(link.url, link.kind) for link in paper.links] == [("https://github.com/Ice/Floe", "github")]
    assert [(repo.full_name, repo.evidence, repo.stars) for repo in paper.repos] == [("Ice/Floe", ("abstract",), None)]
    assert (paper.authors, paper.authors_count, paper.published, paper.ids.arxiv) == (None, None, None, None)
    assert (paper.arxiv.status, paper.citations.openalex.count) == ("pending", None)
    assert paper.sightings[0].listed_title is None


async def test_the_order_of_reading_changes_nothing(database: Database) -> None:
    """Of equal sources the smaller digest id wins, whichever page is read first, and again."""
    pages = {
        "text:01": page(comments=3),
        "text:02": page(authors_count=4, listed_date=dt.date(2025, 1, 2), listed_date_basis="shown_year"),
        "text:03": page(ABSTRACT + "Data: https://huggingface.co/Ice/Rime.", title="$oneriver: how ice grows!"),
    }
    ends = []
    for order in itertools.permutations(pages):
        for digest in (*order, order[0]):
            await papers.sight(database, pages[digest], "text_b", digest)
        ends.append(without_times(await only(database)))
        await database["papers"].drop()
    assert all(end == ends[0] for end in ends)
    paper = ends[0]
    assert [one["digest"] for one in paper["sightings"]] == ["text:01", "text:02", "text:03"]
    assert [one["listed_title"] for one in paper["sightings"]] == [None, None, "$oneriver: how ice grows!"]
    assert [link["kind"] for link in paper["links"]] == ["github", "hf_model"]
    assert (paper["abstract"], paper["authors_count"]) == (ABSTRACT.strip(), 4)
    assert paper["published"] == {"date": "2025-01-02", "precision": "day", "basis": "shown_year"}
    assert [one["by"] for one in paper["_work"]["other_abstracts"]] == ["3 text:03"]


async def test_one_title_with_two_abstracts_is_two_papers(database: Database) -> None:
    """A title key is not a paper: clearly different abstracts stay apart, in either order."""
    await papers.sight(database, page(), "text_a", "text:01")
    await papers.sight(database, page("Something else altogether. " * 20), "text_a", "text:02")
    found = await papers.find(database, [PAPER_ID, title_id(TITLE, "Something else altogether. " * 20)])
    assert len(found) == 2
    assert len({one.partition("~")[0] for one in found}) == 1


async def test_a_digest_read_again_replaces_its_own_sighting(database: Database) -> None:
    """One sighting a digest and paper."""
    await papers.sight(database, page(comments=1), "text_b", "text:01")
    await papers.sight(database, page(comments=2), "text_b", "text:01")
    assert [one["comments"] for one in (await only(database))["sightings"]] == [2]


async def test_two_crawlers_at_once_lose_nothing(database: Database) -> None:
    """Upserts of one new id at the same moment: the loser of the race finds the document and adds to it."""
    digests = [f"text:{n:02}" for n in range(20)]
    await asyncio.gather(*(papers.sight(database, page(), "text_a", digest) for digest in digests))
    assert [one["digest"] for one in (await only(database))["sightings"]] == digests


async def test_the_same_content_exports_the_same_line(database: Database) -> None:
    """Keys stand in the order of the schema, whatever order they were written in."""
    await papers.sight(database, page(), "text_a", "text:01")
    document = await only(database)
    shuffled = dict(reversed(document.items()))
    assert line_of(paper_of(document)) == line_of(paper_of(shuffled))


# --- merging ----------------------------------------------------------------------------------------------


async def resolved(database: Database) -> None:
    """The paper is found to be 2503.00010."""
    old = await only(database)
    resolution = Resolution(status="resolved", method="arxiv", score=1.0)
    await merging.merge(database, [Merge(old, "2503.00010", resolution, entry())])


async def test_a_resolved_paper_keeps_everything(database: Database) -> None:
    """Sightings, links, repositories and the first sight move; arXiv's title stands, the listed one is kept."""
    await papers.sight(database, page(comments=1), "text_b", "text:01")
    seen = (await only(database))["first_seen"]
    await resolved(database)
    paper = paper_of(await only(database))
    assert (paper.id, paper.ids.arxiv, paper.text_source) == ("arxiv:2503.00010", "2503.00010", "arxiv")
    assert (paper.title, paper.sightings[0].listed_title) == ("How Ice Grows", TITLE)
    assert (paper.authors, paper.authors_count) == (("A. Frost", "B. Rime"), 2)
    assert (paper.resolution.status, paper.resolution.method) == ("resolved", "arxiv")
    assert paper.published is not None
    assert (paper.published.date, paper.published.basis) == ("2025-03", "id_month")
    assert [repo.full_name for repo in paper.repos] == ["Ice/Floe"]
    assert paper.first_seen == seen


async def test_a_merge_is_recorded(database: Database) -> None:
    """Old id, new id and the server's time; the title's alias leads to the paper, too."""
    await papers.sight(database, page(), "text_a", "text:01")
    await resolved(database)
    merge = await database["aliases"].find_one({"_id": PAPER_ID})
    assert merge is not None
    assert merge["merged_into"] == "arxiv:2503.00010"
    assert isinstance(merge["merged_at"], dt.datetime)
    key = PAPER_ID.partition("~")[0]
    assert await aliases.papers_of(database, [key, "title:unknown"]) == {key: ["arxiv:2503.00010"]}


async def test_a_doi_leads_to_the_paper_that_a_title_turned_out_to_be(database: Database) -> None:
    """As it does to one whose id was known: the entry that resolved it is not asked for again."""
    await papers.sight(database, page(), "text_a", "text:01")
    told = entry(doi="10.1234/Ice")
    await merging.merge(database, [Merge(await only(database), "2503.00010", Resolution(status="resolved"), told)])
    assert await aliases.papers_of(database, ["doi:10.1234/ice"]) == {"doi:10.1234/ice": ["arxiv:2503.00010"]}


async def test_a_sighting_added_during_a_merge_is_copied_too(database: Database) -> None:
    """The old paper is removed only at the revision that was copied."""
    await papers.sight(database, page(), "text_a", "text:01")
    old = await only(database)
    await papers.sight(database, page(), "text_a", "text:02")
    await merging.merge(database, [Merge(old, "2503.00010", Resolution(status="resolved"), entry())])
    assert [one["digest"] for one in (await only(database))["sightings"]] == ["text:01", "text:02"]


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_a_merge_killed_between_steps_can_be_repeated(database: Database, steps: int) -> None:
    """Copied, or copied and aliased, but not removed: the next run ends where an undisturbed one does."""
    await papers.sight(database, page(), "text_a", "text:01")
    old = await only(database)
    one = Merge(old, "2503.00010", Resolution(status="resolved", method="arxiv", score=1.0), entry())
    for step in [merging.copy, merging.lead][: steps - 1]:
        await step(database, [one])
    await merging.merge(database, [one])
    assert [paper["digest"] for paper in (await only(database))["sightings"]] == ["text:01"]


async def test_a_paper_that_is_listed_again_is_told_again(database: Database) -> None:
    """Whoever imports increments since the first merge has seen the title anew, and has to hear of the second."""
    times: list[dt.datetime] = []
    for digest in ("text:01", "text:02"):
        await papers.sight(database, page(), "text_a", digest)
        old = (await papers.find(database, [PAPER_ID]))[PAPER_ID]
        await merging.merge(database, [Merge(old, "2503.00010", Resolution(status="resolved"), entry())])
        merge = await database["aliases"].find_one({"_id": PAPER_ID})
        assert merge is not None
        times.append(merge["merged_at"])
    assert times[0] < times[1]


async def test_a_renamed_repository_stays_one_after_a_merge(database: Database) -> None:
    """What was asked for the title is known of the paper: the old name in arXiv's abstract is no new repository."""
    await papers.sight(database, page(), "text_a", "text:01")
    await facts.record_repositories(database, {"ice/floe": repository("Ice/Floe-next", stars=3, status="ok")})
    await resolved(database)
    assert [repo["full_name"] for repo in (await only(database))["repos"]] == ["Ice/Floe-next"]


async def test_a_failed_search_keeps_what_was_found_before(database: Database) -> None:
    """Candidates of yesterday are not lost to a server error of today."""
    await papers.sight(database, page(), "text_a", "text:01")
    candidate = Candidate(arxiv_id="2503.00010", title=TITLE, score=0.4)
    await papers.note_resolutions(database, {PAPER_ID: Resolution(status="ambiguous", candidates=(candidate,))})
    await papers.note_resolutions(database, {PAPER_ID: Resolution(status="failed")}, "HTTP 500")
    paper = paper_of(await only(database))
    assert (paper.resolution.status, paper.resolution.candidates) == ("ambiguous", (candidate,))
    assert paper.arxiv.reason == "HTTP 500"


# --- facts ------------------------------------------------------------------------------------------------


async def stored(database: Database) -> None:
    """The paper with its arXiv id."""
    await papers.sight(database, page(), "text_a", "text:01")
    await resolved(database)


def cited(count: int, when: dt.datetime) -> dict[str, CitationCount]:
    """A count as a provider told it."""
    return {"arxiv:2503.00010": CitationCount(status="ok", count=count, fetched_at=when)}


async def test_only_a_newer_fact_passes(database: Database) -> None:
    """An answer that was overtaken by a later one does not come back."""
    await stored(database)
    await facts.record(database, "citations.openalex", cited(5, NOON))
    await facts.record(database, "citations.openalex", cited(4, NOON - dt.timedelta(hours=1)))
    assert (await only(database))["citations"]["openalex"]["count"] == 5


async def test_a_failure_never_replaces_an_answer(database: Database) -> None:
    """A known value is never overwritten by an unknown one."""
    await stored(database)
    await facts.record(database, "citations.openalex", cited(0, NOON))
    failed = CitationCount(status="failed", reason="HTTP 500", fetched_at=NOON + dt.timedelta(days=1))
    await facts.record(database, "citations.openalex", {"arxiv:2503.00010": failed})
    assert (await only(database))["citations"]["openalex"]["count"] == 0


async def test_a_fact_of_an_unknown_paper_creates_none(database: Database) -> None:
    """Facts go to papers that are stored."""
    await facts.record(database, "citations.openalex", cited(5, NOON))
    assert await database["papers"].count_documents({}) == 0


async def test_unchanged_values_extend_their_span(database: Database) -> None:
    """5 on two days, then 7: two observations; "unchanged" and "not measured" differ."""
    await stored(database)
    for count, day in ((5, 1), (5, 3), (7, 8)):
        when = dt.datetime(2026, 4, day, tzinfo=dt.UTC)
        await facts.record(database, "citations.openalex", cited(count, when))
    spans = [one async for one in database["observations"].find().sort("first_day", 1)]
    assert [(one["value"], one["first_day"], one["last_day"]) for one in spans] == [
        (5, "2026-04-01", "2026-04-03"),
        (7, "2026-04-08", "2026-04-08"),
    ]
    assert {(one["paper"], one["provider"], one["metric"]) for one in spans} == {
        ("arxiv:2503.00010", "openalex", "citations")
    }


def repository(full_name: str, **fields: Any) -> Repository:
    """What GitHub tells of a repository."""
    url = f"https://github.com/{full_name}"
    return Repository(url=url, host="github.com", full_name=full_name, fetched_at=NOON, **fields)


async def test_a_renamed_repository_shows_its_new_name_and_stays_one(database: Database) -> None:
    """Its evidence is kept, and a later sighting under the old name adds no second one."""
    await stored(database)
    told = repository("Ice/Floe-next", stars=3, status="ok")
    await facts.record_repositories(database, {"ice/floe": told})
    await papers.sight(database, page(), "text_a", "text:09")
    await resolved_again(database)
    [repo] = (await papers.find(database, ["arxiv:2503.00010"]))["arxiv:2503.00010"]["repos"]
    assert (repo["full_name"], repo["stars"], repo["evidence"]) == ("Ice/Floe-next", 3, ["abstract"])
    [span] = [one async for one in database["observations"].find()]
    assert (span["metric"], span["value"], span["url"]) == ("stars", 3, "https://github.com/Ice/Floe-next")


async def resolved_again(database: Database) -> None:
    """A crawler listed the paper again, and it is folded into what it was resolved to."""
    old = (await papers.find(database, [PAPER_ID]))[PAPER_ID]
    await merging.merge(database, [Merge(old, "2503.00010", Resolution(status="resolved"))])


async def test_a_failed_repository_keeps_its_spelling(database: Database) -> None:
    """Names are asked in lower case; what was written in the abstract stays while GitHub has not answered."""
    await stored(database)
    await facts.record_repositories(database, {"ice/floe": repository("ice/floe", status="failed", reason="HTTP 502")})
    [repo] = (await only(database))["repos"]
    assert (repo["full_name"], repo["status"], repo["reason"], repo["stars"]) == (
        "Ice/Floe",
        "failed",
        "HTTP 502",
        None,
    )


async def test_facts_that_wait_say_why(database: Database) -> None:
    """A provider that is down leaves its reason at every fact it owes, and only there."""
    await stored(database)
    await facts.record(database, "citations.openalex", cited(5, NOON))
    for path in ("citations.openalex", "citations.semantic_scholar", "repos"):
        await facts.leave(database, path, "cannot be reached")
    paper = paper_of(await only(database))
    assert paper.citations.openalex.reason is None
    assert (paper.citations.semantic_scholar.status, paper.citations.semantic_scholar.reason) == (
        "pending",
        "cannot be reached",
    )
    assert [(repo.status, repo.reason) for repo in paper.repos] == [("pending", "cannot be reached")]


# --- what is due ------------------------------------------------------------------------------------------


def naming(repository: str, position: int, upvotes: int | None = None, day: int | None = None) -> Listing:
    """A listing of a paper of its own that names a repository."""
    dated: Any = {"listed_date": dt.date(2026, 1, day), "listed_date_basis": "shown_year"} if day else {}
    abstract = f"Paper {position}. Code: https://github.com/{repository}"
    return Listing(position=position, title=f"Title {position}", abstract=abstract, upvotes=upvotes, **dated)


async def test_the_strongest_evidence_comes_first(database: Database) -> None:
    """All that anybody names is kept, in whatever order it was read; a conflict of two sources is visible."""
    codes = [("ice/a", "pwc_mentioned"), ("ice/z", "page"), ("ice/m", "pwc_official"), ("ice/b", "of_later")]
    code = tuple(Code(url=f"https://github.com/{name}", evidence=evidence) for name, evidence in codes)
    named = "Code: github.com/ice/q and github.com/ice/a"
    for digest, some, abstract in (("text:01", code[:1], named), ("text:02", code[1:], None)):
        floes = Listing(position=1, title="Floes", arxiv_id="2503.00010", abstract=abstract, code=some)
        await papers.sight(database, Page(listings=(floes,)), "text_a", digest)
    repos = [(repo["full_name"][4:], repo["evidence"]) for repo in (await only(database))["repos"]]
    assert repos == [
        ("m", ["pwc_official"]),
        ("z", ["page"]),
        ("a", ["abstract", "pwc_mentioned"]),
        ("q", ["abstract"]),
        ("b", ["of_later"]),
    ]


async def test_the_most_useful_repositories_are_due_first(database: Database) -> None:
    """By the most upvotes of a sighting, the number of sightings, the newest day, the name; unknown comes last."""
    listings = (
        naming("ice/unknown", 1),
        naming("ice/newer", 2, 5, day=9),
        naming("ice/older", 3, 5, day=8),
        naming("ice/b", 4, 5, day=7),
        naming("ice/a", 5, 5, day=7),
        naming("ice/often", 6, 5, day=1),
        naming("Ice/Shared", 7, 1),
        naming("ice/shared", 8, 99),
        naming("ice/zero", 9, 0),
    )
    await papers.sight(database, Page(listings=listings), "text_a", "text:01")
    await papers.sight(database, Page(listings=(naming("ice/often", 6, 4, day=1),)), "text_a", "text:02")
    due = [name.removeprefix("ice/") async for name in facts.due_repositories(database, OPEN)]
    assert due == ["shared", "often", "newer", "older", "a", "b", "zero", "unknown"]


async def test_what_waits_is_counted_by_facts(database: Database) -> None:
    """A repository that two papers name is one; papers without an arXiv id owe nobody a fact but their title's."""
    await stored(database)
    await papers.sight(database, Page(listings=(naming("Ice/Floe", 2), naming("ice/rime", 3))), "text_a", "text:02")
    await facts.record_repositories(database, {"ice/rime": repository("ice/rime", status="failed")})
    assert [await facts.count(database, path, OPEN) for path in ("repos", "citations.openalex", "arxiv")] == [2, 1, 0]
    assert await facts.count(database, "repos", [Window(("pending",))]) == 1
    assert await papers.count_open(database) == await papers.leave_titles(database, "later") == 2
