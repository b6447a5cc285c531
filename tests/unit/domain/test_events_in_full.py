"""An event says who asked for what, in full, and changes exactly what it tells of."""

from typing import Any

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
    TransferStock,
)
from holdfast.domain.decide import decide
from holdfast.domain.events import Event
from holdfast.domain.evolve import evolve
from holdfast.domain.records import (
    KEY,
    RESERVATION,
    SOURCE,
    STOCK,
    STORE,
    Line,
    RememberedKey,
    Source,
    Store,
)
from holdfast.domain.values import instant_ms, instant_text
from tests.unit.domain.desk import NOW, key, reserve, row, stocked

WHY: dict[str, Any] = {"reason": "because", "occurred_at": NOW - 1}


def test_an_event_carries_its_number_its_time_and_its_origin() -> None:
    desk = stocked(A=1)
    command = desk.command(ShipStock("S", "A", 1))
    event = decide(desk, command, 7, NOW + 3)
    assert isinstance(event, Event)
    assert (event.sequence, event.ts) == (7, NOW + 3)
    assert (event.event_id, event.request_id) == (command.event_id, command.request_id)
    assert event.actor == "clerk"


@pytest.mark.parametrize(
    "action",
    [
        AdjustStock("S", "A", -1, **WHY),
        CountStock("S", "A", 3, **WHY),
        ReceiveStock("S", "A", 1, **WHY),
        ShipStock("S", "A", 1, **WHY),
        TransferStock("S", "T", (Line("A", 1),), **WHY),
    ],
    ids=lambda action: type(action).__name__,
)
def test_every_movement_keeps_its_reason_and_the_time_of_its_happening(action: RowAction) -> None:
    desk = stocked(A=5)
    desk.do(action)
    facts = desk.last.facts
    assert (facts["reason"], facts["occurredAt"]) == ("because", instant_text(NOW - 1))


def test_a_transfer_tells_both_stores_and_its_lines() -> None:
    desk = stocked(A=5, B=5)
    desk.do(TransferStock("S", "T", (Line("A", 1), Line("B", 2), Line("A", 1))))
    assert desk.last.facts == {
        "fromStoreId": "S",
        "toStoreId": "T",
        "lines": [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 2}],
    }


def test_a_transfer_looks_for_the_version_to_meet_in_the_store_that_receives() -> None:
    desk = stocked(A=5)
    desk.do(ReceiveStock("T", "A", 1))
    desk.do(ReceiveStock("T", "A", 1))
    outcome = desk.do(TransferStock("S", "T", (Line("A", 1),), 1, 2))
    assert [each.version for each in outcome.stock] == [2, 3]


def test_marking_and_unmarking_keep_their_reason_but_only_a_marked_record_does() -> None:
    desk = stocked(A=5)
    desk.do(SetOut("S", "A", True, "spoiled", NOW + 9))
    assert desk.last.facts == {"until": instant_text(NOW + 9), "reason": "spoiled"}
    (record,) = desk.do(SetOut("S", "A", False, "fresh ones came", NOW + 9)).stock
    assert desk.last.facts == {"reason": "fresh ones came"}
    assert (record.is_out, record.out_reason, record.out_until) == (False, None, None)


def test_each_row_of_a_batch_tells_what_became_of_it_and_where() -> None:
    desk = stocked(A=9)
    for name in ("r1", "r2"):
        desk.do(reserve(("A", 1), name=name))
    desk.do(ConfirmReservation("r1", None))
    desk.do(CancelReservation("r2", None))
    rows: tuple[RowAction, ...] = (
        ReceiveStock("S", "A", 2),
        TransferStock("S", "T", (Line("A", 1),)),
        reserve(("A", 1), name="r3"),
        ConfirmReservation("r1", None),
        CancelReservation("r2", None),
        ExtendReservation("r3", None, 1),
    )
    desk.do(ApplyBatch(rows))
    assert desk.last.facts["rows"] == [
        {"type": "StockReceived", "storeId": "S", "sku": "A", "qty": 2},
        {
            "type": "StockTransferred",
            "fromStoreId": "S",
            "toStoreId": "T",
            "lines": [{"sku": "A", "qty": 1}],
        },
        {"type": "StockReserved"},
        {"type": "Unchanged"},
        {"type": "Unchanged"},
        {"type": "Unchanged"},
    ]


def test_a_reservation_that_is_only_looked_at_is_in_the_answer() -> None:
    desk = stocked(A=5)
    desk.do(reserve(("A", 1), ttl=None))
    assert desk.do(ExtendReservation("r1", None, 1)).reservations == (desk.hold(),)
    desk.do(ExtendReservation("r1", None, 1), **key())
    assert desk.last.reservations == (desk.hold(),)


def test_a_reservation_that_many_rows_change_gains_one_version() -> None:
    desk = stocked(A=5)
    desk.do(reserve(("A", 1), ttl=10))
    longer = (ExtendReservation("r1", None, 20), ExtendReservation("r1", None, 30))
    desk.do(ApplyBatch(longer))
    assert (desk.hold().version, desk.hold().expires_at) == (2, NOW + 30)


def test_a_reservation_that_is_looked_at_and_then_changed_is_answered_once() -> None:
    desk = stocked(A=5)
    desk.do(reserve(("A", 1), ttl=60_000))
    rows = (ExtendReservation("r1", None, 1), ConfirmReservation("r1", None))
    assert desk.do(ApplyBatch(rows)).reservations == (desk.hold(),)


# What an event changes.


def test_the_first_record_of_a_store_makes_the_store_and_no_later_one_does() -> None:
    desk = stocked(A=1)
    assert desk.get(STORE, ("S",)) == Store("S", NOW)
    desk.now += 5
    desk.do(ReceiveStock("S", "B", 1))
    assert desk.get(STORE, ("S",)) == Store("S", NOW)


def test_an_event_puts_its_records_and_remembers_its_key_with_them() -> None:
    desk = stocked(A=5)
    desk.do(reserve(("A", 1)), **key(ttl=100))
    event = desk.last
    remembered = RememberedKey("clerk", "k", "f", NOW + 100, event.outcome)
    assert evolve(stocked(A=5), event) == [
        (STOCK, ("S", "A"), desk.stock()),
        (RESERVATION, ("r1",), desk.hold()),
        (KEY, ("clerk", "k"), remembered),
    ]


def test_a_load_counts_all_its_refused_lines() -> None:
    desk = stocked(A=1)
    desk.do(ShipStock("S", "A", 9), **row(1, after=0))
    desk.do(ShipStock("S", "A", 9), **row(2, after=1))
    desk.do(ShipStock("S", "A", 1), **row(3, after=2))
    assert desk.get(SOURCE, ("load",)) == Source("load", 3, 2)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T08:00:00,123Z",
        "2026-11-20T08:00:00.123z",
        "2026-11-20T08:00:00.123",
        "2026-11-20T08:00:00.1234Z",
    ],
)
def test_an_instant_in_another_form_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="not an instant"):
        instant_ms(text)
