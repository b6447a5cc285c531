"""What answers look like."""

from typing import Annotated, Any, Literal

from pydantic import Field

from holdfast.http.schemas.base import Count, Id, JsonObject, Output, Sku, Time, Version


class StockRecord(Output):
    """One SKU in one store. `available` is `onHand - reserved`; none of the three is negative."""

    store_id: Id
    sku: Sku
    on_hand: Count = Field(description="What is in the store.")
    reserved: Count = Field(description="What of it is held by active reservations.")
    available: Count = Field(description="`onHand - reserved`.")
    sellable: Count = Field(description="`available`, or 0 while `isOut`.")
    qty: Count = Field(description="The same as `available`, for existing clients.")
    is_out: bool = Field(description="Marked as out: nobody may reserve it.")
    version: Version
    updated_at: Time


class ListedStock(StockRecord):
    """A stock record in a list."""

    name: str = Field(description="The item's name; the SKU while there is no item.")
    low_stock: bool = Field(
        description="At or below the item's threshold; false while it has none."
    )


class Page(Output):
    next_cursor: str | None = Field(description="Where the next page begins; null at the end.")


class StockPage(Page):
    items: list[ListedStock]


class StockTotals(Output):
    """A SKU over all stores."""

    sku: Sku
    name: str
    on_hand: Count
    reserved: Count
    available: Count
    sellable: Count
    qty: Count
    stores: list[StockRecord]


class LineOut(Output):
    sku: Sku
    qty: Count


class Reservation(Output):
    """A hold on stock; it counts until exactly `expiresAt`."""

    reservation_id: Id
    store_id: Id
    user_id: str | None
    status: Literal["active", "confirmed", "cancelled", "expired"]
    lines: list[LineOut]
    created_at: Time
    expires_at: Time | None = Field(description="Null: it never expires.")
    ended_at: Time | None
    version: Version


class Reserved(Reservation):
    """A new hold on one SKU, and the stock record after it."""

    stock: StockRecord


class ReservationPage(Page):
    items: list[Reservation]


class TransferLine(Output):
    sku: Sku
    qty: Count
    from_: StockRecord = Field(alias="from")
    to: StockRecord


class Transferred(Output):
    """Both sides of a transfer; `from` and `to` are those of the first line."""

    from_store_id: Id
    to_store_id: Id
    from_: StockRecord = Field(alias="from")
    to: StockRecord
    lines: list[TransferLine]


class ShopRecord(Output):
    """A product as the shop shows it."""

    sku: Sku
    name: str = Field(description="The SKU while there is no item.")
    price: int | None = Field(description="In minor currency units; null while no item says it.")
    image_url: str | None
    available_quantity: Count = Field(description="On hand and not reserved.")
    reserved_quantity: Count
    total_quantity: Count = Field(description="`availableQuantity + reservedQuantity`.")


class ShopPage(Output):
    success: Literal[True]
    data: list[ShopRecord]
    next_cursor: str | None


class ShopItem(Output):
    success: Literal[True]
    data: ShopRecord


class Hold(Output):
    reservation_id: Id
    sku: Sku
    quantity: Count
    expires_at: Time | None
    message: str
    is_existing: Literal[True] | None = Field(
        None, description="Present when the user held this SKU already."
    )


class CheckoutReserved(Output):
    success: Literal[True]
    data: Hold


class HoldEnd(Output):
    reservation_id: Id
    status: Literal["confirmed", "cancelled"]
    message: str


class CheckoutEnded(Output):
    success: Literal[True]
    data: HoldEnd


class Event(Output):
    """A fact as it stands in the journal."""

    event_id: str
    sequence: Count
    ts: Time
    type: str
    version: Count
    actor: str
    request_id: str
    payload: JsonObject
    idempotency_key: str | None = None
    fingerprint: str | None = None
    key_expires_at: Time | None = None
    source: JsonObject | None = None


class EventPage(Page):
    items: list[Event]
    after: Count = Field(description="The `after` to ask with next.")
    last_sequence: Count = Field(description="The newest event there is.")


class Balance(Output):
    store_id: Id
    sku: Sku
    on_hand: Count
    reserved: Count
    available: Count
    version: Version


class Transaction(Output):
    """What happened: who, when, what, why, and the balances after it."""

    sequence: Count
    at: Time
    type: str
    actor: str
    request_id: str
    reason: str | None
    occurred_at: Time | None
    facts: JsonObject = Field(
        description=(
            "What was asked, as the event tells it, and under `items`, `stores`, `menu`, `orders` "
            "and `alerts` those records after it; `deleted` has the ids of what is gone."
        )
    )
    balances: list[Balance]
    reservations: list[Reservation]


class TransactionPage(Page):
    items: list[Transaction]


class BatchSource(Page):
    """A bulk load's place."""

    name: Id
    mark: Count = Field(description="The last line that was decided; 0 before the first.")
    refused: Count = Field(description="How many lines were refused so far.")
    items: list["RefusedLine"]


class RefusedLine(Output):
    line: Count
    code: str
    detail: str


class BatchResult(Output):
    """One line of a batch's answer: `status`, and the single route's answer or problem."""

    model_config = Output.model_config | {"extra": "allow"}
    status: int = Field(description="As for the single request; 0: not decided.")
    reservation_status: Literal["active", "confirmed", "cancelled", "expired"] | None = Field(
        None, description="What is `status` in a reservation; here that word is taken."
    )
    replayed: Literal[True] | None = Field(
        None, description="This row's key was used before; it is the answer from then."
    )
    code: str | None = None
    detail: str | None = None
    details: JsonObject | None = None


class Alive(Output):
    status: Literal["ok"]


class Readiness(Output):
    ready: bool
    mode: Literal["ready", "shedding", "read_only", "draining"]
    breakers: dict[str, Literal["closed", "open", "half_open"]]
    queue_depth: Count


class Counters(Output):
    """Counters since the start of the process."""

    model_config = Output.model_config | {"extra": "allow"}
    requests: Count
    errors: Count
    conflicts: Count
    idempotent_hits: Count
    rate_limited: Count
    shed: Count
    breaker_open: Count
    breaker_half_open: Count
    breaker_closed: Count
    fs_retries: Count
    snapshots: Count
    checkpoints: Count
    events: Count
    flushes: Count
    flush_ms: Count
    lock_acquired: Count
    lock_contended: Count
    lock_stolen: Count
    log_lines_lost: Count


class Problem(Output):
    """Why not (RFC 9457)."""

    model_config = Output.model_config | {"extra": "allow"}
    type: str = Field(description="A URN that ends in `code`.")
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str = Field(description="A sentence for the person at the screen.")
    code: str = Field(description="Stable; what programs act on.")
    details: dict[str, Any]
    request_id: str
    success: Literal[False]
    message: str = Field(description="The same as `detail`.")
