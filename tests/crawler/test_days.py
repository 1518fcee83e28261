"""Which days are asked for, and what becomes of them: by table, by hypothesis, and over a simulated quarter."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crawler import days
from storage import days as states
from storage import digests
from storage.days import Day
from storage.digests import Text
from storage.documents import Listing, Page

if TYPE_CHECKING:
    from storage.connect import Database

MONDAY = dt.date(2026, 3, 2)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
SOURCE = "hf-daily"


def at(days_later: float, hour: float = 12) -> dt.datetime:
    """So many days after Monday, at that hour."""
    return days.begins(MONDAY) + days_later * DAY + hour * HOUR


@pytest.mark.parametrize(
    ("asked", "again"),
    [
        (at(0), at(1, 1)),
        (at(1, 0.9), at(1, 1)),
        (at(1, 1), at(3, 1)),
        (at(2), at(3, 1)),
        (at(3), at(7, 1)),
        (at(8), at(14, 1)),
        (at(14, 1), None),
        (at(200), None),
    ],
)
def test_a_day_is_looked_at_again_when_it_has_settled(asked: dt.datetime, again: dt.datetime | None) -> None:
    """At +1, +3, +7 and +14 days, whatever was missed in between; then never more."""
    assert days.due_at(MONDAY, days.listed(MONDAY, None, asked, 30)) == again


def test_a_day_that_nobody_asked_for_is_due_when_it_begins() -> None:
    """In UTC, not before."""
    assert days.due({}, MONDAY, MONDAY, at(0, 0)) == [MONDAY]
    assert days.due({}, MONDAY, MONDAY, at(0, 0) - dt.timedelta(seconds=1)) == []


def test_what_looks_wrong_is_due_for_the_next_daily_crawl() -> None:
    """Refused, empty or with few papers: soon, though a daily crawl may come some minutes early."""
    for state in (days.empty(MONDAY, None, at(20)), days.listed(MONDAY, None, at(20), 9)):
        assert days.due_at(MONDAY, state) == at(20) + days.SOON < at(21) - HOUR
    assert days.due_at(MONDAY, days.unread("refused", None, at(9))) == at(9) + days.SOON
    assert days.due_at(MONDAY, days.unread("other_date_shown", None, at(20))) is None


def test_a_settled_day_that_is_refused_is_asked_for_once_a_week() -> None:
    """After the last regular look: a newer version finds it, and no schedule fails on it every night."""
    assert at(27) - HOUR > (days.due_at(MONDAY, days.unread("refused", None, at(20))) or at(99)) > at(26)
    assert days.due_at(MONDAY, days.unread("refused", None, at(14, 0.9))) == at(14, 1)


def test_a_list_that_is_still_filling_is_no_whole_one() -> None:
    """Complete from an hour after its day on; of few papers nothing is thought before; a cut one stays open."""
    assert days.listed(MONDAY, None, at(1, 0.9), 3) == Day(
        status="open", asked_at=at(1, 0.9), listed_at=at(1, 0.9), records=3
    )
    assert days.listed(MONDAY, None, at(1, 1), 30) == Day(
        status="complete", asked_at=at(1, 1), listed_at=at(1, 1), records=30
    )
    assert days.listed(MONDAY, None, at(2), 100, whole=False).status == "open"


def test_few_papers_are_looked_at_once_more() -> None:
    """Fewer than ten when a weekday is over, or less than half of what there was; weekends may be small."""
    first = days.listed(MONDAY, None, at(1), 8)
    assert (first.status, first.few) == ("complete", True)
    second = days.listed(MONDAY, first, at(2), 8)
    assert not second.few
    assert not days.listed(MONDAY, second, at(3), 8).few
    fallen = days.listed(MONDAY, days.listed(MONDAY, None, at(1), 40), at(3), 19)
    assert fallen.few
    assert not days.listed(MONDAY, fallen, at(4), 19).few
    assert not days.listed(MONDAY - DAY, None, at(1), 1).few


def test_the_first_list_of_a_day_that_is_over_is_judged() -> None:
    """Also where an earlier look at it was refused, or where half of what was there at noon is gone."""
    refused = days.unread("refused", None, at(1))
    assert days.listed(MONDAY, refused, at(2), 3).few
    noon = days.listed(MONDAY, None, at(0), 5)
    assert days.listed(MONDAY, days.unread("refused", noon, at(1)), at(2), 8).few
    assert days.listed(MONDAY, days.listed(MONDAY, None, at(0), 40), at(1, 1), 19).few
    looked_at = days.listed(MONDAY, None, at(1), 8)
    assert not days.listed(MONDAY, days.unread("refused", looked_at, at(2)), at(3), 3).few


def test_an_empty_weekday_is_believed_a_day_later() -> None:
    """Open, then confirmed after 24 hours and not before; on the day itself emptiness says nothing."""
    early = days.empty(MONDAY, None, at(0))
    assert early == Day(status="open", asked_at=at(0))
    first = days.empty(MONDAY, early, at(1))
    assert first == Day(status="open", asked_at=at(1), empty_since=at(1))
    assert days.empty(MONDAY, first, at(2, 11.9)).status == "open"
    confirmed = days.empty(MONDAY, first, at(2))
    assert confirmed == Day(status="empty_confirmed", asked_at=at(2), empty_since=at(1))
    assert days.due_at(MONDAY, confirmed) == at(3, 1)
    assert days.empty(MONDAY - DAY, None, at(1)).status == "empty_confirmed"


def test_what_was_listed_is_not_forgotten() -> None:
    """An empty or unread answer later leaves the papers of a day what they are."""
    listed = days.listed(MONDAY, None, at(1), 30)
    assert days.empty(MONDAY, listed, at(3)) == listed.model_copy(update={"asked_at": at(3)})
    refused = days.unread("refused", listed, at(3))
    assert refused.records == 30
    assert days.empty(MONDAY, refused, at(4)) == listed.model_copy(update={"asked_at": at(4)})
    assert days.empty(MONDAY, days.listed(MONDAY, None, at(0), 30), at(0, 20)).status == "open"


KNOWN = {MONDAY: days.listed(MONDAY, None, at(30), 30)}


@pytest.mark.parametrize(
    ("known", "saved", "heard_of", "found"),
    [
        ({}, [], [], []),
        ({}, [MONDAY], [], []),
        ({}, [MONDAY, MONDAY + 3 * DAY], [], [2, 1]),
        ({}, [MONDAY], [MONDAY - 3 * DAY, MONDAY + DAY], [1, -3]),
        (KNOWN, [], [], [4, 3, 2, 1]),
        (KNOWN, [MONDAY + 2 * DAY], [], [4, 3, 1]),
        (KNOWN, [], [MONDAY - 3 * DAY], [4, 3, 2, 1, -3]),
        ({}, [], [MONDAY + 4 * DAY], [4]),
    ],
)
def test_holes_are_found(
    known: dict[dt.date, Day], saved: list[dt.date], heard_of: list[dt.date], found: list[int]
) -> None:
    """Between what is known of and, once a day was asked for, today; saved pages stand for their days."""
    assert days.missing(known, dict.fromkeys(saved), heard_of, at(4)) == [MONDAY + one * DAY for one in found]


def test_a_page_that_was_saved_on_its_own_day_does_not_stand_for_it() -> None:
    """First seen before an hour after its day, its list was still filling."""
    for seen, found in ((at(0, 9), [MONDAY]), (at(1, 0.9), [MONDAY]), (at(1, 1), [])):
        assert days.missing({}, {MONDAY: seen}, [], at(4)) == found


def test_where_the_lists_begin() -> None:
    """Ten weekdays in a row without a list; nine, or one with papers among them, are not enough."""
    none = days.empty(MONDAY, None, at(30))
    later = [MONDAY + ahead * DAY for ahead in range(1, 15) if days.is_weekday(MONDAY + ahead * DAY)]
    assert len(later) == 10
    known = dict.fromkeys(later, none)
    assert days.lists_begin_after(MONDAY, known)
    assert not days.lists_begin_after(MONDAY, dict.fromkeys(later[:-1], none))
    assert not days.lists_begin_after(MONDAY, known | {later[4]: KNOWN[MONDAY]})
    assert days.lists_begin_after(MONDAY, known | {later[4]: days.unread("other_date_shown", None, at(30))})
    late = days.unread("other_date_shown", KNOWN[MONDAY], at(30))
    assert not days.lists_begin_after(MONDAY, known | {later[4]: late})


ANSWERS = st.sampled_from(["nobody", "refused", "other", "empty", "cut", "3", "8", "30"])


@given(st.lists(st.tuples(st.floats(0.1, 30), ANSWERS), max_size=90), st.integers(0, 6))
@example([(25, "30"), (24, "refused"), *[(24.0, "empty")] * 40], 0)
@example([(25, "8"), *[(24.0, "other")] * 40], 0)
@settings(max_examples=300, deadline=None)
def test_no_day_is_asked_for_more_often_than_it_may(crawls: list[tuple[float, str]], weekday: int) -> None:
    """Whatever is answered whenever: none after today, no weekend, at most eight looks but those after a refusal."""
    day, now = MONDAY + weekday * DAY, days.begins(MONDAY)
    state: Day | None = None
    looks, retry = 0, False
    for hours, answer in crawls:
        now += hours * HOUR
        if not days.due({day: state} if state else {}, day, day, now):
            continue
        assert now >= days.begins(day)
        assert days.is_weekday(day)
        looks, retry = looks + (not retry), answer in ("nobody", "refused")
        match answer:
            case "refused":
                state = days.unread("refused", state, now)
            case "other":
                state = days.unread("other_date_shown", state, now)
            case "empty":
                state = days.empty(day, state, now)
            case "cut" | "8" | "30":
                state = days.listed(day, state, now, 100 if answer == "cut" else int(answer), whole=answer != "cut")
    assert looks <= 8


# --- a quarter --------------------------------------------------------------------------------------------

QUARTER = [MONDAY + ahead * DAY for ahead in range(91)]
SETTLED = 20  # days after the quarter, in which nothing new is listed


@dataclass
class Server:
    """What a server lists: some days late, one in five of a length that may be cut, upvotes that grow for ten days."""

    chance: random.Random
    shown: dict[dt.date, dt.date] = field(default_factory=dict)
    sizes: dict[dt.date, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for day in filter(days.is_weekday, QUARTER):
            late = self.chance.randint(1, 5) if self.chance.random() < 0.1 else 0
            self.shown[day] = day + late * DAY
            self.sizes[day] = self.chance.choice([1, 8, 15, 50, 100])

    def upvotes(self, day: dt.date, paper: int, now: dt.datetime) -> int:
        """They are others at nearly every crawl."""
        return min((now.date() - day).days, 10) * (1 + paper % 3)

    def page(self, day: dt.date, now: dt.datetime) -> Page | None:
        """The list of a day, as far as it is filled; None where there is none (yet)."""
        if day not in self.shown or now.date() < self.shown[day]:
            return None
        filled = min(1.0, (now - days.begins(self.shown[day])) / DAY)
        # the first papers of each list stand for all, which would take three times as long
        listings = tuple(
            Listing(
                position=nth + 1,
                title=f"Of {day} {nth}",
                arxiv_id=f"2603.{day.toordinal() % 1000:03}{nth:02}",
                upvotes=self.upvotes(day, nth, now),
            )
            for nth in range(min(2, max(1, int(self.sizes[day] * filled))))
        )
        return Page(
            listings=listings, digest=f"{SOURCE}:{day}", page_date=day, page_date_basis="explicit", medium="json"
        )

    def requests(self, day: dt.date, now: dt.datetime) -> int:
        """How many a whole look costs."""
        return 2 if self.page(day, now) and self.sizes[day] in days.FULL else 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Quarters by seed: ten with --whole, else one."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(10 if metafunc.config.getoption("--whole") else 1))


@pytest.mark.long
async def test_a_quarter_of_daily_crawls_leaves_no_hole(database: Database, seed: int) -> None:
    """Random hours, outages of one to five days, late lists, 5 % faults: all days, few requests, every upvote seen."""
    chance = random.Random(seed)  # noqa: S311 - the same quarter each time
    server, looks, requests = Server(chance), Counter[dt.date](), Counter[dt.date]()
    seen: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    await states.note(database, SOURCE, MONDAY - 3 * DAY, days.listed(MONDAY - 3 * DAY, None, at(30), 30))
    today, until = MONDAY, QUARTER[-1] + SETTLED * DAY
    while today <= until:
        if chance.random() < 0.04:
            today += chance.randint(1, 5) * DAY
        now = days.begins(today) + chance.uniform(0, 23.9) * HOUR
        known = await states.known(database, SOURCE)
        for day in days.missing(known, *await states.stored(database, SOURCE), now):
            if chance.random() < 0.05:  # nobody answers, or nobody understands: a retry of a later crawl
                if chance.random() < 0.5:
                    await states.note(database, SOURCE, day, days.unread("refused", known.get(day), now))
                continue
            looks[day], requests[day] = looks[day] + 1, requests[day] + server.requests(day, now)
            page = server.page(day, now)
            if page is None:
                await states.note(database, SOURCE, day, days.empty(day, known.get(day), now))
                continue
            text = Text(str(day), f"{day}{now}", crawled=now.date())
            await digests.store(database, page, text, source="hf_api", digest=f"{SOURCE}:{day}")
            for one in page.listings:
                seen[f"arxiv:{one.arxiv_id}"].append((now.date().isoformat(), one.upvotes or 0))
            filled = int(server.sizes[day] * min(1.0, (now - days.begins(server.shown[day])) / DAY))
            await states.note(database, SOURCE, day, days.listed(day, known.get(day), now, max(1, filled)))
        today += DAY
    known = await states.known(database, SOURCE)
    assert {day for day in server.shown if known[day].status != "complete"} == set()
    assert {day: known[day].records for day in server.shown} == server.sizes
    # a list as long as a page can be takes two requests a look, so of such days the looks are counted
    assert max(looks[day] for day in server.shown) <= 8
    assert max(requests[day] for day in server.shown if server.sizes[day] not in days.FULL) <= 8
    assert await histories(database) == {paper: spans(values) for paper, values in seen.items()}


def spans(values: list[tuple[str, int]]) -> list[tuple[int, str, str]]:
    """Values by day as spans without a change."""
    found: list[tuple[int, str, str]] = []
    for day, value in values:
        same = bool(found) and found[-1][0] == value
        found[-1 if same else len(found) :] = [(value, found[-1][1] if same else day, day)]
    return found


async def histories(database: Database) -> dict[str, list[tuple[int, str, str]]]:
    """The upvotes of each paper as they are stored."""
    found: defaultdict[str, list[tuple[int, str, str]]] = defaultdict(list)
    async for one in database["observations"].find({"metric": "upvotes"}).sort("first_day", 1):
        found[one["paper"]].append((one["value"], one["first_day"], one["last_day"]))
    return dict(found)
