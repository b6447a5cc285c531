"""When a tenant's state is saved, and at what pace: nobody who is served must notice.

A checkpoint is due a while after the state changed, or after much was written. It fixes a moment
and is then made in slices on the loop, between the requests, while the state goes on: a thread
would hold the interpreter's lock against the loop for longer than a slice takes. Files are written
by a thread, which waits for the disk without that lock.

A checkpoint only shortens the next start and keeps the JSON that operators open fresh; it is
never needed for correctness, so a failed one is logged and tried again later.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, NamedTuple

import orjson
import structlog

from holdfast.domain.state import State
from holdfast.domain.values import instant_text
from holdfast.journal import Checkpoints, Cursor, JournalError
from holdfast.ledger.shards import TENANT_SHARD, ShardFile, Shards, Steps

_log = structlog.get_logger("holdfast.ledger")

_NS_PER_S: Final = 1e9
#: How long the loop works at a checkpoint at a time.
_SLICE_NS: Final = 1_000_000
#: After work that took t, others have the loop for this many t.
_PAUSE_FACTOR: Final = 9
#: A turn of the loop that took no longer found nobody who waits.
_IDLE_TURN_NS: Final = 200_000
#: A last checkpoint that takes longer is mentioned.
_LONG_CLOSE_S: Final = 2.0


class Moment(NamedTuple):
    """The place in the journal, and the time, of a state that is saved.

    `next_deadline` is when something in it falls due, as a manifest says it.
    """

    cursor: Cursor
    last_ts: int
    next_deadline: str | None


class CheckpointEvery(NamedTuple):
    """A checkpoint is due after so much time with changes, or after so much was written."""

    seconds: float
    bytes: int


class Checkpointer:
    """Saves the state in shards whenever it is due."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        state: State,
        shards: Shards,
        *,
        moment: Callable[[], Moment],
        journal_bytes: Callable[[], int],
        every: CheckpointEvery,
        now_ns: Callable[[], int],
        archive_behind: Callable[[int], Awaitable[None]],
        on_written: Callable[[], None] = lambda: None,
    ) -> None:
        """Follow `state`, of which `checkpoints` and `shards` know what was saved last.

        Args:
            checkpoints: where it is saved.
            state: what is saved; its moment belongs to the checkpointer.
            shards: where the records of `state` are in `checkpoints`.
            moment: what `state` is, now.
            journal_bytes: how much was written so far.
            every: what the operator set.
            now_ns: a monotonic clock; the loop's own is too coarse for slices.
            archive_behind: puts journal away that no start needs, up to a sequence.
            on_written: is called after every checkpoint.
        """
        # The checkpoints of a tenant lie in its folder, which has its name.
        self._log = _log.bind(tenant=checkpoints.folder.parent.name)
        self._checkpoints = checkpoints
        self._state = state
        self._shards = shards
        self._moment = moment
        self._journal_bytes = journal_bytes
        self._every = every
        self._now_ns = now_ns
        self._archive_behind = archive_behind
        self._on_written = on_written
        self._maintains: Callable[[], bool] | None = None
        #: Whether nobody else saved since `checkpoints` were loaded.
        self._knows_what_is_saved = True
        self._saved_bytes = journal_bytes()
        self._worked_ns = 0
        self._pause_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._writing: asyncio.Task[None] | None = None
        self._closed = False
        self._hurries = False

    def share(self, maintains: Callable[[], bool]) -> None:
        """Save only while `maintains` says that it is for this process, of several, to do so."""
        self._maintains, self._knows_what_is_saved = maintains, False

    def after_flush(self) -> None:
        """Look whether a checkpoint is due some time; call it after events were committed."""
        if self._timer is None or self._much_was_written():
            self._schedule()

    def _much_was_written(self) -> bool:
        return self._journal_bytes() - self._saved_bytes >= self._every.bytes

    def _schedule(self) -> None:
        if self._writing is not None or self._closed:
            return
        loop = asyncio.get_running_loop()
        wanted = loop.time() + (0 if self._much_was_written() else self._every.seconds)
        at = max(wanted, self._pause_until)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer, self._timer_at = loop.call_at(at, self._start), at

    def _start(self) -> None:
        self._timer = None
        self._writing = asyncio.get_running_loop().create_task(self._write_and_pause())

    async def _write_and_pause(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await self.write()
        except JournalError as error:
            self._log.error("checkpoint failed, will be tried again", error=str(error))
        finally:
            self._pause_until = started + (1 + _PAUSE_FACTOR) * self._worked_ns / _NS_PER_S
            self._writing = None
        if self._is_behind:
            self._schedule()

    @property
    def _is_behind(self) -> bool:
        return self._state.changed_since_moment or self._shards.is_behind

    async def write(self) -> None:
        """Save what changed since the last checkpoint.

        Raises:
            CheckpointFailed: the disk said no; everything counts as changed still.
        """
        self._worked_ns = 0
        if self._maintains is not None and not self._maintains():
            # Nobody will ask here what changed since a moment.
            self._state.fix_moment()
            self._knows_what_is_saved = False
            return
        if not self._knows_what_is_saved:
            await asyncio.to_thread(self._checkpoints.start_over)
            self._shards = Shards.of(self._state)
            self._knows_what_is_saved = True
        if self._checkpoints.is_first:
            self._shards.change_all()
        if not self._is_behind and (not self._closed or self._checkpoints.deadline_is_known):
            return
        moment = self._moment()
        self._saved_bytes = self._journal_bytes()
        steps = self._shards.save(self._state)
        unfinished = await asyncio.to_thread(
            self._checkpoints.begin, moment.cursor, moment.next_deadline
        )
        async for name, content in self._in_slices(steps):
            await asyncio.to_thread(unfinished.put, name, content)
        tenant = orjson.dumps({"lastTs": instant_text(moment.last_ts)}) + b"\n"
        await asyncio.to_thread(unfinished.put, TENANT_SHARD, tenant)
        await asyncio.to_thread(self._checkpoints.finish, unfinished)
        self._shards.saved()
        self._on_written()
        await self._archive()

    async def _archive(self) -> None:
        older = self._checkpoints.older_cursor
        try:
            if older is not None:
                await self._archive_behind(older.sequence)
        except JournalError as error:
            self._log.error("segments not archived, will be tried again", error=str(error))

    async def _in_slices(self, steps: Steps) -> AsyncIterator[ShardFile]:
        """Take the steps, and let others have the loop in between."""
        began = self._now_ns()
        for file in steps:
            worked = self._now_ns() - began
            if file is None and worked < _SLICE_NS:
                continue
            self._worked_ns += worked
            if file is not None:
                yield file
            await self._let_others(worked)
            began = self._now_ns()

    async def _let_others(self, worked_ns: int) -> None:
        """Stand aside after a slice; not for long while nobody waits, or when all is closing."""
        began = self._now_ns()
        await asyncio.sleep(0)
        turn_ns = self._now_ns() - began
        if turn_ns > _IDLE_TURN_NS and not self._closed:
            await asyncio.sleep((_PAUSE_FACTOR * worked_ns - turn_ns) / _NS_PER_S)

    def hurry(self) -> None:
        """Leave off, also with the checkpoint that is being made: the one before it counts."""
        self._closed = self._hurries = True
        if self._writing is not None:
            self._writing.cancel()

    async def close(self) -> None:
        """Save once more and stop; a disk that says no is logged."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        late = loop.call_later(
            _LONG_CLOSE_S, self._log.info, "still saving the state before the end"
        )
        try:
            if self._writing is not None:
                await asyncio.wait([self._writing])
            if not self._hurries:
                self._writing = loop.create_task(self.write())
                await self._writing
        except asyncio.CancelledError:
            if not self._hurries:
                raise
        except JournalError as error:
            self._log.error("last checkpoint failed; the next start replays more", error=str(error))
        finally:
            late.cancel()
            self._shards.let_go()
