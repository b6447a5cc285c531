"""State remembers one moment of its past until it is told to remember another."""

from holdfast.domain.records import KEY, STOCK, Change, Outcome, RememberedKey, StockRecord
from holdfast.domain.state import State


def stock(on_hand: int, sku: str = "A") -> StockRecord:
    return StockRecord("S", sku, on_hand, 0, False, None, None, 1, 0)


def put(record: StockRecord) -> Change:
    return STOCK, record.key, record


def remembered(until: int) -> Change:
    return KEY, ("clerk", "k"), RememberedKey("clerk", "k", "f", until, Outcome())


def changed(state: State) -> bool:
    return state.changed_since_moment


def test_records_are_given_as_they_were_at_the_moment_and_as_they_are_now() -> None:
    state = State()
    state.apply([put(stock(1)), put(stock(5, "B"))], 0)
    state.fix_moment()
    for on_hand in (2, 3):
        state.apply([put(stock(on_hand))], 0)
    state.apply([put(stock(7, "C"))], 0)
    at_moment = [state.at_moment(STOCK, ("S", sku)) for sku in "ABC"]
    assert at_moment == [stock(1), stock(5, "B"), None]
    now = [state.get(STOCK, ("S", sku)) for sku in "ABC"]
    assert now == [stock(3), stock(5, "B"), stock(7, "C")]


def test_a_new_moment_gives_what_changed_since_the_one_before() -> None:
    state = State()
    assert not changed(state)
    state.apply([put(stock(1))], 0)
    assert changed(state)
    before = state.fix_moment()
    assert before[STOCK.name] == {("S", "A"): None}
    assert before[KEY.name] == {}
    assert not changed(state)
    state.apply([put(stock(2)), remembered(10)], 0)
    before = state.fix_moment()
    assert before[STOCK.name] == {("S", "A"): stock(1)}
    assert before[KEY.name] == {("clerk", "k"): None}


def test_what_is_forgotten_or_taken_away_was_there_at_the_moment() -> None:
    state = State()
    state.apply([remembered(10), put(stock(1))], 0)
    state.fix_moment()
    state.apply([(STOCK, ("S", "A"), None)], 10)
    assert state.get(KEY, ("clerk", "k")) is None
    assert state.at_moment(KEY, ("clerk", "k")) == remembered(10)[2]
    assert state.at_moment(STOCK, ("S", "A")) == stock(1)
    assert changed(state)


def test_what_a_checkpoint_had_is_no_change() -> None:
    state = State()
    state.put(put(stock(1)))
    state.put(remembered(10))
    assert not changed(state)
    assert state.at_moment(STOCK, ("S", "A")) == stock(1)
    assert state.apply([], 10) == [(KEY, ("clerk", "k"), None)], "it is forgotten all the same"
