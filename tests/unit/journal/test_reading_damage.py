"""Reading finds its place quickly, hands out nothing that is not proven, and names what is wrong."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from holdfast.journal import START, Frame, ReadFailed
from holdfast.journal.frame import Cursor, checksummed, encode_batch
from holdfast.journal.reader import read_frames
from holdfast.journal.segment import Segment, encode_header, first_header, segment_name
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import FOLDER, TENANT, event, fail_next
from tests.unit.journal.telling import demand_told

HEADER = first_header(TENANT)
PATH = FOLDER / segment_name(1, 1)
START_OF_LINES = len(encode_header(HEADER))
ALL = 1 << 40


class CountingDisk(SimulatedDisk):
    """A disk that remembers what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []

    def pread(self, handle: int, size_bytes: int, offset: int) -> bytes:
        self.reads.append((offset, size_bytes))
        return super().pread(handle, size_bytes, offset)


def one_segment(events: Sequence[bytes]) -> tuple[CountingDisk, Segment, list[bytes]]:
    """A disk with one segment, and its lines."""
    disk = CountingDisk()
    data, _ = encode_batch(START, events)
    return disk, put_lines(disk, data), data.splitlines(keepends=True)


def put_lines(disk: SimulatedDisk, data: bytes) -> Segment:
    disk.put(PATH, encode_header(HEADER) + data)
    return Segment(PATH, HEADER, START_OF_LINES, START_OF_LINES + len(data))


def read(disk: SimulatedDisk, segment: Segment, after: int = 0, limit: int = 1000) -> list[Frame]:
    frames = read_frames(disk, [segment], after, limit, ALL)
    assert disk.handles == {}, "what was opened is closed"
    if isinstance(disk, CountingDisk):
        pieces = [(offset, size) for offset, size in disk.reads if size > 32]
        assert all(offset + size <= segment.stop for offset, size in pieces)
    return frames


def refusal(disk: SimulatedDisk, segment: Segment, after: int = 0) -> ReadFailed:
    with pytest.raises(ReadFailed) as failure:
        read(disk, segment, after)
    assert disk.handles == {}
    return failure.value


@pytest.mark.parametrize("size_bytes", [0, 100, 5000, 20_000])
def test_an_event_is_found_close_to_where_it_stands(size_bytes: int) -> None:
    events = [event(number, size_bytes) for number in range(1, 41)]
    disk, segment, lines = one_segment(events)
    begins = START_OF_LINES
    for number, line in enumerate(lines):
        disk.reads.clear()
        (frame,) = read(disk, segment, number, limit=1)
        assert (frame.sequence, frame.json) == (number + 1, events[number])
        at, _ = disk.reads[-1]
        assert begins - 4096 - 4 * len(line) <= at <= begins
        assert len(disk.reads) <= 4 * 20, "bisection, not a scan"
        begins += len(line)


def test_a_search_that_lands_on_the_end_of_a_line_goes_on_behind_it() -> None:
    events = [event(number, 1000) for number in range(1, 41)]
    while True:
        disk, segment, lines = one_segment(events)
        middle = (segment.start + segment.stop) // 2
        if disk.content(PATH)[middle : middle + 1] == b"\n":
            break
        events[-1] = events[-1][:-1] + b"x}"  # a byte longer
    disk.reads.clear()
    (frame,) = read(disk, segment, after=39)
    assert frame.json == events[-1]
    at, _ = disk.reads[-1]
    assert at >= segment.stop - len(lines[-1]) - 4096 - 2 * len(lines[0])


def test_a_long_line_is_read_in_pieces_and_whole() -> None:
    events = [event(1, 700_000), event(2, 10), event(3, 300_000)]
    disk, segment, _ = one_segment(events)
    assert [frame.json for frame in read(disk, segment)] == events
    assert [frame.json for frame in read(disk, segment, after=1)] == events[1:]


def test_nothing_behind_the_end_that_counts_is_looked_at() -> None:
    disk, segment, lines = one_segment([event(number, 3000) for number in range(1, 9)])
    shorter = segment._replace(stop=segment.stop - len(lines[-1]))
    disk.put(PATH, disk.content(PATH)[: shorter.stop] + b"\xff" * 9000)
    for after in range(7):
        assert [frame.sequence for frame in read(disk, shorter, after)] == list(range(after + 1, 8))
    assert read(disk, shorter, after=7) == []


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_as_many_as_asked_for_are_given_and_no_more(limit: int) -> None:
    disk, segment, _ = one_segment([event(number) for number in range(1, 4)])
    assert [frame.sequence for frame in read(disk, segment, 0, limit)] == [1, 2, 3][:limit]


@pytest.mark.parametrize(("bytes_max", "given"), [(0, 1), (39, 1), (40, 2), (59, 2), (60, 3)])
def test_as_many_bytes_as_asked_for_are_given_and_at_least_one_event(
    bytes_max: int, given: int
) -> None:
    disk, segment, _ = one_segment([b"x" * 20] * 3)
    assert len(read_frames(disk, [segment], 0, 10, bytes_max)) == given


def test_a_line_that_rotted_is_refused_and_its_file_named() -> None:
    disk, segment, lines = one_segment([event(number) for number in range(1, 4)])
    content = bytearray(disk.content(PATH))
    content[START_OF_LINES + len(lines[0]) + 12] ^= 1
    disk.put(PATH, bytes(content))
    told = "a line's checksum does not hold"
    demand_told(refusal(disk, segment), ReadFailed, "read", PATH, told)


def test_an_event_that_is_missing_or_of_another_chain_is_refused() -> None:
    _, _, lines = one_segment([event(number) for number in range(1, 4)])
    disk = CountingDisk()
    segment = put_lines(disk, lines[0] + lines[2])
    told = "event 2 is missing"
    demand_told(refusal(disk, segment), ReadFailed, "read", PATH, told)
    forged, _ = encode_batch(Cursor(1, bytes(16)), [event(2)])
    segment = put_lines(disk, lines[0] + forged)
    told = "the chain is broken at event 2"
    demand_told(refusal(disk, segment), ReadFailed, "read", PATH, told)


def test_a_line_without_a_sequence_is_named_with_its_byte() -> None:
    good, _ = encode_batch(START, [event(number, 500) for number in range(1, 20)])
    disk = CountingDisk()
    segment = put_lines(disk, good + checksummed(b"no sequence here") * 1000)
    error = refusal(disk, segment, after=5)
    assert error.offset is not None
    told = "a line has no sequence"
    demand_told(error, ReadFailed, "read", PATH, told, offset=error.offset)
    assert disk.content(PATH)[error.offset :].startswith(checksummed(b"no sequence here"))


def test_a_file_that_became_shorter_is_named_with_where_it_ends() -> None:
    disk, segment, lines = one_segment([event(number) for number in range(1, 4)])
    length = segment.stop - len(lines[-1]) - 5
    disk.put(PATH, disk.content(PATH)[:length])
    told = "the file is shorter than it was"
    demand_told(refusal(disk, segment), ReadFailed, "read", PATH, told, offset=length)


def test_a_disk_that_fails_is_told_as_a_failure_and_not_as_damage() -> None:
    disk, segment, _ = one_segment([event(1)])
    fail_next(disk)
    error = refusal(disk, segment)
    assert (error.operation, error.offset) == ("read", None)
    assert error.path in {PATH, FOLDER}
    assert "the disk failed" in error.cause
    assert "try again" in error.hint


def test_reading_goes_on_from_segment_to_segment() -> None:
    events = [event(number) for number in range(1, 7)]
    disk = CountingDisk()
    after, segments = START, []
    for ordinal in (1, 2, 3):
        header = HEADER._replace(ordinal=ordinal, before=after)
        data, end = encode_batch(after, events[after.sequence : after.sequence + 2])
        path = FOLDER / segment_name(ordinal, header.first_sequence)
        content = encode_header(header)
        disk.put(path, content + data)
        segments.append(Segment(Path(path), header, len(content), len(content) + len(data)))
        after = end
    for first in range(7):
        for limit in range(1, 7):
            disk.log.clear()
            frames = read_frames(disk, segments, first, limit, ALL)
            assert [frame.json for frame in frames] == events[first : first + limit]
            assert len(disk.log) <= 1 + (limit + 1) // 2, "no file is opened for nothing"
