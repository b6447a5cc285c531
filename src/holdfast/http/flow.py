"""When a connection is read, and when not: the cheapest way to refuse work is not to read it."""

import asyncio
import math
from collections import deque
from typing import Any, Final

from uvicorn.protocols.http.flow_control import FlowControl

#: Behind a request that was shed, nothing is read for so long. A client that asks again at once
#: costs nothing meanwhile: what it sends waits in its kernel and ours.
HOLD_BACK_S: Final = 0.5


class Flow(FlowControl):
    """Reads no further while requests wait behind the one at work, or answers for their reader.

    uvicorn goes on reading with every answer, so a client that only sends would fill the memory.
    """

    def __init__(self, transport: asyncio.Transport, pipeline: deque[tuple[Any, Any]]) -> None:
        super().__init__(transport)
        self._pipeline = pipeline
        self._held_back = False
        self._unread_bytes: float = math.inf

    def resume_writing(self) -> None:
        self._unread_bytes = math.inf
        super().resume_writing()

    def was_read(self) -> bool:
        """Whether the client has read some of what waits for it since this was asked last."""
        unread_bytes = self._transport.get_write_buffer_size()
        fewer = unread_bytes < self._unread_bytes
        self._unread_bytes = unread_bytes
        return fewer

    def resume_reading(self) -> None:
        if not (self._pipeline or self.write_paused or self._held_back):
            super().resume_reading()

    def hold_back(self) -> None:
        """Read nothing for a while: this client asks more than can be done."""
        if not self._held_back:
            self._held_back = True
            self.pause_reading()
            asyncio.get_running_loop().call_later(HOLD_BACK_S, self._go_on)

    def _go_on(self) -> None:
        self._held_back = False
        if not self._transport.is_closing():
            self.resume_reading()
