"""A process's turns at one tenant's lease: begun when somebody has something to decide.

All who wait in this process share one attempt. A turn lasts as long as there is something to
flush, or, when another process wishes for the lease, until what was decided by then is flushed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog

from holdfast.journal import LostLease, TurnEnd
from holdfast.ledger.leases.lease import GuardBusy, Lease, Taken
from holdfast.ledger.port import Unavailable

_log = structlog.get_logger("holdfast.ledger")

#: How often a process looks whether the lease can be had.
_POLL_S: Final = 0.001
#: How long a turn may last once another process wishes for the lease: several flushes share what
#: it costs to hand the lease over.
_TURN_S: Final = 0.01
#: How long others may be first after a turn that was ended for them.
_GAP_S: Final = 0.003
_NS_PER_S: Final = 1e9


class LeaseTimes(NamedTuple):
    """What an operator may set about leases, in ms."""

    ttl_ms: int
    renew_ms: int
    #: How long a request waits for its process's turn.
    wait_ms: int
    #: What a request that waited in vain is told.
    retry_after_ms: int


class Turns:
    """Whose turn it is, as one process sees it. Everything runs on the loop."""

    def __init__(
        self,
        lease: Lease,
        times: LeaseTimes,
        *,
        on_begin: Callable[[Taken], Awaitable[None]],
        is_drained: Callable[[], bool],
        turn_end: Callable[[], TurnEnd],
        on_lost: Callable[[], None],
        count: Callable[[str], None],
    ) -> None:
        """Take turns at a lease.

        Args:
            lease: what is taken.
            times: what the operator set.
            on_begin: makes the journal ready for this process; may raise, then there is no turn.
            is_drained: whether everything decided is durable or dropped.
            turn_end: where the journal ends, once it is drained.
            on_lost: is told that the lease was lost in the middle of a turn.
            count: counts by name.
        """
        self.lease = lease
        self._times = times
        self._on_begin = on_begin
        self._is_drained = is_drained
        self._turn_end = turn_end
        self._on_lost = on_lost
        self._count = count
        #: Whether commands may be decided now.
        self.is_on = False
        #: Whether this process holds the lease, as far as it knows.
        self.is_held = False
        #: Whether it also knows all that is in the journal.
        self.is_ready = False
        self._waiting = 0
        self._taking: asyncio.Task[Exception | None] | None = None
        self._given_back = asyncio.Event()
        self._given_back.set()
        self._began_ns = 0
        self._not_before = 0.0
        self._renewal: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None

    # Beginning.

    async def begin(self, wait_s: float | None = None) -> None:
        """Wait until it is this process's turn; what is decided then, decide at once.

        Raises:
            Unavailable: `lease_held`: it did not come in time; nothing was decided.
            JournalError: the journal could not be made ready.
        """
        loop = asyncio.get_running_loop()
        wait_s = self._times.wait_ms / 1000 if wait_s is None else wait_s
        give_up_at = loop.time() + wait_s
        self._waiting += 1
        try:
            while not self.is_on:
                if self._taking is None:
                    self._taking = loop.create_task(self._take(wait_s))
                left_s = max(0.0, give_up_at - loop.time())
                ended, _ = await asyncio.wait({self._taking}, timeout=left_s)
                failure = ended.pop().result() if ended else self.refusal()
                if failure is not None:
                    raise self.refusal() if isinstance(failure, Unavailable) else failure
        finally:
            self._waiting -= 1
            if not self._waiting:
                asyncio.get_running_loop().call_soon(self.end_if_drained)

    async def _take(self, wait_s: float) -> Exception | None:
        """Take the lease and make the journal ready; the reason where that failed."""
        try:
            taken = await self._wait_for_lease(wait_s)
            if taken is None:
                return self.refusal()
            self._hold()
            try:
                await self._on_begin(taken)
            except LostLease:
                return None
            except BaseException:
                self.give_up()
                raise
            self.is_on = self.is_ready = self.is_held
        except Exception as error:  # noqa: BLE001 - whoever waits raises it
            return error
        finally:
            self._taking = None
            asyncio.get_running_loop().call_soon(self.end_if_drained)
        return None

    async def _wait_for_lease(self, wait_s: float) -> Taken | None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + wait_s
        try:
            async with asyncio.timeout_at(give_up_at):
                await self._given_back.wait()
                if loop.time() < self._not_before:
                    await asyncio.sleep(self._not_before - loop.time())
        except TimeoutError:
            return None
        contended = False
        while (taken := self._try()) is None:
            if not contended:
                contended = True
                self._count("lockContended")
            if loop.time() >= give_up_at:
                return None
            self.lease.wish()
            await asyncio.sleep(_POLL_S)
        self._count("lockAcquired")
        if taken.is_stolen:
            self._count("lockStolen")
            _log.warning("lease of a process that did not give it back", path=str(self.lease.path))
        return taken

    def _try(self) -> Taken | None:
        try:
            return self.lease.try_take()
        except GuardBusy:
            return None

    def refusal(self) -> Unavailable:
        """Say that it is another process's turn."""
        return Unavailable(
            "lease_held",
            "Another process is writing this stock at the moment, or stands still while it does. "
            "Nothing was written; try again in a moment.",
            self._times.retry_after_ms,
        )

    def _hold(self) -> None:
        self.is_held = True
        self._given_back.clear()
        self._began_ns = self.lease.now_ns()
        self._renew_later(self._times.renew_ms / 1000)

    def close(self) -> None:
        """Try no more to take it."""
        if self._taking is not None:
            self._taking.cancel()

    # In the turn.

    def _renew_later(self, delay_s: float) -> None:
        self._renewal = asyncio.get_running_loop().call_later(delay_s, self._renew)

    def _renew(self) -> None:
        try:
            if not self.lease.renew():
                self._on_lost()
                return
        except (GuardBusy, OSError):
            self._renew_later(_POLL_S)
            return
        self._renew_later(self._times.renew_ms / 1000)

    def after_flush(self) -> None:
        """End the turn when all is flushed; decide no more when another process waits."""
        if self.is_on and self._is_overdue():
            self.is_on = False
            self._not_before = asyncio.get_running_loop().time() + _GAP_S
        self.end_if_drained()

    def _is_overdue(self) -> bool:
        lasted_s = (self.lease.now_ns() - self._began_ns) / _NS_PER_S
        return lasted_s >= _TURN_S and self.lease.is_wished_since(self._began_ns)

    # Ending.

    def end_if_drained(self) -> None:
        """Give the lease back when nothing is left to do under it."""
        if not self.is_ready or not self._is_drained():
            return
        if self.is_on and self._waiting:
            return
        self.is_on = False
        self._give_back(self._turn_end())

    def give_up(self) -> None:
        """End the turn after a failure: the next one must not rely on how this one ended."""
        if self.is_held:
            self.is_on = False
            self._give_back(None)

    def _give_back(self, end: TurnEnd | None) -> None:
        if self._retry is not None:
            self._retry.cancel()
        try:
            self.lease.give_back(end)
        except GuardBusy:
            self._retry = asyncio.get_running_loop().call_later(_POLL_S, self._give_back, end)
            return
        except OSError as error:
            # It runs out by itself, and the next process begins anew.
            _log.error("lease not given back", lease=str(self.lease.path), error=str(error))
        self.lost()

    def lost(self) -> None:
        """Count the lease as another's: it was given back, or taken away."""
        self.is_on = self.is_ready = self.is_held = False
        for timer in (self._renewal, self._retry):
            if timer is not None:
                timer.cancel()
        self._given_back.set()
