"""Ledgers that share a folder as processes do, in one process: each with a name, and none alone.

The kernel's locks belong to open files, so they part these as they part processes. One machine
has one monotonic clock, which a test moves on to let a lease run out.
"""

import asyncio
import threading
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Final

from holdfast.domain.records import Outcome
from holdfast.journal import Frame, OsDisk, create, recover
from holdfast.journal.faulty_disk import FaultyDisk
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.codec import decode_event
from holdfast.ledger.file_ledger import LedgerConfig
from holdfast.ledger.leases.lease import Lease
from holdfast.ledger.leases.peers import Peer
from holdfast.ledger.leases.shared_ledger import SharedLedger
from holdfast.ledger.leases.sharing import SharedFolder
from holdfast.ledger.leases.turns import LeaseTimes
from holdfast.ledger.opening import Loaded, load_tenant
from tests.support.steps import Step, command_of

TENANT: Final = "default"
#: Shorter than keys are remembered.
TTL_MS: Final = 20_000
WAIT_MS: Final = 1_500
TIMES: Final = LeaseTimes(TTL_MS, TTL_MS // 2, WAIT_MS, 300)
RETENTION_MS: Final = 3_600_000
_NS_PER_MS: Final = 1_000_000
_WAIT_S: Final = 20.0


class Machine:
    """The clocks of the machine on which they all run; each may be moved."""

    def __init__(self) -> None:
        self.passed_ms = 0
        self.wall_offset_ms = 0

    def monotonic_ns(self) -> int:
        return time.monotonic_ns() + self.passed_ms * _NS_PER_MS

    def wall_ms(self) -> int:
        return time.time_ns() // _NS_PER_MS + self.passed_ms + self.wall_offset_ms


class HeldDisk(FaultyDisk):
    """A disk on which a process stands still in front of a write to a segment, or behind its sync."""

    def __init__(self) -> None:
        super().__init__()
        self._gate: tuple[str, threading.Event, threading.Event] | None = None

    def hold(self, where: str) -> None:
        """Stand still at the next such place: `write` or `synced`."""
        self._gate = (where, threading.Event(), threading.Event())

    def wait_until_held(self) -> None:
        assert self._gate is not None
        assert self._gate[1].wait(_WAIT_S), "nothing came to be held"

    def let_go(self) -> None:
        if self._gate is not None:
            self._gate[2].set()

    def pwrite(self, handle: int, data: bytes, offset: int) -> int:
        self._pass("write", handle)
        return super().pwrite(handle, data, offset)

    def fdatasync(self, handle: int) -> None:
        super().fdatasync(handle)
        self._pass("synced", handle)

    def _pass(self, where: str, handle: int) -> None:
        gate = self._gate
        if gate is None or gate[0] != where or gate[1].is_set():
            return
        if Path(f"/proc/self/fd/{handle}").readlink().suffix == ".log":
            gate[1].set()
            assert gate[2].wait(_WAIT_S), "nobody let it go"


class Sharer:
    """One process: a ledger, its lease and its disk, and what it counted."""

    def __init__(self, ledger: SharedLedger, lease: Lease, disk: HeldDisk, peer: Peer) -> None:
        self.ledger = ledger
        self.lease = lease
        self.disk = disk
        self.peer = peer
        self.counted: Counter[str] = Counter()

    async def ask(self, asked: Step) -> Outcome:
        return await self.ledger.execute(command_of(asked, retention_ms=RETENTION_MS))


class Sharers:
    """A folder, and the processes that share it."""

    def __init__(self, root: Path, ttl_ms: int = TTL_MS) -> None:
        self.root = root
        self.folder = root / "tenants" / TENANT
        self.lock_dir = root / "locks"
        self.machine = Machine()
        self.times = TIMES._replace(ttl_ms=ttl_ms, renew_ms=ttl_ms // 2)
        self.started: list[Sharer] = []
        self._ids = count(1)
        create(self.folder / "journal", TENANT, OsDisk())

    @property
    def lease_file(self) -> Path:
        return self.lock_dir / "tenants" / f"{TENANT}.lease"

    async def start(self, name: str) -> Sharer:
        """Start a process; it has had its first turn when this returns."""
        disk, peer = HeldDisk(), Peer(self.lock_dir, name)
        shared = SharedFolder(self.root, self.lock_dir, peer, self.times, self.machine.monotonic_ns)

        def load() -> Loaded:
            with shared.alone(self.folder):
                return load_tenant(self.folder, TENANT, disk)

        loaded = await asyncio.to_thread(load)
        counted: Counter[str] = Counter()

        def note(what: str) -> None:
            counted[what] += 1

        ledger = SharedLedger(
            self.folder,
            loaded,
            disk=disk,
            clock=self.machine,
            new_id=lambda: f"{name}-{next(self._ids)}",
            config=LedgerConfig(RETENTION_MS, 50, CheckpointEvery(3600, 1 << 30)),
            sharing=shared.sharing(self.folder),
            count=note,
        )
        await ledger.start()
        sharer = Sharer(ledger, shared.sharing(self.folder).lease, disk, peer)
        sharer.counted = counted
        self.started.append(sharer)
        return sharer

    async def close(self) -> None:
        for each in list(self.started):
            await self.end(each)

    async def end(self, sharer: Sharer) -> None:
        """End a process in good order."""
        self.started.remove(sharer)
        sharer.disk.let_go()
        await sharer.ledger.close()
        sharer.peer.leave()

    def keys_in_the_log(self) -> Counter[str]:
        """How often each idempotency key is in the journal, as a start would read it."""
        events = (decode_event(json) for json in self.log())
        return Counter("" if event.key is None else event.key.key for event in events)

    def log(self) -> list[bytes]:
        """Every event, as a start would read it."""
        frames: list[Frame] = []
        recover(self.folder / "journal", TENANT, OsDisk(), frames.append)
        return [frame.json for frame in frames]

    def events_of(self, type_: str) -> int:
        """How many events of a type the log has."""
        return sum(decode_event(json).type == type_ for json in self.log())
