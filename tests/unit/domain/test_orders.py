"""Orders: all ingredients of all dishes at once, or a refusal that names everything in the way."""

from typing import Any

import pytest

from holdfast.domain.commands import (
    ApplyBatch,
    CancelOrder,
    CancelReservation,
    ConfirmOrder,
    ConfirmReservation,
    CountStock,
    DeleteLocation,
    DeleteMenuItem,
    ExpireReservation,
    ExtendReservation,
    PlaceOrder,
    Portions,
    PutItem,
    PutLocation,
    PutMenuItem,
    ReceiveStock,
    ReserveStock,
    SetOut,
)
from holdfast.domain.records import ORDER, RESERVATION, STORE, Line, Order, OrderItem, Outcome
from holdfast.domain.values import QUANTITY_MAX
from tests.unit.domain.desk import NOW, Desk, key, reserve, stocked

TTL_MS = 60_000


def kitchen(**levels: int) -> Desk:
    """A store S with so much of each SKU, and a menu: pizza (A2 B1), salad (A1), tea (nothing)."""
    desk = stocked(**levels)
    desk.do(PutLocation("S", "Shop", new=True))
    desk.do(PutItem("A", "tomatoes", unit="g", new=True))
    dishes = {"pizza": (900, (Line("A", 2), Line("B", 1))), "salad": (500, (Line("A", 1),))}
    for name, (price, recipe) in dishes.items():
        desk.do(PutMenuItem(name, name.capitalize(), price, recipe=recipe, new=True))
    desk.do(PutMenuItem("tea", "Tea", 200, new=True))
    return desk


def order(*items: tuple[str, int], name: str = "o1", **more: Any) -> PlaceOrder:
    fields = {"customer": "Ann", "user_id": None, "ttl_ms": TTL_MS, "store_id": "S", **more}
    return PlaceOrder(name, items=tuple(Portions(*item) for item in items), **fields)


def placed(outcome: Outcome) -> Order:
    found = outcome.first(ORDER)
    assert found is not None
    return found


def levels(desk: Desk, sku: str = "A") -> tuple[int, int]:
    return desk.stock(sku).on_hand, desk.stock(sku).reserved


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


# Ending.


def test_confirming_an_order_consumes_what_it_held() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    desk.now += 5
    ended = placed(desk.do(ConfirmOrder("o1", None, 1)))
    assert desk.last.type == "OrderConfirmed"
    assert (levels(desk), levels(desk, "B")) == ((7, 0), (8, 0))
    assert ended == desk.order()
    assert (ended.status, ended.ended_at, ended.version) == ("CONFIRMED", NOW + 5, 2)
    assert ended.kept_until == desk.hold("o1").kept_until


def test_cancelling_an_order_releases_what_it_held() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    desk.do(CancelOrder("o1", None))
    assert desk.last.type == "OrderCancelled"
    assert (levels(desk), levels(desk, "B")) == ((9, 0), (9, 0))
    assert desk.order().status == "CANCELLED"


@pytest.mark.parametrize(
    ("action", "status"),
    [
        (ConfirmReservation("o1", None), "CONFIRMED"),
        (CancelReservation("o1", None), "CANCELLED"),
        (ApplyBatch((ConfirmReservation("o1", None),)), "CONFIRMED"),
    ],
)
def test_an_order_follows_its_reservation_to_its_end(action: Any, status: str) -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    desk.do(action)
    assert desk.last.records == ()
    assert (desk.order().status, desk.order().version) == (status, 2)
    assert desk.order().kept_until == desk.hold("o1").kept_until


def test_an_order_follows_although_the_same_batch_opens_a_store_again() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    desk.do(CountStock("T", "C", 0))
    desk.do(DeleteLocation("T"))
    desk.do(ApplyBatch((ReceiveStock("T", "C", 1), ConfirmReservation("o1", None))))
    assert [table for table, _, _ in desk.last.records] == [STORE]
    assert desk.order().status == "CONFIRMED"


def test_an_order_expires_with_its_reservation_and_moves_its_deadline_with_it() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    desk.do(ExtendReservation("o1", None, TTL_MS + 5))
    assert (desk.order().expires_at, desk.order().version) == (NOW + TTL_MS + 5, 2)
    assert desk.order().status == "PENDING"
    desk.now += TTL_MS + 5
    desk.do(ExpireReservation("o1"))
    assert (desk.order().status, desk.order().version) == ("EXPIRED", 3)
    assert levels(desk) == (9, 0)
    assert desk.refused(ConfirmOrder("o1", None)).code == "reservation_expired"
    assert desk.refused(CancelOrder("o1", None)).code == "reservation_expired"


def test_an_order_at_its_deadline_is_too_late_though_nobody_has_written_it_yet() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    desk.now += TTL_MS
    assert desk.refused(ConfirmOrder("o1", None)).code == "reservation_expired"


def test_confirming_again_gives_the_same_order() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    first = placed(desk.do(ConfirmOrder("o1", None)))
    before = len(desk.events)
    assert placed(desk.do(ConfirmOrder("o1", None))) == first
    assert len(desk.events) == before
    assert placed(desk.do(ConfirmOrder("o1", None), **key())) == first
    assert desk.last.type == "KeyRemembered"
    assert desk.order() == first


def test_an_order_that_came_to_its_end_comes_to_no_other() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    desk.do(ConfirmOrder("o1", None))
    assert desk.refused(CancelOrder("o1", None)).code == "reservation_not_active"
    assert desk.refused(CancelReservation("o1", None)).code == "reservation_not_active"
    assert desk.refused(ConfirmOrder("o9", None)).code == "not_found"


def test_an_order_at_another_version_is_not_ended() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    no = desk.refused(ConfirmOrder("o1", None, 2))
    assert (no.code, no.data) == ("version_conflict", {"currentVersion": 1})


def test_only_its_owner_ends_an_order() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1), user_id="ann"))
    assert desk.refused(ConfirmOrder("o1", "bob")).code == "forbidden"
    assert desk.refused(ConfirmOrder("o1", None)).code == "validation_error"
    desk.do(ConfirmOrder("o1", "ann"))
    assert desk.refused(ConfirmOrder("o1", "bob")).code == "forbidden"


def test_what_an_order_holds_is_not_for_a_second_purchase() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("salad", 1), user_id="ann"))
    bought = ReserveStock("r1", "S", "ann", (Line("A", 1),), TTL_MS, reuse=True)
    assert not desk.do(bought).existing
    assert levels(desk) == (9, 2)


def test_an_order_is_forgotten_with_its_reservation() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(order(("pizza", 1)))
    desk.do(ConfirmOrder("o1", None), retention_ms=10)
    desk.now += 9
    desk.do(ReceiveStock("S", "A", 1))
    assert desk.order().status == "CONFIRMED"
    desk.now += 1
    desk.do(ReceiveStock("S", "A", 1))
    assert desk.get(ORDER, ("o1",)) is None
    assert desk.get(RESERVATION, ("o1",)) is None


def test_a_repeated_order_under_its_key_is_the_first_one() -> None:
    desk = kitchen(A=9, B=9)
    first = desk.do(order(("pizza", 1)), **key())
    again = desk.do(order(("pizza", 1), name="o2"), **key())
    assert again == first._replace(replayed=True)
    assert desk.get(ORDER, ("o2",)) is None


def test_a_reservation_of_its_own_moves_no_order() -> None:
    desk = kitchen(A=9, B=9)
    desk.do(reserve(("A", 1)))
    desk.do(ConfirmReservation("r1", None))
    assert not list(desk.each(ORDER))
