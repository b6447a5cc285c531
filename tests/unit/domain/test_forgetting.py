"""State forgets what has had its time: by the time of events, bounded, the same in every replay."""

import json

from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.commands import ConfirmReservation, ReceiveStock
from holdfast.domain.events import event_from_json, event_json
from holdfast.domain.evolve import evolve
from holdfast.domain.records import KEY, RESERVATION, TABLES
from holdfast.domain.state import State
from tests.unit.domain.desk import NOW, Desk, key, reserve, stocked

RECEIVE = ReceiveStock("S", "A", 1)
RETENTION_MS = 1_000


def tables(state: State) -> dict[str, object]:
    return {name: dict(state.records(table)) for name, table in TABLES.items()}


def test_a_key_is_forgotten_by_the_first_event_at_or_after_its_end() -> None:
    desk = Desk()
    desk.do(RECEIVE, **key(ttl=100))
    desk.now = NOW + 99
    desk.do(RECEIVE)
    assert desk.get(KEY, ("clerk", "k")) is not None
    desk.now = NOW + 100
    assert desk.get(KEY, ("clerk", "k")) is not None
    desk.do(RECEIVE)
    assert desk.get(KEY, ("clerk", "k")) is None


def test_a_key_that_was_taken_anew_is_not_forgotten_at_its_first_end() -> None:
    desk = Desk()
    desk.do(RECEIVE, **key(ttl=100))
    desk.now = NOW + 100
    desk.do(RECEIVE, **key(ttl=100))
    desk.do(RECEIVE)
    assert desk.get(KEY, ("clerk", "k")) is not None
    assert desk.do(RECEIVE, **key(ttl=100)).replayed


def test_an_ended_reservation_stays_readable_and_is_then_forgotten() -> None:
    desk = stocked(A=5)
    desk.do(reserve(("A", 1)))
    desk.do(ConfirmReservation("r1", None), retention_ms=RETENTION_MS)
    desk.now = NOW + RETENTION_MS - 1
    desk.do(RECEIVE)
    assert desk.do(ConfirmReservation("r1", None)).reservations == (desk.hold(),)
    desk.now = NOW + RETENTION_MS
    desk.do(RECEIVE)
    assert desk.get(RESERVATION, ("r1",)) is None
    assert desk.refused(ConfirmReservation("r1", None)).code == "not_found"


def test_an_active_reservation_is_never_forgotten() -> None:
    desk = stocked(A=5)
    desk.do(reserve(("A", 1), ttl=None), retention_ms=0)
    desk.now += 10**12
    desk.do(RECEIVE)
    assert desk.hold().status == "active"


def test_one_event_forgets_a_bounded_number_the_earliest_first() -> None:
    desk = Desk()
    for number in range(16 + 5):
        desk.do(RECEIVE, **key(f"k{number:02d}", ttl=100 - number))
    desk.now = NOW + 100
    desk.do(RECEIVE)
    left = sorted(name for _, name in desk.state.records(KEY))
    assert left == [f"k{number:02d}" for number in range(5)]
    desk.do(RECEIVE)
    assert dict(desk.state.records(KEY)) == {}


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 100), st.booleans()), min_size=1, max_size=60
    ),
    st.integers(0, 60),
)
def test_a_replay_and_a_start_in_the_middle_forget_the_same(
    steps: list[tuple[int, int, bool]], middle: int
) -> None:
    desk = stocked(A=100)
    for number, (passed_ms, ttl, ends) in enumerate(steps):
        desk.now += passed_ms
        desk.do(
            reserve(("A", 1), name=f"r{number}", ttl=None), **key(f"k{number % 7}{ends}", ttl=ttl)
        )
        if ends and desk.get(RESERVATION, (f"r{number}",)) is not None:
            desk.do(ConfirmReservation(f"r{number}", None), retention_ms=ttl)
    replayed, started = State(), State()
    for place, event in enumerate(desk.events):
        read = event_from_json(json.loads(json.dumps(event_json(event))))
        replayed.apply(evolve(replayed, read), read.ts)
        if place >= middle:
            started.apply(evolve(started, read), read.ts)
        elif place == middle - 1:
            # What a checkpoint saves is records, in no order that matters.
            for change in sorted(replayed.changes(), key=lambda change: change[1], reverse=True):
                started.put(change)
    assert tables(replayed) == tables(desk.state)
    if 0 < middle <= len(desk.events):
        assert tables(started) == tables(desk.state)


def test_what_came_and_went_since_the_moment_is_not_remembered() -> None:
    desk = Desk()
    for number in range(50):
        desk.do(RECEIVE, **key(f"k{number}", ttl=100))
        desk.now += 100
    remembered = desk.state.fix_moment()[KEY.name]
    assert set(remembered.values()) == {None}
    assert len(remembered) == len(desk.state.records(KEY)) == 1
