"""One process's part in a folder that several serve: its name, its leases, its maintenance."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.journal import OpenFailed
from holdfast.ledger.leases.lease import GuardBusy, Lease, Taken
from holdfast.ledger.leases.peers import KernelLock, Peer
from holdfast.ledger.leases.turns import LeaseTimes

_NS_PER_MS: Final = 1_000_000
#: How long a folder may take to be read, and how long another process waits for that.
_ALONE_S: Final = 60
_PAUSE_S: Final = 0.002
_HINT: Final = "See which process stands still, then start again"


class Sharing(NamedTuple):
    """What a ledger shares with the other processes."""

    lease: Lease
    #: Who holds it saves checkpoints and archives.
    maintenance: KernelLock
    times: LeaseTimes


class SharedFolder:
    """The leases of one DATA_DIR, as this process has them."""

    def __init__(
        self,
        data_dir: Path,
        lock_dir: Path,
        peer: Peer,
        times: LeaseTimes,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._data_dir = data_dir
        self._lock_dir = lock_dir
        self._peer = peer
        self._times = times
        self._now_ns = now_ns
        self._shared: dict[Path, Sharing] = {}

    def sharing(self, folder: Path) -> Sharing:
        """Return what a ledger in this folder shares; again the same."""
        if folder not in self._shared:
            name = folder.relative_to(self._data_dir).as_posix()
            ttl_ns = self._times.ttl_ms * _NS_PER_MS
            lease = Lease(self._lock_dir / f"{name}.lease", self._peer, ttl_ns, self._now_ns)
            maintenance = KernelLock(self._lock_dir / f"{name}.maintenance")
            self._shared[folder] = Sharing(lease, maintenance, self._times)
        return self._shared[folder]

    def has_others(self) -> bool:
        """Tell whether any other process serves the folder now. Blocks."""
        return self._peer.has_others()

    @contextmanager
    def alone(self, folder: Path) -> Iterator[None]:
        """Hold a folder's lease while its files are made and read. Blocks.

        Raises:
            OpenFailed: another process has it all the time.
        """
        lease = self.sharing(folder).lease
        taken = _take(lease)
        try:
            yield
        finally:
            _give_back(lease, taken)


def _take(lease: Lease) -> Taken:
    give_up_at = time.monotonic() + _ALONE_S
    while (taken := _try(lease)) is None:
        if time.monotonic() > give_up_at:
            cause = "another process has it all the time"
            raise OpenFailed("take the lease", lease.path, cause=cause, hint=_HINT)
        lease.wish()
        time.sleep(_PAUSE_S)
    return taken


def _try(lease: Lease) -> Taken | None:
    try:
        return lease.try_take(_ALONE_S * 10**9)
    except GuardBusy:
        return None
    except OSError as error:
        hint = "Set LOCK_DIR to a folder that can be written"
        raise OpenFailed("take the lease", lease.path, cause=str(error), hint=hint) from error


def _give_back(lease: Lease, taken: Taken) -> None:
    """Leave it as it was found: nothing was written."""
    while True:
        try:
            lease.give_back(taken.end)
        except GuardBusy:
            time.sleep(_PAUSE_S)
        else:
            return
