"""The one step in which a command becomes a fact: nothing is awaited in it.

The time is stamped, deadlines that are due by it are staged as events of their own, the command
is decided on the staged view, and its event joins the journal's gathering batch and the view.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from holdfast.domain.commands import Command, ExpireReservation, LiftOut
from holdfast.domain.decide import InvariantViolation, RefusedRow, decide, remembered
from holdfast.domain.events import Event
from holdfast.domain.evolve import evolve
from holdfast.domain.records import Outcome
from holdfast.domain.rejections import Rejected
from holdfast.journal import Journal, JournalError, NotWritten
from holdfast.ledger.clock import TenantClock
from holdfast.ledger.codec import encode_event
from holdfast.ledger.staged import StagedView

#: Who is named as the actor of events that nobody asked for.
SYSTEM_ACTOR = "system"


#: Deadlines written in one turn of the loop, at most: about 2 ms of work.
DUE_PER_TURN_MAX = 64


class Decided(NamedTuple):
    """A decision, which may be answered once everything that it could have seen is durable."""

    answer: Outcome | Rejected
    #: The fate of the newest batch that it rests on, its own event's included; None: all of it
    #: is durable. When the batch fails, so does every decision that rests on it.
    rests_on: asyncio.Future[None] | None
    #: Whether the decision is an event, so that it can be on disk though its flush failed.
    is_event: bool = False

    def may_be_kept(self, error: JournalError) -> bool:
        """Whether it can be on disk though the flush of what it rests on ended in `error`."""
        return self.is_event and not isinstance(error, NotWritten)


class Deciding:
    """Decides commands and due deadlines, one after the other."""

    def __init__(
        self,
        staged: StagedView,
        journal: Journal,
        clock: TenantClock,
        *,
        new_id: Callable[[], str],
        retention_ms: int,
        stop: Callable[[str], None],
    ) -> None:
        """Make it for one tenant.

        Args:
            staged: what decisions are made on, and where their events are laid.
            journal: where events go.
            clock: the tenant's time.
            new_id: makes the ids of events that nobody asked for.
            retention_ms: how long a reservation that expires stays readable.
            stop: is told why when a rule is broken that always holds.
        """
        self._staged = staged
        self._journal = journal
        self._clock = clock
        self._new_id = new_id
        self._retention_ms = retention_ms
        self._stop = stop

    def decide(self, command: Command) -> Decided | None:
        """Decide a command now.

        Returns:
            The decision; None when so much was due that the command has to ask again.

        Raises:
            InvariantViolation: a bug; the tenant was stopped.
        """
        now = self._clock.now()
        if not self.stage_due(now):
            return None
        return self.decide_at(now, command)

    def replay(self, command: Command) -> Decided | None:
        """Answer a repeated request from its key while no command is accepted."""
        if command.idempotency is None:
            return None
        try:
            now = self._clock.now()
            answer = remembered(self._staged, command.actor, command.idempotency, now)
        except Rejected as no:
            return Decided(no, self._journal.tail)
        return None if answer is None else Decided(answer, self._journal.tail)

    def stage_due(self, now: int) -> bool:
        """Write the deadlines that have come, earliest first; False when some are left.

        A night's worth of them may have come while the process was down. Nobody is answered
        before all are written, but others get the loop in between.
        """
        left = DUE_PER_TURN_MAX
        while (action := self._staged.deadlines.due(now)) is not None:
            if left == 0:
                return False
            left -= 1
            try:
                self.decide_at(now, self._due_command(action))
            except InvariantViolation:
                raise
            except Exception as bug:
                # It would come again at every request: stop, and say why.
                self._stop(repr(bug))
                raise
        return True

    def stage_due_as_if(self, now: int, sequence: int) -> None:
        """Work out what is due without writing it, for readers while nothing can be written."""
        while (action := self._staged.deadlines.due(now)) is not None:
            event = decide(self._staged, self._due_command(action), sequence, now)
            if isinstance(event, Event):
                self._staged.stage(event, evolve(self._staged, event))

    def _due_command(self, action: ExpireReservation | LiftOut) -> Command:
        return Command(
            action, self._new_id(), SYSTEM_ACTOR, "deadline", retention_ms=self._retention_ms
        )

    def decide_at(self, now: int, command: Command) -> Decided:
        """Decide a command at a time by which all that is due was staged; stage its event.

        Raises:
            InvariantViolation: a bug; the tenant was stopped.
        """
        sequence = self._journal.next_sequence
        try:
            event = decide(self._staged, command, sequence, now)
        except Rejected as no:
            return Decided(no, self._journal.tail)
        except InvariantViolation as bug:
            self._stop(str(bug))
            raise
        answer: Outcome | Rejected
        if isinstance(event, Outcome):
            return Decided(event, self._journal.tail)
        if isinstance(event, RefusedRow):
            event, answer = event
        else:
            answer = event.outcome
        json = encode_event(event)
        batch = self._journal.append(json)
        self._staged.stage(event, evolve(self._staged, event), json)
        return Decided(answer, batch, is_event=True)
