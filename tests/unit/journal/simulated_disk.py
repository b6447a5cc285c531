"""A disk in memory that forgets what was not synced, and fails when told to.

It models what the journal's promises rest on: a page cache that shows bytes the platter does
not hold, a sync that fails and marks them clean all the same, names that are durable only once
their folder is synced, and chunks of one write that reach the platter in any order.
"""

import errno
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from holdfast.journal.disk import OpenMode

CHUNK_BYTES = 64
Action = Literal["error", "short", "kill_before", "kill_after", "hang"]


@dataclass
class Inode:
    visible: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        _place(self.visible, offset, data)
        self.pending.append((offset, data))

    def sync(self) -> None:
        for offset, data in self.pending:
            _place(self.durable, offset, data)
        self.pending.clear()

    def lose(self, rng: random.Random) -> None:
        """Let any part of what is pending reach the platter, and forget that it is pending."""
        keep = rng.choice([0.0, 0.5, 1.0])
        for offset, data in self.pending:
            for start in range(0, len(data), CHUNK_BYTES):
                if rng.random() < keep:
                    _place(self.durable, offset + start, data[start : start + CHUNK_BYTES])
        self.pending.clear()


def _place(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


@dataclass
class Naming:
    """A name that is given, or taken away (no inode). A rename never loses the file: before its
    old name goes, its new one is there."""

    path: Path
    inode: Inode | None
    moved: "Naming | None" = None

    def apply(self, names: dict[Path, Inode]) -> None:
        if self.moved is not None:
            self.moved.apply(names)
        if self.inode is None:
            names.pop(self.path, None)
        else:
            names[self.path] = self.inode


@dataclass
class FolderMove:
    """A folder that gets another name, with all that is in it: at once, or not at all."""

    source: Path
    target: Path

    def apply(self, names: dict[Path, Inode]) -> None:
        for path in [each for each in names if self.source in each.parents]:
            names[self.target / path.relative_to(self.source)] = names.pop(path)


@dataclass
class Fault:
    """What happens to the operation of that number (the first is 1), or to all from it on."""

    at: int
    action: Action
    forever: bool = False
    struck: bool = False

    def strikes(self, number: int) -> bool:
        strikes = number == self.at or (self.forever and number > self.at)
        self.struck = self.struck or strikes
        return strikes


class SimulatedDisk:
    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.names: dict[Path, Inode] = {}
        self.durable_names: dict[Path, Inode] = {}
        self.pending_names: dict[Path, list[Naming | FolderMove]] = {}
        self.handles: dict[int, tuple[Inode, Path]] = {}
        self.positions: dict[int, int] = {}
        self.next_handle = 100
        self.fault: Fault | None = None
        self.killed = False
        self.log: list[str] = []
        self.hanging = threading.Event()
        self.release = threading.Event()
        #: How many bytes all files together may have.
        self.capacity = 1 << 40

    # What happens to the machine.

    def killed_process(self) -> "SimulatedDisk":
        """What a new process finds on the running machine: the page cache."""
        disk = SimulatedDisk(self.random.randrange(2**32))
        disk.names, disk.durable_names = self.names, self.durable_names
        disk.pending_names = self.pending_names
        return disk

    def power_cut(self) -> "SimulatedDisk":
        """What is found after a power cut: what was synced, and anything of the rest."""
        disk = SimulatedDisk(self.random.randrange(2**32))
        for operations in self.pending_names.values():
            for naming in operations[: self.random.randint(0, len(operations))]:
                naming.apply(self.durable_names)
        for path, inode in self.durable_names.items():
            inode.lose(self.random)
            content = bytes(inode.durable)
            disk.names[path] = Inode(bytearray(content), bytearray(content))
        disk.durable_names = dict(disk.names)
        return disk

    # The port.

    def open(self, path: Path, mode: OpenMode) -> int:
        with _Step(self, "open", path):
            assert mode in get_args(OpenMode)
            if mode == "create":
                inode = Inode()
                self._name(path, inode)
            elif path not in self.names:
                raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
            self.next_handle += 1
            self.handles[self.next_handle] = (self.names[path], path)
            self.positions[self.next_handle] = 0
            return self.next_handle

    def close(self, handle: int) -> None:
        del self.handles[handle]

    def write(self, handle: int, data: bytes) -> int:
        offset = self.positions[handle]
        self.positions[handle] += self.pwrite(handle, data, offset)
        return self.positions[handle] - offset

    def pwrite(self, handle: int, data: bytes, offset: int) -> int:
        inode, path = self.handles[handle]
        with _Step(self, "write", path) as short:
            taken = data[: len(data) // 2] if short else self._fitting(inode, data, offset)
            inode.write(offset, taken)
            return len(taken)

    def fdatasync(self, handle: int) -> None:
        self._sync(handle, "fdatasync")

    def fsync(self, handle: int) -> None:
        self._sync(handle, "fsync")

    def fsync_folder(self, folder: Path) -> None:
        with _Step(self, "fsync", folder):
            for naming in self.pending_names.pop(folder, []):
                naming.apply(self.durable_names)

    def rename(self, source: Path, target: Path) -> None:
        with _Step(self, "rename", target):
            if source not in self.names and any(source in path.parents for path in self.names):
                self._move_folder(source, target)
                return
            if source not in self.names:
                raise FileNotFoundError(errno.ENOENT, "no such file", str(source))
            inode = self.names[source]
            self._name(target, inode)
            self._name(source, None, Naming(target, inode))

    def _move_folder(self, source: Path, target: Path) -> None:
        if any(target in path.parents for path in self.names):
            raise OSError(errno.ENOTEMPTY, "the folder is not empty", str(target))
        # What was named in it, and not synced, is on the platter by now, or never will be.
        for folder in [each for each in self.pending_names if each.is_relative_to(source)]:
            operations = self.pending_names.pop(folder)
            for naming in operations[: self.random.randint(0, len(operations))]:
                naming.apply(self.durable_names)
        move = FolderMove(source, target)
        move.apply(self.names)
        for folder in {source.parent, target.parent}:
            self.pending_names.setdefault(folder, []).append(move)

    def unlink(self, path: Path) -> None:
        if self.killed:
            raise OSError(errno.EIO, "killed")
        if path in self.names:
            self._name(path, None)

    def make_folder(self, folder: Path) -> None:
        """Folders are not modelled."""

    def pread(self, handle: int, size_bytes: int, offset: int) -> bytes:
        return bytes(self.handles[handle][0].visible[offset : offset + size_bytes])

    def size(self, path: Path) -> int:
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return len(self.names[path].visible)

    def files(self, folder: Path) -> list[str]:
        return sorted(
            path.relative_to(folder).as_posix()
            for path in self.names
            if path.is_relative_to(folder)
        )

    def files_in(self, folder: Path) -> list[str]:
        return sorted(path.name for path in self.names if path.parent == folder)

    def free_bytes(self, folder: Path) -> int:
        return self._room()

    # How.

    def _room(self) -> int:
        inodes = {id(inode): inode for inode in self.names.values()}
        return max(0, self.capacity - sum(len(each.visible) for each in inodes.values()))

    def _fitting(self, inode: Inode, data: bytes, offset: int) -> bytes:
        """What of it finds room; as on a real disk, a part of it, or an error if that is nothing."""
        lacking = offset + len(data) - len(inode.visible) - self._room()
        fitting = data[: len(data) - lacking] if lacking > 0 else data
        if data and not fitting:
            raise OSError(errno.ENOSPC, "the disk is full")
        return fitting

    def content(self, path: Path) -> bytes:
        return bytes(self.names[path].visible)

    def put(self, path: Path, content: bytes) -> None:
        """Place a file, durably, past all faults."""
        inode = Inode(bytearray(content), bytearray(content))
        self.names[path] = self.durable_names[path] = inode

    def _sync(self, handle: int, operation: str) -> None:
        inode, path = self.handles[handle]
        try:
            with _Step(self, operation, path):
                inode.sync()
        except OSError:
            inode.lose(self.random)
            raise

    def _name(self, path: Path, inode: Inode | None, moved: "Naming | None" = None) -> None:
        naming = Naming(path, inode, moved)
        naming.apply(self.names)
        self.pending_names.setdefault(path.parent, []).append(naming)


class _Step:
    """One operation that counts: before it, or after it, the fault strikes."""

    def __init__(self, disk: SimulatedDisk, operation: str, path: Path) -> None:
        self.disk = disk
        disk.log.append(f"{operation} {path.name}")
        fault = disk.fault
        strikes = fault is not None and fault.strikes(len(disk.log))
        self.action = fault.action if fault is not None and strikes else None

    def __enter__(self) -> bool:
        if self.disk.killed:
            raise OSError(errno.EIO, "killed")
        if self.action == "kill_before":
            self.disk.killed = True
            raise OSError(errno.EIO, "killed")
        if self.action == "error":
            raise OSError(errno.EIO, "the disk failed")
        if self.action == "hang":
            self.disk.hanging.set()
            self.disk.release.wait()
        if self.action == "short" and not self.disk.log[-1].startswith("write"):
            raise OSError(errno.ENOSPC, "the disk is full")
        return self.action == "short"

    def __exit__(self, *_: object) -> None:
        if self.action == "kill_after":
            self.disk.killed = True
            raise OSError(errno.EIO, "killed")
