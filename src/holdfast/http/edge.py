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
from holdfast.http.headers import Headers, demand_single, request_id_of, tenant_id
from holdfast.http.lanes import Lane, Lanes
from holdfast.http.paths import RouteTable, rewrite
from holdfast.http.problems import is_expected, problem
from holdfast.http.services import Services
from holdfast.resilience.admission import Overloaded, RateLimited
from holdfast.resilience.rate_limit import RateLimiter

#: What the log and the metrics say of a request that found no endpoint.
NO_ROUTE: Final = "(none)"
#: What the log says of a request whose client left before it was complete.
CLIENT_GONE: Final = 499


class Visit:
    """What is known of one request so far, for the log."""

    __slots__ = ("method", "request_id", "route", "tenant")

    def __init__(self, request_id: str, method: str) -> None:
        self.request_id = request_id
        self.method = method
        self.route = NO_ROUTE
        self.tenant: str | None = None


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
        self._log = services.logger
        self.bodies = BodyReader()
        self.lanes = Lanes(config.concurrency_api, config.load_shed_queue_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            await self._beside(scope, receive, send)
            return
        started = perf_counter()
        headers: Headers = dict(scope["headers"])
        visit = Visit(request_id_of(headers), scope["method"])
        try:
            if len(headers) != len(scope["headers"]):
                demand_single(scope["headers"])
            answer = await self._answer(scope, receive, headers, visit)
        except ClientGone:
            self._note(visit, CLIENT_GONE, started)
            return
        except Exception as error:  # noqa: BLE001 - the last stop: whatever it is, it is answered
            answer = self._failed(error, visit)
        await _send(send, answer, visit)
        self._note(visit, answer.status, started)
        if answer.replayed:
            self._metrics.add("idempotentHits")

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Headers, visit: Visit
    ) -> Answer:
        path = rewrite(scope["path"], scope.get("raw_path"))
        try:
            endpoint, params = self._routes.find(path, visit.method)
        except Rejected:
            self._limit(scope)
            raise
        visit.route = endpoint.path
        call = Call(
            services=self._services,
            lanes=self.lanes,
            bodies=self.bodies,
            request_id=visit.request_id,
            method=endpoint.method,
            path=path,
            params=params,
            headers=headers,
            query_string=scope["query_string"],
            receive=receive,
        )
        if endpoint.lane is Lane.FREE:
            await endpoint.prepare(call)
            return await endpoint.answer(call)
        self._limit(scope)
        if endpoint.tenant:
            call.ledger = self._services.tenants.resolve(
                tenant_id(headers), _text(headers.get(b"host"))
            )
            visit.tenant = call.ledger.tenant_id
        await endpoint.prepare(call)
        return await self._in_turn(endpoint, call)

    def _limit(self, scope: Scope) -> None:
        client = scope.get("client")
        self._limiter.take("" if client is None else client[0])

    async def _in_turn(self, endpoint: Endpoint, call: Call) -> Answer:
        bulkhead = self.lanes[endpoint.lane]
        waits = not bulkhead.try_enter()
        if waits:
            await bulkhead.enter()
        try:
            if waits and endpoint.reads_body and await is_gone(call.receive):
                raise ClientGone
            return await endpoint.answer(call)
        finally:
            bulkhead.leave()

    def _failed(self, error: Exception, visit: Visit) -> Answer:
        if not is_expected(error):
            self._log.error(
                "request failed", request_id=visit.request_id, route=visit.route, exc_info=error
            )
        elif isinstance(error, RateLimited):
            self._metrics.add("rateLimited")
        elif isinstance(error, Overloaded):
            self._metrics.add("shed")
        elif isinstance(error, Rejected) and error.code == "version_conflict":
            self._metrics.add("conflicts")
        return problem(error, visit.request_id)

    def _note(self, visit: Visit, status: int, started: float) -> None:
        duration_s = perf_counter() - started
        self._metrics.answered(visit.route, status, duration_s)
        self._log.info(
            "request",
            request_id=visit.request_id,
            tenant=visit.tenant,
            method=visit.method,
            route=visit.route,
            status=status,
            duration_ms=round(duration_s * 1000, 3),
        )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


async def _send(send: Send, answer: Answer, visit: Visit) -> None:
    body = answer.body
    headers: list[Any] = [(b"x-request-id", visit.request_id.encode("ascii"))]
    if answer.content_type is not None:
        headers.append((b"content-type", answer.content_type))
        headers.append((b"content-length", b"%d" % len(body)))
    if answer.replayed:
        headers.append((b"idempotent-replayed", b"true"))
    headers.extend(answer.headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if visit.method == "HEAD" else body})
