"""What a person decided: carried out whatever was before, kept whatever comes, and taken back without a trace."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import random
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from storage import aliases, decisions, facts, merging, observations, papers
from storage.documents import ArxivEntry, ArxivFact, Listing, Page, Paper, Repository, Resolution
from storage.errors import StorageError
from storage.export import lines, paper_of
from storage.merging import Merge
from storage.observations import Measurement
from storage.titles import title_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from storage.connect import Database, Document

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
TITLE = "$OneRiver: How Ice Grows"
ABSTRACT = "We measure how rivers freeze. The code is at https://github.com/Ice/Floe. " + "Cold water moves. " * 20
OTHER = "Another paper of that title, about snow. See https://github.com/Ice/Rime. " + "Snow falls. " * 20
PAPER_ID, OTHER_ID = title_id(TITLE, ABSTRACT), title_id(TITLE, OTHER)
WRONG, RIGHT = "2503.00010", "2503.00020"
FOUND = Resolution(status="resolved", method="arxiv", score=0.9)
MANUAL = ("resolved", "manual", [PAPER_ID])


def page(*listings: Listing) -> Page:
    """A page with these listings, or with the one that most tests are about."""
    return Page(listings=listings or (listing(),))


def listing(abstract: str | None = ABSTRACT, position: int = 1, **more: Any) -> Listing:
    """The title with one abstract or another."""
    told: dict[str, Any] = {"title": TITLE, "authors_count": 3} | more
    return Listing(position=position, abstract=abstract, **told)


def entry(arxiv_id: str = WRONG, title: str = "How Ice Grows") -> ArxivEntry:
    """What arXiv tells of a paper."""
    fact = ArxivFact(status="ok", provider="arxiv", fetched_at=NOON, version=1, doi=f"10.1/{arxiv_id}")
    return ArxivEntry(arxiv_id=arxiv_id, title=title, abstract=f"Of {title}.", authors=("A. Frost",), fact=fact)


async def resolved(database: Database, arxiv_id: str = WRONG, told: ArxivEntry | None = None) -> None:
    """A machine finds every open title to be that paper."""
    olds = [old async for old in papers.unresolved(database, waiting=True)]
    await merging.merge(database, [Merge(old, arxiv_id, FOUND, told) for old in olds])


async def stored(database: Database) -> dict[str, Document]:
    """All papers by id."""
    return {one["_id"]: one async for one in database["papers"].find()}


def timeless(papers_: dict[str, Document]) -> dict[str, Document]:
    """Papers as they are compared: not when, nor after how many changes."""
    return {
        key: {**one, "first_seen": 0, "updated_at": 0, "_work": {**one["_work"], "rev": 0, "merged": 0}}
        for key, one in papers_.items()
    }


async def names(database: Database) -> dict[str, list[str]]:
    """Where every alias leads, and that all papers it leads to are there."""
    leading = {one["_id"]: sorted(one["papers"]) async for one in database["aliases"].find()}
    assert {one for ids in leading.values() for one in ids} <= set(await stored(database))
    return leading


def resolution(paper: Document) -> tuple[str, str | None, list[str] | None]:
    """Status, method, and what people decided."""
    told = paper["resolution"]
    return told["status"], told["method"], told["decided"]


def digests(paper: Document) -> list[str]:
    """The digests that list it."""
    return [one["digest"] for one in paper["sightings"]]


# --- set --------------------------------------------------------------------------------------------------


async def test_an_open_title_becomes_what_it_was_set_to(database: Database) -> None:
    """By hand, with the record of it in the paper; asked by the title itself, and again, the same."""
    await papers.sight(database, page(), "text_a", "text:01")
    assert await decisions.decide(database, TITLE, RIGHT) == PAPER_ID
    [paper] = (await stored(database)).values()
    assert (paper["_id"], digests(paper), resolution(paper)) == (f"arxiv:{RIGHT}", ["text:01"], MANUAL)
    assert paper["resolution"]["score"] is None
    assert await aliases.decided(database) == {PAPER_ID: f"arxiv:{RIGHT}"}
    assert await decisions.decide(database, PAPER_ID, RIGHT) == PAPER_ID
    assert await decisions.settle(database) == 0
    assert await stored(database) == {paper["_id"]: paper}


async def test_a_wrong_resolution_is_replaced_as_if_it_had_never_been(database: Database) -> None:
    """The paper that nothing else listed is gone, with every name that led to it and its history."""
    await papers.sight(database, page(), "text_a", "text:01")
    await decisions.decide(database, PAPER_ID, RIGHT)
    end, leading = timeless(await stored(database)), await names(database)
    for collection in ("papers", "aliases", "merges"):
        await database[collection].delete_many({})
    await papers.sight(database, page(), "text_a", "text:01")
    await resolved(database, told=entry())
    await observations.record(database, [Measurement(f"arxiv:{WRONG}", "openalex", "citations", 9, "2026-03-01")])
    assert await decisions.decide(database, WRONG, RIGHT) == PAPER_ID
    assert (timeless(await stored(database)), await names(database)) == (end, leading)
    assert await database["observations"].count_documents({}) == 0


async def test_what_others_told_of_the_wrong_paper_stays(database: Database) -> None:
    """Its own listing, another title that was found to be it, and arXiv's words: all as if it had stood alone."""
    own = listing(None, title="How Ice Grows", arxiv_id=WRONG, authors_count=2, organization="Ice")
    await papers.sight(database, page(own), "hf_props", "hf-daily:2025-03-04")
    await papers.sight(database, page(listing(OTHER)), "text_a", "text:02")
    await resolved(database)
    await facts.record_arxiv(database, [entry()])
    await papers.date_sightings(database, "text:02", "2025-03-11", "newest_id")
    alone, leading = timeless(await stored(database)), await names(database)
    await papers.sight(database, page(), "text_a", "text:01")
    await resolved(database)
    assert len((await stored(database))[f"arxiv:{WRONG}"]["sightings"]) == 3
    await decisions.decide(database, PAPER_ID, RIGHT)
    left = timeless(await stored(database))
    assert left.pop(f"arxiv:{RIGHT}")["sightings"][0]["digest"] == "text:01"
    assert left == alone
    key = PAPER_ID.partition("~")[0]
    assert await names(database) == leading | {
        key: sorted([*leading[key], f"arxiv:{RIGHT}"]),
        PAPER_ID: [f"arxiv:{RIGHT}"],
    }


async def test_parts_that_were_brought_are_replaced_by_what_is_left(database: Database) -> None:
    """Title, abstract and date of a source that ranked behind stand again, those that nobody told are unknown."""
    own = listing("Ice grows. " * 20, title="Of Rivers", arxiv_id=WRONG, authors_count=None)
    await papers.sight(database, page(own), "text_a", "text:09")
    dated = listing(ai_summary="Short.", listed_date=dt.date(2025, 3, 2), listed_date_basis="shown_year")
    await papers.sight(database, page(dated), "text_a", "text:01")
    await resolved(database)
    before = (await stored(database))[f"arxiv:{WRONG}"]
    assert (before["title"], before["authors_count"], before["ai_summary"]) == (TITLE, 3, "Short.")
    await decisions.decide(database, PAPER_ID, RIGHT)
    paper = paper_of((await stored(database))[f"arxiv:{WRONG}"])
    assert (paper.title, paper.abstract, paper.text_source) == ("Of Rivers", ("Ice grows. " * 20).strip(), "text_a")
    assert (paper.authors_count, paper.ai_summary, paper.repos, paper.links) == (None, None, (), ())
    assert paper.published is not None
    assert (paper.published.date, paper.published.basis, paper.resolution.status) == ("2025-03", "id_month", "given")
    assert [one.listed_title for one in paper.sightings] == [None]


async def test_the_right_paper_by_a_machine_becomes_one_by_hand(database: Database) -> None:
    """Whoever confirms what was found loses nothing that is known of the paper."""
    await papers.sight(database, page(), "text_a", "text:01")
    await resolved(database, RIGHT, entry(RIGHT))
    await papers.date_sightings(database, "text:01", "2025-03-11", "newest_id")
    await decisions.decide(database, PAPER_ID, RIGHT)
    [paper] = (await stored(database)).values()
    assert (resolution(paper), paper["arxiv"]["status"]) == (MANUAL, "ok")
    assert [one["page_date"] for one in paper["sightings"]] == ["2025-03-11"]


async def test_dates_and_stars_go_with_what_they_were_told_of(database: Database) -> None:
    """A page that was dated since keeps its date; the stars of the title's own repository are its history."""
    await papers.sight(database, page(), "text_a", "text:01")
    await resolved(database)
    await papers.date_sightings(database, "text:01", "2025-03-11", "newest_id")
    floe = "https://github.com/Ice/Floe"
    told = Repository(url=floe, host="github.com", full_name="Ice/Floe", stars=3, status="ok", fetched_at=NOON)
    await facts.record_repositories(database, {"ice/floe": told})
    await decisions.decide(database, PAPER_ID, RIGHT)
    [paper] = (await stored(database)).values()
    assert [one["page_date"] for one in paper["sightings"]] == ["2025-03-11"]
    [span] = await database["observations"].find().to_list()
    assert (span["paper"], span["value"], span["url"]) == (f"arxiv:{RIGHT}", 3, floe)


async def test_a_title_without_an_abstract_is_taken_out_of_every_paper(database: Database) -> None:
    """A bare title may have been found to be one paper and then another: a person decides for all of it."""
    for number, arxiv_id in enumerate((WRONG, "2503.00011"), 1):
        await papers.sight(database, page(listing(None)), "text_a", f"text:{number:02}")
        await resolved(database, arxiv_id)
    bare = title_id(TITLE, None)
    await decisions.decide(database, bare, RIGHT)
    [paper] = (await stored(database)).values()
    assert (paper["_id"], digests(paper)) == (f"arxiv:{RIGHT}", ["text:01", "text:02"])
    assert await names(database) == {bare: [f"arxiv:{RIGHT}"]}


async def test_two_titles_in_one_digest_are_told_apart(database: Database) -> None:
    """Both were found to be one paper, which keeps one sighting a digest: each gets its own back."""
    await papers.sight(database, page(listing(), listing(OTHER, 2)), "text_a", "text:01")
    await resolved(database)
    await decisions.decide(database, PAPER_ID, RIGHT)
    left = await stored(database)
    found = {one: [sighting["position"] for sighting in left[one]["sightings"]] for one in left}
    assert found == {f"arxiv:{RIGHT}": [1], f"arxiv:{WRONG}": [2]}
    assert left[f"arxiv:{WRONG}"]["abstract"] == OTHER.strip()


# --- unset ------------------------------------------------------------------------------------------------


async def test_a_decision_is_taken_back_without_a_trace(database: Database) -> None:
    """The title is there again, open to be asked for at once, whatever was found or decided in between."""
    await papers.sight(database, page(), "text_a", "text:01")
    before = timeless(await stored(database))
    await papers.note_resolutions(database, {PAPER_ID: Resolution(status="not_found")})
    await decisions.decide(database, PAPER_ID, WRONG)
    await facts.record_arxiv(database, [entry()])
    await decisions.decide(database, PAPER_ID, RIGHT)
    assert await decisions.take_back(database, RIGHT) == PAPER_ID
    assert timeless(await stored(database)) == before
    for collection in ("aliases", "merges", "observations"):
        assert await database[collection].count_documents({}) == 0
    assert await papers.count_open(database) == 1
    assert await decisions.settle(database) == 0


async def test_what_else_resolved_a_paper_stands_when_a_decision_is_taken_back(database: Database) -> None:
    """First another person's decision, then a machine's finding, then the digest's own word."""
    await papers.sight(database, page(), "text_a", "text:01")
    await papers.sight(database, page(listing(OTHER)), "text_a", "text:02")
    await papers.sight(database, page(listing(None)), "text_a", "text:03")
    for one in (PAPER_ID, OTHER_ID):
        await decisions.decide(database, one, RIGHT)
    await resolved(database, RIGHT)
    both = sorted([PAPER_ID, OTHER_ID])
    told = []
    for titles in ((), (PAPER_ID,), (OTHER_ID,)):
        for one in titles:
            await decisions.take_back(database, one)
        paper = (await stored(database))[f"arxiv:{RIGHT}"]
        told.append((*resolution(paper), digests(paper)))
    assert told == [
        ("resolved", "manual", both, ["text:01", "text:02", "text:03"]),
        ("resolved", "manual", [OTHER_ID], ["text:02", "text:03"]),
        ("resolved", "arxiv", None, ["text:03"]),
    ]


# --- errors -----------------------------------------------------------------------------------------------


async def test_what_cannot_be_decided_says_what_can(database: Database) -> None:
    """Unknown papers, several, those whose digest gave the id, and machines' findings that --unset does not touch."""
    await papers.sight(database, page(listing(), listing(OTHER, 2)), "text_a", "text:01")
    await papers.sight(database, page(listing(title="Given", arxiv_id="2503.00099")), "hf_props", "hf-daily:2025-03-04")
    both = ", ".join(sorted([PAPER_ID, OTHER_ID]))
    for asked, said in {
        "Never Listed": "no paper is stored under 'Never Listed'",
        TITLE: f"may be {both}: give one of these ids",
        "2503.00099": "arxiv:2503.00099 has its id from a digest or an import: only what titles",
    }.items():
        with pytest.raises(StorageError, match=said):
            await decisions.decide(database, asked, RIGHT)
    await resolved(database)
    for asked, titles in ((WRONG, both), (PAPER_ID, PAPER_ID)):
        with pytest.raises(StorageError, match=f"nobody decided what {titles} is: --set replaces"):
            await decisions.take_back(database, asked)
    with pytest.raises(StorageError, match=f"'{WRONG}' may be {both}"):
        await decisions.decide(database, WRONG, RIGHT)
    await decisions.decide(database, OTHER_ID, WRONG)
    assert await decisions.take_back(database, WRONG) == OTHER_ID  # of both the one that was decided


# --- what comes later -------------------------------------------------------------------------------------


async def test_a_machine_never_overrules_a_person(database: Database) -> None:
    """What it found of the title before the decision goes where the person said, and another title changes nothing."""
    await papers.sight(database, page(), "text_a", "text:01")
    [stale] = (await stored(database)).values()
    await decisions.decide(database, PAPER_ID, RIGHT)
    await merging.merge(database, [Merge(stale, WRONG, FOUND, entry())])
    await papers.sight(database, page(listing(OTHER)), "text_a", "text:02")
    await resolved(database, RIGHT)
    await papers.sight(database, page(), "text_a", "text:03")
    await resolved(database, WRONG)
    await papers.sight(database, page(listing(None, arxiv_id=RIGHT)), "hf_props", "hf-daily:2025-03-04")
    [paper] = (await stored(database)).values()
    assert (paper["_id"], resolution(paper)) == (f"arxiv:{RIGHT}", ("given", None, [PAPER_ID]))
    assert digests(paper) == ["hf-daily:2025-03-04", "text:01", "text:02", "text:03"]


async def test_a_title_that_is_listed_again_follows_the_decision(database: Database) -> None:
    """Without asking anybody; and its sightings go along when the decision is changed or taken back."""
    for digest in ("text:01", "text:02"):
        await papers.sight(database, page(), "text_a", digest)
        await decisions.decide(database, PAPER_ID, WRONG)
    await papers.sight(database, page(), "text_a", "text:03")
    assert await decisions.settle(database) == 1
    await papers.sight(database, page(), "text_a", "text:04")
    await decisions.decide(database, PAPER_ID, RIGHT)
    [paper] = (await stored(database)).values()
    assert (paper["_id"], digests(paper)) == (f"arxiv:{RIGHT}", ["text:01", "text:02", "text:03", "text:04"])
    await decisions.take_back(database, PAPER_ID)
    [title] = (await stored(database)).values()
    assert (title["_id"], digests(title)) == (PAPER_ID, digests(paper))


async def test_decisions_survive_an_export_and_an_import(database: Database) -> None:
    """Into an empty database: the same lines, and the copy read there goes where the person said."""
    await papers.sight(database, page(), "text_a", "text:01")
    await decisions.decide(database, PAPER_ID, RIGHT)
    exported = [Paper.model_validate(orjson.loads(line)) async for line in lines(database, {})]
    for collection in ("papers", "aliases", "merges"):
        await database[collection].delete_many({})
    for _ in range(2):
        await papers.restore(database, exported)
        [paper] = (await stored(database)).values()
        assert paper_of(paper).model_copy(update={"updated_at": exported[0].updated_at}) == exported[0]
    with pytest.raises(StorageError, match="has its id from a digest or an import"):
        await decisions.take_back(database, PAPER_ID)
    await papers.sight(database, page(), "text_a", "text:01")
    assert await decisions.settle(database) == 1
    [paper] = (await stored(database)).values()
    assert (paper["_id"], digests(paper), resolution(paper)) == (f"arxiv:{RIGHT}", ["text:01"], MANUAL)
    await decisions.take_back(database, PAPER_ID)
    [title] = (await stored(database)).values()
    assert (title["_id"], resolution(title)) == (PAPER_ID, ("pending", None, None))


async def test_a_decision_made_here_stands_before_an_imported_one(database: Database) -> None:
    """An import tells what it knows, and moves nothing that was decided here."""
    await papers.sight(database, page(), "text_a", "text:01")
    await decisions.decide(database, PAPER_ID, WRONG)
    exported = [Paper.model_validate(orjson.loads(line)) async for line in lines(database, {})]
    await decisions.decide(database, PAPER_ID, RIGHT)
    await papers.restore(database, exported)
    assert await aliases.decided(database) == {PAPER_ID: f"arxiv:{RIGHT}"}


# --- kills and two at once --------------------------------------------------------------------------------


class Killed(Exception):
    """The process is gone."""


WRITES = {"bulk_write", "update_one", "update_many", "delete_one", "delete_many"}


class Watched:
    """The database, with something to do before each operation."""

    def __init__(self, inner: Any, before: Callable[[str], Awaitable[None]]) -> None:
        self.inner, self.before = inner, before

    def __getitem__(self, name: str) -> Watched:
        return Watched(self.inner[name], self.before)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in WRITES:
            return found

        async def awaited(*arguments: Any, **more: Any) -> Any:
            await self.before(name)
            return await found(*arguments, **more)

        return awaited


def dying(database: Database, writes: int) -> Any:
    """The database of a process that is killed before its next write after so many."""
    left = iter(range(writes))

    async def before(_: str) -> None:
        if next(left, None) is None:
            raise Killed

    return Watched(database, before)


class Turns:
    """Lets several tasks operate on the database by turns, whose order a seed gives."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.random = database, random.Random(seed)  # noqa: S311 - an order
        self.waiting: dict[int, asyncio.Future[None]] = {}
        self.running = 0

    async def run(self, *works: Callable[[Any], Awaitable[object]]) -> None:
        """Run all to their ends."""
        self.running = len(works)
        await asyncio.gather(*(self._run(number, work) for number, work in enumerate(works)))

    async def _run(self, number: int, work: Callable[[Any], Awaitable[object]]) -> None:
        async def before(_: str) -> None:
            self.waiting[number] = asyncio.get_running_loop().create_future()
            self._next()
            await self.waiting[number]
            del self.waiting[number]

        try:
            await work(Watched(self.database, before))
        finally:
            self.running -= 1
            self._next()

    def _next(self) -> None:
        if self.running and len(self.waiting) == self.running:
            self.waiting[self.random.choice(sorted(self.waiting))].set_result(None)


async def emptied(database: Database) -> None:
    """Begin anew."""
    for collection in ("papers", "aliases", "merges", "observations"):
        await database[collection].delete_many({})


async def found(database: Database) -> None:
    """The title, which a machine found to be the wrong paper, beside another title of that paper."""
    await emptied(database)
    await papers.sight(database, page(listing(OTHER)), "text_a", "text:02")
    await papers.sight(database, page(), "text_a", "text:01")
    await resolved(database)


async def decided(database: Database) -> None:
    """The title, which a person decided to be the wrong paper, and which was listed again."""
    await emptied(database)
    await papers.sight(database, page(), "text_a", "text:01")
    await decisions.decide(database, PAPER_ID, WRONG)
    await papers.sight(database, page(), "text_a", "text:02")


async def state(database: Database) -> Any:
    """All that is to be the same in the end."""
    return timeless(await stored(database)), await names(database), await aliases.decided(database)


@pytest.mark.parametrize(
    ("before", "act", "commits"),
    [
        (found, lambda database: decisions.decide(database, PAPER_ID, RIGHT), True),
        (decided, lambda database: decisions.decide(database, PAPER_ID, RIGHT), True),
        (decided, lambda database: decisions.take_back(database, PAPER_ID), False),
    ],
    ids=["set", "set again", "unset"],
)
async def test_a_kill_between_any_two_steps_loses_nothing(
    database: Database, before: Callable[[Any], Awaitable[None]], act: Callable[[Any], Awaitable[str]], commits: bool
) -> None:
    """The next run ends where the decision that was written leads, and the same command again where it leads alone."""
    await before(database)
    await decisions.settle(database)
    begin = await state(database)
    await act(database)
    end = await state(database)
    for writes in itertools.count():
        await before(database)
        try:
            await act(dying(database, writes))
            break
        except Killed:
            await decisions.settle(database)
            assert await state(database) in ([end] if commits and writes else [begin, end])
        if await state(database) != end:
            await act(database)
        assert await state(database) == end
    assert writes > 8


@pytest.mark.parametrize("seed", range(8))
async def test_two_people_at_once_end_in_one_of_their_decisions(database: Database, seed: int) -> None:
    """However their steps fall between each other, a crawler's and a machine's: every sighting once, nothing else."""
    await found(database)
    await papers.sight(database, page(), "text_a", "text:03")
    [open_title] = [one async for one in papers.unresolved(database)]
    await Turns(database, seed).run(
        lambda turns: decisions.decide(turns, PAPER_ID, RIGHT),
        lambda turns: decisions.decide(turns, PAPER_ID, "2503.00030"),
        lambda turns: merging.merge(turns, [Merge(open_title, WRONG, FOUND)]),
        lambda turns: papers.sight(turns, page(), "text_a", "text:04"),
    )
    await decisions.settle(database)
    [paper_id] = (await aliases.decided(database)).values()
    left = await stored(database)
    assert {one: digests(left[one]) for one in left} == {
        paper_id: ["text:01", "text:03", "text:04"],
        f"arxiv:{WRONG}": ["text:02"],
    }
    assert (paper_id, resolution(left[paper_id])) in [(f"arxiv:{one}", MANUAL) for one in (RIGHT, "2503.00030")]
    assert PAPER_ID not in str(left[f"arxiv:{WRONG}"]["resolution"])
    await names(database)
