"""What readers see: committed records at one moment of the tenant's time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from holdfast.domain.records import (
    REFUSAL,
    RESERVATION,
    STOCK,
    Key,
    RecordT,
    Refusal,
    Reservation,
    StockRecord,
    Table,
    View,
)
from holdfast.domain.state import State
from holdfast.ledger.listing import Listing
from holdfast.ledger.port import ReservationFilter

#: Records looked at for one page, at most, so that a rare filter cannot hold up the loop.
SCANNED_PER_PAGE_MAX = 10_000


class CommittedReading:
    """The committed state; `exact` is False when `view` has deadlines that were only worked out."""

    def __init__(
        self, view: View, state: State, listing: Listing, *, sequence: int, now: int, exact: bool
    ) -> None:
        self._view = view
        self._state = state
        self._listing = listing
        self.sequence = sequence
        self.now = now
        self.exact = exact

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """Return the record of that key, or None."""
        return self._view.get(table, key)

    def records(self, table: Table[RecordT]) -> Mapping[Key, RecordT]:
        """Return a whole table as it is committed, without what was only worked out."""
        return self._state.records(table)

    def stock_page(
        self, store_id: str | None, sku: str | None, after: Key | None, limit: int
    ) -> list[StockRecord]:
        """Return up to `limit` stock records with (storeId, sku) above `after`, in that order."""
        page: list[StockRecord] = []
        for key in self._stock_keys(store_id, sku, after):
            record = self.get(STOCK, key)
            if record is not None:
                page.append(record)
            if len(page) == limit:
                break
        return page

    def _stock_keys(
        self, store_id: str | None, sku: str | None, after: Key | None
    ) -> Iterable[Key]:
        if store_id is not None and sku is not None:
            key = (store_id, sku)
            return [key] if after is None or key > after else []
        if sku is not None:
            by_sku = self._listing.stock_by_sku.above((sku, ""))
            keys = _while_first(by_sku, 1, sku)
            return keys if after is None else (key for key in keys if key > after)
        if store_id is not None:
            start = max(after or (store_id, ""), (store_id, ""))
            return _while_first(self._listing.stock.above(start), 0, store_id)
        return self._listing.stock.above(after or ("", ""))

    def sku_page(self, after: str, limit: int) -> list[str]:
        """Return up to `limit` SKUs above `after` that any store has, rising."""
        return list(islice(self._listing.skus_above(after), limit))

    def page(
        self,
        table: Table[RecordT],
        after: Key | None,
        limit: int,
        wanted: Callable[[RecordT], bool] | None = None,
    ) -> tuple[list[RecordT], Key | None]:
        """Return up to `limit` records by key, above `after`, and where to go on, if at all.

        A page may hold fewer than `limit`, even none, and still say where to go on.
        """
        page: list[RecordT] = []
        last: Key | None = None
        for scanned, key in enumerate(self._listing.of(table).above(after or ("",))):
            if len(page) == limit or scanned == SCANNED_PER_PAGE_MAX:
                return page, last
            last = key
            record = self.get(table, key)
            if record is not None and (wanted is None or wanted(record)):
                page.append(record)
        return page, None

    def reservation_page(
        self, wanted: ReservationFilter, after: Key | None, limit: int
    ) -> tuple[list[Reservation], Key | None]:
        """Return up to `limit` reservations by id, above `after`, and where to go on; see `page`."""
        return self.page(RESERVATION, after, limit, lambda held: _matches(held, wanted))

    def refusal_page(self, source: str, after_line: int, limit: int) -> list[Refusal]:
        """Return up to `limit` refused lines of a source, above `after_line`, rising."""
        above = self._listing.refusals.above((source, f"{after_line:016d}"))
        keys = islice(_while_first(above, 0, source), limit)
        found = (self.get(REFUSAL, key) for key in keys)
        return [refusal for refusal in found if refusal is not None]


def _while_first(keys: Iterable[Key], position: int, value: str) -> Iterator[Key]:
    for key in keys:
        if key[position] != value:
            return
        yield key


def _matches(reservation: Reservation, wanted: ReservationFilter) -> bool:
    return (
        wanted.status in (None, reservation.status)
        and wanted.user_id in (None, reservation.user_id)
        and wanted.store_id in (None, reservation.store_id)
    )
