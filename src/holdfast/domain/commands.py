"""What is asked of a tenant's stock. A command is an action with its origin.

Commands are complete: every identifier that the outcome needs was made at the edge, and times are
stamped by the ledger, so that deciding needs no clock and no chance.
"""

from typing import Final, NamedTuple

from holdfast.domain.records import Line
from holdfast.domain.tenants import TenantAction
from holdfast.domain.users import UserAction

#: An expected version that any existing record meets (`If-Match: *`).
ANY_VERSION: Final = -1


class AdjustStock(NamedTuple):
    """Change what is on hand by `delta`, which is not 0."""

    store_id: str
    sku: str
    delta: int
    expected_version: int | None = None
    reason: str | None = None
    occurred_at: int | None = None


class CountStock(NamedTuple):
    """Set what is on hand to what was counted."""

    store_id: str
    sku: str
    counted: int
    expected_version: int | None = None
    reason: str | None = None
    occurred_at: int | None = None


class ReceiveStock(NamedTuple):
    """Goods came in."""

    store_id: str
    sku: str
    qty: int
    expected_version: int | None = None
    reason: str | None = None
    occurred_at: int | None = None


class ShipStock(NamedTuple):
    """Goods went out: sold over the counter, or sent away."""

    store_id: str
    sku: str
    qty: int
    expected_version: int | None = None
    reason: str | None = None
    occurred_at: int | None = None


class TransferStock(NamedTuple):
    """Move goods between two stores of the tenant: both sides or neither."""

    from_store_id: str
    to_store_id: str
    lines: tuple[Line, ...]
    from_version: int | None = None
    to_version: int | None = None
    reason: str | None = None
    occurred_at: int | None = None


class SetOut(NamedTuple):
    """Mark a SKU as out (not to be promised to anybody), until an instant or until unmarked."""

    store_id: str
    sku: str
    is_out: bool
    reason: str | None = None
    until: int | None = None
    expected_version: int | None = None


class LiftOut(NamedTuple):
    """The instant came until which a SKU was marked as out. The ledger's own command."""

    store_id: str
    sku: str


class ReserveStock(NamedTuple):
    """Hold stock for somebody: all lines or none.

    `ttl_ms` None never expires. With `reuse`, an active one-line reservation of the same user,
    store and SKU is the answer, whatever quantity is asked.
    """

    reservation_id: str
    store_id: str
    user_id: str | None
    lines: tuple[Line, ...]
    ttl_ms: int | None
    expected_version: int | None = None
    reuse: bool = False


class ConfirmReservation(NamedTuple):
    """The reserved goods are taken: they leave what is on hand."""

    reservation_id: str
    user_id: str | None
    expected_version: int | None = None


class CancelReservation(NamedTuple):
    """The reserved goods are released."""

    reservation_id: str
    user_id: str | None
    expected_version: int | None = None


class ExtendReservation(NamedTuple):
    """The deadline moves to `ttl_ms` from now (None: never); it never comes nearer."""

    reservation_id: str
    user_id: str | None
    ttl_ms: int | None
    expected_version: int | None = None


class ExpireReservation(NamedTuple):
    """A reservation's deadline came. The ledger's own command."""

    reservation_id: str


class RefuseRow(NamedTuple):
    """A row of a bulk load that makes no sense was refused; only its source's mark moves."""

    code: str
    detail: str


class ApplyBatch(NamedTuple):
    """Many actions as one: one event, all or none."""

    actions: tuple["RowAction", ...]


class PutItem(NamedTuple):
    """Describe a SKU: make its item (`new`), or replace the whole of the one that is there."""

    sku: str
    name: str
    category: str | None = None
    unit: str | None = None
    price: int | None = None
    low_stock_threshold: int | None = None
    image_url: str | None = None
    description: str | None = None
    new: bool = False
    expected_version: int | None = None


class DeleteItem(NamedTuple):
    """Take an item out of the catalogue, once nothing is left of it and no recipe takes it."""

    sku: str
    expected_version: int | None = None


class PutLocation(NamedTuple):
    """Describe a store: make it (`new`; its stock may be there already), or replace it."""

    store_id: str
    name: str
    address: str | None = None
    timezone: str | None = None
    new: bool = False
    expected_version: int | None = None


class DeleteLocation(NamedTuple):
    """Close a store that holds no stock and has no order pending."""

    store_id: str
    expected_version: int | None = None


class PutMenuItem(NamedTuple):
    """Put a dish on the menu (`new`), or replace the whole of the one that is there."""

    id: str
    name: str
    price: int
    category: str | None = None
    is_available: bool = True
    recipe: tuple[Line, ...] = ()
    description: str | None = None
    image_url: str | None = None
    new: bool = False
    expected_version: int | None = None


class SetRecipe(NamedTuple):
    """Say what one portion of a dish takes; nothing else about the dish changes."""

    id: str
    recipe: tuple[Line, ...]
    expected_version: int | None = None


class DeleteMenuItem(NamedTuple):
    """Take a dish off the menu; orders keep what they know of it."""

    id: str
    expected_version: int | None = None


class Portions(NamedTuple):
    """So many of one dish."""

    id: str
    qty: int


class PlaceOrder(NamedTuple):
    """Order dishes and reserve all that they take, or nothing; see `ReserveStock` for `ttl_ms`."""

    order_id: str
    store_id: str
    items: tuple[Portions, ...]
    customer: str
    user_id: str | None
    ttl_ms: int | None


class ConfirmOrder(NamedTuple):
    """The order is made: its ingredients leave what is on hand."""

    order_id: str
    user_id: str | None
    expected_version: int | None = None


class CancelOrder(NamedTuple):
    """The order is called off: its ingredients are released."""

    order_id: str
    user_id: str | None
    expected_version: int | None = None


class AcknowledgeAlert(NamedTuple):
    """Somebody, the command's actor, has seen the alert."""

    alert_id: str
    expected_version: int | None = None


RowAction = (
    AdjustStock
    | CountStock
    | ReceiveStock
    | ShipStock
    | TransferStock
    | SetOut
    | ReserveStock
    | ConfirmReservation
    | CancelReservation
    | ExtendReservation
)
CatalogueAction = (
    PutItem
    | DeleteItem
    | PutLocation
    | DeleteLocation
    | PutMenuItem
    | SetRecipe
    | DeleteMenuItem
    | AcknowledgeAlert
)
OrderAction = PlaceOrder | ConfirmOrder | CancelOrder
Action = (
    RowAction
    | ApplyBatch
    | RefuseRow
    | ExpireReservation
    | LiftOut
    | CatalogueAction
    | OrderAction
    | TenantAction
    | UserAction
)


class Idempotency(NamedTuple):
    """A caller's key for one request, with what tells that request from another."""

    key: str
    fingerprint: str
    ttl_ms: int


class SourceLine(NamedTuple):
    """A row's place in a bulk load: it is decided only when the source's mark is `after`."""

    name: str
    after: int
    line: int


class Command(NamedTuple):
    """An action with its origin: who asked, under which request, and what guards a repetition."""

    action: Action
    event_id: str
    actor: str
    request_id: str
    idempotency: Idempotency | None = None
    source: SourceLine | None = None
    #: How long a reservation that this command ends stays readable.
    retention_ms: int = 30 * 24 * 3600 * 1000
