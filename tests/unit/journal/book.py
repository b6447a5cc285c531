"""A tenant in small: its state is the list of its events, saved in checkpoints of one shard."""

import asyncio
from typing import Any, NamedTuple

from holdfast.journal import START, Checkpoints, Cursor, Frame, Journal, Recovered, create, recover
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import ARCHIVE, FOLDER, NEVER_S, STATE, TENANT, end_thread, event

NEWEST = STATE / "MANIFEST.json"


class Book(NamedTuple):
    """What a start finds: the checkpoints, what recovery proved, and all events."""

    checkpoints: Checkpoints
    recovered: Recovered
    events: list[bytes]


def load(disk: SimulatedDisk) -> Book:
    """Start as a ledger does: the newest good checkpoint, and the events behind it."""
    checkpoints = Checkpoints(STATE, disk)
    checkpoint = checkpoints.load()
    events: list[bytes] = []
    after: Cursor = START
    if checkpoint is not None:
        events = dict(checkpoint.shards())["events"].splitlines()
        after = checkpoint.cursor
        assert len(events) == after.sequence
    recovered = recover(FOLDER, TENANT, disk, lambda frame: events.append(frame.json), after)
    return Book(checkpoints, recovered, events)


def replayed(disk: SimulatedDisk) -> list[bytes]:
    """Every event from the first on, without any checkpoint."""
    frames: list[Frame] = []
    recover(FOLDER, TENANT, disk, frames.append)
    assert [frame.sequence for frame in frames] == list(range(1, len(frames) + 1))
    return [frame.json for frame in frames]


class Process:
    """One process of that tenant, started on what the disk holds."""

    def __init__(self, disk: SimulatedDisk, segment_bytes_max: int = 300) -> None:
        self.checkpoints, recovered, self.events = load(disk)
        options: dict[str, Any] = {"idle_sync_s": NEVER_S, "flush_deadline_s": NEVER_S}
        self.journal = Journal(
            FOLDER,
            TENANT,
            recovered,
            disk,
            on_durable=lambda _: None,
            on_failed=lambda _: None,
            segment_bytes_max=segment_bytes_max,
            **options,
        )
        self.journal.open()

    async def append(self, *batch: bytes) -> None:
        futures = [self.journal.append(event) for event in batch]
        await futures[-1]
        self.events.extend(batch)

    async def checkpoint(self) -> None:
        """Save the state and archive, as the ledger does."""
        await asyncio.to_thread(
            self.checkpoints.write, self.journal.durable, {"events": b"\n".join(self.events)}
        )
        await self.archive()

    async def archive(self) -> None:
        older = self.checkpoints.older_cursor
        if older is not None:
            await self.journal.archive_behind(older.sequence)

    def end(self) -> None:
        end_thread(self.journal)


def without(disk: SimulatedDisk, *, archive: bool = False, newest: bool = False) -> SimulatedDisk:
    """A disk of its own with the same files, but not the archive or not the newest manifest."""
    seen = SimulatedDisk()
    for path in disk.names:
        gone = (archive and path.parent == ARCHIVE) or (newest and path == NEWEST)
        if not gone:
            seen.put(path, disk.content(path))
    return seen


def demand_one_history(disk: SimulatedDisk) -> list[bytes]:
    """All ways to start lead to the same state, and none with a checkpoint needs the archive."""
    events = replayed(disk)
    assert load(disk).events == events
    assert load(without(disk, archive=True)).events == events
    assert load(without(disk, archive=True, newest=True)).events == events
    return events


def archived_book(events: int = 20) -> SimulatedDisk:
    """A tenant with segments in the archive, and some in the journal, ended by a kill."""
    disk = SimulatedDisk()
    create(FOLDER, TENANT, disk)

    async def life() -> None:
        process = Process(disk)
        for number in range(1, events + 1):
            await process.append(event(number))
            if number in {events // 2, events * 3 // 4}:
                await process.checkpoint()
        process.end()

    asyncio.run(life())
    return disk
