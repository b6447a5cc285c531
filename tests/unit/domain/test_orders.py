"""Orders: all ingredients of all dishes at once, or a refusal that names everything in the way."""

import pytest

from holdfast.domain.commands import (
    CancelOrder,
    ConfirmOrder,
    DeleteMenuItem,
    ExpireReservation,
    PutMenuItem,
    SetOut,
)
from holdfast.domain.records import Line, Order, OrderItem
from holdfast.domain.values import QUANTITY_MAX
from tests.unit.domain.desk import NOW
from tests.unit.domain.kitchen import TTL_MS, kitchen, levels, order, placed

# Placing.


def test_an_order_reserves_everything_that_its_dishes_take_together() -> None:
    desk = kitchen(A=9, B=9)
    before = len(desk.events)
    outcome = desk.do(order(("pizza", 2), ("salad", 1), ("tea", 1)))
    assert len(desk.events) == before + 1
    assert desk.last.type == "OrderPlaced"
    assert (levels(desk), levels(desk, "B")) == ((9, 5), (9, 2))
    assert desk.hold("o1").lines == (Line("A", 5), Line("B", 2))
    items = (
        OrderItem("pizza", "Pizza", 900, 2),
        OrderItem("salad", "Salad", 500, 1),
        OrderItem("tea", "Tea", 200, 1),
    )
    end = NOW + TTL_MS
    wanted = Order("o1", "S", None, "Ann", "PENDING", items, 2_500, NOW, end, None, None, 1)
    assert placed(outcome) == desk.order() == wanted
    assert placed(outcome).reservation_id == desk.hold("o1").reservation_id
    assert outcome.reservations == (desk.hold("o1"),)
    assert [record.sku for record in outcome.stock] == ["A", "B"]


def test_a_dish_that_is_ordered_twice_is_one_item() -> None:
    desk = kitchen(A=9, B=9)
    assert placed(desk.do(order(("salad", 1), ("salad", 2)))).items == (
        OrderItem("salad", "Salad", 500, 3),
    )


def test_an_order_keeps_names_and_prices_as_they_were() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("salad", 1)))
    desk.do(PutMenuItem("salad", "Caprese", 700, recipe=(Line("A", 4),)))
    desk.do(DeleteMenuItem("salad"))
    desk.do(ConfirmOrder("o1", None))
    assert desk.order().items == (OrderItem("salad", "Salad", 500, 1),)
    assert levels(desk) == (8, 0)


def test_an_order_that_takes_no_stock_ends_as_any_other() -> None:
    desk = kitchen(A=1)
    for name in ("o1", "o2", "o3"):
        desk.do(order(("tea", 1), name=name))
        assert desk.hold(name).lines == ()
    desk.do(ConfirmOrder("o1", None))
    desk.do(CancelOrder("o2", None))
    desk.now += TTL_MS
    desk.do(ExpireReservation("o3"))
    statuses = [desk.order(name).status for name in ("o1", "o2", "o3")]
    assert statuses == ["CONFIRMED", "CANCELLED", "EXPIRED"]


def test_an_order_without_a_deadline_stays_until_somebody_ends_it() -> None:
    desk = kitchen(A=1)
    assert placed(desk.do(order(("tea", 1), ttl_ms=None))).expires_at is None


# Refusing.


def test_two_dishes_cannot_both_have_the_last_tomato() -> None:
    desk = kitchen(A=2, B=1)
    no = desk.refused(order(("pizza", 1), ("salad", 1)))
    assert no.code == "insufficient_stock"
    (short,) = no.data["shortages"]
    assert (short["sku"], short["name"]) == ("A", "tomatoes")
    assert (short["requested"], short["available"]) == (3, 2)
    assert [item["id"] for item in no.data["items"]] == ["pizza", "salad"]
    desk.do(order(("pizza", 1)))
    assert desk.refused(order(("salad", 1), name="o2")).code == "insufficient_stock"


def test_a_refusal_names_every_dish_and_everything_that_each_lacks() -> None:
    desk = kitchen(A=1)
    desk.do(PutMenuItem("tea", "Tea", 200, is_available=False))
    no = desk.refused(order(("pizza", 2), ("tea", 1), ("cake", 1), ("salad", 1)))
    assert no.code == "not_found"
    assert [(line["sku"], line["requested"]) for line in no.data["shortages"]] == [
        ("A", 5),
        ("B", 2),
    ]
    reasons = {
        item["id"]: [(reason["code"], reason["sku"]) for reason in item["reasons"]]
        for item in no.data["items"]
    }
    assert reasons == {
        "pizza": [("insufficient", "A"), ("insufficient", "B")],
        "tea": [("disabled", None)],
        "cake": [("unknown", None)],
        "salad": [("insufficient", "A")],
    }
    for said in ("Pizza", "Tea", "cake", "No B"):
        assert said in no.detail


def test_a_dish_that_is_switched_off_is_refused_though_there_is_enough() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(PutMenuItem("salad", "Salad", 500, is_available=False, recipe=(Line("A", 1),)))
    no = desk.refused(order(("salad", 1), ("tea", 1)))
    assert (no.code, no.data["shortages"]) == ("insufficient_stock", [])
    assert [item["id"] for item in no.data["items"]] == ["salad"]


def test_what_the_kitchen_marked_as_out_is_not_sold() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(SetOut("S", "A", True, "spoiled", NOW + 9))
    no = desk.refused(order(("salad", 1)))
    assert no.code == "insufficient_stock"
    assert no.data["shortages"][0]["nextReleaseAt"].endswith(".009Z")
    assert no.data["items"][0]["reasons"][0]["code"] == "out"


def test_a_store_that_is_not_there_sells_nothing() -> None:
    assert kitchen(A=9).refused(order(("tea", 1), store_id="X")).code == "not_found"


@pytest.mark.parametrize("price", [QUANTITY_MAX, -QUANTITY_MAX])
def test_what_cannot_be_paid_is_refused(price: int) -> None:
    desk = kitchen(A=1)
    desk.do(PutMenuItem("gold", "Gold", price, new=True))
    assert placed(desk.do(order(("gold", 1)))).total_amount == price
    assert desk.refused(order(("gold", 2), name="o2")).code == "validation_error"


def test_what_cannot_be_counted_is_refused() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(PutMenuItem("lake", "Lake", 0, recipe=(Line("A", QUANTITY_MAX),), new=True))
    assert desk.refused(order(("lake", 1))).code == "insufficient_stock"
    assert desk.refused(order(("lake", 2))).code == "validation_error"
