"""Fail or stop at every disk operation of a tenant that archives: every start finds one history.

A tenant appends, changes segments, saves checkpoints and archives; its state is the list of its
events. After each life the state from the newest checkpoint, from the older one, and from a plain
replay of archive and journal must be the same, and the first two must not need the archive.
"""

import asyncio
import random

import pytest

from holdfast.journal import JournalError, create
from tests.unit.journal.book import Process, demand_one_history
from tests.unit.journal.simulated_disk import Action, Fault, SimulatedDisk
from tests.unit.journal.support import ARCHIVE, FOLDER, TENANT, archived, event, segments

SEED = 5
ROUNDS = 2


async def live(disk: SimulatedDisk, acknowledged: list[bytes], rng: random.Random) -> None:
    """One process, which goes on after errors as the ledger does; the first one may end it."""
    process = Process(disk)
    assert process.events == acknowledged
    for _ in range(ROUNDS):
        for _ in range(rng.randint(1, 3)):
            await append(process, event(len(process.events) + 1, rng.randint(0, 200)))
        try:
            await process.checkpoint()
        except JournalError:
            assert disk.fault is not None
        if not process.journal.writable:
            break
    acknowledged[:] = process.events
    process.end()


async def append(process: Process, json: bytes) -> None:
    """Append until it lands; what is not acknowledged is no part of the state."""
    for _ in range(2):
        try:
            if not process.journal.writable:
                await process.journal.reopen()
            await process.append(json)
        except JournalError:
            continue
        return


def lives(fault: Fault | None, *, power_cut: bool) -> tuple[SimulatedDisk, int]:
    rng = random.Random(SEED)
    disk = SimulatedDisk(SEED)
    create(FOLDER, TENANT, disk)
    disk.log.clear()
    disk.fault = fault
    acknowledged: list[bytes] = []
    for _ in range(3):
        try:
            asyncio.run(live(disk, acknowledged, rng))
        except (JournalError, OSError):
            # The fault hit a start; the next process tries again.
            assert fault is not None
        log, fault_left = disk.log, disk.fault
        disk = disk.power_cut() if power_cut else disk.killed_process()
        acknowledged = found(disk, acknowledged)
        disk.log = log
        if fault_left is not None and not (fault_left.forever and fault_left.struck):
            disk.fault = fault_left
    disk.fault = None
    operations = len(disk.log)
    for _ in range(2):
        asyncio.run(live(disk, acknowledged, rng))
        disk = disk.power_cut()
        assert found(disk, acknowledged) == acknowledged
    assert fault is None or fault.struck
    # Whatever went wrong, in the end archiving caught up, and no segment is in both places.
    assert len(archived(disk)) > 3
    assert len(segments(disk)) < 12
    assert not {path.name for path in archived(disk)} & {path.name for path in segments(disk)}
    return disk, operations


def found(disk: SimulatedDisk, acknowledged: list[bytes]) -> list[bytes]:
    """What survived: all that was acknowledged, and at most one event more."""
    events = demand_one_history(disk)
    assert events[: len(acknowledged)] == acknowledged
    assert len(events) <= len(acknowledged) + 1
    return events


def test_without_a_fault_the_archive_grows_and_the_journal_does_not() -> None:
    disk, _ = lives(None, power_cut=True)
    assert len(archived(disk)) > 10


@pytest.mark.parametrize("power_cut", [False, True], ids=["kill", "power cut"])
@pytest.mark.parametrize(
    ("action", "forever"),
    [("error", False), ("error", True), ("kill_before", False)],
)
def test_whichever_operation_fails_every_start_finds_the_same_events(
    action: Action, forever: bool, power_cut: bool
) -> None:
    _, operations = lives(None, power_cut=False)
    for number in range(1, operations + 1):
        print(f"{action} at operation {number}, seed {SEED}")
        lives(Fault(number, action, forever), power_cut=power_cut)


def test_the_moves_are_among_the_operations_that_fail() -> None:
    disk = SimulatedDisk(SEED)
    create(FOLDER, TENANT, disk)
    disk.log.clear()
    rng = random.Random(SEED)
    acknowledged: list[bytes] = []
    for _ in range(3):
        asyncio.run(live(disk, acknowledged, rng))
    moves = [number for number, line in enumerate(disk.log) if line == f"fsync {ARCHIVE.name}"]
    assert len(moves) == len(archived(disk)) > 3
    for number in moves:
        assert disk.log[number - 1].startswith("rename 0000")
        assert disk.log[number + 1] == f"fsync {FOLDER.name}"
