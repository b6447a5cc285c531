"""Reading durable events back: found by bisection in the files, with no index in memory.

Nothing past the `stop` of a segment is looked at, and every event that is handed out has had
its checksum, its sequence and its place in the chain verified.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Final

from holdfast.journal.archive import archived_segments, open_segment
from holdfast.journal.disk import Disk
from holdfast.journal.errors import ReadFailed
from holdfast.journal.frame import Frame, decode_line, link
from holdfast.journal.segment import RESTORE, TRY_AGAIN, Segment

_PROBE_BYTES: Final = 4096
_CHUNK_BYTES: Final = 256 * 1024


def read_frames(
    disk: Disk, segments: Sequence[Segment], after: int, limit: int, bytes_max: int
) -> list[Frame]:
    """Events later than `after`, oldest first: at most `limit`, together at most `bytes_max`.

    What is older than the first of the segments comes from the archive. One event always fits,
    however long it is. Blocks. Raises HistoryGone, JournalCorrupt and ReadFailed.
    """
    page = _Page(after, limit, bytes_max)
    try:
        for segment in segments_behind(disk, segments, after):
            if not page.fill(disk, segment):
                break
    except OSError as error:
        folder = segments[0].path.parent
        raise ReadFailed("read", folder, cause=str(error), hint=TRY_AGAIN) from error
    return page.frames


def segments_behind(disk: Disk, segments: Sequence[Segment], after: int) -> Iterator[Segment]:
    """Those that hold events later than `after`, oldest first, the archived ones included.

    `segments` are the journal's own. Raises HistoryGone, JournalCorrupt, OSError.
    """
    own = (
        segment
        for segment, following in pairwise(segments)
        if following.header.before.sequence > after
    )
    return chain(archived_segments(disk, segments[0], after), own, segments[-1:])


class _Page:
    """The frames found so far, and how many more may join them."""

    def __init__(self, after: int, limit: int, bytes_max: int) -> None:
        self.frames: list[Frame] = []
        self.last_sequence = after
        self._limit = limit
        self._room_bytes = bytes_max

    def fill(self, disk: Disk, segment: Segment) -> bool:
        """Add what this segment has to give; False when nothing more may be added."""
        for frame in _frames_after(disk, segment, self.last_sequence):
            self._room_bytes -= len(frame.json)
            if len(self.frames) >= self._limit or (self.frames and self._room_bytes < 0):
                return False
            if frame.sequence != self.last_sequence + 1:
                raise damaged(segment, f"event {self.last_sequence + 1} is missing")
            if self.frames and frame.chain != link(self.frames[-1].chain, frame.json):
                raise damaged(segment, f"the chain is broken at event {frame.sequence}")
            self.frames.append(frame)
            self.last_sequence = frame.sequence
        return True


def _frames_after(disk: Disk, segment: Segment, after: int) -> Iterator[Frame]:
    handle = open_segment(disk, segment.path)
    try:
        for line in lines_from(disk, handle, segment, _find(disk, handle, segment, after)):
            frame = decode_line(line)
            if frame is None:
                raise damaged(segment, "a line's checksum does not hold")
            if frame.sequence > after:
                yield frame
    finally:
        disk.close(handle)


def _find(disk: Disk, handle: int, segment: Segment, after: int) -> int:
    """Where a line begins that is not later than the one after `after`, and close to it."""
    return bisect_lines(
        disk, handle, segment, lambda at: _sequence_at(disk, handle, segment, at) <= after
    )


def bisect_lines(
    disk: Disk, handle: int, segment: Segment, is_before: Callable[[int], bool]
) -> int:
    """Where a line begins that is not behind the last one for which `is_before`, and close to it.

    `is_before` is asked of the byte at which a line begins, and holds for the first lines only.
    """
    low, high = segment.start, segment.stop
    while high - low > _PROBE_BYTES:
        middle = (low + high) // 2
        line_start = _next_line(disk, handle, middle, high)
        if line_start is not None and is_before(line_start):
            low = line_start
        else:
            high = middle
    return low


def _next_line(disk: Disk, handle: int, offset: int, stop: int) -> int | None:
    while offset < stop:
        part = disk.pread(handle, min(_PROBE_BYTES, stop - offset), offset)
        found = part.find(b"\n")
        if found >= 0 and offset + found + 1 < stop:
            return offset + found + 1
        if found >= 0 or not part:
            return None
        offset += len(part)
    return None


def _sequence_at(disk: Disk, handle: int, segment: Segment, offset: int) -> int:
    text = disk.pread(handle, 32, offset)[9:].partition(b" ")[0]
    if not text.isdigit():
        raise damaged(segment, "a line has no sequence", offset)
    return int(text)


def lines_from(disk: Disk, handle: int, segment: Segment, offset: int) -> Iterator[bytes]:
    """The lines from that byte on, where one begins, up to the segment's `stop`; without their LF."""
    rest = b""
    while offset < segment.stop:
        part = disk.pread(handle, min(_CHUNK_BYTES, segment.stop - offset), offset)
        if not part:
            raise damaged(segment, "the file is shorter than it was", offset)
        offset += len(part)
        *lines, rest = (rest + part).split(b"\n")
        yield from lines


def damaged(segment: Segment, cause: str, offset: int | None = None) -> ReadFailed:
    """Say that a segment is not what was written."""
    return ReadFailed("read", segment.path, cause=cause, hint=RESTORE, offset=offset)
