"""A disk whose flushes a test holds in its hand: it lets each go on, or fails it.

Built on the simulated disk of the journal's own tests, which forgets what was not synced and
fails the Nth operation.
"""

import errno
import threading
from collections import deque
from pathlib import Path
from typing import Final, Literal

from tests.unit.journal.simulated_disk import SimulatedDisk

Step = Literal["write", "fdatasync"]
_WAIT_S: Final = 10.0


class _Gate:
    """One operation that is, or will be, held."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.arrived = threading.Event()
        self.verdict = threading.Event()
        self.fails = False


class GatedDisk(SimulatedDisk):
    """Besides what the simulated disk does, holds or fails writes of the journal's segments."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.broken: set[Step] = set()
        self._gates: deque[_Gate] = deque()

    def hold(self, step: Step = "fdatasync") -> None:
        """Stop the next such operation on a segment, until `let_go` says how it ends."""
        self._gates.append(_Gate(step))

    def wait_until_held(self) -> None:
        """Block until the operation that was last to be held has come; call it off the loop."""
        if not self._gates[-1].arrived.wait(_WAIT_S):
            raise TimeoutError("no flush came to be held")

    def let_go(self, *, fails: bool = False) -> None:
        """End the operation that has been held longest, if any: well, or with an error."""
        if self._gates:
            gate = self._gates.popleft()
            gate.fails = fails
            gate.verdict.set()

    def let_all_go(self, *, fails: bool = False) -> None:
        while self._gates:
            self.let_go(fails=fails)

    def write(self, handle: int, data: bytes) -> int:
        self._pass_gate("write", handle)
        return super().write(handle, data)

    def fdatasync(self, handle: int) -> None:
        self._pass_gate("fdatasync", handle)
        super().fdatasync(handle)

    def _pass_gate(self, step: Step, handle: int) -> None:
        # A segment that has its name is still known here by the temporary one it was born with.
        if ".log" not in self.handles[handle][1].name:
            return
        gate = next((each for each in self._gates if not each.arrived.is_set()), None)
        if gate is not None and gate.step == step:
            gate.arrived.set()
            gate.verdict.wait(_WAIT_S)
            if gate.fails:
                self._fail(step, handle)
        if step in self.broken:
            self._fail(step, handle)

    def _fail(self, step: Step, handle: int) -> None:
        inode, path = self.handles[handle]
        if step == "fdatasync":
            inode.lose(self.random)
        raise OSError(errno.EIO, "the disk failed", str(path))


def found_by_the_next_process(disk: SimulatedDisk, *, power_cut: bool = False) -> GatedDisk:
    """A sound disk with what a new process would find on this one."""
    left = disk.power_cut() if power_cut else disk.killed_process()
    found = GatedDisk(left.random.randrange(2**32))
    found.names, found.durable_names = left.names, left.durable_names
    found.pending_names = left.pending_names
    return found


def without(disk: SimulatedDisk, folder: Path) -> SimulatedDisk:
    """The same disk as readers would find it with one folder missing."""
    seen = SimulatedDisk()
    seen.names = {
        path: inode for path, inode in disk.names.items() if not path.is_relative_to(folder)
    }
    return seen
