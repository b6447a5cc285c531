"""Events as JSON: what is written is read back the same, and what is unknown is never skipped."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.commands import (
    AdjustStock,
    ApplyBatch,
    CancelReservation,
    ConfirmReservation,
    CountStock,
    ExpireReservation,
    ExtendReservation,
    ReceiveStock,
    SetOut,
    ShipStock,
    TransferStock,
)
from holdfast.domain.events import (
    EVENT_TYPES,
    EVENT_VERSION,
    Event,
    UnknownEvent,
    event_from_json,
    event_json,
)
from holdfast.domain.records import Line
from holdfast.domain.values import INSTANT_MAX_MS, instant_ms, instant_text, is_id
from tests.unit.domain.desk import NOW, Desk, key, reserve, row


def one_of_each() -> list[Event]:
    desk = Desk()
    desk.do(ReceiveStock("S", "A", 9, reason="déjà vu", occurred_at=NOW), **key())
    desk.do(AdjustStock("S", "A", -1))
    desk.do(CountStock("S", "A", 9), **row(1, 0))
    desk.do(ShipStock("S", "A", 1))
    desk.do(TransferStock("S", "T", (Line("A", 1),)))
    desk.do(SetOut("S", "A", True, reason="x", until=NOW + 1))
    desk.do(SetOut("S", "A", False))
    desk.do(SetOut("S", "A", False), **key("k2"))
    desk.do(SetOut("S", "A", False), **row(2, 1))
    desk.do(ShipStock("S", "A", 99), **row(3, 2))
    for name in ("r1", "r2", "r3"):
        desk.do(reserve(("A", 1), name=name, user="ann" if name == "r1" else None, ttl=5))
    desk.do(reserve(("A", 1), name="r4", user="ann", reuse=True), **key("k3"))
    desk.do(ExtendReservation("r1", "ann", None))
    desk.do(ConfirmReservation("r1", "ann"))
    desk.do(CancelReservation("r2", None))
    desk.now += 5
    desk.do(ExpireReservation("r3"))
    desk.do(ApplyBatch((ReceiveStock("S", "A", 1), ShipStock("S", "A", 1))))
    return desk.events


def test_every_type_of_event_is_read_back_as_it_was_written() -> None:
    events = one_of_each()
    assert {event.type for event in events} == EVENT_TYPES
    for event in events:
        assert event_from_json(json.loads(json.dumps(event_json(event)))) == event


def test_an_event_names_who_when_and_under_which_request() -> None:
    written = event_json(one_of_each()[0])
    names = ["eventId", "sequence", "ts", "type", "version", "actor", "requestId"]
    assert list(written)[:7] == names
    assert (written["ts"], written["version"]) == (instant_text(NOW), EVENT_VERSION)
    assert written["keyExpiresAt"] == instant_text(NOW + 60_000)
    assert written["payload"]["stock"][0]["updatedAt"] == instant_text(NOW)


@pytest.mark.parametrize(
    "change", [{"type": "StockTeleported"}, {"version": EVENT_VERSION + 1}, {"version": 99}]
)
def test_an_event_of_a_newer_release_is_refused_and_says_so(change: dict[str, object]) -> None:
    written = {**event_json(one_of_each()[0]), **change}
    with pytest.raises(UnknownEvent, match="open the folder with a newer release"):
        event_from_json(written)


@given(st.integers(0, INSTANT_MAX_MS))
def test_an_instant_is_read_back_as_it_was_written(at: int) -> None:
    text = instant_text(at)
    assert instant_ms(text) == at
    assert len(text) == 24


@given(st.tuples(st.integers(0, INSTANT_MAX_MS), st.integers(0, INSTANT_MAX_MS)))
def test_instants_sort_as_their_texts_do(pair: tuple[int, int]) -> None:
    first, second = pair
    assert (first < second) == (instant_text(first) < instant_text(second))


@pytest.mark.parametrize("text", ["", "2026-11-20T08:00:00Z", "2026-11-20T08:00:00.000+00:00"])
def test_what_is_no_instant_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an instant"):
        instant_ms(text)


@pytest.mark.parametrize("text", ["A", "9", "STORE001", "a.b-c_d", "x" * 64])
def test_what_may_be_an_id(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize("text", ["", ".a", "-a", "../x", "a/b", "a b", "ä", "x" * 65, "a\n"])
def test_what_may_not_be_an_id(text: str) -> None:
    assert not is_id(text)
