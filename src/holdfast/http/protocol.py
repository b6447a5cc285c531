"""The edge below the application: bytes of a connection that are no request, or not yet.

uvicorn's protocol takes heads of any size and waits for them for ever, and what its parser refuses
it answers at once, even where a request in front of that is still being decided. Here a head is
bounded in bytes, headers and time, every refusal is a problem like all others, and it stands behind
the answers that are due. Reading stops with it, but the connection stays half open for a while:
closed under a client that still sends, it would be reset, and the answer with it.

Requests that arrive whole, in one piece, pay a handful of comparisons for all that. The rest goes by
the state between two pieces: the newest *scope* belongs to the head that is being read, and it is
its *cycle*'s as soon as the head was complete.
"""

import asyncio
import math
from collections import deque
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from holdfast.domain.rejections import Rejected, invalid
from holdfast.http.door import Door, common_scope, not_http, too_large
from holdfast.http.exchange import Exchange, ShortWay
from holdfast.http.flow import Flow
from holdfast.http.headers import request_id_of
from holdfast.http.steps import Steps, run

_NEVER: Final = math.inf
#: Behind an early answer so much of the request's body is thrown away.
_DISCARDED_BYTES_MAX: Final = 16 * 1024 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    # Before the first request there is neither, whatever uvicorn's annotations say.
    scope: HTTPScope | None  # type: ignore[assignment]  # see above
    cycle: Exchange | None  # type: ignore[assignment]  # see above
    flow: Flow
    #: Requests behind the one at work, the newest first; all are exchanges.
    pipeline: deque[tuple[Exchange, ASGI3Application]]  # type: ignore[assignment]  # made here

    def __init__(self, door: Door, **given: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**given)
        self._door = door
        #: None when something stands between here and the application.
        self._short_way = self.app if isinstance(self.app, ShortWay) else None
        #: When it is to be ended, on the loop's clock. Never while a request is at work.
        self.due = self.loop.time() + door.limits.timeout_s
        #: Whether no more is read.
        self._shut = False
        self._refusal: tuple[Exception, str] | None = None
        #: Answers that go before the refusal.
        self._answers_due = 0
        #: The newest request that was begun.
        self._at_work: Exchange | None = None
        #: The request of this piece that is to begin as soon as all of the piece was read.
        self._next: Exchange | None = None
        self._piece_bytes = 0
        #: The request that was not complete when the latest piece ended, and how many bytes have
        #: come since that bring it no nearer: of its head, or around its body.
        self._unfinished: HTTPScope | None = None
        self._idle_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.flow = Flow(transport, self.pipeline)
        self._scope = common_scope(self)
        self._door.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # Only the newest request was told, and that may be one that never begins.
        if self._at_work is not None and not self._at_work.response_complete:
            self._at_work.disconnected = True
            self._at_work.notify()
        # Requests that never begin and this connection hold each other.
        self.pipeline.clear()
        self.cycle = None
        self._door.leave(self)

    def data_received(self, data: bytes) -> None:
        if self._shut:
            return
        self._piece_bytes = len(data)
        newest_before = self.cycle
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._asked_to_upgrade()
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, Rejected) else not_http(error))
        else:
            newest = self.cycle
            if (
                newest is None
                or newest.more_body
                or newest.response_complete
                or newest.scope is not self.scope
            ):
                self._look_at_rest(newest_before)
            else:
                self._unfinished = None
        begins = self._next
        if begins is not None:
            self._next = None
            self._begin(begins)

    def on_message_begin(self) -> None:
        """Begin a scope, which all requests of the connection begin alike."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.scope = scope = self._scope.copy()
        scope["headers"] = self.headers

    def on_headers_complete(self) -> None:
        limits = self._door.limits
        if len(self.headers) > limits.headers_max:
            raise too_large(f"It has more than {limits.headers_max} headers.")
        in_pieces = self._unfinished is self.scope
        if in_pieces or self._piece_bytes > limits.bytes_max:
            limits.demand_bytes(self.url, self.headers)
        self._idle_bytes = 0
        self.due = _NEVER
        parser, scope = self.parser, self.scope
        if scope is None:
            return
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        if parser.should_upgrade() and self._should_upgrade():
            return
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        before = self.cycle
        keep_alive = version != "1.0" and parser.should_keep_alive()
        # It begins behind the piece of bytes that it is in, when more of it is known.
        self.cycle = exchange = Exchange(self, keep_alive)
        if before is None or before.response_complete:
            self._next = exchange
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def on_body(self, body: bytes) -> None:
        """Keep a piece of a body, unless its request was answered without."""
        exchange = self.cycle
        if exchange is None or exchange.response_complete:
            return
        exchange.add_body(body)
        if len(exchange.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """Nothing more belongs to this request."""
        exchange = self.cycle
        if exchange is None or exchange.response_complete or exchange.scope is not self.scope:
            return
        exchange.more_body = False
        exchange.notify()

    def _begin(self, exchange: Exchange) -> None:
        """Begin a request: at once if it is complete, otherwise in a task that waits for the rest."""
        whole = not (exchange.more_body or exchange.disconnected)
        if whole and len(exchange.body) <= HIGH_WATER_LIMIT and self._short_way is not None:
            self._at_work = exchange
            run(self._short_way.serve_whole(exchange), self._start_task)
        else:
            self._start_asgi_task(exchange, self.app)

    def _start_asgi_task(self, cycle: Exchange, app: ASGI3Application) -> None:  # type: ignore[override]  # all are
        self._at_work = cycle
        self._start_task(cycle.run_asgi(app))

    def _start_task(self, steps: Steps) -> None:
        task = self.loop.create_task(steps)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def pause_writing(self) -> None:
        """The client does not read what it asked for: it may not ask for more, and not for ever."""
        super().pause_writing()
        self.flow.pause_reading()
        self.due = min(self.due, self.loop.time() + self._door.limits.timeout_s)

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        at_work = self._at_work
        is_idle = at_work is None or at_work.response_complete
        self.due = self.loop.time() + self._door.limits.timeout_s if is_idle else _NEVER
        self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """Go on, as uvicorn does, but without a timer of its own for each pause."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self.due = self.loop.time() + self._door.limits.timeout_s
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            pause_s = self._door.limits.timeout_s if self._in_head else self.timeout_keep_alive
            self.due = self.loop.time() + pause_s
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self._answers_due:
            self._answers_due -= 1
            if not self._answers_due:
                self._say_no()

    def overdue(self) -> None:
        """The connection's time has passed."""
        if self.transport.get_write_buffer_size() or self.transport.is_closing():
            # A client that reads, however slowly, is waited for.
            if self.flow.was_read():
                self.due = self.loop.time() + self._door.limits.timeout_s
            else:
                self.transport.abort()
        elif self._in_head and not self._shut:
            self._refuse(
                Rejected("request_timeout", "The request did not arrive in time. Send it again.")
            )
        else:
            self.transport.close()

    def turn_away(self, no: Exception) -> None:
        """Answer nothing that comes here but this."""
        self._shut = True
        self._refusal = no, request_id_of({})
        self._say_no()
        self.transport.close()

    @property
    def waits_for_client(self) -> bool:
        """Whether nothing goes on here before the client sends, or reads, some more."""
        return self.due < _NEVER or (self.cycle is not None and self.cycle.more_body)

    @property
    def _in_head(self) -> bool:
        begun, newest = self.scope, self.cycle
        return begun is not None and (newest is None or newest.scope is not begun)

    def _look_at_rest(self, newest_before: Exchange | None) -> None:
        """See to it that what has begun comes to an end, in time and in bounds."""
        in_head, newest = self._in_head, self.cycle
        answered = newest is None or newest.response_complete
        if self._unfinished is not self.scope:
            # The piece may hold the end of another request; then it is not known where this began.
            is_all = self._unfinished is None and newest is newest_before
            self._idle_bytes = self._piece_bytes if is_all else 0
            self._unfinished = self.scope
            if in_head and answered:
                self.due = self.loop.time() + self._door.limits.timeout_s
        elif newest is not None and newest.body and not in_head:
            self._idle_bytes = 0
        else:
            self._idle_bytes += self._piece_bytes
        limits = self._door.limits
        if answered and not in_head:
            if self._idle_bytes > _DISCARDED_BYTES_MAX:
                self.transport.close()
        elif self._idle_bytes > limits.bytes_max or len(self.headers) > limits.headers_max:
            self._refuse(too_large(f"No more than {limits.bytes_max} bytes are taken."))

    def _asked_to_upgrade(self) -> None:
        """Become a WebSocket, or answer in HTTP/1.1.

        The parser reads no body here and is of no use behind this request.
        """
        declared = dict(self.headers)
        if declared.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in declared:
            self._refuse(invalid("#/headers/Upgrade", "A request with a body takes no Upgrade."))
        elif self._should_upgrade():
            if self.cycle is not None and not self.cycle.response_complete:
                # What is still to be answered would be answered into the WebSocket.
                self._refuse(invalid("#/headers/Upgrade", "Wait for the answers before it."))
                return
            self._shut = True
            self._door.leave(self)
            self.handle_websocket_upgrade()
        elif self.cycle is not None:
            self._shut = True
            self.cycle.keep_alive = False

    def _refuse(self, no: Rejected) -> None:
        """Say no to the newest request, once those before it were answered.

        One whose body went wrong is taken back: whoever waits for the rest of it sees the client
        leave. Only one that was answered before all of it had come keeps that answer.
        """
        self._shut = True
        newest = self.cycle
        if newest is not None and not newest.response_complete:
            self._answers_due = 1 + len(self.pipeline)
        if newest is not None and not self._in_head:
            if newest.response_complete:
                self.transport.close()
                return
            self._answers_due -= 1
            if self.pipeline:
                self.pipeline.popleft()
            elif newest.response_started:
                newest.keep_alive = False
                return
            newest.disconnected = newest.response_complete = True
            newest.notify()
        # Its traceback would hold this connection, which holds it.
        client = "" if self.client is None else self.client[0]
        told = self._door.charged(client, no.with_traceback(None))
        self._refusal = told, request_id_of(dict(self.headers))
        if not self._answers_due:
            self._say_no()

    def _say_no(self) -> None:
        if self._refusal is None or self.transport.is_closing():
            return
        self._door.say_no(self.transport, self.server_state.default_headers, *self._refusal)
        self.flow.resume_reading()
        self.due = self.loop.time() + self._door.limits.timeout_s
