"""How an order ends: with its reservation, once, and by its owner."""

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
    ExpireReservation,
    ExtendReservation,
    ReceiveStock,
    ReserveStock,
)
from holdfast.domain.records import ORDER, RESERVATION, STORE, Line
from tests.unit.domain.desk import NOW, key, reserve
from tests.unit.domain.kitchen import TTL_MS, kitchen, levels, order, placed


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
