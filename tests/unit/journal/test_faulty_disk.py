"""The dial strikes the calls that it was told to, counts them, and leaves all others alone."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.journal.faulty_disk import OPERATIONS, FaultRule, FaultyDisk, Operation


class Killed(Exception):
    """In place of the end of the process."""


def _die() -> None:
    raise Killed


def calls_of(disk: FaultyDisk, folder: Path) -> dict[Operation, Callable[[], object]]:
    """A call of every operation, on files of its own."""
    path, moving = folder / "a", folder / "b"
    handle = disk.open(path, "create")

    def rename() -> None:
        moving.write_bytes(b"")
        disk.rename(moving, folder / "c")

    return {
        "open": lambda: disk.close(disk.open(path, "read")),
        "write": lambda: disk.write(handle, b"1234"),
        "fdatasync": lambda: disk.fdatasync(handle),
        "fsync": lambda: disk.fsync_folder(folder),
        "rename": rename,
    }


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize(("action", "number"), [("eio", errno.EIO), ("enospc", errno.ENOSPC)])
def test_the_nth_call_fails_as_often_as_it_should(
    tmp_path: Path, op: Operation, action: str, number: int
) -> None:
    disk = FaultyDisk(_die)
    call = calls_of(disk, tmp_path)[op]
    (rule,) = rules = [FaultRule(op, action, after_calls=1, times=2)]  # type: ignore[arg-type]  # one of them
    disk.set_rules(rules)
    call()
    for _ in range(2):
        with pytest.raises(OSError, match="a fault that was set") as failed:
            call()
        assert failed.value.errno == number
    call()
    assert (rule.calls, rule.struck, rule.is_spent) == (4, 2, True)


def test_a_fault_for_ever_ends_when_it_is_taken_away(tmp_path: Path) -> None:
    disk = FaultyDisk(_die)
    call = calls_of(disk, tmp_path)["fdatasync"]
    disk.set_rules([FaultRule("fdatasync", "eio", times=None)])
    for _ in range(5):
        with pytest.raises(OSError, match="fault"):
            call()
    disk.set_rules([])
    call()
    assert disk.calls["fdatasync"] == 6


def test_only_the_operation_that_is_named_is_struck(tmp_path: Path) -> None:
    disk = FaultyDisk(_die)
    calls = calls_of(disk, tmp_path)
    disk.set_rules([FaultRule("fsync", "eio", times=None)])
    for op in OPERATIONS:
        if op != "fsync":
            calls[op]()


def test_a_short_write_takes_half(tmp_path: Path) -> None:
    disk = FaultyDisk(_die)
    handle = disk.open(tmp_path / "a", "create")
    disk.set_rules([FaultRule("write", "short", times=2)])
    assert disk.write(handle, b"1234") == 2
    assert disk.pwrite(handle, b"56", 2) == 1
    assert (tmp_path / "a").read_bytes() == b"125"


@pytest.mark.parametrize(("action", "left"), [("kill_before", b""), ("kill_after", b"1234")])
def test_a_kill_comes_before_or_after_the_call(tmp_path: Path, action: str, left: bytes) -> None:
    disk = FaultyDisk(_die)
    handle = disk.open(tmp_path / "a", "create")
    disk.set_rules([FaultRule("write", action)])  # type: ignore[arg-type]  # one of them
    with pytest.raises(Killed):
        disk.write(handle, b"1234")
    assert (tmp_path / "a").read_bytes() == left


def test_a_delay_only_takes_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("holdfast.journal.faulty_disk.time.sleep", slept.append)
    disk = FaultyDisk(_die)
    calls = calls_of(disk, tmp_path)
    disk.set_rules([FaultRule("write", "delay", delay_ms=250)])
    assert calls["write"]() == 4
    assert calls["write"]() == 4
    assert slept == [0.25]


def test_of_several_faults_the_first_that_strikes_decides_and_all_count(tmp_path: Path) -> None:
    disk = FaultyDisk(_die)
    call = calls_of(disk, tmp_path)["rename"]
    rules = [FaultRule("rename", "enospc", after_calls=1), FaultRule("rename", "eio", times=2)]
    disk.set_rules(rules)
    numbers = []
    for _ in range(2):
        with pytest.raises(OSError, match="fault") as failed:
            call()
        numbers.append(failed.value.errno)
    assert numbers == [errno.EIO, errno.ENOSPC]
    assert [rule.calls for rule in rules] == [2, 2]


def test_a_disk_that_is_full_for_good_has_no_room(tmp_path: Path) -> None:
    disk = FaultyDisk(_die)
    assert disk.free_bytes(tmp_path) > 0
    disk.set_rules([FaultRule("write", "enospc")])
    assert disk.free_bytes(tmp_path) > 0
    disk.set_rules([FaultRule("write", "enospc", times=None)])
    assert disk.free_bytes(tmp_path) == 0
