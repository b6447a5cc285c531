"""A ledger whose folder other processes serve too: everything it decides, it decides in its turns.

Between turns it follows what the others make durable, so that its state is that of the journal
up to the watermark; before it answers a read, it looks whether there is more.
"""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from holdfast.domain.commands import Command
from holdfast.journal import JournalError, LostLease, NotWritten, OpenFailed, SharedJournal
from holdfast.ledger.deciding import Decided
from holdfast.ledger.file_ledger import FileLedger
from holdfast.ledger.leases.following import Following
from holdfast.ledger.leases.lease import Taken
from holdfast.ledger.leases.sharing import Sharing
from holdfast.ledger.leases.turns import Turns
from holdfast.ledger.opening import Loaded
from holdfast.ledger.port import LoggedEvent, Unavailable
from holdfast.ledger.reading import CommittedReading

_log = structlog.get_logger("holdfast.ledger")

#: How often a process that nobody asks looks what the others wrote: for those who follow it.
_WATCH_S: Final = 0.05
#: The same, after a look that failed; also how soon a deadline is tried again.
_LATER_S: Final = 0.5
#: How often a reader looks whether a turn that begins has caught up.
_READY_S: Final = 0.001
#: How long a start waits for its first turn.
_START_WAIT_S: Final = 60.0
_HINT: Final = "See which process stands still, then start again"


class SharedLedger(FileLedger):
    """One tenant's stock in a folder that several processes serve; implements the port `Ledger`."""

    _journal: SharedJournal

    def __init__(
        self,
        folder: Path,
        loaded: Loaded,
        *,
        sharing: Sharing,
        count: Callable[[str], None] = lambda _: None,
        **how: Any,  # noqa: ANN401 - handed on to `FileLedger`, which says what it takes
    ) -> None:
        """Make a ledger of what was loaded; see `FileLedger`. `sharing` is what others have too."""
        self._sharing = sharing
        self._lease = sharing.lease
        self._count = count
        self._closed = False
        self._watch: asyncio.TimerHandle | None = None
        self._expiring: asyncio.Task[None] | None = None
        self._new_journal = partial(SharedJournal, fence=self._lease, probe=self._probe)
        super().__init__(folder, loaded, count=count, **how)
        self._checkpointer.share(self._maintains)
        self._following = Following(
            journal=self._journal,
            staged=self._staged,
            clock=self._clock,
            commit=super()._commit,
            arm=self._arm,
            guard=self.guard,
        )
        self._turns = Turns(
            sharing.lease,
            sharing.times,
            on_begin=self._make_ready,
            is_drained=lambda: self._journal.tail is None,
            turn_end=lambda: self._journal.turn_end,
            on_lost=self._journal.lose,
            count=count,
        )

    async def start(self) -> None:
        """Catch up with the others in a first turn, and follow them from then on.

        Raises:
            JournalError: the disk said no, or a process stands still in its turn.
        """
        try:
            await self._turns.begin(_START_WAIT_S)
        except Unavailable as no:
            path = self._lease.path
            raise OpenFailed("take the lease", path, cause=no.detail, hint=_HINT) from no
        await self._space.look()
        self._timer.arm()
        self._watch_later(_WATCH_S)

    async def close(self) -> None:
        """Flush, give the lease back, and save a checkpoint if that is this process's to do."""
        self._closed = True
        for each in (self._watch, self._expiring):
            if each is not None:
                each.cancel()
        self._turns.close()
        await super().close()
        self._turns.end_if_drained()
        self._sharing.maintenance.let_go()
        self._lease.close()

    @property
    def writable(self) -> bool:
        """Whether writes are decided here, once it is this process's turn."""
        return self._may_write and not self.guard.is_full

    @property
    def _may_write(self) -> bool:
        return self.guard.may_be_tried and not self._closed

    # Turns.

    async def _make_ready(self, taken: Taken) -> None:
        """Begin a turn: know all that is in the journal, and stand at its end."""
        try:
            if not self._staged.is_empty:
                self._staged.drop()
            if taken.is_mine_again and self._journal.writable:
                return
            if taken.end is not None:
                is_all = self._following.take_a_page()
                while not is_all:
                    await asyncio.sleep(0)
                    is_all = self._following.take_a_page()
                if await self._journal.go_on(taken.end):
                    return
            self._following.take_over(await self._journal.begin_anew())
        except JournalError as error:
            if not self._lease.is_mine():
                if self._turns.is_held:
                    self._note_lost()
                raise LostLease from error
            if self.guard.may_be_tried:
                self.guard.failed(error)
            raise

    async def _probe(self) -> None:
        try:
            await self._turns.begin()
        except Unavailable as no:
            raise NotWritten("append to", self._lease.path, cause=no.detail, hint=_HINT) from no

    def _commit(self, sequence: int) -> None:
        super()._commit(sequence)
        self._turns.after_flush()

    def _roll_back(self, error: JournalError) -> None:
        if not self._turns.is_held:
            super()._roll_back(error)
        elif self._lease.is_mine():
            self._turns.give_up()
            super()._roll_back(error)
        else:
            self._note_lost()

    def _note_lost(self) -> None:
        self._turns.lost()
        self._staged.drop()
        self._count("lockFenced")
        _log.warning("lease lost in a turn; the turn is over", path=str(self._lease.path))

    # Writing.

    def _decide_at_once(self, command: Command) -> Decided | None:
        return self._decide_now(command) if self._turns.is_on else None

    async def _decide_in_turn(self, command: Command) -> Decided:
        while True:
            if not self.writable:
                return self._decide_read_only(command)
            try:
                await self._turns.begin()
            except JournalError:
                raise self.guard.read_only() from None
            decided = self._decide_now(command)
            if decided is not None:
                return decided
            await asyncio.sleep(0)

    def _decide_slice(
        self, commands: Iterator[Command], is_over: Callable[[Decided], bool]
    ) -> list[Decided]:
        return super()._decide_slice(commands, is_over) if self._turns.is_on else []

    def _on_deadline(self) -> None:
        if self._may_write and self._expiring is None:
            self._expiring = asyncio.get_running_loop().create_task(self._write_due())

    async def _write_due(self) -> None:
        """Write what fell due, unless another process did so first."""
        again_s = 0.0
        try:
            await self._be_up_to_date()
            if self._is_due():
                await self._turns.begin()
                self._deciding.stage_due(self._clock.now())
        except (Unavailable, JournalError):
            again_s = _LATER_S
        finally:
            self._expiring = None
        asyncio.get_running_loop().call_later(again_s, self._arm)

    def _arm(self) -> None:
        if not self._closed:
            self._timer.arm()

    def _is_due(self) -> bool:
        return self._staged.deadlines.due(self._clock.now()) is not None

    # Following.

    def _follow_between_turns(self) -> bool:
        if self._turns.is_held:
            return True
        if not self._staged.is_empty:
            # What was due, worked out for readers who could not wait.
            self._staged.drop()
        return self._following.take_a_page()

    async def _be_up_to_date(self) -> None:
        """Know whatever was answered anywhere before now.

        Raises:
            Unavailable: it cannot be read.
        """
        try:
            while True:
                if self._turns.is_held and not self._lease.is_mine():
                    self._journal.lose()
                if not self._turns.is_held:
                    if self._follow_between_turns():
                        return
                elif self._turns.is_ready:
                    return
                await asyncio.sleep(_READY_S if self._turns.is_held else 0)
        except JournalError as error:
            _log.error("what other processes wrote cannot be read", error=str(error))
            raise Unavailable(
                "journal_unavailable",
                "What other processes wrote cannot be read at the moment; the server's log says why.",
                self._sharing.times.retry_after_ms,
            ) from error

    def _watch_later(self, delay_s: float) -> None:
        self._watch = asyncio.get_running_loop().call_later(delay_s, self._look)

    def _look(self) -> None:
        delay_s = _WATCH_S
        try:
            if not self._follow_between_turns():
                delay_s = 0.0
        except JournalError as error:
            _log.error("what other processes wrote cannot be read", error=str(error))
            delay_s = _LATER_S
        self._watch_later(delay_s)

    def _maintains(self) -> bool:
        """Whether checkpoints are this process's to make; then there is nothing newer than it."""
        try:
            if not self._sharing.maintenance.take():
                return False
            while not self._follow_between_turns():
                pass
        except (OSError, JournalError) as error:
            _log.error("no checkpoint is made", error=str(error))
            return False
        return True

    # Reading.

    async def read(self) -> CommittedReading:
        """Return the committed records, all that any process answered included."""
        while True:
            await self._be_up_to_date()
            now = self._clock.now()
            if not self._may_write:
                return self._read_only_reading(now)
            tail = self._journal.tail
            if not self._is_due() and not (tail and self._staged.hides_a_deadline(now)):
                return self._reading(self._state, now, exact=True)
            if self._is_due():
                try:
                    await self._turns.begin()
                except (Unavailable, JournalError):
                    if not self._turns.is_held:
                        return self._reading_as_if(now)
                else:
                    self._deciding.stage_due(now)
                tail = self._journal.tail
            await self._flushed_or_not(tail)

    async def _flushed_or_not(self, tail: "asyncio.Future[None] | None") -> None:
        if tail is None:
            await asyncio.sleep(0)
            return
        try:
            await tail
        except JournalError:
            return

    def _reading_as_if(self, now: int) -> CommittedReading:
        """Work out what is due while another process has the lease; the next look drops it."""
        self._deciding.stage_due_as_if(now, self.last_sequence)
        return self._reading(self._staged, now, exact=self._staged.is_empty)

    async def events(self, after: int, limit: int, wait_s: float = 0.0) -> list[LoggedEvent]:
        """Return durable events behind `after`, oldest first; see the port."""
        await self._be_up_to_date()
        return await super().events(after, limit, wait_s)
