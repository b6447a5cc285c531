"""When a tenant's state is saved: a while after it changed, or after much was written.

A checkpoint only shortens the next start and keeps the JSON that operators open fresh; it is
never needed for correctness, so a failed one is logged and tried again later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple

import orjson
import structlog

from holdfast.domain.records import Change
from holdfast.domain.state import State
from holdfast.domain.values import instant_text
from holdfast.journal import Checkpoints, Cursor, JournalError
from holdfast.ledger.shards import TENANT_SHARD, ShardContent, Shards, encode_shard

_log = structlog.get_logger("holdfast.ledger")

#: A checkpoint that took t is followed by a pause of this many t.
_PAUSE_FACTOR: Final = 9


class Moment(NamedTuple):
    """The place in the journal, and the time, of a state that is saved."""

    cursor: Cursor
    last_ts: int


class CheckpointEvery(NamedTuple):
    """A checkpoint is due after so much time with changes, or after so much was written."""

    seconds: float
    bytes: int


class Checkpointer:
    """Follows the committed changes and saves what they touched."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        state: State,
        shards: Shards,
        *,
        moment: Callable[[], Moment],
        journal_bytes: Callable[[], int],
        every: CheckpointEvery,
        archive_behind: Callable[[int], Awaitable[None]],
        on_written: Callable[[], None] = lambda: None,
    ) -> None:
        self._checkpoints = checkpoints
        self._state = state
        self._shards = shards
        self._moment = moment
        self._journal_bytes = journal_bytes
        self._every = every
        self._archive_behind = archive_behind
        self._on_written = on_written
        self._saved_bytes = journal_bytes()
        self._pause_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    def note(self, changes: Iterable[Change]) -> None:
        """Follow the changes of one event that was just committed."""
        self._shards.note(changes)

    def after_flush(self) -> None:
        """Look whether a checkpoint is due some time; call it once everything was noted."""
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
            _log.error("checkpoint failed, will be tried again", error=str(error))
        finally:
            self._pause_until = loop.time() + _PAUSE_FACTOR * (loop.time() - started)
            self._writing = None
        if self._shards.changed:
            self._schedule()

    async def write(self) -> None:
        """Save what changed since the last checkpoint.

        Raises:
            CheckpointFailed: the disk said no; everything counts as changed still.
        """
        if self._checkpoints.is_first:
            self._shards.change_all()
        moment = self._moment()
        self._saved_bytes = self._journal_bytes()
        content = self._shards.take_changed(self._state)
        if not content:
            return
        try:
            await asyncio.to_thread(self._encode_and_write, moment, content)
        except BaseException:
            self._shards.changed.update(content)
            raise
        self._on_written()
        await self._archive()

    async def _archive(self) -> None:
        older = self._checkpoints.older_cursor
        try:
            if older is not None:
                await self._archive_behind(older.sequence)
        except JournalError as error:
            _log.error("segments not archived, will be tried again", error=str(error))

    def _encode_and_write(self, moment: Moment, content: dict[str, ShardContent]) -> None:
        files = {name: encode_shard(shard) for name, shard in content.items()}
        files[TENANT_SHARD] = orjson.dumps({"lastTs": instant_text(moment.last_ts)}) + b"\n"
        self._checkpoints.write(moment.cursor, files)

    async def close(self) -> None:
        """Save once more and stop; a disk that says no is logged."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await asyncio.wait([self._writing])
        try:
            await self.write()
        except JournalError as error:
            _log.error("last checkpoint failed; the next start replays more", error=str(error))
