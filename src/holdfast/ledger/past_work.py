"""The threads in which the past is worked out, and what keeps them from being felt.

CPython's global lock is shared with the event loop. A thread that works on holds it for 5 ms at a
time, and each request would wait as long. So the work stands aside after every half millisecond,
for as long again: then the loop waits for less than a slice.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from holdfast.ledger.port import Unavailable
from holdfast.resilience.admission import Bulkhead, Overloaded

T = TypeVar("T")

#: Searches at work at once, in the whole process, and those that wait for a place.
PLACES: Final = 2
QUEUE_MAX: Final = 8
#: How long one waits for a place, and how long it may work.
WAIT_S: Final = 2.0
WORK_S: Final = 10.0
SLICE_S: Final = 0.0005
#: When it is worth asking again for what took too long: others may be done by then.
_RETRY_MS: Final = 5000


class Budget:
    """What one search may spend. Its methods are called in the search's thread, but for `stop`."""

    def __init__(self, seconds: float = WORK_S) -> None:
        now = time.perf_counter()
        self._ends = now + seconds
        self._slice_ends = now + SLICE_S

    def stop(self) -> None:
        """End the search at its next step: nobody waits for it any more."""
        self._ends = 0.0

    def step(self) -> None:
        """Stand aside when a slice is over; call it often.

        Raises:
            Unavailable: the time is up.
        """
        now = time.perf_counter()
        if now < self._slice_ends:
            return
        if now > self._ends:
            raise Unavailable(
                "overloaded",
                "To look that far back takes too long here; ask for a single SKU or a later time.",
                _RETRY_MS,
            )
        time.sleep(SLICE_S)
        self._slice_ends = time.perf_counter() + SLICE_S

    def spend(self, _size_bytes: int) -> None:
        """Take a step before so much is read."""
        self.step()


class PastWork:
    """A few threads for all tenants, apart from those that the journals need."""

    def __init__(self) -> None:
        self._bulkhead = Bulkhead(PLACES, QUEUE_MAX)
        self._threads = ThreadPoolExecutor(PLACES, thread_name_prefix="past")

    async def run(self, work: Callable[[Budget], T]) -> T:
        """Have it done in a thread.

        Raises:
            Overloaded: no place became free in time.
        """
        # A request may be answered outside any task, and a timeout needs one.
        return await asyncio.get_running_loop().create_task(self._run(work))

    async def _run(self, work: Callable[[Budget], T]) -> T:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._bulkhead.enter()
        except TimeoutError:
            raise Overloaded from None
        budget = Budget()
        try:
            # Begun, it is always waited for: its place must not be given away while it works.
            working = asyncio.get_running_loop().run_in_executor(self._threads, work, budget)
            try:
                return await asyncio.shield(working)
            except asyncio.CancelledError:
                budget.stop()
                await asyncio.wait([working])
                raise
        finally:
            self._bulkhead.leave()
