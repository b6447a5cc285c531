"""What the catalogue said of things and places at an event: items by SKU, and whether a store was.

Everything here blocks and runs in a thread.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from holdfast.domain.record_json import DELETED, FORMS
from holdfast.domain.records import (
    ITEM,
    MENU_ITEM,
    STOCK,
    STORE,
    Change,
    Item,
    Json,
    Key,
    MenuItem,
    Store,
    Table,
)
from holdfast.domain.values import instant_ms
from holdfast.journal import Retained, Unusable
from holdfast.ledger.past_search import Files, quoted

#: How the events are told that change items, and dishes.
_ITEM_EVENTS: Final = b'"type":"Item'
_DISH_EVENTS: Final = b'"type":"MenuItem'


def items_at(files: Files, sequence: int, skus: Iterable[str]) -> list[Item]:
    """Return the items of these SKUs as they were behind an event; raises what `stock_at` does."""
    return _records_at(files, sequence, ITEM, {(sku,) for sku in skus}, _ITEM_EVENTS)


def dish_at(files: Files, sequence: int, dish_id: str) -> MenuItem | None:
    """Return the dish as it was behind an event, or None; raises what `stock_at` does."""
    found = _records_at(files, sequence, MENU_ITEM, {(dish_id,)}, _DISH_EVENTS)
    return found[0] if found else None


def store_at(files: Files, sequence: int, store_id: str) -> Store | None:
    """Return the store as it was behind an event, or None; raises what `stock_at` does."""
    found = _records_at(files, sequence, STORE, {(store_id,)}, quoted(store_id))
    return found[0] if found else None


def _records_at(
    files: Files, sequence: int, table: Table[Any], wanted: set[Key], text: bytes
) -> list[Any]:
    """Return the records of these keys; every event that changes one of them holds `text`."""
    for base in files.bases(sequence):
        try:
            changes = _newest_changes(files, sequence, base, table, text)
            return _first_of_each(changes, wanted)
        except Unusable:
            continue
    raise AssertionError("without a checkpoint no file of one can be unusable")


def _first_of_each(changes: Iterable[Change], wanted: set[Key]) -> list[Any]:
    left, found = set(wanted), []
    if left:
        for _, key, record in changes:
            if key in left:
                left.discard(key)
                found.append(record)
            if not left:
                break
    return [record for record in found if record is not None]


def _newest_changes(
    files: Files, sequence: int, base: Retained | None, table: Table[Any], text: bytes
) -> Iterator[Change]:
    """Walk the changes of a table, newest first, and behind them what the checkpoint holds."""
    above = 0 if base is None else base.cursor.sequence
    search = files.backward(sequence, above)
    for frame in search.holding(text):
        files.budget.step()
        yield from _changes(orjson.loads(frame.json), table)
    files.demand_all(search, above)
    if base is None:
        return
    read = FORMS[table.name].read
    for shard in base.shards(f"{table.name}/"):
        for line in base.lines(shard):
            files.budget.step()
            record = read(orjson.loads(line))
            yield table, record.key, record


def _changes(event: Json, table: Table[Any]) -> Iterator[Change]:
    payload = event["payload"]
    for raw in payload.get(table.name, ()):
        record = FORMS[table.name].read(raw)
        yield table, record.key, record
    for key in payload.get(DELETED, {}).get(table.name, ()):
        yield table, tuple(key), None
    if table is STORE:
        for raw in payload.get(STOCK.name, ()):
            if raw["version"] == 1:  # A store is there with its first stock record.
                key = (raw["storeId"],)
                yield table, key, Store(key[0], instant_ms(event["ts"]))
