"""The short way of a request that came whole and of an answer that leaves whole.

ASGI moves a body and an answer in messages, each through a coroutine, and uvicorn looks at every
header of an answer anew. For a request of a few hundred bytes that costs about as much as deciding
it. Below our own protocol (`http.protocol`) both ends are ours, so what is complete goes straight
over; whatever is not goes through ASGI's messages, as under any other server.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from holdfast.http.answer import Header

#: Where a request's scope holds its exchange, if the server gave it one.
EXCHANGE: Final = "holdfast.exchange"

_LINE: Final = b"%b: %b\r\n"


def encode_head(status: int, headers: Iterable[Header]) -> bytes:
    """Write the head of an answer.

    Raises:
        ValueError: a header holds a line break.
    """
    lines = [STATUS_LINE[status]]
    for header in headers:
        lines.append(_LINE % header)  # noqa: PERF401 - a comprehension is a call
    lines.append(b"\r\n")
    head = b"".join(lines)
    if head.count(b"\n") != len(lines):
        raise ValueError("a header holds a line break")
    return head


class Exchange:
    """One request and its answer on uvicorn's side.

    Who finds it in a scope takes it out: left there, scope and cycle would hold each other, and
    the garbage collector is not asked to find such rings (`runtime`).
    """

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def take_body(self, bytes_max: int) -> bytes | None:
        """Take the body if all of it has come; None leaves it to ASGI's messages.

        Args:
            bytes_max: what is larger takes the long way, and is refused there.
        """
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected or len(cycle.body) > bytes_max:
            return None
        cycle.flow.resume_reading()
        cycle.message_event.clear()
        body, cycle.body = cycle.body, bytearray()
        return bytes(body)

    def send(self, status: int, headers: Sequence[Header], body: bytes) -> bool:
        """Send a whole answer; false leaves it to ASGI's messages, and nothing was sent.

        Args:
            status: the answer's status.
            headers: with the length of the body; a connection that is to end takes the long way.
            body: the bytes to send; none for HEAD.

        Raises:
            ValueError: a header holds a line break.
        """
        cycle = self._cycle
        if cycle.disconnected or cycle.response_started or cycle.flow.write_paused:
            return False
        if cycle.more_body and cycle.waiting_for_100_continue:
            # The client may send its body, or not: what comes next could be either.
            cycle.keep_alive = False
        if not cycle.keep_alive:
            return False
        head = encode_head(status, (*cycle.default_headers, *headers))
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(head + body)
        cycle.message_event.set()
        cycle.on_response()
        return True
