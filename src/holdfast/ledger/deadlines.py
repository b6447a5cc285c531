"""When something falls due by itself: reservations that expire, switches that are lifted.

A deadline that no longer holds (the reservation was confirmed, the deadline moved) stays in its
heap until it comes to the top, where it is recognised against the records, or until such
leftovers make up half of the heap, which is then swept.
"""

import heapq
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from holdfast.domain.commands import ExpireReservation, LiftOut
from holdfast.domain.records import (
    ACTIVE,
    RESERVATION,
    STOCK,
    Change,
    Key,
    Reservation,
    StockRecord,
    View,
)

#: Leftovers that are not worth a sweep.
_LEFTOVERS_MIN: Final = 64


class Deadline(NamedTuple):
    """The instant `at` at which the record of that table and key falls due."""

    at: int
    table: str
    key: Key


class _Heap:
    """Deadlines, earliest first, with those that no longer hold swept out in time."""

    def __init__(self, holds: Callable[[Deadline], bool]) -> None:
        self._holds = holds
        self._entries: list[Deadline] = []
        self._leftovers = 0

    def push(self, deadline: Deadline) -> None:
        heapq.heappush(self._entries, deadline)

    def leave_one(self) -> None:
        """Count one entry that will not hold any more once the change under way is staged."""
        self._leftovers += 1

    def sweep(self) -> None:
        """Throw leftovers out if there are many."""
        if self._leftovers > max(_LEFTOVERS_MIN, len(self._entries) // 2):
            self._entries = sorted(filter(self._holds, set(self._entries)))
            self._leftovers = 0

    @property
    def earliest(self) -> int | None:
        """Return the earliest instant in it, whether or not its deadline still holds."""
        return self._entries[0].at if self._entries else None

    def first(self) -> Deadline | None:
        """Return the earliest deadline that holds."""
        entries = self._entries
        while entries and not self._holds(entries[0]):
            heapq.heappop(entries)
        return entries[0] if entries else None


class Deadlines:
    """Every deadline of a tenant as the staged view has it, and of each SKU the next release."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._all = _Heap(self._holds)
        self._by_stock: dict[Key, _Heap] = {}

    def reset(self, changes: Iterable[Change]) -> None:
        """Forget all and start from the records in `changes`."""
        self._all = _Heap(self._holds)
        self._by_stock = {}
        self.note(changes)

    def leave(self, reservation: Reservation) -> None:
        """Follow a reservation with a deadline that is about to end or to move it."""
        self._all.leave_one()
        self._all.sweep()
        for line in reservation.lines:
            heap = self._by_stock.get((reservation.store_id, line.sku))
            if heap is not None:
                heap.leave_one()
                heap.sweep()

    def note(self, changes: Iterable[Change]) -> None:
        """Look for deadlines in records that were just put into the view."""
        for table, key, record in changes:
            if table is RESERVATION:
                self._note_reservation(key, record)
            elif table is STOCK and record is not None and record.out_until is not None:
                self._all.push(Deadline(record.out_until, STOCK.name, key))

    def _note_reservation(self, key: Key, reservation: Reservation | None) -> None:
        if reservation is None or reservation.status != ACTIVE or reservation.expires_at is None:
            return
        deadline = Deadline(reservation.expires_at, RESERVATION.name, key)
        self._all.push(deadline)
        for line in reservation.lines:
            stock_key = (reservation.store_id, line.sku)
            heap = self._by_stock.get(stock_key)
            if heap is None:
                heap = self._by_stock[stock_key] = _Heap(self._holds)
            heap.push(deadline)

    def _holds(self, deadline: Deadline) -> bool:
        record: Any
        if deadline.table == RESERVATION.name:
            record = self._view.get(RESERVATION, deadline.key)
            return (
                record is not None and record.status == ACTIVE and record.expires_at == deadline.at
            )
        record = self._view.get(STOCK, deadline.key)
        return _is_out_until(record, deadline.at)

    @property
    def earliest(self) -> int | None:
        """Return an instant, in ms, before which nothing falls due; None: nothing ever does."""
        return self._all.earliest

    def next_release(self, store_id: str, sku: str) -> int | None:
        """Return when the next reservation of the SKU expires, or None."""
        heap = self._by_stock.get((store_id, sku))
        first = None if heap is None else heap.first()
        return None if first is None else first.at

    def due(self, now: int) -> ExpireReservation | LiftOut | None:
        """Return the action for the earliest deadline if it is due.

        Carrying it out changes the record, so that the next call finds the next deadline.
        """
        earliest = self._all.earliest
        if earliest is None or earliest > now:
            return None
        first = self._all.first()
        if first is None or first.at > now:
            return None
        if first.table == RESERVATION.name:
            return ExpireReservation(first.key[0])
        return LiftOut(first.key[0], first.key[1])


def _is_out_until(record: StockRecord | None, at: int) -> bool:
    return record is not None and record.is_out and record.out_until == at
