"""The disk as those who write use it: whole writes, failures that say where, and a way out.

A thread that hangs in the kernel cannot be stopped. Once its disk is revoked, whatever it still
tries fails, so that it cannot meet its successor in the same files.
"""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

from holdfast.journal.disk import Disk, OpenMode

T = TypeVar("T")
_generations: Final = count(1)
TEMPORARY: Final = ".tmp"


class DiskFault(OSError):
    """An operation failed: which one, and on what."""

    def __init__(self, operation: str, path: Path, cause: str) -> None:
        super().__init__(f"{operation} {path}: {cause}")
        self.operation = operation
        self.path = path
        self.cause = cause


class GuardedDisk:
    """Everything that changes a file goes through here, and raises DiskFault."""

    def __init__(self, disk: Disk) -> None:
        self.plain = disk
        self.revoked = False
        # One per writer of this process, so that no two ever use the same temporary file.
        self._generation = next(_generations)
        self._paths: dict[int, Path] = {}

    def open(self, path: Path, mode: OpenMode) -> int:
        handle = self._do("open", path, lambda: self.plain.open(path, mode))
        self._paths[handle] = path
        return handle

    def close(self, handle: int) -> None:
        """Close, revoked or not: nobody else will."""
        self._paths.pop(handle, None)
        self.plain.close(handle)

    def write(self, handle: int, data: bytes) -> None:
        """Append all of it in one call; a short write means a full or failing disk."""
        path = self._paths[handle]
        _demand_whole(path, self._do("write", path, lambda: self.plain.write(handle, data)), data)

    def pwrite(self, handle: int, data: bytes, offset: int) -> None:
        path = self._paths[handle]
        written = self._do("write", path, lambda: self.plain.pwrite(handle, data, offset))
        _demand_whole(path, written, data)

    def fdatasync(self, handle: int) -> None:
        self._do("fdatasync", self._paths[handle], lambda: self.plain.fdatasync(handle))

    def fsync_folder(self, folder: Path) -> None:
        self._do("fsync", folder, lambda: self.plain.fsync_folder(folder))

    def rename(self, source: Path, target: Path) -> None:
        self._do("rename", target, lambda: self.plain.rename(source, target))
        # What is still open under the old name fails under the new one from now on.
        renamed = {handle: target for handle, path in self._paths.items() if path == source}
        self._paths.update(renamed)

    def unlink(self, path: Path) -> None:
        self._do("unlink", path, lambda: self.plain.unlink(path))

    def make_folder(self, folder: Path) -> None:
        self._do("mkdir", folder, lambda: self.plain.make_folder(folder))

    def write_new(self, path: Path, data: bytes) -> int:
        """A new file with this content, synced; its name is not durable yet. An open handle."""
        handle = self.open(path, "create")
        try:
            self.write(handle, data)
            self._do("fsync", path, lambda: self.plain.fsync(handle))
        except BaseException:
            self.close(handle)
            raise
        return handle

    def replace(self, path: Path, data: bytes) -> None:
        """Put a file in the place of whatever has its name: a crash leaves one or the other.

        The caller syncs the folder, once for all that it replaces there.
        """
        temporary = self.temporary(path)
        self.close(self.write_new(temporary, data))
        self.rename(temporary, path)

    def temporary(self, path: Path) -> Path:
        """Where this writer prepares the file that will be called `path`."""
        return path.with_name(f"{path.name}.{self._generation}{TEMPORARY}")

    def remove_temporaries(self, folder: Path) -> None:
        """Remove what earlier writers left half done; none of them can give it a name then."""
        for name in self.plain.files_in(folder):
            if name.endswith(TEMPORARY):
                self.unlink(folder / name)

    def _do(self, operation: str, path: Path, call: Callable[[], T]) -> T:
        if self.revoked:
            raise DiskFault(operation, path, "this writer was given up")
        try:
            return call()
        except OSError as error:
            raise DiskFault(operation, path, str(error)) from error


def _demand_whole(path: Path, written_bytes: int, data: bytes) -> None:
    if written_bytes != len(data):
        cause = f"short write: {written_bytes} of {len(data)} bytes"
        raise DiskFault("write", path, cause)
