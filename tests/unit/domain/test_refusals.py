"""A refusal names what it is about: stores, SKUs, numbers and times that its reader can act on."""

import pytest

from holdfast.domain.commands import ApplyBatch, CountStock, ReceiveStock, SetOut, ShipStock
from holdfast.domain.decide import InvariantViolation, RefusedRow, decide
from holdfast.domain.records import STOCK, StockRecord
from holdfast.domain.values import QUANTITY_MAX, instant_text
from tests.unit.domain.desk import NOW, Desk, reserve, row, stocked


def test_unknown_skus_are_listed_as_a_person_would_write_them() -> None:
    no = stocked(A=1).refused(reserve(("B", 1), ("C", 1)))
    assert "S has no stock record of B, C;" in no.detail


@pytest.mark.parametrize(
    ("reason", "until", "told"),
    [
        (None, None, "A is marked as out in S."),
        ("spoiled", None, "A is marked as out in S (spoiled)."),
        (None, NOW + 9, f"A is marked as out in S until {instant_text(NOW + 9)}."),
        ("spoiled", NOW + 9, f"A is marked as out in S (spoiled) until {instant_text(NOW + 9)}."),
    ],
)
def test_who_asks_for_what_is_out_hears_why_and_until_when(
    reason: str | None, until: int | None, told: str
) -> None:
    desk = stocked(A=5)
    desk.do(SetOut("S", "A", True, reason, until))
    no = desk.refused(reserve(("A", 1)))
    assert no.detail == f"Not enough stock: 1 of A asked for in S, 0 available; {told}"


@pytest.mark.parametrize("until", [None, NOW + 9])
def test_the_next_release_of_what_is_out_is_when_it_is_back(until: int | None) -> None:
    desk = stocked(A=5)
    desk.releases["S", "A"] = NOW + 60_000
    desk.do(SetOut("S", "A", True, until=until))
    (short,) = desk.refused(reserve(("A", 1))).data["shortages"]
    assert short["nextReleaseAt"] == (None if until is None else instant_text(until))


def test_a_count_that_contradicts_reservations_names_store_sku_and_both_numbers() -> None:
    desk = stocked(A=10)
    desk.do(reserve(("A", 3)))
    no = desk.refused(CountStock("S", "A", 2))
    assert no.detail.startswith("3 of A are reserved in S, so 2 cannot be all there is.")
    (short,) = no.data["shortages"]
    assert (short["storeId"], short["sku"], short["name"]) == ("S", "A", "A")


def test_a_quantity_that_grows_too_large_is_nobodys_single_field() -> None:
    no = stocked(A=QUANTITY_MAX).refused(ReceiveStock("S", "A", 1))
    assert no.data["errors"] == [{"pointer": "", "detail": no.detail}]
    assert no.detail == f"A in S would exceed {QUANTITY_MAX}."


def test_each_refused_row_of_a_batch_carries_its_whole_refusal() -> None:
    desk = stocked(A=1)
    alone = desk.refused(ShipStock("S", "A", 9))
    no = desk.refused(ApplyBatch((ReceiveStock("S", "B", 1), ShipStock("S", "A", 9))))
    assert no.data["errors"] == [
        {"line": 2, "code": alone.code, "detail": alone.detail, "details": alone.data}
    ]


def test_a_refused_row_of_a_load_comes_with_its_whole_refusal() -> None:
    desk = stocked(A=1)
    alone = desk.refused(ShipStock("S", "A", 9))
    decided = decide(desk, desk.command(ShipStock("S", "A", 9), **row(1, after=0)), 2, NOW)
    assert isinstance(decided, RefusedRow)
    no = decided.refusal
    assert (no.code, no.detail, no.data) == (alone.code, alone.detail, alone.data)


def test_a_record_that_cannot_be_is_named_with_its_numbers_and_never_built_upon() -> None:
    desk = Desk()
    broken = StockRecord("S", "A", 1, 5, False, None, None, 1, NOW)
    desk.state.put((STOCK, broken.key, broken))
    with pytest.raises(InvariantViolation, match=r"'S', 'A'.*on hand 3, reserved 5"):
        desk.do(ReceiveStock("S", "A", 2))
    assert desk.stock() == broken
