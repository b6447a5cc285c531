"""What older events changed beside what stands in them, worked out from the records of today.

An alert's id names the event that opened it, its `resolvedAt` the instant of the one that resolved
it; an order has the id of its reservation, and follows it. As long as neither a threshold nor a
recipe changed since, that tells exactly what the events did. Where it does not, `NotKnown` says so, and
whoever listens has to load afresh: a guess is never told.
"""

from typing import Final

from holdfast.domain.events import Event
from holdfast.domain.orders import follow
from holdfast.domain.records import (
    ALERT,
    ITEM,
    MENU_ITEM,
    OPEN,
    ORDER,
    RESOLVED,
    Alert,
    Key,
    Order,
    Reservation,
    StockRecord,
)
from holdfast.http.live.messages import QUIET, Moved, moved_by
from holdfast.ledger.port import Reading

#: Of what is older, orders and alerts may have been forgotten. They are kept for a day at least.
AGE_MAX_MS: Final = 12 * 3600 * 1000


class NotKnown(Exception):
    """What an event changed cannot be told any more."""


class Rebuilt:
    """Walks a run of events, oldest first, without a gap."""

    def __init__(self, before: Event | None) -> None:
        """Begin behind an event; None: with the first there is."""
        #: At this instant, events in front of the run may have resolved alerts.
        self._boundary_ts = -1 if before is None else before.ts
        self._opened: set[str] = set()
        self._resolved: set[str] = set()
        #: The alerts of a SKU in a store; looked up when it is first needed.
        self._alerts: dict[Key, list[str]] | None = None

    def moved(self, reading: Reading, event: Event, catalogue_at: int) -> list[Moved]:
        """Return the orders and alerts that the next event changed, in the order of `evolve`.

        Args:
            reading: what is now.
            event: what happened.
            catalogue_at: where items or dishes changed behind the run, if they did.

        Raises:
            NotKnown: see there.
        """
        if event.type in QUIET:
            return []
        if event.ts < reading.now - AGE_MAX_MS:
            raise NotKnown("it is too old")
        if event.sequence < catalogue_at or any(
            table is ITEM or table is MENU_ITEM for table, _, _ in event.records
        ):
            raise NotKnown("the catalogue changed")
        moved: list[Moved] = []
        for place, record in enumerate(event.stock):
            alert = self._alert(reading, event, f"{event.event_id}.{place}", record)
            if alert is not None:
                moved.append(alert)
        explicit = moved_by(event.records)
        named = {record.id for record in explicit if isinstance(record, Order)}
        for held in event.reservations:
            order = None if held.reservation_id in named else _order(reading, event, held)
            if order is not None:
                moved.append(order)
        return moved + explicit

    def _alert(
        self, reading: Reading, event: Event, new_id: str, record: StockRecord
    ) -> Alert | None:
        """Return the alert that the stock record opened or resolved."""
        item = reading.get(ITEM, (record.sku,))
        if item is None or item.low_stock_threshold is None:
            return None
        if record.available <= item.low_stock_threshold:
            opened = reading.get(ALERT, (new_id,))
            if opened is None:
                return None
            self._opened.add(opened.id)
            if self._alerts is not None:
                self._alerts.setdefault(record.key, []).append(new_id)
            return Alert(*opened[:3], OPEN, *opened[4:7])
        if event.ts == self._boundary_ts:
            raise NotKnown("an event before the first may have resolved the alert")
        for alert_id in self._alerts_of(reading).get(record.key, ()):
            alert = reading.get(ALERT, (alert_id,))
            if alert is not None and self._resolves(event, alert):
                self._resolved.add(alert.id)
                return alert
        return None

    def _alerts_of(self, reading: Reading) -> dict[Key, list[str]]:
        if self._alerts is None:
            self._alerts = {}
            for alert in reading.records(ALERT).values():
                self._alerts.setdefault((alert.store_id, alert.sku), []).append(alert.id)
        return self._alerts

    def _resolves(self, event: Event, alert: Alert) -> bool:
        was_there = alert.opened_at < event.ts or alert.id in self._opened
        ends_now = alert.status == RESOLVED and alert.resolved_at == event.ts
        return was_there and ends_now and alert.id not in self._resolved


def _order(reading: Reading, event: Event, held: Reservation) -> Order | None:
    """Return the order that followed its reservation."""
    if held.version == 1:
        return None
    order = reading.get(ORDER, (held.reservation_id,))
    if order is None:
        return None
    if event.type == "BatchApplied":
        raise NotKnown("a batch also shows reservations that it leaves alone")
    return follow(order, held)._replace(version=held.version)
