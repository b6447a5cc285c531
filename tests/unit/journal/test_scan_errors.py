"""A scan that meets what cannot be names file, byte and reason, after what was good."""

import pytest

from holdfast.journal import JournalCorrupt, ReadFailed
from holdfast.journal.frame import Cursor
from holdfast.journal.scan import Located, scan
from holdfast.journal.segment import Segment, encode_header
from holdfast.journal.watermark import Watermark
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    FOLDER,
    TENANT,
    fail_next,
    put_watermark,
    replay,
    three_segments,
)
from tests.unit.journal.telling import demand_told

Store = tuple[SimulatedDisk, tuple[Segment, ...], list[Located]]


def store() -> Store:
    """Nine events in three segments, and where each of them is."""
    disk, _ = three_segments()
    return disk, replay(disk)[0].segments, list(scan(FOLDER, TENANT, disk))


def refusal(disk: SimulatedDisk, given: int) -> JournalCorrupt:
    """The refusal, once so many events were given."""
    found: list[Located] = []
    with pytest.raises(JournalCorrupt) as refused:
        found.extend(scan(FOLDER, TENANT, disk))
    events = scan(FOLDER, TENANT, disk)
    for number in range(1, given + 1):
        assert next(events).frame.sequence == number
    with pytest.raises(JournalCorrupt):
        next(events)
    assert disk.handles == {}
    return refused.value


def test_a_segment_that_does_not_follow_is_named() -> None:
    disk, segments, _ = store()
    second = segments[1]
    before = Cursor(second.header.before.sequence, bytes(16))
    forged = second.header._replace(before=before)
    disk.put(second.path, encode_header(forged) + disk.content(second.path)[second.start :])
    told = "it does not follow the end of the segment before it"
    error = refusal(disk, given=3)
    demand_told(error, JournalCorrupt, "read", second.path, told, offset=0)


@pytest.mark.parametrize("sequence", [1, 5, 9])
def test_another_chain_at_the_watermark_is_named_with_the_line(sequence: int) -> None:
    disk, segments, places = store()
    place = places[sequence - 1]
    put_watermark(disk, Watermark(3, segments[-1].stop, Cursor(sequence, bytes(16))))
    told = f"the chain at event {sequence} is not the watermark's"
    error = refusal(disk, given=sequence)
    demand_told(error, JournalCorrupt, "read", place.path, told, offset=place.offset)


def test_a_log_that_ends_before_its_watermark_is_refused_with_the_event() -> None:
    disk, segments, _ = store()
    last = segments[-1]
    put_watermark(disk, Watermark(3, last.stop + 9, Cursor(10, bytes(16))))
    told = "the log ends before event 10, up to which it was durable"
    demand_told(refusal(disk, given=9), JournalCorrupt, "read", last.path, told)


def test_a_rotten_line_is_named_with_its_byte() -> None:
    for number in range(9):
        disk, _, places = store()
        place = places[number]
        content = bytearray(disk.content(place.path))
        content[place.offset + 3] ^= 1
        disk.put(place.path, bytes(content))
        told = "a checksum that does not hold"
        error = refusal(disk, given=number)
        demand_told(error, JournalCorrupt, "read", place.path, told, offset=place.offset)


def test_a_journal_without_segments_and_a_disk_that_fails_are_told_apart() -> None:
    disk, segments, _ = store()
    fail_next(disk, skip=2)
    with pytest.raises(ReadFailed) as failure:
        list(scan(FOLDER, TENANT, disk))
    demand_told(failure.value, ReadFailed, "read", FOLDER, "the disk failed")
    for segment in segments:
        del disk.names[segment.path]
    error = refusal(disk, given=0)
    demand_told(error, JournalCorrupt, "read", FOLDER, "there is no segment")
