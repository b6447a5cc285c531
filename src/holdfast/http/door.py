"""What all connections of a server share: their limits, their number, and what a refusal costs."""

import asyncio
import sys
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from structlog.typing import FilteringBoundLogger
from uvicorn._types import HTTPScope

from holdfast.domain.rejections import Rejected, invalid
from holdfast.http.answer import Header
from holdfast.http.call import NO_ROUTE
from holdfast.http.exchange import encode_head
from holdfast.http.metrics import Metrics
from holdfast.http.problems import problem
from holdfast.http.socket_protocol import SocketProtocol
from holdfast.resilience.admission import Overloaded, RateLimited
from holdfast.resilience.rate_limit import RateLimiter

if TYPE_CHECKING:
    from holdfast.http.protocol import BoundedProtocol

#: So often within the time for a head all connections are looked at.
_LOOKS: Final = 10
#: To make room, so many of the oldest connections are looked at.
_EVICTION_LOOKS: Final = 64


class HeadLimits(NamedTuple):
    """What the head of a request may be: request line, headers, and the empty line."""

    bytes_max: int = 32 * 1024
    headers_max: int = 100
    #: From its first byte, or from where the connection began, until it is complete.
    timeout_s: float = 10.0

    def demand_bytes(self, url: bytes, headers: Iterable[Header]) -> None:
        """Refuse a head that is too large.

        Raises:
            Rejected: it is.
        """
        if len(url) + sum(len(name) + len(value) + 4 for name, value in headers) > self.bytes_max:
            raise too_large(f"It has more than {self.bytes_max} bytes.")


class Door:
    """What all connections of one server share: limits, a sweep, and where a no is noted."""

    def __init__(
        self,
        metrics: Metrics,
        logger: FilteringBoundLogger,
        limits: HeadLimits | None = None,
        limiter: RateLimiter | None = None,
        connections_max: int = sys.maxsize,
    ) -> None:
        self.limits = limits or HeadLimits()
        self._metrics = metrics
        self._log = logger
        self._limiter = limiter
        self._connections_max = connections_max
        #: In the order in which they came.
        self._connections: dict[BoundedProtocol, None] = {}
        #: Those that speak WebSocket now; they count, and nobody is let in for them.
        self.sockets = 0
        self._timer: asyncio.TimerHandle | None = None

    def socket(self, **given: Any) -> SocketProtocol:  # noqa: ANN401 - uvicorn's own
        """Make the protocol of a connection that becomes a WebSocket, as uvicorn asks for it."""
        return SocketProtocol(self, **given)

    def enter(self, connection: "BoundedProtocol") -> None:
        """Look after a connection, if need be in the place of one that waits for its client."""
        if len(self._connections) + self.sockets >= self._connections_max:
            self._make_room(connection)
        self._connections[connection] = None
        if self._timer is None:
            self._look_later(connection.loop)

    def _make_room(self, newcomer: "BoundedProtocol") -> None:
        for connection in islice(self._connections, _EVICTION_LOOKS):
            if connection.waits_for_client:
                self.leave(connection)
                connection.transport.abort()
                return
        newcomer.turn_away(Overloaded("There are too many connections. Try again in a moment."))

    def leave(self, connection: "BoundedProtocol") -> None:
        """The connection has ended, or speaks another protocol now."""
        self._connections.pop(connection, None)

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self.limits.timeout_s / _LOOKS, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in [each for each in self._connections if each.due <= now]:
            connection.overdue()
        self._timer = None
        if self._connections:
            self._look_later(loop)

    def charged(self, client: str, no: Exception) -> Exception:
        """Have a refusal paid for: what is to be said, which is another thing once the client is broke."""
        try:
            if self._limiter is not None:
                self._limiter.take(client)
        except RateLimited as broke:
            self._metrics.add("rateLimited")
            return broke.with_traceback(None)
        return no

    def say_no(
        self,
        transport: asyncio.Transport,
        default_headers: Iterable[Header],
        no: Exception,
        request_id: str,
    ) -> None:
        """Answer with a refusal, behind which nothing more is said on this connection."""
        answer = problem(no, request_id)
        headers = [
            *default_headers,
            (b"x-request-id", request_id.encode("ascii")),
            (b"content-type", answer.content_type or b""),
            (b"content-length", b"%d" % len(answer.body)),
            *answer.headers,
            (b"connection", b"close"),
        ]
        transport.write(encode_head(answer.status, headers) + answer.body)
        self._note(request_id, answer.status, no.detail if isinstance(no, Rejected) else str(no))
        transport.write_eof()

    def _note(self, request_id: str, status: int, detail: str) -> None:
        """Leave the same traces as every other answer."""
        self._metrics.answered(NO_ROUTE, status, 0.0)
        self._log.info(
            "request",
            request_id=request_id,
            tenant=None,
            method=None,
            route=NO_ROUTE,
            status=status,
            duration_ms=0.0,
            detail=detail,
        )


def common_scope(connection: "BoundedProtocol") -> HTTPScope:
    """What the scopes of all requests of a connection begin with; the rest is in their heads."""
    return {  # type: ignore[typeddict-item]  # see above
        "type": "http",
        "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
        "server": connection.server,
        "client": connection.client,
        "scheme": connection.scheme or "http",
        "root_path": "",
        "state": connection.app_state,
    }


def not_http(error: Exception) -> Rejected:
    """Refuse what the parser could not read."""
    return invalid("#", f"This is no request of HTTP/1.1: {error}.")


def too_large(detail: str) -> Rejected:
    """Refuse a head beyond its limits."""
    return Rejected("head_too_large", f"The head of the request is too large. {detail}")
