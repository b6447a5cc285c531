"""One tenant's journal as the event loop sees it.

Everything here runs on the loop, so it needs no lock; the files belong to the writer's thread.
At most one batch is with the writer. What is appended meanwhile gathers and shares the next
flush, so a slow disk makes batches larger, not queues of flushes.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Final

from holdfast.journal.appender import Appender, Beginning, Position
from holdfast.journal.archive import archive_segment
from holdfast.journal.batch import BATCH_BYTES_MAX, Batch, BatchQueue, Shared
from holdfast.journal.disk import Disk
from holdfast.journal.errors import FlushFailed, JournalError, NotWritten, OpenFailed
from holdfast.journal.frame import Cursor, Frame, encode_batch
from holdfast.journal.guard import DiskFault, GuardedDisk
from holdfast.journal.handoff import HINT_UNKNOWN, Handoff
from holdfast.journal.reader import read_frames
from holdfast.journal.recovery import Recovered
from holdfast.journal.segment import Segment
from holdfast.journal.threads import OS_THREADS, Threads
from holdfast.journal.writer import Outcome

SEGMENT_BYTES_MAX: Final = 64 << 20
READ_BYTES_MAX: Final = 4 << 20


@dataclass(slots=True)
class Stats:
    """Counters since the journal was opened. `bytes` are those of the events' JSON."""

    flushes: int = 0
    events: int = 0
    bytes: int = 0
    flush_seconds_last: float = 0.0
    flush_seconds_total: float = 0.0
    failures: int = 0
    torn_tails: int = 0


class State(Enum):
    """A journal goes from CLOSED to OPEN, to FAILED and back, and ends in SEALED."""

    CLOSED = "not open"
    OPEN = "open"
    FAILED = "read-only since a write failed"
    SEALING = "shutting down"
    SEALED = "shut down"


class Journal:
    """Appends events; the package's docstring says what the files hold.

    `on_durable(last_sequence)` is called on the loop for every flush, before anyone who waits
    for it is woken. `on_failed(error)` is called once per failure, after the journal has gone
    back to its durable end and before the waiters learn of it.
    """

    def __init__(
        self,
        folder: Path,
        tenant_id: str,
        recovered: Recovered,
        disk: Disk,
        *,
        on_durable: Callable[[int], None],
        on_failed: Callable[[JournalError], None],
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        batch_bytes_max: int = BATCH_BYTES_MAX,
        flush_deadline_s: float = 10.0,
        idle_sync_s: float = 1.0,
        threads: Threads = OS_THREADS,
    ) -> None:
        self.folder = folder
        self.tenant_id = tenant_id
        self.stats = Stats(torn_tails=int(recovered.torn is not None))
        self._disk = self._archive_disk = disk
        self._recovered: Recovered | None = recovered
        self._on_durable = on_durable
        self._on_failed = on_failed
        self._segment_bytes_max = segment_bytes_max
        self._flush_deadline_s = flush_deadline_s
        self._idle_sync_s = idle_sync_s
        self._threads = threads

        self._state = State.CLOSED
        self._handoff: Handoff | None = None
        self._probe: Shared | None = None
        self._closed_segments = recovered.segments[:-1]
        self._end = recovered.end
        self._next_sequence = recovered.cursor.sequence + 1
        self._queue = BatchQueue(batch_bytes_max)
        self._in_flight: Batch | None = None
        self._scheduled = False

    @property
    def next_sequence(self) -> int:
        """The sequence that the next event appended will have."""
        return self._next_sequence

    @property
    def tail(self) -> asyncio.Future[None] | None:
        """The future of the newest batch that is not durable yet; None when all is."""
        batch = self._queue.newest or self._in_flight
        return None if batch is None else batch.future

    @property
    def durable(self) -> Cursor:
        """The newest event that is on disk."""
        return self._end.cursor

    @property
    def writable(self) -> bool:
        return self._state is State.OPEN

    # Opening and reopening.

    def open(self) -> None:
        """Set a torn end aside and start a segment. Blocks; OpenFailed says to recover again."""
        recovered = self._recovered
        if recovered is None:
            raise RuntimeError("a journal is opened once")
        self._recovered = None
        handoff = self._new_handoff(recovered.beginning)
        try:
            position = handoff.open()
        except DiskFault as fault:
            hint = "Look at the disk, then open the tenant again"
            path, cause = fault.path, fault.cause
            raise OpenFailed(fault.operation, path, cause=cause, hint=hint) from fault
        self._end = recovered.beginning.base
        self._advance(position)
        self._handoff = handoff
        self._state = State.OPEN

    async def reopen(self) -> None:
        """Start a new segment after a failure. Raises JournalError when that fails too."""
        if self.writable:
            return
        if self._probe is None:
            if self._state is not State.FAILED:
                raise RuntimeError(f"the journal is {self._state.value}")
            end = self._end
            self._probe = Shared(loop=asyncio.get_running_loop())
            self._handoff = self._new_handoff(Beginning(end, end.watermark, b"", end.cursor))
            self._handoff.begin(self._probed)
        await self._probe

    def _probed(self, outcome: Outcome) -> None:
        probe, self._probe = self._probe, None
        if not isinstance(outcome, JournalError):
            self._state = State.OPEN
            self._advance(outcome.position)
        if probe is not None:
            settle(probe, outcome)

    # Shutting down.

    async def seal(self) -> None:
        """Flush what is queued, write the seal, stop. A journal that failed is only stopped.

        Raises FlushFailed when the seal cannot be written; nothing depends on it.
        """
        try:
            if self.writable:
                self._state = State.SEALING
                await self._drain()
            if self._state is State.SEALING and self._handoff is not None:
                sealed = Shared(loop=asyncio.get_running_loop())
                self._handoff.seal(lambda outcome: settle(sealed, outcome))
                await sealed
        finally:
            self.abandon()

    async def _drain(self) -> None:
        while (tail := self.tail) is not None:
            with suppress(JournalError):
                await tail

    def abandon(self) -> None:
        """Stop at once and seal nothing, as if the process had been killed.

        Batches that are not durable fail; `on_failed` is not called.
        """
        if self._state is not State.SEALED:
            self._state = State.SEALED
            cause = "the journal was shut down"
            unknown = FlushFailed("flush", self.folder, cause=cause, hint=HINT_UNKNOWN)
            self._give_up(unknown, cause, lambda: None)
            if self._probe is not None:
                self._probe.fail(self._not_written(cause))
            # Its owner knows it: nobody looks for such rings among long-lived objects.
            self._on_durable = lambda _: None
            self._on_failed = lambda _: None

    # Appending.

    def append(self, json: bytes) -> asyncio.Future[None]:
        """Add an event to the batch that is gathering; the future is that batch's.

        It is done when the batch is durable, or holds FlushFailed or NotWritten. Raises
        NotWritten at once when the journal is not writable. Call it on the loop.
        """
        if self._state is not State.OPEN:
            raise self._not_written(f"the journal is {self._state.value}")
        if b"\n" in json:
            raise ValueError("an event must be one line")
        batch = self._queue.add(json)
        self._next_sequence += 1
        if self._in_flight is None and not self._scheduled:
            # Not at once: everything that this turn of the loop appends shares the flush.
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush_scheduled)
        return batch.future

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        if self._in_flight is None:
            self._flush_next()

    def _flush_next(self) -> None:
        batch = None if self._handoff is None else self._queue.take()
        if batch is not None and self._handoff is not None:
            self._in_flight = batch
            data, end = encode_batch(self._end.cursor, batch.events)
            self._handoff.flush(data, end, self._flushed)

    def _flushed(self, outcome: Outcome) -> None:
        batch = self._in_flight
        if isinstance(outcome, JournalError):
            self._fail(outcome, outcome)
        elif batch is not None:
            self._in_flight = None
            self._advance(outcome.position)
            self._count(batch, outcome.seconds)
            # First, so that the disk works while the owner and the waiters do.
            self._flush_next()
            try:
                self._on_durable(self._end.cursor.sequence)
            finally:
                batch.future.succeed()

    def _idle_failed(self, handoff: Handoff, error: JournalError) -> None:
        if handoff is self._handoff and self._state in {State.OPEN, State.SEALING}:
            self._fail(error, self._not_written("the watermark could not be synced"))

    def _fail(self, error: JournalError, of_batch_in_flight: JournalError) -> None:
        self._state = State.FAILED
        self.stats.failures += 1
        cause = "the flush before it failed"
        self._give_up(of_batch_in_flight, cause, lambda: self._on_failed(error))

    def _give_up(
        self, of_batch_in_flight: JournalError, cause: str, tell_owner: Callable[[], None]
    ) -> None:
        """Go back to the durable end. The order matters: state, then owner, then waiters."""
        if self._handoff is not None:
            self._handoff.revoke()
        in_flight, queued = self._in_flight, self._queue.take_all()
        self._in_flight = None
        self._next_sequence = self.durable.sequence + 1
        try:
            tell_owner()
        finally:
            if in_flight is not None:
                in_flight.future.fail(of_batch_in_flight)
            for batch in queued:
                batch.future.fail(self._not_written(cause))

    # Reading.

    async def read(self, after: int, limit: int, bytes_max: int = READ_BYTES_MAX) -> list[Frame]:
        """Durable events later than `after`, oldest first, read off the loop.

        At most `limit`, of `bytes_max` together; one always fits. Raises HistoryGone.
        """
        if after >= self.durable.sequence or limit <= 0:
            return []
        return await asyncio.to_thread(
            read_frames, self._disk, self.segments, after, limit, bytes_max
        )

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments that are not archived, oldest first, as far as they are durable."""
        return (*self._closed_segments, self._end.segment)

    # Archiving.

    async def archive_behind(self, sequence: int) -> None:
        """Move the closed segments that hold no event later than `sequence` to the archive.

        One after the other, off the loop; the newest segment, to which the writer appends, stays.
        Reading goes on meanwhile. One call at a time. Raises ArchiveFailed: what was not moved
        is moved by a later call.
        """
        if self._state is State.CLOSED:
            raise RuntimeError("only who opened a journal may archive its segments")
        segments = pairwise(self.segments)
        behind = takewhile(lambda pair: pair[1].header.before.sequence <= sequence, segments)
        for segment, _ in list(behind):
            await asyncio.to_thread(archive_segment, self._archive_disk, segment.path)
            self._closed_segments = self._closed_segments[1:]

    # How.

    def _make_appender(self, disk: GuardedDisk, begin: Beginning | Position) -> Appender:
        return Appender(self.folder, disk, begin, segment_bytes_max=self._segment_bytes_max)

    def _new_handoff(self, begin: Beginning | Position) -> Handoff:
        return Handoff(
            self.folder,
            self._disk,
            lambda disk: self._make_appender(disk, begin),
            deadline_s=self._flush_deadline_s,
            idle_sync_s=self._idle_sync_s,
            on_idle_failure=self._idle_failed,
            threads=self._threads,
        )

    def _advance(self, position: Position) -> None:
        if position.segment.path != self._end.segment.path:
            self._closed_segments = (*self._closed_segments, self._end.segment)
        self._end = position

    def _count(self, batch: Batch, seconds: float) -> None:
        self.stats.flushes += 1
        self.stats.events += len(batch.events)
        self.stats.bytes += batch.size_bytes
        self.stats.flush_seconds_last = seconds
        self.stats.flush_seconds_total += seconds

    def _not_written(self, cause: str) -> NotWritten:
        hint = "Nothing of it is on disk: send it again"
        return NotWritten("append to", self._end.segment.path, cause=cause, hint=hint)


def settle(future: Shared, outcome: Outcome) -> None:
    """Let a piece of work's outcome be the future's."""
    if isinstance(outcome, JournalError):
        future.fail(outcome)
    else:
        future.succeed()
