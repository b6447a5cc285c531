"""Durable events for those who follow: the newest from memory, older ones from the journal."""

import asyncio
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final

import structlog

from holdfast.domain.rejections import Rejected
from holdfast.journal import HistoryGone, Journal, JournalError
from holdfast.ledger.port import LoggedEvent, Unavailable

_log = structlog.get_logger("holdfast.ledger")

#: When it is worth asking again for events that the disk did not give back.
_UNREADABLE_RETRY_MS: Final = 60_000
_RECENT_MAX: Final = 256
#: Bytes of events kept in memory, and of one answer; one event always fits.
_BYTES_MAX: Final = 4 << 20


class Feed:
    """The journal's durable end."""

    def __init__(self, journal: Journal, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._journal = journal
        self._recent: deque[tuple[int, bytes]] = deque()
        self._recent_bytes = 0
        self._news: asyncio.Event = asyncio.Event()
        #: How many wait for news.
        self.waiting = 0

    def note(self, events: list[tuple[int, bytes]]) -> None:
        """Follow events that were just committed: their sequences, and their JSON."""
        recent = self._recent
        recent.extend(events)
        size_bytes = self._recent_bytes + sum([len(json) for _, json in events])
        while len(recent) > _RECENT_MAX or (size_bytes > _BYTES_MAX and len(recent) > 1):
            size_bytes -= len(recent.popleft()[1])
        self._recent_bytes = size_bytes

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
        oldest = self._recent[0][0] if self._recent else None
        if oldest is not None and oldest <= after + 1:
            start = after + 1 - oldest
            return _page(islice(self._recent, start, start + limit))
        return await self._read(after, limit)

    async def _read(self, after: int, limit: int) -> list[LoggedEvent]:
        try:
            frames = await self._journal.read(after, limit)
        except HistoryGone as gone:
            raise Rejected(
                "history_gone",
                f"Events before {gone.first_sequence} are no longer kept here.",
                {"firstSequence": gone.first_sequence},
            ) from gone
        except JournalError as error:
            _log.error("events could not be read", tenant=self._tenant_id, error=str(error))
            raise Unavailable(
                "journal_unavailable",
                "Older events cannot be read at the moment; the server's log says why.",
                _UNREADABLE_RETRY_MS,
            ) from error
        return [LoggedEvent(frame.sequence, frame.json) for frame in frames]

    async def _until_news(self, after: int, wait_s: float) -> None:
        self.waiting += 1
        try:
            async with asyncio.timeout(wait_s):
                while after >= self._journal.durable.sequence:
                    if self._news.is_set():
                        self._news = asyncio.Event()
                    await self._news.wait()
        except TimeoutError:
            return
        finally:
            self.waiting -= 1


def _page(events: Iterable[tuple[int, bytes]]) -> list[LoggedEvent]:
    page: list[LoggedEvent] = []
    size_bytes = 0
    for sequence, json in events:
        size_bytes += len(json)
        if page and size_bytes > _BYTES_MAX:
            break
        page.append(LoggedEvent(sequence, json))
    return page
