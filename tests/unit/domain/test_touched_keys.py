"""Which keys a command touches: all that deciding it will look at and change, and no others."""

import pytest

from holdfast.domain.commands import (
    AcknowledgeAlert,
    Action,
    AdjustStock,
    ApplyBatch,
    CancelOrder,
    ConfirmOrder,
    ConfirmReservation,
    DeleteItem,
    DeleteLocation,
    DeleteMenuItem,
    ExpireReservation,
    LiftOut,
    PlaceOrder,
    Portions,
    PutItem,
    PutLocation,
    PutMenuItem,
    ReceiveStock,
    RefuseRow,
    SetRecipe,
    TransferStock,
)
from holdfast.domain.keys import keys
from holdfast.domain.records import Key, Line
from tests.unit.domain.desk import Desk, key, reserve, row, stocked

A, B = ("stock", "S", "A"), ("stock", "S", "B")
HELD = ("reservations", "r1")


@pytest.mark.parametrize(
    ("action", "touched"),
    [
        (AdjustStock("S", "A", 1), (A,)),
        (LiftOut("S", "A"), (A,)),
        (reserve(("B", 1), ("A", 1), ("B", 1), name="r2"), (A, B)),
        (ConfirmReservation("r1", None), (HELD, A, B)),
        (ExpireReservation("r1"), (HELD, A, B)),
        (ConfirmReservation("never made", None), (("reservations", "never made"),)),
        (
            TransferStock("S", "T", (Line("A", 1), Line("B", 1))),
            (A, B, ("stock", "T", "A"), ("stock", "T", "B")),
        ),
        (
            ApplyBatch((ReceiveStock("T", "A", 1), ConfirmReservation("r1", None))),
            (HELD, A, B, ("stock", "T", "A")),
        ),
        (RefuseRow("validation_error", "no"), ()),
    ],
)
def test_a_command_touches_the_records_of_its_action(
    action: Action, touched: tuple[Key, ...]
) -> None:
    desk = stocked(A=5, B=5)
    desk.do(reserve(("B", 1), ("A", 1)))
    assert keys(desk, desk.command(action)) == touched


def test_a_command_touches_its_idempotency_key_and_its_load_too() -> None:
    receive = ReceiveStock("S", "A", 1)
    desk = Desk()
    mine, load = ("keys", "clerk", "k"), ("sources", "load")
    assert keys(desk, desk.command(receive, **key())) == (mine, A)
    assert keys(desk, desk.command(receive, **row(1, 0))) == (load, A)
    assert keys(desk, desk.command(receive, **key(), **row(1, 0))) == (mine, load, A)


ORDER, ITEM, PIE = ("orders", "o1"), ("items", "A"), ("menu", "pie")


@pytest.mark.parametrize(
    ("action", "touched"),
    [
        (PutItem("A", "Apple"), (ITEM, A, ("stock", "T", "A"))),
        (DeleteItem("A"), (ITEM, A, ("stock", "T", "A"))),
        (PutLocation("S", "Shop"), (("stores", "S"),)),
        (DeleteLocation("S"), (("stores", "S"),)),
        (PutMenuItem("pie", "Pie", 1, recipe=(Line("A", 1),)), (ITEM, PIE)),
        (SetRecipe("pie", (Line("A", 1),)), (ITEM, PIE)),
        (DeleteMenuItem("pie"), (PIE,)),
        (
            PlaceOrder("o2", "S", (Portions("pie", 1), Portions("tea", 1)), "Ann", None, 1),
            (PIE, ("menu", "tea"), ("orders", "o2"), ("reservations", "o2"), A, B),
        ),
        (ConfirmOrder("o1", None), (ORDER, ("reservations", "o1"), A, B)),
        (CancelOrder("o1", None), (ORDER, ("reservations", "o1"), A, B)),
        (
            CancelOrder("never made", None),
            (("orders", "never made"), ("reservations", "never made")),
        ),
        (ConfirmReservation("o1", None), (ORDER, ("reservations", "o1"), A, B)),
        (AcknowledgeAlert("never opened"), (("alerts", "never opened"),)),
    ],
)
def test_a_command_of_a_restaurant_touches_what_it_looks_at(
    action: Action, touched: tuple[Key, ...]
) -> None:
    desk = stocked(A=5, B=5)
    desk.do(ReceiveStock("T", "A", 1))
    desk.do(PutMenuItem("pie", "Pie", 1, recipe=(Line("B", 1), Line("A", 1)), new=True))
    desk.do(PlaceOrder("o1", "S", (Portions("pie", 1),), "Ann", None, 60_000))
    assert keys(desk, desk.command(action)) == touched


def test_who_acknowledges_an_alert_touches_the_stock_that_would_resolve_it() -> None:
    desk = stocked(A=5)
    desk.do(PutItem("A", "Apple", low_stock_threshold=5, new=True))
    (alert,) = desk.alerts()
    assert keys(desk, desk.command(AcknowledgeAlert(alert.id))) == (("alerts", alert.id), A)
