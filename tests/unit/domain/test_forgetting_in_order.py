"""What is due is forgotten and told, whatever the order and however often its time was moved."""

from holdfast.domain.records import KEY, STOCK, Change, Outcome, RememberedKey, StockRecord
from holdfast.domain.state import FORGOTTEN_PER_EVENT_MAX, State


def remembered(name: str, until: int) -> Change:
    return KEY, ("clerk", name), RememberedKey("clerk", name, "f", until, Outcome())


def forgotten(*names: str) -> list[Change]:
    return [(KEY, ("clerk", name), None) for name in names]


def test_what_is_forgotten_is_told_the_earliest_first() -> None:
    state = State()
    assert state.apply([remembered("late", 20), remembered("early", 10)], 0) == []
    assert state.apply([], 20) == forgotten("early", "late")
    assert dict(state.records(KEY)) == {}


def test_more_than_one_event_may_forget_is_told_by_the_next_ones() -> None:
    state = State()
    names = [f"k{number:02d}" for number in range(FORGOTTEN_PER_EVENT_MAX + 1)]
    state.apply([remembered(name, 10) for name in names], 0)
    assert state.apply([], 10) == forgotten(*names[:-1])
    assert state.apply([], 10) == forgotten(names[-1])
    assert state.apply([], 10) == []


def test_a_time_that_was_moved_away_hides_nobody_behind_it() -> None:
    state = State()
    state.apply([remembered("moved", 10), remembered("due", 11)], 0)
    state.apply([remembered("moved", 30)], 0)
    assert state.apply([], 20) == forgotten("due")
    assert state.apply([], 30) == forgotten("moved")


def test_a_time_that_was_moved_there_and_back_is_kept_once() -> None:
    state = State()
    for until in (10, 20, 10):
        state.apply([remembered("moved", until)], 0)
    assert state.apply([], 9) == []
    assert state.apply([], 20) == forgotten("moved")


def test_a_change_without_a_record_takes_the_record_away() -> None:
    state = State()
    record = StockRecord("S", "A", 1, 0, False, None, None, 1, 0)
    state.apply([remembered("k", 10), (STOCK, record.key, record)], 0)
    gone: list[Change] = [(STOCK, record.key, None), *forgotten("k"), *forgotten("never there")]
    assert state.apply(gone, 0) == []
    assert list(state.changes()) == []
    assert state.apply([], 10) == [], "nobody is forgotten who is gone already"
