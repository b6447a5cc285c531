import pytest

from holdfast.journal import (
    START,
    Cursor,
    FormatTooNew,
    JournalCorrupt,
    OsDisk,
    create,
    recover,
)
from holdfast.journal.appender import Position
from holdfast.journal.frame import checksummed
from holdfast.journal.segment import Header, encode_header
from holdfast.journal.watermark import SLOT_BYTES, Watermark, encode_slot
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    DURABLE,
    FOLDER,
    TENANT,
    end_thread,
    opened,
    provisioned,
    put_watermark,
    replay,
    segments,
    three_segments,
    write_store,
)


def test_an_empty_journal_recovers_to_the_start() -> None:
    recovered, frames = replay(provisioned())
    assert (recovered.cursor, frames, recovered.torn, recovered.sealed) == (START, [], None, False)


def test_events_come_back_in_order_with_their_batches() -> None:
    disk, events = three_segments()
    recovered, frames = replay(disk)
    assert [frame.json for frame in frames] == events
    assert [frame.sequence for frame in frames] == list(range(1, 10))
    assert [frame.batch for frame in frames] == [1, 1, 3, 4, 4, 6, 7, 8, 8]
    assert recovered.cursor == Cursor(9, frames[-1].chain)
    assert recovered.notices == ()


def test_recovery_from_any_event_on_gives_the_rest() -> None:
    disk, _ = three_segments()
    _, frames = replay(disk)
    for frame in frames:
        after = Cursor(frame.sequence, frame.chain)
        assert replay(disk, after)[1] == frames[frame.sequence :]


def test_recovery_reads_only_the_header_of_a_segment_behind_the_checkpoint() -> None:
    disk, _ = three_segments()
    _, frames = replay(disk)
    first = segments(disk)[0]
    disk.put(first, disk.content(first)[:-20] + b"?" * 20)
    boundary = replay(three_segments()[0])[0].segments[1].header.before
    assert replay(disk, boundary)[1] == frames[boundary.sequence :]
    with pytest.raises(JournalCorrupt):
        replay(disk)


def test_recovery_changes_nothing_on_disk() -> None:
    disk, _ = three_segments()
    before = {path: disk.content(path) for path in disk.names}
    disk.log.clear()
    replay(disk)
    assert {path: disk.content(path) for path in disk.names} == before
    assert {line.split()[0] for line in disk.log} == {"open"}


def test_a_sealed_journal_says_so_and_its_last_batch_is_not_copied() -> None:
    disk, events = three_segments(seal=True)
    recovered, _ = replay(disk)
    assert recovered.sealed
    end_thread(opened(disk))
    last = segments(disk)[-1]
    assert disk.content(last).count(b"\n") == 1
    recovered, frames = replay(disk)
    assert [frame.json for frame in frames] == events
    assert not recovered.sealed


@pytest.mark.parametrize("missing", range(1, 12))
def test_a_seal_that_was_not_written_to_its_end_is_torn(missing: int) -> None:
    disk, events = three_segments(seal=True)
    last = segments(disk)[-1]
    disk.put(last, disk.content(last)[:-missing])
    recovered, frames = replay(disk)
    assert [frame.json for frame in frames] == events
    assert recovered.torn is not None
    assert not recovered.sealed


def test_a_killed_journals_last_batch_is_copied_and_the_old_one_cut_off_before_it() -> None:
    disk, events = three_segments()
    end_thread(opened(disk))
    last = segments(disk)[-1]
    assert disk.content(last).count(b"\n") == 1 + 2
    recovered, frames = replay(disk)
    assert [frame.json for frame in frames] == events
    assert [frame.batch for frame in frames][-2:] == [8, 8]
    old = recovered.segments[-2]
    assert disk.content(old.path)[old.stop :].startswith(disk.content(last).split(b"\n")[1])


def test_restarts_without_writes_heap_up_no_segments() -> None:
    for seal in (False, True):
        disk, _ = three_segments(seal=seal)
        for _ in range(5):
            write_store(disk, [], seal=seal)
        assert len(segments(disk)) == 4


def test_a_missing_watermark_is_corrupt() -> None:
    disk, _ = three_segments()
    del disk.names[DURABLE]
    with pytest.raises(JournalCorrupt, match="the watermark is missing"):
        replay(disk)


def test_a_slot_half_written_leaves_the_other_one() -> None:
    disk, _ = three_segments()
    slot = disk.content(DURABLE)[:SLOT_BYTES]
    for torn in (slot[:70] + bytes(SLOT_BYTES - 70), bytes(SLOT_BYTES)):
        for content in (torn + slot, slot + torn):
            disk.put(DURABLE, content)
            assert replay(disk)[0].cursor.sequence == 9
    disk.put(DURABLE, torn + torn)
    with pytest.raises(JournalCorrupt, match="both slots"):
        replay(disk)


def test_the_newer_slot_counts() -> None:
    disk, _ = three_segments()
    recovered, _ = replay(disk)
    old = Watermark(1, 0, START)
    segment, cursor = recovered.end
    beyond = Position(segment._replace(stop=segment.stop + 1), Cursor(10, bytes(16))).watermark
    for content in (
        encode_slot(old) + encode_slot(beyond),
        encode_slot(beyond) + encode_slot(old),
    ):
        disk.put(DURABLE, content)
        with pytest.raises(JournalCorrupt, match="though it was durable up to 10"):
            replay(disk)
    assert cursor.sequence == 9


def test_a_watermark_of_another_history_is_corrupt() -> None:
    disk, _ = three_segments()
    recovered, _ = replay(disk)
    put_watermark(disk, Watermark(1, 0, Cursor(recovered.cursor.sequence, bytes(16))))
    with pytest.raises(JournalCorrupt, match="not the log's"):
        replay(disk)


def test_a_folder_without_a_segment_is_corrupt() -> None:
    disk, _ = three_segments()
    for path in segments(disk):
        del disk.names[path]
    with pytest.raises(JournalCorrupt, match="there is no segment"):
        replay(disk)
    with pytest.raises(JournalCorrupt, match="there is no segment"):
        create(FOLDER, TENANT, disk)
    with pytest.raises(JournalCorrupt, match="the watermark is missing"):
        replay(SimulatedDisk())


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_segment_is_corrupt(lost: int) -> None:
    disk, _ = three_segments()
    del disk.names[segments(disk)[lost]]
    with pytest.raises(JournalCorrupt):
        replay(disk)


def test_the_oldest_segments_may_be_gone_behind_a_checkpoint() -> None:
    disk, _ = three_segments()
    recovered, frames = replay(disk)
    del disk.names[segments(disk)[0]]
    after = recovered.segments[1].header.before
    assert replay(disk, after)[1] == frames[after.sequence :]


def test_another_tenants_journal_is_refused() -> None:
    disk, _ = three_segments()
    with pytest.raises(JournalCorrupt, match="belongs to 'TENANT1'"):
        recover(FOLDER, "TENANT2", disk, lambda _: None)
    with pytest.raises(JournalCorrupt, match="belongs to 'TENANT1'"):
        create(FOLDER, "TENANT2", disk)


def test_a_newer_format_is_refused_and_named() -> None:
    disk, _ = three_segments()
    last = segments(disk)[-1]
    header = encode_header(Header(TENANT, 3, 1, START, 0))
    newer = checksummed(header[9:].replace(b"holdfast-journal 1", b"holdfast-journal 2")[:-1])
    disk.put(last, newer)
    with pytest.raises(FormatTooNew, match="format version 2"):
        replay(disk)


def test_a_checkpoint_ahead_of_the_journal_or_of_another_one_is_refused() -> None:
    disk, _ = three_segments()
    _, frames = replay(disk)
    with pytest.raises(JournalCorrupt, match="ahead of the journal"):
        replay(disk, Cursor(10, bytes(16)))
    for frame in frames:
        with pytest.raises(JournalCorrupt, match="not of this journal"):
            replay(disk, Cursor(frame.sequence, bytes(16)))


def test_provisioning_again_changes_nothing() -> None:
    disk, _ = three_segments()
    before = {path: disk.content(path) for path in disk.names}
    create(FOLDER, TENANT, disk)
    assert {path: disk.content(path) for path in disk.names} == before


def test_an_unreadable_error_says_what_to_do(tmp_path: object) -> None:
    with pytest.raises(JournalCorrupt) as caught:
        recover(FOLDER, TENANT, OsDisk(), lambda _: None)
    error = caught.value
    assert error.operation == "read"
    assert error.path == DURABLE
    assert "Restore" in error.hint
