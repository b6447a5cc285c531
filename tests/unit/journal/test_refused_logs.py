"""A log that contradicts itself is refused with file, byte and reason; a torn end is described."""

from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.journal import START, Cursor, JournalCorrupt, ReadFailed, recover
from holdfast.journal.frame import checksummed, encode_batch, seal_line
from holdfast.journal.segment import Segment, encode_header
from holdfast.journal.watermark import Watermark
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    DURABLE,
    FOLDER,
    TENANT,
    copy,
    event,
    fail_next,
    provisioned,
    put_watermark,
    replay,
    three_segments,
    unsynced_watermark,
    write_store,
)
from tests.unit.journal.telling import demand_told

Harm = Callable[[bytes], bytes]


def refusal(disk: SimulatedDisk, after: Cursor = START) -> JournalCorrupt:
    with pytest.raises(JournalCorrupt) as refused:
        replay(disk, after)
    return refused.value


def lines_of(disk: SimulatedDisk, segment: Segment) -> list[int]:
    """Where each line behind the header begins."""
    content = disk.content(segment.path)
    starts = [segment.start]
    while (found := content.find(b"\n", starts[-1])) >= 0:
        starts.append(found + 1)
    return starts[:-1]


def rot(disk: SimulatedDisk, path: Path, offset: int) -> None:
    """Change one byte."""
    content = bytearray(disk.content(path))
    content[offset] ^= 1
    disk.put(path, bytes(content))


def put_tail(disk: SimulatedDisk, path: Path, tail: bytes) -> int:
    """Write something behind the end of a file; where that was."""
    content = disk.content(path)
    disk.put(path, content + tail)
    return len(content)


def test_damage_in_front_of_a_later_segment_is_named_with_its_line() -> None:
    for number in range(2):
        disk, _ = three_segments()
        segment = replay(disk)[0].segments[number]
        for start in lines_of(disk, segment):
            harmed, _ = three_segments()
            rot(harmed, segment.path, start + 3)
            told = "a checksum that does not hold, before a later segment"
            error = refusal(harmed)
            demand_told(error, JournalCorrupt, "read", segment.path, told, offset=start)


def test_a_segment_that_another_one_does_not_follow_is_named_with_its_end() -> None:
    disk, _ = three_segments()
    first, second = replay(disk)[0].segments[:2]
    (*_, last_line) = lines_of(disk, first)
    shorter = second.header._replace(previous_length=last_line)
    content = disk.content(second.path)
    disk.put(second.path, encode_header(shorter) + content[second.start :])
    told = "the next segment does not follow its end"
    demand_told(refusal(disk), JournalCorrupt, "read", first.path, told, offset=last_line)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"10 10 00", "a line that is no event"),
        (b"11 11 %b {}" % (b"0" * 32), "the event after 9 is missing"),
        (b"10 10 %b {}" % (b"0" * 32), "the chain is broken at event 10"),
        (b"sealed 8 %b" % (b"0" * 32), "a line that is no event"),
    ],
)
def test_a_line_whose_checksum_holds_but_which_is_out_of_place_is_corrupt(
    body: bytes, told: str
) -> None:
    disk, _ = three_segments()
    path = replay(disk)[0].end.segment.path
    end = put_tail(disk, path, checksummed(body))
    demand_told(refusal(disk), JournalCorrupt, "read", path, told, offset=end)


def test_a_misplaced_line_is_corrupt_whatever_stands_behind_it() -> None:
    for behind in (b"half", b"a line\n", b"half", b"\n\n"):
        disk, _ = three_segments()
        path = replay(disk)[0].end.segment.path
        end = put_tail(disk, path, checksummed(b"10 10 %b {}" % (b"0" * 32)) + behind)
        told = "the chain is broken at event 10"
        demand_told(refusal(disk), JournalCorrupt, "read", path, told, offset=end)


# Batches 1 to 3 and 4, of one segment, under a watermark that proves nothing of them.


def two_batches() -> tuple[SimulatedDisk, Segment]:
    disk = provisioned()
    write_store(disk, [[event(1), event(2), event(3)], [event(4)]])
    put_watermark(disk, Watermark(1, 0, START))
    return disk, replay(disk)[0].end.segment


def test_damage_in_the_last_batch_leaves_the_whole_events_in_front_of_it() -> None:
    disk, last = two_batches()
    starts = lines_of(disk, last)
    disk.put(last.path, disk.content(last.path)[: starts[3]])
    for number, start in enumerate(starts[:3]):
        harmed = copy(disk)
        rot(harmed, last.path, start + 3)
        recovered, frames = replay(harmed)
        assert [frame.sequence for frame in frames] == [1, 2, 3][:number]
        assert recovered.torn is not None
        assert recovered.torn.offset == start


def test_a_later_batch_proves_what_was_damaged_in_front_of_it_wherever_the_damage_is() -> None:
    disk, last = two_batches()
    for start in lines_of(disk, last)[:3]:
        harmed = copy(disk)
        rot(harmed, last.path, start + 3)
        assert refusal(harmed).offset == start
        # The later batch may have lost the end of the line in front of it.
        rot(harmed, last.path, lines_of(disk, last)[3] - 1)
        assert refusal(harmed).offset == start


def test_a_batch_that_did_not_begin_is_corrupt() -> None:
    disk, _ = three_segments()
    recovered, _ = replay(disk)
    line, _ = encode_batch(recovered.cursor, [event(10)])
    path = recovered.end.segment.path
    end = put_tail(disk, path, checksummed(line[9:-1].replace(b"10 10 ", b"10 7 ", 1)))
    told = "the batch of event 10 did not begin"
    demand_told(refusal(disk), JournalCorrupt, "read", path, told, offset=end)


def test_a_seal_in_front_of_anything_is_corrupt() -> None:
    disk, _ = three_segments(seal=True)
    recovered, _ = replay(disk)
    path = recovered.end.segment.path
    put_tail(disk, path, b"more")
    error = refusal(disk)
    assert (error.path, error.offset) == (path, recovered.end.segment.stop)


def test_damage_that_later_lines_prove_durable_is_corrupt() -> None:
    disk, _ = three_segments()
    unsynced_watermark(disk)
    recovered, _ = replay(disk)
    last = recovered.end.segment
    first_line = lines_of(disk, last)[0]
    rot(disk, last.path, first_line + 3)
    told = "a checksum that does not hold, though later lines prove it durable"
    demand_told(refusal(disk), JournalCorrupt, "read", last.path, told, offset=first_line)


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b"0", "a line without an end"),
        (bytes(40), "a line without an end"),
        (bytes(40) + b"\n", "a checksum that does not hold"),
        (encode_batch(START, [event(1)])[0][:-1], "a line without an end"),
    ],
)
def test_a_torn_end_is_described_with_file_byte_size_and_reason(tail: bytes, reason: str) -> None:
    disk, _ = three_segments()
    path = replay(disk)[0].end.segment.path
    end = put_tail(disk, path, tail)
    recovered, frames = replay(disk)
    torn = recovered.torn
    assert torn is not None
    assert (torn.path, torn.offset, torn.size_bytes) == (path, end, len(tail))
    assert torn.reason == reason
    (notice,) = recovered.notices
    assert f"{path.name} ends in {len(tail)} bytes" in notice
    assert f"at byte {end} ({reason})" in notice
    assert "may have been acknowledged" in notice
    assert len(frames) == 9
    assert recovered.beginning.aside == (path.with_name(f"{path.name}.{end}.torn"), tail)


def test_a_seal_that_lacks_its_end_is_torn_and_says_so() -> None:
    disk, _ = three_segments()
    recovered, _ = replay(disk)
    seal = seal_line(recovered.cursor)
    put_tail(disk, recovered.end.segment.path, seal[:-1])
    again, _ = replay(disk)
    assert again.torn is not None
    assert again.torn.offset == recovered.end.segment.stop
    assert again.torn.size_bytes == len(seal) - 1
    assert again.torn.reason == "a line without an end"
    assert not again.sealed


def test_a_journal_in_good_order_has_nothing_to_notice_and_nothing_to_set_aside() -> None:
    for seal in (False, True):
        disk, _ = three_segments(seal=seal)
        recovered, _ = replay(disk)
        assert (recovered.torn, recovered.notices, recovered.beginning.aside) == (None, (), None)
        assert recovered.sealed is seal


def test_what_is_carried_over_is_the_last_batch_and_nothing_of_a_sealed_journal() -> None:
    for seal in (False, True):
        disk, events = three_segments(seal=seal)
        recovered, frames = replay(disk)
        beginning, end = recovered.beginning, recovered.end
        assert beginning.end == end.cursor == recovered.cursor
        assert beginning.proven.cursor == recovered.cursor
        if seal:
            assert (beginning.content, beginning.base) == (b"", end)
        else:
            data, _ = encode_batch(beginning.base.cursor, events[7:])
            assert beginning.content == data
            assert beginning.base.cursor == Cursor(7, frames[6].chain)
            assert beginning.base.segment.stop == end.segment.stop - len(data)


# What else remembers the log.


def test_a_log_behind_its_watermark_is_refused_with_both_places() -> None:
    disk, _ = three_segments()
    end = replay(disk)[0].end
    place = (end.segment.header.ordinal, end.segment.stop)
    for mark, last in (
        (Watermark(*place, Cursor(10, bytes(16))), 10),
        (Watermark(place[0], place[1] + 1, end.cursor), 9),
        (Watermark(place[0] + 1, 0, end.cursor), 9),
    ):
        put_watermark(disk, mark)
        error = refusal(disk)
        told = (
            f"the log ends at event 9, though it was durable up to {last} "
            f"(segment {mark.ordinal}, byte {mark.offset})"
        )
        demand_told(error, JournalCorrupt, "read", end.segment.path, told, offset=place[1])


def test_a_watermark_of_another_log_is_named_itself() -> None:
    disk, _ = three_segments()
    put_watermark(disk, Watermark(1, 0, Cursor(4, bytes(16))))
    told = "its chain at event 4 is not the log's"
    demand_told(refusal(disk), JournalCorrupt, "read", DURABLE, told)


@pytest.mark.parametrize("sequence", [3, 4, 6])
def test_the_chain_at_the_watermark_is_compared_wherever_it_stands(sequence: int) -> None:
    disk, _ = three_segments()
    recovered, frames = replay(disk)
    put_watermark(disk, Watermark(1, 0, Cursor(sequence, frames[sequence - 1].chain)))
    assert replay(disk)[0].cursor == recovered.cursor
    put_watermark(disk, Watermark(1, 0, Cursor(sequence, frames[sequence].chain)))
    assert refusal(disk).path == DURABLE


def test_events_that_a_segment_was_born_with_cannot_be_torn() -> None:
    disk, _ = three_segments()
    recovered, _ = replay(disk)
    header = recovered.end.segment.header._replace(born_with=10)
    last = recovered.end.segment
    disk.put(last.path, encode_header(header) + disk.content(last.path)[last.start :])
    error = refusal(disk)
    told = "events that it was born with are damaged"
    demand_told(error, JournalCorrupt, "read", last.path, told, offset=last.stop)


def test_a_checkpoint_that_the_log_does_not_reach_or_contradicts_says_what_to_restore() -> None:
    disk, _ = three_segments()
    end = replay(disk)[0].end.segment
    error = refusal(disk, Cursor(10, bytes(16)))
    told = "the log ends at event 9, the checkpoint at 10"
    demand_told(error, JournalCorrupt, "read", end.path, told, offset=end.stop)
    assert "journal and state must come from the same moment" in error.hint
    error = refusal(disk, Cursor(8, bytes(16)))
    told = "the checkpoint's chain at event 8 is not the log's"
    demand_told(error, JournalCorrupt, "read", end.path, told)
    assert "journal and state must come from the same moment" in error.hint


def test_a_file_that_cannot_be_read_fails_the_start_and_is_no_corruption() -> None:
    for skip in range(1, 5):
        disk, _ = three_segments()
        fault = fail_next(disk, skip=skip)
        with pytest.raises(ReadFailed) as failure:
            recover(FOLDER, TENANT, disk, lambda _: None)
        assert fault.struck
        demand_told(failure.value, ReadFailed, "read", FOLDER, "the disk failed")
        assert disk.handles == {}
