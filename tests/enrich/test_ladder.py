"""The ladder from a title to its paper, against the stand-in: store, local index, then each provider in turn."""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from enrich.errors import TryLater
from enrich.evidence import Described
from enrich.resolve import LADDER, NOBODY, OLDER, UNSEARCHABLE, Open, Plan, look_up, plan, resolve
from storage import decisions
from storage.documents import Listing, Page, Resolution
from storage.errors import StorageError
from storage.papers import sight
from storage.title_index import NAME, Indexed, TitleIndex, writing
from tests import standin
from tests.enrich.harvest import Shown, asked_of, corpus_of, doors, list_one, list_rows, stored
from tests.enrich.scripted import Reply, door, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from enrich.report import Report
    from storage.connect import Database
    from storage.documents import Paper
    from tests.standin import Corpus, Server

HF_ON = {"PAPERHARVEST_PROVIDERS__HUGGINGFACE__ENABLED": "true"}
ABSTRACT = "We measure how rivers freeze from both banks, and find that the left one is the colder of the two."
OTHER = "A theory of bridges is given, with proofs for those of wood, of stone, of rope and of good intentions."
WHOLE = " ".join(f"word{n}" for n in range(60))
TITLE = "How Ice Grows"
ICE = {"title": TITLE, "abstract": ABSTRACT, "authors": ["A. Frost", "B. Rime"], "published": "2024-01-02"}
ID = "2401.00001"
INDEXED = Indexed(ID, (TITLE,), ("A. Frost", "B. Rime"), ABSTRACT, "2024-01-02")
LATER = [name for name in LADDER if name != "arxiv"]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[TitleIndex]:
    """An index of one paper."""
    with closing(indexing(tmp_path, INDEXED)) as made:
        yield made


def indexing(folder: Path, *papers: Indexed) -> TitleIndex:
    """An index of these papers."""
    with writing(folder, keep=False) as add:
        add(papers)
    return TitleIndex(folder)


async def climb(
    server: Server, database: Database, index: TitleIndex | None = None, names: tuple[str, ...] = LADDER, **more: str
) -> Report:
    """One run of the resolution with these providers."""
    async with doors(server, database, **HF_ON, **more) as apis:
        return await resolve(database, {name: apis[name] for name in names}, index, Shown())


async def planned(server: Server, database: Database, index: TitleIndex | None = None) -> Plan:
    """What a run would ask."""
    async with doors(server, database, **HF_ON) as apis:
        return await plan(database, apis, index)


async def only(database: Database) -> Paper:
    """The only paper there is."""
    [paper] = (await stored(database)).values()
    return paper


async def list_dated(database: Database, title: str, day: str, abstract: str | None = None) -> None:
    """Store a digest with one entry of a day."""
    shown = Listing(
        position=1,
        title=title,
        abstract=abstract,
        listed_date=dt.date.fromisoformat(day),
        listed_date_basis="shown_year",
    )
    await sight(database, Page(listings=(shown,)), "text_a", "text:01")


async def everything(database: Database) -> dict[str, list[Any]]:
    """All that is stored."""
    names = ("papers", "aliases", "merges", "observations", "providers")
    return {name: await database[name].find().sort("_id", 1).to_list() for name in names}


# --- rung by rung -----------------------------------------------------------------------------------------


async def test_the_index_answers_without_a_request(database: Database, index: TitleIndex) -> None:
    """Whatever providers there are; the method says so, with what speaks for it."""
    await list_one(database, "how ice grows!", ABSTRACT)
    async with standin.serve(corpus_of(ICE)) as server:
        report = await climb(server, database, index)
    assert (server.log, report.requests, report.counts["resolved"], report.complete) == ([], 0, 1, True)
    paper = await only(database)
    assert (paper.id, paper.resolution.method, paper.resolution.score) == (f"arxiv:{ID}", "index", 1.0)
    assert (paper.title, paper.arxiv.status) == ("how ice grows!", "pending")


@pytest.mark.parametrize("name", LADDER)
async def test_each_rung_finds_by_itself(database: Database, name: str) -> None:
    """Where it is the only one, it is the method."""
    await list_one(database, TITLE, ABSTRACT)
    async with standin.serve(corpus_of(ICE)) as server:
        report = await climb(server, database, names=(name,))
    assert asked_of(server) == {name: 1}
    assert (report.counts["resolved"], report.requests, report.complete) == (1, 1, True)
    paper = await only(database)
    assert (paper.id, paper.resolution.method) == (f"arxiv:{ID}", name)
    assert paper.arxiv.status == ("ok" if name == "arxiv" else "pending")


async def test_each_rung_is_asked_for_what_is_still_open(database: Database, index: TitleIndex) -> None:
    """One title is in the index, one at arXiv, one is misspelt, and one is nobody's."""
    snow = {"title": "Why Snow Falls in Winter", "abstract": OTHER}
    hail = {"title": "Hail Storms Explained Again", "abstract": " ".join(f"word{n}" for n in range(30))}
    corpus = corpus_of(ICE, snow, hail)
    titles = [TITLE, snow["title"], "Hail Stroms Explained Again", "Melting Backwards"]
    abstracts = [ABSTRACT, OTHER, hail["abstract"], " ".join(f"else{n}" for n in range(30))]
    listed = tuple(
        Listing(position=at, title=title, abstract=abstract)
        for at, (title, abstract) in enumerate(zip(titles, abstracts, strict=True), 1)
    )
    await sight(database, Page(listings=listed), "text_a", "text:01")
    async with standin.serve(corpus) as server:
        report = await climb(server, database, index)
        asked = {name: [each for seen in server.log if seen.provider == name for each in seen.asked] for name in LADDER}
    assert (report.counts["resolved"], report.counts["not_found"]) == (3, 1)
    assert sorted(asked["arxiv"]) == sorted(f'ti:"{title}"' for title in titles[1:])
    assert sorted(asked["semantic_scholar"]) == sorted(titles[2:])
    assert asked["openalex"] == asked["huggingface"] == titles[3:]
    methods = {paper.id: paper.resolution.method for paper in (await stored(database)).values()}
    assert list(methods.values()) == ["index", "arxiv", "semantic_scholar", "huggingface"]


async def test_a_switched_off_rung_is_none(database: Database) -> None:
    """Nobody asks it, and what the others do not know is not found."""
    await list_one(database, TITLE, ABSTRACT)
    async with standin.serve(corpus_of({**ICE, "title": "Snow", "abstract": OTHER})) as server:
        off = {f"PAPERHARVEST_PROVIDERS__{name.upper()}__ENABLED": "false" for name in ("arxiv", "openalex")}
        async with doors(server, database, **off) as apis:
            await resolve(database, apis, None, Shown())
    assert asked_of(server) == {"semantic_scholar": 1}
    assert (await only(database)).resolution.status == "not_found"


STRANGERS = [{"id": f"2312.{n:05}", "title": f"How Ice Goes {n}", "abstract": OTHER} for n in range(1, 31)]
RETITLED = corpus_of({**ICE, "title": "Freeze: Rivers in Winter", "abstract": WHOLE}, *STRANGERS)


async def test_the_name_before_a_colon_is_asked_for_where_the_abstract_can_decide(database: Database) -> None:
    """A paper that was retitled behind its name is found by it; a bare title is not asked for so."""
    await list_one(database, "Freeze: How Ice Grows", WHOLE)
    async with standin.serve(RETITLED) as server:
        await climb(server, database, names=("arxiv",))
        await list_one(database, "Freeze: How Ice Grows", digest="text:02")
        await climb(server, database, names=("arxiv",))
    title, name = ['ti:"Freeze How Ice Grows"'], ['ti:"Freeze"']
    assert [seen.asked for seen in server.log] == [title, name, title]
    found, left = (await stored(database)).values()
    assert (found.id, found.resolution.method, found.title) == (f"arxiv:{ID}", "arxiv", "Freeze: Rivers in Winter")
    assert found.sightings[0].listed_title == "Freeze: How Ice Grows"
    assert left.ids.arxiv is None


async def test_what_one_rung_saw_counts_on_the_next(database: Database, tmp_path: Path) -> None:
    """Two papers of a title, each known to one source alone, are two papers all the same."""
    twin = {**ICE, "id": "2402.00002"}
    shown = Listing(position=1, title=TITLE, authors_count=2)
    await sight(database, Page(listings=(shown,)), "text_a", "text:01")
    with closing(indexing(tmp_path, INDEXED._replace(authors=("A", "B", "C")))) as index:
        async with standin.serve(corpus_of(twin)) as server:
            await climb(server, database, index, names=("arxiv",))
    resolution = (await only(database)).resolution
    assert (resolution.status, resolution.method) == ("ambiguous", "arxiv")
    assert [one.arxiv_id for one in resolution.candidates] == ["2402.00002", ID]


async def test_who_does_not_know_a_paper_makes_no_other_certain(database: Database) -> None:
    """One shows the paper that it takes a bare title for, and maybe not all; another knows none of that title."""
    numbers = (f"2401.{n:05}" for n in range(1, 1000))
    strange = next(
        one for one in numbers if standin.known_to("semantic_scholar", one) and not standin.known_to("openalex", one)
    )
    await list_one(database, TITLE)
    async with standin.serve(corpus_of({**ICE, "id": strange})) as server:
        await climb(server, database, names=("semantic_scholar", "openalex"))
    resolution = (await only(database)).resolution
    assert (resolution.status, [one.arxiv_id for one in resolution.candidates]) == ("ambiguous", [strange])
    assert asked_of(server) == {"semantic_scholar": 1, "openalex": 1}


# --- rungs that give no answer ----------------------------------------------------------------------------

FAR = standin.answer_json({"message": "slow down"}, 429, Retry_After="600")


@pytest.mark.parametrize("silent", LADDER)
async def test_a_rung_that_is_told_to_wait_leaves_it_to_the_others(database: Database, silent: str) -> None:
    """Found by another it is found; not found by any it waits, with the reason, and is never called not found."""
    await list_one(database, TITLE, ABSTRACT)
    await list_one(database, "Melting Backwards", OTHER, digest="text:02")
    async with standin.serve(corpus_of(ICE), instead=refusing(silent)) as server:
        report = await climb(server, database)
    found, waits = (await stored(database)).values()
    assert (found.id, found.resolution.method) == (f"arxiv:{ID}", "semantic_scholar" if silent == "arxiv" else "arxiv")
    assert waits.resolution.status == "pending"
    assert waits.arxiv.reason == report.why
    assert report.why is not None
    assert (report.counts["resolved"], report.waiting) == (1, 1)
    assert asked_of(server)[silent] == 1


def refusing(name: str) -> Mapping[str, standin.Answer]:
    """Answers by path that make one provider tell everybody to wait."""
    paths = {
        "arxiv": "/api/query",
        "semantic_scholar": "/graph/v1/paper/search/match",
        "openalex": "/works",
        "huggingface": "/api/papers/search",
    }
    return {paths[name]: FAR}


async def test_closed_doors_leave_it_pending(database: Database) -> None:
    """All of them: no answer is no answer, and nobody is asked."""
    await list_one(database, TITLE, ABSTRACT)
    async with standin.serve(corpus_of(ICE)) as server, doors(server, database, **HF_ON) as apis:
        for api in apis.values():
            api.close(TryLater("no network"))
        report = await resolve(database, apis, None, Shown())
    paper = await only(database)
    assert (paper.resolution.status, paper.arxiv.reason) == ("pending", "no network")
    assert (server.log, report.waiting, report.complete) == ([], 1, False)


@pytest.mark.parametrize("name", LADDER)
@pytest.mark.parametrize("body", ["<html>Down for maintenance</html>", "", "{}", "null", '{"error": "strange"}', "[1]"])
async def test_another_answer_is_never_not_found(database: Database, name: str, body: str) -> None:
    """A 200 of another shape says nothing: the title failed, and the next run asks again."""
    await list_one(database, TITLE, ABSTRACT)
    async with serving(Reply(body)) as server, door(server.url, database, name) as api:
        report = await resolve(database, {name: api}, None, Shown())
    paper = await only(database)
    assert (paper.resolution.status, report.complete) == ("failed", False)
    assert paper.arxiv.reason == report.why
    assert len(server.log) == (2 if body else 5)
    async with standin.serve(corpus_of(ICE)) as whole:
        await climb(whole, database, names=(name,))
    assert (await only(database)).id == f"arxiv:{ID}"


@pytest.mark.parametrize("name", LADDER)
async def test_a_rung_that_fails_leaves_it_to_the_others(database: Database, name: str) -> None:
    """A page for people where an answer should be: whoever else knows the paper finds it."""
    await list_one(database, TITLE, ABSTRACT)
    page = {path: standin.Answer(200, "<html>Hello</html>", standin.HTML) for path in refusing(name)}
    async with standin.serve(corpus_of(ICE), instead=page) as server:
        await climb(server, database, names=(name, "openalex" if name != "openalex" else "huggingface"))
    assert (await only(database)).id == f"arxiv:{ID}"


@pytest.mark.parametrize(
    ("options", "name", "put_off"),
    [({"openalex_credits": 5}, "openalex", True), ({"semantic_scholar_wants_key": True}, "semantic_scholar", True)],
)
async def test_a_budget_or_a_key_that_is_wanting_is_a_note(
    database: Database, options: dict[str, Any], name: str, put_off: bool
) -> None:
    """The title waits, the run is complete; what to do is said."""
    await list_one(database, "Melting Backwards", OTHER)
    async with standin.serve(corpus_of(ICE), **options) as server:
        report = await climb(server, database)
    paper = await only(database)
    assert (paper.resolution.status, report.waiting, report.put_off) == ("pending", 1, put_off)
    assert report.complete is put_off
    assert f"set {name.upper()}_API_KEY" in (report.why or "") or "set S2_API_KEY" in (report.why or "")


# --- the next run -----------------------------------------------------------------------------------------


async def test_the_next_run_asks_who_was_silent(database: Database) -> None:
    """And nobody else on the same day; what was seen meanwhile is kept."""
    like = {**ICE, "title": "How Ice Grew", "abstract": OTHER}
    await list_one(database, TITLE)
    async with standin.serve(corpus_of(like), instead=refusing("openalex")) as server:
        await climb(server, database)
        waits = (await only(database)).resolution
        first = asked_of(server)
        server.options.instead = {}
        await gates_open(database)
        await climb(server, database)
        asked = {name: number - first[name] for name, number in asked_of(server).items() if number > first[name]}
    after = (await only(database)).resolution
    assert first == dict.fromkeys(LADDER, 1)
    assert (waits.status, asked, after.status) == ("pending", {"openalex": 1}, "ambiguous")
    assert [one.arxiv_id for one in waits.candidates] == [one.arxiv_id for one in after.candidates] == [ID]


async def test_who_is_new_is_asked_for_what_nobody_knew(database: Database) -> None:
    """On the same day: a provider that was switched on since; those that answered are not asked again."""
    await list_one(database, "Melting Backwards", OTHER)
    async with standin.serve(corpus_of(ICE)) as server:
        await climb(server, database, names=("arxiv",))
        await climb(server, database, names=("arxiv", "huggingface"))
        await climb(server, database, names=("arxiv", "huggingface"))
    assert asked_of(server) == {"arxiv": 1, "huggingface": 1}
    assert (await only(database)).resolution.status == "not_found"


async def gates_open(database: Database) -> None:
    """Let a told wait pass."""
    await database["providers"].delete_many({})


async def test_a_rival_of_an_earlier_run_is_not_forgotten(database: Database) -> None:
    """ArXiv showed a paper of this title that may be it; whoever answers later knows another."""
    rival = {**ICE, "id": "2401.00007", "abstract": OTHER, "authors": ["C. Snow", "D. Hail", "E. Sleet"]}
    shown = Listing(position=1, title=TITLE, authors_count=2)
    await sight(database, Page(listings=(shown,)), "text_a", "text:01")
    async with standin.serve(corpus_of(rival), instead=refusing("openalex")) as server:
        await climb(server, database, names=("arxiv", "openalex"))
    assert [one.arxiv_id for one in (await only(database)).resolution.candidates] == ["2401.00007"]
    await gates_open(database)
    async with standin.serve(corpus_of(ICE)) as server:
        await climb(server, database, names=("arxiv", "openalex"))
    assert asked_of(server) == {"openalex": 1}
    assert (await only(database)).resolution.status == "ambiguous"


async def test_a_name_that_was_not_asked_for_is_asked_for_later(database: Database) -> None:
    """ArXiv answered to the title and told to wait at the name: that is no whole answer."""
    await list_one(database, "Freeze: How Ice Grows", WHOLE)
    async with standin.serve(RETITLED, instead={'ti:"Freeze"': FAR}) as server:
        await climb(server, database, names=("arxiv",))
    assert (await only(database)).resolution.status == "pending"
    await gates_open(database)
    async with standin.serve(RETITLED) as server:
        await climb(server, database, names=("arxiv",))
    assert (await only(database)).id == f"arxiv:{ID}"


async def test_a_new_index_is_news(database: Database, index: TitleIndex, tmp_path: Path) -> None:
    """A title that waits for its time is looked up in an index that was made since, and only there."""
    await list_one(database, "Melting Backwards")
    async with standin.serve(corpus_of(ICE)) as server:
        await climb(server, database, index)
        before, asked = await everything(database), len(server.log)
        await climb(server, database, index)
        assert (await everything(database), len(server.log)) == (before, asked)
        earlier = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
        await database["papers"].update_one({}, {"$set": {"_work.asked_at": earlier}})
        with closing(indexing(tmp_path, Indexed("2401.00009", ("Melting Backwards",)))) as newer:
            assert (await planned(server, database, newer))[:3] == (1, 0, 0)
            await climb(server, database, newer)
        assert len(server.log) == asked
    paper = await only(database)
    assert (paper.id, paper.resolution.method) == ("arxiv:2401.00009", "index")


# --- an index that is older -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "status", "reason"),
    [("2023-12-31", "not_found", None), ("2024-01-31", "pending", OLDER), ("2024-02-01", "pending", OLDER)],
)
async def test_an_index_that_ends_before_says_nothing(
    database: Database, index: TitleIndex, day: str, status: str, reason: str | None
) -> None:
    """Of later papers, nor of its last month, which may be no whole one: they wait where nobody else is asked."""
    await list_dated(database, "Melting Backwards", day, OTHER)
    report = await resolve(database, {}, index, Shown())
    paper = await only(database)
    assert (paper.resolution.status, paper.arxiv.reason) == (status, reason)
    assert (report.waiting, report.complete) == (int(status == "pending"), True)


async def test_a_namesake_in_the_index_is_no_end(database: Database, index: TitleIndex) -> None:
    """Its abstract is another: whoever knows the paper of this one is asked for it."""
    await list_one(database, TITLE, OTHER)
    async with standin.serve(corpus_of({**ICE, "id": "2405.00005", "abstract": OTHER})) as server:
        await climb(server, database, index)
    assert ((await only(database)).id, asked_of(server)) == ("arxiv:2405.00005", {"arxiv": 1})


async def test_a_provider_tells_what_an_old_index_cannot(database: Database, index: TitleIndex) -> None:
    """Found or not."""
    await list_dated(database, "Melting Backwards", "2024-05-01", OTHER)
    async with standin.serve(corpus_of(ICE)) as server:
        await climb(server, database, index)
    assert (await only(database)).resolution.status == "not_found"


async def test_a_namesake_in_an_old_index_is_no_answer(database: Database, index: TitleIndex) -> None:
    """Its month is another: a person may choose it, nobody else."""
    await list_dated(database, TITLE, "2024-05-01")
    await resolve(database, {}, index, Shown())
    resolution = (await only(database)).resolution
    assert resolution.status == "ambiguous"
    assert resolution.candidates[0].reasons == ("the same title", "an id of 2024-01")


# --- look-alikes ------------------------------------------------------------------------------------------

ALIKE = [
    ("How Ice Grows in Cold Rivers 2", "How Ice Grows in Cold Rivers 3"),
    ("How Ice Grows in Cold Rivers II", "How Ice Grows in Cold Rivers III"),
    ("How Ice Grows in Cold Rivers", "How Ice Grew in Cold Rivers"),
    ("How Ice Grows in Cold Rivers", "How Snow Grows in Cold Rivers"),
    ("How Ice Grows in Cold Rivers", "In Cold Rivers: How Ice Grows"),
    ("How Ice Grows in Cold Rivers", "How Ice Grows in Cold Rivers Part II"),
    ("Ice: A Tale of Rivers", "Ice: A Tale of Bridges"),
    ("Ice", "Ice in Rivers"),
]


@pytest.mark.parametrize("name", ["index", *LADDER])
@pytest.mark.parametrize(("asked", "told"), ALIKE)
async def test_a_look_alike_is_not_taken(database: Database, tmp_path: Path, name: str, asked: str, told: str) -> None:
    """From any rung, with or without an abstract that is another's."""
    await list_one(database, asked)
    await list_one(database, asked, OTHER, digest="text:02")
    row = {**ICE, "title": told}
    async with standin.serve(corpus_of(row)) as server:
        if name == "index":
            with closing(indexing(tmp_path, INDEXED._replace(titles=(told,)))) as index:
                await climb(server, database, index, names=())
        else:
            await climb(server, database, names=(name,))
    papers = await stored(database)
    assert [paper.ids.arxiv for paper in papers.values()] == [None, None]
    assert {paper.resolution.status for paper in papers.values()} <= {"ambiguous", "not_found"}


@pytest.mark.parametrize(
    "title",
    [
        "Ice",
        "?!",
        "AND OR NOT",
        'ti:"Ice" AND all:(rivers)',
        "-Ice -Grows",
        "word " * 400,
        "x" * 2000,
        "תורת הגרפים: מבוא",
        "https://arxiv.org/abs/2401.00001",
        "arXiv:2401.00001v2",
        "2401.00001",
    ],
)
async def test_a_strange_title_is_answered(database: Database, index: TitleIndex, title: str) -> None:
    """By every rung: not found, or that it cannot be searched for; never a paper, and no rung is put out by it."""
    await list_one(database, title)
    async with standin.serve(corpus_of(ICE, {"title": "Why Snow Falls", "abstract": OTHER})) as server:
        report = await climb(server, database, index)
    paper = await only(database)
    assert paper.ids.arxiv is None
    assert paper.resolution.status == ("pending" if title == "?!" else "not_found")
    assert report.complete


async def test_a_title_that_nobody_can_search_for_waits(database: Database) -> None:
    """Without an index; the reason says so."""
    await list_one(database, "?!")
    async with standin.serve(corpus_of(ICE)) as server:
        report = await climb(server, database)
    paper = await only(database)
    assert (paper.resolution.status, paper.arxiv.reason, server.log) == ("pending", UNSEARCHABLE, [])
    assert (report.counts["unsearchable"], report.waiting) == (1, 0)


# --- what would be asked ----------------------------------------------------------------------------------


def world() -> tuple[Corpus, list[Listing]]:
    """Titles that the index, arXiv, or nobody knows, some of them with a name before a colon."""
    abstracts = [" ".join(f"word{n}x{place}" for place in range(30)) for n in range(60)]
    titles = [f"Name{n}: A Tale of {n} Rivers" if n % 4 == 0 else f"A Tale of {n} Rivers" for n in range(60)]
    known = [{"title": titles[n], "abstract": abstracts[n]} for n in range(1, 60, 2)]
    listed = [
        Listing(position=n, title=title, abstract=abstract)
        for n, (title, abstract) in enumerate(zip(titles, abstracts, strict=True), 1)
    ]
    return corpus_of(*known), listed


@pytest.mark.parametrize("knowing", ["all", "half", "none"])
async def test_the_plan_is_what_is_then_asked(database: Database, tmp_path: Path, knowing: str) -> None:
    """No provider gets more than was said, the first one no less; nothing is asked or stored before."""
    corpus, listed = world()
    await sight(database, Page(listings=tuple(listed)), "text_a", "text:01")
    rows = list(corpus.rows.values())[: {"all": 30, "half": 15, "none": 0}[knowing]]
    papers = [Indexed(row.id, (row.title,), None, row.abstract) for row in rows] or [INDEXED]
    before = await everything(database)
    with closing(indexing(tmp_path, *papers)) as index:
        async with standin.serve(corpus) as server:
            told = await planned(server, database, index)
            assert server.log == []
            assert await everything(database) == before
            report = await climb(server, database, index)
            asked = asked_of(server)
    assert (told.found, told.waiting, told.open) == (len(rows), 0, 60 - len(rows))
    assert [visit.provider for visit in told.visits] == list(LADDER)
    for visit in told.visits:
        assert visit.fewest <= asked.get(visit.provider, 0) <= visit.most
    assert (told.visits[0].fewest, told.visits[0].interval) == (-(-told.open // 20), 0.0)
    assert report.counts["resolved"] == 30


async def test_the_plan_says_who_waits(database: Database) -> None:
    """Titles that were asked for today, and those a person decided or that are known already."""
    await list_one(database, "Melting Backwards", OTHER)
    await list_one(database, TITLE, ABSTRACT, digest="text:02")
    async with standin.serve(corpus_of(ICE)) as server:
        await climb(server, database)
        await list_one(database, TITLE, ABSTRACT, digest="text:03")
        told = await planned(server, database)
    assert told[:3] == (1, 1, 0)
    assert [(visit.fewest, visit.most) for visit in told.visits] == [(0, 0)] * 4


# --- people, and others at work ---------------------------------------------------------------------------


async def test_what_a_person_decided_is_followed(database: Database, index: TitleIndex) -> None:
    """Without asking anybody, whatever the evidence says; listed again, it is folded by the decision."""
    await list_one(database, TITLE, ABSTRACT)
    async with standin.serve(corpus_of(ICE)) as server:
        await decisions.decide(database, TITLE, "2405.00005")
        await list_one(database, TITLE, ABSTRACT, digest="text:02")
        told = await planned(server, database, index)
        report = await climb(server, database, index)
    assert (server.log, report.counts["resolved"], told.found) == ([], 1, 1)
    paper = await only(database)
    assert (paper.id, paper.resolution.method) == ("arxiv:2405.00005", "manual")
    assert [one.digest for one in paper.sightings] == ["text:01", "text:02"]


async def test_two_resolvers_at_once_end_the_same(database: Database) -> None:
    """Each paper once, every sighting kept, all found, whoever was first."""
    corpus = corpus_of(*({"title": f"Title number {n}", "abstract": f"{OTHER} {n}"} for n in range(45)))
    await list_rows(database, corpus.rows.values())
    await list_rows(database, corpus.rows.values(), digest="text:02")
    async with standin.serve(corpus) as server:
        await asyncio.gather(climb(server, database), climb(server, database))
        assert not any(seen.undercut for seen in server.log)
    papers = await stored(database)
    assert set(papers) == {f"arxiv:{one}" for one in corpus.rows}
    for paper in papers.values():
        assert paper.resolution.method in ("arxiv", "alias")
        assert [one.digest for one in paper.sightings] == ["text:01", "text:02"]


# --- one title --------------------------------------------------------------------------------------------


def opened(title: str, **told: Any) -> Open:
    """A title that nobody was asked for yet."""
    return Open({"_id": "title:1", "resolution": Resolution().model_dump()}, Described(title, **told))


async def test_nothing_decides_without_an_answer(index: TitleIndex) -> None:
    """Neither a title that nobody was asked for, nor one that the index is too old for."""
    fresh = opened("Melting Backwards")
    assert (fresh.outcome(NOBODY)[0].status, fresh.outcome(NOBODY)[1]) == ("pending", NOBODY)
    look_up(fresh, index)
    assert (fresh.outcome(NOBODY)[0].status, fresh.answered) == ("not_found", ["index"])
    late = opened("Melting Backwards", date=dt.date(2024, 2, 1))
    look_up(late, index)
    assert (late.outcome(NOBODY)[0].status, late.outcome(NOBODY)[1], late.answered) == ("pending", OLDER, [])


TWIN = "Why Rain Falls in Winter"
BOOKS = [
    INDEXED,
    Indexed("2401.00002", ("How Snow Falls in Winter: A Tale",), None, OTHER),
    Indexed("2401.00003", (TWIN,)),
    Indexed("2401.00004", ("Hail", "On Hail and Its Storms")),
    Indexed("2401.00005", (TWIN,)),
]


@pytest.mark.long
def test_no_broken_bit_of_the_index_leads_to_another_paper(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A title is resolved to its own paper, left open, or the damage is told; a hidden twin makes nothing certain."""
    indexing(tmp_path, *BOOKS).close()
    path = tmp_path / NAME
    content = path.read_bytes()
    told = [at for at in range(len(content)) if any(content[max(0, at - 8) : at + 8])]  # the rest is empty
    found = 0
    for bit in range(0, 8 * len(told), 1 if request.config.getoption("whole") else 43):
        at = told[bit // 8]
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit % 8]) + content[at + 1 :])
        with suppress(StorageError), closing(TitleIndex(tmp_path)) as index:
            for book in BOOKS:
                one = opened(book.titles[-1], abstract=book.abstract)
                look_up(one, index)
                assert not one.found or one.decided.candidates[0].arxiv_id == book.arxiv_id
                assert not (one.found and TWIN in book.titles)
                found += one.found
    assert found > len(told) // 43
