"""The staged view: committed records with everything laid over them that the journal still queues.

Decisions look at it; readers never do.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, takewhile
from typing import Any, Final

from holdfast.domain.events import Event
from holdfast.domain.records import (
    ITEM,
    ORDER,
    RESERVATION,
    STOCK,
    TABLES,
    Change,
    Key,
    RecordT,
    StockRecord,
    Table,
)
from holdfast.domain.state import State, follow_threshold
from holdfast.domain.values import instant_text
from holdfast.journal import NEVER
from holdfast.ledger.deadlines import Deadlines, Timed, deadline_of
from holdfast.ledger.listing import Listing
from holdfast.ledger.owners import Owners

#: An event that is decided but not yet durable, the changes that it makes, and its JSON.
Staged = tuple[Event, list[Change], bytes]

#: The events that set or lift a stock record's deadline, besides batches that do.
_SWITCHES: Final = frozenset({"StockMarkedOut", "StockUnmarkedOut", "BatchApplied"})


class _Gone:
    """Lies over a committed record that a staged event takes away; each is an object of its own."""

    __slots__ = ("sequence",)

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence


def _is_gone(newest: object, record: object, sequence: int) -> bool:
    """Whether what lies there newest is what the event of that number took away."""
    return record is None and type(newest) is _Gone and newest.sequence == sequence


class StagedView:
    """The view that decisions are made on."""

    def __init__(self, state: State, listing: Listing) -> None:
        """Lay nothing over `state`, whose keys `listing` has in order."""
        self.state = state
        self._listing = listing
        self._queue: deque[Staged] = deque()
        #: The low-stock threshold of every SKU whose item has one, as staged.
        self.thresholds: dict[str, int] = {}
        #: By table: the newest staged record of each key, `_Gone` where there is none any more.
        self._overlay: dict[str, dict[Key, Any]] = {name: {} for name in TABLES}
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
        staged: Any = self._overlay[table.name].get(key)
        if staged is None:
            return self.state.get(table, key)
        found: RecordT | None = None if type(staged) is _Gone else staged
        return found

    def next_release(self, store_id: str, sku: str) -> int | None:
        """Return when the next reservation of the SKU expires, or None."""
        return self.deadlines.next_release(store_id, sku)

    def open_reservation(self, store_id: str, sku: str, user_id: str) -> str | None:
        """Return the id of this user's oldest reservation of the SKU alone that is no order's."""
        found = self._owners.of(store_id, sku, user_id)
        return next((mine for mine in found if self.get(ORDER, (mine,)) is None), None)

    def each(self, table: Table[RecordT]) -> Iterator[RecordT]:
        """Walk all records of a table, in no order."""
        committed = self.state.records(table)
        staged = (key for key in self._overlay[table.name] if key not in committed)
        return self._those(table, chain(committed, staged))

    def stock_of_sku(self, sku: str) -> Iterator[StockRecord]:
        """Walk the stock records of a SKU."""
        above = self._listing.stock_by_sku.above((sku, ""))
        return self._stock(above, lambda key: key[1] == sku)

    def stock_of_store(self, store_id: str) -> Iterator[StockRecord]:
        """Walk the stock records of a store."""
        above = self._listing.stock.above((store_id, ""))
        return self._stock(above, lambda key: key[0] == store_id)

    def _stock(self, above: Iterable[Key], wanted: Callable[[Key], bool]) -> Iterator[StockRecord]:
        committed, overlay = self.state.records(STOCK), self._overlay[STOCK.name]
        staged = (key for key in overlay if wanted(key) and key not in committed)
        return self._those(STOCK, chain(takewhile(wanted, above), staged))

    def _those(self, table: Table[RecordT], keys: Iterable[Key]) -> Iterator[RecordT]:
        found = (self.get(table, key) for key in keys)
        return (record for record in found if record is not None)

    def stage(self, event: Event, changes: list[Change], json: bytes = b"") -> None:
        """Lay the changes of the next event over what is there; `json` is its form on disk."""
        self._queue.append((event, changes, json))
        overlay = self._overlay
        switches = event.type in _SWITCHES
        for table, key, record in changes:
            staged = _Gone(event.sequence) if record is None else record
            if table is RESERVATION or (switches and table is STOCK):
                before = self.get(table, key)
                overlay[table.name][key] = staged
                self._follow(before, record, event.sequence)
                if table is RESERVATION:
                    self._owners.note(record)
            else:
                overlay[table.name][key] = staged
        for table, key, record in event.records:
            if table is ITEM:
                follow_threshold(self.thresholds, key, record)

    def _follow(self, before: Timed | None, after: Timed, sequence: int) -> None:
        """Follow the deadline of a record that was just laid over the one before it."""
        ends, begins = deadline_of(before), deadline_of(after)
        if ends == begins:
            return
        if before is not None and ends is not None:
            self._moved.append((ends, sequence))
            self.deadlines.leave(before)
        if begins is not None:
            self.deadlines.begin(after, begins)

    def hides_a_deadline(self, now: int) -> bool:
        """Whether staged events end a deadline that has come and that readers still see.

        A committed record whose deadline has come must not be shown as it is, even when the
        staged view has ended it already: the event that did so has to be durable first.
        """
        return any(at <= now for at, _ in self._moved)

    @property
    def next_due(self) -> str | None:
        """When something falls due, as a manifest says it; None while staged events may move it."""
        if not self.is_empty:
            return None
        at = self.deadlines.next
        return NEVER if at is None else instant_text(at)

    def pop_durable(self, sequence: int) -> list[Staged]:
        """Take the events up to `sequence` off, oldest first, to be committed.

        Their changes must be put into the state before the view is looked at again.
        """
        queue, overlay = self._queue, self._overlay
        durable: list[Staged] = []
        while queue and queue[0][0].sequence <= sequence:
            staged = queue.popleft()
            durable.append(staged)
            for table, key, record in staged[1]:
                records = overlay[table.name]
                # A later event may have laid its own record over this one.
                newest = records.get(key)
                if newest is record or _is_gone(newest, record, staged[0].sequence):
                    records.pop(key, None)
        while self._moved and self._moved[0][1] <= sequence:
            self._moved.popleft()
        return durable

    def drop(self) -> None:
        """Forget everything staged: it will never be durable."""
        self._queue.clear()
        for records in self._overlay.values():
            records.clear()
        self._moved.clear()
        self._index()

    def _index(self) -> None:
        reservations = self.state.records(RESERVATION).values()
        self._owners.reset(reservations)
        self.deadlines.reset(chain(reservations, self.state.records(STOCK).values()))
        self.thresholds = dict(self.state.thresholds)
