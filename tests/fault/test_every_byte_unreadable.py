"""Fail the Nth read of a start, for every N: it says which file, or goes on without a loss.

A disk that cannot be read now is not a damaged journal: nobody should restore a backup for it.
"""

import errno
from pathlib import Path
from typing import Final

import pytest
import structlog

from holdfast.journal import JournalCorrupt, JournalError, ReadFailed
from holdfast.journal.disk import OpenMode
from holdfast.ledger.opening import load_tenant
from tests.fault.test_every_byte import ENDS, moment_of
from tests.support.opened import FOLDER, TENANT
from tests.support.small_folder import Files, Folder, folders
from tests.unit.journal.simulated_disk import SimulatedDisk

NEVER: Final = 0


class UnreadableDisk(SimulatedDisk):
    """The read operation of that number fails, and for ever those behind it if told so."""

    def __init__(self, files: Files, at: int, *, forever: bool) -> None:
        super().__init__()
        for path, content in files.items():
            self.put(path, content)
        self.reads = 0
        self._at, self._forever = at, forever

    def open(self, path: Path, mode: OpenMode) -> int:
        self._read(path)
        return super().open(path, mode)

    def pread(self, handle: int, size_bytes: int, offset: int) -> bytes:
        self._read(self.handles[handle][1])
        return super().pread(handle, size_bytes, offset)

    def size(self, path: Path) -> int:
        self._read(path)
        return super().size(path)

    def files(self, folder: Path) -> list[str]:
        self._read(folder)
        return super().files(folder)

    def _read(self, path: Path) -> None:
        self.reads += 1
        if self.reads == self._at or (self._forever and self.reads > self._at > NEVER):
            raise OSError(errno.EIO, "the disk failed", str(path))


@pytest.fixture(scope="module")
def all_folders() -> dict[str, Folder]:
    return folders()


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("end", ENDS)
def test_whichever_read_fails_the_start_says_so_or_loses_nothing(
    end: str, forever: bool, all_folders: dict[str, Folder]
) -> None:
    files, truth = all_folders[end]
    whole = UnreadableDisk(files, NEVER, forever=False)
    load_tenant(FOLDER, TENANT, whole)
    refused = 0
    for number in range(1, whole.reads + 1):
        print(f"read {number} fails")
        disk = UnreadableDisk(files, number, forever=forever)
        try:
            with structlog.testing.capture_logs():
                found = load_tenant(FOLDER, TENANT, disk)
        except JournalError as error:
            refused += 1
            demand_unreadable(error)
        else:
            assert not forever
            assert moment_of(found) == truth[-1]
            assert found.recovered.torn is None
    assert refused


def demand_unreadable(error: JournalError) -> None:
    assert isinstance(error, ReadFailed)
    assert not isinstance(error, JournalCorrupt)
    assert "the disk failed" in error.cause
    assert error.hint
