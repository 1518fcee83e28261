"""A real server on 127.0.0.1 that answers as told, request by request, and real doors that lead to it."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from aiohttp import web

from enrich import providers
from enrich.http import Api, session
from enrich.settings import ProviderSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from enrich.http import Answer, Terms
    from storage.connect import Database

AGENT = "paperharvest/0 (+tests)"


@dataclass(frozen=True)
class Reply:
    """One answer, or what goes wrong instead: `hang`, `reset`, `cut` (half of the body), `close` (without a word)."""

    body: str | bytes = "{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    takes: float = 0.0
    """Seconds."""


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    start: float
    """time.monotonic() of its arrival."""
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Server:
    """The server's address, what it was asked for, and how many requests were open at once."""

    replies: list[Reply | Callable[[Request], Reply]]
    url: str = ""
    log: list[Request] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    @property
    def gaps(self) -> list[float]:
        """Seconds between the starts of requests."""
        return [later.start - sooner.start for sooner, later in pairwise(self.log)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The next reply; the last one again and again."""
        seen = Request(time.monotonic(), request.path_qs, request.headers, await request.read())
        told = self.replies[min(len(self.log), len(self.replies) - 1)]
        self.log.append(seen)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            return await _send(request, told if isinstance(told, Reply) else told(seen))
        finally:
            self.open -= 1


async def _send(request: web.Request, reply: Reply) -> web.StreamResponse:
    body = reply.body if isinstance(reply.body, bytes) else reply.body.encode()
    await asyncio.sleep(reply.takes)
    if reply.fault == "hang":
        await asyncio.Event().wait()
    if reply.fault in ("reset", "close") and request.transport:
        (request.transport.abort if reply.fault == "reset" else request.transport.close)()
    if reply.fault != "cut":
        return web.Response(status=reply.status, body=body, headers=reply.headers)
    response = web.StreamResponse(status=reply.status, headers={"Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    return response


@asynccontextmanager
async def serving(*replies: Reply | Callable[[Request], Reply]) -> AsyncIterator[Server]:
    """A server that gives these replies in turn, the last one for ever."""
    server = Server(list(replies))
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


def terms(url: str, name: str = "openalex", **settings: Any) -> Terms:
    """A provider's terms, but at this address, without an interval and with tiny waits."""
    chosen = {"base_url": url, "interval": 0.0, "backoff": 0.001} | settings
    return providers.terms(name, ProviderSettings.model_validate(chosen))


@asynccontextmanager
async def door(url: str, turns: Database, name: str = "openalex", **settings: Any) -> AsyncIterator[Api]:
    """A provider's real door, leading to this address."""
    async with session(AGENT) as pool:
        yield Api(pool, turns, terms(url, name, **settings))


def told(answer: Answer) -> Any:
    """The least that reads an answer: its JSON."""
    return answer.json()
