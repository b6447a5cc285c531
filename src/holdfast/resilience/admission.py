"""Who may come in now: a bounded number at work, a bounded queue behind it, in order of arrival.

A server that takes everything answers nothing in time. Beyond the bulkhead's places requests
wait their turn, first come first served; beyond the queue they are told at once to come back.
"""

import asyncio
from collections import deque
from typing import Final

#: When a shed request is asked to come back. The queue turns over much faster than this.
OVERLOADED_RETRY_AFTER_MS: Final = 1000


class RateLimited(Exception):
    """One client asks for more than its share."""

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__("Too many requests from this address; slow down and try again.")
        self.retry_after_ms = retry_after_ms


class Overloaded(Exception):
    """All places are taken and the queue is full."""

    def __init__(self, retry_after_ms: int = OVERLOADED_RETRY_AFTER_MS) -> None:
        super().__init__("The service is busy; nothing was done. Try again in a moment.")
        self.retry_after_ms = retry_after_ms


class Bulkhead:
    """Places for requests at work, and a first-in-first-out queue for those that wait."""

    def __init__(self, places: int, queue_max: int) -> None:
        self._places = places
        self._queue_max = queue_max
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def active(self) -> int:
        """How many are at work."""
        return self._active

    @property
    def queue_depth(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def shedding(self) -> bool:
        """Whether the next request would be sent away."""
        return self._active >= self._places and len(self._waiting) >= self._queue_max

    def try_enter(self) -> bool:
        """Take a place without waiting, if one is free and nobody waits for it."""
        if self._active >= self._places or self._waiting:
            return False
        self._active += 1
        return True

    async def enter(self) -> None:
        """Take a place, after those who came earlier.

        Raises:
            Overloaded: the queue is full.
        """
        if self.try_enter():
            return
        if len(self._waiting) >= self._queue_max:
            raise Overloaded
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """Give a place back: to the one who waits longest, if anybody does."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._active -= 1
