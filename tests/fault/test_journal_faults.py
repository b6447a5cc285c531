"""Fail the Nth disk operation, in every way, for every N: no acknowledged event is lost."""

import asyncio
import random
from pathlib import Path

import pytest

from holdfast.journal import (
    FlushFailed,
    Frame,
    Journal,
    JournalError,
    NotWritten,
    OpenFailed,
    ReadFailed,
    Recovered,
    create,
    recover,
)
from tests.unit.journal.simulated_disk import Action, Fault, SimulatedDisk

FOLDER = Path("/t/journal")
NEVER_S = 1e6


class Diary:
    """What was appended, and what became of it."""

    def __init__(self) -> None:
        self.count = 0
        self.acknowledged: dict[int, bytes] = {}
        self.unknown: set[bytes] = set()
        self.not_written: set[bytes] = set()
        self.failures: list[JournalError] = []

    def event(self, rng: random.Random) -> bytes:
        self.count += 1
        return b'{"n":%d,"text":"%s"}' % (self.count, b"x" * rng.randint(0, 200))

    def settle(self, waiting: list[tuple[int, bytes, asyncio.Future[None]]]) -> None:
        for sequence, event, future in waiting:
            error = future.exception()
            if error is None:
                assert sequence not in self.acknowledged
                self.acknowledged[sequence] = event
            elif isinstance(error, FlushFailed):
                self.unknown.add(event)
            else:
                assert isinstance(error, NotWritten)
                self.not_written.add(event)


def replay(disk: SimulatedDisk) -> tuple[Recovered, list[bytes]]:
    frames: list[Frame] = []
    recovered = recover(FOLDER, "T", disk, frames.append)
    assert [frame.sequence for frame in frames] == list(range(1, len(frames) + 1))
    return recovered, [frame.json for frame in frames]


async def append_some(journal: Journal, diary: Diary, rng: random.Random) -> None:
    for _ in range(3):
        waiting = []
        for _ in range(rng.randint(1, 4)):
            if journal.writable:
                event = diary.event(rng)
                sequence = journal.next_sequence
                waiting.append((sequence, event, journal.append(event)))
            if rng.random() < 0.3:
                await asyncio.wait([asyncio.ensure_future(asyncio.sleep(0))])
        if waiting:
            await asyncio.wait({future for _, _, future in waiting})
        diary.settle(waiting)
        for _ in range(2):
            if not journal.writable:
                try:
                    await journal.reopen()
                except JournalError as error:
                    diary.failures.append(error)


async def live(disk: SimulatedDisk, diary: Diary, rng: random.Random, *, seal: bool) -> None:
    """One process: open (twice if need be), append, perhaps seal."""
    for _ in range(2):
        recovered, _ = replay(disk)
        journal = Journal(
            FOLDER,
            "T",
            recovered,
            disk,
            on_durable=lambda _: None,
            on_failed=diary.failures.append,
            segment_bytes_max=700,
            idle_sync_s=NEVER_S,
            flush_deadline_s=NEVER_S,
        )
        try:
            journal.open()
        except OpenFailed as error:
            diary.failures.append(error)
            continue
        await append_some(journal, diary, rng)
        handoff = journal._handoff
        if seal:
            try:
                await journal.seal()
            except JournalError as error:
                diary.failures.append(error)
        journal.abandon()
        assert handoff is not None
        handoff.writer.thread.join()
        return


def check(disk: SimulatedDisk, diary: Diary) -> list[bytes]:
    _, events = replay(disk)
    for sequence, event in diary.acknowledged.items():
        assert events[sequence - 1] == event, f"event {sequence} was acknowledged"
    for event in events[len(diary.acknowledged) :]:
        assert event in diary.unknown
    assert not diary.not_written & set(events)
    # What survived is now part of the log for good.
    for sequence, event in enumerate(events, 1):
        diary.acknowledged[sequence] = event
    return events


def lives(seed: int, fault: Fault | None, crash: str) -> int:
    """Three processes on one disk, with a fault in it; each is checked by the one after it."""
    rng = random.Random(seed)
    diary = Diary()
    disk = SimulatedDisk(seed)
    create(FOLDER, "T", disk)
    disk.log.clear()
    disk.fault = fault
    for number in range(3):
        try:
            asyncio.run(live(disk, diary, rng, seal=number == 1))
        except ReadFailed:
            # The fault hit recovery itself; the next process tries again.
            assert fault is not None
        remaining, log = disk.fault, disk.log
        disk = disk.power_cut() if crash == "power cut" else disk.killed_process()
        events = check(disk, diary)
        assert check(disk, diary) == events
        disk.log = log
        if remaining is not None and not (remaining.forever and remaining.struck):
            disk.fault = remaining
    disk.fault = None
    asyncio.run(live(disk, diary, rng, seal=True))
    disk = disk.power_cut()
    events = check(disk, diary)
    assert fault is None or fault.struck
    return len(events)


def operations(seed: int) -> int:
    rng, diary, disk = random.Random(seed), Diary(), SimulatedDisk(seed)
    create(FOLDER, "T", disk)
    disk.log.clear()
    for number in range(3):
        asyncio.run(live(disk, diary, rng, seal=number == 1))
    return len(disk.log)


def test_without_a_fault_everything_is_acknowledged_and_found_again() -> None:
    assert lives(7, None, "kill") > 0
    assert lives(7, None, "power cut") > 0


@pytest.mark.parametrize("crash", ["kill", "power cut"])
@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("action", ["error", "short", "kill_before", "kill_after"])
def test_whichever_operation_fails_every_acknowledged_event_survives(
    action: Action, forever: bool, crash: str
) -> None:
    seed = 7
    for number in range(1, operations(seed) + 1):
        print(f"{action} at operation {number}, {crash}, seed {seed}")
        lives(seed, Fault(number, action, forever), crash)
