"""What makes repeating safe: idempotency keys, and the marks of bulk loads."""

import pytest

from holdfast.domain.commands import (
    AdjustStock,
    ApplyBatch,
    ConfirmReservation,
    ReceiveStock,
    RefuseRow,
    SetOut,
    ShipStock,
)
from holdfast.domain.events import SourceStamp
from holdfast.domain.keys import keys
from holdfast.domain.records import KEY, REFUSAL, SOURCE, Refusal, Source
from tests.unit.domain.desk import NOW, Desk, key, reserve, row, stocked

RECEIVE = ReceiveStock("S", "A", 5)


def test_the_same_key_gives_the_first_answer_whatever_has_changed_since() -> None:
    desk = Desk()
    first = desk.do(RECEIVE, **key())
    desk.do(ReceiveStock("S", "A", 1))
    replay = desk.do(RECEIVE, **key())
    assert replay.replayed
    assert replay._replace(replayed=False) == first
    assert (len(desk.events), desk.stock().on_hand) == (2, 6)


def test_a_key_replays_the_reservation_as_it_was_made() -> None:
    desk = stocked(A=5)
    first = desk.do(reserve(("A", 1)), **key())
    desk.do(ConfirmReservation("r1", None))
    replay = desk.do(reserve(("A", 1), name="r2"), **key())
    assert replay == first._replace(replayed=True)
    assert replay.reservations[0].status == "active"


def test_a_key_used_for_another_request_is_refused() -> None:
    desk = Desk()
    desk.do(RECEIVE, **key())
    no = desk.refused(RECEIVE, **key(fingerprint="another"))
    assert no.code == "idempotency_mismatch"
    assert "'k' was already used for a different request" in no.detail


def test_a_key_is_one_callers_own() -> None:
    desk = Desk()
    desk.do(RECEIVE, **key())
    assert not desk.do(RECEIVE, **key(), actor="another").replayed
    assert desk.stock().on_hand == 10


def test_a_key_is_remembered_until_its_time_and_not_at_it() -> None:
    desk = Desk()
    desk.do(RECEIVE, **key(ttl=100))
    desk.now = NOW + 99
    assert desk.do(RECEIVE, **key(ttl=100)).replayed
    assert desk.refused(RECEIVE, **key(fingerprint="x")).code == "idempotency_mismatch"
    desk.now = NOW + 100
    assert not desk.do(RECEIVE, **key(fingerprint="x", ttl=100)).replayed
    assert desk.stock().on_hand == 10


def test_a_refused_request_leaves_no_key_behind() -> None:
    desk = stocked(A=1)
    desk.refused(ShipStock("S", "A", 2), **key())
    desk.do(RECEIVE)
    assert not desk.do(ShipStock("S", "A", 2), **key(fingerprint="another")).replayed


def test_a_keyed_request_that_changes_nothing_is_remembered_all_the_same() -> None:
    desk = stocked(A=1)
    unmarked = SetOut("S", "A", False)
    assert desk.do(unmarked, **key()).stock == (desk.stock(),)
    assert (desk.last.type, desk.stock().version) == ("KeyRemembered", 1)
    assert desk.do(unmarked, **key()).replayed


def test_the_key_and_its_end_stand_in_the_events_own_record() -> None:
    desk = Desk()
    desk.do(RECEIVE, **key(ttl=100))
    stamp = desk.last.key
    assert stamp is not None
    assert (stamp.key, stamp.fingerprint, stamp.expires_at) == ("k", "f", NOW + 100)
    remembered = desk.get(KEY, ("clerk", "k"))
    assert remembered is not None
    assert remembered.outcome == desk.last.outcome


# Bulk loads.


def test_a_load_moves_its_mark_with_every_row() -> None:
    desk = Desk()
    desk.do(RECEIVE, **row(3, after=0))
    assert desk.last.source == SourceStamp("load", 3)
    assert desk.get(SOURCE, ("load",)) == Source("load", 3, 0)
    desk.do(RECEIVE, **row(4, after=3))
    assert desk.get(SOURCE, ("load",)) == Source("load", 4, 0)


@pytest.mark.parametrize(("line", "after"), [(4, 0), (4, 2), (4, 4), (3, 3), (2, 3)])
def test_a_row_that_does_not_follow_the_mark_is_refused_and_told_the_mark(
    line: int, after: int
) -> None:
    desk = Desk()
    desk.do(RECEIVE, **row(3, after=0))
    no = desk.refused(RECEIVE, **row(line, after=after))
    assert (no.code, no.data) == ("version_conflict", {"mark": 3})
    assert "is at line 3" in no.detail


def test_a_refused_row_moves_the_mark_and_is_kept_with_its_reason() -> None:
    desk = stocked(A=1)
    desk.do(ShipStock("S", "A", 2), **row(7, after=0))
    event = desk.last
    assert (event.type, event.stock, event.reservations) == ("RowRefused", (), ())
    assert event.source is not None
    assert event.source.refused is not None
    assert event.source.refused[0] == "insufficient_stock"
    assert desk.get(SOURCE, ("load",)) == Source("load", 7, 1)
    refusal = desk.get(REFUSAL, ("load", "0000000000000007"))
    assert refusal == Refusal("load", 7, *event.source.refused)
    assert desk.stock().on_hand == 1


def test_a_reservation_that_is_refused_in_a_row_was_not_there_before() -> None:
    desk = stocked(A=1)
    desk.do(reserve(("A", 2), user="ann"), **row(1, after=0))
    assert (desk.last.type, desk.last.existing) == ("RowRefused", False)


def test_a_row_that_makes_no_sense_is_refused_in_its_place() -> None:
    desk = Desk()
    desk.do(RefuseRow("validation_error", "qty must be a number."), **row(1, after=0))
    assert desk.get(REFUSAL, ("load", f"{1:016d}")) == Refusal(
        "load", 1, "validation_error", "qty must be a number."
    )


def test_a_row_that_changes_nothing_moves_the_mark() -> None:
    desk = stocked(A=1)
    desk.do(SetOut("S", "A", False), **row(1, after=0))
    assert desk.last.type == "RowUnchanged"
    assert desk.get(SOURCE, ("load",)) == Source("load", 1, 0)


def test_a_refused_row_leaves_no_key_behind() -> None:
    desk = stocked(A=1)
    desk.do(ShipStock("S", "A", 2), **row(1, after=0), **key())
    assert desk.last.type == "RowRefused"
    assert desk.get(KEY, ("clerk", "k")) is None, "a repetition would be told that it went well"


def test_two_loads_do_not_know_each_other() -> None:
    desk = Desk()
    desk.do(RECEIVE, **row(9, after=0, name="one"))
    desk.do(RECEIVE, **row(1, after=0, name="other"))
    assert desk.stock().on_hand == 10


# What a command touches.


def test_a_command_touches_its_records_its_key_and_its_load_in_sorted_order() -> None:
    desk = stocked(A=5, B=5)
    desk.do(reserve(("B", 1), ("A", 1), user="ann"))
    for command in (
        desk.command(ConfirmReservation("r1", "ann"), **key(), **row(1, 0)),
        desk.command(reserve(("B", 1), ("A", 1), name="r2")),
        desk.command(ApplyBatch((RECEIVE, AdjustStock("S", "B", 1)))),
    ):
        touched = keys(desk, command)
        assert list(touched) == sorted(set(touched))
        assert {("stock", "S", "A"), ("stock", "S", "B")} <= set(touched)
    confirm = keys(desk, desk.command(ConfirmReservation("r1", "ann"), **key(), **row(1, 0)))
    assert {("keys", "clerk", "k"), ("sources", "load"), ("reservations", "r1")} <= set(confirm)
