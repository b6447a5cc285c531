"""Durable events for those who follow: the newest from memory, older ones from the journal."""

import asyncio
from collections import deque
from itertools import islice

from holdfast.journal import Journal
from holdfast.ledger.port import LoggedEvent

_RECENT_MAX = 256


class Feed:
    """The journal's durable end."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._recent: deque[LoggedEvent] = deque(maxlen=_RECENT_MAX)
        self._news: asyncio.Event = asyncio.Event()

    def note(self, event: LoggedEvent) -> None:
        """Follow an event that was just committed."""
        self._recent.append(event)

    def wake(self) -> None:
        """Let those go on who wait for events."""
        if not self._news.is_set():
            self._news.set()

    async def events(self, after: int, limit: int, wait_s: float) -> list[LoggedEvent]:
        """Return durable events behind `after`, oldest first; see the port."""
        if after >= self._journal.durable.sequence and wait_s > 0:
            await self._until_news(after, wait_s)
        if after >= self._journal.durable.sequence:
            return []
        if self._recent and self._recent[0].sequence <= after + 1:
            start = after + 1 - self._recent[0].sequence
            return list(islice(self._recent, start, start + limit))
        frames = await self._journal.read(after, limit)
        return [LoggedEvent(frame.sequence, frame.json) for frame in frames]

    async def _until_news(self, after: int, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                while after >= self._journal.durable.sequence:
                    if self._news.is_set():
                        self._news = asyncio.Event()
                    await self._news.wait()
        except TimeoutError:
            return
