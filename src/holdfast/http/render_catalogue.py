"""Items, locations, dishes, orders and alerts as clients see them."""

from holdfast.domain.availability import Availability
from holdfast.domain.records import Alert, Item, Json, MenuItem, Order, Store
from holdfast.domain.values import instant_text


def name_of(item: Item | None, sku: str) -> str:
    """What people call a SKU: the item's name; the SKU while there is no item."""
    return sku if item is None else item.name


def item_body(item: Item) -> dict[str, Json]:
    """Write an item."""
    return {
        "sku": item.sku,
        "name": item.name,
        "category": item.category,
        "unit": item.unit,
        "price": item.price,
        "lowStockThreshold": item.low_stock_threshold,
        "imageUrl": item.image_url,
        "description": item.description,
        "version": item.version,
        "updatedAt": instant_text(item.updated_at),
    }


def location_body(store: Store) -> dict[str, Json]:
    """Write a location; nobody may have described it yet."""
    updated_at = store.created_at if store.updated_at is None else store.updated_at
    return {
        "storeId": store.store_id,
        "name": store.store_id if store.name is None else store.name,
        "address": store.address,
        "timezone": store.timezone,
        "createdAt": instant_text(store.created_at),
        "updatedAt": instant_text(updated_at),
        "version": store.version,
    }


def dish_body(dish: MenuItem) -> dict[str, Json]:
    """Write a dish as managers see it."""
    return {
        "id": dish.id,
        "name": dish.name,
        "price": dish.price,
        "category": dish.category,
        "isAvailable": dish.is_available,
        "recipe": [{"sku": sku, "qty": qty} for sku, qty in dish.recipe],
        "description": dish.description,
        "imageUrl": dish.image_url,
        "version": dish.version,
        "updatedAt": instant_text(dish.updated_at),
    }


def menu_entry(dish: MenuItem, state: Availability) -> dict[str, Json]:
    """Write a dish as guests see it."""
    return {
        "id": dish.id,
        "name": dish.name,
        "price": dish.price,
        "category": dish.category,
        "description": dish.description,
        "imageUrl": dish.image_url,
        "available": state.available,
        "portions": state.portions,
        "lowStock": state.low_stock,
        "reasons": [reason._asdict() for reason in state.reasons],
    }


def order_body(order: Order) -> dict[str, Json]:
    """Write an order."""
    return {
        "id": order.id,
        "storeId": order.store_id,
        "customer": order.customer,
        "status": order.status,
        "items": [item._asdict() for item in order.items],
        "totalAmount": order.total_amount,
        "reservationId": order.reservation_id,
        "expiresAt": _text(order.expires_at),
        "createdAt": instant_text(order.created_at),
        "endedAt": _text(order.ended_at),
        "version": order.version,
    }


def alert_body(alert: Alert) -> dict[str, Json]:
    """Write an alert."""
    return {
        "id": alert.id,
        "storeId": alert.store_id,
        "sku": alert.sku,
        "status": alert.status,
        "threshold": alert.threshold,
        "available": alert.available,
        "openedAt": instant_text(alert.opened_at),
        "acknowledgedAt": _text(alert.acknowledged_at),
        "acknowledgedBy": alert.acknowledged_by,
        "resolvedAt": _text(alert.resolved_at),
        "version": alert.version,
    }


def _text(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else instant_text(instant_ms)
