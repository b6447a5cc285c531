"""A journal read again from its very first event, by somebody who only looks.

Recovery reads what a start needs. This reads everything, in order and once, also while another
process goes on writing: then it stops at the watermark, and reads on from there when asked again.
It opens files for reading only.
"""

import time
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final, NamedTuple, NoReturn
from zlib import crc32

from holdfast.journal.archive import BRING_BACK, open_segment
from holdfast.journal.disk import Disk, read_file
from holdfast.journal.errors import HistoryGone, JournalCorrupt, JournalError, ReadFailed
from holdfast.journal.frame import START, Cursor, Frame, body_of, link
from holdfast.journal.reader import segments_behind
from holdfast.journal.segment import RESTORE, TRY_AGAIN, Segment, load_segments
from holdfast.journal.walk import walk
from holdfast.journal.watermark import NAME, Watermark, read_watermark

#: A file may get another place, or a segment a successor, while it is looked for.
_ATTEMPTS: Final = 50
_ATTEMPT_S: Final = 0.02
_HEADER_FIELDS: Final = 8


class Place(NamedTuple):
    """Where an event stands: a file, and the byte at which its line begins."""

    path: Path
    offset: int


class Claim(NamedTuple):
    """What a line should say, and what it says."""

    expected: str
    found: str


class History:
    """Hands out every event of a journal, each with checksum, sequence, batch and chain proven.

    `cursor` is the last event that was read, `watermark` the mark as it was then, and
    `segments` the number of files that the journal had so far.
    """

    def __init__(self, folder: Path, tenant_id: str, disk: Disk) -> None:
        self.cursor = START
        self.watermark = Watermark(0, 0, START)
        self.segments = 0
        self._folder = folder
        self._tenant_id = tenant_id
        self._disk = disk
        self._path = folder
        self._ordinal = 0
        self._offset = 0

    @property
    def place(self) -> Place:
        """Where the line behind `cursor` begins."""
        return Place(self._path, self._offset)

    def read(self, apply: Callable[[Frame], None], *, to_end: bool) -> None:
        """Hand every event behind `cursor` to `apply`, in order. Blocks; writes nothing.

        Up to the watermark; with `to_end`, which asks that nobody writes meanwhile, up to the
        last good line: what stands behind it is for recovery to judge.
        Raises JournalCorrupt at the first line that is not good, after what stands in front of it
        was applied, and ReadFailed when a file cannot be read at all.
        """
        missing: OSError | None = None
        for _ in range(_ATTEMPTS):
            try:
                mark, segments = self._look(to_end=to_end)
                self.watermark, self.segments = mark, segments[-1].header.ordinal
                for segment, following in zip_longest(segments, segments[1:]):
                    if following is None or following.header.before.sequence > self.cursor.sequence:
                        self._read_segment(segment, following, mark, apply, to_end=to_end)
            except FileNotFoundError as error:
                # An archived segment has moved: it is found again at its new place.
                missing = error
                time.sleep(_ATTEMPT_S)
                continue
            except OSError as error:
                raise _unreadable(self._folder, error) from error
            self._demand_watermark(mark, segments[-1])
            return
        raise _unreadable(self._folder, missing)

    def _look(self, *, to_end: bool) -> tuple[Watermark, Sequence[Segment]]:
        """The watermark, and segments that are at least as new as it is."""
        cause = "a segment was begun, and the watermark does not follow"
        last: JournalError = ReadFailed("read", self._folder / NAME, cause=cause, hint=TRY_AGAIN)
        for _ in range(_ATTEMPTS):
            try:
                mark = read_watermark(self._disk, self._folder)
                after = self.cursor.sequence
                segments = _segments(self._disk, self._folder, self._tenant_id, after)
                if not segments:
                    _refuse(self._folder, None, "there is no segment")
            except JournalCorrupt as error:
                # A slot that is being written, or a file that is being moved, looks like damage.
                if to_end:
                    raise
                last = error
            else:
                # A writer that begins a segment moves the watermark a moment later.
                if to_end or segments[-1].header.ordinal <= mark.ordinal:
                    return mark, segments
            time.sleep(_ATTEMPT_S)
        raise last

    def _read_segment(
        self,
        segment: Segment,
        following: Segment | None,
        mark: Watermark,
        apply: Callable[[Frame], None],
        *,
        to_end: bool,
    ) -> None:
        end = segment.stop
        if not to_end and following is None and segment.header.ordinal == mark.ordinal:
            end = max(segment.start, min(end, mark.offset))
        if self._ordinal == segment.header.ordinal and self._offset <= end:
            start, before = self._offset, self.cursor
        else:
            start, before = segment.start, segment.header.before
        known = {self.cursor.sequence: None, mark.cursor.sequence: None}
        chains: dict[int, bytes | None] = {**known, before.sequence: before.chain}
        walked = walk(
            _part(self._disk, segment.path, start, end),
            0,
            before,
            apply=apply,
            apply_after=self.cursor.sequence,
            chains=chains,
        )
        stop = start + walked.stop
        if chains[self.cursor.sequence] not in {None, self.cursor.chain}:
            cause = f"its chain at event {self.cursor.sequence} is not that of the segment before"
            _refuse(segment.path, segment.start, cause)
        if walked.cursor.sequence >= self.cursor.sequence:
            self.cursor, self._path = walked.cursor, segment.path
            self._ordinal, self._offset = segment.header.ordinal, stop
        proven = following is not None or walked.cursor.sequence < mark.cursor.sequence
        if stop != end and (proven or not to_end):
            _refuse(segment.path, stop, walked.problem or "the file is shorter than it was")
        if following is not None and walked.cursor != following.header.before:
            _refuse(following.path, 0, "it does not follow the end of the segment before")
        if chains.get(mark.cursor.sequence) not in {None, mark.cursor.chain}:
            cause = f"its chain at event {mark.cursor.sequence} is not the log's"
            _refuse(self._folder / NAME, None, cause)

    def _demand_watermark(self, mark: Watermark, last: Segment) -> None:
        if self.cursor.sequence < mark.cursor.sequence:
            cause = (
                f"the log ends at event {self.cursor.sequence}, though it was durable "
                f"up to event {mark.cursor.sequence}"
            )
            _refuse(last.path, self._offset, cause)


def locate(folder: Path, tenant_id: str, disk: Disk, sequence: int) -> Place:
    """Find the line of a sound journal's event. Blocks. Raises JournalCorrupt, OSError."""
    segments = _segments(disk, folder, tenant_id, sequence - 1)
    # Where a batch stands twice, the later copy counts.
    segment = [each for each in segments if each.header.before.sequence < sequence][-1]
    data = _part(disk, segment.path, segment.start, segment.stop)
    offset = 0
    for _ in range(sequence - segment.header.first_sequence):
        offset = data.index(b"\n", offset) + 1
    return Place(segment.path, segment.start + offset)


def line_at(disk: Disk, place: Place) -> bytes:
    """The line that begins there, with its LF if it has one. Blocks. Raises OSError."""
    data = read_file(disk, place.path)
    end = data.find(b"\n", place.offset)
    return data[place.offset :] if end < 0 else data[place.offset : end + 1]


def sound_part(disk: Disk, path: Path) -> tuple[Cursor, int] | None:
    """How far the lines of one segment follow its header: the last event, and the byte behind it.

    None when the header is damaged. For a segment that does not fit the others, so that one may
    say which of its events is the first to be looked at. Blocks. Raises OSError.
    """
    data = read_file(disk, path)
    header, _, _ = data.partition(b"\n")
    fields = (body_of(header) or b"").split(b" ")
    if len(fields) != _HEADER_FIELDS:
        return None
    before = Cursor(int(fields[4]) - 1, bytes.fromhex(fields[6].decode()))
    walked = walk(data, len(header) + 1, before, apply=lambda _: None, apply_after=0, chains={})
    return walked.cursor, walked.stop


def explain(line: bytes, before: Cursor, batch: int) -> Claim | None:
    """What is wrong with the line that follows the event `before` of that batch; None: nothing."""
    if not line:
        return Claim(f"event {before.sequence + 1}", "the end of the file")
    if not line.endswith(b"\n"):
        return Claim("a line that ends in a line feed", f"{len(line)} bytes without one")
    body = line[9:-1]
    if line[:9] != b"%08x " % crc32(body):
        return Claim(f"checksum {crc32(body):08x}, made of the line's bytes", _shown(line[:8]))
    fields = body.split(b" ", 3)
    if len(fields) != 4:
        return Claim("sequence, batch, chain and JSON", _shown(body))
    following, chain = before.sequence + 1, link(before.chain, fields[3]).hex()
    if fields[0] != b"%d" % following:
        return Claim(f"event {following}", f"event {_shown(fields[0])}")
    if fields[2] != chain.encode():
        why = "made of the chain before it and the event's JSON"
        return Claim(f"chain {chain}, {why}", f"chain {_shown(fields[2])}")
    if fields[1] not in {b"%d" % following, b"%d" % batch}:
        return Claim(f"batch {following} or {batch}", f"batch {_shown(fields[1])}")
    return None


def _shown(text: bytes, bytes_max: int = 60) -> str:
    return text[:bytes_max].decode("ascii", "backslashreplace")


def _segments(disk: Disk, folder: Path, tenant_id: str, after: int) -> list[Segment]:
    """The segments that hold the events behind `after`, oldest first."""
    own = load_segments(disk, folder, tenant_id)
    if not own:
        return []
    try:
        return list(segments_behind(disk, own, after))
    except HistoryGone as gone:
        _refuse(gone.path, None, gone.cause, BRING_BACK)


def _part(disk: Disk, path: Path, start: int, end: int) -> bytes:
    handle = open_segment(disk, path)
    try:
        return disk.pread(handle, end - start, start)
    finally:
        disk.close(handle)


def _unreadable(folder: Path, error: OSError | None) -> ReadFailed:
    return ReadFailed("read", folder, cause=str(error), hint=TRY_AGAIN)


def _refuse(path: Path, offset: int | None, cause: str, hint: str = RESTORE) -> NoReturn:
    raise JournalCorrupt("read", path, cause=cause, hint=hint, offset=offset)
