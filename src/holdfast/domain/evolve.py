"""What an event changes: the records to put, from the event alone and the view before it."""

from holdfast.domain.alerts import alert_change
from holdfast.domain.events import Event
from holdfast.domain.orders import follow
from holdfast.domain.records import (
    ALERT,
    KEY,
    LOW_STOCK,
    ORDER,
    REFUSAL,
    RESERVATION,
    RESOLVED,
    SOURCE,
    STOCK,
    STORE,
    TOMBSTONE,
    Alert,
    Change,
    EvolveView,
    LowStock,
    Refusal,
    RememberedKey,
    Reservation,
    Source,
    StockRecord,
    Store,
    Tombstone,
    View,
)


def evolve(view: EvolveView, event: Event) -> list[Change]:
    """Return the changes that `event` makes to what `view` shows."""
    changes: list[Change] = []
    thresholds = view.thresholds
    for record in event.stock:
        changes.append((STOCK, (record.store_id, record.sku), record))
        if record.version == 1:
            _add_store(view, event, record.store_id, changes)
        if record.sku in thresholds:
            _watch(view, event, record, thresholds[record.sku], changes)
    for held in event.reservations:
        changes.append((RESERVATION, (held.reservation_id,), held))
        if held.version > 1:
            _move_order(view, event, held, changes)
    if event.records:
        _put_records(view, event, changes)
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
    if view.get(STORE, (store_id,)) is not None:
        return
    buried = view.get(TOMBSTONE, (STORE.name, store_id))
    if buried is None:
        changes.append((STORE, (store_id,), Store(store_id, event.ts)))
        return
    changes.append((STORE, (store_id,), Store(store_id, event.ts, version=buried.version + 1)))
    changes.append((TOMBSTONE, buried.key, None))


def _watch(
    view: View, event: Event, record: StockRecord, threshold: int, changes: list[Change]
) -> None:
    """Open or resolve the alert of a SKU whose stock just changed."""
    # The place of the record in the event makes the id different from those of its neighbours.
    new_id = f"{event.event_id}.{event.stock.index(record)}"
    alert = alert_change(view, record, threshold, event.ts, new_id)
    if alert is not None:
        changes.append((ALERT, alert.key, alert))
        _index_alert(view, alert, changes)


def _index_alert(view: View, alert: Alert, changes: list[Change]) -> None:
    """Note which alert of the SKU in the store is not resolved."""
    key = (alert.store_id, alert.sku)
    if alert.status != RESOLVED:
        changes.append((LOW_STOCK, key, LowStock(*key, alert.id)))
        return
    known = view.get(LOW_STOCK, key)
    if known is not None and known.alert_id == alert.id:
        changes.append((LOW_STOCK, key, None))


def _move_order(view: View, event: Event, held: Reservation, changes: list[Change]) -> None:
    """Let the order follow its reservation, unless the event says itself what becomes of it."""
    order = view.get(ORDER, (held.reservation_id,))
    if order is None or any(order.key == key for table, key, _ in event.records if table is ORDER):
        return
    moved = follow(order, held)
    if moved is not order:
        changes.append((ORDER, order.key, moved))


def _put_records(view: View, event: Event, changes: list[Change]) -> None:
    for change in event.records:
        changes.append(change)
        table, record = change[0], change[2]
        if table.leaves_version:
            _bury(view, change, changes)
        if table is ALERT:
            _index_alert(view, record, changes)


def _bury(view: View, change: Change, changes: list[Change]) -> None:
    """Keep the version of a record that goes, until one of the same name has counted on."""
    table, key, record = change
    place = (table.name, *key)
    if record is not None:
        if record.version > 1 and view.get(TOMBSTONE, place) is not None:
            changes.append((TOMBSTONE, place, None))
        return
    before = view.get(table, key)
    if before is not None:
        changes.append((TOMBSTONE, place, Tombstone(place, before.version)))


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
