"""Waiting until what a decision rests on is durable, or learning that it was lost."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple


class StagedLost(Exception):
    """A flush failed: what a decision rested on was dropped, and with it the decision."""


class StagedAt(NamedTuple):
    """An event that a decision rests on.

    After a failed flush the sequences of lost events are given again, so a sequence alone does
    not tell one event from another; the number of losses before it does.
    """

    sequence: int
    losses: int


class Durability:
    """Who waits for which event."""

    def __init__(self, durable_sequence: Callable[[], int]) -> None:
        self._durable_sequence = durable_sequence
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        #: For each loss, the newest event that survived it.
        self._survived: list[int] = []

    def at(self, sequence: int) -> StagedAt:
        """Name the event that is staged under this sequence now."""
        return StagedAt(sequence, len(self._survived))

    async def reached(self, staged: StagedAt) -> None:
        """Wait until the event is durable.

        Raises:
            StagedLost: it never will be.
        """
        sequence, losses = staged
        if losses < len(self._survived):
            if sequence > self._survived[losses]:
                raise StagedLost
            return
        if sequence <= self._durable_sequence():
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((sequence, waiter))
        await waiter

    def wake(self, sequence: int) -> None:
        """Let everybody go on who waits for an event up to `sequence`."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= sequence:
            _, waiter = waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def lose(self) -> None:
        """Tell everybody who waits that what they wait for is lost."""
        self._survived.append(self._durable_sequence())
        waiting, self._waiting = self._waiting, deque()
        for _, waiter in waiting:
            if not waiter.done():
                waiter.set_exception(StagedLost())
