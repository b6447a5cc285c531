import asyncio
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.journal import (
    START,
    ArchiveFailed,
    Cursor,
    HistoryGone,
    Journal,
    JournalCorrupt,
    OsDisk,
    create,
    recover,
)
from holdfast.journal.archive import archive_segment
from holdfast.journal.reader import read_frames
from holdfast.journal.segment import encode_header, load_segments, segment_name
from tests.unit.journal.book import (
    Process,
    archived_book,
    demand_one_history,
    load,
    replayed,
    without,
)
from tests.unit.journal.simulated_disk import Fault, SimulatedDisk
from tests.unit.journal.support import (
    ARCHIVE,
    FOLDER,
    TENANT,
    archived,
    copy,
    end_thread,
    event,
    provisioned,
    replay,
    segments,
)


class WatchedDisk(SimulatedDisk):
    """Knows which folders were listed, which files opened, and where from."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: list[Path] = []
        self.looked_below: list[Path] = []
        self.threads: set[int] = set()

    def files_in(self, folder: Path) -> list[str]:
        self.looked_at.append(folder)
        self.threads.add(threading.get_ident())
        return super().files_in(folder)

    def files(self, folder: Path) -> list[str]:
        self.looked_below.append(folder)
        return super().files(folder)

    def open(self, path: Path, mode: str) -> int:
        self.looked_at.append(path)
        return super().open(path, mode)  # type: ignore[arg-type]  # handed on as it came

    def rename(self, source: Path, target: Path) -> None:
        self.threads.add(threading.get_ident())
        super().rename(source, target)


def watched(disk: SimulatedDisk) -> WatchedDisk:
    seen = WatchedDisk()
    for path in disk.names:
        seen.put(path, disk.content(path))
    return seen


def test_only_segments_behind_the_older_checkpoint_are_archived_and_unchanged() -> None:
    disk = provisioned()

    async def life() -> None:
        process = Process(disk)
        for number in range(1, 11):
            await process.append(event(number))
        before = {path.name: disk.content(path) for path in segments(disk)}
        assert len(before) > 3
        await process.checkpoint()
        assert archived(disk) == []
        await process.append(event(11))
        await process.checkpoint()
        # The older checkpoint is at event 10, in the newest segment but one, or in the newest.
        kept = load_segments(disk, FOLDER, TENANT)
        assert kept[0].header.before.sequence <= 10
        assert all(segment.header.before.sequence > 10 for segment in kept[1:])
        moved = {path.name: disk.content(path) for path in archived(disk)}
        assert len(moved) >= 3
        assert moved.items() <= before.items()
        process.end()

    asyncio.run(life())
    demand_one_history(disk)


def test_a_start_with_a_checkpoint_neither_lists_nor_opens_the_archive() -> None:
    disk = watched(archived_book())
    process = Process(disk)
    process.end()
    assert not [path for path in disk.looked_at if path.is_relative_to(ARCHIVE)]
    assert FOLDER not in disk.looked_below
    assert len(archived(disk)) > 1


def test_without_a_checkpoint_all_of_archive_and_journal_is_read() -> None:
    disk = archived_book()
    assert len(archived(disk)) > 1
    assert replayed(disk) == [event(number) for number in range(1, 21)]
    first = load(disk).recovered.segments[0]
    assert first.path.parent == FOLDER
    assert first.header.ordinal > 1


def test_recovery_reads_no_more_of_the_archive_than_it_needs() -> None:
    disk = archived_book()
    _, frames = replay(disk)
    newest = archived(disk)[-1]
    for path in archived(disk)[:-1]:
        disk.put(path, b"?")
    boundary = int(newest.name[9:29]) - 1
    after = Cursor(boundary, frames[boundary - 1].chain)
    assert replay(disk, after)[1] == frames[boundary:]
    with pytest.raises(JournalCorrupt, match="header is damaged"):
        replay(disk, Cursor(boundary - 1, frames[boundary - 2].chain))


def test_an_archive_that_was_taken_away_is_named_with_what_is_missing() -> None:
    disk = without(archived_book(), archive=True)
    first = load(disk).recovered.segments[0].header
    with pytest.raises(JournalCorrupt) as caught:
        replayed(disk)
    said = str(caught.value)
    assert f"events 1 to {first.before.sequence} are missing" in said
    assert f"segments 1 to {first.ordinal - 1}" in said
    assert str(ARCHIVE) in said
    assert "Bring" in said


def test_of_an_archive_whose_oldest_part_was_taken_away_the_rest_is_used() -> None:
    disk = archived_book()
    _, frames = replay(disk)
    oldest, following, *_ = archived(disk)
    del disk.names[oldest]
    first_sequence = int(following.name[9:29])
    after = Cursor(first_sequence - 1, frames[first_sequence - 2].chain)
    assert replay(disk, after)[1] == frames[first_sequence - 1 :]
    with pytest.raises(JournalCorrupt, match=f"events 1 to {first_sequence - 1} are missing"):
        replay(disk)


def test_a_segment_missing_in_the_middle_is_corruption_wherever_it_should_be() -> None:
    whole = archived_book()
    for lost in [*archived(whole)[1:], *segments(whole)[:-1]]:
        disk = copy(whole)
        del disk.names[lost]
        with pytest.raises(JournalCorrupt, match=r"segment \d+ is missing or there twice"):
            replayed(disk)


def test_two_archived_segments_of_one_number_are_corruption() -> None:
    disk = archived_book()
    path = archived(disk)[1]
    disk.put(path.with_name(segment_name(2, 999)), disk.content(path))
    with pytest.raises(JournalCorrupt, match="there twice"):
        replayed(disk)


def test_segments_that_were_brought_back_into_the_journal_count_there() -> None:
    disk = archived_book()
    events = replayed(disk)
    for path in archived(disk):
        disk.put(FOLDER / path.name, disk.content(path))
    demand_one_history(disk)

    async def life() -> None:
        process = Process(disk)
        await process.append(event(21))
        await process.checkpoint()
        process.end()

    count = len(archived(disk))
    asyncio.run(life())
    assert len(archived(disk)) >= count
    assert not {path.name for path in archived(disk)} & {path.name for path in segments(disk)}
    assert demand_one_history(disk) == [*events, event(21)]


@pytest.mark.parametrize("name", ["", "00000001-00000000000000000009.log"])
def test_a_file_of_that_number_that_differs_is_not_replaced(name: str) -> None:
    disk = archived_book()
    path = archived(disk)[0]
    disk.put(FOLDER / path.name, disk.content(path))
    theirs = path.with_name(name or path.name)
    disk.put(theirs, disk.content(path)[:-1] + b"?")
    before = {each: disk.content(each) for each in disk.names}
    with pytest.raises(ArchiveFailed, match="is there and differs"):
        archive_segment(disk, FOLDER / path.name)
    assert {each: disk.content(each) for each in disk.names} == before


def forge(disk: SimulatedDisk, path: Path, change: Callable[[bytes, int], object]) -> None:
    """Give a segment a header that says something else, under a name that fits."""
    content = disk.content(path)
    (segment,) = [each for each in load_segments(disk, path.parent, TENANT) if each.path == path]
    header = segment.header
    changed = change(header.before.chain, header.before.sequence)
    assert isinstance(changed, dict)
    forged = header._replace(**changed)
    del disk.names[path]
    new = path.with_name(segment_name(forged.ordinal, forged.first_sequence))
    disk.put(new, encode_header(forged) + content[segment.start :])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda chain, at: {"before": Cursor(at, chain[::-1])}, id="chain"),
        pytest.param(lambda chain, at: {"before": Cursor(at - 1, chain)}, id="earlier"),
        pytest.param(lambda chain, at: {"before": Cursor(at + 1, chain)}, id="later"),
        pytest.param(lambda chain, at: {"before": START}, id="start"),
        pytest.param(lambda chain, at: {"before": START, "ordinal": 1}, id="start, first"),
    ],
)
@pytest.mark.parametrize("archive", [True, False], ids=["archive", "archive away"])
def test_a_forged_lower_bound_is_refused(
    archive: bool, change: Callable[[bytes, int], object]
) -> None:
    disk = without(archived_book(), archive=not archive)
    # The older checkpoint is in the first segment of the journal, so a start from it reads that.
    del disk.names[Path("/t/state/MANIFEST.json")]
    assert load(disk).events
    forge(disk, segments(disk)[0], change)
    with pytest.raises(JournalCorrupt):
        load(disk)
    with pytest.raises(JournalCorrupt):
        replayed(disk)


@pytest.mark.parametrize("length", [-1, 1])
def test_a_first_segment_that_cuts_off_elsewhere_is_refused_by_the_archive(length: int) -> None:
    disk = archived_book()
    path = segments(disk)[0]
    segment = load_segments(disk, FOLDER, TENANT)[0]
    cut = segment.header.previous_length + length
    forged = encode_header(segment.header._replace(previous_length=cut))
    disk.put(path, forged + disk.content(path)[segment.start :])
    with pytest.raises(JournalCorrupt):
        replayed(disk)


def test_a_first_segment_that_begins_behind_the_beginning_is_refused_unread() -> None:
    disk = without(archived_book(), archive=True)
    forge(disk, segments(disk)[0], lambda *_: {"ordinal": 1})
    for path in segments(disk)[1:]:
        del disk.names[path]
    end = Cursor(20, replay(archived_book())[1][-1].chain)
    with pytest.raises(JournalCorrupt, match="does not begin at the beginning"):
        replay(disk, end)


def test_every_flipped_byte_of_the_archive_is_refused() -> None:
    disk = archived_book()
    for path in archived(disk):
        content = disk.content(path)
        for offset in range(len(content)):
            harmed = bytearray(content)
            harmed[offset] ^= 0x01
            disk.put(path, bytes(harmed))
            with pytest.raises(JournalCorrupt):
                replayed(disk)
        disk.put(path, content)


async def test_events_are_read_through_the_archive_from_everywhere() -> None:
    disk = await asyncio.to_thread(archived_book)
    frames = (await asyncio.to_thread(replay, disk))[1]
    process = Process(disk)
    for after in range(len(frames)):
        for limit in (1, 3, 1000):
            assert await process.journal.read(after, limit) == frames[after : after + limit]
    process.end()


async def test_reading_what_was_taken_away_names_the_first_event_still_here() -> None:
    disk = await asyncio.to_thread(archived_book)
    process = Process(disk)
    oldest, following, *_ = archived(disk)
    del disk.names[oldest]
    first_sequence = int(following.name[9:29])
    with pytest.raises(HistoryGone) as caught:
        await process.journal.read(first_sequence - 2, 100)
    assert caught.value.first_sequence == first_sequence
    assert len(await process.journal.read(first_sequence - 1, 100)) == 21 - first_sequence
    process.end()


async def test_a_read_goes_on_when_its_segment_is_archived_meanwhile() -> None:
    disk = provisioned()
    process = Process(disk)
    for number in range(1, 11):
        await process.append(event(number))
    listed = (*process.journal._closed_segments, process.journal._end.segment)
    frames = replay(disk)[1]
    await process.checkpoint()
    await process.checkpoint()
    await process.append(event(11))
    await process.checkpoint()
    assert len(archived(disk)) > 2
    assert read_frames(disk, listed, 0, 10, 1 << 20) == frames
    process.end()


async def test_archiving_touches_no_file_on_the_loop() -> None:
    disk = watched(await asyncio.to_thread(archived_book))
    process = Process(disk)
    disk.threads.clear()
    before = len(archived(disk))
    disk.threads.clear()
    await process.journal.archive_behind(20)
    assert disk.threads
    assert threading.get_ident() not in disk.threads
    assert len(archived(disk)) > before
    process.end()


async def test_archiving_that_fails_is_told_and_done_by_a_later_call() -> None:
    for skip in range(3):
        disk = await asyncio.to_thread(archived_book)
        process = Process(disk)
        count = len(archived(disk))
        disk.fault = Fault(len(disk.log) + 1 + skip, "error")
        with pytest.raises(ArchiveFailed, match="the disk failed") as caught:
            await process.journal.archive_behind(20)
        assert caught.value.path.parent == FOLDER
        assert [frame.json for frame in await process.journal.read(0, 100)] == process.events
        await process.append(event(21))
        await process.journal.archive_behind(20)
        assert len(archived(disk)) > count
        count = len(disk.log)
        await process.journal.archive_behind(20)
        assert len(disk.log) == count
        process.end()
        assert replayed(disk.power_cut()) == process.events


async def test_only_who_opened_a_journal_archives() -> None:
    disk = await asyncio.to_thread(archived_book)
    recovered = load(disk).recovered
    journal = Journal(
        FOLDER, TENANT, recovered, disk, on_durable=lambda _: None, on_failed=lambda _: None
    )
    with pytest.raises(RuntimeError, match="opened"):
        await journal.archive_behind(20)


async def test_the_newest_segment_stays_even_when_all_of_it_is_behind() -> None:
    disk = await asyncio.to_thread(archived_book)
    process = Process(disk)
    await process.journal.seal()
    await process.journal.archive_behind(20)
    assert len(segments(disk)) == 1
    process.end()
    assert load(disk).recovered.sealed


def test_on_a_real_disk_archived_segments_are_read_and_may_be_moved_back(tmp_path: Path) -> None:
    folder, disk = tmp_path / "journal", OsDisk()
    create(folder, TENANT, disk)

    async def life() -> None:
        recovered = recover(folder, TENANT, disk, lambda _: None)
        journal = Journal(
            folder,
            TENANT,
            recovered,
            disk,
            on_durable=lambda _: None,
            on_failed=lambda _: None,
            segment_bytes_max=300,
        )
        await asyncio.to_thread(journal.open)
        for number in range(1, 10):
            await journal.append(event(number))
        await journal.archive_behind(journal.durable.sequence)
        assert len(await journal.read(0, 100)) == 9
        await journal.seal()
        end_thread(journal)

    asyncio.run(life())
    assert len(disk.files_in(folder / "archive")) > 1
    assert len([name for name in disk.files_in(folder) if name.endswith(".log")]) == 1
    frames: list[bytes] = []
    recover(folder, TENANT, disk, lambda frame: frames.append(frame.json))
    assert frames == [event(number) for number in range(1, 10)]
    for path in (folder / "archive").iterdir():
        shutil.move(path, folder / path.name)
    frames.clear()
    recover(folder, TENANT, disk, lambda frame: frames.append(frame.json))
    assert len(frames) == 9
