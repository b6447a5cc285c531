"""One tenant's lease: a file, the guard on it, and what this process knows of it.

Everything here blocks for a few system calls at most, unless it says that it waits. The loop and
the journal's thread both call it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import portalocker

from holdfast.journal import LostLease, TurnEnd
from holdfast.ledger.leases.peers import Peer
from holdfast.ledger.leases.record import (
    RECORD_BYTES,
    WISH_BYTES,
    LeaseRecord,
    decode_record,
    decode_wish,
    encode_record,
    encode_wish,
)

#: The longest time that a lease is held without being renewed.
TTL_NS_MAX: Final = 600 * 10**9
#: How often, and how far apart, a record that is being changed this instant is read again.
_TORN_TRIES: Final = 5
_PAUSE_S: Final = 0.0002


class GuardBusy(Exception):
    """Another process is changing the lease, or stands still while it does."""


class Taken(NamedTuple):
    """How the lease came to this process."""

    #: Where the turn before ended in good order; None: nobody knows, so begin anew.
    end: TurnEnd | None
    #: Whether the turn before was this process's own, so that there is nothing to catch up with.
    is_mine_again: bool
    #: Whether another process had not given it back.
    is_stolen: bool


class Lease:
    """The right to write one tenant's journal, as this process sees it; a `Fence`."""

    def __init__(
        self, path: Path, peer: Peer, ttl_ns: int, now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """Look after the lease whose file is `path`.

        Args:
            path: the file; it is made when it is missing.
            peer: this process.
            ttl_ns: how long it is held without being renewed.
            now_ns: the machine's monotonic clock, the same in all processes.
        """
        self.path = path
        self.owner_id = peer.owner_id
        self._peer = peer
        self._ttl_ns = ttl_ns
        self.now_ns = now_ns
        #: The newest token that this process had.
        self._token = 0
        #: The token of a turn that was given up because the guard was not to be had.
        self._given_up = 0
        self._handle: int | None = None
        # The kernel's lock belongs to the open file, which all threads of this process share.
        self._threads = threading.Lock()

    # The guard.

    @contextmanager
    def _guarded(self) -> Iterator[int]:
        """Hold the guard; the handle of the file. Raises GuardBusy at once, OSError."""
        if not self._threads.acquire(blocking=False):
            raise GuardBusy
        try:
            handle = self._locked()
            try:
                yield handle
            finally:
                portalocker.unlock(handle)
        finally:
            self._threads.release()

    def _locked(self) -> int:
        handle = self._handle
        while True:
            if handle is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                handle = self._handle = os.open(
                    self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640
                )
            try:
                portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
            except portalocker.exceptions.LockException as busy:
                raise GuardBusy from busy
            if _is_at(handle, self.path):
                return handle
            # Somebody removed the file: a lock on what has no name keeps nobody out.
            os.close(handle)
            handle = self._handle = None

    @contextmanager
    def _guarded_soon(self) -> Iterator[int]:
        """Hold the guard, and wait for it as long as a lease lasts. Raises LostLease."""
        give_up_ns = time.monotonic_ns() + self._ttl_ns
        while True:
            try:
                with self._guarded() as handle:
                    yield handle
                    return
            except GuardBusy:
                if time.monotonic_ns() > give_up_ns:
                    # Nothing of this turn may go on: whoever stands there may be taking the lease.
                    self._given_up = self._token
                    raise LostLease(
                        f"a process stands still while it changes {self.path}"
                    ) from None
            time.sleep(_PAUSE_S)

    # Taking it and giving it back.

    def try_take(self, ttl_ns: int | None = None) -> Taken | None:
        """Take the lease if it is free, past its deadline, or a dead process's; None: it is not.

        Raises:
            GuardBusy: it is being changed this instant.
            OSError: the file cannot be used.
        """
        with self._guarded() as handle:
            record = _read(handle)
            held = record is not None and record.state == "held"
            if record is not None and held and not self._may_rob(record):
                return None
            token = max(self._token, 0 if record is None else record.token) + 1
            is_mine_again = record is not None and self._is_own(record)
            self._token = token
            deadline_ns = self.now_ns() + (ttl_ns or self._ttl_ns)
            mine = LeaseRecord(token, self.owner_id, "held", deadline_ns, TurnEnd(0, 0))
            os.pwrite(handle, encode_record(mine), 0)
        is_stolen = record is not None and held and record.owner_id != self.owner_id
        if record is not None and is_stolen:
            self._peer.forget(record.owner_id)
        end = record.end if record is not None and record.state == "free" else None
        return Taken(end, is_mine_again and end is not None, is_stolen)

    def _may_rob(self, record: LeaseRecord) -> bool:
        if record.owner_id == self.owner_id:
            return True  # This process lost count of it: nothing goes on under it.
        left_ns = record.deadline_ns - self.now_ns()
        # The clock begins anew when the machine does: such a deadline may look far away.
        return not 0 < left_ns <= TTL_NS_MAX or self._peer.is_dead(record.owner_id)

    def renew(self) -> bool:
        """Move the deadline; False when the lease was lost. Raises GuardBusy, OSError."""
        with self._guarded() as handle:
            record = _read(handle)
            if record is None or not self._holds(record):
                return False
            renewed = record._replace(deadline_ns=self.now_ns() + self._ttl_ns)
            os.pwrite(handle, encode_record(renewed), 0)
            return True

    def give_back(self, end: TurnEnd | None) -> None:
        """Let others have it. `end` is where the journal ended in good order; None after a failure.

        Does nothing when the lease was lost. Raises GuardBusy, OSError.
        """
        with self._guarded() as handle:
            record = _read(handle)
            if record is not None and self._holds(record):
                state = record._replace(
                    state="broken" if end is None else "free",
                    deadline_ns=0,
                    end=end or TurnEnd(0, 0),
                )
                os.pwrite(handle, encode_record(state), 0)

    # What a turn rests on.

    def is_mine(self) -> bool:
        """Tell whether the lease is still this process's, by the file that has its name now."""
        for _ in range(_TORN_TRIES):
            try:
                handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return False
            try:
                record = _read(handle)
            except OSError:
                return False
            finally:
                os.close(handle)
            if record is not None:
                return self._holds(record)
            time.sleep(_PAUSE_S)
        return False

    def demand(self) -> None:
        """Raise LostLease unless the lease is this process's."""
        if not self.is_mine():
            raise LostLease("this process lost its lease while it stood still")

    @contextmanager
    def held_fast(self) -> Iterator[None]:
        """Keep others from taking the lease meanwhile; waits for the guard. Raises LostLease."""
        with self._guarded_soon() as handle:
            record = _read(handle)
            if record is None or not self._holds(record):
                raise LostLease("this process lost its lease while it stood still")
            yield

    def _is_own(self, record: LeaseRecord) -> bool:
        return (record.owner_id, record.token) == (self.owner_id, self._token)

    def _holds(self, record: LeaseRecord) -> bool:
        return record.state == "held" and self._is_own(record) and self._token != self._given_up

    # Wishes.

    def wish(self) -> None:
        """Ask whoever holds the lease to end the turn soon."""
        with self._open_file() as handle:
            if handle is not None:
                os.pwrite(handle, encode_wish(self.now_ns()), RECORD_BYTES)

    def is_wished_since(self, since_ns: int) -> bool:
        """Tell whether somebody asked for it since."""
        with self._open_file() as handle:
            if handle is None:
                return False
            return decode_wish(os.pread(handle, WISH_BYTES, RECORD_BYTES)) >= since_ns

    @contextmanager
    def _open_file(self) -> Iterator[int | None]:
        """The handle, as long as no other thread may close it; None where it is not to be had."""
        if not self._threads.acquire(blocking=False):
            yield None
            return
        try:
            yield self._handle
        finally:
            self._threads.release()

    def close(self) -> None:
        """Let the file go."""
        with self._threads:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None


def _read(handle: int) -> LeaseRecord | None:
    return decode_record(os.pread(handle, RECORD_BYTES, 0))


def _is_at(handle: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)
