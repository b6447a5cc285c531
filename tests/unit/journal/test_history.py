"""A journal is read from its first event on, also while somebody goes on writing it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.journal import (
    START,
    Cursor,
    Frame,
    History,
    JournalCorrupt,
    Place,
    ReadFailed,
    history,
    line_at,
    locate,
)
from holdfast.journal.watermark import Watermark
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    DURABLE,
    FOLDER,
    TENANT,
    append_all,
    copy,
    end_thread,
    event,
    opened,
    put_watermark,
    replay,
    segments,
    three_segments,
)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.journal.history.time.sleep", lambda _: None)


def read(disk: SimulatedDisk, *, to_end: bool = True) -> list[Frame]:
    frames: list[Frame] = []
    History(FOLDER, TENANT, disk).read(frames.append, to_end=to_end)
    return frames


@pytest.mark.parametrize("to_end", [True, False])
@pytest.mark.parametrize("seal", [True, False])
def test_every_event_is_read_once_in_order(seal: bool, to_end: bool) -> None:
    disk, _ = three_segments(seal=seal)
    assert read(disk, to_end=to_end) == replay(disk)[1]


def test_reading_opens_files_for_reading_only() -> None:
    disk, _ = three_segments()
    disk.log.clear()
    read(disk)
    assert {line.split()[0] for line in disk.log} == {"open"}


def test_a_reader_beside_a_writer_stops_at_the_watermark() -> None:
    disk, _ = three_segments()
    frames = replay(disk)[1]
    last = replay(disk)[0].segments[-1]
    where = locate(FOLDER, TENANT, disk, 9).offset
    put_watermark(disk, Watermark(last.header.ordinal, where, _at(frames, 8)))
    assert read(disk, to_end=False) == frames[:8]
    assert read(disk, to_end=True) == frames


def _at(frames: list[Frame], sequence: int) -> Cursor:
    return Cursor(sequence, frames[sequence - 1].chain)


async def test_a_reader_goes_on_where_it_was_over_changes_of_segment() -> None:
    disk, events = await asyncio.to_thread(three_segments)
    reader = History(FOLDER, TENANT, disk)
    frames: list[Frame] = []
    reader.read(frames.append, to_end=False)
    for number in range(10, 40, 3):
        # Each process begins a segment, and copies the last batch into it.
        journal = await asyncio.to_thread(opened, disk, segment_bytes_max=400)
        batch = [event(each) for each in range(number, number + 3)]
        await append_all(journal, [batch[:2], batch[2:]])
        reader.read(frames.append, to_end=False)
        events += batch
        assert reader.cursor.sequence == number + 2
        end_thread(journal)
    assert [frame.json for frame in frames] == events
    assert [frame.sequence for frame in frames] == list(range(1, 40))
    assert frames == replay(disk)[1]


async def test_a_reader_sees_nothing_that_a_failed_flush_left_behind() -> None:
    disk, events = await asyncio.to_thread(three_segments)
    journal = await asyncio.to_thread(opened, disk)
    reader = History(FOLDER, TENANT, disk)
    frames: list[Frame] = []
    reader.read(frames.append, to_end=False)
    last = segments(disk)[-1]
    disk.put(last, disk.content(last) + b"bytes of a write that failed\n")
    reader.read(frames.append, to_end=False)
    assert [frame.json for frame in frames] == events
    end_thread(journal)


def test_a_log_that_was_replaced_behind_the_reader_is_refused() -> None:
    disk, _ = three_segments()
    reader = History(FOLDER, TENANT, disk)
    reader.read(lambda _: None, to_end=False)
    reader.cursor = reader.cursor._replace(chain=bytes(16))
    reader._ordinal = 0
    with pytest.raises(JournalCorrupt, match="is not that of the segment before"):
        reader.read(lambda _: None, to_end=False)


def test_a_file_that_moves_while_it_is_looked_for_is_found_again() -> None:
    disk, _ = three_segments()
    reader, frames = _Moving(disk), replay(disk)[1]
    assert read(reader) == frames
    assert reader.missed == 1


class _Moving(SimulatedDisk):
    """Does not find the second segment at first."""

    def __init__(self, disk: SimulatedDisk) -> None:
        super().__init__()
        self.names = copy(disk).names
        self.missed = 0

    def size(self, path: Path) -> int:
        if path == segments(self)[1] and not self.missed:
            self.missed += 1
            raise FileNotFoundError(str(path))
        return super().size(path)


def test_a_segment_whose_watermark_never_follows_is_not_read() -> None:
    disk, _ = three_segments()
    first = replay(disk)[0].segments[0]
    put_watermark(disk, Watermark(1, first.stop, _at(replay(disk)[1], 2)))
    with pytest.raises(ReadFailed, match="the watermark does not follow"):
        read(disk, to_end=False)
    assert len(read(disk, to_end=True)) == 9


def test_a_damaged_watermark_is_tried_again_beside_a_writer_and_then_refused() -> None:
    disk, _ = three_segments()
    disk.put(DURABLE, b"?" * 1024)
    disk.log.clear()
    with pytest.raises(JournalCorrupt, match="both slots are damaged"):
        read(disk, to_end=False)
    assert len(disk.log) > 10


def test_what_stands_in_front_of_damage_is_read_before_it_is_refused() -> None:
    disk, _ = three_segments()
    place = locate(FOLDER, TENANT, disk, 5)
    data = bytearray(disk.content(place.path))
    data[place.offset + 80] ^= 1
    disk.put(place.path, bytes(data))
    frames: list[Frame] = []
    reader = History(FOLDER, TENANT, disk)
    with pytest.raises(JournalCorrupt) as refused:
        reader.read(frames.append, to_end=True)
    assert (refused.value.path, refused.value.offset) == place
    assert reader.place == place
    assert [frame.sequence for frame in frames] == [1, 2, 3, 4]


def test_every_event_is_located() -> None:
    disk, _ = three_segments()
    end_thread(opened(disk))
    for frame in replay(disk)[1]:
        line = line_at(disk, locate(FOLDER, TENANT, disk, frame.sequence))
        assert line[9:].startswith(b"%d %d " % (frame.sequence, frame.batch))
        assert line.endswith(frame.json + b"\n")


def test_the_end_of_a_file_is_no_line() -> None:
    disk, _ = three_segments()
    last = segments(disk)[-1]
    size = disk.size(last)
    assert line_at(disk, Place(last, size)) == b""
    claim = history.explain(b"", START, 0)
    assert claim is not None
    assert claim == ("event 1", "the end of the file")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda line: line[:-1], "a line that ends in a line feed"),
        (lambda line: b"0" * 8 + line[8:], "checksum "),
    ],
)
def test_a_line_is_explained(spoil: Callable[[bytes], bytes], expected: str) -> None:
    disk, _ = three_segments()
    line = line_at(disk, locate(FOLDER, TENANT, disk, 1))
    assert history.explain(line, START, 0) is None
    claim = history.explain(spoil(line), START, 0)
    assert claim is not None
    assert claim.expected.startswith(expected)
