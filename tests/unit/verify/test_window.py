"""What the window knows of keys that go away and come back while it is open."""

from holdfast.domain.records import KEY, Change, Outcome, RememberedKey
from holdfast.domain.state import State
from holdfast.verify.window import Window


def remembered(name: str, expires_at: int) -> Change:
    return KEY, ("me", name), RememberedKey("me", name, "", expires_at, Outcome())


def test_a_key_that_is_forgotten_and_taken_anew_and_forgotten_again_takes_no_other_with_it() -> (
    None
):
    state = State()
    state.apply([remembered("other", 1_000)], 0)
    window = Window(state)
    for ts, change in [(0, remembered("again", 10)), (10, None), (11, remembered("again", 20))]:
        changes = [] if change is None else [change]
        window.note(changes)
        window.forget(state.apply(changes, ts))
        assert window.keys(KEY, ("",), None) == sorted(state.records(KEY))
    window.forget(state.apply([], 20))
    assert window.keys(KEY, ("",), None) == [("me", "other")]
