"""Which records a command touches, so that the ledger can take their locks before deciding."""

from collections.abc import Iterator

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
from holdfast.domain.records import KEY, OPEN, RESERVATION, SOURCE, STOCK, Key, View

_OF_RESERVATION = (ConfirmReservation, CancelReservation, ExtendReservation, ExpireReservation)


def keys(view: View, command: Command) -> tuple[Key, ...]:
    """Return the sorted keys, each with its table's name in front, that `command` would touch.

    A command on a reservation learns its SKUs from the reservation, so the answer depends on the
    view: ask again once the locks are held.
    """
    touched = set(_action_keys(view, command.action))
    if command.idempotency is not None:
        touched.add((KEY.name, command.actor, command.idempotency.key))
    if command.source is not None:
        touched.add((SOURCE.name, command.source.name))
    return tuple(sorted(touched))


def _action_keys(view: View, action: Action) -> Iterator[Key]:
    if isinstance(action, ApplyBatch):
        for row in action.actions:
            yield from _action_keys(view, row)
    elif isinstance(action, ReserveStock):
        yield from ((STOCK.name, action.store_id, line.sku) for line in action.lines)
        if action.user_id is not None and len(action.lines) == 1:
            yield (OPEN.name, action.store_id, action.lines[0].sku, action.user_id)
    elif isinstance(action, _OF_RESERVATION):
        yield (RESERVATION.name, action.reservation_id)
        held = view.get(RESERVATION, (action.reservation_id,))
        if held is not None:
            yield from ((STOCK.name, held.store_id, line.sku) for line in held.lines)
    elif isinstance(action, TransferStock):
        for line in action.lines:
            yield (STOCK.name, action.from_store_id, line.sku)
            yield (STOCK.name, action.to_store_id, line.sku)
    elif not isinstance(action, RefuseRow):
        yield (STOCK.name, action.store_id, action.sku)
