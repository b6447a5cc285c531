"""A platter as one process has it: the journal's port to the disk, with latencies and faults."""

import errno
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NoReturn

from holdfast.journal.disk import OpenMode
from tests.simulation.machine import NS_PER_MS, ProcessDied, SimThreads
from tests.simulation.platter import File, Platter

Verdict = Literal["eio", "short", "hang", "kill_before", "kill_after", "cut_before", "cut_after"]
Operation = Literal["open", "write", "fdatasync", "fsync", "rename", "unlink", "read", "names"]

_SYNCS: Final = frozenset({"fdatasync", "fsync"})
_US: Final = 1_000
_PLENTY_BYTES: Final = 1 << 40


class Latency:
    """How long the disk takes, drawn from the seed; `factor` makes it slower for a while."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.factor = 1

    def ns(self, operation: Operation) -> int:
        if operation in _SYNCS:
            return self.factor * int(self._rng.uniform(100, 3_000) * _US)
        # Most of what only reaches the page cache is over at once.
        if self._rng.random() < 0.85:
            return 0
        return self.factor * self._rng.randrange(200) * _US


class NoTime:
    """In place of a process's threads: nothing takes time, and nobody dies."""

    def demand_alive(self) -> None:
        """It is."""

    def pass_time(self, ns: int) -> None:
        """It takes no time."""


class Mount:
    """Implements the port `Disk`."""

    def __init__(
        self,
        platter: Platter,
        threads: SimThreads | NoTime,
        rng: random.Random,
        *,
        strikes: Callable[[Operation, Path], Verdict | None] = lambda *_: None,
        die: Callable[[str], None] = lambda _: None,
        looks: Callable[[], None] = lambda: None,
        writes: Callable[[Path, bytes], None] = lambda *_: None,
        is_full: Callable[[], bool] = lambda: False,
    ) -> None:
        """Mount a platter.

        Args:
            platter: the files.
            threads: the process's; they wait for the disk.
            rng: what latencies are drawn from.
            strikes: what goes wrong with an operation, if anything.
            die: ends the process; is told how.
            looks: is called behind every operation that changed something.
            writes: is told what is about to be written to a file.
            is_full: whether no space is left.
        """
        self.platter = platter
        self.latency = Latency(rng)
        self.operations = 0
        self.met: Counter[str] = Counter()
        self._threads = threads
        self._rng = rng
        self._strikes = strikes
        self._die = die
        self._looks = looks
        self._writes = writes
        self._is_full = is_full
        self._handles: dict[int, tuple[File, Path]] = {}
        self._positions: dict[int, int] = {}
        self._next_handle = 3

    # The port.

    def open(self, path: Path, mode: OpenMode) -> int:
        after = self._step("open" if mode != "read" else "read", path)
        if mode == "create":
            self.platter.name(path, File())
        elif path not in self.platter.seen:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        self._next_handle += 1
        self._handles[self._next_handle] = (self.platter.seen[path], path)
        self._positions[self._next_handle] = 0
        self._done(after, changed=mode == "create")
        return self._next_handle

    def close(self, handle: int) -> None:
        del self._handles[handle]

    def write(self, handle: int, data: bytes) -> int:
        offset = self._positions[handle]
        written = self.pwrite(handle, data, offset)
        self._positions[handle] = offset + written
        return written

    def pwrite(self, handle: int, data: bytes, offset: int) -> int:
        file, path = self._handles[handle]
        after = self._step("write", path)
        self._writes(path, data)
        taken = data[: self._rng.randrange(len(data))] if after == "short" else data
        file.write(offset, taken)
        self._done(after)
        return len(taken)

    def fdatasync(self, handle: int) -> None:
        self._sync("fdatasync", handle)

    def fsync(self, handle: int) -> None:
        self._sync("fsync", handle)

    def _sync(self, operation: Operation, handle: int) -> None:
        file, path = self._handles[handle]
        try:
            after = self._step(operation, path)
        except OSError:
            file.lose(self._rng)
            raise
        file.sync()
        self._done(after)

    def fsync_folder(self, folder: Path) -> None:
        after = self._step("fsync", folder)
        self.platter.sync_folder(folder)
        self._done(after)

    def rename(self, source: Path, target: Path) -> None:
        after = self._step("rename", target)
        if source not in self.platter.seen:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(source))
        self.platter.rename(source, target)
        self._done(after)

    def unlink(self, path: Path) -> None:
        after = self._step("unlink", path)
        if path in self.platter.seen:
            self.platter.name(path, None)
        self._done(after)

    def make_folder(self, folder: Path) -> None:
        """Folders are there as soon as a file is; they are made durably, or not at all."""
        self._threads.demand_alive()

    def pread(self, handle: int, size_bytes: int, offset: int) -> bytes:
        file, path = self._handles[handle]
        self._step("read", path)
        return bytes(file.seen[offset : offset + size_bytes])

    def size(self, path: Path) -> int:
        self._threads.demand_alive()
        if path not in self.platter.seen:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return len(self.platter.seen[path].seen)

    def files(self, folder: Path) -> list[str]:
        self._step("names", folder)
        prefix = f"{folder}/"
        found = (str(path) for path in self.platter.seen)
        return sorted(path.removeprefix(prefix) for path in found if path.startswith(prefix))

    def files_in(self, folder: Path) -> list[str]:
        self._step("names", folder)
        return sorted(path.name for path in self.platter.seen if path.parent == folder)

    def free_bytes(self, folder: Path) -> int:
        self._threads.demand_alive()
        return 0 if self._is_full() else _PLENTY_BYTES

    # How.

    def _step(self, operation: Operation, path: Path) -> Verdict | None:
        """Let time pass, and fail or die before the operation; what else is wrong with it."""
        self._threads.demand_alive()
        self.operations += 1
        verdict = self._strikes(operation, path)
        delay_ns = self.latency.ns(operation)
        if verdict == "hang":
            # Longer than a flush may take; then it goes on as if nothing had been.
            delay_ns = self._rng.randrange(11_000, 20_000) * NS_PER_MS
        self._threads.pass_time(delay_ns)
        self._threads.demand_alive()
        if verdict in {"kill_before", "cut_before"}:
            self._end(verdict)
        if verdict == "eio":
            raise OSError(errno.EIO, "the disk failed", str(path))
        if verdict == "short" and (operation != "write" or self._rng.random() < 0.5):
            raise OSError(errno.ENOSPC, "the disk is full", str(path))
        return verdict

    def _done(self, verdict: Verdict | None, *, changed: bool = True) -> None:
        if changed:
            self._looks()
        if verdict in {"kill_after", "cut_after"}:
            self._end(verdict)

    def _end(self, how: str) -> NoReturn:
        self._die(how.partition("_")[0])
        raise ProcessDied
