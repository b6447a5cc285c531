"""A journal that several processes append to, one after the other, in turns.

In its turn a process is the only one that writes, and the journal is the same as ever: batches
gather, one flush each. What is added here is what stands between turns: reading what others
appended, going on in their segment, and, where the last turn did not end in good order, beginning
a segment that cuts theirs off, as after any crash. Nobody seals: another may still write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdfast.journal.appender import Appender, Beginning, Position
from holdfast.journal.batch import Shared
from holdfast.journal.disk import Disk
from holdfast.journal.errors import FlushFailed, JournalError, NotWritten, OpenFailed, ReadFailed
from holdfast.journal.fence import Fence, FencedDisk, LostLease
from holdfast.journal.frame import Cursor, Frame
from holdfast.journal.guard import DiskFault, GuardedDisk
from holdfast.journal.handoff import HINT_UNKNOWN
from holdfast.journal.journal import Journal, State, settle
from holdfast.journal.news import News, read_news
from holdfast.journal.recovery import Recovered, recover
from holdfast.journal.watermark import read_watermark, replace_watermark
from holdfast.journal.writer import Outcome

_AGAIN: Final = "It is decided again once this process has the lease"
_LOOK: Final = "Look at the disk; the next turn tries again"
#: The maintaining process may archive a segment between a listing and a look at it.
_TRIES: Final = 3


class TurnEnd(NamedTuple):
    """Where a turn ended in good order, segment and byte: everything up to it is durable."""

    ordinal: int
    offset: int


class SharedAppender(Appender):
    """Appends batches as long as the lease is held: looks before each one, and again after it.

    The look behind the sync is what acknowledges: who takes the lease reads the journal after
    that, so what was synced under a lease that still held is part of what it goes on from.
    """

    def __init__(
        self,
        folder: Path,
        disk: GuardedDisk,
        begin: Beginning | Position,
        fence: Fence,
        *,
        segment_bytes_max: int,
    ) -> None:
        self._fence = fence
        super().__init__(folder, disk, begin, segment_bytes_max=segment_bytes_max)

    def flush(self, batch: bytes, end: Cursor) -> Position:
        """Make one batch durable, unless the lease was lost."""
        path = self.position.segment.path
        try:
            self._fence.demand()
        except LostLease as lost:
            raise NotWritten("append to", path, cause=str(lost), hint=_AGAIN) from lost
        position = super().flush(batch, end)
        try:
            self._fence.demand()
        except LostLease as lost:
            raise FlushFailed("flush", path, cause=str(lost), hint=HINT_UNKNOWN) from lost
        return position

    def _put(self, batch: bytes) -> None:
        # Not where the handle stands: another process wrote there since.
        self._disk.pwrite(self._handle, batch, self.position.segment.stop)


class SharedJournal(Journal):
    """A journal of which this process has a turn now and then.

    Between turns it is what others made durable, up to where `follow` was told. `go_on` or
    `begin_anew` starts a turn; it has ended when `tail` is None and the lease was given back.
    """

    def __init__(
        self,
        folder: Path,
        tenant_id: str,
        recovered: Recovered,
        disk: Disk,
        *,
        fence: Fence,
        probe: Callable[[], Awaitable[None]],
        **how: Any,  # noqa: ANN401 - handed on to `Journal`, which says what it takes
    ) -> None:
        super().__init__(folder, tenant_id, recovered, FencedDisk(disk, fence), **how)
        # Closed segments are archived by whoever maintains, with the lease or without.
        self._plain_disk = self._archive_disk = disk
        self._fence = fence
        self._try_a_turn = probe
        #: The batch of the newest event that was read; 0: not known.
        self._batch = 0
        #: Where the newest writer began.
        self._begun = recovered.end
        self._beginning: Shared | None = None

    @property
    def turn_end(self) -> TurnEnd:
        """Where a turn that ends now has ended."""
        return TurnEnd(self._end.segment.header.ordinal, self._end.segment.stop)

    # What others wrote.

    def news(self) -> News | None:
        """Read what the watermark proves beyond `durable`, a page of it; None: nothing.

        Blocks for a few system calls. Raises JournalError.
        """
        return read_news(self._plain_disk, self.folder, self.tenant_id, self._end, self._batch)

    def follow(self, news: News) -> None:
        """Count the news as durable; whoever asked has laid them over its state."""
        if news.frames:
            self._batch = news.frames[-1].batch
        if news.closed is not None:
            self._closed_segments = news.closed
        self._end = news.position
        self._next_sequence = self.durable.sequence + 1

    # Turns.

    async def go_on(self, end: TurnEnd) -> bool:
        """Begin a turn where the last one ended in good order, which was followed up to its end.

        Returns:
            False when the files say something else than `end`: `begin_anew` then.

        Raises:
            JournalError: the disk said no.
        """
        if self.turn_end != end or not await asyncio.to_thread(self._ends_at, end):
            return False
        await self._begin(self._end)
        return True

    def _ends_at(self, end: TurnEnd) -> bool:
        try:
            mark = read_watermark(self._plain_disk, self.folder)
            size_bytes = self._plain_disk.size(self._end.segment.path)
        except OSError as error:
            raise ReadFailed("read", self.folder, cause=str(error), hint=_LOOK) from error
        return (mark.ordinal, mark.offset) == end and size_bytes == end.offset

    async def begin_anew(self) -> News:
        """Begin a turn with a segment of its own, behind one that may have ended anyhow.

        Returns:
            What is in the journal beyond `durable`; it is durable now. `follow` it.

        Raises:
            JournalError: the disk said no, or the journal contradicts itself.
        """
        if self._handoff is not None:
            self._handoff.revoke()
            self._handoff = None
        recovered, frames = await asyncio.to_thread(self._recover)
        await self._begin(recovered.beginning)
        base, position = recovered.beginning.base, self._begun
        closed = recovered.segments[:-1]
        if position.segment.path != base.segment.path:
            closed = (*closed, base.segment)
        return News(frames, position, closed, is_all=True)

    def _recover(self) -> tuple[Recovered, list[Frame]]:
        try:
            # Before the log is read: who lost the lease could move the watermark beyond the cut.
            mark = read_watermark(self._disk, self.folder)
            replace_watermark(GuardedDisk(self._disk), self.folder, mark)
        except (DiskFault, OSError) as fault:
            raise OpenFailed("write", self.folder, cause=str(fault), hint=_LOOK) from fault
        tries_left = _TRIES
        while True:
            frames: list[Frame] = []
            try:
                recovered = recover(
                    *(self.folder, self.tenant_id, self._plain_disk, frames.append, self.durable)
                )
            except ReadFailed:
                tries_left -= 1
                if not tries_left:
                    raise
            else:
                return recovered, frames

    async def _begin(self, begin: Beginning | Position) -> None:
        if self._handoff is not None:
            self._handoff.stop()
        handoff = self._handoff = self._new_handoff(begin)
        begun = self._beginning = Shared(loop=asyncio.get_running_loop())

        def landed(outcome: Outcome) -> None:
            if not isinstance(outcome, JournalError):
                self._begun = outcome.position
            settle(begun, outcome)

        self._state = State.FAILED
        handoff.begin(landed)
        await begun
        self._state = State.OPEN

    def lose(self) -> None:
        """Give up the turn: the lease is another's. What is with the disk may be kept or not."""
        cause = "this process lost its lease while it stood still"
        error = FlushFailed("flush", self.folder, cause=cause, hint=HINT_UNKNOWN)
        self._fail(error, error)

    async def seal(self) -> None:
        """Flush what is queued and stop; without a seal, as others may write on."""
        try:
            await self._drain()
        finally:
            self.abandon()

    async def reopen(self) -> None:
        """Find out by a turn whether the journal can be written. Raises JournalError."""
        await self._try_a_turn()

    # How.

    def _give_up(
        self, of_batch_in_flight: JournalError, cause: str, tell_owner: Callable[[], None]
    ) -> None:
        super()._give_up(of_batch_in_flight, cause, tell_owner)
        # A writer that is given up while it begins tells nobody.
        if self._beginning is not None:
            self._beginning.fail(of_batch_in_flight)

    def _make_appender(self, disk: GuardedDisk, begin: Beginning | Position) -> Appender:
        return SharedAppender(
            self.folder, disk, begin, self._fence, segment_bytes_max=self._segment_bytes_max
        )
