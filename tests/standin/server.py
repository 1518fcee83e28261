"""The stand-in server: every provider under its own prefix, on a free port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from tests.standin import arxiv, datacite, faults, github, huggingface, openalex, semantic_scholar
from tests.standin.corpus import SMALL, Corpus, load
from tests.standin.invented import number
from tests.standin.pace import KEYLESS, Pace
from tests.standin.wire import Answer, Call, answer_json
from tests.standin.world import Options, Seen, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path


class Provider(Protocol):
    """A provider is a module with three functions."""

    def asked(self, call: Call) -> list[str]:
        """What a request asks for."""

    def answer(self, call: Call, world: World) -> Answer:
        """The answer to a request."""

    def too_fast(self) -> Answer:
        """The answer to one that comes too soon."""


PROVIDERS: Mapping[str, Provider] = {
    "arxiv": arxiv,
    "datacite": datacite,
    "semantic_scholar": semantic_scholar,
    "openalex": openalex,
    "github": github,
    "huggingface": huggingface,
}
PATIENCE = 2.0  # seconds beyond the latency after which a client should take a request as hanging
LARGEST_BODY = LONGEST_LINE = 16 * 2**20
SAID = {"X-Stand-In": "all counts are invented"}


class Server:
    """A running stand-in: its address, its log, and the settings that lead a client to it."""

    def __init__(self, corpus: Corpus, options: Options) -> None:
        self.url = ""
        self.log: list[Seen] = []
        self.options = options
        self.world = World(corpus, options)
        self.faults = faults.Faults(options)
        self.paces = {name: Pace(options.interval.get(name, 0.0), options.connections.get(name)) for name in PROVIDERS}

    def environment(self) -> dict[str, str]:
        """The environment variables that make paperharvest ask this server, at the pace it enforces."""
        settings = {"GITHUB_TOKEN": "stand-in"}
        for name, pace in self.paces.items():
            prefix = f"PAPERHARVEST_PROVIDERS__{name.upper()}__"
            settings[f"{prefix}BASE_URL"] = f"{self.url}/{name}"
            settings[f"{prefix}INTERVAL"] = f"{pace.interval * KEYLESS.get(name, 1):g}"
            settings[f"{prefix}BACKOFF"] = "0.05"
            if self.faults.may("hang"):
                settings[f"{prefix}TIMEOUT"] = f"{self.options.latency + PATIENCE:g}"
        return settings

    def counts(self) -> dict[str, dict[str, int]]:
        """By provider: requests, things asked for, faults met, undercuts."""
        found = {name: Counter({"requests": 0, "asked": 0, "faults": 0, "undercuts": 0}) for name in PROVIDERS}
        for seen in list(self.log):
            found[seen.provider].update(
                requests=1, asked=seen.count, faults=bool(seen.fault), undercuts=bool(seen.undercut)
            )
        return {name: dict(counter) for name, counter in found.items()}

    def ahead(self, name: str) -> float:
        """The most seconds by which a request to a provider came sooner than the pace allows after any before it."""
        starts = [seen.start for seen in list(self.log) if seen.provider == name]
        spare = [start - number * self.paces[name].interval for number, start in enumerate(starts)]
        return max((most - own for most, own in zip(accumulate(spare, max), spare, strict=True)), default=0.0)

    def application(self) -> web.Application:
        """The web application."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_get("/_log", self._show_log)
        app.router.add_get("/_counts", self._show_counts)
        app.router.add_route("*", "/{provider}/{rest:.*}", self._serve)
        return app

    async def _show_log(self, _: web.Request) -> web.Response:
        return web.json_response([asdict(seen) | {"count": seen.count} for seen in self.log])

    async def _show_counts(self, _: web.Request) -> web.Response:
        return web.json_response(self.counts())

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        start, name = time.monotonic(), request.match_info["provider"]
        if name not in PROVIDERS:
            raise web.HTTPNotFound
        call = Call(
            method=request.method,
            target=request.raw_path.removeprefix(f"/{name}"),
            headers=request.headers,
            body=await request.read(),
            base=f"{self.url}/{name}",
        )
        provider, pace, key = PROVIDERS[name], self.paces[name], _key(name, call)
        seen = Seen(name, call.method, call.path, start, provider.asked(call))
        self.log.append(seen)
        intervals = 1 if "x-api-key" in call.headers else KEYLESS.get(name, 1)
        seen.undercut = pace.undercut(key, start, intervals)
        pace.open += 1
        try:
            answer = self._answer(seen, call, key)
            await asyncio.sleep(self.options.latency)
        finally:
            pace.open -= 1
        if answer.told:
            pace.tell(key, time.monotonic(), answer.told)
        return await _send(request, seen, answer)

    def _answer(self, seen: Seen, call: Call, key: str) -> Answer:
        """The answer to one request: too soon, down, poisoned, a fault's, the one set for it, or the right one."""
        provider = PROVIDERS[seen.provider]
        if seen.undercut in ("interval", "connections"):
            return provider.too_fast()
        if seen.provider in self.options.down:
            seen.fault = "down"
            return answer_json({"message": "Service Unavailable"}, 503)
        seen.fault = self.faults.draw(key) if self.options.poisoned.isdisjoint(seen.asked) else "500"
        if seen.fault in ("429", "429-date", "500", "502"):
            return faults.refusal(seen.fault, provider.too_fast())
        places = [place for place in (seen.path, *seen.asked) if place in self.options.instead]
        answer = self.options.instead[places[0]] if places else provider.answer(call, self.world)
        self.world.spent[seen.provider] += answer.cost
        return faults.wrong(answer, key) if seen.fault == "wrong200" else answer


def _key(name: str, call: Call) -> str:
    """What makes a request a distinct one."""
    return f"{number(name, call.method, call.target, call.body):x}"


async def _send(request: web.Request, seen: Seen, answer: Answer) -> web.StreamResponse:
    """Send an answer, or fail to."""
    body = answer.body.encode()
    headers = {"Content-Type": answer.kind, **SAID, **answer.headers}
    if seen.fault == "hang":
        await asyncio.Event().wait()  # until the client gives up, or the server ends
    if seen.fault == "reset" and request.transport:
        request.transport.abort()
        return web.Response()
    seen.status = answer.status
    if seen.fault != "cut":
        return web.Response(status=answer.status, body=body, headers=headers)
    response = web.StreamResponse(status=answer.status, headers={**headers, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    return response


@asynccontextmanager
async def serve(corpus: Path | Corpus = SMALL, **options: Any) -> AsyncIterator[Server]:
    """Run a stand-in in this event loop. options: those of Options."""
    server = Server(corpus if isinstance(corpus, Corpus) else load(corpus), Options(**options))
    runner = web.AppRunner(
        server.application(),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=0.05,
        max_line_size=LONGEST_LINE,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


@contextmanager
def running(corpus: Path | Corpus = SMALL, **options: Any) -> Iterator[Server]:
    """Run a stand-in in a thread of its own, for callers without an event loop and for other processes."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="stand-in", daemon=True)
    thread.start()
    context = serve(corpus, **options)
    try:
        server = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result()
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
