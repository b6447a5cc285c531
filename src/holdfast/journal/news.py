"""What others appended since: a reader's way along a journal that it does not write.

A reader stops at the watermark, never at what happens to be in a file. Its place is a sequence
with its chain; the byte in the segment is a hint, which another process's cut may outdate. So
within a segment it reads on from there, and at a change of segment it looks the events up by
their sequences and skips what it has.
"""

from pathlib import Path
from typing import Final, NamedTuple

from holdfast.journal.appender import Position
from holdfast.journal.archive import open_segment
from holdfast.journal.disk import Disk
from holdfast.journal.errors import JournalError, ReadFailed
from holdfast.journal.frame import Cursor, Frame
from holdfast.journal.segment import RESTORE, TRY_AGAIN, Segment, load_segments
from holdfast.journal.walk import Walk, walk
from holdfast.journal.watermark import Watermark, read_watermark

#: How much is read, decoded and shown to readers in one go.
_PAGE_BYTES: Final = 256 << 10
#: A segment may be replaced, or archived, between two looks.
_TRIES: Final = 3


class News(NamedTuple):
    """Durable events that follow a reader's place, and its place behind them."""

    frames: list[Frame]
    position: Position
    #: The journal's segments before that of `position`; None: as they were.
    closed: tuple[Segment, ...] | None
    #: Whether there is nothing more up to the watermark.
    is_all: bool


def read_news(disk: Disk, folder: Path, tenant_id: str, at: Position, batch: int) -> News | None:
    """What the watermark proves behind `at`, whose last event is of `batch`; None: nothing.

    Blocks. Raises JournalError.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            return _read(disk, folder, tenant_id, at, batch)
        except OSError as error:
            if not tries_left:
                raise ReadFailed("read", folder, cause=str(error), hint=TRY_AGAIN) from error
        except JournalError:
            if not tries_left:
                raise
    raise RuntimeError("every try ends in an answer or an error")


def _read(disk: Disk, folder: Path, tenant_id: str, at: Position, batch: int) -> News | None:
    mark = read_watermark(disk, folder)
    if mark.ordinal == at.segment.header.ordinal:
        if mark.cursor.sequence <= at.cursor.sequence:
            return None
        news = _within(disk, at, batch, mark)
        if news is not None:
            return news
    return _by_sequence(disk, load_segments(disk, folder, tenant_id), at, mark)


def _within(disk: Disk, at: Position, batch: int, mark: Watermark) -> News | None:
    """What stands behind the hint; None when the hint does not hold any more."""
    segment, cursor = at
    start, stop = segment.stop, min(mark.offset, segment.stop + _PAGE_BYTES)
    data = _bytes_of(disk, segment, start, stop)
    if b"\n" not in data:  # One event that is larger than a page.
        data = _bytes_of(disk, segment, start, mark.offset)
    frames: list[Frame] = []
    walked = _walk(data, 0, cursor, frames, batch)
    is_all = start + walked.stop == mark.offset
    if not frames or (is_all and walked.cursor != mark.cursor):
        return None
    return News(
        frames, Position(segment._replace(stop=start + walked.stop), walked.cursor), None, is_all
    )


def _by_sequence(disk: Disk, segments: list[Segment], at: Position, mark: Watermark) -> News:
    """The rest of one segment: of the first that has something behind `at`, else of the newest."""
    known, target = at.cursor.sequence, max(at.cursor.sequence, mark.cursor.sequence)
    index = max(i for i, each in enumerate(segments) if each.header.before.sequence <= known)
    segment = segments[index]
    before = segment.header.before
    found: list[Frame] = []
    data = _bytes_of(disk, segment, 0, segment.stop)
    walked = _walk(data, segment.start, before, found)
    if walked.problem is not None and walked.cursor.sequence < target:
        raise _damaged(segment, walked.problem, walked.stop)
    found = [frame for frame in found if frame.sequence <= target]
    cursors = [before, *(Cursor(frame.sequence, frame.chain) for frame in found)]
    if at.cursor not in cursors:
        raise _damaged(
            segment, f"its chain at event {known} is not the one that was read before", 0
        )
    stop = segment.start + sum(frame.line_bytes for frame in found)
    return News(
        [frame for frame in found if frame.sequence > known],
        Position(segment._replace(stop=stop), cursors[-1]),
        tuple(segments[:index]),
        is_all=cursors[-1].sequence >= mark.cursor.sequence,
    )


def _walk(data: bytes, start: int, before: Cursor, frames: list[Frame], batch: int = 0) -> Walk:
    sequence = before.sequence
    return walk(
        data, start, before, apply=frames.append, apply_after=sequence, chains={}, batch=batch
    )


def _bytes_of(disk: Disk, segment: Segment, start: int, stop: int) -> bytes:
    handle = open_segment(disk, segment.path)
    try:
        return disk.pread(handle, stop - start, start)
    finally:
        disk.close(handle)


def _damaged(segment: Segment, cause: str, offset: int) -> ReadFailed:
    return ReadFailed("read", segment.path, cause=cause, hint=RESTORE, offset=offset)
