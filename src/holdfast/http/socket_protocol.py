"""One WebSocket below the application, where uvicorn's protocol does otherwise than we promise.

The end of the process is told with 1001, as browsers expect it of a server that goes away. A client
that does not read what it was sent cannot hold up that end, nor live on behind a ping that it never
answers: such a connection is cut, not closed, because closing waits until all was read.
"""

import logging
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from asyncio import BaseTransport

    from holdfast.http.door import Door

#: The largest message that a client may send.
MESSAGE_BYTES_MAX: Final = 4096
#: Between two pings, and from a ping to the end of the patience.
PING_S: Final = 20.0
_GOING_AWAY: Final = 1001
#: uvicorn writes a line for each connection, with its whole query; ours has all that it needs.
_LOG: Final = logging.getLogger("uvicorn.error.sockets")
_LOG.setLevel(logging.WARNING)


class SocketProtocol(WebSocketsSansIOProtocol):
    """One connection that has become a WebSocket."""

    def __init__(self, door: "Door", **given: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**given)
        self.logger = _LOG
        self._door = door

    def connection_made(self, transport: "BaseTransport") -> None:
        """Begin; the connection still counts among all others."""
        super().connection_made(transport)
        self._door.sockets += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self._door.sockets -= 1

    def shutdown(self) -> None:
        """Say that the server goes away."""
        if self.handshake_complete and not self.close_sent:
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": _GOING_AWAY})
            self.conn.send_close(_GOING_AWAY)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self._end()
        else:
            super().shutdown()

    def keepalive_timeout(self) -> None:
        """Cut who has not answered a ping."""
        super().keepalive_timeout()
        self._end()

    def _end(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()
