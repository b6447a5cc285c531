"""Where a request is decided: a view and a command give one event, an answer, or a refusal."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

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
    Idempotency,
    LiftOut,
    PlaceOrder,
    PutItem,
    PutLocation,
    PutMenuItem,
    ReceiveStock,
    RefuseRow,
    ReserveStock,
    RowAction,
    SetOut,
    SetRecipe,
    ShipStock,
    SourceLine,
    TransferStock,
)
from holdfast.domain.decide import (
    alerts,
    catalogue,
    menu,
    orders,
    reservations,
    stock,
    tenants,
    users,
)
from holdfast.domain.decide.draft import Draft, InvariantViolation
from holdfast.domain.decide.stock import Fact
from holdfast.domain.events import Event, KeyStamp, SourceStamp
from holdfast.domain.records import KEY, SOURCE, DecisionView, Json, Outcome, View
from holdfast.domain.rejections import Rejected, idempotency_mismatch
from holdfast.domain.tenants import ChangeTenant, DeleteTenant, ProvisionTenant, TrashTenant
from holdfast.domain.users import AddUser, ChangeUser, EndSessions, SetPassword

__all__ = ["InvariantViolation", "RefusedRow", "decide", "remembered"]


class RefusedRow(NamedTuple):
    """A row of a load that was refused: the event that says so, and the refusal in full."""

    event: Event
    refusal: Rejected


def decide(
    view: DecisionView, command: Command, sequence: int, now: int
) -> Event | Outcome | RefusedRow:
    """Decide one command.

    Args:
        view: the records, with everything in them that was decided before.
        command: what is asked.
        sequence: the number that the event will have.
        now: the tenant's time, in ms; every deadline up to it is already in `view`.

    Returns:
        The event to write, or, when nothing changes and nothing is to be remembered, the answer.

    Raises:
        Rejected: the business says no.
        InvariantViolation: a bug.
    """
    idempotency, source = command.idempotency, command.source
    if idempotency is not None:
        replayed = remembered(view, command.actor, idempotency, now)
        if replayed is not None:
            return replayed
    if source is not None:
        _require_mark(view, source)
    draft = Draft(view, command, now)
    refused: Rejected | None = None
    try:
        fact = _DECIDERS[type(command.action)](draft, command.action)
    except Rejected as no:
        if source is None:
            raise
        # The mark has to move, so the refusal is a fact, and nothing else has happened.
        fact, refused, draft = ("RowRefused", {}), no, Draft(view, command, now)
    else:
        if fact is None or not draft.changed:
            if idempotency is None and source is None:
                return _answer(draft, command.action)
            fact = (_NOTHING_CHANGED[idempotency is None], {})
    outcome = _answer(draft, command.action)
    event = Event(
        sequence,
        now,
        fact[0],
        command.event_id,
        command.actor,
        command.request_id,
        fact[1],
        outcome.stock,
        outcome.reservations,
        outcome.existing,
        None if idempotency is None or refused is not None else _key_stamp(idempotency, now),
        None if source is None else _source_stamp(source, refused),
        outcome.records,
    )
    return event if refused is None else RefusedRow(event, refused)


_NOTHING_CHANGED: Final = ("KeyRemembered", "RowUnchanged")


def _answer(draft: Draft, action: Action) -> Outcome:
    outcome = draft.outcome
    if draft.changed or not isinstance(action, ReserveStock | ProvisionTenant):
        return outcome
    return outcome._replace(existing=bool(outcome.reservations or outcome.records))


def _refuse_row(_: Draft, action: RefuseRow) -> None:
    raise Rejected(action.code, action.detail)


def _apply_batch(draft: Draft, batch: ApplyBatch) -> Fact | None:
    facts: list[Json] = []
    refused: list[Json] = []
    for number, row in enumerate(batch.actions, start=1):
        try:
            facts.append(_row_fact(_DECIDERS[type(row)](draft, row), row))
        except Rejected as no:
            refused.append(
                {"line": number, "code": no.code, "detail": no.detail, "details": no.data}
            )
    if refused:
        raise Rejected(
            "batch_refused",
            f"{len(refused)} of {len(batch.actions)} rows were refused, so none was applied.",
            {"errors": refused},
        )
    return "BatchApplied", {"rows": facts}


def _row_fact(fact: Fact | None, row: RowAction) -> Json:
    kind, facts = fact or ("Unchanged", {})
    touched = {"storeId": row.store_id, "sku": row.sku} if isinstance(row, _ONE_SKU) else {}
    return {"type": kind, **touched, **facts}


_ONE_SKU = (AdjustStock, CountStock, ReceiveStock, ShipStock, SetOut)


def remembered(view: View, caller: str, wanted: Idempotency, now: int) -> Outcome | None:
    """Return the first answer to this key, or None.

    Raises:
        Rejected: the key belongs to another request.
    """
    known = view.get(KEY, (caller, wanted.key))
    if known is None or known.expires_at <= now:
        return None
    if known.fingerprint != wanted.fingerprint:
        raise idempotency_mismatch(wanted.key)
    return known.outcome._replace(replayed=True)


def _require_mark(view: DecisionView, line: SourceLine) -> None:
    """Refuse a row of a bulk load that does not follow the last one that was decided."""
    source = view.get(SOURCE, (line.name,))
    mark = 0 if source is None else source.mark
    if mark != line.after or line.line <= mark:
        raise Rejected(
            "version_conflict",
            f"The load {line.name} is at line {mark}, not {line.after}: go on behind its mark.",
            {"mark": mark},
        )


def _key_stamp(wanted: Idempotency, now: int) -> KeyStamp:
    return KeyStamp(wanted.key, wanted.fingerprint, now + wanted.ttl_ms)


def _source_stamp(line: SourceLine, refused: Rejected | None) -> SourceStamp:
    why = None if refused is None else (refused.code, refused.detail)
    return SourceStamp(line.name, line.line, why)


_DECIDERS: Final[dict[type, Callable[[Draft, Any], Fact | None]]] = {
    AdjustStock: stock.adjust,
    CountStock: stock.count,
    ReceiveStock: stock.receive,
    ShipStock: stock.ship,
    TransferStock: stock.transfer,
    SetOut: stock.set_out,
    LiftOut: stock.lift_out,
    ReserveStock: reservations.reserve,
    ConfirmReservation: reservations.confirm,
    CancelReservation: reservations.cancel,
    ExtendReservation: reservations.extend,
    ExpireReservation: reservations.expire,
    ApplyBatch: _apply_batch,
    RefuseRow: _refuse_row,
    PutItem: catalogue.put_item,
    DeleteItem: catalogue.delete_item,
    PutLocation: catalogue.put_location,
    DeleteLocation: catalogue.delete_location,
    PutMenuItem: menu.put_menu_item,
    SetRecipe: menu.set_recipe,
    DeleteMenuItem: menu.delete_menu_item,
    PlaceOrder: orders.place,
    ConfirmOrder: orders.confirm,
    CancelOrder: orders.cancel,
    AcknowledgeAlert: alerts.acknowledge,
    ProvisionTenant: tenants.provision,
    ChangeTenant: tenants.change,
    DeleteTenant: tenants.delete,
    TrashTenant: tenants.trash,
    AddUser: users.add,
    ChangeUser: users.change,
    SetPassword: users.set_password,
    EndSessions: users.end_sessions,
}
