"""Locks by key, taken in sorted order, so that two commands can never wait for each other."""

import asyncio
from collections import deque

from holdfast.domain.records import Key


class KeyLocks:
    """Fair locks on one event loop; a key that nobody holds costs a dictionary entry at most."""

    def __init__(self) -> None:
        #: Held keys, each with those who wait for it; None while nobody does.
        self._waiting: dict[Key, deque[asyncio.Future[None]] | None] = {}

    @property
    def all_free(self) -> bool:
        """Whether nobody holds any key."""
        return not self._waiting

    def take_now(self, keys: tuple[Key, ...]) -> bool:
        """Take all of `keys` if none is held; otherwise take none."""
        waiting = self._waiting
        for key in keys:
            if key in waiting:
                return False
        for key in keys:
            waiting[key] = None
        return True

    async def take(self, keys: tuple[Key, ...]) -> None:
        """Take `keys`, which are sorted, one after the other, each in its turn.

        When the wait is cancelled, what was taken is freed again.
        """
        taken: list[Key] = []
        try:
            for key in keys:
                await self._take_one(key)
                taken.append(key)
        except BaseException:
            self.free(tuple(taken))
            raise

    async def _take_one(self, key: Key) -> None:
        if key not in self._waiting:
            self._waiting[key] = None
            return
        queue = self._waiting[key]
        if queue is None:
            queue = self._waiting[key] = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.free((key,))
            raise

    def free(self, keys: tuple[Key, ...]) -> None:
        """Give each key to whoever has waited longest for it."""
        for key in keys:
            queue = self._waiting[key]
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    break
            else:
                del self._waiting[key]
