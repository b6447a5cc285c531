"""What keeps a segment from the archive, or is missing in it, is named with what helps."""

from pathlib import Path

import pytest

from holdfast.journal import ArchiveFailed, HistoryGone, JournalCorrupt
from holdfast.journal.archive import archive_segment, archived_path, archived_segments
from holdfast.journal.frame import Cursor
from holdfast.journal.segment import (
    Header,
    Segment,
    encode_header,
    first_header,
    load_segment,
    segment_name,
)
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import ARCHIVE, FOLDER, TENANT, fail_next
from tests.unit.journal.telling import demand_told

CHAIN = bytes(range(16))
PATH = FOLDER / segment_name(1, 1)
MIB = 1 << 20


def disk_with(here: bytes, there: bytes) -> SimulatedDisk:
    """A segment under both of its names, as a crash or somebody's hand may leave it."""
    disk = SimulatedDisk()
    disk.put(PATH, here)
    disk.put(archived_path(PATH), there)
    return disk


@pytest.mark.parametrize("size_bytes", [1, MIB, MIB + 1, 2 * MIB + 3])
def test_a_file_that_is_there_twice_and_the_same_is_archived(size_bytes: int) -> None:
    disk = disk_with(bytes(size_bytes), bytes(size_bytes))
    archive_segment(disk, PATH)
    assert list(disk.names) == [archived_path(PATH)]
    assert disk.handles == {}


@pytest.mark.parametrize(
    ("size_bytes", "there"),
    [
        (3, b"\0\0"),
        (3, bytes(4)),
        (3, b"\1\0\0"),
        (3, b"\0\0\1"),
        (MIB + 1, bytes(MIB) + b"\1"),
        (2 * MIB, bytes(MIB) + b"\1" + bytes(MIB - 1)),
        (2 * MIB, b"\1" + bytes(2 * MIB - 1)),
    ],
)
def test_a_file_that_differs_anywhere_keeps_both_where_they_are(
    size_bytes: int, there: bytes
) -> None:
    disk = disk_with(bytes(size_bytes), there)
    with pytest.raises(ArchiveFailed) as failure:
        archive_segment(disk, PATH)
    told = f"{archived_path(PATH)} is there and differs"
    demand_told(failure.value, ArchiveFailed, "rename", PATH, told)
    assert "which one is the journal's" in failure.value.hint
    assert disk.content(PATH) == bytes(size_bytes)
    assert disk.content(archived_path(PATH)) == there
    assert disk.handles == {}


def test_an_operation_that_fails_is_named_with_the_segment_that_stays() -> None:
    for skip, operation in enumerate(("rename", "fsync", "fsync")):
        disk = SimulatedDisk()
        disk.put(PATH, b"x")
        fail_next(disk, skip=skip)
        with pytest.raises(ArchiveFailed) as failure:
            archive_segment(disk, PATH)
        demand_told(failure.value, ArchiveFailed, operation, PATH, "the disk failed")
        assert "moved after a later checkpoint" in failure.value.hint
    disk = disk_with(b"x", b"x")
    fail_next(disk)
    with pytest.raises(ArchiveFailed) as failure:
        archive_segment(disk, PATH)
    demand_told(failure.value, ArchiveFailed, "read", PATH, "the disk failed")


# What is missing.


def chain_of_segments(count: int) -> tuple[SimulatedDisk, list[Path], Segment]:
    """Segments of ten events each by their headers alone, all but the last archived."""
    disk = SimulatedDisk()
    paths: list[Path] = []
    header: Header = first_header(TENANT)
    for ordinal in range(1, count + 1):
        if ordinal > 1:
            before = Cursor(10 * (ordinal - 1), CHAIN)
            header = Header(TENANT, ordinal, disk.size(paths[-1]), before, before.sequence)
        folder = FOLDER if ordinal == count else ARCHIVE
        paths.append(folder / segment_name(ordinal, header.first_sequence))
        disk.put(paths[-1], encode_header(header))
    return disk, paths, load_segment(disk, paths[-1], TENANT)


def archived(disk: SimulatedDisk, first: Segment, after: int) -> list[Path]:
    return [segment.path for segment in archived_segments(disk, first, after)]


@pytest.mark.parametrize(
    ("after", "needed"), [(0, 3), (9, 3), (10, 2), (19, 2), (20, 1), (29, 1), (30, 0), (99, 0)]
)
def test_only_segments_from_the_event_asked_for_on_are_given_oldest_first(
    after: int, needed: int
) -> None:
    disk, paths, first = chain_of_segments(4)
    assert archived(disk, first, after) == paths[3 - needed : 3]


def test_each_archived_segment_counts_as_far_as_the_next_one_says() -> None:
    disk, paths, first = chain_of_segments(3)
    for path in paths[:2]:
        disk.put(path, disk.content(path) + b"cut off")
    found = list(archived_segments(disk, first, 0))
    assert [segment.stop for segment in found] == [disk.size(path) - 7 for path in paths[:2]]


@pytest.mark.parametrize(
    ("gone", "after", "first_sequence", "events", "files"),
    [
        (1, 0, 11, "events 1 to 10", "segment 1 had"),
        (1, 4, 11, "events 5 to 10", "segment 1 had"),
        (2, 0, 21, "events 1 to 20", "segments 1 to 2 had"),
        (3, 25, 31, "events 26 to 30", "segments 1 to 3 had"),
    ],
)
def test_an_oldest_part_that_was_taken_away_is_told_with_where_history_begins_now(
    gone: int, after: int, first_sequence: int, events: str, files: str
) -> None:
    disk, paths, first = chain_of_segments(4)
    for path in paths[:gone]:
        del disk.names[path]
    with pytest.raises(HistoryGone) as refused:
        archived(disk, first, after)
    error = refused.value
    demand_told(error, HistoryGone, "read", ARCHIVE, f"{events} are missing: {files}")
    assert error.first_sequence == first_sequence
    assert f"read after {first_sequence - 1}" in error.hint
    assert len(archived(disk, first, first_sequence - 1)) == 3 - gone


def test_a_part_missing_in_the_middle_is_corruption_and_its_number_told() -> None:
    disk, paths, first = chain_of_segments(4)
    del disk.names[paths[1]]
    with pytest.raises(JournalCorrupt) as refused:
        archived(disk, first, 0)
    told = "segment 2 is missing or there twice, in the middle of the archive"
    demand_told(refused.value, JournalCorrupt, "read", ARCHIVE, told)
    assert "Bring these files back" in refused.value.hint
    assert archived(disk, first, 20) == [paths[2]]
