"""Long work in short slices, so that other requests are served meanwhile."""

import asyncio
from time import perf_counter
from typing import Final

#: How long one request may keep the loop to itself.
SLICE_S: Final = 0.002


class Slices:
    """Measures a slice; ask `over` often, and `pause` when it says so."""

    def __init__(self) -> None:
        self._ends = perf_counter() + SLICE_S

    @property
    def over(self) -> bool:
        """Whether it is time to let others run."""
        return perf_counter() > self._ends

    async def pause(self) -> None:
        """Let others run, and begin the next slice."""
        await asyncio.sleep(0)
        self._ends = perf_counter() + SLICE_S
