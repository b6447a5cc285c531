"""Records as clients see them."""

from holdfast.domain.availability import is_low
from holdfast.domain.commands import TransferStock
from holdfast.domain.records import Item, Json, Outcome, Reservation, StockRecord
from holdfast.domain.values import instant_text
from holdfast.http.render_catalogue import name_of


def stock_body(record: StockRecord) -> dict[str, Json]:
    """Write a stock record."""
    store_id, sku, on_hand, reserved, is_out, _, _, version, updated = record
    available = on_hand - reserved
    return {
        "storeId": store_id,
        "sku": sku,
        "onHand": on_hand,
        "reserved": reserved,
        "available": available,
        "sellable": 0 if is_out else available,
        "qty": available,
        "isOut": is_out,
        "version": version,
        "updatedAt": instant_text(updated),
    }


def listed_stock(record: StockRecord, item: Item | None) -> dict[str, Json]:
    """Write a stock record for a list, with what the catalogue says of it."""
    return {
        **stock_body(record),
        "name": name_of(item, record.sku),
        "lowStock": is_low(record.available, item),
    }


def reservation_body(held: Reservation) -> dict[str, Json]:
    """Write a reservation."""
    mine, store_id, user_id, status, lines, created, expires, ended, _, version = held
    return {
        "reservationId": mine,
        "storeId": store_id,
        "userId": user_id,
        "status": status,
        "lines": [{"sku": sku, "qty": qty} for sku, qty in lines],
        "createdAt": instant_text(created),
        "expiresAt": None if expires is None else instant_text(expires),
        "endedAt": None if ended is None else instant_text(ended),
        "version": version,
    }


def reserved_body(outcome: Outcome) -> dict[str, Json]:
    """Write a new hold on one SKU with the stock record after it."""
    body = reservation_body(outcome.reservations[0])
    body["stock"] = stock_body(outcome.stock[0])
    return body


def transfer_body(action: TransferStock, outcome: Outcome) -> dict[str, Json]:
    """Write both sides of a transfer."""
    records = {(record.store_id, record.sku): record for record in outcome.stock}
    lines = [
        {
            "sku": line.sku,
            "qty": line.qty,
            "from": stock_body(records[action.from_store_id, line.sku]),
            "to": stock_body(records[action.to_store_id, line.sku]),
        }
        for line in action.lines
    ]
    return {
        "fromStoreId": action.from_store_id,
        "toStoreId": action.to_store_id,
        "from": lines[0]["from"],
        "to": lines[0]["to"],
        "lines": lines,
    }
