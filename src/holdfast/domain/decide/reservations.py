"""Decisions about reservations: hold, confirm, cancel, extend, expire."""

from holdfast.domain.commands import (
    CancelReservation,
    ConfirmReservation,
    ExpireReservation,
    ExtendReservation,
    ReserveStock,
)
from holdfast.domain.decide.draft import Draft, require_version
from holdfast.domain.decide.stock import Fact, item_name, known_lines, merge_lines, short_line
from holdfast.domain.records import (
    ACTIVE,
    CANCELLED,
    CONFIRMED,
    EXPIRED,
    Reservation,
    StockRecord,
)
from holdfast.domain.rejections import (
    insufficient_stock,
    invalid,
    marked_out,
    not_active,
    not_yours,
    reservation_expired,
    unknown_reservation,
)

_EndAction = ConfirmReservation | CancelReservation


def reserve(draft: Draft, action: ReserveStock) -> Fact | None:
    """Hold all lines or none; None when this user's reservation is there already."""
    lines = merge_lines(action.lines)
    if action.reuse:
        existing = _reusable(draft, action)
        if existing is not None:
            _show(draft, existing)
            return None
    known = known_lines(draft, action.store_id, lines)
    if action.expected_version is not None:
        for line in lines:
            draft.expect(action.store_id, line.sku, action.expected_version)
    short = [
        short_line(draft, record, line.qty, record.sellable)
        for line, record in known
        if line.qty > record.sellable
    ]
    if short:
        marked = [_marked(draft, record) for _, record in known if record.is_out]
        raise insufficient_stock(short, marked)
    for line, record in known:
        draft.set_levels(record, record.on_hand, record.reserved + line.qty)
    expires_at = None if action.ttl_ms is None else draft.now + action.ttl_ms
    draft.add_reservation(
        Reservation(
            action.reservation_id,
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
    )
    return "StockReserved", {}


def _marked(draft: Draft, record: StockRecord) -> str:
    name = item_name(draft, record.sku)
    return marked_out(record.store_id, name, record.out_reason, record.out_until)


def _reusable(draft: Draft, action: ReserveStock) -> Reservation | None:
    if action.user_id is None or len(action.lines) != 1:
        return None
    mine = draft.view.open_reservation(action.store_id, action.lines[0].sku, action.user_id)
    held = None if mine is None else draft.reservation(mine)
    return held if held is not None and held.status == ACTIVE else None


def _show(draft: Draft, reservation: Reservation) -> None:
    draft.show_reservation(reservation)
    for line in reservation.lines:
        draft.show_stock(draft.known_stock(reservation.store_id, line.sku))


def _owned(draft: Draft, reservation_id: str, user_id: str | None) -> Reservation:
    reservation = draft.reservation(reservation_id)
    if reservation is None:
        raise unknown_reservation(reservation_id)
    require_owner(reservation_id, reservation.user_id, user_id)
    return reservation


def require_owner(reservation_id: str, owner: str | None, user_id: str | None) -> None:
    """Refuse everybody but the owner, if there is one."""
    if owner is None or owner == user_id:
        return
    if user_id is None:
        raise invalid("/userId", "This reservation has an owner: say whose it is (userId).")
    raise not_yours(reservation_id)


def _require_active(draft: Draft, reservation: Reservation) -> None:
    due = reservation.expires_at is not None and reservation.expires_at <= draft.now
    if reservation.status == EXPIRED or (reservation.status == ACTIVE and due):
        raise reservation_expired(reservation.reservation_id, reservation.expires_at)
    if reservation.status != ACTIVE:
        raise not_active(reservation.reservation_id, reservation.status)


def _end(draft: Draft, action: _EndAction, status: str) -> bool:
    """Bring a reservation to its end; False when it has come to this end before."""
    reservation = _owned(draft, action.reservation_id, action.user_id)
    if reservation.status == status:
        _show(draft, reservation)
        return False
    _require_active(draft, reservation)
    what = f"Reservation {reservation.reservation_id}"
    require_version(what, reservation.version, action.expected_version)
    _release(draft, reservation, status)
    return True


def _release(draft: Draft, reservation: Reservation, status: str) -> None:
    for line in reservation.lines:
        record = draft.known_stock(reservation.store_id, line.sku)
        taken = line.qty if status == CONFIRMED else 0
        draft.set_levels(record, record.on_hand - taken, record.reserved - line.qty)
    ended = reservation._replace(
        status=status, ended_at=draft.now, kept_until=draft.now + draft.command.retention_ms
    )
    draft.put_reservation(ended)


def confirm(draft: Draft, action: ConfirmReservation) -> Fact | None:
    """The reserved goods are taken."""
    return ("ReservationConfirmed", {}) if _end(draft, action, CONFIRMED) else None


def cancel(draft: Draft, action: CancelReservation) -> Fact | None:
    """The reserved goods are released."""
    return ("ReservationCancelled", {}) if _end(draft, action, CANCELLED) else None


def extend(draft: Draft, action: ExtendReservation) -> Fact | None:
    """Move the deadline away; a deadline that is later already, or none, stays."""
    reservation = _owned(draft, action.reservation_id, action.user_id)
    _require_active(draft, reservation)
    what = f"Reservation {reservation.reservation_id}"
    require_version(what, reservation.version, action.expected_version)
    wanted = None if action.ttl_ms is None else draft.now + action.ttl_ms
    stays = reservation.expires_at is None or (
        wanted is not None and wanted <= reservation.expires_at
    )
    if stays:
        draft.show_reservation(reservation)
        return None
    draft.put_reservation(reservation._replace(expires_at=wanted))
    return "ReservationExtended", {}


def expire(draft: Draft, action: ExpireReservation) -> Fact | None:
    """The deadline came; nothing happens when it was moved or the reservation has ended."""
    reservation = draft.reservation(action.reservation_id)
    if reservation is None or reservation.status != ACTIVE:
        return None
    if reservation.expires_at is None or reservation.expires_at > draft.now:
        return None
    _release(draft, reservation, EXPIRED)
    return "ReservationExpired", {}
