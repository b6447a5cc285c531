"""The way of one request: name it, find its endpoint, admit it, run it, answer it, note it.

This is plain ASGI and the only layer between the server and the handlers. Whatever is raised on
the way becomes a problem here and nowhere else, and every request leaves one line in the log and
one count in the metrics, however it ended.
"""

from time import perf_counter
from typing import Any, Final

from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from holdfast.domain.rejections import Rejected
from holdfast.http.answer import Answer
from holdfast.http.body import BodyReader, ClientGone, is_gone
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint
from holdfast.http.exchange import EXCHANGE, Exchange
from holdfast.http.headers import demand_single, tenant_and_host
from holdfast.http.lanes import Lane, Lanes
from holdfast.http.paths import RouteTable
from holdfast.http.problems import is_expected, problem
from holdfast.http.services import Services
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

    def __init__(self, services: Services, routes: RouteTable, beside: Router) -> None:
        config = services.config
        self._services = services
        self._routes = routes
        #: Refuses whatever is not HTTP.
        self._beside = beside
        self._limiter = RateLimiter(config.rate_limit_rps, config.rate_limit_burst)
        self._metrics = services.metrics
        self._addresses = services.tenants.addresses
        self._log = services.logger
        self.bodies = BodyReader()
        self.lanes = Lanes(config.concurrency_api, config.load_shed_queue_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            await self._beside(scope, receive, send)
            return
        started = perf_counter()
        # Taken out, because it knows the scope: the two would keep each other.
        exchange: Exchange | None = scope.pop(EXCHANGE, None)
        headers = dict(scope["headers"])
        call = Call(self._services, self.lanes, scope["method"], headers, receive)
        try:
            answer = await self._answer(scope, call, exchange)
        except ClientGone:
            self._note(call, CLIENT_GONE, started)
            return
        except Exception as error:  # noqa: BLE001 - the last stop: whatever it is, it is answered
            answer = self._failed(error, call)
        await _send(exchange, send, answer, call)
        self._note(call, answer.status, started)
        if answer.replayed:
            self._metrics.add("idempotentHits")

    async def _answer(self, scope: Scope, call: Call, exchange: Exchange | None) -> Answer:
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
        if endpoint.tenant:
            address = (call.headers.get(b"x-tenant-id"), call.headers.get(b"host"))
            ledger = self._addresses.get(address)
            call.ledger = ledger if ledger is not None else await self._resolve(call, address)
            call.tenant = call.ledger.tenant_id
        endpoint.read_head(call, scope["query_string"])
        bulkhead = self.lanes[endpoint.lane]
        if endpoint.raw_body and bulkhead.shedding:
            raise Overloaded  # Sooner than after so many bytes.
        bytes_max = endpoint.body_bytes_max
        if bytes_max:
            body = None if exchange is None else exchange.take_body(bytes_max)
            if body is None:
                body = await self.bodies.read(call.receive, call.headers, bytes_max)
            endpoint.read_body(call, body)
        if not bulkhead.try_enter():
            await self._wait_for_turn(bulkhead, endpoint, call)
        try:
            return await endpoint.answer(call)
        finally:
            bulkhead.leave()

    async def _resolve(self, call: Call, address: Address) -> Ledger:
        """Find the tenant the long way, and remember which it was."""
        ledger = await self._services.tenants.resolve(*tenant_and_host(call.headers))
        if len(self._addresses) >= _ADDRESSES_MAX:
            self._addresses.clear()  # Ports and spellings are the client's to choose.
        self._addresses[address] = ledger
        return ledger

    def _limit(self, scope: Scope) -> None:
        client = scope.get("client")
        self._limiter.take("" if client is None else client[0])

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

    def _failed(self, error: Exception, call: Call) -> Answer:
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

    def _note(self, call: Call, status: int, started: float) -> None:
        duration_s = perf_counter() - started
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


async def _send(exchange: Exchange | None, send: Send, answer: Answer, call: Call) -> None:
    body = answer.body
    headers: list[Any] = [(b"x-request-id", call.request_id.encode("ascii"))]
    if answer.content_type is not None:
        headers.append((b"content-type", answer.content_type))
        headers.append((b"content-length", b"%d" % len(body)))
    if answer.replayed:
        headers.append((b"idempotent-replayed", b"true"))
    headers += answer.headers
    if call.method == "HEAD":
        body = b""
    if exchange is not None and answer.is_plain and exchange.send(answer.status, headers, body):
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
