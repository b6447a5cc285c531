"""Time that stands still until a test moves it, for clocks and for the event loop alike.

An event loop here never waits for a timer: it waits for a thread (a flush, a checkpoint) and
runs timers when the test has moved the clock past them. So a test of deadlines takes no time,
and what it does is the same on every machine.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: An instant as good as any: 2026-11-20T08:00:00.000Z.
START_MS: Final = 1_795_161_600_000
#: How long the loop may wait for a thread, in real seconds, before the test has failed.
STUCK_S: Final = 10.0
_NS_PER_MS: Final = 1_000_000


class VirtualClock:
    """Both clocks of a machine; the wall clock may be set apart from the other one."""

    def __init__(self, wall_ms: int = START_MS) -> None:
        self._wall_ms = wall_ms
        self._monotonic_ms = 1_000

    def wall_ms(self) -> int:
        return self._wall_ms

    def monotonic_ns(self) -> int:
        return self._monotonic_ms * _NS_PER_MS

    def advance(self, ms: int) -> None:
        """Let time pass."""
        self._wall_ms += ms
        self._monotonic_ms += ms

    def set_wall(self, wall_ms: int) -> None:
        """Set the wall clock, as an operator or a time server does."""
        self._wall_ms = wall_ms


class _Patient(selectors.DefaultSelector):
    """Waits for threads only: the time until a timer does not pass by itself."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        found = super().select(STUCK_S)
        if not found:
            raise TimeoutError(f"nothing happened for {STUCK_S} s of real time")
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers follow a `VirtualClock`."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Patient())
        self._clock = clock

    def time(self) -> float:
        # Rounded to whole ms, so that a timer for an instant is due at that instant.
        return self._clock.monotonic_ns() // _NS_PER_MS / 1000


def live(clock: VirtualClock, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a scenario from its beginning to its end on a virtual loop."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main())


async def settle(turns: int = 20) -> None:
    """Let everything run that can run without time passing and without a thread."""
    for _ in range(turns):
        await asyncio.sleep(0)
