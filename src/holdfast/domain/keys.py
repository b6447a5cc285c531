"""Which records a command touches, so that the ledger can take their locks before deciding."""

from holdfast.domain.commands import (
    Action,
    ApplyBatch,
    CancelReservation,
    Command,
    ConfirmReservation,
    ExpireReservation,
    ExtendReservation,
    RefuseRow,
    ReserveStock,
    TransferStock,
)
from holdfast.domain.records import KEY, RESERVATION, SOURCE, STOCK, Key, View

_OF_RESERVATION = (ConfirmReservation, CancelReservation, ExtendReservation, ExpireReservation)


def keys(view: View, command: Command) -> tuple[Key, ...]:
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


def _action_keys(view: View, action: Action) -> list[Key]:
    if isinstance(action, ReserveStock):
        return [(STOCK.name, action.store_id, line.sku) for line in action.lines]
    if isinstance(action, _OF_RESERVATION):
        held = view.get(RESERVATION, (action.reservation_id,))
        lines = () if held is None else ((STOCK.name, held.store_id, x.sku) for x in held.lines)
        return [(RESERVATION.name, action.reservation_id), *lines]
    if isinstance(action, TransferStock):
        stores = (action.from_store_id, action.to_store_id)
        return [(STOCK.name, store, line.sku) for line in action.lines for store in stores]
    if isinstance(action, ApplyBatch):
        return [key for row in action.actions for key in _action_keys(view, row)]
    if isinstance(action, RefuseRow):
        return []
    return [(STOCK.name, action.store_id, action.sku)]
