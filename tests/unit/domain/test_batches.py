"""Many actions as one: all or none, one version per record."""

import pytest

from holdfast.domain.commands import (
    AdjustStock,
    ApplyBatch,
    CancelReservation,
    ConfirmReservation,
    CountStock,
    ExtendReservation,
    ReceiveStock,
    RowAction,
    SetOut,
    ShipStock,
)
from tests.unit.domain.desk import Desk, key, reserve, stocked


def batch(*rows: RowAction) -> ApplyBatch:
    return ApplyBatch(rows)


def test_a_record_that_many_rows_change_gains_one_version() -> None:
    desk = stocked(A=10)
    outcome = desk.do(
        batch(
            ReceiveStock("S", "A", 5),
            ShipStock("S", "A", 12),
            reserve(("A", 2)),
            ReceiveStock("S", "B", 1),
            CountStock("S", "B", 3),
        )
    )
    found = [(each.sku, each.on_hand, each.reserved, each.version) for each in outcome.stock]
    assert found == [("A", 3, 2, 2), ("B", 3, 0, 1)]
    assert desk.last.type == "BatchApplied"
    kinds = [each["type"] for each in desk.last.facts["rows"]]
    assert kinds == [
        "StockReceived",
        "StockShipped",
        "StockReserved",
        "StockReceived",
        "StockCounted",
    ]


def test_one_refused_row_refuses_all_and_every_refusal_is_told_with_its_line() -> None:
    desk = stocked(A=1)
    no = desk.refused(
        batch(
            ReceiveStock("S", "A", 1),
            ShipStock("S", "A", 9),
            ShipStock("S", "B", 1),
            AdjustStock("S", "A", 1, expected_version=7),
        )
    )
    assert no.code == "batch_refused"
    errors = [(each["line"], each["code"]) for each in no.data["errors"]]
    assert errors == [(2, "insufficient_stock"), (3, "not_found"), (4, "version_conflict")]
    assert no.data["errors"][0]["details"]["shortages"][0]["available"] == 2
    assert "3 of 4 rows were refused" in no.detail
    assert (desk.stock().on_hand, desk.stock().version) == (1, 1)


def test_rows_may_each_name_the_version_that_their_caller_read() -> None:
    desk = stocked(A=1)
    rows = [AdjustStock("S", "A", 1, expected_version=1)] * 3
    assert desk.do(batch(*rows)).stock[0].version == 2


def test_a_reservation_may_be_made_and_confirmed_in_one() -> None:
    desk = stocked(A=5)
    outcome = desk.do(batch(reserve(("A", 2)), ConfirmReservation("r1", None)))
    (hold,) = outcome.reservations
    assert (hold.status, hold.version) == ("confirmed", 1)
    assert (desk.stock().on_hand, desk.stock().reserved, desk.stock().version) == (3, 0, 2)


@pytest.mark.parametrize("looked_at_first", [True, False])
def test_a_record_that_a_row_only_looks_at_gains_a_version_from_a_row_that_changes_it(
    looked_at_first: bool,
) -> None:
    desk = stocked(A=5)
    look, change = SetOut("S", "A", False), ReceiveStock("S", "A", 1)
    rows = (look, change) if looked_at_first else (change, look)
    assert desk.do(batch(*rows)).stock[0].version == 2


def test_a_confirm_that_was_done_before_hides_no_change_of_its_sku() -> None:
    desk = stocked(A=5)
    desk.do(reserve(("A", 1)))
    desk.do(ConfirmReservation("r1", None))
    before = desk.stock().version
    desk.do(batch(ConfirmReservation("r1", None), ShipStock("S", "A", 1)))
    assert desk.stock().version == before + 1


def test_a_reservation_that_a_row_only_looks_at_gains_a_version_from_the_next() -> None:
    desk = stocked(A=5)
    desk.do(reserve(("A", 1), ttl=60_000))
    desk.do(batch(ExtendReservation("r1", None, 1), ConfirmReservation("r1", None)))
    assert (desk.hold().status, desk.hold().version) == ("confirmed", 2)


def test_who_cancels_and_reserves_anew_in_one_gets_a_new_reservation() -> None:
    desk = stocked(A=5)
    desk.do(reserve(("A", 1), user="ann"))
    desk.do(
        batch(
            CancelReservation("r1", "ann"),
            reserve(("A", 2), name="r2", user="ann", reuse=True),
        )
    )
    assert desk.hold("r2").status == "active"
    assert desk.stock().reserved == 2


def test_a_batch_that_changes_nothing_writes_nothing_but_its_key() -> None:
    desk = stocked(A=5)
    nothing = batch(SetOut("S", "A", False))
    desk.do(nothing)
    assert len(desk.events) == 1
    desk.do(nothing, **key())
    assert desk.last.type == "KeyRemembered"


def test_a_batch_is_replayed_as_a_whole() -> None:
    desk = Desk()
    rows = batch(ReceiveStock("S", "A", 1), ReceiveStock("T", "A", 2))
    first = desk.do(rows, **key())
    assert desk.do(rows, **key()) == first._replace(replayed=True)
    assert desk.stock(store="T").on_hand == 2
