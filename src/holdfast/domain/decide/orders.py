"""Decisions about orders: place, confirm, cancel. An order stands and falls with its reservation."""

from holdfast.domain.availability import needs, reasons
from holdfast.domain.commands import (
    CancelOrder,
    CancelReservation,
    ConfirmOrder,
    ConfirmReservation,
    PlaceOrder,
)
from holdfast.domain.decide import reservations
from holdfast.domain.decide.draft import Draft, require_version
from holdfast.domain.decide.stock import Fact, item_name, short_line
from holdfast.domain.orders import follow
from holdfast.domain.records import (
    ACTIVE,
    CANCELLED,
    CONFIRMED,
    MENU_ITEM,
    ORDER,
    ORDER_STATUS,
    PENDING,
    STORE,
    Json,
    Line,
    MenuItem,
    Order,
    OrderItem,
    Reservation,
)
from holdfast.domain.rejections import invalid, order_ended, shortage, unavailable, unknown
from holdfast.domain.values import QUANTITY_MAX


def place(draft: Draft, action: PlaceOrder) -> Fact:
    """Reserve what all dishes together take, or name everything that is in the way."""
    if draft.record(STORE, (action.store_id,)) is None:
        raise unknown("store", action.store_id)
    wanted: dict[str, int] = {}
    for dish_id, qty in action.items:
        wanted[dish_id] = wanted.get(dish_id, 0) + qty
    dishes = {dish_id: draft.record(MENU_ITEM, (dish_id,)) for dish_id in wanted}
    known = [(dish, wanted[dish_id]) for dish_id, dish in dishes.items() if dish is not None]
    lines = _ingredients(known)
    shortages = _shortages(draft, action.store_id, lines)
    refused = _refused(draft, action.store_id, dishes, lines)
    if refused or shortages:
        raise unavailable(refused, shortages, unknown=len(known) < len(dishes))
    items = tuple(OrderItem(dish.id, dish.name, dish.price, qty) for dish, qty in known)
    total = _total(items)
    held = _hold(draft, action, lines)
    order = Order(
        action.order_id,
        action.store_id,
        action.user_id,
        action.customer,
        PENDING,
        items,
        total,
        draft.now,
        held.expires_at,
        None,
        None,
        1,
    )
    draft.put(ORDER, order.key, order)
    return "OrderPlaced", {}


def _ingredients(dishes: list[tuple[MenuItem, int]]) -> tuple[Line, ...]:
    """Add up what all dishes take."""
    sums: dict[str, int] = {}
    for dish, portions in dishes:
        for sku, qty in needs(dish.recipe, portions).items():
            sums[sku] = sums.get(sku, 0) + qty
    for sku, qty in sums.items():
        if qty > QUANTITY_MAX:
            raise invalid("/items", f"All this would take more than {QUANTITY_MAX} of {sku}.")
    return tuple(Line(sku, qty) for sku, qty in sums.items())


def _shortages(draft: Draft, store_id: str, lines: tuple[Line, ...]) -> list[Json]:
    short: list[Json] = []
    for sku, qty in lines:
        record = draft.stock(store_id, sku)
        if record is None:
            short.append(shortage((store_id, sku), item_name(draft, sku), qty, 0, None))
        elif qty > record.sellable:
            short.append(short_line(draft, record, qty, record.sellable))
    return short


def _refused(
    draft: Draft, store_id: str, dishes: dict[str, MenuItem | None], lines: tuple[Line, ...]
) -> list[Json]:
    """Name each dish that is not to be had, with all its reasons."""
    together = {line.sku: line.qty for line in lines}
    refused: list[Json] = []
    for dish_id, dish in dishes.items():
        if dish is None:
            message = f"There is no {dish_id} on the menu"
            why = [{"code": "unknown", "sku": None, "name": dish_id, "message": message}]
            refused.append({"id": dish_id, "name": dish_id, "reasons": why})
            continue
        found = reasons(draft.view, store_id, dish, together)
        if found:
            why = [reason._asdict() for reason in found]
            refused.append({"id": dish.id, "name": dish.name, "reasons": why})
    return refused


def _total(items: tuple[OrderItem, ...]) -> int:
    total = sum(item.price * item.qty for item in items)
    if abs(total) > QUANTITY_MAX:
        raise invalid("/items", f"The order would cost more than {QUANTITY_MAX}.")
    return total


def _hold(draft: Draft, action: PlaceOrder, lines: tuple[Line, ...]) -> Reservation:
    """Reserve; an order that needs no stock has a reservation without lines, and ends as any."""
    for sku, qty in lines:
        record = draft.known_stock(action.store_id, sku)
        draft.set_levels(record, record.on_hand, record.reserved + qty)
    expires_at = None if action.ttl_ms is None else draft.now + action.ttl_ms
    held = Reservation(
        action.order_id,
        action.store_id,
        action.user_id,
        ACTIVE,
        lines,
        draft.now,
        expires_at,
        None,
        None,
        1,
    )
    draft.add_reservation(held)
    return held


def confirm(draft: Draft, action: ConfirmOrder) -> Fact | None:
    """The order is made."""
    order = _to_end(draft, action, CONFIRMED)
    if order is None:
        return None
    reservations.confirm(draft, ConfirmReservation(action.order_id, action.user_id))
    return _ended(draft, order, "OrderConfirmed")


def cancel(draft: Draft, action: CancelOrder) -> Fact | None:
    """The order is called off."""
    order = _to_end(draft, action, CANCELLED)
    if order is None:
        return None
    reservations.cancel(draft, CancelReservation(action.order_id, action.user_id))
    return _ended(draft, order, "OrderCancelled")


def _to_end(draft: Draft, action: ConfirmOrder | CancelOrder, status: str) -> Order | None:
    """Return the pending order; None when it has come to this end before."""
    order = draft.record(ORDER, (action.order_id,))
    if order is None:
        raise unknown("order", action.order_id)
    reservations.require_owner(order.id, order.user_id, action.user_id)
    if order.status == ORDER_STATUS[status]:
        draft.show(ORDER, order.key, order)
        return None
    if order.status != PENDING:
        raise order_ended(order.id, order.status)
    require_version(f"Order {order.id}", order.version, action.expected_version)
    return order


def _ended(draft: Draft, order: Order, kind: str) -> Fact:
    held = draft.reservation(order.id)
    if held is not None:
        draft.put(ORDER, order.key, follow(order, held))
    return kind, {}
