"""The way of one request: name it, find its endpoint, admit it, run it, answer it, note it.

This is plain ASGI and the only layer between the server and the handlers. Whatever is raised on
the way becomes a problem here and nowhere else, and every request leaves one line in the log and
one count in the metrics, however it ended.
"""

from time import perf_counter
from typing import Final, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.domain.rejections import Rejected
from holdfast.http.answer import Answer
from holdfast.http.body import BodyReader, ClientGone, is_gone
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint
from holdfast.http.exchange import Exchange
from holdfast.http.headers import demand_single, tenant_and_host
from holdfast.http.lanes import Lane, Lanes
from holdfast.http.live.stream import Stream
from holdfast.http.paths import RouteTable
from holdfast.http.problems import is_expected, problem
from holdfast.http.services import Services
from holdfast.http.steps import own_task
from holdfast.ledger.port import Ledger
from holdfast.resilience.admission import Bulkhead, Overloaded, RateLimited
from holdfast.resilience.rate_limit import RateLimiter
from holdfast.tenancy.names import Address

#: What the log says of a request whose client left before it was complete.
CLIENT_GONE: Final = 499
#: Addresses whose tenants are remembered.
_ADDRESSES_MAX: Final = 4096


class Edge:
    """The ASGI application."""

    def __init__(self, services: Services, routes: RouteTable, beside: ASGIApp) -> None:
        config = services.config
        self._services = services
        self._routes = routes
        #: Serves whatever is not HTTP.
        self._beside = beside
        self.limiter = RateLimiter(config.rate_limit_rps, config.rate_limit_burst)
        self._metrics = services.metrics
        self._addresses = services.tenants.addresses
        self._log = services.logger
        self.bodies = BodyReader()
        self.lanes = Lanes(
            config.concurrency_api,
            config.load_shed_queue_max,
            config.queue_wait_max_ms / 1000,
        )
        self._queue = self.lanes.ordinary

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            await self._beside(scope, receive, send)
            return
        call = Call(self._services, self.lanes, scope, receive)
        answer: Answer | None
        try:
            answer = await self._answer(scope, call)
        except Exception as error:  # noqa: BLE001 - the last stop: whatever it is, it is answered
            answer = self._failed(error, call)
        if answer is not None:
            await _send(send, answer, call)
        self._note(call, answer)

    async def serve_whole(self, exchange: Exchange) -> None:
        """Serve a request whose body has come, past ASGI's messages where the answer can."""
        scope, receive = cast("Scope", exchange.scope), cast("Receive", exchange.receive)
        call = Call(self._services, self.lanes, scope, receive, exchange.take_body())
        answer: Answer | None
        try:
            answer = await self._answer(scope, call)
        except Exception as error:  # noqa: BLE001 - as in `__call__`
            answer = self._failed(error, call)
            if isinstance(error, Overloaded):
                exchange.hold_back()
        try:
            if answer is not None and not exchange.send_whole(
                answer, call.request_id, call.method == "HEAD"
            ):
                await _send(cast("Send", exchange.send), answer, call)
            self._note(call, answer)
        finally:
            exchange.end()

    async def _answer(self, scope: Scope, call: Call) -> Answer:
        endpoint = self._find(scope, call)
        if endpoint.tenant:
            address = (call.headers.get(b"x-tenant-id"), call.headers.get(b"host"))
            ledger = self._addresses.get(address)
            call.ledger = ledger if ledger is not None else await self._resolve(call, address)
            call.tenant = call.ledger.tenant_id
        # Sooner than after so many bytes, or so much reading of them.
        if (self._queue or endpoint.raw_body) and self.lanes.sheds(
            endpoint.lane, writes=endpoint.writes
        ):
            raise Overloaded
        endpoint.read_head(call, scope["query_string"])
        bulkhead = self.lanes[endpoint.lane]
        bytes_max = endpoint.body_bytes_max
        if bytes_max:
            body = call.whole_body
            if body is None:
                body = await self.bodies.read(call.receive, call.headers, bytes_max)
            endpoint.read_body(call, body)
        if endpoint.lane is Lane.WAITING:
            await own_task()
        if not bulkhead.try_enter():
            await self._wait_for_turn(bulkhead, endpoint, call)
        try:
            return await endpoint.answer(call)
        finally:
            bulkhead.leave()

    def _find(self, scope: Scope, call: Call) -> Endpoint:
        """Find out what is asked, and whether this client may ask."""
        try:
            found = self._routes.find(scope["path"], scope.get("raw_path"), call.method)
        except Rejected:
            self._limit(scope)
            raise
        call.path, endpoint, call.params = found
        call.route = endpoint.path
        if endpoint.lane is not Lane.FREE:
            self._limit(scope)
        if len(call.headers) != len(scope["headers"]):
            demand_single(scope["headers"])
        return endpoint

    async def _resolve(self, call: Call, address: Address) -> Ledger:
        """Find the tenant the long way, and remember which it was."""
        await own_task()
        ledger = await self._services.tenants.resolve(*tenant_and_host(call.headers))
        if len(self._addresses) >= _ADDRESSES_MAX:
            self._addresses.clear()  # Ports and spellings are the client's to choose.
        self._addresses[address] = ledger
        return ledger

    def _limit(self, scope: Scope) -> None:
        client = scope.get("client")
        self.limiter.take("" if client is None else client[0])

    @staticmethod
    async def _wait_for_turn(bulkhead: Bulkhead, endpoint: Endpoint, call: Call) -> None:
        """Take a place, unless the client has given up meanwhile; only behind its body is it seen."""
        await bulkhead.enter()
        stays = False
        try:
            stays = not (endpoint.body_bytes_max and await is_gone(call.receive))
        finally:
            if not stays:
                bulkhead.leave()
        if not stays:
            raise ClientGone

    def _failed(self, error: Exception, call: Call) -> Answer | None:
        """Turn what was raised into an answer; None: nobody listens any more."""
        if isinstance(error, ClientGone):
            return None
        if not is_expected(error):
            self._log.error(
                "request failed",
                request_id=call.request_id,
                tenant=call.tenant,
                route=call.route,
                exc_info=error,
            )
        elif isinstance(error, RateLimited):
            self._metrics.add("rateLimited")
        elif isinstance(error, Overloaded):
            self._metrics.add("shed")
        elif isinstance(error, Rejected) and error.code == "version_conflict":
            self._metrics.add("conflicts")
        return problem(error, call.request_id)

    def _note(self, call: Call, answer: Answer | None) -> None:
        duration_s = perf_counter() - call.began
        status = CLIENT_GONE if answer is None else answer.status
        self._metrics.answered(call.route, status, duration_s)
        self._log.info(
            "request",
            request_id=call.request_id,
            tenant=call.tenant,
            method=call.method,
            route=call.route,
            status=status,
            duration_ms=round(duration_s * 1000, 3),
        )
        if answer is not None and answer.replayed:
            self._metrics.add("idempotentHits")


async def _send(send: Send, answer: Answer, call: Call) -> None:
    body = b"" if call.method == "HEAD" else answer.body
    headers = answer.all_headers(call.request_id)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if isinstance(answer, Stream):
        await answer.pour(send)
    await send({"type": "http.response.body", "body": body})
