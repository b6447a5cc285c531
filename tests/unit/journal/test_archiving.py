import asyncio
import shutil
import threading
from pathlib import Path

import pytest

from holdfast.journal import (
    ArchiveFailed,
    Frame,
    History,
    Journal,
    OsDisk,
    create,
    recover,
)
from holdfast.journal.archive import archive_segment
from holdfast.journal.reader import read_frames
from holdfast.journal.segment import load_segments
from tests.unit.journal.book import (
    Process,
    archived_book,
    demand_one_history,
    load,
    replayed,
)
from tests.unit.journal.simulated_disk import Fault, SimulatedDisk
from tests.unit.journal.support import (
    ARCHIVE,
    FOLDER,
    TENANT,
    archived,
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


async def test_appending_archiving_and_reading_do_not_disturb_each_other(tmp_path: Path) -> None:
    folder, disk, count = tmp_path / "journal", OsDisk(), 150
    create(folder, TENANT, disk)
    journal = Journal(
        folder,
        TENANT,
        recover(folder, TENANT, disk, lambda _: None),
        disk,
        on_durable=lambda _: None,
        on_failed=lambda error: pytest.fail(str(error)),
        segment_bytes_max=300,
    )
    await asyncio.to_thread(journal.open)

    async def archive() -> None:
        while journal.durable.sequence < count:
            await journal.archive_behind(journal.durable.sequence)
            await asyncio.sleep(0)

    async def follow() -> None:
        while (durable := journal.durable.sequence) < count:
            found = await journal.read(0, durable)
            assert [frame.sequence for frame in found] == list(range(1, durable + 1))
            await asyncio.sleep(0)

    def look() -> None:
        last = 0
        while last < count:
            frames = list[Frame]()
            History(folder, TENANT, disk).read(frames.append, to_end=False)
            found = [frame.sequence for frame in frames]
            assert found == list(range(1, len(found) + 1))
            last = len(found)

    tasks = [asyncio.create_task(each) for each in (archive(), follow(), asyncio.to_thread(look))]
    for number in range(1, count + 1):
        await journal.append(event(number))
    await asyncio.gather(*tasks)
    await journal.archive_behind(count)
    end_thread(journal)
    assert len(disk.files_in(folder / "archive")) > 30
    assert len([name for name in disk.files_in(folder) if name.endswith(".log")]) == 1
    frames: list[bytes] = []
    recover(folder, TENANT, disk, lambda frame: frames.append(frame.json))
    assert frames == [event(number) for number in range(1, count + 1)]


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
