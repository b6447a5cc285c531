"""Decisions about what people know of SKUs and stores: items and locations."""

from itertools import islice
from typing import Any, Final, Protocol

from holdfast.domain.alerts import alert_change
from holdfast.domain.commands import DeleteItem, DeleteLocation, PutItem, PutLocation
from holdfast.domain.decide.draft import Draft, require_version
from holdfast.domain.decide.stock import Fact
from holdfast.domain.records import (
    ALERT,
    ITEM,
    MENU_ITEM,
    ORDER,
    PENDING,
    STORE,
    Item,
    Json,
    StockRecord,
    Store,
)
from holdfast.domain.rejections import already_exists, in_use, unknown

#: So many of those that need a thing are named in the refusal to delete it.
_NAMED_MAX: Final = 20


class _Put(Protocol):
    """An action that makes something or replaces it."""

    @property
    def new(self) -> bool: ...
    @property
    def expected_version(self) -> int | None: ...


def require_place(
    what: str,
    name: str,
    before: Any,  # noqa: ANN401 - a record with a version, or None
    action: _Put,
) -> None:
    """Refuse to make what is there, to replace what is not, or to change another version."""
    if action.new and before is not None:
        raise already_exists(what, name)
    if not action.new and before is None:
        raise unknown(what, name)
    version = 0 if before is None else before.version
    require_version(f"The {what} {name}", version, action.expected_version)


def put_item(draft: Draft, action: PutItem) -> Fact | None:
    """Describe a SKU; a new threshold opens and resolves alerts at once."""
    key = (action.sku,)
    before = draft.record(ITEM, key)
    require_place("item", action.sku, before, action)
    version = draft.last_version(ITEM, key)
    item = Item(
        action.sku,
        action.name,
        action.category,
        action.unit,
        action.price,
        action.low_stock_threshold,
        action.image_url,
        action.description,
        version + 1,
        draft.now,
    )
    if before is not None and item == before._replace(version=version + 1, updated_at=draft.now):
        draft.show(ITEM, key, before)
        return None
    draft.put(ITEM, key, item)
    if before is None or item.low_stock_threshold != before.low_stock_threshold:
        _watch(draft, action.sku, item.low_stock_threshold)
    return "ItemCreated" if before is None else "ItemChanged", {}


def _watch(draft: Draft, sku: str, threshold: int | None) -> None:
    """Look at a SKU in all stores with other eyes."""
    for number, stock in enumerate(draft.view.stock_of_sku(sku)):
        new_id = f"{draft.command.event_id}.{number}"
        alert = alert_change(draft.view, stock, threshold, draft.now, new_id)
        if alert is not None:
            draft.put(ALERT, alert.key, alert)


def delete_item(draft: Draft, action: DeleteItem) -> Fact:
    """Forget what a SKU is, but for its last version."""
    sku = action.sku
    before = draft.record(ITEM, (sku,))
    if before is None:
        raise unknown("item", sku)
    require_version(f"The item {sku}", before.version, action.expected_version)
    # Nothing can be reserved of what is not on hand, so reservations need no look of their own.
    stock = [each for each in draft.view.stock_of_sku(sku) if each.on_hand > 0][:_NAMED_MAX]
    dishes = [
        dish.id
        for dish in draft.view.each(MENU_ITEM)
        if any(line.sku == sku for line in dish.recipe)
    ]
    why = [f"{each.store_id} has {each.on_hand} of it" for each in stock]
    why += [f"the recipe of {dish} takes it" for dish in sorted(dishes)[:_NAMED_MAX]]
    if why:
        data = {"stock": _levels(stock), "menuItems": sorted(dishes)[:_NAMED_MAX]}
        raise in_use("item", sku, why, data)
    draft.delete(ITEM, (sku,))
    _watch(draft, sku, None)
    return "ItemDeleted", {}


def _levels(stock: list[StockRecord]) -> list[Json]:
    return [
        {
            "storeId": each.store_id,
            "sku": each.sku,
            "onHand": each.on_hand,
            "reserved": each.reserved,
        }
        for each in stock
    ]


def put_location(draft: Draft, action: PutLocation) -> Fact | None:
    """Describe a store; one that only its stock has made may still be given its name as new."""
    key = (action.store_id,)
    before = draft.record(STORE, key)
    known = None if before is not None and before.name is None and action.new else before
    require_place("location", action.store_id, known, action)
    version = draft.last_version(STORE, key)
    created = draft.now if before is None else before.created_at
    name, address, timezone = action.name, action.address, action.timezone
    store = Store(action.store_id, created, name, address, timezone, version + 1, draft.now)
    if before is not None and store == before._replace(version=version + 1, updated_at=draft.now):
        draft.show(STORE, key, before)
        return None
    draft.put(STORE, key, store)
    return "LocationCreated" if known is None else "LocationChanged", {}


def delete_location(draft: Draft, action: DeleteLocation) -> Fact:
    """Close a store; its stock records, all empty, keep their versions."""
    store_id = action.store_id
    before = draft.record(STORE, (store_id,))
    if before is None:
        raise unknown("location", store_id)
    require_version(f"The location {store_id}", before.version, action.expected_version)
    held = (each for each in draft.view.stock_of_store(store_id) if each.on_hand > 0)
    stock = list(islice(held, _NAMED_MAX))
    # Of reservations, only those of orders can hold nothing.
    orders = [
        order.id
        for order in draft.view.each(ORDER)
        if order.store_id == store_id and order.status == PENDING
    ][:_NAMED_MAX]
    why = [f"it has {each.on_hand} of {each.sku}" for each in stock]
    why += [f"order {order} is pending" for order in orders]
    if why:
        raise in_use("location", store_id, why, {"stock": _levels(stock), "orders": orders})
    draft.delete(STORE, (store_id,))
    return "LocationDeleted", {}
