"""The short way of a request that came whole and of an answer that leaves whole.

ASGI moves a body and an answer in messages, each through a coroutine, and uvicorn looks at every
header of an answer anew. For a request of a few hundred bytes that costs about as much as deciding
it. Below our own protocol (`http.protocol`) both ends are ours, so what is complete goes straight
over; whatever is not goes through ASGI's messages, as under any other server.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from holdfast.http.answer import Answer, Header
from holdfast.http.flow import Flow

#: Writes one header.
_LINE: Final = b": ".join


@runtime_checkable
class ShortWay(Protocol):
    """An application that takes whole requests past ASGI's messages."""

    async def serve_whole(self, exchange: "Exchange") -> None:
        """Answer a request whose body has come."""


def encode_head(status: int, headers: Sequence[Header]) -> bytes:
    """Write the head of an answer.

    Raises:
        ValueError: a header holds a line break.
    """
    head = STATUS_LINE[status] + b"\r\n".join((*map(_LINE, headers), b"", b""))
    if head.count(b"\n") != len(headers) + 2:
        raise ValueError("a header holds a line break")
    return head


#: In place of an event that nobody waits for; setting it tells nobody.
_NOBODY_WAITS: Final = asyncio.Event()


class Exchange(RequestResponseCycle):
    """One request and its answer on uvicorn's side.

    What every request begins with is kept once, here; each keeps only what has changed.
    """

    logger = logging.getLogger("uvicorn.error")
    access_log = False
    disconnected = False
    #: Whole bytes as long as they came in one piece.
    body: bytes | bytearray = b""  # type: ignore[assignment]  # uvicorn only reads and replaces it
    more_body = True
    #: Is set when something came that was not given out; made when somebody waits for that.
    message_event: asyncio.Event = _NOBODY_WAITS
    _is_taken = False
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0

    def __init__(self, connection: HttpToolsProtocol, keep_alive: bool) -> None:
        """Begin the request whose head the connection has just read."""
        self.scope = connection.scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.default_headers = connection.server_state.default_headers
        self.on_response = connection.on_response_complete
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = connection.expect_100_continue

    async def receive(self) -> ASGIReceiveEvent:
        """Give out the next of ASGI's messages, once there is one."""
        if self.message_event is _NOBODY_WAITS:
            self.message_event = asyncio.Event()
            if self.body or not (self.more_body or self._is_taken):
                self.message_event.set()
        return await super().receive()

    def notify(self) -> None:
        """Wake up whoever waits for the rest of the body, or for the client to leave."""
        if self.message_event is not _NOBODY_WAITS:
            self.message_event.set()

    def add_body(self, piece: bytes) -> None:
        """Take the next piece of the body."""
        if not self.body:
            self.body = piece
        elif isinstance(self.body, bytes):
            self.body = bytearray(self.body + piece)
        else:
            self.body += piece
        self.notify()

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of an answer."""
        if self.more_body and self.waiting_for_100_continue:
            # The client may send its body, or not: what comes next could be either.
            self.keep_alive = False
        await super().send(message)

    def take_body(self) -> bytes:
        """Take the body, all of which has come."""
        self._is_taken = True
        body, self.body = self.body, b""
        return bytes(body)

    def send_whole(self, answer: Answer, request_id: str, without_body: bool) -> bool:
        """Send a whole answer; false leaves it to ASGI's messages, and nothing was sent.

        That is the way of an answer behind which the connection ends.

        Raises:
            ValueError: a header holds a line break.
        """
        if self.disconnected or self.flow.write_paused:
            return False
        if not self.keep_alive or not answer.is_plain:
            return False
        headers = (*self.default_headers, *answer.all_headers(request_id))
        head = encode_head(answer.status, headers)
        self.response_started = self.response_complete = True
        self.transport.write(head if without_body else head + answer.body)
        self.notify()
        self.on_response()
        return True

    def hold_back(self) -> None:
        """Read no further request of this client for a while."""
        if isinstance(self.flow, Flow):
            self.flow.hold_back()

    def end(self) -> None:
        """Let the connection go, which knows this; and end it, if there was no answer."""
        self.on_response = _nothing
        if not (self.response_complete or self.disconnected):
            self.transport.close()


def _nothing() -> None:
    """Follow no answer any more."""
