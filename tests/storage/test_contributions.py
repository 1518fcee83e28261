"""Contributions commute: any pages in any order, and again, end in the same papers and repositories."""

from __future__ import annotations

import asyncio
import datetime as dt
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import connect, facts, merging, papers
from storage.contributions import EVIDENCE, Origin, from_arxiv, from_listing
from storage.documents import ArxivEntry, ArxivFact, Code, Listing, Page, Published, Repository, Resolution
from storage.export import line_of, paper_of
from storage.merging import Merge
from storage.pipelines import adding, fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from pymongo import UpdateOne

    from storage.connect import Database, Document
    from storage.documents import Status

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
EXAMPLES, TENTH = 250, 25  # --whole, and without

# Few titles, all of one key or of another, so that pages meet in one paper; openings that tell papers apart or not.
TITLES = st.sampled_from(["$Ice: How It Grows", "ice how it grows", "Ice:  How it\u00a0Grows!", "Of Rivers", "冰", "∅"])
OPENINGS = st.sampled_from(["Cold water moves. " * 8, "Something else altogether. " * 8])
ENDS = st.sampled_from(
    [
        "",
        "$x is not a path.",
        "Code: https://github.com/Ice/Floe.",
        "Code: github.com/ice/floe, data: https://huggingface.co/datasets/Ice/Rime",
        "See https://github.com/Ice/Rime and https://github.com/Ice/Floe/tree/main.",
    ]
)
ABSTRACTS = st.none() | st.builds("{}{}".format, OPENINGS, ENDS)
COUNTS = st.none() | st.integers(0, 3)
DATES = st.none() | st.dates(dt.date(2025, 1, 1), dt.date(2025, 1, 3))


@st.composite
def pages(draw: st.DrawFn) -> Page:
    """A page whose listings differ in their papers, as a page's do."""
    entries = draw(st.lists(st.tuples(TITLES, ABSTRACTS), min_size=1, max_size=3, unique_by=lambda one: one[0].lower()))
    listings = [draw(listing(at, *entry)) for at, entry in enumerate(entries, 1)]
    return Page(listings=tuple(listings), page_date=draw(DATES), medium=draw(st.sampled_from(["json", "html", "text"])))


@st.composite
def listing(draw: st.DrawFn, position: int, title: str, abstract: str | None) -> Listing:
    """One entry with whatever else a page may say of it."""
    date = draw(DATES)
    return Listing(
        position=position,
        title=title,
        arxiv_id=draw(st.none() | st.just(f"2503.{position:05}")),
        abstract=abstract,
        authors=draw(st.none() | st.just(("Ice, A.", "$B"))),
        authors_count=draw(COUNTS),
        organization=draw(st.none() | st.just("$Ice")),
        who=draw(st.none() | st.just("• 2 authors")),
        listed_date=date,
        listed_date_basis="shown_year" if date else None,
        published=draw(st.none() | st.just(Published(date="2025-03-01", precision="day", basis="hf_props"))),
        comments=draw(COUNTS),
        upvotes=draw(COUNTS),
        announced=draw(st.none() | st.just("cross")),
        ai_summary=draw(st.none() | st.just("$Short.")),
        code=draw(st.sampled_from([(), (Code(url="https://github.com/ICE/floe", evidence="pwc_official", stars=3),)])),
        project_page=draw(st.none() | st.sampled_from(["https://ice.org/$", "https://github.com/Ice/Rime"])),
    )


SNAPSHOT = ArxivFact(
    status="ok",
    provider="arxiv_snapshot",
    fetched_at=dt.datetime(2025, 5, 1, tzinfo=dt.UTC),
    version=2,
    comment="See https://github.com/Ice/Floe",
    doi="10.1/ice",
    published=dt.datetime(2025, 2, 28, 20, tzinfo=dt.UTC),
)


@st.composite
def readings(draw: st.DrawFn) -> tuple[dict[str, Page], list[str], list[str]]:
    """Pages by digest, and two orders of reading them all, each with repetitions."""
    found = {f"text:{at:02}": page for at, page in enumerate(draw(st.lists(pages(), min_size=1, max_size=4)))}
    orders = []
    for _ in range(2):
        again = draw(st.lists(st.sampled_from(sorted(found)), max_size=3))
        orders.append([*draw(st.permutations(sorted(found))), *again])
    return found, orders[0], orders[1]


async def end(database: Database, found: dict[str, Page], order: list[str], folding: Collection[int]) -> list[Document]:
    """The papers after reading in that order, but for times and the number of changes.

    folding: after how many pages the papers so far are folded into those that they turn out to be.
    """
    await database["papers"].delete_many({})
    for read, digest in enumerate(order, 1):
        await papers.sight(database, found[digest], "text_b", digest)
        if read in folding or (folding and read == len(order)):
            await merging.merge(database, [merge(old) async for old in papers.unresolved(database, waiting=True)])
    return [timeless(one) async for one in database["papers"].find().sort("_id", 1)]


def merge(old: Document) -> Merge:
    """What a title turned out to be: the same paper whatever its abstract, and what arXiv tells of it."""
    number = 1 + int(old["_id"].split("~")[0][-4:], 16)
    fact = ArxivFact(status="ok", provider="arxiv", fetched_at=NOON, version=1, comment="Code: github.com/Ice/floe")
    entry = ArxivEntry(arxiv_id=f"2503.{number:05}", title="How It Grows", abstract="Ice.", authors=None, fact=fact)
    return Merge(old, entry.arxiv_id, Resolution(status="resolved", method="arxiv", score=1.0), entry)


def timeless(document: Document) -> Document:
    """What is compared: also the exported line, which every paper must have."""
    line_of(paper_of(document))
    work: dict[str, Any] = {key: value for key, value in document["_work"].items() if key not in ("rev", "merged")}
    return {**{key: document[key] for key in document if key not in ("first_seen", "updated_at")}, "_work": work}


Run: TypeAlias = "Callable[[dict[str, Page], list[str], Collection[int]], list[Document]]"


@pytest.fixture
def run(mongo_uri: str) -> Iterator[Run]:
    """`end` on an empty database, for callers that are not asynchronous."""
    connection = connect.connected(mongo_uri, f"test_{uuid4().hex}")
    with asyncio.Runner() as runner:
        database = runner.run(connection.__aenter__())
        yield lambda *reading: runner.run(end(database, *reading))
        runner.run(database.client.drop_database(database.name))
        runner.run(connection.__aexit__(None, None, None))


@pytest.mark.long
def test_the_order_of_reading_and_repetition_change_nothing(run: Run, request: pytest.FixtureRequest) -> None:
    """Whatever pages there are: no part, list or internal field depends on which was read first, or how often."""

    @settings(max_examples=examples(request), deadline=None, derandomize=True, database=None)
    @given(readings())
    def holds(reading: tuple[dict[str, Page], list[str], list[str]]) -> None:
        found, first, second = reading
        assert run(found, first, ()) == run(found, second, ())

    holds()


@pytest.mark.long
def test_the_moment_of_a_merge_changes_nothing(run: Run, request: pytest.FixtureRequest) -> None:
    """Resolved early, late or time and again, what the pages said ends in the same arXiv papers."""

    @settings(max_examples=examples(request), deadline=None, derandomize=True, database=None)
    @given(readings(), st.sets(st.integers(1, 5), min_size=1))
    def holds(reading: tuple[dict[str, Page], list[str], list[str]], folding: set[int]) -> None:
        found, first, second = reading
        assert run(found, first, {len(first)}) == run(found, second, folding)

    holds()


@pytest.mark.long
def test_a_new_paper_is_the_same_on_the_short_way(mongo_uri: str, request: pytest.FixtureRequest) -> None:
    """What `fresh` makes of any listing is what `adding` makes of it where there is no paper."""
    connection = connect.connected(mongo_uri, f"test_{uuid4().hex}")

    async def made(update: UpdateOne) -> Document:
        await database["papers"].delete_many({})
        await database["papers"].bulk_write([update])
        [one] = [one async for one in database["papers"].find()]
        return timeless(one) | {"rev": one["_work"]["rev"]}

    @settings(max_examples=examples(request), deadline=None, derandomize=True, database=None)
    @given(TITLES.flatmap(lambda title: ABSTRACTS.flatmap(lambda text: listing(1, title, text))), st.booleans())
    def holds(one: Listing, crawled: bool) -> None:
        if one.arxiv_id and one.comments:
            one = one.model_copy(update={"arxiv": SNAPSHOT, "title": None})
        found = from_listing(one, Origin("hf_api", "hf-daily:2025-03-03", crawled=crawled, copied=not crawled))
        assert runner.run(made(fresh(*found))) == runner.run(made(adding(*found)))

    with asyncio.Runner() as runner:
        database = runner.run(connection.__aenter__())
        holds()
        runner.run(database.client.drop_database(database.name))
        runner.run(connection.__aexit__(None, None, None))


async def test_a_copy_never_replaces_what_was_crawled(database: Database) -> None:
    """Values of a saved page stand until the day is crawled, and never after: neither numbers nor texts nor dates."""

    def day(upvotes: int, title: str, published: str, medium: Literal["json", "html"]) -> Page:
        told = Published(date=published, precision="day", basis="hf_props")
        one = Listing(position=1, title=title, arxiv_id="2503.00001", upvotes=upvotes, published=told)
        return Page(listings=(one,), digest="hf-daily:1", medium=medium)

    saved, crawled = day(1, "As saved", "2025-03-01", "json"), day(2, "As crawled", "2025-03-02", "html")
    for page, own, upvotes in ((saved, False, 1), (crawled, True, 2), (saved, False, 2), (crawled, True, 2)):
        await papers.sight(database, page, "hf_props", "hf-daily:1", crawled=own)
        [paper] = [one async for one in database["papers"].find()]
        assert [(one["upvotes"], one["listed_title"]) for one in paper["sightings"]] == [(upvotes, None)]
        told = (paper["title"], paper["published"]["date"])
        assert told == (("As crawled", "2025-03-02") if upvotes == 2 else ("As saved", "2025-03-01"))
    await papers.sight(database, saved, "hf_api", "hf-daily:0")  # a copy of another day
    [paper] = [one async for one in database["papers"].find()]
    assert (paper["title"], paper["published"]["date"]) == ("As crawled", "2025-03-02")


async def test_what_is_no_answer_never_replaces_one(database: Database) -> None:
    """An imported line whose arXiv fact failed later than ours was told."""
    await papers.add(
        database,
        [Listing(position=1, title="Ice", arxiv_id="2503.00001", arxiv=SNAPSHOT)],
        Origin("arxiv_snapshot", "a:1"),
    )
    [paper] = [paper_of(one) async for one in database["papers"].find()]
    failed = ArxivFact(status="failed", provider="arxiv", fetched_at=NOON, reason="HTTP 500")
    await papers.restore(database, [paper.model_copy(update={"arxiv": failed, "title": "Older"})])
    [paper] = [paper_of(one) async for one in database["papers"].find()]
    assert (paper.arxiv.status, paper.arxiv.version, paper.title) == ("ok", 2, "Ice")


async def test_an_export_stands_behind_what_is_crawled(database: Database) -> None:
    """A line from before, read again after the day was crawled anew, brings no old title back; nor does it bar one."""
    listing = Listing(position=1, title="Then", arxiv_id="2503.00001")
    page = Page(listings=(listing,), digest="hf-daily:1", medium="json")
    await papers.sight(database, page, "hf_api", "hf-daily:1", crawled=True)
    [line] = [paper_of(one) async for one in database["papers"].find()]
    now = page.model_copy(update={"listings": (listing.model_copy(update={"title": "Now"}),)})
    await papers.sight(database, now, "hf_api", "hf-daily:1", crawled=True)
    await papers.restore(database, [line])
    [paper] = [one async for one in database["papers"].find()]
    assert paper["title"] == "Now"


async def test_a_list_of_thousands_of_repositories_is_bounded(database: Database) -> None:
    """What a hostile row names is cut before it outgrows MongoDB's documents and stages; it is stored twice over."""
    abstract = " ".join(f"https://github.com/ice/floe{at}" for at in range(40_000))
    for digest in ("a:1", "a:2"):
        one = Listing(position=1, title="Ice", arxiv_id="2503.00001", abstract=abstract)
        await papers.add(database, [one], Origin("jsonl", digest))
    [paper] = [one async for one in database["papers"].find()]
    assert (len(paper["links"]), len(paper["repos"]), len(paper["sightings"])) == (1000, 100, 2)


async def test_a_snapshot_never_stands_above_arxiv_itself(database: Database) -> None:
    """Of two copies of arXiv's metadata the newer one stands, whichever is read first; arXiv's answer above both."""
    older = SNAPSHOT.model_copy(update={"fetched_at": SNAPSHOT.fetched_at - dt.timedelta(days=9), "version": 1})  # type: ignore[operator]
    copies = [
        Listing(position=1, title=f"Of {one.version}", arxiv_id="2503.00001", arxiv=one) for one in (SNAPSHOT, older)
    ]
    for order in (copies, copies[::-1]):
        await database["papers"].delete_many({})
        for one in order:
            await papers.add(database, [one], Origin("arxiv_snapshot", f"arxiv_snapshot:{one.arxiv}"))
        [paper] = [one async for one in database["papers"].find()]
        assert (paper["title"], paper["arxiv"]["version"], paper["text_source"]) == ("Of 2", 2, "arxiv_snapshot")
    fact = ArxivFact(status="ok", provider="arxiv", fetched_at=NOON, version=3)
    entry = ArxivEntry(arxiv_id="2503.00001", title="Of 3", abstract=None, authors=None, fact=fact)
    await facts.record_arxiv(database, [entry])
    await papers.add(database, copies, Origin("arxiv_snapshot", "arxiv_snapshot:9"))
    [paper] = [one async for one in database["papers"].find()]
    assert (paper["title"], paper["arxiv"]["version"], paper["text_source"]) == ("Of 3", 3, "arxiv")


def examples(request: pytest.FixtureRequest) -> int:
    """How many are tried."""
    return EXAMPLES if request.config.getoption("whole") else TENTH


# --- repositories -----------------------------------------------------------------------------------------

ABSTRACT = "Cold water moves. " * 8


def told(full_name: str, status: Status = "ok", hour: int = 0, **fields: Any) -> Repository:
    """What GitHub told of a repository at that hour."""
    url, at = f"https://github.com/{full_name}", NOON + dt.timedelta(hours=hour)
    return Repository(url=url, host="github.com", full_name=full_name, status=status, fetched_at=at, **fields)


async def read(database: Database, *ends: str) -> None:
    """Pages, each with the same paper, its abstract ending in another way."""
    for number, words in enumerate(ends):
        one = Listing(position=1, title="Of Rivers", abstract=f"{ABSTRACT}{words}")
        await papers.sight(database, Page(listings=(one,)), "text_b", f"text:{number:02}")


async def resolved(database: Database) -> None:
    """Fold the papers without an id into those they turn out to be."""
    await merging.merge(database, [merge(old) async for old in papers.unresolved(database, waiting=True)])


async def repositories(database: Database) -> list[tuple[str, str, int | None, list[str]]]:
    """(name, status, stars, evidence) of the only paper's."""
    [paper] = [one async for one in database["papers"].find()]
    return [(repo["full_name"], repo["status"], repo["stars"], repo["evidence"]) for repo in paper["repos"]]


async def test_evidence_from_several_places_is_united(database: Database) -> None:
    """Named in the abstract and in arXiv's comment: both are told, also of an entry that alone names it twice."""
    await read(database, "Code: https://github.com/Ice/Floe.")
    await resolved(database)
    assert await repositories(database) == [("Ice/Floe", "pending", None, ["abstract", "comment"])]
    again = merge({"_id": "title:0000000000000000"}).entry
    assert again is not None
    abstract = "Ice, as github.com/Ice/Rime says."
    twice = again.model_copy(update={"abstract": abstract, "fact": again.fact.model_copy(update={"comment": abstract})})
    [repo] = from_arxiv(twice).repos
    assert repo["evidence"] == ("abstract", "comment")


async def test_a_failure_does_not_replace_an_answer_in_a_merge(database: Database) -> None:
    """The paper knows the stars; the one that is folded in was refused them later."""
    await read(database, "Code: https://github.com/Ice/Floe.")
    await resolved(database)
    await facts.record_repositories(database, {"ice/floe": told("Ice/Floe", stars=5)})
    await read(database, "Code: https://github.com/Ice/Floe.")
    failed = told("ice/floe", "failed", hour=9, reason="HTTP 502")
    await facts.record_repositories(database, {"ice/floe": failed})
    await resolved(database)
    assert await repositories(database) == [("Ice/Floe", "ok", 5, ["abstract", "comment"])]


async def test_an_answer_replaces_a_failure_in_a_merge(database: Database) -> None:
    """The paper was refused the stars later than the one that is folded in had learnt them."""
    await read(database, "Code: https://github.com/Ice/Floe.")
    await facts.record_repositories(database, {"ice/floe": told("Ice/Floe", stars=5)})
    [old] = [one async for one in papers.unresolved(database, waiting=True)]
    await merging.copy(database, [merge(old)])
    await database["papers"].update_one(
        {"_id": merge(old).new_id},
        {"$set": {"repos.0": told("ice/floe", "failed", hour=9).model_dump(exclude={"evidence"}) | {"evidence": []}}},
    )
    await resolved(database)
    assert (await repositories(database))[0][:3] == ("Ice/Floe", "ok", 5)


@pytest.mark.parametrize(("stronger", "weaker"), [*pairwise([*EVIDENCE, "of no kind that we know"])])
async def test_the_strongest_evidence_stands_first(database: Database, stronger: str, weaker: str) -> None:
    """Then the address decides, in a new paper and in one that is added to."""
    named = {"c": weaker, "a": weaker, "b": stronger}
    code = tuple(Code(url=f"https://github.com/ice/{name}", evidence=evidence) for name, evidence in named.items())
    for digest in ("text:01", "text:02"):
        one = Listing(position=1, title="Of Rivers", code=code)
        await papers.sight(database, Page(listings=(one,)), "text_b", digest)
        assert [name for name, *_ in await repositories(database)] == ["ice/b", "ice/a", "ice/c"]


@pytest.mark.parametrize(("hour", "status"), [(2, "failed"), (0, "ok")])
async def test_what_is_heard_together_replaces_only_what_is_older(
    database: Database, hour: int, status: Status
) -> None:
    """Of two repositories of a paper one has an answer that a failure, or an older answer, leaves as it is."""
    await read(database, "See https://github.com/Ice/Floe and https://github.com/Ice/Berg.")
    await facts.record_repositories(database, {"ice/floe": told("Ice/Floe", stars=5, hour=1)})
    later = {name: told(name, status, hour, stars=9 if status == "ok" else None) for name in ("ice/floe", "ice/berg")}
    await facts.record_repositories(database, later)
    other = ("ice/berg", "ok", 9, ["abstract"]) if status == "ok" else ("Ice/Berg", "failed", None, ["abstract"])
    assert sorted(await repositories(database)) == sorted([("Ice/Floe", "ok", 5, ["abstract"]), other])


async def test_a_paper_of_thousands_of_authors_takes_an_update_of_its_own(database: Database) -> None:
    """Fifty such papers are more than a document of MongoDB holds; each is written whole."""
    authors = tuple(f"Collaborator Number {number} of the Ice Drift Experiment" for number in range(6_000))
    fact = ArxivFact(status="ok", provider="arxiv", fetched_at=NOON)
    entries = [
        ArxivEntry(arxiv_id=f"2503.{number:05}", title=f"Ice {number}", abstract="Ice.", authors=authors, fact=fact)
        for number in range(1, 51)
    ]
    for one in entries:
        await papers.add(
            database, [Listing(position=1, title="Ice", arxiv_id=one.arxiv_id)], Origin("text_b", "text:01")
        )
    await facts.record_arxiv(database, entries)
    assert await database["papers"].count_documents({"authors_count": 6_000, "title": {"$ne": None}}) == 50


async def test_the_old_and_the_new_name_are_one_repository(database: Database) -> None:
    """A paper that names both shows one, with all evidence, among the others in order."""
    await read(database, "See https://github.com/Ice/Floe, https://github.com/Ice/Berg and https://github.com/Ice/A.")
    await facts.record_repositories(database, {"ice/berg": told("Ice/Berg", stars=7)})
    await facts.record_repositories(database, {"ice/floe": told("Ice/Berg", stars=7, hour=1)})
    assert await repositories(database) == [
        ("Ice/A", "pending", None, ["abstract"]),
        ("Ice/Berg", "ok", 7, ["abstract"]),
    ]
