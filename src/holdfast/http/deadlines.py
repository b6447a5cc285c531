"""One timer for everything that may take only so long.

A timer for each request costs more than reading its body. As all of them get the same time, those
that began first are due first: the order in which they began is a queue. One timer runs to the
front of it, and whoever is done in time just leaves the queue. The timer stays set meanwhile; when
it fires it looks who is at the front by then. A server at full work so sets a few timers a minute.
"""

import asyncio
from typing import Any, Final

Waiting = asyncio.Task[Any]

#: In place of the deadline of one that missed it.
_MISSED: Final = -1.0


class Deadlines:
    """Cancels tasks that are not done in time. It belongs to one event loop."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._due: dict[Waiting, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> Waiting:
        """Put the current task under a deadline; `end` it in any case."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can have a deadline")
        loop = task.get_loop()
        self._due[task] = loop.time() + self.timeout_s
        if self._timer is None:
            self._timer = loop.call_later(self.timeout_s, self._sweep, loop)
        return task

    def is_overdue(self, task: Waiting) -> bool:
        """Whether the task was cancelled from here; then `uncancel` it."""
        return self._due[task] == _MISSED

    def end(self, task: Waiting) -> None:
        """The task is done, in time or not."""
        del self._due[task]

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for task, due in self._due.items():
            if due > now:
                self._timer = loop.call_at(due, self._sweep, loop)
                return
            # One that somebody else has cancelled is on its way out already.
            if due != _MISSED and not task.cancelling():
                self._due[task] = _MISSED
                task.cancel()
