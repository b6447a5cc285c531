"""What exists: the records of one tenant, and the small view through which they are reached.

Records are immutable; a change puts a new record in the place of the old one. A table is only a
name with types, so that `view.get(STOCK, key)` is known to be a stock record.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from holdfast.domain.tenants import Domain, Tenant
from holdfast.domain.users import User

#: A key is a tuple of texts in every table, so that keys of all tables sort among each other.
Key = tuple[str, ...]
#: What JSON can hold, as it leaves and enters the domain.
Json = Any

ACTIVE: Final = "active"
CONFIRMED: Final = "confirmed"
CANCELLED: Final = "cancelled"
EXPIRED: Final = "expired"

#: An order's status follows that of its reservation.
PENDING: Final = "PENDING"
ORDER_STATUS: Final = {
    ACTIVE: PENDING,
    CONFIRMED: "CONFIRMED",
    CANCELLED: "CANCELLED",
    EXPIRED: "EXPIRED",
}

OPEN: Final = "open"
ACKNOWLEDGED: Final = "acknowledged"
RESOLVED: Final = "resolved"

RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Table(Generic[RecordT]):
    """A kind of record: a name that carries the record's type."""

    name: str
    #: When a record may be forgotten, in ms; None for a table that keeps its records.
    forget_at: Callable[[RecordT], int | None] | None = None
    #: A deleted record leaves its version behind, and one of the same name counts on from it.
    leaves_version: bool = False
    #: State does more with a record than to keep it.
    followed: bool = False

    def __post_init__(self) -> None:
        """Follow whatever is forgotten one day."""
        object.__setattr__(self, "followed", self.followed or self.forget_at is not None)


#: One record put in its place, or (None) taken away.
Change = tuple[Table[Any], Key, Any]


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
    #: Records of all other tables, table by table, and behind them those that were deleted.
    records: tuple[Change, ...] = ()

    def first(self, table: Table[RecordT]) -> RecordT | None:
        """Return the first record of one of those tables, or None."""
        found: Iterable[RecordT] = (each for other, _, each in self.records if other is table)
        return next(iter(found), None)


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
    """A place that holds stock: it exists from its first stock record on, or when it is named."""

    store_id: str
    created_at: int
    name: str | None = None
    address: str | None = None
    timezone: str | None = None
    version: int = 1
    #: None as long as nobody has described it.
    updated_at: int | None = None

    @property
    def key(self) -> Key:
        """The record's key in `STORE`."""
        return (self.store_id,)


class Item(NamedTuple):
    """What a SKU is, for people; stock may exist before it. `price` is in minor units."""

    sku: str
    name: str
    category: str | None = None
    unit: str | None = None
    price: int | None = None
    #: Stock is low when so many, or fewer, are available; None: nobody wants to know.
    low_stock_threshold: int | None = None
    image_url: str | None = None
    description: str | None = None
    version: int = 0
    updated_at: int = 0

    @property
    def key(self) -> Key:
        """The record's key in `ITEM`."""
        return (self.sku,)


class MenuItem(NamedTuple):
    """A dish: what guests order, and what one portion takes of each SKU (`()`: nothing)."""

    id: str
    name: str
    #: In minor units.
    price: int
    category: str | None = None
    #: The manual switch; whether there is enough of everything is worked out, never stored.
    is_available: bool = True
    recipe: tuple[Line, ...] = ()
    description: str | None = None
    image_url: str | None = None
    version: int = 0
    updated_at: int = 0

    @property
    def key(self) -> Key:
        """The record's key in `MENU_ITEM`."""
        return (self.id,)


class OrderItem(NamedTuple):
    """So many of a dish, with its name and price when it was ordered."""

    id: str
    name: str
    price: int
    qty: int


class Order(NamedTuple):
    """What a guest ordered. Its reservation has the same id, and the order follows it."""

    id: str
    store_id: str
    user_id: str | None
    customer: str
    status: str
    items: tuple[OrderItem, ...]
    total_amount: int
    created_at: int
    expires_at: int | None
    ended_at: int | None
    #: Once ended, the order is readable until this instant; then it may be forgotten.
    kept_until: int | None
    version: int

    @property
    def key(self) -> Key:
        """The record's key in `ORDER`."""
        return (self.id,)

    @property
    def reservation_id(self) -> str:
        """The reservation that holds the ingredients."""
        return self.id


class Alert(NamedTuple):
    """A SKU ran low in a store. Of each, at most one alert is not resolved."""

    id: str
    store_id: str
    sku: str
    status: str
    #: The threshold, and what was available, when the alert was opened.
    threshold: int
    available: int
    opened_at: int
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    resolved_at: int | None = None
    #: Once resolved, the alert is readable until this instant; then it may be forgotten.
    kept_until: int | None = None
    version: int = 1

    @property
    def key(self) -> Key:
        """The record's key in `ALERT`."""
        return (self.id,)


class LowStock(NamedTuple):
    """Which alert of a SKU in a store is not resolved: an index, kept as records are."""

    store_id: str
    sku: str
    alert_id: str

    @property
    def key(self) -> Key:
        """The record's key in `LOW_STOCK`."""
        return (self.store_id, self.sku)


class Tombstone(NamedTuple):
    """The last version of a record that was deleted; its key begins with its table's name."""

    key: Key
    version: int


STOCK: Final[Table[StockRecord]] = Table("stock")
RESERVATION: Final[Table[Reservation]] = Table("reservations", lambda record: record.kept_until)
KEY: Final[Table[RememberedKey]] = Table("keys", lambda record: record.expires_at)
SOURCE: Final[Table[Source]] = Table("sources")
REFUSAL: Final[Table[Refusal]] = Table("refusals")
STORE: Final[Table[Store]] = Table("stores", leaves_version=True)
ITEM: Final[Table[Item]] = Table("items", leaves_version=True, followed=True)
MENU_ITEM: Final[Table[MenuItem]] = Table("menu", leaves_version=True)
ORDER: Final[Table[Order]] = Table("orders", lambda record: record.kept_until)
ALERT: Final[Table[Alert]] = Table("alerts", lambda record: record.kept_until)
LOW_STOCK: Final[Table[LowStock]] = Table("low-stock")
TOMBSTONE: Final[Table[Tombstone]] = Table("tombstones")
#: Only the system journal has any of these.
TENANT: Final[Table[Tenant]] = Table("tenants", leaves_version=True)
DOMAIN: Final[Table[Domain]] = Table("domains")
USER: Final[Table[User]] = Table("users")
_STOCK_TABLES: Final = (STOCK, RESERVATION, KEY, SOURCE, REFUSAL, STORE)
_SALE_TABLES: Final = (ITEM, MENU_ITEM, ORDER, ALERT, LOW_STOCK, TOMBSTONE)
TABLES: Final[dict[str, Table[Any]]] = {
    table.name: table for table in (*_STOCK_TABLES, *_SALE_TABLES, TENANT, DOMAIN, USER)
}


class View(Protocol):
    """How the business reaches records, whatever keeps them."""

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """Return the record of that key, or None."""


class EvolveView(View, Protocol):
    """What an event's changes need besides."""

    @property
    def thresholds(self) -> Mapping[str, int]:
        """The low-stock threshold of every SKU whose item has one."""


class DecisionView(EvolveView, Protocol):
    """What a decision needs besides, from indexes over the records."""

    def open_reservation(self, store_id: str, sku: str, user_id: str) -> str | None:
        """Return an active reservation of that user and of that SKU alone, or None.

        Those of orders do not count: what an order holds is not for a second purchase.
        """

    def next_release(self, store_id: str, sku: str) -> int | None:
        """Return the earliest deadline of an active reservation of the SKU, or None."""

    def each(self, table: Table[RecordT]) -> Iterable[RecordT]:
        """Walk all records of a table, in no order; for tables that people fill by hand."""

    def stock_of_sku(self, sku: str) -> Iterable[StockRecord]:
        """Walk the stock records of a SKU, by store."""

    def stock_of_store(self, store_id: str) -> Iterable[StockRecord]:
        """Walk the stock records of a store, by SKU."""
