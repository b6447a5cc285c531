"""Events as JSON: what is written is read back the same, and what is unknown is never skipped."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.events import (
    EVENT_TYPES,
    EVENT_VERSION,
    SYSTEM_EVENT_TYPES,
    UnknownEvent,
    event_from_json,
    event_json,
)
from holdfast.domain.values import INSTANT_MAX_MS, instant_ms, instant_text, is_id
from tests.unit.domain.desk import NOW
from tests.unit.domain.one_of_each import one_of_each


def test_every_type_of_event_is_read_back_as_it_was_written() -> None:
    events = one_of_each()
    assert {event.type for event in events} == EVENT_TYPES | SYSTEM_EVENT_TYPES
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
