"""Batches that gather on the loop, and the futures that those who wait for them share."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from holdfast.journal.errors import JournalError

BATCH_BYTES_MAX: Final = 4 << 20


class Shared(asyncio.Future[None]):
    """A future that many wait for, so none of them may cancel it for the others.

    A task that is cancelled while it waits goes on waiting until this is done, and is
    cancelled then: what it appended is already on its way.
    """

    _waiting: list[Callable[[], None]] | None = None

    def then(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` when this is done, in one turn of the loop with all others who asked."""
        if self._waiting is None:
            self._waiting = [go_on]
            self.add_done_callback(self._let_all_go_on)
        else:
            self._waiting.append(go_on)

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - the loop names it
        """Decline."""
        return False

    def _let_all_go_on(self, _: asyncio.Future[None]) -> None:
        waiting, self._waiting = self._waiting or [], None
        for go_on in waiting:
            go_on()

    def succeed(self) -> None:
        if not self.done():
            self.set_result(None)

    def fail(self, error: JournalError) -> None:
        """Fail, and count as seen: the owner was told, so nobody has to wait for it."""
        if not self.done():
            self.set_exception(error)
            self.exception()


class Batch:
    """Events that share a flush and a future."""

    __slots__ = ("events", "future", "size_bytes")

    def __init__(self, future: Shared) -> None:
        self.future = future
        self.events: list[bytes] = []
        self.size_bytes = 0


class BatchQueue:
    """The batches that wait for the writer. The last one gathers until it is full."""

    def __init__(self, batch_bytes_max: int) -> None:
        self._batch_bytes_max = batch_bytes_max
        self._batches: deque[Batch] = deque()

    @property
    def newest(self) -> Batch | None:
        return self._batches[-1] if self._batches else None

    def add(self, json: bytes) -> Batch:
        """Put an event in a batch; an event larger than a batch may be gets its own."""
        batches, size_bytes = self._batches, len(json)
        if batches and batches[-1].size_bytes + size_bytes <= self._batch_bytes_max:
            batch = batches[-1]
        else:
            batch = Batch(Shared(loop=asyncio.get_running_loop()))
            batches.append(batch)
        batch.events.append(json)
        batch.size_bytes += size_bytes
        return batch

    def take(self) -> Batch | None:
        """The oldest batch."""
        return self._batches.popleft() if self._batches else None

    def take_all(self) -> list[Batch]:
        batches = list(self._batches)
        self._batches.clear()
        return batches
