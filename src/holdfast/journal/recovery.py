"""Recovery: what the files prove, without changing any of them.

The order of events on disk is what makes judgement possible. A batch is written only after
the one before it was synced, and a segment gets its name only after the one before it was
synced. So damage in front of a later batch, or in front of a later segment, hit bytes that had
been durable: corruption. Damage behind which nothing of that kind stands may be a write that
never finished: torn. The watermark and `born_with` narrow that down from the other side.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from holdfast.journal.appender import Beginning, Position
from holdfast.journal.archive import BRING_BACK, archived_segments
from holdfast.journal.disk import Disk, read_file
from holdfast.journal.errors import HistoryGone, JournalCorrupt, ReadFailed
from holdfast.journal.frame import START, Cursor, Frame, body_of, decode_line, seal_line
from holdfast.journal.segment import RESTORE, TRY_AGAIN, Segment, load_segments
from holdfast.journal.walk import Walk, walk
from holdfast.journal.watermark import NAME, Watermark, read_watermark

# A frame or a seal whose newline in front was lost. Text inside an event cannot feign one: there
# every quote has a backslash before it, and the line ends in a brace.
_LINE_INSIDE: Final = re.compile(
    rb'[0-9a-f]{8} (?:[0-9]{1,20} [0-9]{1,20} [0-9a-f]{32} \{"|sealed [0-9]{1,20} [0-9a-f]{32}$)'
)
_OTHER_CHECKPOINT: Final = (
    "The checkpoint is ahead of the journal, or not of this journal. Nothing was changed. "
    "Restore the tenant's folder as a whole: journal and state must come from the same moment"
)


class Torn(NamedTuple):
    """The end of the last segment that a write never finished."""

    path: Path
    offset: int
    size_bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was proven, and what `Journal.open` goes on from.

    `notices` are sentences for the operator. Every segment's `stop` is where what counts of it
    ends. `beginning` cuts the last one off in front of its last batch, which may stand in the
    page cache without standing on the disk, and carries that batch over.
    """

    cursor: Cursor
    torn: Torn | None
    sealed: bool
    notices: tuple[str, ...]
    segments: tuple[Segment, ...]
    beginning: Beginning

    @property
    def end(self) -> Position:
        return Position(self.segments[-1], self.cursor)


def recover(
    folder: Path,
    tenant_id: str,
    disk: Disk,
    apply: Callable[[Frame], None],
    after: Cursor = START,
) -> Recovered:
    """Verify the journal and hand every event after `after` to `apply`, in order.

    Writes nothing. Of segments that lie wholly before `after` only the headers are looked at.
    Raises JournalCorrupt, possibly after some events were applied, and ReadFailed when a file
    cannot be read at all.
    """
    try:
        # The watermark is read first: whatever is appended meanwhile can then only be more.
        mark = read_watermark(disk, folder)
        segments = load_segments(disk, folder, tenant_id)
        if not segments:
            raise JournalCorrupt("read", folder, cause="there is no segment", hint=RESTORE)
        return _Recovery(disk, segments, mark, after, apply).run()
    except HistoryGone as gone:
        raise JournalCorrupt("read", gone.path, cause=gone.cause, hint=BRING_BACK) from gone
    except OSError as error:
        raise ReadFailed("read", folder, cause=str(error), hint=TRY_AGAIN) from error


class _Recovery:
    def __init__(
        self,
        disk: Disk,
        segments: list[Segment],
        mark: Watermark,
        after: Cursor,
        apply: Callable[[Frame], None],
    ) -> None:
        self._disk = disk
        self._segments = segments
        self._mark = mark
        self._after = after
        self._apply = apply
        # The chains met at the sequences that must be compared with what others remember.
        self._chains: dict[int, bytes | None] = {after.sequence: None, mark.cursor.sequence: None}

    def run(self) -> Recovered:
        archived = archived_segments(self._disk, self._segments[0], self._after.sequence)
        for segment, following in pairwise([*archived, *self._segments]):
            self._note(following.header.before)
            if following.header.before.sequence > self._after.sequence:
                self._walk_closed(segment, following.header.before)
        return self._walk_last(self._segments[-1])

    def _note(self, cursor: Cursor) -> None:
        if cursor.sequence in self._chains:
            self._chains[cursor.sequence] = cursor.chain

    def _walk(self, segment: Segment, data: bytes) -> Walk:
        self._note(segment.header.before)
        return walk(
            data,
            segment.start,
            segment.header.before,
            apply=self._apply,
            apply_after=self._after.sequence,
            chains=self._chains,
        )

    def _walk_closed(self, segment: Segment, end: Cursor) -> None:
        data = read_file(self._disk, segment.path, segment.stop)
        walked = self._walk(segment, data)
        if walked.problem is not None:
            _refuse(segment.path, walked.stop, f"{walked.problem}, before a later segment")
        if walked.stop != segment.stop or walked.cursor != end:
            _refuse(segment.path, walked.stop, "the next segment does not follow its end")

    def _walk_last(self, segment: Segment) -> Recovered:
        data = read_file(self._disk, segment.path)
        walked = self._walk(segment, data)
        rest = data[walked.stop :]
        sealed = rest == seal_line(walked.cursor)
        torn: Torn | None = None
        if walked.problem is not None and not sealed:
            torn = _judge_tail(segment.path, walked, walked.problem, rest)
        self._demand_proven(segment, walked)
        return Recovered(
            cursor=walked.cursor,
            torn=torn,
            sealed=sealed,
            notices=() if torn is None else (_torn_notice(torn),),
            segments=(*self._segments[:-1], segment._replace(stop=walked.stop)),
            beginning=self._beginning(segment, walked, data, sealed=sealed),
        )

    def _beginning(self, segment: Segment, walked: Walk, data: bytes, *, sealed: bool) -> Beginning:
        cut, before = walked.batch_start, walked.before_batch
        if sealed:
            cut, before = walked.stop, walked.cursor
        rest = data[walked.stop :]
        aside = segment.path.with_name(f"{segment.path.name}.{walked.stop}.torn")
        return Beginning(
            base=Position(segment._replace(stop=cut), before),
            proven=self._mark,
            content=data[cut : walked.stop],
            end=walked.cursor,
            aside=None if sealed or not rest else (aside, rest),
        )

    def _demand_proven(self, segment: Segment, walked: Walk) -> None:
        """Refuse a log that ends or differs where something else remembers it."""
        end, mark = walked.cursor.sequence, self._mark
        position = (segment.header.ordinal, walked.stop)
        if end < segment.header.born_with:
            _refuse(segment.path, walked.stop, "events that it was born with are damaged")
        if end < mark.cursor.sequence or position < mark[:2]:
            proven = f"{mark.cursor.sequence} (segment {mark.ordinal}, byte {mark.offset})"
            cause = f"the log ends at event {end}, though it was durable up to {proven}"
            _refuse(segment.path, walked.stop, cause)
        if self._chains[mark.cursor.sequence] not in {None, mark.cursor.chain}:
            path = segment.path.with_name(NAME)
            _refuse(path, None, f"its chain at event {mark.cursor.sequence} is not the log's")
        if end < self._after.sequence:
            cause = f"the log ends at event {end}, the checkpoint at {self._after.sequence}"
            _refuse(segment.path, walked.stop, cause, _OTHER_CHECKPOINT)
        if self._chains[self._after.sequence] != self._after.chain:
            cause = f"the checkpoint's chain at event {self._after.sequence} is not the log's"
            _refuse(segment.path, None, cause, _OTHER_CHECKPOINT)


def _judge_tail(path: Path, walked: Walk, problem: str, rest: bytes) -> Torn:
    """The bytes behind the last good line: torn, or else JournalCorrupt."""
    if rest == seal_line(walked.cursor)[:-1]:
        # A seal of which all but its end was written: it proves nothing that is not there.
        return Torn(path, walked.stop, len(rest), problem)
    first_line, newline, _ = rest.partition(b"\n")
    if newline and body_of(first_line) is not None:
        # A checksum that holds is no unfinished write, whatever else is wrong.
        _refuse(path, walked.stop, problem)
    next_sequence = walked.cursor.sequence + 1
    for line in _whole_lines_in(rest):
        frame = decode_line(line)
        if frame is None or frame.batch > next_sequence:
            _refuse(path, walked.stop, f"{problem}, though later lines prove it durable")
    return Torn(path, walked.stop, len(rest), problem)


def _whole_lines_in(rest: bytes) -> Iterator[bytes]:
    """Every line whose checksum holds, also behind damage that took its newline in front."""
    for line in rest.split(b"\n"):
        if body_of(line) is not None:
            yield line
            continue
        for match in _LINE_INSIDE.finditer(line):
            if body_of(line[match.start() :]) is not None:
                yield line[match.start() :]


def _torn_notice(torn: Torn) -> str:
    return (
        f"{torn.path.name} ends in {torn.size_bytes} bytes of an unfinished write at byte "
        f"{torn.offset} ({torn.reason}). They are set aside. If the machine lost its power, "
        "the last batch in them may have been acknowledged."
    )


def _refuse(path: Path, offset: int | None, cause: str, hint: str = RESTORE) -> NoReturn:
    raise JournalCorrupt("read", path, cause=cause, hint=hint, offset=offset)
