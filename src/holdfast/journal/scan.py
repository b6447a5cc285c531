"""Every durable event with the place where it is written, for those who do not own the journal.

The owner may append, change segments and archive them meanwhile. The watermark is read first and
ends the scan, so it never meets a write that has not ended; a segment that moves to the archive is
found there.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.journal.archive import open_segment
from holdfast.journal.disk import Disk
from holdfast.journal.errors import JournalCorrupt, ReadFailed
from holdfast.journal.frame import Cursor, Frame
from holdfast.journal.reader import segments_behind
from holdfast.journal.segment import RESTORE, TRY_AGAIN, Segment, load_segments
from holdfast.journal.walk import walk
from holdfast.journal.watermark import Watermark, read_watermark

_CHUNK_BYTES: Final = 1 << 20
_LISTINGS_MAX: Final = 10


class Located(NamedTuple):
    """A frame, the segment's file, and the byte at which its line begins there."""

    frame: Frame
    path: Path
    offset: int


def scan(folder: Path, tenant_id: str, disk: Disk, after: int = 0) -> Iterator[Located]:
    """Every event later than `after` up to the watermark, oldest first, the archive included.

    Each line is verified, its chain from the beginning of the segment that holds the first event
    asked for; so are the headers on the way, and the chain at the watermark. What may stand
    behind the watermark is for `recover` to judge. Blocks; memory is bounded. A path is the
    segment's when the scan came to it: the owner may archive the file at any time.
    Raises HistoryGone, JournalCorrupt and ReadFailed, possibly after some events.
    """
    try:
        mark = read_watermark(disk, folder)
        if mark.cursor.sequence > after:
            segments = _listed(disk, folder, tenant_id)
            yield from _up_to(mark, disk, segments_behind(disk, segments, after), after)
    except OSError as error:
        raise ReadFailed("read", folder, cause=str(error), hint=TRY_AGAIN) from error


def _listed(disk: Disk, folder: Path, tenant_id: str) -> list[Segment]:
    for attempt in range(_LISTINGS_MAX):
        try:
            segments = load_segments(disk, folder, tenant_id)
        except FileNotFoundError:
            # One of them was archived between its name and its header: list them again.
            if attempt == _LISTINGS_MAX - 1:
                raise
            continue
        if segments:
            return segments
        break
    raise JournalCorrupt("read", folder, cause="there is no segment", hint=RESTORE)


def _up_to(
    mark: Watermark, disk: Disk, segments: Iterator[Segment], after: int
) -> Iterator[Located]:
    end: Cursor | None = None
    for segment in segments:
        if end not in {None, segment.header.before}:
            cause = "it does not follow the end of the segment before it"
            raise JournalCorrupt("read", segment.path, cause=cause, hint=RESTORE, offset=0)
        end = segment.header.before
        for located in _frames(disk, segment):
            end = Cursor(located.frame.sequence, located.frame.chain)
            if end.sequence > after:
                yield located
            if end.sequence == mark.cursor.sequence:
                _demand_same(mark, end, located)
                return
    cause = f"the log ends before event {mark.cursor.sequence}, up to which it was durable"
    raise JournalCorrupt("read", segment.path, cause=cause, hint=RESTORE)


def _demand_same(mark: Watermark, end: Cursor, located: Located) -> None:
    if end != mark.cursor:
        cause = f"the chain at event {end.sequence} is not the watermark's"
        raise JournalCorrupt("read", located.path, cause=cause, hint=RESTORE, offset=located.offset)


def _frames(disk: Disk, segment: Segment) -> Iterator[Located]:
    """The frames of a segment, read and verified in pieces. Raises JournalCorrupt, OSError."""
    handle = open_segment(disk, segment.path)
    try:
        offset, cursor, batch = segment.start, segment.header.before, 0
        size_bytes = _CHUNK_BYTES
        while offset < segment.stop:
            data = disk.pread(handle, min(size_bytes, segment.stop - offset), offset)
            frames: list[Frame] = []
            walked = walk(
                data, 0, cursor, apply=frames.append, apply_after=0, chains={}, batch=batch
            )
            if not frames:
                if b"\n" in data or offset + len(data) >= segment.stop or not data:
                    cause = walked.problem or "the file is shorter than it was"
                    raise JournalCorrupt(
                        "read", segment.path, cause=cause, hint=RESTORE, offset=offset
                    )
                size_bytes *= 2
                continue
            for frame in frames:
                yield Located(frame, segment.path, offset)
                offset += frame.line_bytes
            cursor, batch = walked.cursor, frames[-1].batch
    finally:
        disk.close(handle)
