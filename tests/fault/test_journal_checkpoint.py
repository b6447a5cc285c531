"""Fail or stop at every step of writing a checkpoint: a whole one can always be loaded."""

import pytest

from holdfast.journal import CheckpointFailed, Checkpoints, Cursor
from tests.unit.journal.simulated_disk import Action, Fault, SimulatedDisk
from tests.unit.journal.support import STATE, loaded_checkpoints

OPERATIONS = 60


def state_at(sequence: int) -> dict[str, bytes]:
    """What the checkpoint at that sequence holds: each shard as it was when it last changed."""
    return {
        "stock/S1.0": b"%d" % sequence,
        "stock/S1.1": b"%d" % (sequence // 2 * 2),
        "keys": b"fixed",
    } | ({"odd": b"%d" % sequence} if sequence % 2 else {})


def changes_at(sequence: int) -> dict[str, bytes | None]:
    before = state_at(sequence - 1) if sequence > 1 else {}
    now = state_at(sequence)
    changed: dict[str, bytes | None] = {
        shard: content for shard, content in now.items() if before.get(shard) != content
    }
    return changed | {shard: None for shard in before if shard not in now}


def cursor(sequence: int) -> Cursor:
    return Cursor(sequence, bytes(16))


def written_up_to(sequence: int, seed: int) -> tuple[SimulatedDisk, Checkpoints]:
    disk = SimulatedDisk(seed)
    checkpoints = loaded_checkpoints(disk)
    for number in range(1, sequence + 1):
        checkpoints.write(cursor(number), changes_at(number))
    disk.log.clear()
    return disk, checkpoints


@pytest.mark.parametrize("crash", ["none", "kill", "power cut"])
@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("action", ["error", "short", "kill_before", "kill_after"])
def test_whichever_step_fails_a_whole_checkpoint_can_be_loaded(
    action: Action, forever: bool, crash: str
) -> None:
    struck = True
    for number in range(1, OPERATIONS):
        for seed in range(4):
            print(f"{action} at operation {number}, {crash}, seed {seed}")
            disk, checkpoints = written_up_to(3, seed)
            fault = disk.fault = Fault(number, action, forever)
            dirty: dict[str, bytes | None] = {}
            done = 3
            for sequence in (4, 5):
                dirty |= changes_at(sequence)
                try:
                    checkpoints.write(cursor(sequence), dirty)
                except CheckpointFailed:
                    continue
                dirty, done = {}, sequence
            struck = fault.struck
            disk.fault = None
            if not disk.killed:
                # The same process gets over it.
                checkpoints.write(cursor(6), dirty | changes_at(6))
                done = 6
            if crash == "kill":
                disk = disk.killed_process()
            elif crash == "power cut":
                disk = disk.power_cut()
            demand_whole(disk, done)
    assert not struck, "there are more operations than were tried"


def demand_whole(disk: SimulatedDisk, at_least: int) -> None:
    disk.killed = False
    checkpoints = loaded_checkpoints(disk)
    checkpoint = checkpoints.load()
    assert checkpoint is not None
    sequence = checkpoint.cursor.sequence
    assert sequence >= at_least
    assert dict(checkpoint.shards()) == state_at(sequence)
    checkpoints.write(cursor(sequence + 1), changes_at(sequence + 1))
    again = Checkpoints(STATE, disk.power_cut()).load()
    assert again is not None
    assert again.notices == ()
    assert dict(again.shards()) == state_at(sequence + 1)
