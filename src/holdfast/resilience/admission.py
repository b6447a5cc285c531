"""Who may come in now: a bounded number at work, a bounded queue behind it, in order of arrival.

A server that takes everything answers nothing in time. Beyond the bulkhead's places requests
wait their turn, first come first served, but only so long; beyond the queue they are told at once
to come back.
"""

import asyncio
import math
from random import uniform
from typing import Final

#: When a shed request is asked to come back: at some time between the two, so that those who were
#: sent away together do not come back together.
OVERLOADED_RETRY_AFTER_MS: Final = (1000, 3000)


class RateLimited(Exception):
    """One client asks for more than its share: of `burst` requests, refilled within `window_s`."""

    def __init__(self, retry_after_ms: int, burst: int = 1, window_s: int = 1) -> None:
        super().__init__("Too many requests from this address; slow down and try again.")
        self.retry_after_ms = retry_after_ms
        self.burst = burst
        self.window_s = window_s


class Overloaded(Exception):
    """There is no place for it, and none to wait for."""

    def __init__(self, detail: str = "The service is busy; nothing was done. Try again.") -> None:
        super().__init__(detail)
        self.retry_after_ms = int(uniform(*OVERLOADED_RETRY_AFTER_MS))  # noqa: S311 - no secret


class Bulkhead:
    """Places for requests at work, and a first-in-first-out queue for those that wait."""

    def __init__(self, places: int, queue_max: int, wait_max_s: float = math.inf) -> None:
        """Make it with all places free.

        Args:
            places: requests at work at once.
            queue_max: requests that wait for one.
            wait_max_s: how long each of them may.
        """
        self._places = places
        self._wait_max_s = wait_max_s
        self._active = 0
        #: Those who wait, in order, with the instant at which each gives up.
        self.queue: dict[asyncio.Future[None], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.queue_max = queue_max

    @property
    def active(self) -> int:
        """How many are at work."""
        return self._active

    @property
    def queue_depth(self) -> int:
        """How many wait."""
        return len(self.queue)

    @property
    def shedding(self) -> bool:
        """Whether the next request would be sent away."""
        return self._active >= self._places and len(self.queue) >= self.queue_max

    def try_enter(self) -> bool:
        """Take a place without waiting, if one is free and nobody waits for it."""
        if self._active >= self._places or self.queue:
            return False
        self._active += 1
        return True

    async def enter(self) -> None:
        """Take a place, after those who came earlier.

        Raises:
            Overloaded: the queue is full, or the wait was too long.
        """
        if self.try_enter():
            return
        if len(self.queue) >= self.queue_max:
            raise Overloaded
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self.queue[turn] = loop.time() + self._wait_max_s
        self._watch(loop)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()
            self.queue.pop(turn, None)
            raise

    def leave(self) -> None:
        """Give a place back: to the one who waits longest, if anybody does."""
        while self.queue:
            turn = self._first()
            if not turn.done():
                turn.set_result(None)
                return
        self._active -= 1

    def _first(self) -> asyncio.Future[None]:
        turn = next(iter(self.queue))
        del self.queue[turn]
        return turn

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have one timer run to the end of the longest wait; none while nobody has to give up."""
        if self._timer is None and self.queue:
            due = next(iter(self.queue.values()))
            if due < math.inf:
                self._timer = loop.call_at(due, self._give_up, loop)

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        while self.queue and next(iter(self.queue.values())) <= now:
            turn = self._first()
            if not turn.done():
                turn.set_exception(Overloaded())
        self._watch(loop)
