"""The live feed over WebSockets: who is let in, and what becomes of whom.

A connection that is refused gets a problem, as every other request does. One that is let in hears
JSON arrays until it leaves, its tenant is no longer served here, or the process ends. What it says
itself is read, and means nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from holdfast.domain.rejections import Rejected
from holdfast.domain.values import QUANTITY_MAX
from holdfast.http.answer import Answer
from holdfast.http.headers import Headers, demand_single, request_id_of, tenant_and_host
from holdfast.http.live.hub import Hub, Hubs
from holdfast.http.live.listener import Listener
from holdfast.http.live.messages import TYPES, Wanted
from holdfast.http.paths import rewrite
from holdfast.http.problems import is_expected, problem
from holdfast.http.query import choices_param, id_param, int_param, read_query
from holdfast.http.services import Services
from holdfast.ledger.port import Ledger, Unavailable
from holdfast.resilience.admission import Overloaded

PATH: Final = "/ws"
AFTER: Final = int_param(
    "after", 0, QUANTITY_MAX, None, "Only what comes behind this sequence; without it, from now on."
)
PARAMS: Final = (
    AFTER,
    choices_param("type", TYPES, "Only messages of these types, separated by commas."),
    id_param("storeId", "Only what concerns this store."),
    id_param("sku", "Only what concerns this SKU."),
)
#: Listeners at once.
LISTENERS_MAX: Final = 4096

_PARAMS_BY_NAME: Final = {param.name: param for param in PARAMS}
_SWITCHED: Final = 101
_TRY_AGAIN_LATER: Final = 1013
_GOING_AWAY: Final = 1001
_FAILED: Final = 1011


class Sockets:
    """The ASGI application of everything that is no HTTP request."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._hubs = Hubs()
        self._listening = 0
        #: Has a client pay for a connection as for any request; whoever puts the parts together
        #: says how.
        self.charge: Callable[[str], None] = _for_nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "websocket":
            return
        await receive()
        began = perf_counter()
        headers: Headers = dict(scope["headers"])
        request_id = request_id_of(headers)
        status, tenant_id = _SWITCHED, None
        line = _Line(scope, receive, send)
        try:
            ledger, wanted, after = await self._asked(scope, headers)
            tenant_id = ledger.tenant_id
            await self._talk(line, ledger, wanted, after)
        except OSError:
            pass  # The client left in the middle of a frame.
        except Exception as error:
            answer = problem(error, request_id)
            status = answer.status
            if not is_expected(error):
                self._services.logger.exception("request failed", request_id=request_id, route=PATH)
            if line.is_open:
                await line.close(_FAILED)
            else:
                await _refuse(scope, send, answer, request_id)
        finally:
            self._note(request_id, tenant_id, status, perf_counter() - began)

    async def _asked(self, scope: Scope, headers: Headers) -> tuple[Ledger, Wanted, int | None]:
        """Find out who asks for what, and whether it may."""
        client = scope.get("client")
        self.charge("" if client is None else client[0])
        if rewrite(scope["path"], scope.get("raw_path")) != PATH:
            raise Rejected("not_found", "There is nothing at this address.")
        if len(headers) != len(scope["headers"]):
            demand_single(scope["headers"])
        self._demand_origin(headers)
        query = read_query(scope.get("query_string", b""), _PARAMS_BY_NAME)
        ledger = await self._services.tenants.resolve(*tenant_and_host(headers))
        return ledger, Wanted(query["type"], query["storeId"], query["sku"]), query["after"]

    def _demand_origin(self, headers: Headers) -> None:
        """Refuse the pages of other sites, which browsers let connect to whatever they like."""
        given = headers.get(b"origin")
        if given is None:
            return
        origin = given.decode("latin-1").lower()
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if urlsplit(origin).netloc != host and origin not in self._services.config.origins:
            raise Rejected(
                "forbidden",
                "Pages of this origin may not listen here; the operator can add it to WS_ORIGINS.",
            )

    async def _talk(self, line: "_Line", ledger: Ledger, wanted: Wanted, after: int | None) -> None:
        if self._listening >= LISTENERS_MAX:
            raise Overloaded("Too many listen already. Try again in a moment.")
        news = asyncio.Event()
        self._listening += 1
        hub = None
        try:
            hub = await self._hubs.enter(ledger, news)
            await line.accept()
            line.on_gone(news.set)

            listener = Listener(ledger, hub, news, wanted, after, self._goes_on(line, ledger, hub))
            code = _GOING_AWAY
            try:
                async with aclosing(listener.frames()) as frames:
                    async for frame in frames:
                        await line.say(frame)
                        if line.is_gone:
                            break
            except Unavailable:
                code = _TRY_AGAIN_LATER
            await line.close(code)
        finally:
            line.hang_up()
            self._listening -= 1
            if hub is not None:
                self._hubs.leave(ledger, hub, news)

    def _goes_on(self, line: "_Line", ledger: Ledger, hub: Hub) -> Callable[[], Awaitable[bool]]:
        beats = hub.beats

        async def goes_on() -> bool:
            nonlocal beats
            if line.is_gone or self._services.health.draining:
                return False
            if beats == hub.beats:
                return True
            beats = hub.beats
            try:
                return (
                    await self._services.tenants.resolve(*tenant_and_host(line.headers)) is ledger
                )
            except (Rejected, Unavailable):
                return False

        return goes_on

    def _note(self, request_id: str, tenant_id: str | None, status: int, duration_s: float) -> None:
        """Leave the same traces as every other request."""
        self._services.metrics.answered(PATH, status, duration_s)
        self._services.logger.info(
            "request",
            request_id=request_id,
            tenant=tenant_id,
            method="GET",
            route=PATH,
            status=status,
            duration_ms=round(duration_s * 1000, 3),
        )


class _Line:
    """One connection, once it is let in."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._hearing: asyncio.Task[None] | None = None
        self.headers: Headers = dict(scope["headers"])

    @property
    def is_open(self) -> bool:
        """Whether the client was let in."""
        return self._hearing is not None

    @property
    def is_gone(self) -> bool:
        """Whether the client has left."""
        return self._hearing is not None and self._hearing.done()

    async def accept(self) -> None:
        await self._send({"type": "websocket.accept"})
        self._hearing = asyncio.get_running_loop().create_task(self._hear())

    def on_gone(self, then: Callable[[], object]) -> None:
        """Do something when the client has left."""
        if self._hearing is not None:
            self._hearing.add_done_callback(lambda _: then())

    async def say(self, frame: str) -> None:
        await self._send({"type": "websocket.send", "text": frame})

    async def close(self, code: int) -> None:
        if not self.is_gone:
            await self._send({"type": "websocket.close", "code": code})

    def hang_up(self) -> None:
        """Hear nothing any more."""
        if self._hearing is not None:
            self._hearing.cancel()

    async def _hear(self) -> None:
        while (await self._receive())["type"] != "websocket.disconnect":
            pass


async def _refuse(scope: Scope, send: Send, answer: Answer, request_id: str) -> None:
    """Answer with a problem, where the server can carry one."""
    if "websocket.http.response" not in scope.get("extensions", ()):
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = answer.all_headers(request_id)
    await send(
        {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
    )
    await send({"type": "websocket.http.response.body", "body": answer.body})


def _for_nothing(_: str) -> None:
    """Charge nobody."""
