"""From titles to arXiv ids, against the stand-in: on evidence, from whole answers, and otherwise not."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from enrich import http
from enrich.providers import arxiv
from enrich.resolve import NOBODY, UNSEARCHABLE, resolve
from tests import standin
from tests.enrich.harvest import (
    EXAMPLES,
    Shown,
    corpus_of,
    find_titles,
    list_one,
    list_rows,
    stored,
)
from tests.enrich.scripted import Reply, door, serving
from tests.standin.invented import number

if TYPE_CHECKING:
    from enrich.report import Report
    from storage.connect import Database
    from storage.documents import Paper
    from tests.standin.corpus import Corpus

ABSTRACT = "We measure how rivers freeze from both banks, and find that the left one is the colder of the two."
OTHER = "A theory of bridges is given, with proofs for those of wood, of stone, of rope and of good intentions."
ICE = {"title": "How Ice Grows", "abstract": ABSTRACT, "authors": ["A. Frost", "B. Rime"]}


async def only(database: Database) -> Paper:
    """The only paper there is."""
    [paper] = (await stored(database)).values()
    return paper


def found(report: Report) -> dict[str, int]:
    """What became of the titles."""
    return {outcome: number for outcome, number in report.counts.items() if number}


async def make_due(database: Database) -> None:
    """Let a day pass, as far as waiting titles go."""
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    await database["papers"].update_many({}, {"$set": {"_work.ask_after": past}})


# --- found ------------------------------------------------------------------------------------------------


async def test_twelve_titles_are_one_question(database: Database) -> None:
    """Each finds its paper among hits of other papers; arXiv's own words and the listed ones are both kept."""
    await list_rows(database)
    shown = Shown()
    async with standin.serve() as server, door(f"{server.url}/arxiv", database, "arxiv") as api:
        report = await resolve(database, {"arxiv": api}, None, shown)
    assert (found(report), report.requests, report.complete) == ({"resolved": 12}, 1, True)
    assert shown.counts == {"titles": 12}
    papers = await stored(database)
    assert set(papers) == {f"arxiv:{row.id}" for row in EXAMPLES}
    for paper in papers.values():
        assert (paper.arxiv.status, paper.text_source, paper.resolution.method) == ("ok", "arxiv", "arxiv")
        assert (paper.resolution.score, paper.resolution.candidates) == (1.0, ())


def words(nth: int) -> str:
    """An abstract that shares no word with that of another number."""
    return " ".join(f"word{nth}x{place}" for place in range(20))


async def test_many_titles_are_asked_for_in_batches(database: Database) -> None:
    """Twenty phrases a request."""
    corpus = corpus_of(*({"title": f"Title number {n}", "abstract": words(n)} for n in range(45)))
    await list_rows(database, corpus.rows.values())
    async with standin.serve(corpus) as server:
        report = await find_titles(server, database)
    assert [seen.count for seen in server.log] == [20, 20, 5]
    assert found(report) == {"resolved": 45}


async def test_a_title_of_two_papers_is_asked_for_once(database: Database) -> None:
    """One answer serves both, and their abstracts tell them apart."""
    corpus = corpus_of(ICE, {**ICE, "abstract": OTHER})
    await list_rows(database, corpus.rows.values())
    async with standin.serve(corpus) as server:
        await find_titles(server, database)
    assert [seen.asked for seen in server.log] == [['ti:"How Ice Grows"']]
    assert {paper.id: paper.abstract for paper in (await stored(database)).values()} == {
        "arxiv:2401.00001": ABSTRACT,
        "arxiv:2401.00002": OTHER,
    }


@pytest.mark.parametrize(
    "title",
    [
        "How Ice Grows",
        "HOW ICE GROWS!",
        r"How \textbf{Ice} Grows",
        "How Ice-Grows",
        "How Ice: Grows",
        "How (Ice) Grows",
        "$How$ {Ice} Grows",
        "How Ïce Grows",
    ],
)
async def test_a_title_is_found_however_it_is_spelt(database: Database, title: str) -> None:
    """Punctuation that arXiv reads as syntax is not sent; LaTeX and accents are other spellings of one title."""
    await list_one(database, title, ABSTRACT)
    async with standin.serve(corpus_of(ICE)) as server:
        await find_titles(server, database)
    assert (await only(database)).id == "arxiv:2401.00001"


async def test_what_was_resolved_before_is_followed_without_asking(database: Database) -> None:
    """A crawler lists a paper again under its title: the alias leads to it, and how it was found stays."""
    await list_one(database, "How ice grows", ABSTRACT)
    async with standin.serve(corpus_of(ICE)) as server:
        await find_titles(server, database)
        await list_one(database, "How Ice Grows", ABSTRACT, digest="text:02")
        report = await find_titles(server, database)
    assert (found(report), report.requests, len(server.log)) == ({"resolved": 1}, 0, 1)
    paper = await only(database)
    assert [one.digest for one in paper.sightings] == ["text:01", "text:02"]
    assert paper.resolution.method == "arxiv"


async def test_a_run_killed_before_the_old_paper_went_ends_the_same(database: Database) -> None:
    """The next one folds what is left of it, without asking, and the paper is what it would have been."""
    await list_one(database, "How ice grows", ABSTRACT)
    [old] = [one async for one in database["papers"].find()]
    async with standin.serve(corpus_of(ICE)) as server:
        await find_titles(server, database)
        whole = await only(database)
        await database["papers"].insert_one(old)
        await find_titles(server, database)
    assert len(server.log) == 1
    assert (await only(database)).model_copy(update={"updated_at": whole.updated_at}) == whole


async def test_an_alias_is_no_answer(database: Database) -> None:
    """Another paper of the same title is not folded into the one we know: arXiv is asked."""
    await list_one(database, "How Ice Grows", ABSTRACT)
    async with standin.serve(corpus_of(ICE)) as server:
        await find_titles(server, database)
        await list_one(database, "How Ice Grows", OTHER, digest="text:02")
        report = await find_titles(server, database)
    assert (found(report), report.requests) == ({"ambiguous": 1}, 1)
    assert len(await stored(database)) == 2


async def test_without_arxiv_aliases_are_still_followed(database: Database) -> None:
    """What the disabled provider would tell waits, with the reason: a note."""
    await list_one(database, "How Ice Grows", ABSTRACT)
    async with standin.serve(corpus_of(ICE)) as server:
        await find_titles(server, database)
    await list_one(database, "How Ice Grows", ABSTRACT, digest="text:02")
    await list_one(database, "Something else", OTHER, digest="text:03")
    report = await resolve(database, {}, None, Shown())
    assert (found(report), report.requests) == ({"resolved": 1}, 0)
    assert (report.waiting, report.put_off, report.complete) == (1, True, True)
    resolved, waits = (await stored(database)).values()
    assert (resolved.resolution.status, waits.resolution.status) == ("resolved", "pending")
    assert waits.arxiv.reason == report.why == NOBODY


async def test_an_alias_needs_an_abstract(database: Database) -> None:
    """There may be another paper of that title which is not known here: without an abstract arXiv is asked."""
    await list_one(database, "How Ice Grows", ABSTRACT)
    async with standin.serve(corpus_of(ICE, {**ICE, "abstract": OTHER})) as server:
        await find_titles(server, database)
        await list_one(database, "How Ice Grows", digest="text:02")
        report = await find_titles(server, database)
    assert (found(report), report.requests) == ({"ambiguous": 1}, 1)


# --- not found, or not for certain ------------------------------------------------------------------------


async def test_two_papers_of_one_title_are_told_apart_by_the_abstract(database: Database) -> None:
    """The title finds both, the abstract accepts one."""
    await list_one(database, "How Ice Grows", ABSTRACT)
    async with standin.serve(corpus_of({**ICE, "abstract": OTHER}, ICE)) as server:
        await find_titles(server, database)
    assert (await only(database)).id == "arxiv:2401.00002"


async def test_two_papers_that_fit_are_ambiguous(database: Database) -> None:
    """Both are shown, neither is chosen, and nobody is asked again on the same day."""
    await list_one(database, "How Ice Grows", ABSTRACT)
    async with standin.serve(corpus_of(ICE, ICE)) as server:
        reports = [await find_titles(server, database) for _ in range(2)]
    assert [found(report) for report in reports] == [{"ambiguous": 1}, {}]
    assert len(server.log) == 1
    paper = await only(database)
    assert (paper.resolution.status, paper.ids.arxiv, paper.arxiv.status) == ("ambiguous", None, "pending")
    assert [(one.arxiv_id, one.score) for one in paper.resolution.candidates] == [
        ("2401.00001", 1.0),
        ("2401.00002", 1.0),
    ]


async def test_what_is_not_found_is_asked_again_after_days(database: Database) -> None:
    """The first time after a day, then after two: an answer that is certain today may be another tomorrow."""
    await list_one(database, "Melting Backwards", OTHER)
    gaps = []
    async with standin.serve(corpus_of(ICE)) as server:
        for _ in range(3):
            await find_titles(server, database)
            await find_titles(server, database)
            gaps.append(await days_to_wait(database))
            await make_due(database)
    assert [seen.count for seen in server.log] == [1, 1, 1]
    assert gaps == [1, 2, 4]
    assert (await only(database)).resolution.status == "not_found"


async def days_to_wait(database: Database) -> int:
    """After how many days the only paper is asked for again."""
    document: Any = await database["papers"].find_one()
    wait: dt.timedelta = document["_work"]["ask_after"] - dt.datetime.now(dt.UTC)
    return round(wait / dt.timedelta(days=1))


async def test_a_title_without_latin_words_is_not_asked_for(database: Database) -> None:
    """ArXiv answers 400 to it; the paper says so, and is counted."""
    await list_one(database, "量子コンピュータ", OTHER)
    async with standin.serve(corpus_of(ICE)) as server:
        report = await find_titles(server, database)
    assert (found(report), len(server.log), report.complete) == ({"unsearchable": 1}, 0, True)
    paper = await only(database)
    assert paper.resolution.status == "pending"
    assert paper.arxiv.reason == UNSEARCHABLE


# --- more than fits ---------------------------------------------------------------------------------------


def frozen(size: int) -> Corpus:
    """A corpus in which so many titles hold the words of one."""
    lines = [{"title": f"How Ice Grows {n}", "abstract": OTHER} for n in range(size - 1)]
    return corpus_of(*lines, ICE)


@pytest.mark.parametrize(("size", "requests"), [(10, 1), (11, 2), (300, 2), (2000, 2)])
async def test_the_rest_of_an_answer_is_fetched(database: Database, size: int, requests: int) -> None:
    """Ten entries a title have room; of more, the rest is asked for before anything is decided."""
    await list_one(database, "How Ice Grows")
    async with standin.serve(frozen(size)) as server:
        await find_titles(server, database)
    assert len(server.log) == requests
    assert (await only(database)).id == f"arxiv:2401.{size:05}"


def crowded(nth: int) -> Corpus:
    """Sixty papers whose titles hold one title's words; the paper itself is the nth that the stand-in shows."""
    shown = sorted((f"2401.{n:05}" for n in range(1, 61)), key=lambda one: number("order", one))
    others = [{"id": one, "title": f"How Ice Grows {one}", "abstract": OTHER} for one in shown if one != shown[nth]]
    return corpus_of({**ICE, "id": shown[nth]}, *others)


@pytest.mark.parametrize(
    ("nth", "abstract", "status"),
    [(0, ABSTRACT, "resolved"), (0, None, "ambiguous"), (59, ABSTRACT, "ambiguous"), (59, None, "ambiguous")],
)
async def test_more_than_can_be_read_is_no_whole_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch, nth: int, abstract: str | None, status: str
) -> None:
    """An abstract decides all the same; a title alone may have a twin that was not seen, and nothing is not found."""
    monkeypatch.setattr(arxiv, "LARGEST_SLICE", 20)
    await list_one(database, "How Ice Grows", abstract)
    async with standin.serve(crowded(nth)) as server:
        await find_titles(server, database)
    assert len(server.log) == 2
    assert (await only(database)).resolution.status == status


async def test_titles_that_find_too_much_are_asked_for_apart(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that finds more than can be read costs the others nothing."""
    monkeypatch.setattr(arxiv, "LARGEST_SLICE", 20)
    corpus = corpus_of(*({**ICE, "title": f"How Ice Grows {n}"} for n in range(60)), {"title": "B", "abstract": OTHER})
    await list_one(database, "How Ice Grows", ABSTRACT + " Not so.")
    await list_one(database, "B", OTHER, digest="text:02")
    async with standin.serve(corpus) as server:
        await find_titles(server, database)
    assert [seen.count for seen in server.log] == [2, 1, 1, 1]
    assert sorted(paper.resolution.status for paper in (await stored(database)).values()) == ["ambiguous", "resolved"]


# --- when it goes wrong -----------------------------------------------------------------------------------


async def test_a_poisoned_title_stands_alone(database: Database) -> None:
    """HTTP 500 for every batch that holds it: the others are found, it fails with the reason, and is asked again."""
    await list_rows(database)
    async with standin.serve(poisoned=frozenset({'ti:"Music Transformer"'})) as server:
        report = await find_titles(server, database)
    assert (found(report), report.why, report.complete) == ({"resolved": 11, "failed": 1}, "HTTP 500", False)
    [failed] = [paper for paper in (await stored(database)).values() if paper.ids.arxiv is None]
    assert (failed.title, failed.resolution.status, failed.arxiv.reason) == ("Music Transformer", "failed", "HTTP 500")
    async with standin.serve() as server:
        assert found(await find_titles(server, database)) == {"resolved": 1}
    assert len(server.log) == 1


@pytest.mark.parametrize(
    ("refusal", "requests", "waiting", "reason"),
    [
        (Reply("Rate exceeded.", 429, {"Retry-After": "600"}), 1, 61, "rate exceeded"),
        (Reply("no", 403), 1, 61, "HTTP 403: 'no'"),
        (Reply("Rate exceeded."), 15, 21, "rate exceeded"),
    ],
)
async def test_titles_wait_where_arxiv_gives_no_answer(
    database: Database, refusal: Reply, requests: int, waiting: int, reason: str
) -> None:
    """All of them, with the reason, pending; nothing is called not found."""
    corpus = corpus_of(*({"title": f"Title number {n}", "abstract": OTHER} for n in range(3 * arxiv.TITLES + 1)))
    await list_rows(database, corpus.rows.values())
    async with serving(refusal) as server, door(server.url, database, "arxiv") as api:
        report = await resolve(database, {"arxiv": api}, None, Shown())
    assert (len(server.log), report.waiting, report.why, report.complete) == (requests, waiting, reason, False)
    papers = (await stored(database)).values()
    assert {paper.arxiv.reason for paper in papers} == {reason}
    assert {paper.resolution.status for paper in papers} <= {"pending", "failed"}


async def test_a_told_wait_that_outlasts_the_tries_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The titles stay pending, and the report is not complete."""
    monkeypatch.setattr(http, "TRIES", 1)
    await list_one(database, "How Ice Grows", ABSTRACT)
    async with serving(Reply("", 429, {"Retry-After": "1"})) as server, door(server.url, database, "arxiv") as api:
        report = await resolve(database, {"arxiv": api}, None, Shown())
    assert (report.waiting, report.why, report.complete) == (1, "HTTP 429", False)
    paper = await only(database)
    assert (paper.resolution.status, paper.arxiv.reason) == ("pending", "HTTP 429")


@pytest.mark.parametrize("page", ["<html>Down for maintenance</html>", "{}", '<rss version="2.0"/>'])
async def test_another_answer_is_never_not_found(database: Database, page: str) -> None:
    """A 200 with other content: the title failed, and is asked for in the next run."""
    await list_one(database, "How Ice Grows", ABSTRACT)
    async with serving(Reply(page)) as server, door(server.url, database, "arxiv") as api:
        report = await resolve(database, {"arxiv": api}, None, Shown())
    assert (len(server.log), found(report), report.complete) == (2, {"failed": 1}, False)
    async with standin.serve(corpus_of(ICE)) as server_again:
        await find_titles(server_again, database)
    assert (await only(database)).id == "arxiv:2401.00001"
