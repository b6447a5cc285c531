import asyncio
import random

import pytest

from holdfast.journal import (
    HistoryGone,
    JournalCorrupt,
    ReadFailed,
    scan,
)
from holdfast.journal.frame import checksummed
from holdfast.journal.scan import _CHUNK_BYTES
from holdfast.journal.segment import encode_header, load_segments
from holdfast.journal.watermark import Watermark
from tests.unit.journal.book import Process, archived_book, without
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    ARCHIVE,
    FOLDER,
    TENANT,
    append_all,
    archived,
    copy,
    end_thread,
    event,
    opened,
    provisioned,
    put_watermark,
    replay,
    segments,
    three_segments,
    write_store,
)


def scanned(disk: SimulatedDisk, after: int = 0) -> list[bytes]:
    return [each.frame.json for each in scan(FOLDER, TENANT, disk, after)]


def test_a_scan_gives_every_event_with_the_place_of_its_line() -> None:
    disk = archived_book()
    frames = replay(disk)[1]
    found = list(scan(FOLDER, TENANT, disk))
    assert [each.frame for each in found] == frames
    assert {each.path.parent for each in found} == {FOLDER, ARCHIVE}
    for each in found:
        line = disk.content(each.path)[each.offset :].split(b"\n")[0]
        chain = each.frame.chain.hex().encode()
        assert line[9:] == b"%d %d %b %b" % (*each.frame[:2], chain, each.frame.json)
        assert len(line) + 1 == each.frame.line_bytes


def test_a_scan_begins_behind_any_event() -> None:
    disk = archived_book()
    frames = replay(disk)[1]
    for after in range(len(frames) + 3):
        assert [each.frame for each in scan(FOLDER, TENANT, disk, after)] == frames[after:]
    for after in (0, 5):
        assert scanned(provisioned(), after) == []


def test_pieces_of_a_segment_may_end_anywhere(seed: int) -> None:
    rng = random.Random(seed)
    sizes = [rng.choice([10, 1000, 100_000, 300_000]) for _ in range(40)]
    sizes[20] = 3 * _CHUNK_BYTES
    events = [event(number, size) for number, size in enumerate(sizes)]
    disk = provisioned()
    write_store(disk, [events[:15], events[15:16], events[16:30], events[30:]])
    found = list(scan(FOLDER, TENANT, disk))
    assert [each.frame for each in found] == replay(disk)[1]
    assert {1, 16, 17, 31} <= {each.frame.batch for each in found}
    assert len(segments(disk)) == 1


async def test_a_scan_stops_at_the_watermark_and_not_at_what_is_in_the_file() -> None:
    disk = provisioned()
    journal = opened(disk)
    await append_all(journal, [[event(1)], [event(2)]])
    last = segments(disk)[-1]
    half = copy(disk)
    half.put(last, disk.content(last) + b"half a li")
    assert scanned(half) == [event(1), event(2)]
    mark = replay(disk)[0].end
    await append_all(journal, [[event(3)]])
    lagging = copy(disk)
    put_watermark(lagging, mark.watermark)
    assert scanned(lagging) == [event(1), event(2)]
    assert scanned(disk) == [event(1), event(2), event(3)]
    end_thread(journal)


async def test_a_scan_goes_on_while_the_owner_appends_changes_segments_and_archives() -> None:
    for pause in range(1, 20):
        disk = await asyncio.to_thread(archived_book)
        process = Process(disk)
        going = scan(FOLDER, TENANT, disk)
        found = [next(going).frame.json for _ in range(pause)]
        count = len(archived(disk))
        for number in range(21, 26):
            await process.append(event(number))
        await process.checkpoint()
        await process.checkpoint()
        assert len(archived(disk)) > count
        found.extend(each.frame.json for each in going)
        assert found == [event(number) for number in range(1, 21)]
        assert len(scanned(disk)) == 25
        process.end()


class MovingDisk(SimulatedDisk):
    """Somebody archives a segment between its name and its header, the first `times` times."""

    times = 1

    def files_in(self, folder: object) -> list[str]:
        names = super().files_in(FOLDER if folder == FOLDER else ARCHIVE)
        if folder == FOLDER and self.times > 0:
            self.times -= 1
            first = segments_of(self)[0]
            self.names[ARCHIVE / first] = self.names.pop(FOLDER / first)
        return names


def segments_of(disk: SimulatedDisk) -> list[str]:
    return sorted(path.name for path in disk.names if path.parent == FOLDER and "-" in path.name)


def test_a_segment_that_is_archived_between_its_name_and_its_header_is_found() -> None:
    disk = MovingDisk()
    source, events = three_segments()
    for path in source.names:
        disk.put(path, source.content(path))
    assert scanned(disk) == events
    assert len(segments_of(disk)) == 2


def test_a_segment_that_is_gone_for_good_ends_the_scan() -> None:
    disk, _ = three_segments()
    opening = disk.open

    def lost(path: object, mode: object) -> int:
        if str(path).endswith(".log"):
            raise FileNotFoundError(2, "no such file", str(path))
        return opening(path, mode)  # type: ignore[arg-type]  # handed on as it came

    disk.open = lost  # type: ignore[method-assign]  # a fault for every segment
    with pytest.raises(ReadFailed, match="no such file"):
        scanned(disk)


@pytest.mark.parametrize("place", ["archive", "journal"])
def test_every_flipped_byte_is_refused_with_file_and_byte(place: str) -> None:
    disk = archived_book()
    paths = archived(disk) if place == "archive" else segments(disk)
    for path in paths:
        content = disk.content(path)
        for offset in range(len(content)):
            harmed = bytearray(content)
            harmed[offset] ^= 0x20
            disk.put(path, bytes(harmed))
            with pytest.raises(JournalCorrupt) as caught:
                scanned(disk)
            assert caught.value.path.parent in {FOLDER, ARCHIVE}
            if caught.value.path == path and caught.value.offset is not None:
                assert caught.value.offset <= offset
        disk.put(path, content)


def test_events_before_the_damage_are_given_first() -> None:
    disk = archived_book()
    path = archived(disk)[1]
    first = int(path.name[9:29])
    content = disk.content(path)
    disk.put(path, content[:-2] + b"?\n")
    found: list[bytes] = []
    with pytest.raises(JournalCorrupt, match="checksum") as caught:
        found.extend(each.frame.json for each in scan(FOLDER, TENANT, disk))
    found = []
    going = scan(FOLDER, TENANT, disk)
    found.extend(next(going).frame.json for _ in range(first - 1))
    assert caught.value.path == path
    assert caught.value.offset is not None
    assert content[: caught.value.offset].endswith(b"\n")
    assert content[caught.value.offset :].count(b"\n") == 1


def test_a_truncated_log_and_another_history_are_refused() -> None:
    disk, _ = three_segments()
    last = segments(disk)[-1]
    content = disk.content(last)
    for length in range(content.index(b"\n") + 1, len(content)):
        disk.put(last, content[:length])
        with pytest.raises(JournalCorrupt):
            scanned(disk)
    disk.put(last, content)
    end = replay(disk)[0].end
    put_watermark(disk, Watermark(*end.watermark[:2], end.cursor._replace(chain=bytes(16))))
    with pytest.raises(JournalCorrupt, match="not the watermark's"):
        scanned(disk)


def test_a_header_that_cuts_off_an_event_is_refused() -> None:
    disk, _ = three_segments()
    first, second, _ = load_segments(disk, FOLDER, TENANT)
    content = disk.content(first.path)
    cut = content.rindex(b"\n", 0, first.stop - 1) + 1
    forged = encode_header(second.header._replace(previous_length=cut))
    disk.put(second.path, forged + disk.content(second.path)[second.start :])
    with pytest.raises(JournalCorrupt, match="does not follow"):
        scanned(disk)


def test_a_batch_that_did_not_begin_is_refused() -> None:
    disk, _ = three_segments()
    path = segments(disk)[0]
    first_line, *lines = disk.content(path).splitlines(keepends=True)
    wrong = checksummed(lines[0][9:-1].replace(b"1 1 ", b"1 0 "))
    disk.put(path, b"".join([first_line, wrong, *lines[1:]]))
    with pytest.raises(JournalCorrupt, match="batch of event 1 did not begin"):
        scanned(disk)


def test_what_was_taken_away_is_named_and_the_rest_can_be_scanned() -> None:
    disk = without(archived_book(), archive=True)
    with pytest.raises(HistoryGone) as caught:
        scanned(disk)
    first = caught.value.first_sequence
    assert f"events 1 to {first - 1} are missing" in str(caught.value)
    assert scanned(disk, first - 1) == [event(number) for number in range(first, 21)]


def test_a_journal_without_a_segment_is_refused() -> None:
    disk, _ = three_segments()
    for path in segments(disk):
        del disk.names[path]
    with pytest.raises(JournalCorrupt, match="there is no segment"):
        scanned(disk)
