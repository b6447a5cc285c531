"""The writer: the thread that an appender lives in.

It ends at its first failure, because nothing may be written after one. It closes its own
handles: if someone else closed those of a hung thread, their numbers could be given to other
files, and the thread would write into them when it wakes.
"""

from collections.abc import Callable
from pathlib import Path
from queue import Empty
from time import perf_counter
from typing import Final, NamedTuple

from holdfast.journal.appender import Appender, Position
from holdfast.journal.disk import Disk
from holdfast.journal.errors import FlushFailed, JournalError, ReopenFailed
from holdfast.journal.frame import Cursor
from holdfast.journal.guard import DiskFault, GuardedDisk
from holdfast.journal.threads import OS_THREADS, Queue, Threads

_BUG: Final = "This is a defect of the program, please report it"


class Done(NamedTuple):
    """A job's result: the durable end after it, and how long the disk took."""

    position: Position
    seconds: float


Outcome = Done | JournalError
Work = Callable[[], Position]
_Job = tuple[Work, Callable[[Outcome], None]]


class Writer:
    """Does one piece of work after the other, in its own thread, until `stop` or a failure."""

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        make_appender: Callable[[GuardedDisk], Appender],
        *,
        idle_sync_s: float,
        on_idle_failure: Callable[[JournalError], None],
        threads: Threads = OS_THREADS,
    ) -> None:
        self._folder = folder
        self._disk = GuardedDisk(disk)
        self._make_appender = make_appender
        self._idle_sync_s = idle_sync_s
        self._on_idle_failure = on_idle_failure
        self._jobs: Queue[_Job | None] = threads.queue()
        self._appender: Appender | None = None
        self._failed = False
        self.thread = threads.thread(self._run, f"journal {folder}")

    def submit(self, work: Work, done: Callable[[Outcome], None]) -> None:
        """Do the work behind what was submitted before; `done` is called in the thread."""
        self._jobs.put((work, done))

    def stop(self) -> None:
        """End the thread behind the work that it has."""
        self._jobs.put(None)

    def revoke(self) -> None:
        """Give the thread up: whatever it still tries to change, fails."""
        self._disk.revoked = True
        self.stop()

    # The work there is.

    def begin(self) -> Position:
        """Prepare the files. Raises DiskFault."""
        self._appender = self._make_appender(self._disk)
        return self._appender.position

    def flush(self, batch: bytes, end: Cursor) -> Position:
        return self._open_appender.flush(batch, end)

    def seal(self) -> Position:
        return self._open_appender.seal()

    @property
    def _open_appender(self) -> Appender:
        if self._appender is None:
            raise RuntimeError("the writer was not begun")
        return self._appender

    # The thread.

    def _run(self) -> None:
        try:
            while not self._failed and (job := self._next_job()) is not None:
                work, done = job
                done(self._attempt(work))
        finally:
            if self._appender is not None:
                self._appender.close()
            # Its owner made these, and knows it: a ring that nobody would look for.
            del self._make_appender, self._on_idle_failure

    def _next_job(self) -> _Job | None:
        appender = self._appender
        if appender is None or appender.watermark_synced:
            return self._jobs.get()
        try:
            return self._jobs.get(timeout=self._idle_sync_s)
        except Empty:
            return self._sync_watermark, self._after_idle_sync

    def _sync_watermark(self) -> Position:
        appender = self._open_appender
        appender.sync_watermark()
        return appender.position

    def _after_idle_sync(self, outcome: Outcome) -> None:
        if isinstance(outcome, JournalError):
            self._on_idle_failure(outcome)

    def _attempt(self, work: Work) -> Outcome:
        began = perf_counter()
        try:
            return Done(work(), perf_counter() - began)
        except JournalError as error:
            self._failed = True
            return error
        except DiskFault as fault:
            self._failed = True
            hint = "The journal stays read-only until a later attempt succeeds. Look at the disk"
            return ReopenFailed(fault.operation, fault.path, cause=fault.cause, hint=hint)
        except Exception as error:  # noqa: BLE001 - a defect must not leave callers waiting
            self._failed = True
            return FlushFailed("flush", self._folder, cause=repr(error), hint=_BUG)
