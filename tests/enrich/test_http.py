"""The door to the network, against a real server: tries, waits, the circuit, the pace, and what is kept secret."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import socket
import time
from contextlib import AsyncExitStack
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich import http
from enrich.errors import BadBatch, EnrichError, NotUnderstood, PutOff, Refused, TryLater, TrySmaller, Unreachable
from storage import waits
from tests.enrich.scripted import AGENT, Reply, door, serving, terms, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enrich.http import Api
    from storage.connect import Database
    from tests.enrich.scripted import Request

GOOD = Reply('{"good": 1}')
BUSY = Reply("busy", 503)
PAGE = Reply("<html><body>Down for maintenance</body></html>")
KEY = "k-3141592653"
NOON = "Mon, 02 Mar 2026 12:00:00 GMT"
LATE = 0.05  # seconds that a request may take from its start to its arrival
SLOW = 5.0  # seconds more than it takes, on a machine with other things to do


async def ask(api: Api, method: str = "GET") -> Any:
    """One question, its answer taken as it is."""
    return await api.ask(method, "/works", told)


async def error_of(api: Api, kind: type[EnrichError] = EnrichError) -> EnrichError:
    """The error that one question ends in."""
    with pytest.raises(kind) as caught:
        await ask(api)
    return caught.value


# --- tries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        *((status, TryLater, 5) for status in (408, 425, 429, 503)),
        *((status, TrySmaller, 3) for status in (500, 502, 504)),
        *((status, BadBatch, 1) for status in (400, 404, 405, 406, 410, 413, 414, 422, 451, 501)),
        *((status, Refused, 1) for status in (401, 403)),
        *((status, NotUnderstood, 2) for status in (201, 202, 204, 206, 304)),
    ],
)
async def test_a_status_decides_how_often_is_tried(
    turns: Database, status: int, kind: type[EnrichError], tries: int
) -> None:
    """What passes is tried five times, what a smaller batch may avoid three times, another shape once more."""
    async with serving(Reply("", status)) as server, door(server.url, turns) as api:
        error = await error_of(api, kind)
    assert (len(server.log), api.requests) == (tries, tries)
    assert str(status) in error.reason
    assert error.after is None


@pytest.mark.parametrize(
    "replies",
    [
        (BUSY,),
        (BUSY, BUSY, BUSY, BUSY),
        (PAGE,),
        (Reply(""),),
        (Reply('[1, 2, "cu'),),
        (BUSY, PAGE, BUSY),
        (Reply("x" * 100, fault="cut"), Reply(fault="reset"), Reply(fault="close")),
    ],
)
async def test_a_later_try_gives_the_answer(turns: Database, replies: tuple[Reply, ...]) -> None:
    """Whatever went wrong before: the first good answer counts, and every request is counted."""
    async with serving(*replies, GOOD) as server, door(server.url, turns) as api:
        assert await ask(api, "POST") == {"good": 1}
    assert len(server.log) == api.requests == len(replies) + 1


async def test_another_shape_is_asked_for_once_more(turns: Database) -> None:
    """Exactly once, also where a busy server stands between."""
    async with serving(PAGE, BUSY, PAGE, GOOD) as server, door(server.url, turns) as api:
        error = await error_of(api, NotUnderstood)
    assert len(server.log) == 3
    assert "not JSON" in error.reason


async def test_a_hanging_request_is_given_up_and_tried_again(turns: Database) -> None:
    """After the provider's timeout."""
    async with serving(Reply(fault="hang"), GOOD) as server, door(server.url, turns, timeout=0.2) as api:
        assert await ask(api) == {"good": 1}
    assert 0.2 - LATE <= server.gaps[0] < 0.2 + SLOW


async def test_a_dropped_connection_is_no_hidden_second_request(turns: Database) -> None:
    """A GET on a connection that was kept and is dropped: each time it is sent anew it is counted and paced."""
    async with serving(GOOD, Reply(fault="close"), GOOD) as server, door(server.url, turns, interval=0.1) as api:
        await ask(api)
        await ask(api)
    assert len(server.log) == api.requests == 3
    assert min(server.gaps) >= 0.1 - LATE


def moved(request: Request, path: str = "/repos/ice-age/1", status: int = 301) -> Reply:
    """A redirect within the server."""
    return Reply("", status, {"Location": f"http://{request.headers['Host']}{path}"})


async def test_what_has_moved_is_followed(turns: Database) -> None:
    """Three times at most, each hop a request that waits for its turn."""
    async with serving(moved, moved, moved, GOOD) as server, door(server.url, turns, interval=0.1) as api:
        assert await ask(api) == {"good": 1}
    assert [request.path for request in server.log] == ["/works", *["/repos/ice-age/1"] * 3]
    assert (api.requests, min(server.gaps) >= 0.1 - LATE) == (4, True)


@pytest.mark.parametrize(
    ("reply", "method", "requests"),
    [
        (moved, "GET", 4),
        (moved, "POST", 1),
        (partial(moved, status=302), "GET", 1),
        (partial(moved, status=308), "GET", 1),
        (partial(moved, path="/../elsewhere"), "GET", 1),
        (partial(moved, path="/%2e%2e/elsewhere"), "GET", 1),
        (partial(moved, path=".example/elsewhere"), "GET", 1),
        (partial(moved, path="@example/elsewhere"), "GET", 1),
        (partial(moved, path="/a?key=1"), "GET", 1),
        (partial(moved, path="//elsewhere"), "GET", 1),
        (partial(moved, path=""), "GET", 1),
        (Reply("", 301, {"Location": "/repos/ice-age/1"}), "GET", 1),
        (Reply("", 301), "GET", 1),
    ],
)
async def test_other_redirects_are_not_followed(turns: Database, reply: Any, method: str, requests: int) -> None:
    """Only configured addresses are asked, for ever by none: a redirect is another shape, asked once more."""
    async with serving(reply) as server, door(server.url, turns) as api:
        with pytest.raises(NotUnderstood, match="HTTP 30"):
            await ask(api, method)
    assert len(server.log) == 2 * requests
    assert {request.path for request in server.log} <= {"/works", "/repos/ice-age/1"}


@pytest.mark.parametrize(("size", "kind"), [(1000, None), (1001, NotUnderstood)])
async def test_a_body_may_be_too_large(
    turns: Database, monkeypatch: pytest.MonkeyPatch, size: int, kind: type[EnrichError] | None
) -> None:
    """More than any answer we ask for is not read to its end."""
    monkeypatch.setattr(http, "LARGEST", 1000)
    body = '"' + "x" * (size - 2) + '"'
    async with serving(Reply(body)) as server, door(server.url, turns) as api:
        if kind is None:
            assert len(await ask(api)) == size - 2
        else:
            await error_of(api, kind)


# --- waits that are told ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"ratelimit": f'"api";r=0;t={"9" * 400}'}, waits.LONGEST),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "Mon, 02 Mar 2026 12:00:30 GMT", "date": NOON}, 30),
        ({"retry-after": "Mon, 02 Mar 2026 12:00:30 -0000", "date": NOON}, 30),
        ({"retry-after": "Mon, 02 Mar 2026 11:00:00 GMT", "date": NOON}, 0),
        ({"retry-after": ""}, None),
        ({"retry-after": " "}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "Mon, 32 Mar 2026 12:00:30 GMT"}, None),
        ({"ratelimit": '"api";r=0;t=55'}, 56),
        ({"ratelimit": '"api"; t=55 ; r=0'}, 56),
        ({"ratelimit": '"fixed window";r=0;w=300;t=5'}, 6),
        ({"ratelimit": '"api";r=1;t=55'}, None),
        ({"ratelimit": '"api";r=10;t=55'}, None),
        ({"ratelimit": '"api";r=0'}, None),
        ({"retry-after": "7", "ratelimit": '"api";r=0;t=55'}, 7),
        ({"retry-after": "0", "ratelimit": '"api";r=0;t=55'}, 0),
        ({"retry-after": "soon", "ratelimit": '"api";r=0;t=55'}, 56),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"}, None),
    ],
)
def test_told_wait(headers: Mapping[str, str], seconds: float | None) -> None:
    """Retry-After in seconds or as a date by the answer's own clock, then an exhausted RateLimit; else nothing."""
    assert waits.told(headers) == seconds


def test_a_date_without_a_date_counts_from_now() -> None:
    """Where the answer does not say when it was sent, our clock does."""
    later = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30), usegmt=True)
    assert waits.told({"retry-after": later}) == pytest.approx(30, abs=2)


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, [0-9 :a-zA-Z+.-]{0,30}", fullmatch=True))
def test_no_header_is_too_strange(value: str) -> None:
    """Whatever stands in the headers is a wait that is not negative, or none."""
    for name in ("retry-after", "ratelimit"):
        seconds = waits.told({name: value, "date": value})
        assert seconds is None or seconds >= 0


def in_a_second(_: Request) -> Reply:
    """A refusal that tells to wait until the second after the next begins."""
    now = dt.datetime.now(dt.UTC)
    date, later = (format_datetime(now + dt.timedelta(seconds=n), usegmt=True) for n in (0, 1))
    return Reply("", 429, {"Date": date, "Retry-After": later})


A_SECOND: dict[str, Reply | Callable[[Request], Reply]] = {
    "arxiv": Reply("", 429, {"Retry-After": "1"}),
    "github": Reply("", 503, {"Retry-After": "1"}),
    "openalex": Reply("", 429, {"RateLimit": '"api";r=0;t=0'}),
    "semantic_scholar": in_a_second,
}


async def test_a_told_wait_is_never_undercut(turns: Database) -> None:
    """By the server's own clock, however it is told."""

    async def gaps(name: str, refusal: Reply | Callable[[Request], Reply]) -> list[float]:
        async with serving(refusal, GOOD) as server, door(server.url, turns, name) as api:
            await ask(api)
        return server.gaps

    for [gap] in await asyncio.gather(*(gaps(name, refusal) for name, refusal in A_SECOND.items())):
        assert 1 <= gap < 1 + SLOW


async def test_all_doors_wait_what_one_was_told(turns: Database) -> None:
    """A wait holds the provider, not only the request that was told."""
    refusal = Reply("", 429, {"Retry-After": "1"})
    async with serving(refusal, GOOD) as server, door(server.url, turns) as one, door(server.url, turns) as other:
        told_now = asyncio.create_task(ask(one))
        await asyncio.wait([told_now], timeout=0.2)
        await ask(other)
        await told_now
    assert len(server.log) == 3
    assert server.gaps[0] >= 1


async def test_a_long_wait_is_left_for_later_and_remembered(turns: Database) -> None:
    """Nobody sleeps through ten minutes; the next run knows, and asks nothing."""
    began = time.monotonic()
    async with serving(Reply("", 429, {"Retry-After": "600"})) as server:
        async with door(server.url, turns) as api:
            error = await error_of(api, TryLater)
            assert api.closed is error
        async with door(server.url, turns) as later:
            again = await error_of(later, TryLater)
    assert (len(server.log), later.requests) == (1, 0)
    assert (error.after, error.reason, again.reason) == (600, "HTTP 429", "HTTP 429, told to wait")
    assert again.after == pytest.approx(600, abs=5)
    assert time.monotonic() - began < SLOW


async def test_a_spent_budget_is_put_off_and_remembered(turns: Database) -> None:
    """The last request's data count; then nobody asks until the budget begins anew."""
    spent = Reply('{"good": 1}', 200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "5000"})
    async with serving(spent) as server:
        async with door(server.url, turns) as api:
            assert await ask(api) == {"good": 1}
            error = await error_of(api, PutOff)
        async with door(server.url, turns) as later:
            await error_of(later, PutOff)
    assert len(server.log) == 1
    assert error.after == pytest.approx(5000, abs=5)


async def test_a_budget_that_is_soon_renewed_is_waited_for(turns: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """By this question and by the next: both are answered, and the waits told."""
    monkeypatch.setattr(http, "WORTH_TELLING", 0.5)
    waits: list[str] = []
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}
    replies = (Reply("Insufficient budget", 429, spent), Reply('{"good": 1}', 200, spent), GOOD)
    async with serving(*replies) as server, door(server.url, turns) as api:
        api.waiting = lambda _, why: waits.append(why)
        for _ in range(2):
            assert await ask(api) == {"good": 1}
    assert (len(server.log), waits) == (3, ["the budget is spent, waiting"] * 2)
    assert min(server.gaps) >= 1 - LATE


async def test_what_is_put_off_till_later_is_remembered_as_that(turns: Database) -> None:
    """The next run asks nothing either, and it is a note again."""
    async with serving(Reply("Insufficient budget", 429, {"Retry-After": "5000"})) as server:
        for reason in ("the day's budget is spent: set OPENALEX", "the budget is spent: set OPENALEX"):
            async with door(server.url, turns) as api:
                assert (await error_of(api, PutOff)).reason.startswith(reason)
    assert len(server.log) == 1


@pytest.mark.parametrize(("key", "document"), [(KEY, "openalex with key"), (None, "openalex")])
async def test_a_budget_belongs_to_whoever_asks(turns: Database, key: str | None, document: str) -> None:
    """To a key or to our address: what one has spent does not keep the other waiting."""
    spent = Reply('{"good": 1}', 200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "5000"})
    async with serving(spent) as server:
        async with door(server.url, turns, api_key=key) as api:
            await ask(api)
            await error_of(api, PutOff)
        assert [one["_id"] async for one in turns["providers"].find()] == [document]
        async with door(server.url, turns, api_key=None if key else KEY) as api:
            await ask(api)
    assert len(server.log) == 2


async def test_budgets_are_counted_by_all(turns: Database) -> None:
    """Two requests are left: of five doors at once, two ask."""
    last = Reply('{"good": 1}', 200, {"x-ratelimit-remaining": "2", "x-ratelimit-reset": "5000"}, takes=0.2)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(last))
        doors = [await stack.enter_async_context(door(server.url, turns)) for _ in range(6)]
        await ask(doors[0])
        ends = await asyncio.gather(*(ask(one) for one in doors[1:]), return_exceptions=True)
    assert len(server.log) == 3
    assert sum(isinstance(end, PutOff) for end in ends) == 3


async def test_waits_are_told(turns: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Over a second, once each, and in the log: told ones, our own, and those for another process."""
    caplog.set_level(logging.INFO, "enrich")
    waits: list[str] = []

    async def waiting(name: str, *replies: Reply, **settings: Any) -> None:
        async with serving(*replies, GOOD) as server, door(server.url, turns, name, **settings) as api:
            api.waiting = lambda seconds, why: waits.append(f"{name}: {why} {seconds:.0f} s")
            assert await ask(api) == {"good": 1}
            assert await ask(api) == {"good": 1}

    ends = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    await turns["providers"].insert_one({"_id": "arxiv", "holder": "other", "held_until": ends})
    await asyncio.gather(
        waiting("openalex", Reply("", 429, {"Retry-After": "2"})),
        waiting("semantic_scholar", BUSY, backoff=1.1),
        waiting("github", BUSY, interval=1.2, backoff=0.001),
        waiting("arxiv"),
    )
    assert sorted(wait.replace("2 s", "1 s") for wait in waits) == [
        "arxiv: another process is asking, waiting 1 s",
        "openalex: HTTP 429, told to wait 1 s",
        "semantic_scholar: HTTP 503, waiting 1 s",
    ]
    assert sorted(caplog.messages) == sorted(waits)


@pytest.mark.parametrize(
    ("date", "skew"), [("{:%a, %d %b %Y %H:%M:%S GMT}", 90), ("soon", None), ("", None)], ids=["date", "none", "empty"]
)
async def test_the_providers_clock_is_compared(turns: Database, date: str, skew: float | None) -> None:
    """By its last answer, whatever it holds: it is ahead by as many seconds."""

    def later(_: Request) -> Reply:
        return Reply("{}", 200, {"Date": date.format(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90))})

    async with serving(later) as server, door(server.url, turns) as api:
        assert api.skew is None
        await ask(api)
        assert api.skew == (None if skew is None else pytest.approx(skew, abs=3))


async def test_waits_grow_where_nobody_tells_one(turns: Database) -> None:
    """From the provider's own first wait, doubled, with jitter upwards only."""
    async with serving(BUSY) as server, door(server.url, turns, backoff=0.05) as api:
        await error_of(api, TryLater)
    for gap, least in zip(server.gaps, (0.05, 0.1, 0.2, 0.4), strict=True):
        assert least <= gap < 1.5 * least + SLOW


# --- the circuit ------------------------------------------------------------------------------------------


async def test_three_requests_that_used_up_their_tries_close_the_door(turns: Database) -> None:
    """The fourth is not sent, and says why."""
    async with serving(BUSY) as server, door(server.url, turns) as api:
        for _ in range(3):
            last = await error_of(api, TryLater)
        assert api.closed is last
        assert await error_of(api) is last
    assert len(server.log) == 15


async def test_failures_are_counted_by_all_doors_together(turns: Database) -> None:
    """What used up its tries elsewhere, or in an earlier run, counts; an answer to anybody begins anew."""
    async with serving(*[BUSY] * 15, GOOD, *[BUSY] * 5) as server, door(server.url, turns) as here:
        async with door(server.url, turns) as there:
            await error_of(here, TryLater)
            await error_of(there, TryLater)
            assert await error_of(here, TryLater) is here.closed
            assert there.closed is None
            await ask(there)
        async with door(server.url, turns) as later:
            await error_of(later, TryLater)
            assert later.closed is None
    assert len(server.log) == 21


async def test_a_failure_of_long_ago_is_in_no_row(turns: Database) -> None:
    """What failed in yesterday's run closes no door today."""
    async with serving(*[BUSY] * 15) as server, door(server.url, turns) as api:
        for _ in range(2):
            await error_of(api, TryLater)
        await turns["providers"].update_one(
            {"_id": "openalex"}, {"$set": {"failed_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}}
        )
        await error_of(api, TryLater)
        assert api.closed is None
    assert len(server.log) == 15


async def test_an_answer_that_was_not_understood_is_kept(turns: Database) -> None:
    """Its first 4 KiB, once for each text, without our key and beside the reason."""
    async with serving(Reply(f"k-3141 {'x' * 9999}")) as server, door(server.url, turns, api_key="k-3141") as api:
        errors = [await error_of(api, NotUnderstood) for _ in range(2)]
    [kept] = await turns["deferred"].find().to_list()
    assert kept["answer"] == f"<key> {'x' * 4089}"
    assert (kept["name"], kept["reason"], kept["detail"]) == ("openalex", "answer_unexpected", errors[0].reason)


async def test_a_server_that_fails_over_everything_closes_the_door(turns: Database) -> None:
    """By an error that is not halved further: nothing smaller is asked for either."""
    async with serving(Reply("", 500)) as server, door(server.url, turns) as api:
        ends = [type(await error_of(api)) for _ in range(4)]
    assert ends == [TrySmaller, TrySmaller, TryLater, TryLater]
    assert len(server.log) == 9


async def test_answers_that_are_never_understood_close_the_door(turns: Database) -> None:
    """As many as halving down to one question takes are borne, and eight more: not two for every question."""
    async with serving(PAGE) as server, door(server.url, turns, batch=100) as api:
        while api.closed is None:
            error = await error_of(api)
    assert isinstance(error, TryLater)
    assert "not JSON" in error.reason
    assert len(server.log) == 2 * (7 + 8 + 1)


async def test_one_understood_between_keeps_the_door_open(turns: Database) -> None:
    """Bad questions in one batch, however many, are no reason to ask nothing more."""
    replies = [*[Reply("", 404)] * 15, GOOD] * 2
    async with serving(*replies) as server, door(server.url, turns, batch=100) as api:
        for _ in range(2):
            for _ in range(15):
                await error_of(api, BadBatch)
            await ask(api)
    assert len(server.log) == len(replies)


async def test_an_answer_between_keeps_the_door_open(turns: Database) -> None:
    """Three in a row, not three in all."""
    replies = [*[BUSY] * 10, GOOD, *[BUSY] * 10, GOOD]
    async with serving(*replies) as server, door(server.url, turns) as api:
        for used_up in (True, True, False, True, True, False):
            assert isinstance(await error_of(api), TryLater) if used_up else await ask(api)
        assert api.closed is None
    assert len(server.log) == len(replies)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_closes_the_door(turns: Database, status: int) -> None:
    """Asking again cannot help."""
    async with serving(Reply("Bad credentials", status)) as server, door(server.url, turns, api_key=KEY) as api:
        first = await error_of(api, Refused)
        assert await error_of(api) is first
    assert len(server.log) == 1


async def test_a_host_out_of_reach_closes_the_door(turns: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries at a port where nobody listens, then one sentence that names the host."""
    monkeypatch.setattr(http, "UNREACHABLE_BACKOFF", 0.01)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        async with door(f"http://{host}", turns, api_key=KEY) as api:
            error = await error_of(api, Unreachable)
            assert await error_of(api) is error
    assert api.requests == 3
    assert error.reason == f"{host} cannot be reached (Connection refused): check the network"


async def test_a_password_in_an_address_is_not_said(turns: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names host and port alone."""
    monkeypatch.setattr(http, "UNREACHABLE_BACKOFF", 0.01)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        async with door(f"http://me:{KEY}@{host}", turns, "arxiv") as api:
            error = await error_of(api, Unreachable)
    assert error.reason.startswith(f"{host} cannot be reached (")


@pytest.mark.parametrize("key", ["k\n1", "k\r\nX-Other: 1", "k\x001"])
async def test_a_key_that_no_header_can_hold_is_refused(turns: Database, key: str) -> None:
    """A line break pasted with the key: one sentence instead of a traceback, and nothing is sent."""
    async with serving(GOOD) as server, door(server.url, turns, api_key=key) as api:
        error = await error_of(api, Refused)
    assert "key or base_url" in error.reason
    assert not server.log


# --- the pace ---------------------------------------------------------------------------------------------


async def test_the_interval_is_kept_by_all_doors_together(turns: Database) -> None:
    """Between starts, tries included, whoever asks."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(GOOD, BUSY, GOOD))
        doors = [await stack.enter_async_context(door(server.url, turns, interval=0.15)) for _ in range(3)]
        await asyncio.gather(*(ask(one) for one in doors * 2))
    assert len(server.log) == 7
    assert sum(server.gaps) >= 6 * 0.15 - LATE
    assert min(server.gaps) >= 0.15 - LATE


async def test_providers_do_not_wait_for_each_other(turns: Database) -> None:
    """One's interval is not another's."""
    async with (
        serving(GOOD) as server,
        door(server.url, turns, "openalex", interval=60) as one,
        door(server.url, turns, "github", interval=60) as other,
    ):
        await asyncio.gather(ask(one), ask(other))
    assert server.gaps[0] < SLOW


@pytest.mark.parametrize(("name", "most"), [("arxiv", 1), ("openalex", 4)])
async def test_a_single_connection_is_held_by_one_at_a_time(turns: Database, name: str, most: int) -> None:
    """ArXiv's terms allow one, over all machines; others answer several at once."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(Reply('{"good": 1}', takes=0.1)))
        doors = [await stack.enter_async_context(door(server.url, turns, name)) for _ in range(4)]
        await asyncio.gather(*(ask(one) for one in doors))
    assert server.most_open == most


async def test_a_dead_holder_is_succeeded_when_its_hold_ends(turns: Database) -> None:
    """A process that was killed while it asked does not keep arXiv for ever, nor is it cut short."""
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.4)
    await turns["providers"].insert_one({"_id": "arxiv", "holder": "dead", "held_until": ends})
    async with serving(GOOD) as server, door(server.url, turns, "arxiv") as api:
        began = time.monotonic()
        await ask(api)
    assert 0.3 <= server.log[0].start - began < SLOW
    assert "holder" not in (await turns["providers"].find_one({"_id": "arxiv"}) or {})


async def test_a_long_request_keeps_its_hold(turns: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hold is renewed while the request lasts, however short it is."""
    monkeypatch.setattr(http, "HOLD", 0.4)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(Reply('{"good": 1}', takes=0.8)))
        doors = [await stack.enter_async_context(door(server.url, turns, "arxiv")) for _ in range(2)]
        await asyncio.gather(*(ask(one) for one in doors))
    assert server.most_open == 1


@pytest.mark.parametrize("fault", ["reset", "hang"])
async def test_a_failed_request_gives_its_hold_back(turns: Database, fault: str) -> None:
    """The next try need not wait for it to end."""
    async with serving(Reply(fault=fault), GOOD) as server, door(server.url, turns, "arxiv", timeout=0.2) as api:
        assert await ask(api) == {"good": 1}
    assert server.gaps[0] < SLOW


# --- what is said -----------------------------------------------------------------------------------------


async def test_we_say_who_asks(turns: Database) -> None:
    """Every request carries the User-Agent and the key, and no cookie that an answer left."""
    cookie = Reply('{"good": 1}', headers={"Set-Cookie": "seen=1"})
    async with serving(cookie) as server, door(server.url, turns, api_key=KEY) as api:
        await ask(api)
        await ask(api)
    assert {request.headers["User-Agent"] for request in server.log} == {AGENT}
    assert {request.headers["Authorization"] for request in server.log} == {f"Bearer {KEY}"}
    assert not [request for request in server.log if "Cookie" in request.headers]


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
async def test_a_key_is_in_no_error(turns: Database, status: int) -> None:
    """Not even where the provider repeats it."""
    async with serving(Reply(f"no such key: {KEY}", status)) as server, door(server.url, turns, api_key=KEY) as api:
        error = await error_of(api)
    assert KEY not in f"{error!r} {error.reason} {error.__cause__!r}"
    assert KEY not in str(await turns["providers"].find_one())


def test_a_key_is_in_no_description() -> None:
    """Nor in what a log would write of a provider's terms."""
    assert KEY not in repr(terms("http://127.0.0.1:9", "github", api_key=KEY))
