"""Records as clients see them."""

from holdfast.domain.commands import TransferStock
from holdfast.domain.records import Json, Outcome, Reservation, StockRecord
from holdfast.domain.values import instant_text


def stock_body(record: StockRecord) -> dict[str, Json]:
    """Write a stock record."""
    available = record.on_hand - record.reserved
    return {
        "storeId": record.store_id,
        "sku": record.sku,
        "onHand": record.on_hand,
        "reserved": record.reserved,
        "available": available,
        "sellable": 0 if record.is_out else available,
        "qty": available,
        "isOut": record.is_out,
        "version": record.version,
        "updatedAt": instant_text(record.updated_at),
    }


def listed_stock(record: StockRecord) -> dict[str, Json]:
    """Write a stock record for a list; there is no catalogue yet, so its SKU is its name."""
    return {**stock_body(record), "name": record.sku, "lowStock": False}


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
    return {**reservation_body(outcome.reservations[0]), "stock": stock_body(outcome.stock[0])}


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
