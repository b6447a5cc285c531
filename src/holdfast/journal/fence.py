"""The disk of a process that shares a journal with others: it changes nothing without the lease.

A process that stood still past its lease's deadline may wake in front of any operation. What it
appends then lands behind the byte at which the new holder cut that segment off, and its watermark
has lost its name. What gives or takes a name is the rest, and that is done while the lease is
held fast, so that nobody can take it in between.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from holdfast.journal.disk import Disk, OpenMode

_TEMPORARY: Final = ".tmp"


class LostLease(OSError):
    """The lease is another process's by now, or cannot be held fast."""


class Fence(Protocol):
    """What tells whether this process may change a journal. Every method may be called anywhere."""

    #: Names this process in the names of files.
    owner_id: str

    def demand(self) -> None:
        """Raise LostLease unless the lease is this process's."""
        ...

    def held_fast(self) -> AbstractContextManager[None]:
        """Keep others from taking the lease meanwhile. Raises LostLease."""
        ...


class FencedDisk:
    """A disk that gives names, and takes them away, only while the lease is held fast.

    Files in preparation carry the process's name, so that no two ever write to one.
    """

    def __init__(self, disk: Disk, fence: Fence) -> None:
        self.plain = disk
        self._fence = fence

    def open(self, path: Path, mode: OpenMode) -> int:
        return self.plain.open(self._own(path) if mode == "create" else path, mode)

    def rename(self, source: Path, target: Path) -> None:
        with self._fence.held_fast():
            self.plain.rename(self._own(source), target)

    def unlink(self, path: Path) -> None:
        with self._fence.held_fast():
            self.plain.unlink(path)

    def _own(self, path: Path) -> Path:
        if path.suffix != _TEMPORARY:
            return path
        return path.with_suffix(f".{self._fence.owner_id}{_TEMPORARY}")

    # As the disk does it.

    def close(self, handle: int) -> None:
        self.plain.close(handle)

    def write(self, handle: int, data: bytes) -> int:
        return self.plain.write(handle, data)

    def pwrite(self, handle: int, data: bytes, offset: int) -> int:
        return self.plain.pwrite(handle, data, offset)

    def fdatasync(self, handle: int) -> None:
        self.plain.fdatasync(handle)

    def fsync(self, handle: int) -> None:
        self.plain.fsync(handle)

    def fsync_folder(self, folder: Path) -> None:
        self.plain.fsync_folder(folder)

    def make_folder(self, folder: Path) -> None:
        self.plain.make_folder(folder)

    def pread(self, handle: int, size_bytes: int, offset: int) -> bytes:
        return self.plain.pread(handle, size_bytes, offset)

    def size(self, path: Path) -> int:
        return self.plain.size(path)

    def files(self, folder: Path) -> list[str]:
        return self.plain.files(folder)

    def free_bytes(self, folder: Path) -> int:
        return self.plain.free_bytes(folder)

    def files_in(self, folder: Path) -> list[str]:
        return self.plain.files_in(folder)
