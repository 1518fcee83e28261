"""The one door to the network: sessions, pace, retries, and which answer means which error.

A request waits for its turn in `storage.providers`, which all processes share. What a provider tells us to
wait is written there, too, so that a wait holds the provider and not only the request that was told.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import re
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import orjson
from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt

from enrich.errors import (
    BadBatch,
    Doubtful,
    EnrichError,
    NotUnderstood,
    PutOff,
    Refused,
    TryLater,
    TrySmaller,
    Unreachable,
)
from storage import deferred, waits
from storage import providers as gate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping

    from storage.connect import Database
    from storage.providers import Turn

logger = logging.getLogger(__name__)
T = TypeVar("T")

TRIES = 5
PATIENCE = 120.0  # seconds: a longer wait is left for the next run
CONNECT_TIMEOUT = 5.0  # seconds
HOLD = 9.0  # seconds after which a holder that was killed is taken for dead; renewed while a request lasts
SMALLER_TRIES = 3
UNREACHABLE_TRIES = 3
UNREACHABLE_FOR = 10.0  # seconds: where nobody answers at all, fewer tries
UNREACHABLE_BACKOFF = 1.0  # seconds: nobody was asked, so nobody's pace is at stake
LARGEST = 12 * 2**20  # bytes of an answer: what it tells fits into one update, of 16 MiB at most
CIRCUIT = 3  # requests in a row that used up their tries
STRANGE = 8  # answers in a row that are not understood, beyond those that halving down to one question takes
LONGEST_BACKOFF = 600.0  # seconds
WORTH_TELLING = 1.0  # seconds of a wait
HOPS = 3  # redirects that one question may meet
PLAIN_PATH = re.compile(r"(?:/[\w-]+)+", re.ASCII)  # no dots: it stays below the base_url
SPENT = "the budget is spent"
RETRIED = {408, 425, 429, 500, 502, 503, 504}
SPLIT = {500, 502, 504}  # seen because of one question, and because of too many


class Answer(NamedTuple):
    """What came back: header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    key: str | None = None
    """Ours, which some providers repeat when they refuse it; None: asked without one."""

    @property
    def text(self) -> str:
        """The body without our key, for looking at what it says; never for parsing."""
        said = self.body[:4096].decode(errors="replace")
        return said.replace(self.key, "<key>") if self.key else said

    def json(self) -> Any:
        """The body as JSON, whatever Content-Type says. Raises NotUnderstood, or TryLater where it is cut."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            said = self.body.strip()
            if said.startswith((b"{", b"[")) and not said.endswith((b"}", b"]")):
                raise TryLater("the answer is cut") from None
            raise NotUnderstood(f"not JSON: {self.text[:80]!r}") from None


class Budget(NamedTuple):
    """How many requests are left, and in how many seconds it begins anew."""

    remaining: int
    resets_in: float


@dataclass(frozen=True)
class Terms:
    """How one provider is asked: its module's constants, overridden by the user's settings."""

    name: str
    base_url: str
    interval: float
    batch: int
    timeout: float
    backoff: float
    hourly: int | None
    """How many requests it allows an hour, where those are few; None where a plan need not tell."""
    connections: int
    """How many requests of ours may be open at once ..."""
    single: bool
    """... and whether that one is the only one of all processes."""
    key: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    remedy: str | None
    """What to do against being put off."""
    objection: Callable[[Answer], EnrichError | None]
    budget: Callable[[Answer], Budget | None]

    @property
    def gate(self) -> str:
        """Whose turns, waits and budget these are: another's with a key than without."""
        return f"{self.name} with key" if self.headers else self.name


@asynccontextmanager
async def session(user_agent: str) -> AsyncIterator[aiohttp.ClientSession]:
    """One connection pool for all providers of a run."""
    headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate"}
    async with aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as pool:
        # aiohttp re-sends a GET by itself when a kept connection was dropped: past the pace, and uncounted.
        pool._retry_connection = False  # noqa: SLF001 - it has no public switch
        yield pool


class Api:
    """One provider's side of the door, for one run. `ask` is the only way to send a request."""

    def __init__(self, pool: aiohttp.ClientSession, database: Database, terms: Terms) -> None:
        self.terms = terms
        self.requests = 0
        """How many were sent, tries included."""
        self.closed: EnrichError | None = None
        """Why nothing more is asked in this run."""
        self.budget: Budget | None = None
        """What the last answer that told of it said is left."""
        self.skew: float | None = None
        """Seconds by which the provider's clock was ahead of ours at its last answer."""
        self.waiting: Callable[[float, str], None] = lambda _seconds, _why: None
        """Told of every wait that is worth telling, as `Progress.wait` is."""
        self._pool, self._database = pool, database
        self._strange = 0
        self._shaky = False
        """Whether requests before this one used up their tries, of ours or of another process."""
        self._asker = uuid4().hex
        self._sending, self._sent = asyncio.Lock(), -math.inf
        self._host = urlsplit(terms.base_url).netloc.rpartition("@")[2]  # without a password

    async def ask(
        self, method: str, path: str, read: Callable[[Answer], T], *, told_by: Container[int] = (), **what: Any
    ) -> T:
        """Send a request and return what `read` makes of its answer.

        `read` raises NotUnderstood for another shape, which is asked once more unchanged. told_by: statuses
        beside 200 that it reads. what: params, data or json, as aiohttp takes them. Raises an EnrichError when
        the tries are used up or cannot help.
        """
        if self.closed is not None:
            raise self.closed

        def checked(answer: Answer) -> T:
            usual = None if answer.status in told_by else _objection(answer)
            if error := self.terms.objection(answer) or usual:
                raise error
            try:
                return read(answer)
            except NotUnderstood as error:
                error.answer = answer.text
                raise

        try:
            result = await self._tries(partial(self._once, method, path, checked, what))
        except EnrichError as error:
            raise await self._counted(error) from None
        self._strange = 0
        if self._shaky:
            self._shaky = False
            await gate.note_success(self._database, self.terms.gate)
        return result

    def close(self, error: EnrichError) -> EnrichError:
        """Ask nothing more in this run, for this reason."""
        self.closed = error
        return error

    def postponed(self, error: EnrichError) -> bool:
        """Whether the question is left for a later run: there is nothing to be said of it now."""
        return error is self.closed or error.after is not None

    async def _tries(self, once: Callable[[int], Awaitable[T]]) -> T:
        async for attempt in AsyncRetrying(retry=_Again(), stop=stop_after_attempt(TRIES), reraise=True):
            with attempt:
                return await once(attempt.retry_state.attempt_number)
        raise AssertionError("AsyncRetrying re-raises or returns")

    async def _once(
        self, method: str, path: str, read: Callable[[Answer], T], what: Mapping[str, Any], tries: int, hops: int = HOPS
    ) -> T:
        """One try: a request, and one for each hop where a GET is redirected within the provider's base_url."""
        turn = await self._turn()
        try:
            async with self._holding():
                answer = await self._send(method, path, what)
            if budget := self.terms.budget(answer):
                self.budget = budget
                if not turn.tells(*budget):
                    await gate.note_budget(self._database, self.terms.gate, *budget)
            moved = self._moved(answer) if method == "GET" and hops else None
            if moved is None:
                return read(answer)
        except (TryLater, PutOff) as error:
            await self._hold_back(error, tries)
            raise
        return await self._once(method, moved, read, {}, tries, hops - 1)

    def _moved(self, answer: Answer) -> str | None:
        place = answer.headers.get("location", "")
        path = place.removeprefix(self.terms.base_url)
        moved = answer.status == HTTPStatus.MOVED_PERMANENTLY and path != place and PLAIN_PATH.fullmatch(path)
        return path if moved else None

    async def _turn(self) -> Turn:
        """Wait until the provider may be asked. Raises TryLater or PutOff where that is too far off."""
        hold = HOLD if self.terms.single else None
        waited, told = 0.0, False
        while True:
            turn = await gate.take_turn(
                self._database, self.terms.gate, self._asker, interval=self.terms.interval, hold=hold
            )
            if turn.granted:
                self._shaky |= turn.failures > 0
                return turn
            if turn.wait > PATIENCE:
                raise PutOff(SPENT, turn.wait) if turn.spent else TryLater(turn.reason or "told to wait", turn.wait)
            waited += turn.wait
            why = f"{SPENT}, waiting" if turn.spent else turn.reason
            if why and waited > WORTH_TELLING and not told:
                logger.info("%s: %s %.0f s", self.terms.name, why, waited)
                self.waiting(waited, why)
                told = True
            await asyncio.sleep(turn.wait)

    @asynccontextmanager
    async def _holding(self) -> AsyncIterator[None]:
        """Keep a provider's only connection for as long as the request lasts, then give it back."""
        if not self.terms.single:
            yield
            return
        done = asyncio.Event()
        renewing = asyncio.create_task(self._renew(done))
        try:
            yield
        finally:
            done.set()  # not cancelled: the MongoDB driver does not survive that
            await renewing
            await gate.give_back(self._database, self.terms.gate, self._asker)

    async def _renew(self, done: asyncio.Event) -> None:
        while not done.is_set():
            try:
                await asyncio.wait_for(done.wait(), HOLD / 3)
            except TimeoutError:
                await gate.renew(self._database, self.terms.gate, self._asker, HOLD)

    async def _spaced(self) -> None:
        """Keep the interval between what is sent: other work may come between a turn and its request."""
        async with self._sending:
            await asyncio.sleep(self._sent + self.terms.interval - time.monotonic())
            self._sent = time.monotonic()

    async def _send(self, method: str, path: str, what: Mapping[str, Any]) -> Answer:
        await self._spaced()
        self.requests += 1
        timeout = aiohttp.ClientTimeout(total=self.terms.timeout, sock_connect=CONNECT_TIMEOUT)
        url, headers = self.terms.base_url + path, self.terms.headers
        try:
            async with self._pool.request(
                method, url, headers=headers, timeout=timeout, allow_redirects=False, **what
            ) as response:
                body = await _bounded(response, self.terms.key)
                lowered = {name.lower(): value for name, value in response.headers.items()}
                sent = waits.moment(lowered.get("date", ""))
                self.skew = (sent - datetime.now(UTC)).total_seconds() if sent else None
                return Answer(response.status, lowered, body, self.terms.key)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(f"{self._host} cannot be reached ({_cause(error)}): check the network") from None
        except ValueError:  # aiohttp on a header or an address that cannot be sent
            raise Refused(f"{self.terms.name}: its key or base_url holds characters that cannot be sent") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryLater(f"no whole answer ({type(error).__name__})") from None

    async def _hold_back(self, error: TryLater | PutOff, tries: int) -> None:
        """Let nobody ask this provider for as long as it told us, or for a growing while."""
        if isinstance(error, PutOff):
            if error.after is not None:
                await gate.note_budget(self._database, self.terms.gate, 0, error.after)
        elif error.after is not None:
            await gate.hold_back(self._database, self.terms.gate, error.after, f"{error}, told to wait")
        else:
            await gate.hold_back(self._database, self.terms.gate, self._backoff(error, tries), f"{error}, waiting")

    def _backoff(self, error: TryLater, tries: int) -> float:
        first = UNREACHABLE_BACKOFF if isinstance(error, Unreachable) else self.terms.backoff
        longest = PATIENCE if isinstance(error, TrySmaller) else LONGEST_BACKOFF  # the halves are asked in this run
        growing: float = first * 2 ** (tries - 1)
        return min(growing * random.uniform(1, 1.5), longest)  # noqa: S311 - jitter, not a secret

    async def _counted(self, error: EnrichError) -> EnrichError:
        """The error, or the one that closes the door for the rest of the run, where asking on is of no use."""
        if isinstance(error, PutOff) and self.terms.remedy:
            error = PutOff(f"{error}: {self.terms.remedy}", error.after)
        if isinstance(error, Refused | PutOff | Unreachable) or (error.after or 0) > PATIENCE:
            return self.close(error)
        if isinstance(error, TryLater):
            useless = await gate.note_failure(self._database, self.terms.gate) >= CIRCUIT
        else:
            self._strange += 1
            useless = self._strange > self.terms.batch.bit_length() + STRANGE
        if isinstance(error, NotUnderstood) and error.answer:
            await deferred.keep_answer(self._database, self.terms.name, error.reason, error.answer)
        return self.close(TryLater(error.reason, error.after)) if useless else error


class _Again:
    """Whether another try is of use: of what comes later as often as tries allow, of what may be a whim once."""

    def __init__(self) -> None:
        self.seen: Counter[type] = Counter()

    def __call__(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        self.seen[type(error)] += 1
        if isinstance(error, NotUnderstood | Doubtful):
            return self.seen[type(error)] <= 1
        if isinstance(error, Unreachable):
            return self.seen[Unreachable] < UNREACHABLE_TRIES and (state.seconds_since_start or 0) < UNREACHABLE_FOR
        if isinstance(error, TrySmaller):
            return self.seen[TrySmaller] < SMALLER_TRIES
        if isinstance(error, PutOff):
            return error.after is not None and error.after <= PATIENCE
        return isinstance(error, TryLater) and (error.after is None or error.after <= PATIENCE)


async def _bounded(response: aiohttp.ClientResponse, key: str | None) -> bytes:
    """The decoded body. Raises NotUnderstood where it is larger than any answer we ask for."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(2**16):
        body += chunk
        if len(body) > LARGEST:
            error = NotUnderstood(f"an answer of more than {LARGEST >> 20} MiB")
            error.answer = Answer(response.status, {}, bytes(body[:4096]), key).text
            raise error
    return bytes(body)


def _cause(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_TIMEOUT:.0f} s"
    number = getattr(error, "errno", None)
    if number and number > 0:  # negative ones are of name lookups, which tell their own text
        return os.strerror(number)
    return getattr(error, "strerror", None) or type(error).__name__


def _objection(answer: Answer) -> EnrichError | None:
    """What a status means where the provider has no word of its own for it."""
    said = f"HTTP {answer.status}"
    if answer.status in RETRIED:
        told = waits.told(answer.headers)
        return TrySmaller(said) if told is None and answer.status in SPLIT else TryLater(said, told)
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Refused(f"{said}: {answer.text[:80]!r}")
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return BadBatch(f"{said}: {answer.text[:80]!r}")
    if answer.status != HTTPStatus.OK:
        return NotUnderstood(said)
    return None if answer.body.strip() else TryLater("an empty answer")
