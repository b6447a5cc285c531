"""Which keys a command touches: all that deciding it will look at and change, and no others."""

import pytest

from holdfast.domain.commands import (
    Action,
    AdjustStock,
    ApplyBatch,
    ConfirmReservation,
    ExpireReservation,
    LiftOut,
    ReceiveStock,
    RefuseRow,
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
