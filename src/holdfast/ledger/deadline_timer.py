"""The timer that writes deadlines when they come, set for the earliest one: nothing is polled."""

import asyncio
from collections.abc import Callable

from holdfast.ledger.clock import TenantClock
from holdfast.ledger.deadlines import Deadlines


class DeadlineTimer:
    """Calls `on_due` when the earliest deadline comes."""

    def __init__(
        self, deadlines: Deadlines, clock: TenantClock, on_due: Callable[[], None]
    ) -> None:
        self._deadlines = deadlines
        self._clock = clock
        self._on_due = on_due
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = 0

    def arm(self) -> None:
        """Look at the earliest deadline again; call this whenever one may have been set."""
        earliest = self._deadlines.earliest
        if earliest is None:
            self.cancel()
            return
        if self._handle is not None:
            if self._armed_for == earliest:
                return
            self._handle.cancel()
        delay_ms = max(0, earliest - self._clock.now())
        self._armed_for = earliest
        self._handle = asyncio.get_running_loop().call_later(delay_ms / 1000, self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._on_due()

    def cancel(self) -> None:
        """Wait for nothing."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
