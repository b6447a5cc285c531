"""The open end of a journal: the segment that grows, and the watermark that follows it.

Everything here blocks and belongs to one thread at a time. After the first failure an appender
is only good for `close`: what a failed write or sync left behind is unknown, so nothing is ever
written to that file again.
"""

from pathlib import Path
from typing import NamedTuple

from holdfast.journal.errors import FlushFailed, JournalError, NotWritten
from holdfast.journal.frame import Cursor, seal_line
from holdfast.journal.guard import DiskFault, GuardedDisk
from holdfast.journal.segment import Segment, create_segment, successor
from holdfast.journal.watermark import Watermark, WatermarkWriter, replace_watermark


class Position(NamedTuple):
    """The durable end of a journal: the newest segment up to its `stop`, and the cursor there."""

    segment: Segment
    cursor: Cursor

    @property
    def watermark(self) -> Watermark:
        return Watermark(self.segment.header.ordinal, self.segment.stop, self.cursor)


class Beginning(NamedTuple):
    """How an appender starts: a new segment that cuts the one of `base` off there.

    It is born with `content`, the lines up to `end`. `proven` is the watermark so far.
    `aside` are the bytes of a torn end with the file to keep them in.
    """

    base: Position
    proven: Watermark
    content: bytes
    end: Cursor
    aside: tuple[Path, bytes] | None = None


class Appender:
    """Appends batches. Raises FlushFailed, NotWritten, or DiskFault where it begins.

    It begins a segment, or, given a `Position`, goes on in the one that is there: only where
    another process stopped in good order, and everything up to there is durable.
    """

    def __init__(
        self,
        folder: Path,
        disk: GuardedDisk,
        begin: Beginning | Position,
        *,
        segment_bytes_max: int,
    ) -> None:
        self._folder = folder
        self._disk = disk
        self._segment_bytes_max = segment_bytes_max
        if isinstance(begin, Position):
            self._go_on(begin)
        else:
            self._begin(begin)

    def _go_on(self, position: Position) -> None:
        self.position = position
        self._handle = self._disk.open(position.segment.path, "update")
        try:
            self._mark = WatermarkWriter(self._disk, self._folder, goes_on=True)
        except BaseException:
            self._disk.close(self._handle)
            raise

    def _begin(self, begin: Beginning) -> None:
        folder, disk = self._folder, self._disk
        disk.remove_temporaries(folder)
        # An earlier writer that hangs may still hold the watermark's file open. It must lose
        # it before the cut, or it could move that to events which the cut takes away.
        replace_watermark(disk, folder, begin.proven)
        if begin.aside is not None:
            disk.replace(*begin.aside)
        header = successor(begin.base.segment, begin.base.cursor, begin.end.sequence)
        segment, self._handle = create_segment(disk, folder, header, begin.content)
        self.position = Position(segment, begin.end)
        try:
            replace_watermark(disk, folder, self.position.watermark)
            self._mark = WatermarkWriter(disk, folder)
        except BaseException:
            disk.close(self._handle)
            raise

    @property
    def watermark_synced(self) -> bool:
        return self._mark.synced

    def flush(self, batch: bytes, end: Cursor) -> Position:
        """Make one batch durable: one write, one sync, then the watermark."""
        if self.position.segment.stop >= self._segment_bytes_max:
            self._change_segment()
        segment = self.position.segment
        try:
            self._put(batch)
            self._disk.fdatasync(self._handle)
            position = Position(segment._replace(stop=segment.stop + len(batch)), end)
            self._mark.move(position.watermark)
        except DiskFault as fault:
            raise _flush_failed(fault, segment) from fault
        self.position = position
        return position

    def _put(self, batch: bytes) -> None:
        self._disk.write(self._handle, batch)

    def seal(self) -> Position:
        """Write the seal, which spares the next start the copy of the last batch."""
        try:
            self._disk.write(self._handle, seal_line(self.position.cursor))
            self._disk.fdatasync(self._handle)
            self._mark.sync()
        except DiskFault as fault:
            raise _flush_failed(fault, self.position.segment) from fault
        return self.position

    def sync_watermark(self) -> None:
        try:
            self._mark.sync()
        except DiskFault as fault:
            raise _flush_failed(fault, self.position.segment) from fault

    def close(self) -> None:
        self._disk.close(self._handle)
        self._mark.close()

    def _change_segment(self) -> None:
        segment, cursor = self.position
        try:
            header = successor(segment, cursor, cursor.sequence)
            changed, handle = create_segment(self._disk, self._folder, header, b"")
            self._disk.close(self._handle)
            self._handle, self.position = handle, Position(changed, cursor)
            self._mark.move(self.position.watermark)
            self._mark.sync()
        except DiskFault as fault:
            raise _not_written(fault) from fault


def _flush_failed(fault: DiskFault, segment: Segment) -> JournalError:
    offset = segment.stop if fault.path == segment.path else None
    hint = "Whether it is on disk is unknown until the journal is writable again. Look at the disk."
    return FlushFailed(fault.operation, fault.path, cause=fault.cause, hint=hint, offset=offset)


def _not_written(fault: DiskFault) -> JournalError:
    hint = (
        "Nothing of it is on disk, and nothing is written until a probe succeeds. Look at the disk."
    )
    return NotWritten(fault.operation, fault.path, cause=fault.cause, hint=hint)
