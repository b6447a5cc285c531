"""Events as a stream over HTTP: server-sent events (https://html.spec.whatwg.org, 9.2).

It is read from the journal at the pace of its client, so nothing is kept for anybody, nobody is too
slow for it, and however long one was away, it goes on behind the event that it names.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

from holdfast.domain.rejections import Rejected
from holdfast.http.answer import Answer
from holdfast.ledger.port import LoggedEvent, Unavailable

MEDIA_TYPE: Final = "text/event-stream"
_HEADERS: Final = (
    (b"content-type", MEDIA_TYPE.encode("ascii")),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
#: When nothing was to be said for so long, a line without a meaning is.
HEARTBEAT_S: Final = 15.0
#: When a client that lost its connection comes again.
_OPENING: Final = b"retry: 2000\n\n"
_NOTHING: Final = b":\n\n"

#: The next events, soon; empty when there are none yet, None when there is to be an end.
Next = Callable[[], Awaitable[list[LoggedEvent] | None]]


class Streams:
    """The streams of one server."""

    #: How many are sent now.
    open = 0


class Stream(Answer):
    """An answer that goes on until its client leaves, or the process ends."""

    __slots__ = ("_next", "_streams")

    def __init__(self, next_events: Next, streams: Streams) -> None:
        """Make one that counts among `streams` while it pours."""
        super().__init__(200, b"", None, _HEADERS)
        self._next = next_events
        self._streams = streams

    async def pour(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """Send all parts of the body but the last, which is empty."""
        self._streams.open += 1
        try:
            async with aclosing(self._parts()) as parts:
                async for part in parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        finally:
            self._streams.open -= 1

    async def _parts(self) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        yield _OPENING
        spoke_at = loop.time()
        while True:
            try:
                events = await self._next()
            except (Rejected, Unavailable):
                return  # The client comes again, and hears what it is.
            if events is None:
                return
            if events:
                yield b"".join([_written(event) for event in events])
            elif loop.time() - spoke_at < HEARTBEAT_S:
                continue
            else:
                yield _NOTHING
            spoke_at = loop.time()


def _written(event: LoggedEvent) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (event.sequence, event.json)
