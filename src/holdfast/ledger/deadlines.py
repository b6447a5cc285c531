"""When something falls due by itself: reservations that expire, switches that are lifted.

A deadline that no longer holds (the reservation was confirmed, the deadline moved) stays in its
heap until it comes to the top, where it is recognised against the records, or until such
leftovers make up half of the heap, which is then swept.
"""

import heapq
from collections.abc import Callable, Iterable
from typing import Final

from holdfast.domain.commands import ExpireReservation, LiftOut
from holdfast.domain.records import (
    ACTIVE,
    RESERVATION,
    STOCK,
    Key,
    Reservation,
    StockRecord,
    View,
)

#: Leftovers that are not worth a sweep.
_LEFTOVERS_MIN: Final = 8

#: What may have a deadline.
Timed = Reservation | StockRecord


#: The instant, in ms, at which the record of that table and key falls due.
Deadline = tuple[int, str, Key]


def deadline_of(record: Timed | None) -> int | None:
    """Return when the record falls due by itself, or None."""
    if record is None:
        return None
    if isinstance(record, Reservation):
        return record.expires_at if record.status == ACTIVE else None
    return record.out_until if record.is_out else None


class _Heap:
    """Deadlines, earliest first, with those that no longer hold swept out in time."""

    def __init__(self, holds: Callable[[Deadline], bool]) -> None:
        self._holds = holds
        #: The first one is the earliest, whether or not it still holds.
        self.entries: list[Deadline] = []
        self._leftovers = 0

    def push(self, deadline: Deadline) -> None:
        heapq.heappush(self.entries, deadline)

    def leave_one(self) -> None:
        """Count one entry that will not hold any more; throw leftovers out if there are many."""
        self._leftovers += 1
        if self._leftovers > max(_LEFTOVERS_MIN, len(self.entries) // 2):
            self.entries = sorted(filter(self._holds, set(self.entries)))
            self._leftovers = 0

    def first(self) -> Deadline | None:
        """Return the earliest deadline that holds."""
        entries = self.entries
        while entries and not self._holds(entries[0]):
            heapq.heappop(entries)
        return entries[0] if entries else None


class Deadlines:
    """Every deadline of a tenant as the staged view has it, and of each SKU the next release."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._all = _Heap(self._holds)
        self._by_stock: dict[Key, _Heap] = {}

    def reset(self, records: Iterable[Timed]) -> None:
        """Forget all and start from `records`."""
        self._all = _Heap(self._holds)
        self._by_stock = {}
        for record in records:
            at = deadline_of(record)
            if at is not None:
                self.begin(record, at)

    def begin(self, record: Timed, at: int) -> None:
        """Follow a record with a deadline, `at`, that it did not have before."""
        if isinstance(record, StockRecord):
            self._all.push((at, STOCK.name, record.key))
            return
        deadline = (at, RESERVATION.name, (record.reservation_id,))
        self._all.push(deadline)
        store_id, by_stock = record.store_id, self._by_stock
        for sku, _ in record.lines:
            heap = by_stock.get((store_id, sku))
            if heap is None:
                heap = by_stock[store_id, sku] = _Heap(self._holds)
            heap.push(deadline)

    def leave(self, record: Timed) -> None:
        """Follow a record with a deadline that is about to end or to move it."""
        self._all.leave_one()
        if isinstance(record, StockRecord):
            return
        for line in record.lines:
            heap = self._by_stock.get((record.store_id, line.sku))
            if heap is not None:
                heap.leave_one()

    def _holds(self, deadline: Deadline) -> bool:
        at, table, key = deadline
        record: Timed | None
        if table == RESERVATION.name:
            record = self._view.get(RESERVATION, key)
        else:
            record = self._view.get(STOCK, key)
        return deadline_of(record) == at

    @property
    def earliest(self) -> int | None:
        """Return an instant, in ms, before which nothing falls due; None: nothing ever does."""
        entries = self._all.entries
        return entries[0][0] if entries else None

    @property
    def next(self) -> int | None:
        """Return the instant, in ms, at which something falls due; None: nothing ever does."""
        first = self._all.first()
        return None if first is None else first[0]

    def next_release(self, store_id: str, sku: str) -> int | None:
        """Return when the next reservation of the SKU expires, or None."""
        heap = self._by_stock.get((store_id, sku))
        first = None if heap is None else heap.first()
        return None if first is None else first[0]

    def due(self, now: int) -> ExpireReservation | LiftOut | None:
        """Return the action for the earliest deadline if it is due.

        Carrying it out changes the record, so that the next call finds the next deadline.
        """
        earliest = self.earliest
        if earliest is None or earliest > now:
            return None
        first = self._all.first()
        if first is None or first[0] > now:
            return None
        _, table, key = first
        return ExpireReservation(*key) if table == RESERVATION.name else LiftOut(*key)
