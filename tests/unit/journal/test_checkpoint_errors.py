"""A checkpoint that fails or is no good names the file and the reason, and costs nothing."""

import pytest

from holdfast.journal import CheckpointFailed, Checkpoints, Cursor, JournalCorrupt
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import STATE, fail_next, loaded_checkpoints
from tests.unit.journal.telling import demand_told

NEWEST, OLDER = STATE / "MANIFEST.json", STATE / "MANIFEST.1.json"


def at(sequence: int) -> Cursor:
    return Cursor(sequence, sequence.to_bytes(16, "big"))


def two_checkpoints() -> SimulatedDisk:
    disk = SimulatedDisk()
    checkpoints = loaded_checkpoints(disk)
    checkpoints.write(at(3), {"stock/S.0": b"{3}", "keys": b"k3"})
    checkpoints.write(at(7), {"stock/S.0": b"{7}", "orders/2": b"o7"})
    return disk


def test_a_file_that_rots_or_goes_after_it_was_loaded_is_named() -> None:
    path = STATE / "orders/2@7.json"
    for rot, told in ((b"rot", "is damaged"), (None, "is missing")):
        disk = two_checkpoints()
        checkpoint = Checkpoints(STATE, disk).load()
        assert checkpoint is not None
        del disk.names[path]
        if rot is not None:
            disk.put(path, rot)
        with pytest.raises(JournalCorrupt) as refused:
            list(checkpoint.shards())
        demand_told(refused.value, JournalCorrupt, "read", path, f"orders/2@7.json {told}")
        assert "look at the disk" in refused.value.hint


def test_who_looks_for_a_checkpoint_hears_in_order_what_was_wrong() -> None:
    disk = two_checkpoints()
    disk.put(NEWEST, b"rot")
    told = loaded_checkpoints(disk).notices
    assert told[0].startswith("MANIFEST.json is not usable: it is damaged")
    assert told[1] == "MANIFEST.1.json, the checkpoint before it, is used"
    disk.put(OLDER, b"rot")
    told = loaded_checkpoints(disk).notices
    assert told[1].startswith("MANIFEST.1.json is not usable")
    assert told[2] == "no checkpoint is usable, so the whole journal is read"
    del disk.names[NEWEST]
    assert loaded_checkpoints(disk).notices[0] == "MANIFEST.json is missing"


def test_a_checkpoint_that_was_taken_away_is_not_built_upon() -> None:
    disk = two_checkpoints()
    checkpoints = loaded_checkpoints(disk)
    del disk.names[NEWEST]
    with pytest.raises(CheckpointFailed) as failure:
        checkpoints.begin(at(9))
    told = "the checkpoint before it is gone"
    demand_told(failure.value, CheckpointFailed, "write", NEWEST, told)
    assert checkpoints.is_first
    assert checkpoints.older_cursor is None
    checkpoints.write(at(9), {"keys": b"k9"})
    loaded = Checkpoints(STATE, disk).load()
    assert loaded is not None
    assert dict(loaded.shards()) == {"keys": b"k9"}


#: More operations than a checkpoint takes.
STEPS = 40


def test_a_step_that_fails_is_named_and_the_one_before_is_still_good() -> None:
    operations: set[str] = set()
    for skip in range(STEPS):
        disk = two_checkpoints()
        checkpoints = loaded_checkpoints(disk)
        fault = fail_next(disk, skip=skip)
        failure: CheckpointFailed | None = None
        try:
            checkpoints.write(at(9), {"keys": b"k9", "orders/2": None})
        except CheckpointFailed as error:
            failure = error
        assert fault.struck == (failure is not None)
        if failure is None:
            continue
        operation, path = failure.operation, failure.path
        demand_told(failure, CheckpointFailed, operation, path, "the disk failed")
        assert path.is_relative_to(STATE)
        operations.add(operation)
        after = Checkpoints(STATE, disk).load()
        assert after is not None
        assert after.cursor in {at(7), at(9)}
        assert dict(after.shards())["stock/S.0"] == b"{7}"
        assert disk.handles == {}
    assert operations == {"open", "write", "fsync", "rename", "read"}


def test_nothing_is_begun_before_it_was_looked_what_is_there() -> None:
    disk = two_checkpoints()
    disk.log.clear()
    with pytest.raises(RuntimeError, match="load before writing"):
        Checkpoints(STATE, disk).begin(at(9))
    assert disk.log == []


def test_a_third_content_at_one_event_gets_a_third_name() -> None:
    disk = SimulatedDisk()
    checkpoints = loaded_checkpoints(disk)
    for content in (b"1", b"2", b"3"):
        checkpoints.write(at(3), {"keys": content})
    names = [name for name in disk.files(STATE) if name.startswith("keys")]
    assert names == ["keys@3-1.json", "keys@3-2.json"], "the newest two are kept"
    unfinished = checkpoints.begin(at(3))
    for content in (b"a", b"b"):
        unfinished.put("keys", content)
    checkpoints.finish(unfinished)
    loaded = Checkpoints(STATE, disk).load()
    assert loaded is not None
    assert dict(loaded.shards()) == {"keys": b"b"}


def test_what_an_earlier_checkpoint_left_is_removed_and_other_files_stay() -> None:
    disk = two_checkpoints()
    checkpoints = loaded_checkpoints(disk)
    checkpoints.write(at(8), {"keys": b"k8"})
    stray = STATE / "keys@5.json"
    disk.put(stray, b"of nobody")
    disk.put(STATE / "notes.txt", b"an operator's")
    checkpoints.write(at(9), {"keys": b"k9"})
    assert stray in disk.names, "what is known to be needless is removed, nothing is looked for"
    assert STATE / "keys@3.json" not in disk.names
    loaded_checkpoints(disk).write(at(10), {})
    assert stray not in disk.names
    assert STATE / "notes.txt" in disk.names
