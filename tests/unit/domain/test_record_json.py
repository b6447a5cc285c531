"""Records of any table as JSON: readable, read back the same, and written by older releases too."""

import json
from typing import Any

import pytest

from holdfast.domain.events import Event, event_from_json, event_json
from holdfast.domain.record_json import FORMS, add_records, take_records
from holdfast.domain.records import (
    ALERT,
    ITEM,
    LOW_STOCK,
    MENU_ITEM,
    ORDER,
    STORE,
    TABLES,
    TOMBSTONE,
    Alert,
    Change,
    Item,
    Line,
    LowStock,
    MenuItem,
    Order,
    OrderItem,
    Store,
    Table,
    Tombstone,
)
from tests.unit.domain.desk import NOW

DISH = (OrderItem("pie", "Pie", 450, 2),)
RECORDS: list[tuple[Table[Any], Any]] = [
    (STORE, Store("S", NOW)),
    (STORE, Store("S", NOW, "Shop", "Main Street 1", "Europe/Rome", 3, NOW + 1)),
    (ITEM, Item("A", "Apple", version=1, updated_at=NOW)),
    (ITEM, Item("A", "Apple", "fruit", "g", 0, 0, "/a.png", "Red.", 2, NOW)),
    (MENU_ITEM, MenuItem("tea", "Tea", 0, is_available=False, version=1, updated_at=NOW)),
    (MENU_ITEM, MenuItem("pie", "Pie", 9, "x", True, (Line("A", 2),), "Hot.", "/p", 1, NOW)),
    (ORDER, Order("o", "S", None, "Ann", "PENDING", DISH, 900, NOW, None, None, None, 1)),
    (ORDER, Order("o", "S", "a", "Ann", "CONFIRMED", DISH, 9, NOW, NOW, NOW + 1, NOW + 2, 2)),
    (ALERT, Alert("e.0", "S", "A", "open", 0, 0, NOW)),
    (ALERT, Alert("e.0", "S", "A", "resolved", 5, 4, NOW, NOW, "ann", NOW + 1, NOW + 2, 3)),
    (LOW_STOCK, LowStock("S", "A", "e.0")),
    (TOMBSTONE, Tombstone(("stores", "S"), 4)),
]


@pytest.mark.parametrize(("table", "record"), RECORDS)
def test_a_record_is_read_back_as_it_was_written(table: Table[Any], record: Any) -> None:
    form = FORMS[table.name]
    assert form.read(json.loads(json.dumps(form.write(record)))) == record


def test_a_record_reads_as_a_person_would_write_it() -> None:
    assert FORMS["orders"].write(RECORDS[7][1]) == {
        "id": "o",
        "storeId": "S",
        "userId": "a",
        "customer": "Ann",
        "status": "CONFIRMED",
        "items": [{"id": "pie", "name": "Pie", "price": 450, "qty": 2}],
        "totalAmount": 9,
        "createdAt": "2026-11-20T08:00:00.000Z",
        "expiresAt": "2026-11-20T08:00:00.000Z",
        "endedAt": "2026-11-20T08:00:00.001Z",
        "keptUntil": "2026-11-20T08:00:00.002Z",
        "version": 2,
    }
    assert FORMS["items"].write(RECORDS[2][1]) == {
        "sku": "A",
        "name": "Apple",
        "version": 1,
        "updatedAt": "2026-11-20T08:00:00.000Z",
    }


def test_a_store_of_a_release_that_knew_no_names_is_read() -> None:
    written = {"storeId": "S", "createdAt": "2026-11-20T08:00:00.000Z"}
    assert FORMS["stores"].read(written) == Store("S", NOW, None, None, None, 1, None)


def test_an_event_names_records_by_their_tables_and_what_was_deleted_by_its_keys() -> None:
    records: tuple[Change, ...] = (
        (ITEM, ("A",), RECORDS[2][1]),
        (ITEM, ("B",), Item("B", "Pear", version=1, updated_at=NOW)),
        (STORE, ("S",), Store("S", NOW)),
        (ITEM, ("C",), None),
        (STORE, ("T",), None),
    )
    event = Event(1, NOW, "ItemChanged", "e1", "ann", "q1", {"why": "new"}, records=records)
    written = event_json(event)
    payload = written["payload"]
    assert list(payload) == ["why", "items", "stores", "deleted"]
    assert [item["sku"] for item in payload["items"]] == ["A", "B"]
    assert payload["deleted"] == {"items": [["C"]], "stores": [["T"]]}
    assert event_from_json(json.loads(json.dumps(written))) == event
    assert event.outcome.records == records


def test_what_is_no_record_stays_in_the_payload() -> None:
    payload: dict[str, Any] = {"qty": 1}
    add_records(payload, [(LOW_STOCK, ("S", "A"), LowStock("S", "A", "e.0"))])
    assert take_records(payload) == ((LOW_STOCK, ("S", "A"), LowStock("S", "A", "e.0")),)
    assert payload == {"qty": 1}


def test_every_table_knows_whether_state_has_to_follow_it() -> None:
    forgotten = {name for name, table in TABLES.items() if table.forget_at is not None}
    assert forgotten >= {"reservations", "keys", "orders", "alerts"}
    assert {name for name, table in TABLES.items() if table.followed} == {*forgotten, "items"}
