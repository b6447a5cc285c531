"""What exists: the records of one tenant, and the small view through which they are reached.

Records are immutable; a change puts a new record in the place of the old one. A table is only a
name with types, so that `view.get(STOCK, key)` is known to be a stock record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

#: A key is a tuple of texts in every table, so that keys of all tables sort among each other.
Key = tuple[str, ...]
#: What JSON can hold, as it leaves and enters the domain.
Json = Any

ACTIVE: Final = "active"
CONFIRMED: Final = "confirmed"
CANCELLED: Final = "cancelled"
EXPIRED: Final = "expired"


class StockRecord(NamedTuple):
    """One SKU in one store. Always `on_hand >= reserved >= 0`."""

    store_id: str
    sku: str
    on_hand: int
    reserved: int
    is_out: bool
    out_reason: str | None
    out_until: int | None
    version: int
    updated_at: int

    @property
    def key(self) -> Key:
        """The record's key in `STOCK`."""
        return (self.store_id, self.sku)

    @property
    def available(self) -> int:
        """What is on hand and not reserved."""
        return self.on_hand - self.reserved

    @property
    def sellable(self) -> int:
        """What may be promised now: nothing while the SKU is marked out."""
        return 0 if self.is_out else self.on_hand - self.reserved


class Line(NamedTuple):
    """A quantity of one SKU."""

    sku: str
    qty: int


class Reservation(NamedTuple):
    """A hold on stock in one store; it counts until exactly `expires_at` (None: for ever)."""

    reservation_id: str
    store_id: str
    user_id: str | None
    status: str
    lines: tuple[Line, ...]
    created_at: int
    expires_at: int | None
    ended_at: int | None
    #: Once ended, the reservation is readable until this instant; then it may be forgotten.
    kept_until: int | None
    version: int

    @property
    def key(self) -> Key:
        """The record's key in `RESERVATION`."""
        return (self.reservation_id,)


class Outcome(NamedTuple):
    """What a command came to: the records to answer with, as they were at that moment."""

    stock: tuple[StockRecord, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    #: A checkout found this user's reservation instead of making one.
    existing: bool = False
    #: The answer was remembered by an idempotency key.
    replayed: bool = False


class RememberedKey(NamedTuple):
    """An idempotency key with the answer that belongs to it."""

    caller: str
    key: str
    fingerprint: str
    expires_at: int
    outcome: Outcome


class Source(NamedTuple):
    """A bulk load's place: the last line that was decided, for good."""

    name: str
    mark: int
    refused: int


class Refusal(NamedTuple):
    """A line of a bulk load that was refused, and why."""

    source: str
    line: int
    code: str
    detail: str


class Store(NamedTuple):
    """A place that holds stock; it exists from its first stock record on."""

    store_id: str
    created_at: int


RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Table(Generic[RecordT]):
    """A kind of record: a name that carries the record's type."""

    name: str
    #: When a record may be forgotten, in ms; None for a table that keeps its records.
    forget_at: Callable[[RecordT], int | None] | None = None


STOCK: Final[Table[StockRecord]] = Table("stock")
RESERVATION: Final[Table[Reservation]] = Table("reservations", lambda record: record.kept_until)
KEY: Final[Table[RememberedKey]] = Table("keys", lambda record: record.expires_at)
SOURCE: Final[Table[Source]] = Table("sources")
REFUSAL: Final[Table[Refusal]] = Table("refusals")
STORE: Final[Table[Store]] = Table("stores")
TABLES: Final[dict[str, Table[Any]]] = {
    table.name: table for table in (STOCK, RESERVATION, KEY, SOURCE, REFUSAL, STORE)
}

#: One record put in its place, or (None) taken away.
Change = tuple[Table[Any], Key, Any]


class View(Protocol):
    """How the business reaches records, whatever keeps them."""

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """Return the record of that key, or None."""


class DecisionView(View, Protocol):
    """What a decision needs besides, from indexes over the reservations."""

    def open_reservation(self, store_id: str, sku: str, user_id: str) -> str | None:
        """Return the id of an active one-line reservation of that user and SKU, or None."""

    def next_release(self, store_id: str, sku: str) -> int | None:
        """Return the earliest deadline of an active reservation of the SKU, or None."""
