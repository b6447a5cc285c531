"""The tenant's one clock: decisions, reads and timers share it, and it never goes back."""

import time
from typing import Protocol

NS_PER_MS = 1_000_000


class Clock(Protocol):
    """Where time comes from; tests inject one that stands still."""

    def wall_ms(self) -> int:
        """Return milliseconds since 1970-01-01T00:00:00Z; it may jump."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds since some instant; it never goes back."""


class SystemClock:
    """The machine's clocks."""

    def wall_ms(self) -> int:
        return time.time_ns() // NS_PER_MS

    monotonic_ns = staticmethod(time.monotonic_ns)


class TenantClock:
    """The wall clock, held from going back behind the newest event or behind its own past.

    After a start on a machine whose wall clock is behind, time goes on from the last event's `ts`
    at the pace of the monotonic clock, so that no deadline comes twice and none is lost.
    """

    def __init__(self, clock: Clock, last_ts: int) -> None:
        self._clock = clock
        self._base_ms = last_ts
        self._base_ns = clock.monotonic_ns()

    def now(self) -> int:
        """Return the tenant's time, in ms."""
        elapsed_ns = self._clock.monotonic_ns() - self._base_ns
        carried_ms = self._base_ms + elapsed_ns // NS_PER_MS
        wall_ms = self._clock.wall_ms()
        if wall_ms <= carried_ms:
            return carried_ms
        self._base_ms = wall_ms
        self._base_ns += elapsed_ns
        return wall_ms

    def not_before(self, ts: int) -> None:
        """Go on from `ts`, in ms, if that is later than now: another process wrote it."""
        now = self.now()
        if ts > now:
            self._base_ms += ts - now
