"""The staged view: committed records with everything laid over them that the journal still queues.

Decisions look at it; readers never do.
"""

from collections import deque
from itertools import chain
from typing import Any, Final, NamedTuple

from holdfast.domain.events import Event
from holdfast.domain.records import RESERVATION, STOCK, Change, Key, RecordT, Table
from holdfast.domain.state import State
from holdfast.ledger.deadlines import Deadlines, Timed, deadline_of
from holdfast.ledger.owners import Owners


class Staged(NamedTuple):
    """An event that is decided but not yet durable, with the changes that it makes."""

    event: Event
    changes: list[Change]
    json: bytes


#: The events that set or lift a stock record's deadline, besides batches that do.
_SWITCHES: Final = frozenset({"StockMarkedOut", "StockUnmarkedOut", "BatchApplied"})
_NONE: Final = (0, None)


class StagedView:
    """The view that decisions are made on."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._queue: deque[Staged] = deque()
        #: (table, key) → (sequence, record) of the newest staged change.
        self._overlay: dict[tuple[str, Key], tuple[int, Any]] = {}
        #: Deadlines of committed records that staged events end or move, with their sequences.
        self._moved: deque[tuple[int, int]] = deque()
        self._owners = Owners()
        self.deadlines = Deadlines(self)
        self._index()

    @property
    def is_empty(self) -> bool:
        """Whether it shows nothing but committed records."""
        return not self._queue

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """Return the newest record of that key, durable or not, or None."""
        staged = self._overlay.get((table.name, key))
        if staged is None:
            return self.state.get(table, key)
        record: RecordT | None = staged[1]
        return record

    def next_release(self, store_id: str, sku: str) -> int | None:
        """Return when the next reservation of the SKU expires, or None."""
        return self.deadlines.next_release(store_id, sku)

    def open_reservation(self, store_id: str, sku: str, user_id: str) -> str | None:
        """Return the id of an active one-line reservation of that user and SKU, or None."""
        return self._owners.first(store_id, sku, user_id)

    def stage(self, event: Event, changes: list[Change], json: bytes = b"") -> None:
        """Lay the changes of the next event over what is there; `json` is its form on disk."""
        self._queue.append(Staged(event, changes, json))
        beginning = self._moved_by(event)
        overlay = self._overlay
        for table, key, record in changes:
            overlay[(table.name, key)] = (event.sequence, record)
        for timed in beginning:
            self.deadlines.begin(timed)

    def _moved_by(self, event: Event) -> list[Timed]:
        """Follow the deadlines that the event ends; return the records of which one begins.

        It looks at the records before the event, so it comes before they are laid over.
        """
        beginning: list[Timed] = []
        for reservation in event.reservations:
            self._owners.note(reservation)
            self._compare(self.get(RESERVATION, reservation.key), reservation, event, beginning)
        if event.type in _SWITCHES:
            for stock in event.stock:
                self._compare(self.get(STOCK, stock.key), stock, event, beginning)
        return beginning

    def _compare(
        self, before: Timed | None, after: Timed, event: Event, beginning: list[Timed]
    ) -> None:
        ends, begins = deadline_of(before), deadline_of(after)
        if ends == begins:
            return
        if before is not None and ends is not None:
            self._moved.append((ends, event.sequence))
            self.deadlines.leave(before)
        if begins is not None:
            beginning.append(after)

    def sequence_behind(self, now: int) -> int:
        """Return the newest staged event that readers at `now` must wait for, or 0.

        A committed record whose deadline has come must not be shown as it is, even when the
        staged view has ended it already: the event that did so has to be durable first.
        """
        return max((sequence for at, sequence in self._moved if at <= now), default=0)

    def pop_durable(self, sequence: int) -> Staged | None:
        """Take the oldest staged event off, if it is not behind `sequence`, to be committed.

        Its changes must be put into the state before the view is looked at again.
        """
        if not self._queue or self._queue[0].event.sequence > sequence:
            return None
        staged = self._queue.popleft()
        overlay = self._overlay
        for table, key, _ in staged.changes:
            if overlay.get((table.name, key), _NONE)[0] == staged.event.sequence:
                del overlay[(table.name, key)]
        while self._moved and self._moved[0][1] <= staged.event.sequence:
            self._moved.popleft()
        return staged

    def drop(self) -> None:
        """Forget everything staged: it will never be durable."""
        self._queue.clear()
        self._overlay.clear()
        self._moved.clear()
        self._index()

    def _index(self) -> None:
        reservations = self.state.records(RESERVATION).values()
        self._owners.reset(reservations)
        self.deadlines.reset(chain(reservations, self.state.records(STOCK).values()))
