"""A journal read from its newer events to its older ones, by somebody who looks for a few of them.

Events carry what they changed as it is after them, so the newest event that names a record tells
what the record is: whoever asks for the past begins at the event in question and stops at the first
find. Lines are searched for a text, many at a time, and only those that hold it are decoded; each
of these has its checksum proven. That the chain holds is not proven again: a start did that.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from holdfast.journal.archive import archived_segments, open_segment
from holdfast.journal.disk import Disk
from holdfast.journal.errors import HistoryGone, ReadFailed
from holdfast.journal.frame import Frame, decode_line
from holdfast.journal.reader import bisect_lines, damaged, lines_from
from holdfast.journal.segment import TRY_AGAIN, Segment

_CHUNK_BYTES: Final = 256 * 1024
_TS: Final = b'"ts":"'
_TS_BYTES: Final = 24
#: Where an event's time is to be found: behind the numbers of its line, its id and its sequence.
_HEAD_BYTES: Final = 512


class Backward:
    """Finds events between two sequences, newest first. Every method blocks."""

    def __init__(
        self,
        disk: Disk,
        segments: Sequence[Segment],
        newest: int,
        *,
        above: int = 0,
        spend: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Look at the events up to `newest` and later than `above`.

        `segments` are the journal's own, at least one, whose `stop` is durable; what is older is
        looked for in the archive. `spend` is told how many bytes are about to be searched, and may
        raise to end the search.
        """
        #: Every event from this one up to `newest` was looked at.
        self.reached = newest + 1
        self._disk = disk
        self._segments = segments
        self._newest = newest
        self._above = above
        self._spend = spend

    def holding(self, text: bytes) -> Iterator[Frame]:
        """Events whose JSON holds `text`, newest first, as far back as events are kept.

        Call it once. Raises JournalCorrupt and ReadFailed.
        """
        return self.found(lambda data: _holding(data, text))

    def found(self, pick: Callable[[bytes], list[bytes]]) -> Iterator[Frame]:
        """Events whose lines are picked, newest first; see `holding`.

        `pick` is given some hundred whole lines and returns those that matter, without their LF,
        last one first.
        """
        try:
            for segment in kept_segments(self._disk, self._segments):
                if self.reached <= self._above + 1:
                    return
                if segment.header.first_sequence <= self._newest:
                    yield from self._in_segment(segment, pick)
        except OSError as error:
            folder = self._segments[0].path.parent
            raise ReadFailed("read", folder, cause=str(error), hint=TRY_AGAIN) from error

    def _in_segment(
        self, segment: Segment, pick: Callable[[bytes], list[bytes]]
    ) -> Iterator[Frame]:
        handle = open_segment(self._disk, segment.path)
        try:
            end = segment.stop
            if self.reached > self._newest:
                end = self._behind_newest(handle, segment)
            while end > segment.start and self.reached > self._above + 1:
                end, data = self._lines_before(handle, segment, end)
                for line in pick(data):
                    frame = decode_line(line)
                    if frame is None:
                        raise damaged(segment, "a line's checksum does not hold")
                    if frame.sequence > self._above:
                        yield frame
                self.reached = min(self.reached, _sequence_of(data) or self.reached)
        finally:
            self._disk.close(handle)

    def _behind_newest(self, handle: int, segment: Segment) -> int:
        """Where the line of the newest event that is wanted ends, or the segment does."""
        offset = bisect_lines(
            self._disk,
            handle,
            segment,
            lambda at: (self._sequence_at(handle, at) or 0) <= self._newest,
        )
        for line in lines_from(self._disk, handle, segment, offset):
            if (_sequence_of(line) or 0) > self._newest:
                break
            offset += len(line) + 1
        return min(offset, segment.stop)

    def _sequence_at(self, handle: int, offset: int) -> int | None:
        return _sequence_of(self._disk.pread(handle, 32, offset))

    def _lines_before(self, handle: int, segment: Segment, end: int) -> tuple[int, bytes]:
        """Whole lines that end at `end`, at least one, and where they begin."""
        size_bytes = _CHUNK_BYTES
        while True:
            start = max(segment.start, end - size_bytes)
            self._spend(end - start)
            data = self._disk.pread(handle, end - start, start)
            if len(data) < end - start:
                raise damaged(segment, "the file is shorter than it was", start + len(data))
            cut = 0 if start == segment.start else data.find(b"\n") + 1
            if start == segment.start or 0 < cut < len(data):
                return start + cut, data[cut:]
            size_bytes *= 2


def kept_segments(disk: Disk, segments: Sequence[Segment]) -> Iterator[Segment]:
    """All that is kept, newest first: the journal's own, then what the archive has without a gap.

    The archive is not looked at before it is needed. Raises JournalCorrupt, OSError.
    """
    yield from reversed(segments)
    first = segments[0]
    try:
        archived = list(archived_segments(disk, first, 0))
    except HistoryGone as gone:
        archived = list(archived_segments(disk, first, gone.first_sequence - 1))
    yield from reversed(archived)


def newest_until(disk: Disk, segments: Sequence[Segment], at: str) -> int:
    """The newest event whose time is not later than `at`; 0 when even the first one is later.

    `at` is written as in events. Blocks. Raises HistoryGone when that event may be one that is not
    kept any more, JournalCorrupt and ReadFailed.
    """
    oldest = segments[-1]
    try:
        for segment in kept_segments(disk, segments):
            oldest = segment
            found = _newest_in(disk, segment, at.encode("ascii"))
            if found is not None:
                return found
    except OSError as error:
        folder = segments[0].path.parent
        raise ReadFailed("read", folder, cause=str(error), hint=TRY_AGAIN) from error
    if oldest.header.first_sequence == 1:
        return 0
    raise gone_before(oldest.header.first_sequence, oldest)


def gone_before(first_sequence: int, segment: Segment) -> HistoryGone:
    """Say that events before the first that is kept would be needed."""
    cause = f"events before {first_sequence} are not kept"
    return HistoryGone(segment.path, first_sequence, cause=cause, hint="Bring the files back")


def _newest_in(disk: Disk, segment: Segment, at: bytes) -> int | None:
    """The newest event of one segment that is not later than `at`, or None."""

    def is_not_later(offset: int) -> bool:
        time = _time_of(disk.pread(handle, _HEAD_BYTES, offset))
        return time is not None and time <= at

    handle = open_segment(disk, segment.path)
    try:
        if segment.start == segment.stop or not is_not_later(segment.start):
            return None
        found: int | None = None
        offset = bisect_lines(disk, handle, segment, is_not_later)
        for line in lines_from(disk, handle, segment, offset):
            time = _time_of(line[:_HEAD_BYTES])
            if time is None or time > at:
                break
            found = _sequence_of(line)
        return found
    finally:
        disk.close(handle)


def _holding(data: bytes, text: bytes) -> list[bytes]:
    """The lines that hold the text, last one first."""
    lines: list[bytes] = []
    at = data.find(text)
    while at >= 0:
        end = data.find(b"\n", at)
        lines.append(data[data.rfind(b"\n", 0, at) + 1 : end])
        at = data.find(text, end)
    return lines[::-1]


def _sequence_of(line: bytes) -> int | None:
    """The sequence that a line begins with; None for one that is no event's."""
    text = line[9:32].partition(b" ")[0]
    return int(text) if text.isdigit() else None


def _time_of(line: bytes) -> bytes | None:
    at = line.find(_TS)
    return None if at < 0 else line[at + len(_TS) : at + len(_TS) + _TS_BYTES]
