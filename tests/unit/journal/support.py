"""What the journal's tests share: a small store on a simulated disk."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from holdfast.journal import START, Checkpoints, Cursor, Frame, Journal, Recovered, create, recover
from holdfast.journal.watermark import Watermark, encode_slot
from tests.unit.journal.simulated_disk import Action, Fault, SimulatedDisk

FOLDER = Path("/t/journal")
TENANT = "TENANT1"
ARCHIVE = FOLDER / "archive"
STATE = Path("/t/state")
NEVER_S = 1e6
DURABLE = FOLDER / "durable"


def event(number: int, size_bytes: int = 30) -> bytes:
    return b'{"n":%d,"text":"%s"}' % (number, b"x" * size_bytes)


def provisioned(seed: int = 0) -> SimulatedDisk:
    disk = SimulatedDisk(seed)
    create(FOLDER, TENANT, disk)
    return disk


def loaded_checkpoints(disk: SimulatedDisk) -> Checkpoints:
    """The checkpoints of a tenant, as its ledger has them once it was loaded."""
    checkpoints = Checkpoints(STATE, disk)
    checkpoints.load()
    return checkpoints


def replay(disk: SimulatedDisk, after: Cursor = START) -> tuple[Recovered, list[Frame]]:
    frames: list[Frame] = []
    return recover(FOLDER, TENANT, disk, frames.append, after), frames


def opened(disk: SimulatedDisk, **options: Any) -> Journal:
    """A journal on that disk; nothing in it happens just because time passes."""
    defaults: dict[str, Any] = {
        "on_durable": lambda _: None,
        "on_failed": lambda _: None,
        "idle_sync_s": NEVER_S,
        "flush_deadline_s": NEVER_S,
    }
    journal = Journal(FOLDER, TENANT, replay(disk)[0], disk, **(defaults | options))
    journal.open()
    return journal


def fail_next(disk: SimulatedDisk, action: Action = "error", skip: int = 0) -> Fault:
    """Let the next operation fail, or the one after `skip` others."""
    fault = Fault(len(disk.log) + 1 + skip, action)
    disk.fault = fault
    return fault


def end_thread(journal: Journal, stop: Callable[[], None] | None = None) -> None:
    """Stop the journal as a kill would, and wait until its thread is gone."""
    handoff = journal._handoff
    (stop or journal.abandon)()
    if handoff is not None:
        handoff.writer.thread.join()


async def append_all(journal: Journal, batches: Iterable[Sequence[bytes]]) -> None:
    for batch in batches:
        futures = [journal.append(json) for json in batch]
        await futures[-1]


def write_store(
    disk: SimulatedDisk, batches: Iterable[Sequence[bytes]], *, seal: bool = False, **options: Any
) -> None:
    """One process's life: open, append batch by batch, and be sealed or killed."""

    async def life() -> None:
        journal = opened(disk, **options)
        await append_all(journal, batches)
        if seal:
            await journal.seal()
        end_thread(journal)

    asyncio.run(life())


def three_segments(*, seal: bool = False) -> tuple[SimulatedDisk, list[bytes]]:
    """Nine events in six batches, in three segments of one process."""
    disk = provisioned()
    events = [event(number) for number in range(1, 10)]
    batches = [events[0:2], events[2:3], events[3:5], events[5:6], events[6:7], events[7:9]]
    write_store(disk, batches, seal=seal, segment_bytes_max=400)
    assert len(segments(disk)) == 3
    return disk, events


def segments(disk: SimulatedDisk) -> list[Path]:
    return [FOLDER / name for name in disk.files_in(FOLDER) if name.endswith(".log")]


def archived(disk: SimulatedDisk) -> list[Path]:
    return [ARCHIVE / name for name in disk.files_in(ARCHIVE)]


def copy(disk: SimulatedDisk) -> SimulatedDisk:
    """The same files on a disk of their own."""
    other = SimulatedDisk()
    for path in disk.names:
        other.put(path, disk.content(path))
    return other


def put_watermark(disk: SimulatedDisk, mark: Watermark) -> None:
    disk.put(DURABLE, encode_slot(mark) * 2)


def unsynced_watermark(disk: SimulatedDisk) -> None:
    """The watermark as a power cut may leave it: as it was when the last segment began."""
    frames = replay(disk)[1]
    last = replay(disk)[0].segments[-1]
    before = last.header.before
    put_watermark(disk, Watermark(last.header.ordinal, last.start, before))
    assert replay(disk)[1] == frames


def recovers_alike_after_opening(disk: SimulatedDisk) -> None:
    """Recovering twice is recovering once: what was found is what is found after opening."""
    first, frames = replay(disk)
    end_thread(opened(disk))
    second, again = replay(disk)
    assert again == frames
    assert second.cursor == first.cursor
    assert second.torn is None
