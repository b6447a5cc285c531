"""The port to the file system: every operation whose order or failure decides what survives.

Nothing else in this package touches a file, so a test can lose unsynced bytes, fail the Nth
operation or stop between any two. The operations that may be made to fail are `open`,
`write` (with `pwrite`), `fdatasync`, `fsync` (with `fsync_folder`) and `rename`.
"""

import os
from pathlib import Path
from typing import Final, Literal, Protocol

OpenMode = Literal["create", "update", "read"]
_FLAGS: Final[dict[str, int]] = {
    "create": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "update": os.O_WRONLY,
    "read": os.O_RDONLY,
}


class Disk(Protocol):
    """File operations. All raise OSError; `write` and `pwrite` may write less than asked."""

    def open(self, path: Path, mode: OpenMode) -> int:
        """A handle. `create` empties a file that exists; the others demand one."""
        ...

    def close(self, handle: int) -> None: ...

    def write(self, handle: int, data: bytes) -> int:
        """Append at the handle's position; the number of bytes that were taken."""
        ...

    def pwrite(self, handle: int, data: bytes, offset: int) -> int: ...

    def fdatasync(self, handle: int) -> None: ...

    def fsync(self, handle: int) -> None: ...

    def fsync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Put `source` in the place of `target`, in one step."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, durably; one that is there is no error."""
        ...

    def pread(self, handle: int, size_bytes: int, offset: int) -> bytes:
        """Up to `size_bytes` bytes; fewer only at the end of the file."""
        ...

    def size(self, path: Path) -> int: ...

    def files(self, folder: Path) -> list[str]:
        """Every file below a folder as a relative path, sorted; no folder, no files."""
        ...

    def files_in(self, folder: Path) -> list[str]:
        """The names of the files right in a folder, sorted; no folder, no files."""
        ...

    def free_bytes(self, folder: Path) -> int:
        """How much more may be written to the file system of a folder that is there."""
        ...


class OsDisk:
    """The disk of the operating system."""

    def open(self, path: Path, mode: OpenMode) -> int:
        return os.open(path, _FLAGS[mode] | os.O_CLOEXEC, 0o640)

    def close(self, handle: int) -> None:
        os.close(handle)

    def write(self, handle: int, data: bytes) -> int:
        return os.write(handle, data)

    def pwrite(self, handle: int, data: bytes, offset: int) -> int:
        return os.pwrite(handle, data, offset)

    def fdatasync(self, handle: int) -> None:
        os.fdatasync(handle)

    def fsync(self, handle: int) -> None:
        os.fsync(handle)

    def fsync_folder(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self.make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        self.fsync_folder(folder.parent)

    def pread(self, handle: int, size_bytes: int, offset: int) -> bytes:
        parts: list[bytes] = []
        while size_bytes > 0 and (part := os.pread(handle, size_bytes, offset)):
            parts.append(part)
            size_bytes -= len(part)
            offset += len(part)
        return b"".join(parts)

    def size(self, path: Path) -> int:
        return path.stat().st_size

    def files(self, folder: Path) -> list[str]:
        found = (path for path in folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(folder).as_posix() for path in found)

    def files_in(self, folder: Path) -> list[str]:
        try:
            with os.scandir(folder) as found:
                return sorted(entry.name for entry in found if entry.is_file())
        except FileNotFoundError:
            return []

    def free_bytes(self, folder: Path) -> int:
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize


def read_file(disk: Disk, path: Path, size_bytes: int | None = None) -> bytes:
    """A file's first `size_bytes` bytes, or all of it."""
    handle = disk.open(path, "read")
    try:
        return disk.pread(handle, disk.size(path) if size_bytes is None else size_bytes, 0)
    finally:
        disk.close(handle)
