"""The disk of the operating system with a dial: it fails, stalls or kills where it is told to.

It is what a drill on a running service turns, and is put in the place of `OsDisk` only where the
operator asked for it (`FAULTS=on`). Faults are counted and struck in whichever thread works with
the disk; the process itself is the only thing that they can harm beyond what a bad disk can.
"""

import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from holdfast.journal.disk import OpenMode, OsDisk

Operation = Literal["open", "write", "fdatasync", "fsync", "rename"]
FaultAction = Literal["eio", "enospc", "short", "delay", "kill_before", "kill_after"]
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)
_ERRORS: Final[dict[FaultAction | None, int]] = {"eio": errno.EIO, "enospc": errno.ENOSPC}
_MS_PER_S: Final = 1000


@dataclass(slots=True)
class FaultRule:
    """What happens to calls of one operation: `after_calls` pass, then it strikes `times`.

    `times` of None is until it is taken away. `delay_ms` belongs to `delay`. `calls` and `struck`
    count from when it was set.
    """

    op: Operation
    action: FaultAction
    after_calls: int = 0
    times: int | None = 1
    delay_ms: int = 0
    calls: int = 0
    struck: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether it will never strike again."""
        return self.times is not None and self.struck >= self.times

    def strikes(self) -> bool:
        """Count one call, and tell whether it is struck."""
        self.calls += 1
        if self.calls <= self.after_calls or self.is_spent:
            return False
        self.struck += 1
        return True


class FaultyDisk(OsDisk):
    """Real files, until a rule says otherwise. Every rule counts a call; the first that strikes decides it."""

    def __init__(
        self, kill: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGKILL)
    ) -> None:
        """Make a disk without any fault.

        Args:
            kill: ends the process at once, as `kill -9` does.
        """
        self._kill = kill
        self._lock = threading.Lock()
        self._rules: tuple[FaultRule, ...] = ()
        self._calls: dict[Operation, int] = dict.fromkeys(OPERATIONS, 0)

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The rules that are set, with what they did."""
        return self._rules

    @property
    def calls(self) -> dict[Operation, int]:
        """How often each operation was called since the start of the process."""
        return dict(self._calls)

    def set_rules(self, rules: Iterable[FaultRule]) -> None:
        """Put these rules in the place of all others."""
        with self._lock:
            self._rules = tuple(rules)

    # The port.

    def open(self, path: Path, mode: OpenMode) -> int:
        with self._struck("open"):
            return super().open(path, mode)

    def write(self, handle: int, data: bytes) -> int:
        with self._struck("write") as action:
            return super().write(handle, _taken(data, action))

    def pwrite(self, handle: int, data: bytes, offset: int) -> int:
        with self._struck("write") as action:
            return super().pwrite(handle, _taken(data, action), offset)

    def fdatasync(self, handle: int) -> None:
        with self._struck("fdatasync"):
            super().fdatasync(handle)

    def fsync(self, handle: int) -> None:
        with self._struck("fsync"):
            super().fsync(handle)

    def fsync_folder(self, folder: Path) -> None:
        with self._struck("fsync"):
            super().fsync_folder(folder)

    def rename(self, source: Path, target: Path) -> None:
        with self._struck("rename"):
            super().rename(source, target)

    def free_bytes(self, folder: Path) -> int:
        """None are left on a disk that is full for good."""
        is_full = any(each.action == "enospc" and each.times is None for each in self._rules)
        return 0 if is_full else super().free_bytes(folder)

    # How.

    @contextmanager
    def _struck(self, op: Operation) -> Iterator[FaultAction | None]:
        """Do what a rule says before and after a call; what is left to the call is given to it."""
        rule = self._rule_for(op)
        action = None if rule is None else rule.action
        if action in _ERRORS:
            number = _ERRORS[action]
            raise OSError(number, f"{os.strerror(number)} (a fault that was set)")
        if action == "kill_before":
            self._kill()
        if action == "delay" and rule is not None:
            time.sleep(rule.delay_ms / _MS_PER_S)
        yield action
        if action == "kill_after":
            self._kill()

    def _rule_for(self, op: Operation) -> FaultRule | None:
        with self._lock:
            self._calls[op] += 1
            striking = [rule for rule in self._rules if rule.op == op and rule.strikes()]
        return striking[0] if striking else None


def _taken(data: bytes, action: FaultAction | None) -> bytes:
    return data[: len(data) // 2] if action == "short" else data
