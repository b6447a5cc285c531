"""Taking in, selling, counting, moving and marking as out."""

from collections.abc import Callable

import pytest

from holdfast.domain.commands import (
    ANY_VERSION,
    AdjustStock,
    CountStock,
    LiftOut,
    ReceiveStock,
    RowAction,
    SetOut,
    ShipStock,
    TransferStock,
)
from holdfast.domain.records import STORE, Line
from holdfast.domain.values import QUANTITY_MAX, instant_text
from tests.unit.domain.desk import NOW, Desk, reserve, stocked

CREATING = [AdjustStock("S", "A", 5), ReceiveStock("S", "A", 5), CountStock("S", "A", 5)]
DEMANDING = [AdjustStock("S", "A", -1), ShipStock("S", "A", 1), SetOut("S", "A", True)]


@pytest.mark.parametrize("action", CREATING, ids=lambda action: type(action).__name__)
def test_what_comes_in_makes_the_record_and_its_store(action: RowAction) -> None:
    desk = Desk()
    (record,) = desk.do(action).stock
    assert record == desk.stock()
    assert (record.on_hand, record.reserved, record.version, record.updated_at) == (5, 0, 1, NOW)
    store = desk.get(STORE, ("S",))
    assert store is not None
    assert store.created_at == NOW


@pytest.mark.parametrize("action", DEMANDING, ids=lambda action: type(action).__name__)
def test_nothing_can_be_taken_of_a_sku_that_the_store_never_had(action: RowAction) -> None:
    no = Desk().refused(action)
    assert no.code == "not_found"
    assert no.data == {"storeId": "S", "skus": ["A"]}
    assert no.detail == "S has no stock record of A; receive or count it first."


@pytest.mark.parametrize(
    ("action", "kind", "facts", "on_hand"),
    [
        (AdjustStock("S", "A", 3), "StockAdjusted", {"delta": 3}, 13),
        (AdjustStock("S", "A", -3), "StockAdjusted", {"delta": -3}, 7),
        (CountStock("S", "A", 4), "StockCounted", {"counted": 4, "before": 10}, 4),
        (CountStock("S", "A", 10), "StockCounted", {"counted": 10, "before": 10}, 10),
        (ReceiveStock("S", "A", 2), "StockReceived", {"qty": 2}, 12),
        (ShipStock("S", "A", 10), "StockShipped", {"qty": 10}, 0),
    ],
)
def test_a_movement_is_told_with_what_was_asked_and_what_came_of_it(
    action: RowAction, kind: str, facts: dict[str, int], on_hand: int
) -> None:
    desk = stocked(A=10)
    desk.now += 5
    (record,) = desk.do(action).stock
    assert (record.on_hand, record.version, record.updated_at) == (on_hand, 2, NOW + 5)
    assert (desk.last.type, desk.last.facts, desk.last.ts) == (kind, facts, NOW + 5)


def test_a_reason_and_the_time_of_the_happening_are_kept_with_the_event() -> None:
    desk = Desk()
    desk.do(ReceiveStock("S", "A", 2, reason="delivery", occurred_at=NOW - 1))
    wanted = {"qty": 2, "reason": "delivery", "occurredAt": instant_text(NOW - 1)}
    assert desk.last.facts == wanted
    assert desk.last.ts == NOW


@pytest.mark.parametrize("action", [AdjustStock("S", "A", -8), ShipStock("S", "A", 8)])
def test_what_is_reserved_cannot_be_taken(action: RowAction) -> None:
    desk = stocked(A=10)
    desk.do(reserve(("A", 3)))
    desk.releases["S", "A"] = NOW + 60_000
    no = desk.refused(action)
    assert no.code == "insufficient_stock"
    assert no.detail == "Not enough stock: 8 of A asked for in S, 7 available."
    assert no.data["shortages"] == [
        {
            "storeId": "S",
            "sku": "A",
            "name": "A",
            "requested": 8,
            "available": 7,
            "nextReleaseAt": instant_text(NOW + 60_000),
        }
    ]


def test_a_count_below_what_is_reserved_is_refused() -> None:
    desk = stocked(A=10)
    desk.do(reserve(("A", 3)))
    no = desk.refused(CountStock("S", "A", 2))
    assert no.code == "insufficient_stock"
    (short,) = no.data["shortages"]
    assert (short["requested"], short["available"], short["nextReleaseAt"]) == (3, 2, None)
    assert desk.do(CountStock("S", "A", 3)).stock[0].available == 0


@pytest.mark.parametrize("action", [AdjustStock("S", "A", 1), ReceiveStock("S", "A", 1)])
def test_no_quantity_grows_beyond_what_every_reader_can_hold(action: RowAction) -> None:
    desk = stocked(A=QUANTITY_MAX)
    no = desk.refused(action)
    assert no.code == "validation_error"
    assert no.data["errors"][0]["detail"] == no.detail
    assert desk.stock().on_hand == QUANTITY_MAX


# Versions.

Make = Callable[[int | None], RowAction]

MAKING: list[Make] = [
    lambda expected: AdjustStock("S", "A", 1, expected),
    lambda expected: CountStock("S", "A", 1, expected),
    lambda expected: ReceiveStock("S", "A", 1, expected),
]
NEEDING: list[Make] = [
    lambda expected: AdjustStock("S", "A", -1, expected),
    lambda expected: ShipStock("S", "A", 1, expected),
    lambda expected: SetOut("S", "A", True, expected_version=expected),
    lambda expected: reserve(("A", 1), expected_version=expected),
]
VERSIONED = MAKING + NEEDING


@pytest.mark.parametrize("make", VERSIONED)
@pytest.mark.parametrize("expected", [0, 1, 3])
def test_a_write_made_for_another_version_is_refused_and_told_the_current_one(
    make: Make, expected: int
) -> None:
    desk = stocked(A=9)
    desk.do(ReceiveStock("S", "A", 1))
    no = desk.refused(make(expected))
    assert (no.code, no.data) == ("version_conflict", {"currentVersion": 2})
    assert "A in S has changed since you read it: it is at version 2 now." in no.detail


@pytest.mark.parametrize("make", VERSIONED)
@pytest.mark.parametrize("expected", [2, ANY_VERSION, None])
def test_a_write_made_for_the_current_or_any_version_goes_on(
    make: Make, expected: int | None
) -> None:
    desk = stocked(A=9)
    desk.do(ReceiveStock("S", "A", 1))
    assert desk.do(make(expected)).stock[0].version == 3


@pytest.mark.parametrize("make", MAKING)
def test_any_version_is_not_met_by_a_record_that_does_not_exist(make: Make) -> None:
    no = Desk().refused(make(ANY_VERSION))
    assert (no.code, no.data) == ("version_conflict", {"currentVersion": 0})


@pytest.mark.parametrize("make", NEEDING)
@pytest.mark.parametrize("expected", [0, 3, ANY_VERSION])
def test_what_needs_a_record_says_first_that_there_is_none(make: Make, expected: int) -> None:
    assert Desk().refused(make(expected)).code == "not_found"


def test_version_0_demands_that_the_record_does_not_exist_yet() -> None:
    desk = Desk()
    assert desk.do(ReceiveStock("S", "A", 1, expected_version=0)).stock[0].version == 1
    assert desk.refused(ReceiveStock("S", "A", 1, expected_version=0)).code == "version_conflict"


# Transfers.


def transfer(*lines: tuple[str, int], source: str = "S", target: str = "T") -> TransferStock:
    return TransferStock(source, target, tuple(Line(*line) for line in lines))


def test_a_transfer_changes_both_sides_in_one_event() -> None:
    desk = stocked(A=10)
    left, right = desk.do(transfer(("A", 4))).stock
    assert (left.store_id, left.on_hand, left.version) == ("S", 6, 2)
    assert (right.store_id, right.on_hand, right.version) == ("T", 4, 1)
    assert desk.last.type == "StockTransferred"
    assert desk.last.facts["lines"] == [{"sku": "A", "qty": 4}]
    assert desk.get(STORE, ("T",)) is not None


def test_lines_of_one_sku_are_added_up_before_they_are_judged() -> None:
    desk = stocked(A=10)
    no = desk.refused(transfer(("A", 6), ("A", 5)))
    (short,) = no.data["shortages"]
    assert (short["requested"], short["available"]) == (11, 10)
    left, right = desk.do(transfer(("A", 6), ("A", 4))).stock
    assert (left.on_hand, right.on_hand, left.version, right.version) == (0, 10, 2, 1)


def test_a_transfer_names_every_short_line_and_moves_nothing() -> None:
    desk = stocked(A=1, B=5, C=0)
    before = [desk.stock(sku) for sku in "ABC"]
    no = desk.refused(transfer(("A", 2), ("B", 5), ("C", 1)))
    assert [short["sku"] for short in no.data["shortages"]] == ["A", "C"]
    assert "2 of A asked for in S, 1 available; 1 of C asked for in S, 0 available" in no.detail
    assert [desk.stock(sku) for sku in "ABC"] == before


def test_a_transfer_names_every_unknown_sku() -> None:
    no = stocked(A=1).refused(transfer(("B", 1), ("A", 1), ("C", 1)))
    assert (no.code, no.data) == ("not_found", {"storeId": "S", "skus": ["B", "C"]})


def test_a_transfer_needs_two_stores() -> None:
    no = stocked(A=1).refused(transfer(("A", 1), target="S"))
    assert (no.code, no.data["errors"][0]["pointer"]) == ("validation_error", "/toStoreId")


@pytest.mark.parametrize(("wrong", "current"), [((2, 0), 1), ((1, 1), 0)])
def test_a_transfer_keeps_to_the_version_of_either_side(
    wrong: tuple[int, int], current: int
) -> None:
    desk = stocked(A=9)
    lines = (Line("A", 1),)
    no = desk.refused(TransferStock("S", "T", lines, *wrong))
    assert (no.code, no.data) == ("version_conflict", {"currentVersion": current})
    assert len(desk.do(TransferStock("S", "T", lines, 1, 0)).stock) == 2


def test_a_transfer_that_would_overflow_the_target_moves_nothing() -> None:
    desk = stocked(A=5)
    desk.do(ReceiveStock("T", "A", QUANTITY_MAX))
    assert desk.refused(transfer(("A", 1))).code == "validation_error"
    assert desk.stock().on_hand == 5


# Out.


def test_what_is_out_is_not_promised_but_other_work_goes_on() -> None:
    desk = stocked(A=10)
    (record,) = desk.do(SetOut("S", "A", True, reason="spoiled")).stock
    assert (record.is_out, record.out_reason, record.sellable, record.available) == (
        True,
        "spoiled",
        0,
        10,
    )
    no = desk.refused(reserve(("A", 1)))
    assert no.code == "insufficient_stock"
    assert no.data["shortages"][0]["available"] == 0
    for action in (ShipStock("S", "A", 1), AdjustStock("S", "A", -1), CountStock("S", "A", 7)):
        assert desk.do(action).stock[0].is_out
    (record,) = desk.do(SetOut("S", "A", False)).stock
    assert (record.is_out, record.out_reason, record.sellable) == (False, None, 7)
    assert desk.last.type == "StockUnmarkedOut"


def test_to_say_again_that_it_is_out_changes_nothing() -> None:
    desk = stocked(A=1)
    desk.do(SetOut("S", "A", True, until=NOW + 9))
    written = len(desk.events)
    assert desk.do(SetOut("S", "A", True, until=NOW + 9)).stock == (desk.stock(),)
    assert len(desk.events) == written
    assert desk.do(SetOut("S", "A", True, until=NOW + 10)).stock[0].version == 3
    assert desk.last.facts == {"until": instant_text(NOW + 10)}


def test_to_say_that_it_is_back_when_it_never_was_out_changes_nothing() -> None:
    desk = stocked(A=1)
    desk.do(SetOut("S", "A", False))
    assert (desk.stock().version, len(desk.events)) == (1, 1)


@pytest.mark.parametrize("until", [NOW, NOW - 1])
def test_a_time_until_it_is_out_must_lie_ahead(until: int) -> None:
    no = stocked(A=1).refused(SetOut("S", "A", True, until=until))
    assert (no.code, no.data["errors"][0]["pointer"]) == ("validation_error", "/until")


def test_the_mark_is_lifted_at_its_time_and_not_before() -> None:
    desk = stocked(A=1)
    desk.do(SetOut("S", "A", True, until=NOW + 9))
    desk.now = NOW + 8
    desk.do(LiftOut("S", "A"))
    assert desk.stock().is_out
    desk.now = NOW + 9
    desk.do(LiftOut("S", "A"))
    record = desk.stock()
    assert (record.is_out, record.out_until, record.version) == (False, None, 3)
    assert (desk.last.type, desk.last.facts) == ("StockUnmarkedOut", {"due": True})


def test_a_mark_without_a_time_is_never_lifted_by_itself() -> None:
    desk = stocked(A=1)
    desk.do(SetOut("S", "A", True))
    desk.now += 10**9
    desk.do(LiftOut("S", "A"))
    assert desk.stock().is_out
