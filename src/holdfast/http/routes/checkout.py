"""The checkout frontend's five routes, which answer in the form that it expects."""

from typing import Any, Final

from holdfast.domain.commands import Action, CancelReservation, ConfirmReservation, ReserveStock
from holdfast.domain.records import ITEM, STOCK, Json, Line, Reservation, StockRecord
from holdfast.domain.rejections import Rejected
from holdfast.domain.values import instant_text
from holdfast.http.answer import Answer, json_answer
from holdfast.http.call import Call, new_id
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.owners import named_user_of, owner_of
from holdfast.http.problems import RejectedWith
from holdfast.http.query import PAGE, cursor_key, cursor_text, id_param
from holdfast.http.render_catalogue import name_of
from holdfast.http.routes.stock import all_of_sku
from holdfast.http.schemas import inputs, outputs
from holdfast.http.slices import Slices
from holdfast.ledger.port import Ledger, Reading

TAG: Final = "Checkout"


async def list_products(call: Call) -> Answer:
    """List what the shop shows, by SKU, summed over all stores unless one is named."""
    limit: int = call.query["limit"]
    after = cursor_key(call.query["cursor"], 1)
    store_id: str | None = call.query["storeId"]
    if store_id is not None:
        shown, more = await _of_store(call.ledger, store_id, after, limit)
    else:
        shown, more = await _of_all_stores(call.ledger, after, limit)
    next_cursor = cursor_text(shown[-1]["sku"]) if more else None
    return json_answer({"success": True, "data": shown, "nextCursor": next_cursor})


async def _of_store(
    ledger: Ledger, store_id: str, after: tuple[str, ...] | None, limit: int
) -> tuple[list[Json], bool]:
    reading = await ledger.read()
    start = None if after is None else (store_id, after[0])
    records = reading.stock_page(store_id, None, start, limit + 1)
    shown = [_product(reading, record.sku, [record]) for record in records[:limit]]
    return shown, len(records) > limit


async def _of_all_stores(
    ledger: Ledger, after: tuple[str, ...] | None, limit: int
) -> tuple[list[Json], bool]:
    """Sum page by page, giving the loop to others in between: a chain has many stores."""
    reading = await ledger.read()
    skus = reading.sku_page("" if after is None else after[0], limit + 1)
    shown: list[Json] = []
    slices = Slices()
    for sku in skus[:limit]:
        if slices.over:
            await slices.pause()
            reading = await ledger.read()
        shown.append(_product(reading, sku, all_of_sku(reading, sku)))
    return shown, len(skus) > limit


async def read_product(call: Call) -> Answer:
    """Read one product, summed over all stores unless one is named."""
    sku = call.params["sku"]
    store_id: str | None = call.query["storeId"]
    reading = await call.ledger.read()
    if store_id is None:
        records = all_of_sku(reading, sku)
    else:
        record = reading.get(STOCK, (store_id, sku))
        records = [] if record is None else [record]
    if not records:
        raise Rejected("not_found", f"There is no product {sku}.", {"sku": sku})
    return json_answer({"success": True, "data": _product(reading, sku, records)})


async def reserve_product(call: Call, body: inputs.CheckoutReserveBody) -> Answer:
    """Hold a product for a user.

    Whoever holds this product in this store already gets that reservation again, with 200,
    whatever quantity is asked.
    """
    user_id = named_user_of(call, body.user_id)
    store_id = body.store_id or await call.default_store_id()
    action = ReserveStock(
        new_id(),
        store_id,
        user_id,
        (Line(body.sku, body.quantity),),
        call.ttl_ms(body, body.ttl_seconds),
        reuse=True,
    )
    try:
        outcome = await call.ledger.execute(call.command(action))
    except Rejected as no:
        raise _with_quantities(no) from None
    data = _hold(outcome.reservations[0], outcome.existing)
    status = 200 if outcome.existing else 201
    return json_answer({"success": True, "data": data}, status, (), outcome.replayed)


async def confirm_checkout(call: Call, body: inputs.CheckoutEndBody) -> Answer:
    """The user bought what was held."""
    action = ConfirmReservation(body.reservation_id, await _owner_of(call, body))
    return await _end(call, action, "Your order is confirmed.")


async def cancel_checkout(call: Call, body: inputs.CheckoutEndBody) -> Answer:
    """The user gave up what was held."""
    action = CancelReservation(body.reservation_id, await _owner_of(call, body))
    return await _end(call, action, "Your reservation is cancelled.")


async def _owner_of(call: Call, body: inputs.CheckoutEndBody) -> str | None:
    named_user_of(call, body.user_id)
    return await owner_of(call, body.reservation_id, body.user_id)


async def _end(call: Call, action: Action, message: str) -> Answer:
    outcome = await call.ledger.execute(call.command(action))
    held = outcome.reservations[0]
    data = {"reservationId": held.reservation_id, "status": held.status, "message": message}
    return json_answer({"success": True, "data": data}, 200, (), outcome.replayed)


def _with_quantities(no: Rejected) -> Rejected:
    """Say a shortage the way the checkout reads it, too."""
    shortages = no.data.get("shortages")
    if not shortages:
        return no
    members = {
        "availableQuantity": shortages[0]["available"],
        "requestedQuantity": shortages[0]["requested"],
    }
    return RejectedWith(no.code, no.detail, no.data, members)


def _hold(held: Reservation, existing: bool) -> dict[str, Any]:
    line = held.lines[0]
    data: dict[str, Any] = {
        "reservationId": held.reservation_id,
        "sku": line.sku,
        "quantity": line.qty,
        "expiresAt": None if held.expires_at is None else instant_text(held.expires_at),
        "message": f"{line.qty} of {line.sku} held for you.",
    }
    if existing:
        data["isExisting"] = True
        data["message"] = f"You hold {line.qty} of {line.sku} already."
    return data


def _product(reading: Reading, sku: str, records: list[StockRecord]) -> Json:
    """Write a product; without an item it has no price and no picture."""
    item = reading.get(ITEM, (sku,))
    available = sum(record.available for record in records)
    reserved = sum(record.reserved for record in records)
    return {
        "sku": sku,
        "name": name_of(item, sku),
        "price": None if item is None else item.price,
        "imageUrl": None if item is None else item.image_url,
        "availableQuantity": available,
        "reservedQuantity": reserved,
        "totalQuantity": available + reserved,
    }


_STORE: Final = id_param("storeId", "Only what this store has.")
_END: Final = {200: Reply("How the reservation ended.", outputs.CheckoutEnded)}
_END_PROBLEMS: Final = (
    "not_found",
    "forbidden",
    "reservation_not_active",
    "reservation_expired",
)

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/inventory",
        handler=list_products,
        tag=TAG,
        query=(*PAGE, _STORE),
        replies={200: Reply("A page of products.", outputs.ShopPage)},
    ),
    Endpoint(
        method="GET",
        path="/inventory/{sku}",
        handler=read_product,
        tag=TAG,
        query=(_STORE,),
        replies={200: Reply("The product.", outputs.ShopItem)},
        problems=("not_found",),
    ),
    Endpoint(
        method="POST",
        path="/inventory/reserve",
        handler=reserve_product,
        tag=TAG,
        body=inputs.CheckoutReserveBody,
        replies={
            200: Reply("The user's reservation, which existed already.", outputs.CheckoutReserved),
            201: Reply("The new reservation.", outputs.CheckoutReserved),
        },
        problems=("not_found", "insufficient_stock"),
        writes=True,
    ),
    Endpoint(
        method="POST",
        path="/checkout/confirm",
        handler=confirm_checkout,
        tag=TAG,
        body=inputs.CheckoutEndBody,
        replies=_END,
        problems=_END_PROBLEMS,
        writes=True,
    ),
    Endpoint(
        method="POST",
        path="/checkout/cancel",
        handler=cancel_checkout,
        tag=TAG,
        body=inputs.CheckoutEndBody,
        replies=_END,
        problems=_END_PROBLEMS,
        writes=True,
    ),
)
