"""Whether the disk has room for more: refusing comes before the last write that fails.

A disk that is full to the brim cannot even take the checkpoint that would let an operator make
room. So writing stops while a reserve is left. Deadlines, checkpoints and segments may use it.
One look a second, and only while something is written or room is waited for, costs nothing.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from holdfast.journal import Disk

_log = structlog.get_logger("holdfast.ledger")

LOOK_EVERY_S: Final = 1.0
#: Room counts as back with this part of the reserve above it, so that it is not gone at once.
_SPARE_PART: Final = 8
_MIB: Final = 1 << 20


class DiskSpace:
    """Looks after the free space of one folder's file system."""

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        reserve_bytes: int,
        on_change: Callable[[str | None], None],
    ) -> None:
        """Begin with enough room; `look` tells more.

        Args:
            folder: any folder on the disk that matters; it is there.
            disk: who is asked.
            reserve_bytes: what has to stay free.
            on_change: is told why nothing may be written, or None when that is over.
        """
        self._folder = folder
        self._disk = disk
        self._reserve_bytes = reserve_bytes
        self._on_change = on_change
        self._is_low = False
        self._next: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self._closed = False

    def after_flush(self) -> None:
        """Look again in a while; call it after something was written."""
        if self._next is None and self._reserve_bytes:
            self._look_later()

    def _look_later(self) -> None:
        if not self._closed:
            self._next = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._start)

    def _start(self) -> None:
        self._next = asyncio.get_running_loop().create_task(self.look())

    async def look(self) -> None:
        """Ask the disk how much is free, and tell when that changes what may be done."""
        if not self._reserve_bytes:
            return
        try:
            free = await asyncio.to_thread(self._disk.free_bytes, self._folder)
        except OSError as error:
            # A disk that fails shows at the next write; nothing is concluded from this.
            _log.warning("free space is not known", folder=str(self._folder), error=str(error))
        else:
            self._note(free)
        self._next = None
        if self._is_low:
            self._look_later()

    def _note(self, free: int) -> None:
        enough = self._reserve_bytes + self._is_low * self._reserve_bytes // _SPARE_PART
        if (free < enough) == self._is_low:
            return
        self._is_low = not self._is_low
        if self._is_low:
            _log.error(
                "disk nearly full, commands are refused", tenant=self._folder.name, free_bytes=free
            )
            self._on_change(
                f"The disk is nearly full: {free // _MIB} MiB are free, and the last "
                f"{self._reserve_bytes // _MIB} MiB are kept back. The stock can be read but not "
                "changed until there is room; nothing was written."
            )
        else:
            _log.warning("disk has room again", tenant=self._folder.name, free_bytes=free)
            self._on_change(None)

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        if self._next is not None:
            self._next.cancel()
