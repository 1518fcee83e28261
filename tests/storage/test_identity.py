"""Identity: crawlers and resolvers between each other's requests, killed between any two, lose and double nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from contextlib import suppress
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast
from uuid import uuid4

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from storage import aliases, connect, facts, merging, observations, papers
from storage.documents import ArxivEntry, ArxivFact, Listing, Page, Repository, Resolution
from storage.export import paper_of
from storage.links import find_links
from storage.merging import Merge
from storage.titles import collapse, title_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable

    from storage.connect import Database, Document

EXAMPLES, TENTH = 2000, 200  # --whole, and without
COPIES, DAYS = ("text:01", "text:02"), ("hf-daily:2026-03-02", "hf-daily:2026-03-03")

# --- what is listed, and what it turns out to be ----------------------------------------------------------

GROWS, GROWS_TOO, FREEZES = "$OneRiver: How Ice Grows", "oneriver - how  ice grows!", "Why Rivers Freeze"
COLD = "We measure how cold water moves, " + "and then it freezes from above. " * 4
WARM = "Something else altogether, " + "which melts in every spring. " * 4 + "See https://github.com/Ice/Rime."
LONE = "This was never at arXiv, " + "whatever its title says of it. " * 4
FLOE = "https://github.com/Ice/Floe"
ICE, THAW = "2503.00010", "2503.00020"
ARXIV = {  # by the abstract, or by a title that only one paper has
    title_id(GROWS, COLD): ICE,
    title_id(FREEZES, COLD): ICE,
    title_id(FREEZES, None): ICE,
    title_id(GROWS, WARM): THAW,
}
ENTRIES = {ICE: ("How Ice Grows", COLD), THAW: ("How Ice Thaws", WARM)}
RETITLED = ("How Ice Grows, and Why", FREEZES)
OPEN = {
    "cold": {"title": GROWS, "abstract": COLD},
    "cold with code": {"title": GROWS_TOO, "abstract": f"{COLD}Code: {FLOE}."},
    "cold, retitled": {"title": FREEZES, "abstract": f"{COLD}Code: {FLOE}."},
    "retitled": {"title": FREEZES},
    "warm": {"title": GROWS, "abstract": WARM},
    "lone": {"title": GROWS, "abstract": LONE},
    "bare": {"title": GROWS},
}
KNOWN = {
    "ice": {"title": GROWS_TOO, "abstract": f"{COLD}Code: {FLOE}.", "arxiv_id": ICE},
    "ice, retitled": {"title": FREEZES, "arxiv_id": ICE},
    "thaw": {"title": GROWS, "abstract": WARM, "arxiv_id": THAW},
}
POOL: dict[str, dict[str, Any]] = OPEN | KNOWN
Row: TypeAlias = "tuple[str, int, int | None, int | None]"


def pages(names: Iterable[str]) -> st.SearchStrategy[list[Row]]:
    """A few listings by name, with position, comments and upvotes; of those with an id each once."""
    few = st.none() | st.integers(0, 2)
    rows = st.tuples(st.sampled_from(sorted(names)), st.integers(1, 3), few, few)
    return st.lists(rows, min_size=1, max_size=3, unique_by=lambda row: POOL[row[0]].get("arxiv_id") or row)


def page_of(rows: list[Row], digest: str) -> Page:
    """The page with these listings."""
    listings = [
        Listing(**POOL[name], position=position, comments=comments, upvotes=upvotes)
        for name, position, comments, upvotes in rows
    ]
    return Page(listings=tuple(listings), digest=digest if digest in DAYS else None)


def listed_under(one: Listing) -> str:
    """The id that a listing's paper has when it is stored."""
    return f"arxiv:{one.arxiv_id}" if one.arxiv_id else title_id(one.title or "", one.abstract)


def final(paper_id: str) -> str:
    """The id that it has in the end."""
    return f"arxiv:{ARXIV[paper_id]}" if paper_id in ARXIV else paper_id


def at(day: int) -> dt.datetime:
    """Noon of a day of the year."""
    return dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=day)


def entry(arxiv_id: str, title: str | None = None, day: int = 0) -> ArxivEntry:
    """What arXiv tells of a paper on that day."""
    first, abstract = ENTRIES[arxiv_id]
    fact = ArxivFact(status="ok", provider="arxiv", fetched_at=at(day), doi=f"10.1/Ice-{arxiv_id}")
    texts = {"title": title or first, "abstract": collapse(abstract)}
    return ArxivEntry(arxiv_id=arxiv_id, **texts, authors=("A. Frost",), fact=fact)


def merge_of(old: Document, told: ArxivEntry | None = None) -> Merge:
    """The merge that a resolver decides on."""
    return Merge(old, ARXIV[old["_id"]], Resolution(status="resolved", method="arxiv", score=1.0), told)


# --- what everybody does ----------------------------------------------------------------------------------


async def crawl(database: Database, page: Page, digest: str, day: str | None) -> None:
    """Store a page as the pipeline does; with a day it is read at its own place."""
    if day:
        await papers.measure(database, page.listings, day)
    await papers.sight(database, page, "text_a", digest, crawled=bool(day))


async def search(database: Database) -> None:
    """Resolve what arXiv knows, and note what it does not."""
    found = [one async for one in papers.unresolved(database, waiting=True)]
    await merging.merge(database, [merge_of(one, entry(ARXIV[one["_id"]])) for one in found if one["_id"] in ARXIV])
    unknown = {one["_id"]: Resolution(status="ambiguous") for one in found if one["_id"] not in ARXIV}
    await papers.note_resolutions(database, unknown)


async def fold(database: Database) -> None:
    """Resolve what the aliases lead to."""
    found = [one async for one in papers.unresolved(database, waiting=True)]
    leading = await aliases.papers_of(database, {one["_id"].partition("~")[0] for one in found})
    known = [one for one in found if final(one["_id"]) in leading.get(one["_id"].partition("~")[0], ())]
    await merging.merge(database, [merge_of(one) for one in known])


async def ask(database: Database, told: ArxivEntry) -> None:
    """Record what arXiv tells of a paper that is stored."""
    if await papers.find(database, [f"arxiv:{told.arxiv_id}"]):
        await facts.record_arxiv(database, [told])


async def count_stars(database: Database, day: int, stars: int) -> None:
    """Record what GitHub tells of a repository."""
    told = Repository(url=FLOE, host="github.com", full_name="Ice/Floe", stars=stars, status="ok", fetched_at=at(day))
    await facts.record_repositories(database, {"ice/floe": told})


# --- one request to the database at a time ----------------------------------------------------------------


class Stepped:
    """A database, a collection or a cursor, each request of which waits for its turn."""

    def __init__(self, real: Any, turn: Callable[[], Awaitable[None]]) -> None:
        self.real, self.turn = real, turn

    def __getitem__(self, name: str) -> Stepped:
        return Stepped(self.real[name], self.turn)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        if asyncio.iscoroutinefunction(found):
            return partial(self.in_turn, found)
        return (lambda *given, **named: Stepped(found(*given, **named), self.turn)) if callable(found) else found

    async def in_turn(self, request: Callable[..., Awaitable[Any]], *given: Any, **named: Any) -> Any:
        """The answer to a request that is made when it may be."""
        await self.turn()
        return await request(*given, **named)

    async def __aiter__(self) -> AsyncIterator[Any]:
        await self.turn()
        async for one in self.real:
            yield one


Work: TypeAlias = "Callable[[Database], Coroutine[Any, Any, None]]"


class Process:
    """Work as another process does it: before each request it waits until it is told to make it."""

    def __init__(self, database: Database, work: Work) -> None:
        self.turns, self.waits = asyncio.Semaphore(0), asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(work(cast("Database", Stepped(database, self.turn))))
        self.task.add_done_callback(lambda _: self.waits.set())

    async def turn(self) -> None:
        """Wait to be told."""
        self.waits.set()
        await self.turns.acquire()

    async def step(self) -> bool:
        """Let it make one request; whether it has ended."""
        await self.waits.wait()
        if not self.task.done():
            self.waits.clear()
            self.turns.release()
            await self.waits.wait()
        return self.task.done() and self.task.result() is None

    async def until(self, seen: Callable[[], Awaitable[object]]) -> None:
        """Let it make requests until that is seen."""
        while not await seen():
            assert not await self.step()

    async def kill(self) -> None:
        """End it before its next request."""
        await self.waits.wait()
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


# --- one at a time ------------------------------------------------------------------------------------------


async def listed(database: Database, digest: str, comments: int | None = None) -> Merge:
    """A paper is listed; the merge of it as it is then."""
    await papers.sight(database, page_of([("cold with code", 1, comments, None)], digest), "text_a", digest)
    [old] = [one async for one in papers.unresolved(database, waiting=True)]
    return merge_of(old)


async def emptied(database: Database) -> None:
    """Without the indexes' being made again."""
    for name in ("papers", "aliases", "merges", "observations"):
        await database[name].delete_many({})


async def sightings(database: Database) -> list[tuple[str, int | None]]:
    """(digest, comments) of all papers."""
    found = database["papers"].find().sort("_id", 1)
    return [(one["digest"], one["comments"]) async for paper in found for one in paper["sightings"]]


async def test_what_is_listed_anew_is_not_taken_for_what_was_copied(database: Database) -> None:
    """A resolver stands before the removal; another one folds the paper, and a crawler lists it: as many changes."""
    first = await listed(database, "text:01")
    process = Process(database, lambda slow: merging.merge(slow, [first]))
    await process.until(partial(database["aliases"].find_one, {"merged_into": first.new_id}))
    await merging.merge(database, [first])
    again = await listed(database, "text:02")
    assert again.old["_work"]["rev"] == first.old["_work"]["rev"]
    while not await process.step():
        pass
    assert await sightings(database) == [("text:01", None), ("text:02", None)]


async def test_an_older_reading_brings_no_older_sighting_back(database: Database) -> None:
    """A resolver read the paper, its page was read again with other numbers, and another resolver was faster."""
    older = await listed(database, "text:01", comments=1)
    newer = await listed(database, "text:01", comments=2)
    await merging.merge(database, [newer])
    await merging.merge(database, [older])
    assert await sightings(database) == [("text:01", 2)]


async def astray(database: Database) -> set[str]:
    """The papers that aliases lead to and that are not stored."""
    led = {paper_id async for alias in database["aliases"].find() for paper_id in alias["papers"]}
    return led - set(await papers.find(database, led))


async def test_a_resolver_may_be_killed_anywhere(database: Database) -> None:
    """No alias leads astray then, and another resolver ends the merge: what arXiv told is found by its DOI."""
    requests, ended = 0, False
    while not ended:
        await emptied(database)
        found = await listed(database, "text:01")
        process = Process(database, partial(merging.merge, merges=[merge_of(found.old, entry(ICE))]))
        for _ in range(requests):
            ended = await process.step()
        await process.kill()
        requests += 1
        assert not await astray(database)
        await merging.merge(database, [merge_of(one) async for one in papers.unresolved(database, waiting=True)])
        assert await sightings(database) == [("text:01", None)]
        told = await database["papers"].count_documents({"arxiv.status": "ok"})
        leading = await aliases.papers_of(database, [f"doi:10.1/ice-{ICE}"])
        assert not told or leading


async def spans(database: Database) -> list[tuple[str, int, str, str]]:
    """(paper, value, first day, last day) of the stars."""
    found = database["observations"].find().sort("_id", 1)
    return [(one["paper"], one["value"], one["first_day"][-2:], one["last_day"][-2:]) async for one in found]


async def test_what_is_measured_of_a_merged_paper_moves_too(database: Database) -> None:
    """Its stars were asked for before the merge and are told after it, by a run that is killed once and repeated."""
    found = await listed(database, "text:01")
    process = Process(database, partial(count_stars, day=1, stars=5))
    await process.step()
    await merging.merge(database, [found])
    await process.until(partial(spans, database))
    await process.kill()
    await count_stars(database, day=1, stars=5)
    assert await spans(database) == [(f"arxiv:{ICE}", 5, "02", "02")]


async def test_what_is_measured_during_a_move_is_not_lost(database: Database) -> None:
    """A span is extended between its copy and its removal."""
    found = await listed(database, "text:01")
    await count_stars(database, day=1, stars=5)
    process = Process(database, lambda slow: observations.move(slow, {found.old["_id"]: found.new_id}))
    await process.until(partial(database["observations"].find_one, {"paper": found.new_id}))
    await count_stars(database, day=2, stars=5)
    await process.step()
    await merging.merge(database, [found])
    assert await spans(database) == [(f"arxiv:{ICE}", 5, "02", "03")]


async def test_several_histories_become_one(database: Database) -> None:
    """Two titles and the paper that both are were measured, each since a day of its own."""
    for day, stars in ((1, 5), (2, 5), (3, 6), (4, 6)):
        page = page_of([(["cold with code", "cold, retitled", "ice"][day % 3], 1, None, None)], "text:01")
        await papers.sight(database, page, "text_a", "text:01")
        await count_stars(database, day, stars)
    await merging.merge(database, [merge_of(one) async for one in papers.unresolved(database, waiting=True)])
    assert await spans(database) == [(f"arxiv:{ICE}", 5, "02", "03"), (f"arxiv:{ICE}", 6, "04", "05")]


# --- the machine ------------------------------------------------------------------------------------------

ALL = 1000  # requests: more than any work takes
STEPS = st.sampled_from([1, 1, 2, 3, ALL])


class Told(NamedTuple):
    """What a digest told of a paper the last time."""

    values: Document
    crawled: bool


class Identity(RuleBasedStateMachine):
    """Two who store pages, two who resolve, one who asks arXiv and one who asks GitHub."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.database, self.loop = database, loop
        self.work: dict[str, Work] = {}
        self.running: dict[str, Process] = {}
        self.day = 0
        self.listed: list[Listing] = []
        self.told: dict[tuple[str, str], Told] = {}
        self.stars: dict[str, int] = {}
        self.measured: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)

    @initialize(rows=pages(OPEN))
    def begin(self, rows: list[Row]) -> None:
        """One database for all, emptied (its indexes cost more than its papers), with a first page."""
        self.loop.run_until_complete(self._begin(self._page(COPIES[0], rows)))

    async def _begin(self, first: Work) -> None:
        await emptied(self.database)
        await first(self.database)

    @rule(how=st.sampled_from([search, fold]), steps=STEPS)
    def resolver(self, how: Work, steps: int) -> None:
        """Begins, or goes on with what it began."""
        self._go_on("resolver", lambda: how, steps)

    @rule(how=st.sampled_from([search, fold]), steps=STEPS)
    def another_resolver(self, how: Work, steps: int) -> None:
        """The same beside it."""
        self._go_on("another resolver", lambda: how, steps)

    @rule(digest=st.sampled_from(COPIES), rows=pages([*OPEN, "ice"]), steps=STEPS)
    def copier(self, digest: str, rows: list[Row], steps: int) -> None:
        """Stores text copies, one after the other."""
        self._go_on("copier", lambda: self._page(digest, rows), steps)

    @rule(digest=st.sampled_from(DAYS), rows=pages(KNOWN), own=st.booleans(), steps=STEPS)
    def crawler(self, digest: str, rows: list[Row], *, own: bool, steps: int) -> None:
        """Stores days, read at their own place or saved by somebody."""
        self._go_on("crawler", lambda: self._page(digest, rows, own=own), steps)

    def _page(self, digest: str, rows: list[Row], *, own: bool = False) -> Work:
        page, day = page_of(rows, digest), self._tomorrow() if own else None
        for one in page.listings:
            paper_id = listed_under(one)
            self.listed.append(one)
            values = {**one.model_dump(include={"position", "comments", "upvotes"}), "page_date": None}
            values["title"] = collapse(one.title or "")
            if own or (digest, paper_id) not in self.told or not self.told[digest, paper_id].crawled:
                self.told[digest, paper_id] = Told(values, own)
            for metric in ("upvotes", "comments") if day else ():
                if (value := values[metric]) is not None:
                    self.measured[paper_id, metric][day or ""] = value
        return partial(crawl, page=page, digest=digest, day=day)

    @rule(title=st.sampled_from(RETITLED), steps=STEPS)
    def arxiv(self, title: str, steps: int) -> None:
        """Has another title for a paper."""
        self._go_on("arxiv", lambda: partial(ask, told=entry(ICE, title, self.day)), steps)

    @rule(stars=st.integers(5, 6), steps=STEPS)
    def github(self, stars: int, steps: int) -> None:
        """Counts the stars of another day."""
        self._go_on("github", lambda: self._count(stars), steps)

    def _count(self, stars: int) -> Work:
        day = self._tomorrow()
        self.stars[day] = stars
        naming = self.database["papers"].find({"repos.full_name": "Ice/Floe"}).to_list()
        for paper in self.loop.run_until_complete(naming):
            self.measured[final(paper["_id"]), "stars"][day] = stars
        return partial(count_stars, day=self.day, stars=stars)

    def _tomorrow(self) -> str:
        self.day += 1
        return at(self.day).date().isoformat()

    @precondition(lambda self: "copier" not in self.work)
    @rule(digest=st.sampled_from(COPIES), day=st.sampled_from(["2026-03-04", "2026-03-05"]))
    def dated(self, digest: str, day: str) -> None:
        """By what it lists, as it is after resolving."""
        self.loop.run_until_complete(papers.date_sightings(self.database, digest, day, "newest_id"))
        for (told, _), one in self.told.items():
            if told == digest:
                one.values["page_date"] = day

    def _go_on(self, name: str, begun: Callable[[], Work], steps: int) -> None:
        if name not in self.work:
            self.work[name] = begun()
        self.loop.run_until_complete(self._step(name, steps))

    async def _step(self, name: str, steps: int) -> None:
        if name not in self.running:
            self.running[name] = Process(self.database, self.work[name])
        for _ in range(steps):
            if await self.running[name].step():
                del self.running[name], self.work[name]
                return

    @precondition(lambda self: bool(self.running))
    @rule(who=st.data())
    def killed(self, who: st.DataObject) -> None:
        """One of them loses all it had in mind, and will begin its work again; until then no alias leads astray."""
        process = self.running.pop(who.draw(st.sampled_from(sorted(self.running))))
        self.loop.run_until_complete(self._killed(process))

    async def _killed(self, process: Process) -> None:
        await process.kill()
        # A page's names are stored before its papers.
        assert await astray(self.database) <= {listed_under(one) for one in self.listed}

    # in the end

    def teardown(self) -> None:
        """All come to their end, and a resolver after them; then what is stored is what was told."""
        self.loop.run_until_complete(self._end())

    async def _end(self) -> None:
        for name in list(self.work):
            await self._step(name, ALL)
        await search(self.database)
        stored = [await self.database[name].find().to_list() for name in ("papers", "aliases", "observations")]
        found, led, spans = ({one["_id"]: one for one in several} for several in stored)
        self.check_papers(found)
        self.check_aliases(found, led)
        self.check_history(found, list(spans.values()))

    def check_papers(self, found: dict[str, Document]) -> None:
        """Those that were listed, each under its last id, with all that was told of it and every sighting once."""
        assert set(found) == {final(paper_id) for _, paper_id in self.told}
        for paper_id, document in found.items():
            paper = paper_of(document)
            assert paper.ids.arxiv == (paper_id.removeprefix("arxiv:") if paper_id.startswith("arxiv:") else None)
            told = defaultdict(list)  # a digest may list one paper under two titles: one of them stands
            for (digest, listed), one in self.told.items():
                if final(listed) == paper_id:
                    told[digest].append(one.values)
            assert [one.digest for one in paper.sightings] == sorted(told)
            for sighting in paper.sightings:
                shown = sighting.model_dump() | {"title": sighting.listed_title or paper.title}
                assert {key: shown[key] for key in told[sighting.digest][0]} in told[sighting.digest]
            texts = {collapse(one.abstract) for one in self._of(paper_id) if one.abstract}
            others = {one["abstract"] for one in document["_work"]["other_abstracts"]}
            abstracts = (others | {document["abstract"]}) - {None}
            assert texts <= abstracts <= texts | {collapse(abstract) for _, abstract in ENTRIES.values()}
            assert {repo.url for repo in paper.repos} == {
                link.url for text in abstracts for link in find_links(text, "abstract") if link.kind == "github"
            }

    def _of(self, paper_id: str) -> list[Listing]:
        return [one for one in self.listed if final(listed_under(one)) == paper_id]

    def check_aliases(self, found: dict[str, Document], led: dict[str, Document]) -> None:
        """Each leads to papers that live, every title to its papers, and every merge is told."""
        assert {one for alias in led.values() for one in alias["papers"]} <= set(found)
        for one in self.listed:
            before, now = listed_under(one), final(listed_under(one))
            if now.startswith("arxiv:"):
                assert now in led[title_id(one.title or "", None)]["papers"]
            if now != before:
                assert led[before]["merged_into"] == now
                assert led[before]["merged_at"] >= found[now]["first_seen"]
        for paper in found.values():
            if paper["arxiv"]["status"] == "ok":
                for name in (title_id(paper["title"], None), f"doi:{paper['ids']['doi']}".lower()):
                    assert paper["_id"] in led[name]["papers"]

    def check_history(self, found: dict[str, Document], spans: list[Document]) -> None:
        """Every value that was measured, of the papers that live, and none twice."""
        series = defaultdict(list)
        for one in spans:
            series[one["paper"], one["metric"]].append(one)
            days = self.stars if one["metric"] == "stars" else self.measured[one["paper"], one["metric"]]
            assert days[one["first_day"]] == days[one["last_day"]] == one["value"]
        assert {paper_id for paper_id, _ in series} <= set(found)
        for which, days in self.measured.items():
            for day, value in days.items():
                assert any(one["first_day"] <= day <= one["last_day"] for one in series[which] if one["value"] == value)
        for several in series.values():
            for one, other in combinations(several, 2):
                assert one["first_day"] > other["last_day"] or other["first_day"] > one["last_day"]


@pytest.mark.long
def test_no_interleaving_loses_or_doubles_anything(mongo_uri: str, request: pytest.FixtureRequest) -> None:
    """2,000 random interleavings with `--whole`, else a tenth: sightings, ids, aliases, merges and histories."""
    connection = connect.connected(mongo_uri, f"test_{uuid4().hex}")
    examples = EXAMPLES if request.config.getoption("whole") else TENTH
    with asyncio.Runner() as runner:
        database = runner.run(connection.__aenter__())
        run_state_machine_as_test(
            partial(Identity, database, runner.get_loop()),  # type: ignore[arg-type]
            settings=settings(
                max_examples=examples,
                stateful_step_count=25,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate, Phase.shrink],
            ),
        )
        runner.run(database.client.drop_database(database.name))
        runner.run(connection.__aexit__(None, None, None))
