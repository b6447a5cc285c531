"""The ledger over a journal: decide on the staged view, answer on durable facts.

`execute` is where every write of a tenant passes: it takes the command's locks, has it decided in
one step without waiting, frees the locks, and answers when the journal says that what the answer
rests on is durable. `_commit` and `_roll_back` are what the journal says.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from holdfast.domain.commands import Command
from holdfast.domain.keys import keys
from holdfast.domain.records import Outcome, View
from holdfast.domain.rejections import Rejected
from holdfast.journal import OS_THREADS, Disk, Journal, JournalError, Stats, Threads
from holdfast.ledger.checkpointer import Checkpointer, CheckpointEvery, Moment
from holdfast.ledger.clock import NS_PER_MS, Clock, TenantClock
from holdfast.ledger.deadline_timer import DeadlineTimer
from holdfast.ledger.deciding import Decided, Deciding
from holdfast.ledger.disk_space import DiskSpace
from holdfast.ledger.feed import Feed
from holdfast.ledger.followers import Followers
from holdfast.ledger.journal_guard import JournalGuard
from holdfast.ledger.key_locks import KeyLocks
from holdfast.ledger.listing import Listing
from holdfast.ledger.many import ManyCommands
from holdfast.ledger.opening import Loaded
from holdfast.ledger.past import FilePast
from holdfast.ledger.past_work import PastWork
from holdfast.ledger.port import Follower, LoggedEvent, Unavailable
from holdfast.ledger.reading import CommittedReading
from holdfast.ledger.staged import StagedView
from holdfast.resilience.breaker import Breaker

_log = structlog.get_logger("holdfast.ledger")


class LedgerConfig(NamedTuple):
    """What an operator may set about a ledger."""

    reservation_retention_ms: int
    breaker_cooldown_ms: int
    checkpoint_every: CheckpointEvery
    #: What has to stay free on the disk; 0 never refuses.
    disk_reserve_bytes: int = 0
    flush_deadline_s: float = 10.0


class FileLedger:
    """One tenant's stock in a folder; implements the port `Ledger`."""

    #: Makes the journal; another one where several processes serve one folder.
    _new_journal: Callable[..., Journal] = Journal

    def __init__(
        self,
        folder: Path,
        loaded: Loaded,
        *,
        disk: Disk,
        clock: Clock,
        new_id: Callable[[], str],
        config: LedgerConfig,
        count: Callable[[str], None] = lambda _: None,
        threads: Threads = OS_THREADS,
        past_work: PastWork | None = None,
    ) -> None:
        """Make a ledger of what was loaded; `start` it before anything is asked.

        Args:
            folder: the tenant's folder.
            loaded: what is in it.
            disk: where files are written.
            clock: where time comes from.
            new_id: makes the ids of events that nobody asked for.
            config: what the operator set.
            count: counts `checkpoints` and a breaker's transitions by name.
            threads: where the journal's writer runs.
            past_work: the threads in which the past is worked out, if they are shared.
        """
        self.tenant_id = loaded.tenant_id
        self._clock = TenantClock(clock, loaded.last_ts)
        self._last_ts = loaded.last_ts
        self._state = loaded.state
        self._listing = Listing(loaded.state)
        self._staged = StagedView(loaded.state, self._listing)
        self._locks = KeyLocks()
        self._followers = Followers(loaded.tenant_id)
        self._journal = self._new_journal(
            folder / "journal",
            loaded.tenant_id,
            loaded.recovered,
            disk,
            on_durable=self._commit,
            on_failed=self._roll_back,
            flush_deadline_s=config.flush_deadline_s,
            threads=threads,
        )
        self._feed = Feed(self._journal, self.tenant_id)
        self.past = FilePast(folder, disk, self._journal, self._clock, self.read, past_work)
        self._timer = DeadlineTimer(self._staged.deadlines, self._clock, self._on_deadline)
        breaker = Breaker(lambda: clock.monotonic_ns() // NS_PER_MS, config.breaker_cooldown_ms)
        self.guard = JournalGuard(loaded.tenant_id, self._journal, breaker, self._on_back, count)
        self._space = DiskSpace(folder, disk, config.disk_reserve_bytes, self.guard.note_space)
        self._deciding = Deciding(
            self._staged,
            self._journal,
            self._clock,
            new_id=new_id,
            retention_ms=config.reservation_retention_ms,
            stop=self.guard.stop,
        )
        self._checkpointer = Checkpointer(
            loaded.checkpoints,
            loaded.state,
            loaded.shards,
            moment=lambda: Moment(self._journal.durable, self._last_ts, self._staged.next_due),
            journal_bytes=lambda: self._journal.stats.bytes,
            every=config.checkpoint_every,
            archive_behind=self._journal.archive_behind,
            now_ns=clock.monotonic_ns,
            on_written=lambda: count("checkpoints"),
        )

    async def start(self) -> None:
        """Make the journal ready for writing, and write what fell due meanwhile.

        Raises:
            JournalError: the disk said no.
        """
        await asyncio.to_thread(self._journal.open)
        await self._space.look()
        self._timer.arm()

    async def close(self) -> None:
        """Flush and seal the journal, and save a checkpoint. Nothing may be asked any more."""
        if self.guard.closed:
            return
        self._timer.cancel()
        self.guard.close()
        self._space.close()
        try:
            await self._journal.seal()
        except JournalError as error:
            _log.error("journal was not sealed", tenant=self.tenant_id, error=str(error))
        await self._checkpointer.close()
        # Let go of all records: the parts know each other, and nobody looks for such rings.
        for part in (self._checkpointer, self._timer, self._staged.deadlines, self._staged):
            vars(part).clear()

    def hurry(self) -> None:
        """Save no checkpoint at the end: it only makes the next start shorter."""
        self._checkpointer.hurry()

    @property
    def writable(self) -> bool:
        """Whether writes are decided now."""
        return self.guard.accepts

    @property
    def is_idle(self) -> bool:
        """Whether nobody would miss it: nothing is under way, falls due, or is waited for."""
        at_work = self._journal.tail is not None or not self._locks.all_free
        awaited = self._followers.are_waiting or self._feed.waiting
        return self.writable and not (at_work or awaited) and self._staged.deadlines.next is None

    @property
    def journal_stats(self) -> Stats:
        """What the journal has counted since the start."""
        return self._journal.stats

    @property
    def last_sequence(self) -> int:
        """The newest durable event."""
        return self._journal.durable.sequence

    # Writing.

    async def execute(self, command: Command) -> Outcome:
        """Decide a command and make it durable; see the port."""
        while True:
            decided = self._decide_at_once(command) or await self._decide_in_turn(command)
            answer, rests_on = decided.answer, decided.rests_on
            if rests_on is not None:
                try:
                    await rests_on
                except JournalError as error:
                    if decided.may_be_kept(error):
                        raise self.guard.outcome_unknown() from None
                    continue
            if isinstance(answer, Rejected):
                try:
                    raise answer
                finally:
                    # The exception knows this frame; were it to know the exception, the two would
                    # keep each other, and all that the frame holds, until a search for garbage.
                    del answer, decided, rests_on
            return answer

    async def execute_many(
        self, commands: Sequence[Command], stop_when_unavailable: bool = False
    ) -> list[Outcome | Rejected | Unavailable]:
        """Decide many commands in order; see the port."""
        many = ManyCommands(
            self._decide_slice, self._decide_in_turn, self.guard, stop_when_unavailable
        )
        return await many.execute(commands)

    def _decide_slice(
        self, commands: Iterator[Command], is_over: Callable[[Decided], bool]
    ) -> list[Decided]:
        """Decide commands until the slice is over; none, when they have to take their turns.

        Nothing else happens meanwhile, so one look at locks, journal, clock and deadlines is
        enough for all of them.
        """
        decided: list[Decided] = []
        now = self._clock.now()
        if not (self._locks.all_free and self.guard.accepts and self._deciding.stage_due(now)):
            return decided
        for command in commands:
            decided.append(self._deciding.decide_at(now, command))
            if is_over(decided[-1]):
                break
        self._timer.arm()
        return decided

    def _decide_at_once(self, command: Command) -> Decided | None:
        """Decide while nobody holds a lock: in one step, so nobody could tell if any was taken.

        Returns:
            The decision; None when the command has to take its turn.

        Raises:
            Unavailable: nothing can be decided now.
        """
        return self._decide_now(command) if self._locks.all_free else None

    async def _decide_in_turn(self, command: Command) -> Decided:
        """Take the command's locks and decide it under them.

        Raises:
            Unavailable: nothing can be decided now.
        """
        while True:
            touched = keys(self._staged, command)
            waited = not self._locks.take_now(touched)
            if waited:
                await self._locks.take(touched)
            try:
                if not waited or keys(self._staged, command) == touched:
                    decided = self._decide_now(command)
                    if decided is not None:
                        return decided
            finally:
                self._locks.free(touched)
            if not waited:
                await asyncio.sleep(0)

    def _decide_now(self, command: Command) -> Decided | None:
        if not self.guard.accepts:
            return self._decide_read_only(command)
        decided = self._deciding.decide(command)
        self._timer.arm()
        return decided

    def _decide_read_only(self, command: Command) -> Decided:
        """Answer what was answered before; who repeats a request wants to know if it was kept."""
        knows = self.guard.failed_to_write or self.guard.is_full
        replayed = self._deciding.replay(command) if knows else None
        if replayed is None:
            raise self.guard.read_only()
        return replayed

    def _on_deadline(self) -> None:
        if self.guard.writable:
            self._deciding.stage_due(self._clock.now())
            self._timer.arm()  # At once again, behind everybody else, if that was not all.

    # What the journal says.

    def _commit(self, sequence: int) -> None:
        """Everything up to `sequence` is durable: let readers see it, then wake who waits."""
        durable = self._staged.pop_durable(sequence)
        listing, state, followers = self._listing, self._state, self._followers
        for event, changes, _ in durable:
            listing.note(changes, state)
            forgotten = state.apply(changes, event.ts)
            if forgotten:
                listing.forget(forgotten)
            if followers:
                followers.tell(event, changes + forgotten)
        if durable:
            self._last_ts = durable[-1][0].ts
            self._feed.note([(event.sequence, json) for event, _, json in durable])
        self._checkpointer.after_flush()
        self._space.after_flush()
        self._feed.wake()

    def _roll_back(self, error: JournalError) -> None:
        """A flush failed: drop everything staged, and every decision that rests on it."""
        self._staged.drop()
        self.guard.failed(error)

    def _on_back(self) -> None:
        """Writing is possible again: drop what was only worked out, and write what is due."""
        self._staged.drop()
        self._timer.arm()

    # Reading.

    async def read(self) -> CommittedReading:
        """Return the committed records; a deadline that is due is written first."""
        while True:
            now = self._clock.now()
            if not self.guard.writable:
                return self._read_only_reading(now)
            if not self._deciding.stage_due(now):
                await asyncio.sleep(0)
                continue
            tail = self._journal.tail
            if tail is not None and self._staged.hides_a_deadline(now):
                try:
                    await tail
                except JournalError:
                    continue
            return self._reading(self._state, now, exact=True)

    def _read_only_reading(self, now: int) -> CommittedReading:
        """Read while nothing can be written: what is due is staged as if, for readers only."""
        if self.guard.closed:
            raise self.guard.read_only()
        if not self.guard.failed_to_write:
            # Stopped: what is staged is real, and nothing may be laid over it.
            return self._reading(self._state, now, exact=False)
        self._deciding.stage_due_as_if(now, self.last_sequence)
        exact = self._staged.is_empty
        return self._reading(self._staged, now, exact)

    def _reading(self, view: View, now: int, exact: bool) -> CommittedReading:
        return CommittedReading(
            view, self._state, self._listing, sequence=self.last_sequence, now=now, exact=exact
        )

    async def events(self, after: int, limit: int, wait_s: float = 0.0) -> list[LoggedEvent]:
        """Return durable events behind `after`, oldest first; see the port."""
        return await self._feed.events(after, limit, wait_s)

    def follow(self, follower: Follower, *, waits: bool = True) -> Callable[[], None]:
        """Call `follower` at every event from now on; see the port."""
        return self._followers.add(follower, waits)
