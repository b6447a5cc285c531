"""The scratch paper of one decision: records as they would be after it."""

from typing import Any

from holdfast.domain.commands import ANY_VERSION, Command
from holdfast.domain.records import (
    RESERVATION,
    STOCK,
    STORE,
    TOMBSTONE,
    Change,
    DecisionView,
    Key,
    Outcome,
    RecordT,
    Reservation,
    StockRecord,
    Store,
    Table,
)
from holdfast.domain.rejections import invalid, unknown_stock, version_conflict
from holdfast.domain.values import QUANTITY_MAX


class InvariantViolation(Exception):
    """A bug: a rule that always holds would be broken. The tenant must stop."""


class Draft:
    """Records read through a view, with this decision's own changes laid over it.

    However often one decision changes a record, the record gains one version.
    """

    #: Records of other tables by table and key, None where one is deleted; few decisions have any.
    _records: dict[tuple[Table[Any], Key], Any] | None = None

    def __init__(self, view: DecisionView, command: Command, now: int) -> None:
        self.view = view
        self.command = command
        self.now = now
        self._stock: dict[tuple[str, str], StockRecord] = {}
        self._reservations: dict[str, Reservation] = {}
        #: The keys of those that change, false when nothing does; the others are only shown.
        self.changed: set[Key | str] = set()

    @property
    def outcome(self) -> Outcome:
        """The records that were changed or shown, in the order of their first use."""
        stock, reservations = tuple(self._stock.values()), tuple(self._reservations.values())
        if self._records is None:
            return Outcome(stock, reservations)
        return Outcome(stock, reservations, records=self._in_order(self._records))

    @staticmethod
    def _in_order(records: dict[tuple[Table[Any], Key], Any]) -> tuple[Change, ...]:
        """Return what is put table by table, and behind it what is deleted."""
        tables = list(dict.fromkeys(table for table, _ in records))
        changes: list[Change] = [(*place, record) for place, record in records.items()]
        changes.sort(key=lambda change: (change[2] is None, tables.index(change[0])))
        return tuple(changes)

    def stock(self, store_id: str, sku: str) -> StockRecord | None:
        """Return the stock record as this decision has it so far."""
        key = (store_id, sku)
        return self._stock.get(key) or self.view.get(STOCK, key)

    def known_stock(self, store_id: str, sku: str) -> StockRecord:
        """Return the stock record, or refuse because the store never had the SKU."""
        record = self.stock(store_id, sku)
        if record is None:
            raise unknown_stock(store_id, [sku])
        return record

    def stock_or_new(self, store_id: str, sku: str) -> StockRecord:
        """Return the stock record, or an empty one at version 0; goods are about to come in."""
        record = self.stock(store_id, sku)
        if record is None:
            return StockRecord(store_id, sku, 0, 0, False, None, None, 0, self.now)
        if record.on_hand == 0:
            self._open_again(store_id)
        return record

    def _open_again(self, store_id: str) -> None:
        """Make a store exist that was deleted: then all its stock records are empty."""
        if self.record(STORE, (store_id,)) is None:
            version = self.last_version(STORE, (store_id,)) + 1
            self.put(STORE, (store_id,), Store(store_id, self.now, version=version))

    def expect(self, store_id: str, sku: str, expected: int | None) -> None:
        """Refuse unless the stock record is at the version that the caller has seen.

        What counts is the version before this decision, so that lines of one batch may each
        name the version that their caller read.
        """
        if expected is None:
            return
        before = self.view.get(STOCK, (store_id, sku))
        require_version(f"{sku} in {store_id}", 0 if before is None else before.version, expected)

    def set_levels(self, record: StockRecord, on_hand: int, reserved: int) -> None:
        """Put new numbers in a stock record.

        Raises:
            Rejected: the number would be larger than what can be counted.
            InvariantViolation: more would be reserved than is on hand.
        """
        if on_hand > QUANTITY_MAX:
            raise invalid("", f"{record.sku} in {record.store_id} would exceed {QUANTITY_MAX}.")
        if not on_hand >= reserved >= 0:
            raise InvariantViolation(f"{record.key}: on hand {on_hand}, reserved {reserved}")
        store_id, sku, _, _, is_out, out_reason, out_until, version, _ = record
        key = (store_id, sku)
        if key not in self.changed:
            self.changed.add(key)
            version += 1  # Once, however often this decision changes it.
        self._stock[key] = StockRecord(
            store_id, sku, on_hand, reserved, is_out, out_reason, out_until, version, self.now
        )

    def set_out(
        self, record: StockRecord, is_out: bool, reason: str | None, until: int | None
    ) -> None:
        """Mark a stock record as out, or take the flag off."""
        marked = record._replace(is_out=is_out, out_reason=reason, out_until=until)
        self.set_levels(marked, marked.on_hand, marked.reserved)

    def show_stock(self, record: StockRecord) -> None:
        """Answer with a record that this decision does not change."""
        self._stock.setdefault((record.store_id, record.sku), record)

    def reservation(self, reservation_id: str) -> Reservation | None:
        """Return the reservation as this decision has it so far."""
        return self._reservations.get(reservation_id) or self.view.get(
            RESERVATION, (reservation_id,)
        )

    def put_reservation(self, reservation: Reservation) -> None:
        """Change a reservation; `reservation` comes with the version before."""
        mine, version = reservation.reservation_id, reservation.version
        if mine not in self.changed:
            self.changed.add(mine)
            version += 1
        self._reservations[mine] = Reservation(*reservation[:-1], version)

    def add_reservation(self, reservation: Reservation) -> None:
        """Make a reservation; it comes with its first version."""
        self.changed.add(reservation.reservation_id)
        self._reservations[reservation.reservation_id] = reservation

    def show_reservation(self, reservation: Reservation) -> None:
        """Answer with a reservation that this decision does not change."""
        self._reservations.setdefault(reservation.reservation_id, reservation)

    # Records of all other tables.

    def record(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """Return the record as this decision has it so far."""
        if self._records is not None and (table, key) in self._records:
            found: RecordT | None = self._records[table, key]
            return found
        return self.view.get(table, key)

    def last_version(self, table: Table[Any], key: Key) -> int:
        """Return the version that a change goes on from: of the record, or of one deleted."""
        before = self.view.get(table, key) or self.view.get(TOMBSTONE, (table.name, *key))
        return 0 if before is None else before.version

    def put(self, table: Table[RecordT], key: Key, record: RecordT) -> None:
        """Put a record, which comes with its new version, in its place."""
        self.changed.add((table.name, *key))
        self._place(table, key, record)

    def delete(self, table: Table[Any], key: Key) -> None:
        """Take a record away."""
        self.changed.add((table.name, *key))
        self._place(table, key, None)

    def show(self, table: Table[RecordT], key: Key, record: RecordT) -> None:
        """Answer with a record that this decision does not change."""
        if self._records is None or (table, key) not in self._records:
            self._place(table, key, record)

    def _place(self, table: Table[RecordT], key: Key, record: RecordT | None) -> None:
        if self._records is None:
            self._records = {}
        self._records[table, key] = record


def require_version(what: str, current: int, expected: int | None) -> None:
    """Refuse a write that was made for another version of `what` (0: it does not exist yet)."""
    if expected is None or expected == current or (expected == ANY_VERSION and current > 0):
        return
    raise version_conflict(what, current)
