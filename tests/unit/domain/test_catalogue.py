"""Items and locations: what people know of SKUs and stores, and what keeps them from going away."""

from typing import Any

import pytest

from holdfast.domain.commands import (
    ANY_VERSION,
    AdjustStock,
    ApplyBatch,
    CancelOrder,
    CountStock,
    DeleteItem,
    DeleteLocation,
    PlaceOrder,
    Portions,
    PutItem,
    PutLocation,
    PutMenuItem,
    ReceiveStock,
    RowAction,
    ShipStock,
    TransferStock,
)
from holdfast.domain.records import ITEM, STORE, TOMBSTONE, Item, Line, Outcome, Store, Table
from tests.unit.domain.desk import NOW, Desk, key, reserve, stocked

APPLE = PutItem("A", "Apple", "fruit", "pieces", 30, 5, "/a.png", "Red.", new=True)
KITCHEN = PutLocation("K", "Kitchen", "Main Street 1", "Europe/Rome", new=True)
REPLACED: Any = {"new": False}


def made(outcome: Outcome, table: Table[Any] = ITEM) -> Any:
    record = outcome.first(table)
    assert record is not None
    return record


# Items.


def test_an_item_is_made_with_its_first_version() -> None:
    desk = Desk()
    item = made(desk.do(APPLE))
    assert item == Item("A", "Apple", "fruit", "pieces", 30, 5, "/a.png", "Red.", 1, NOW)
    assert desk.get(ITEM, ("A",)) == item
    assert desk.last.type == "ItemCreated"


def test_an_item_is_not_made_twice() -> None:
    desk = Desk()
    desk.do(APPLE)
    assert desk.refused(APPLE).code == "already_exists"
    assert desk.refused(APPLE._replace(expected_version=0)).code == "already_exists"


def test_replacing_an_item_clears_what_is_left_out() -> None:
    desk = Desk()
    desk.do(APPLE)
    desk.now += 5
    assert made(desk.do(PutItem("A", "Pear"))) == Item("A", "Pear", version=2, updated_at=NOW + 5)
    assert desk.last.type == "ItemChanged"


def test_an_item_that_is_not_there_is_neither_replaced_nor_deleted() -> None:
    desk = Desk()
    assert desk.refused(PutItem("A", "Apple")).code == "not_found"
    assert desk.refused(DeleteItem("A")).code == "not_found"


def test_saying_again_what_an_item_is_changes_nothing() -> None:
    desk = Desk()
    desk.do(APPLE)
    desk.now += 5
    assert made(desk.do(APPLE._replace(**REPLACED))).version == 1
    assert len(desk.events) == 1
    assert made(desk.do(APPLE._replace(**REPLACED), **key())).version == 1
    assert desk.last.type == "KeyRemembered"


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_an_item_at_another_version_is_neither_replaced_nor_deleted(expected: int) -> None:
    desk = Desk()
    desk.do(APPLE)
    desk.do(PutItem("A", "Pear"))
    for action in (PutItem("A", "Fig", expected_version=expected), DeleteItem("A", expected)):
        no = desk.refused(action)
        assert (no.code, no.data) == ("version_conflict", {"currentVersion": 2})


@pytest.mark.parametrize("expected", [2, ANY_VERSION])
def test_an_item_at_the_expected_version_is_replaced_and_deleted(expected: int) -> None:
    desk = Desk()
    desk.do(APPLE)
    desk.do(PutItem("A", "Pear", expected_version=1))
    desk.do(DeleteItem("A", expected))
    assert desk.get(ITEM, ("A",)) is None


def test_an_item_is_new_only_at_version_0() -> None:
    assert Desk().refused(APPLE._replace(expected_version=1)).code == "version_conflict"
    assert made(Desk().do(APPLE._replace(expected_version=0))).version == 1


def test_a_new_item_counts_on_from_the_one_that_was_deleted() -> None:
    desk = Desk()
    for version in (1, 3, 5):
        assert made(desk.do(APPLE)).version == version
        assert desk.get(TOMBSTONE, ("items", "A")) is None
        assert made(desk.do(PutItem("A", "Pear"))).version == version + 1
        outcome = desk.do(DeleteItem("A"))
        assert outcome.records == ((ITEM, ("A",), None),)
        assert desk.refused(PutItem("A", "Fig")).code == "not_found"
    assert made(desk.do(APPLE._replace(expected_version=0))).version == 7


def test_an_item_of_which_something_is_left_is_not_deleted() -> None:
    desk = stocked(A=2)
    desk.do(APPLE)
    desk.do(reserve(("A", 1)))
    no = desk.refused(DeleteItem("A"))
    assert no.code == "in_use"
    assert "S has 2 of it" in no.detail
    assert no.data["stock"] == [{"storeId": "S", "sku": "A", "onHand": 2, "reserved": 1}]


def test_an_item_that_a_recipe_takes_is_not_deleted() -> None:
    desk = Desk()
    desk.do(APPLE)
    desk.do(PutMenuItem("pie", "Pie", 450, recipe=(Line("B", 1), Line("A", 3)), new=True))
    no = desk.refused(DeleteItem("A"))
    assert (no.code, no.data["menuItems"]) == ("in_use", ["pie"])
    assert "the recipe of pie takes it" in no.detail


def test_an_item_that_is_sold_out_everywhere_is_deleted() -> None:
    desk = stocked(A=2, B=1)
    desk.do(APPLE)
    desk.do(ShipStock("S", "A", 2))
    desk.do(DeleteItem("A"))
    assert desk.get(ITEM, ("A",)) is None
    assert desk.stock("A").version == 2


def test_shortages_say_what_people_call_a_thing() -> None:
    desk = stocked(A=2, B=2)
    desk.do(APPLE)
    no = desk.refused(reserve(("A", 3), ("B", 3)))
    assert [line["name"] for line in no.data["shortages"]] == ["Apple", "B"]
    assert "3 of Apple" in no.detail
    desk.do(reserve(("A", 1)))
    assert desk.refused(CountStock("S", "A", 0)).data["shortages"][0]["name"] == "Apple"


# Locations.


def test_a_location_is_made_before_any_stock() -> None:
    desk = Desk()
    store = made(desk.do(KITCHEN), STORE)
    assert store == Store("K", NOW, "Kitchen", "Main Street 1", "Europe/Rome", 1, NOW)
    assert desk.last.type == "LocationCreated"
    desk.do(ReceiveStock("K", "A", 1))
    assert desk.get(STORE, ("K",)) == store


def test_a_store_that_its_stock_has_made_gets_its_name_once() -> None:
    desk = stocked(A=1)
    desk.now += 5
    naming = PutLocation("S", "Shop", new=True)
    store = made(desk.do(naming), STORE)
    assert store == Store("S", NOW, "Shop", None, None, 2, NOW + 5)
    assert desk.last.type == "LocationCreated"
    assert desk.refused(naming).code == "already_exists"


def test_a_location_is_replaced_at_its_version_only() -> None:
    desk = Desk()
    desk.do(KITCHEN)
    assert desk.refused(PutLocation("K", "Bar", expected_version=2)).code == "version_conflict"
    assert made(desk.do(PutLocation("K", "Bar", expected_version=1)), STORE).address is None
    assert desk.last.type == "LocationChanged"
    assert desk.refused(PutLocation("L", "Bar")).code == "not_found"
    assert desk.refused(DeleteLocation("L")).code == "not_found"
    assert desk.refused(DeleteLocation("K", 1)).code == "version_conflict"


def test_saying_again_what_a_location_is_changes_nothing() -> None:
    desk = Desk()
    desk.do(KITCHEN)
    desk.now += 5
    assert made(desk.do(KITCHEN._replace(**REPLACED)), STORE).version == 1
    assert len(desk.events) == 1


def test_a_location_with_stock_is_not_deleted() -> None:
    desk = stocked(A=2, B=1)
    desk.do(ShipStock("S", "B", 1))
    no = desk.refused(DeleteLocation("S"))
    assert no.code == "in_use"
    assert [line["sku"] for line in no.data["stock"]] == ["A"]
    assert "2 of A" in no.detail


def test_a_location_with_a_pending_order_is_not_deleted_even_when_the_order_takes_no_stock() -> (
    None
):
    desk = Desk()
    desk.do(KITCHEN)
    desk.do(PutMenuItem("tea", "Tea", 200, new=True))
    desk.do(PlaceOrder("o1", "K", (Portions("tea", 1),), "Ann", None, 60_000))
    no = desk.refused(DeleteLocation("K"))
    assert (no.code, no.data["orders"]) == ("in_use", ["o1"])
    desk.do(CancelOrder("o1", None))
    desk.do(DeleteLocation("K"))
    assert desk.get(STORE, ("K",)) is None


def closed() -> Desk:
    """A desk whose store S was deleted at version 1; A is known there, and there is none."""
    desk = stocked(A=2)
    desk.do(ReceiveStock("T", "A", 9))
    desk.do(ShipStock("S", "A", 2))
    desk.do(DeleteLocation("S"))
    assert desk.get(STORE, ("S",)) is None
    return desk


@pytest.mark.parametrize(
    "action",
    [
        ReceiveStock("S", "A", 1),
        ReceiveStock("S", "B", 1),
        AdjustStock("S", "A", 1),
        CountStock("S", "A", 1),
        TransferStock("T", "S", (Line("A", 1),)),
    ],
    ids=lambda action: f"{type(action).__name__} {getattr(action, 'sku', 'A')}",
)
def test_goods_that_come_into_a_closed_store_open_it_again(action: RowAction) -> None:
    desk = closed()
    desk.now += 5
    desk.do(action)
    assert desk.get(STORE, ("S",)) == Store("S", NOW + 5, version=2)
    assert desk.get(TOMBSTONE, ("stores", "S")) is None


def test_old_and_new_goods_of_one_delivery_open_a_closed_store_once() -> None:
    desk = closed()
    desk.do(ApplyBatch((ReceiveStock("S", "A", 1), ReceiveStock("S", "B", 1))))
    assert desk.get(STORE, ("S",)) == Store("S", NOW, version=2)


def test_a_closed_store_is_described_anew_and_counts_on() -> None:
    desk = closed()
    assert made(desk.do(PutLocation("S", "Shop", new=True)), STORE).version == 2
