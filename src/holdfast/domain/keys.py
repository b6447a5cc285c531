"""Which records a command touches, so that the ledger can take their locks before deciding."""

from collections.abc import Callable
from typing import Any, Final

from holdfast.domain.commands import (
    AcknowledgeAlert,
    Action,
    AdjustStock,
    ApplyBatch,
    CancelOrder,
    CancelReservation,
    Command,
    ConfirmOrder,
    ConfirmReservation,
    CountStock,
    DeleteItem,
    DeleteLocation,
    DeleteMenuItem,
    ExpireReservation,
    ExtendReservation,
    LiftOut,
    PlaceOrder,
    PutItem,
    PutLocation,
    PutMenuItem,
    ReceiveStock,
    RefuseRow,
    ReserveStock,
    SetOut,
    SetRecipe,
    ShipStock,
    TransferStock,
)
from holdfast.domain.records import (
    ALERT,
    DOMAIN,
    ITEM,
    KEY,
    MENU_ITEM,
    ORDER,
    RESERVATION,
    SOURCE,
    STOCK,
    STORE,
    TENANT,
    USER,
    DecisionView,
    Key,
    Line,
)
from holdfast.domain.tenants import (
    ChangeTenant,
    DeleteTenant,
    ProvisionTenant,
    TenantAction,
    TrashTenant,
)
from holdfast.domain.users import AddUser, ChangeUser, EndSessions, SetPassword, UserAction

_OF_STOCK = (AdjustStock, CountStock, ReceiveStock, ShipStock, SetOut, LiftOut)
_OF_RESERVATION = (ConfirmReservation, CancelReservation, ExtendReservation, ExpireReservation)


def keys(view: DecisionView, command: Command) -> tuple[Key, ...]:
    """Return the sorted keys, each with its table's name in front, that `command` would touch.

    A command on a reservation learns its SKUs from the reservation, so the answer depends on the
    view: ask again once the locks are held.
    """
    touched = _action_keys(view, command.action)
    if len(touched) == 1 and command.idempotency is None and command.source is None:
        return tuple(touched)
    if command.idempotency is not None:
        touched.append((KEY.name, command.actor, command.idempotency.key))
    if command.source is not None:
        touched.append((SOURCE.name, command.source.name))
    return tuple(sorted(set(touched)))


def _action_keys(view: DecisionView, action: Action) -> list[Key]:
    if isinstance(action, ReserveStock):
        return _stock_keys(action.store_id, action.lines)
    if isinstance(action, _OF_RESERVATION):
        return _reservation_keys(view, action.reservation_id)
    if isinstance(action, TransferStock):
        stores = (action.from_store_id, action.to_store_id)
        return [(STOCK.name, store, line.sku) for line in action.lines for store in stores]
    if isinstance(action, ApplyBatch):
        return [key for row in action.actions for key in _action_keys(view, row)]
    if isinstance(action, RefuseRow):
        return []
    if isinstance(action, _OF_STOCK):
        return [(STOCK.name, action.store_id, action.sku)]
    return _OF_OTHERS[type(action)](view, action)


def _stock_keys(store_id: str, lines: tuple[Line, ...]) -> list[Key]:
    return [(STOCK.name, store_id, line.sku) for line in lines]


def _reservation_keys(view: DecisionView, reservation_id: str) -> list[Key]:
    """Name the reservation, what it holds, and the order that follows it."""
    held = view.get(RESERVATION, (reservation_id,))
    touched: list[Key] = [(RESERVATION.name, reservation_id)]
    if held is not None:
        touched += _stock_keys(held.store_id, held.lines)
    if view.get(ORDER, (reservation_id,)) is not None:
        touched.append((ORDER.name, reservation_id))
    return touched


def _item_keys(view: DecisionView, action: PutItem | DeleteItem) -> list[Key]:
    """Name the item, and every stock record of its SKU, whose alerts go by its threshold."""
    stock = [(STOCK.name, each.store_id, each.sku) for each in view.stock_of_sku(action.sku)]
    return [(ITEM.name, action.sku), *stock]


def _location_keys(_: DecisionView, action: PutLocation | DeleteLocation) -> list[Key]:
    return [(STORE.name, action.store_id)]


def _dish_keys(_: DecisionView, action: PutMenuItem | SetRecipe | DeleteMenuItem) -> list[Key]:
    """Name the dish, and the items in its recipe, which must not be deleted meanwhile."""
    lines = () if isinstance(action, DeleteMenuItem) else action.recipe
    return [(MENU_ITEM.name, action.id), *((ITEM.name, line.sku) for line in lines)]


def _order_keys(view: DecisionView, action: PlaceOrder) -> list[Key]:
    """Name what is made, the dishes, and what they take."""
    touched: list[Key] = [(ORDER.name, action.order_id), (RESERVATION.name, action.order_id)]
    for wanted in action.items:
        touched.append((MENU_ITEM.name, wanted.id))
        dish = view.get(MENU_ITEM, (wanted.id,))
        if dish is not None:
            touched += _stock_keys(action.store_id, dish.recipe)
    return touched


def _ended_order_keys(view: DecisionView, action: ConfirmOrder | CancelOrder) -> list[Key]:
    return [(ORDER.name, action.order_id), *_reservation_keys(view, action.order_id)]


def _alert_keys(view: DecisionView, action: AcknowledgeAlert) -> list[Key]:
    """Name the alert, and the stock record by which it may be resolved."""
    alert = view.get(ALERT, (action.alert_id,))
    stock = () if alert is None else [(STOCK.name, alert.store_id, alert.sku)]
    return [(ALERT.name, action.alert_id), *stock]


def _tenant_keys(view: DecisionView, action: TenantAction) -> list[Key]:
    """Name the tenant, the domain that it has, and the one that it wants."""
    known = view.get(TENANT, (action.tenant_id,))
    domains = [] if known is None else [known.domain]
    if isinstance(action, ProvisionTenant):
        domains.append(action.domain)
    elif isinstance(action, ChangeTenant) and "domain" in action.changes:
        domains.append(action.changes["domain"])
    return [(TENANT.name, action.tenant_id), *((DOMAIN.name, domain) for domain in domains)]


def _user_keys(_: DecisionView, action: UserAction) -> list[Key]:
    return [(TENANT.name, action.tenant_id), (USER.name, action.tenant_id, action.username)]


_OF_OTHERS: Final[dict[type, Callable[[DecisionView, Any], list[Key]]]] = {
    PutItem: _item_keys,
    DeleteItem: _item_keys,
    PutLocation: _location_keys,
    DeleteLocation: _location_keys,
    PutMenuItem: _dish_keys,
    SetRecipe: _dish_keys,
    DeleteMenuItem: _dish_keys,
    PlaceOrder: _order_keys,
    ConfirmOrder: _ended_order_keys,
    CancelOrder: _ended_order_keys,
    AcknowledgeAlert: _alert_keys,
    ProvisionTenant: _tenant_keys,
    ChangeTenant: _tenant_keys,
    DeleteTenant: _tenant_keys,
    TrashTenant: _tenant_keys,
    AddUser: _user_keys,
    ChangeUser: _user_keys,
    SetPassword: _user_keys,
    EndSessions: _user_keys,
}
