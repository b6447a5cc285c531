"""Between the event loop and a writer's thread: work goes over, outcomes come back.

Every piece of work gets exactly one outcome on the loop: the writer's, or, when its deadline
passes first, that it is overdue. Then the writer is given up, and what it reports later is
ignored.

A loop that is never idle can starve the thread of Python's global lock for seconds. CPython
forces a switch only for a thread that waited a whole `sys.getswitchinterval()` undisturbed,
while a busy loop lets go of the lock for a moment at every turn, disturbs the waiting thread,
and takes it back before that one has woken up. So while a flush takes long, the loop stands
aside for a moment now and then; without that, 64 writers beside a loop that is busy in turns
of 1 ms got 20 events a second through, and with it thousands.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from holdfast.journal.appender import Appender, Position
from holdfast.journal.disk import Disk
from holdfast.journal.errors import FlushFailed, JournalError
from holdfast.journal.frame import Cursor
from holdfast.journal.guard import GuardedDisk
from holdfast.journal.threads import OS_THREADS, Threads
from holdfast.journal.writer import Outcome, Work, Writer

HINT_UNKNOWN: Final = (
    "Whether it is on disk is unknown until the journal is writable again. "
    "Look at the space and health of the disk."
)
STAND_ASIDE_EVERY_S: Final = 0.002


class Handoff:
    """The loop's side of one writer. Its methods are called on the loop, but for `open`."""

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        make_appender: Callable[[GuardedDisk], Appender],
        *,
        deadline_s: float,
        idle_sync_s: float,
        on_idle_failure: Callable[["Handoff", JournalError], None],
        threads: Threads = OS_THREADS,
    ) -> None:
        self._folder = folder
        self._deadline_s = deadline_s
        self._on_idle_failure = on_idle_failure
        self._threads = threads
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: _Call | None = None
        self.writer = Writer(
            folder,
            disk,
            make_appender,
            idle_sync_s=idle_sync_s,
            on_idle_failure=lambda error: self._post(lambda: self._idle_failed(error)),
            threads=threads,
        )

    def open(self) -> Position:
        """Prepare the files in this thread and start the writer's. Raises DiskFault."""
        position = self.writer.begin()
        self.writer.thread.start()
        return position

    def begin(self, done: Callable[[Outcome], None]) -> None:
        """Let the writer's thread prepare the files, for a disk that may hang."""
        self._call(self.writer.begin, done)
        self.writer.thread.start()

    def flush(self, data: bytes, end: Cursor, done: Callable[[Outcome], None]) -> None:
        self._call(lambda: self.writer.flush(data, end), done)

    def seal(self, done: Callable[[Outcome], None]) -> None:
        self._call(self.writer.seal, done)

    def stop(self) -> None:
        """End the thread behind the work that it has."""
        self.writer.stop()

    def revoke(self) -> None:
        """Give the writer up. What it is at gets no outcome any more."""
        self.writer.revoke()
        # What it says from now on is for nobody; and nobody looks for rings of long-lived objects.
        self._on_idle_failure = lambda *_: None
        if self._waiting is not None:
            self._waiting.cancel_timers()
            self._waiting = None

    def _call(self, work: Work, done: Callable[[Outcome], None]) -> None:
        loop = self._loop = asyncio.get_running_loop()
        call = _Call(done, loop.call_later(self._deadline_s, self._overdue))
        call.aside = loop.call_later(STAND_ASIDE_EVERY_S, self._stand_aside, loop)
        self._waiting = call
        self.writer.submit(work, lambda outcome: self._post(lambda: self._done(call, outcome)))

    def _done(self, call: "_Call", outcome: Outcome) -> None:
        if call is self._waiting:
            call.cancel_timers()
            self._waiting = None
            call.done(outcome)

    def _stand_aside(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting is not None:
            self._threads.stand_aside()
            self._waiting.aside = loop.call_later(STAND_ASIDE_EVERY_S, self._stand_aside, loop)

    def _overdue(self) -> None:
        call = self._waiting
        if call is not None:
            self.revoke()
            cause = f"it takes longer than {self._deadline_s} s"
            call.done(FlushFailed("flush", self._folder, cause=cause, hint=HINT_UNKNOWN))

    def _idle_failed(self, error: JournalError) -> None:
        self._on_idle_failure(self, error)

    def _post(self, call: Callable[[], None]) -> None:
        """Run it on the loop; from the thread. A loop that is closed has nobody to tell."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call)


class _Call:
    """Work that the writer has, and the timers that run meanwhile."""

    __slots__ = ("aside", "deadline", "done")

    def __init__(self, done: Callable[[Outcome], None], deadline: asyncio.TimerHandle) -> None:
        self.done = done
        self.deadline = deadline
        self.aside = deadline

    def cancel_timers(self) -> None:
        self.deadline.cancel()
        self.aside.cancel()
