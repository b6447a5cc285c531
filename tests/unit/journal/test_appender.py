"""The open end of a journal tells which file failed it, and leaves nothing open behind."""

from pathlib import Path
from typing import Final

import pytest

from holdfast.journal import START, Cursor, FlushFailed, NotWritten
from holdfast.journal.appender import Appender
from holdfast.journal.frame import encode_batch
from holdfast.journal.guard import DiskFault, GuardedDisk
from holdfast.journal.watermark import Watermark, read_watermark
from tests.unit.journal.simulated_disk import Action, SimulatedDisk
from tests.unit.journal.support import DURABLE, FOLDER, event, fail_next, provisioned, replay
from tests.unit.journal.telling import demand_told

NEVER_FULL: Final = 1 << 20
#: Beginning: the watermark replaced (5), a segment (5), the watermark again (5), and opened.
BEGINNING_OPERATIONS = 16


def begun(disk: SimulatedDisk, *, segment_bytes_max: int = NEVER_FULL) -> Appender:
    beginning = replay(disk)[0].beginning
    return Appender(FOLDER, GuardedDisk(disk), beginning, segment_bytes_max=segment_bytes_max)


def batch(after: Cursor, *numbers: int) -> tuple[bytes, Cursor]:
    return encode_batch(after, [event(number) for number in numbers])


def path_of(appender: Appender) -> Path:
    return appender.position.segment.path


def test_each_batch_moves_the_end_and_the_watermark_with_it() -> None:
    disk = provisioned()
    appender = begun(disk)
    end = START
    for numbers in ((1, 2), (3,)):
        before = appender.position
        data, end = batch(before.cursor, *numbers)
        after = appender.flush(data, end)
        assert after == appender.position
        assert after.cursor == end
        assert after.segment.stop == before.segment.stop + len(data)
        assert not appender.watermark_synced
        assert read_watermark(disk, FOLDER) == after.watermark
    assert appender.position.watermark == Watermark(1, disk.size(path_of(appender)), end)
    appender.sync_watermark()
    assert appender.watermark_synced
    appender.close()
    assert disk.handles == {}


@pytest.mark.parametrize(
    ("skip", "action", "operation", "cause"),
    [
        (0, "error", "write", "the disk failed"),
        (0, "short", "write", "short write"),
        (1, "error", "fdatasync", "the disk failed"),
    ],
)
def test_a_batch_that_fails_names_its_segment_and_the_byte_where_it_was_to_begin(
    skip: int, action: Action, operation: str, cause: str
) -> None:
    disk = provisioned()
    appender = begun(disk)
    appender.flush(*batch(appender.position.cursor, 1))
    before = appender.position
    fail_next(disk, action, skip)
    with pytest.raises(FlushFailed) as failure:
        appender.flush(*batch(before.cursor, 2))
    stop = before.segment.stop
    demand_told(failure.value, FlushFailed, operation, path_of(appender), cause, offset=stop)
    assert appender.position == before


def test_a_watermark_that_fails_to_move_or_to_sync_is_named_without_a_byte() -> None:
    disk = provisioned()
    appender = begun(disk)
    fail_next(disk, skip=2)
    with pytest.raises(FlushFailed) as failure:
        appender.flush(*batch(appender.position.cursor, 1))
    demand_told(failure.value, FlushFailed, "write", DURABLE, "the disk failed")
    disk = provisioned()
    appender = begun(disk)
    appender.flush(*batch(appender.position.cursor, 1))
    fail_next(disk)
    with pytest.raises(FlushFailed) as failure:
        appender.sync_watermark()
    demand_told(failure.value, FlushFailed, "fdatasync", DURABLE, "the disk failed")


@pytest.mark.parametrize("skip", [0, 1])
def test_a_seal_that_fails_names_its_segment(skip: int) -> None:
    disk = provisioned()
    appender = begun(disk)
    appender.flush(*batch(appender.position.cursor, 1))
    fail_next(disk, skip=skip)
    with pytest.raises(FlushFailed) as failure:
        appender.seal()
    operation, stop = ("write", "fdatasync")[skip], appender.position.segment.stop
    demand_told(
        failure.value, FlushFailed, operation, path_of(appender), "the disk failed", offset=stop
    )


def test_a_seal_syncs_the_watermark_and_leaves_the_end_where_it_was() -> None:
    disk = provisioned()
    appender = begun(disk)
    end = appender.flush(*batch(appender.position.cursor, 1))
    assert appender.seal() == appender.position == end
    assert appender.watermark_synced
    assert replay(disk.power_cut())[0].sealed


def test_a_full_segment_is_followed_by_one_that_is_durable_before_its_first_batch() -> None:
    disk = provisioned()
    appender = begun(disk, segment_bytes_max=200)
    full = appender.position
    while appender.position.segment.path == full.segment.path:
        full = appender.position
        disk.log.clear()
        appender.flush(*batch(full.cursor, full.cursor.sequence + 1))
    assert full.segment.stop >= 200, "a segment is not left before it is full"
    changed = appender.position.segment
    assert changed.header.before == full.cursor
    assert changed.header.previous_length == full.segment.stop
    assert changed.header.born_with == full.cursor.sequence
    assert "fdatasync durable" in disk.log[:-3]
    assert [line.split()[0] for line in disk.log[-3:]] == ["write", "fdatasync", "write"]
    appender.close()
    assert disk.handles == {}, "the full one was closed"


@pytest.mark.parametrize("skip", range(7))
def test_a_change_of_segment_that_fails_wrote_nothing_of_the_batch(skip: int) -> None:
    disk = provisioned()
    appender = begun(disk, segment_bytes_max=1)
    fault = fail_next(disk, skip=skip)
    with pytest.raises(NotWritten) as failure:
        appender.flush(*batch(appender.position.cursor, 1))
    assert fault.struck
    operation = disk.log[-1].split()[0]
    demand_told(failure.value, NotWritten, operation, failure.value.path, "the disk failed")
    assert failure.value.path.name.startswith(disk.log[-1].split()[1].split(".log")[0]) or (
        failure.value.path == FOLDER
    )
    assert replay(disk)[1] == []


@pytest.mark.parametrize("skip", range(BEGINNING_OPERATIONS))
def test_a_beginning_that_fails_leaves_no_file_open(skip: int) -> None:
    disk = provisioned()
    beginning = replay(disk)[0].beginning
    fault = fail_next(disk, skip=skip)
    with pytest.raises(DiskFault, match="the disk failed"):
        Appender(FOLDER, GuardedDisk(disk), beginning, segment_bytes_max=NEVER_FULL)
    assert fault.struck
    assert disk.handles == {}


def test_a_torn_end_is_kept_beside_the_journal_as_it_was() -> None:
    disk = provisioned()
    appender = begun(disk)
    appender.flush(*batch(appender.position.cursor, 1))
    path, stop = path_of(appender), appender.position.segment.stop
    disk.put(path, disk.content(path) + b"half a li")
    again = begun(disk)
    aside = path.with_name(f"{path.name}.{stop}.torn")
    assert disk.content(aside) == b"half a li"
    assert [frame.sequence for frame in replay(disk)[1]] == [1]
    again.close()


def test_what_an_earlier_writer_left_half_done_is_removed_at_the_beginning() -> None:
    disk = provisioned()
    disk.put(FOLDER / "durable.7.tmp", b"")
    begun(disk)
    assert not [name for name in disk.files(FOLDER) if name.endswith(".tmp")]


@pytest.mark.parametrize("sealed", [True, False])
def test_a_new_segment_counts_what_it_was_born_with(sealed: bool) -> None:
    disk = provisioned()
    appender = begun(disk)
    end = appender.flush(*batch(appender.position.cursor, 1, 2)).cursor
    if sealed:
        appender.seal()
    before = end if sealed else START
    header = begun(disk).position.segment.header
    assert (header.born_with, header.before) == (2, before)
