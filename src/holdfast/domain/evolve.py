"""What an event changes: the records to put, from the event alone and the view before it."""

from typing import Final

from holdfast.domain.events import Event
from holdfast.domain.records import (
    ACTIVE,
    KEY,
    OPEN,
    REFUSAL,
    RESERVATION,
    SOURCE,
    STOCK,
    STORE,
    Change,
    Key,
    OpenReservations,
    Refusal,
    RememberedKey,
    Reservation,
    Source,
    Store,
    View,
)

#: Active reservations of one user and SKU that a checkout can find again, the newest. Without a
#: bound, a client that reserves one piece again and again would make every such event dearer.
OPEN_MAX: Final = 100


def evolve(view: View, event: Event) -> list[Change]:
    """Return the changes that `event` makes to what `view` shows."""
    changes: list[Change] = []
    for record in event.stock:
        changes.append((STOCK, (record.store_id, record.sku), record))
        if record.version == 1:
            _add_store(view, event, record.store_id, changes)
    if event.reservations:
        _put_reservations(view, event, changes)
    if event.key is not None:
        stamp = event.key
        remembered = RememberedKey(
            event.actor, stamp.key, stamp.fingerprint, stamp.expires_at, event.outcome
        )
        changes.append((KEY, (event.actor, stamp.key), remembered))
    if event.source is not None:
        _move_mark(view, event, changes)
    return changes


def _add_store(view: View, event: Event, store_id: str, changes: list[Change]) -> None:
    if view.get(STORE, (store_id,)) is None:
        changes.append((STORE, (store_id,), Store(store_id, event.ts)))


def _put_reservations(view: View, event: Event, changes: list[Change]) -> None:
    """Put the reservations and keep the index of each user's active ones."""
    index: dict[Key, tuple[str, ...]] = {}
    for reservation in event.reservations:
        changes.append((RESERVATION, reservation.key, reservation))
        if reservation.user_id is None or len(reservation.lines) != 1:
            continue
        key: Key = (reservation.store_id, reservation.lines[0].sku, reservation.user_id)
        if key not in index:
            known = view.get(OPEN, key)
            index[key] = () if known is None else known.reservation_ids
        index[key] = _with(index[key], reservation)
    for key, held in index.items():
        changes.append((OPEN, key, OpenReservations(held) if held else None))


def _with(held: tuple[str, ...], reservation: Reservation) -> tuple[str, ...]:
    mine = reservation.reservation_id
    if reservation.version == 1:
        return (*held[-OPEN_MAX + 1 :], mine)
    if reservation.status == ACTIVE:
        return held
    return tuple(each for each in held if each != mine)


def _move_mark(view: View, event: Event, changes: list[Change]) -> None:
    stamp = event.source
    if stamp is None:
        return
    known = view.get(SOURCE, (stamp.name,))
    refused = 0 if known is None else known.refused
    if stamp.refused is not None:
        refused += 1
        code, detail = stamp.refused
        refusal = Refusal(stamp.name, stamp.line, code, detail)
        changes.append((REFUSAL, (stamp.name, f"{stamp.line:016d}"), refusal))
    changes.append((SOURCE, (stamp.name,), Source(stamp.name, stamp.line, refused)))
