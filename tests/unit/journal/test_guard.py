"""Whoever writes hears of every failure where it happened, and a writer given up does no harm."""

from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.journal.guard import DiskFault, GuardedDisk
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import fail_next

FOLDER = Path("/t")
A, B = FOLDER / "a", FOLDER / "b"
Operation = tuple[str, Path, Callable[[GuardedDisk, int], object]]

#: What is called, on what, and how.
OPERATIONS: list[Operation] = [
    ("open", B, lambda disk, _: disk.open(B, "create")),
    ("write", A, lambda disk, handle: disk.write(handle, b"12345")),
    ("write", A, lambda disk, handle: disk.pwrite(handle, b"12345", 3)),
    ("fdatasync", A, lambda disk, handle: disk.fdatasync(handle)),
    ("fsync", FOLDER, lambda disk, _: disk.fsync_folder(FOLDER)),
    ("rename", B, lambda disk, _: disk.rename(A, B)),
    ("unlink", A, lambda disk, _: disk.unlink(A)),
    ("mkdir", FOLDER, lambda disk, _: disk.make_folder(FOLDER)),
    ("open", B, lambda disk, _: disk.write_new(B, b"12345")),
]
# A simulated disk knows no folders, and removing a file on it does not fail by itself.
FAILING = [each for each in OPERATIONS if each[0] not in {"unlink", "mkdir"}]


def guarded() -> tuple[SimulatedDisk, GuardedDisk, int]:
    """A disk with an open file A."""
    plain = SimulatedDisk()
    disk = GuardedDisk(plain)
    return plain, disk, disk.open(A, "create")


@pytest.mark.parametrize(("operation", "path", "call"), FAILING)
def test_a_failure_names_the_operation_the_path_and_the_cause(
    operation: str, path: Path, call: Callable[[GuardedDisk, int], object]
) -> None:
    plain, disk, handle = guarded()
    fail_next(plain)
    with pytest.raises(DiskFault) as failure:
        call(disk, handle)
    fault = failure.value
    assert (fault.operation, fault.path) == (operation, path)
    assert "the disk failed" in fault.cause
    assert str(fault) == f"{operation} {path}: {fault.cause}"
    assert isinstance(fault.__cause__, OSError)


@pytest.mark.parametrize(("operation", "path", "call"), OPERATIONS)
def test_a_writer_that_was_given_up_changes_nothing_any_more(
    operation: str, path: Path, call: Callable[[GuardedDisk, int], object]
) -> None:
    plain, disk, handle = guarded()
    plain.put(A, b"as it was")
    disk.revoked = True
    plain.log.clear()
    with pytest.raises(DiskFault, match="given up") as failure:
        call(disk, handle)
    assert (failure.value.operation, failure.value.path) == (operation, path)
    assert (plain.log, plain.content(A)) == ([], b"as it was")
    disk.close(handle)
    assert plain.handles == {}, "it still closes what it has open"


@pytest.mark.parametrize(
    "write",
    [lambda disk, handle: disk.write(handle, b"12345"), OPERATIONS[2][2]],
    ids=["write", "pwrite"],
)
def test_a_short_write_is_a_failure(write: Callable[[GuardedDisk, int], object]) -> None:
    plain, disk, handle = guarded()
    fail_next(plain, "short")
    with pytest.raises(DiskFault) as failure:
        write(disk, handle)
    fault = failure.value
    assert (fault.operation, fault.path) == ("write", A)
    assert fault.cause == "short write: 2 of 5 bytes"


def test_what_is_written_goes_where_it_is_meant_to() -> None:
    plain, disk, handle = guarded()
    disk.write(handle, b"0123456789")
    disk.pwrite(handle, b"ab", 4)
    disk.fdatasync(handle)
    assert plain.content(A) == bytes(plain.names[A].durable) == b"0123ab6789"
    disk.rename(A, B)
    disk.fsync_folder(FOLDER)
    assert list(plain.durable_names) == [B]
    disk.unlink(B)
    assert plain.names == {}


def test_a_new_file_is_written_and_synced_before_anyone_has_its_handle() -> None:
    plain, disk, _ = guarded()
    plain.log.clear()
    handle = disk.write_new(B, b"content")
    assert plain.log == ["open b", "write b", "fsync b"]
    assert plain.handles[handle][1] == B
    assert bytes(plain.names[B].durable) == b"content"


@pytest.mark.parametrize(("skip", "operation"), [(1, "write"), (2, "fsync")])
def test_a_new_file_that_fails_is_closed_again(skip: int, operation: str) -> None:
    plain, disk, handle = guarded()
    fail_next(plain, skip=skip)
    with pytest.raises(DiskFault) as failure:
        disk.write_new(B, b"content")
    assert (failure.value.operation, failure.value.path) == (operation, B)
    assert list(plain.handles) == [handle]


def test_a_file_is_replaced_in_one_step_by_one_that_is_whole() -> None:
    plain, disk, handle = guarded()
    plain.put(B, b"old")
    plain.log.clear()
    disk.replace(B, b"new")
    name = disk.temporary(B).name
    assert plain.log == [f"open {name}", f"write {name}", f"fsync {name}", "rename b"]
    assert plain.content(B) == b"new"
    assert sorted(plain.names) == [A, B]
    assert list(plain.handles) == [handle]


def test_no_two_writers_prepare_a_file_under_the_same_name() -> None:
    one, other = (GuardedDisk(SimulatedDisk()).temporary(A) for _ in range(2))
    assert one != other
    assert {one.parent, other.parent} == {FOLDER}
    assert one.name.startswith("a.")


def test_only_what_writers_left_half_done_is_removed() -> None:
    plain, disk, _ = guarded()
    for path in (disk.temporary(B), FOLDER / "c.7.tmp", FOLDER / "tmp.log"):
        plain.put(path, b"")
    disk.remove_temporaries(FOLDER)
    assert sorted(plain.names) == [A, FOLDER / "tmp.log"]


def test_an_open_file_that_was_renamed_fails_under_its_new_name() -> None:
    plain, disk, handle = guarded()
    other = disk.open(FOLDER / "other", "create")
    disk.rename(A, B)
    for failing, path in ((handle, B), (other, FOLDER / "other")):
        fail_next(plain)
        with pytest.raises(DiskFault) as failure:
            disk.fdatasync(failing)
        assert failure.value.path == path


def test_a_closed_file_is_forgotten() -> None:
    _, disk, handle = guarded()
    disk.close(handle)
    with pytest.raises(KeyError):
        disk.write(handle, b"12345")
