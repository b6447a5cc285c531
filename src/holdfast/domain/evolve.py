"""What an event changes: the records to put, from the event alone and the view before it."""

from holdfast.domain.events import Event
from holdfast.domain.records import (
    KEY,
    REFUSAL,
    RESERVATION,
    SOURCE,
    STOCK,
    STORE,
    Change,
    Refusal,
    RememberedKey,
    Source,
    Store,
    View,
)


def evolve(view: View, event: Event) -> list[Change]:
    """Return the changes that `event` makes to what `view` shows."""
    changes: list[Change] = []
    for record in event.stock:
        changes.append((STOCK, (record.store_id, record.sku), record))
        if record.version == 1:
            _add_store(view, event, record.store_id, changes)
    for held in event.reservations:
        changes.append((RESERVATION, (held.reservation_id,), held))  # noqa: PERF401 - a comprehension is a call, and nearly always it is one
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
