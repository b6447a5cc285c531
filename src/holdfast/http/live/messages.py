"""What an event is told as: messages, a pure function of the event and of what follows from it.

What stands in the event is told from there. Orders and alerts that move because stock or a
reservation moved do not stand in it; they are given beside it, by whoever was there when it was
applied, or by `rebuilt`. Every event is told as one message at least, so that each sequence is seen.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

import orjson

from holdfast.domain.events import Event
from holdfast.domain.records import (
    ALERT,
    ITEM,
    MENU_ITEM,
    ORDER,
    STORE,
    Alert,
    Change,
    Json,
    Order,
)
from holdfast.domain.values import instant_text
from holdfast.http.render import reservation_body, stock_body
from holdfast.http.render_catalogue import alert_body, order_body

STOCK_UPDATED: Final = "stockUpdated"
LOW_STOCK_ALERT: Final = "lowStockAlert"
MENU_CHANGED: Final = "menuChanged"
ORDER_CHANGED: Final = "orderChanged"
RESERVATION_CHANGED: Final = "reservationChanged"
STATE_CHANGED: Final = "stateChanged"
TYPES: Final = (
    STOCK_UPDATED,
    LOW_STOCK_ALERT,
    MENU_CHANGED,
    ORDER_CHANGED,
    RESERVATION_CHANGED,
    STATE_CHANGED,
)

#: Events that show records and change none of them.
QUIET: Final = frozenset({"KeyRemembered", "RowUnchanged", "RowRefused"})

#: An order or an alert as an event left it.
Moved = Order | Alert
#: The ids of the dishes that take a SKU.
DishesWith = Callable[[str], Collection[str]]


class Message(NamedTuple):
    """One message, and what it can be asked for by."""

    type: str
    #: None: it concerns all stores.
    store_id: str | None
    skus: frozenset[str]
    json: bytes


class Wanted(NamedTuple):
    """Which messages somebody wants; None does not filter."""

    types: frozenset[str] | None = None
    store_id: str | None = None
    sku: str | None = None

    def takes(self, message: Message) -> bool:
        """Whether it is one of them."""
        return (
            (self.types is None or message.type in self.types)
            and (self.store_id is None or message.store_id in {None, self.store_id})
            and (self.sku is None or self.sku in message.skus)
        )


def moved_by(changes: Iterable[Change]) -> list[Moved]:
    """Return the orders and alerts among the changes of an event, in their order."""
    return [
        record
        for table, _, record in changes
        if record is not None and (table is ORDER or table is ALERT)
    ]


def messages(event: Event, moved: Sequence[Moved], dishes_with: DishesWith) -> list[Message]:
    """Return what an event is told as; never nothing.

    Args:
        event: what happened.
        moved: the orders and alerts that it changed.
        dishes_with: as it is after the event.
    """
    writer = _Writer(event)
    if event.type not in QUIET:
        for stock in event.stock:
            writer.add(STOCK_UPDATED, stock.store_id, (stock.sku,), stock_body(stock))
        skus_of: dict[str, list[str]] = {}
        for held in event.reservations:
            skus = skus_of[held.reservation_id] = [line.sku for line in held.lines]
            writer.add(RESERVATION_CHANGED, held.store_id, skus, reservation_body(held))
        for record in moved:
            if isinstance(record, Alert):
                writer.add(LOW_STOCK_ALERT, record.store_id, (record.sku,), alert_body(record))
            else:
                skus = skus_of.get(record.reservation_id, [])
                writer.add(ORDER_CHANGED, record.store_id, skus, order_body(record))
        _add_menu(writer, event, dishes_with)
        _add_state(writer, event)
    if not writer.written:
        writer.add(STATE_CHANGED, None, (), {"event": event.type, "items": [], "stores": []})
    return writer.written


class _Writer:
    """Writes the messages of one event."""

    def __init__(self, event: Event) -> None:
        self.written: list[Message] = []
        self._sequence = event.sequence
        self._at = instant_text(event.ts)

    def add(self, kind: str, store_id: str | None, skus: Iterable[str], body: Json) -> None:
        told = {"type": kind, "sequence": self._sequence, "at": self._at, **body}
        self.written.append(Message(kind, store_id, frozenset(skus), orjson.dumps(told)))


def _add_menu(writer: _Writer, event: Event, dishes_with: DishesWith) -> None:
    """Name the dishes that guests see differently now, by store; None is every store."""
    touched: dict[str | None, tuple[set[str], set[str]]] = {}
    for record in event.stock:
        _touch(touched, record.store_id, record.sku, dishes_with(record.sku))
    for table, key, _ in event.records:
        if table is ITEM:
            _touch(touched, None, key[0], dishes_with(key[0]))
        elif table is MENU_ITEM:
            touched.setdefault(None, (set(), set()))[1].add(key[0])
    for store_id, (skus, dishes) in touched.items():
        body = {"storeId": store_id, "items": sorted(dishes)}
        writer.add(MENU_CHANGED, store_id, skus, body)


def _touch(
    touched: dict[str | None, tuple[set[str], set[str]]],
    store_id: str | None,
    sku: str,
    dishes: Collection[str],
) -> None:
    if dishes:
        skus, all_dishes = touched.setdefault(store_id, (set(), set()))
        skus.add(sku)
        all_dishes.update(dishes)


def _add_state(writer: _Writer, event: Event) -> None:
    """Name the items and stores that are described differently now."""
    items = [key[0] for table, key, _ in event.records if table is ITEM]
    stores = [key[0] for table, key, _ in event.records if table is STORE]
    if items or stores:
        store_id = stores[0] if len(stores) == 1 and not items else None
        body = {"event": event.type, "items": items, "stores": stores}
        writer.add(STATE_CHANGED, store_id, items, body)
