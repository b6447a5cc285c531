"""The checker finds what cannot be explained, and believes what can."""

from collections.abc import Iterable

import pytest

from tests.support.linearizability import Done, Undecided, is_linearizable


def cell(state: int, call: Done) -> Iterable[int]:
    """One number that is read, set, or set if it is what was expected."""
    verb, *values = call.asked
    if verb == "read":
        return (state,) if call.ended is None or call.result == state else ()
    if verb == "set":
        return (values[0],)
    was, becomes = values
    if call.ended is None:
        return (becomes,) if state == was else ()
    return (becomes if state == was else state,) if call.result == (state == was) else ()


def read(began: int, ended: int, result: int) -> Done:
    return Done(began, ended, ("read",), result)


def put(began: int, ended: int | None, value: int) -> Done:
    return Done(began, ended, ("set", value))


def swap(began: int, ended: int | None, was: int, becomes: int, done: bool = False) -> Done:
    return Done(began, ended, ("swap", was, becomes), done)


def test_calls_one_after_the_other_are_explained() -> None:
    assert is_linearizable([put(1, 2, 5), read(3, 4, 5), put(5, 6, 7), read(7, 8, 7)], 0, cell)


def test_a_stale_read_is_not_explained() -> None:
    assert not is_linearizable([put(1, 2, 5), put(3, 4, 7), read(5, 6, 5)], 0, cell)


def test_a_read_during_a_write_may_see_either() -> None:
    for seen in (0, 5):
        assert is_linearizable([put(1, 9, 5), read(2, 3, seen)], 0, cell)


def test_who_saw_the_new_value_is_not_followed_by_one_who_sees_the_old() -> None:
    assert not is_linearizable([put(1, 9, 5), read(2, 3, 5), read(4, 5, 0)], 0, cell)


def test_of_two_who_expect_the_same_only_one_may_succeed() -> None:
    both = [swap(1, 9, 0, 1, True), swap(2, 8, 0, 2, True)]
    assert not is_linearizable(both, 0, cell)
    assert is_linearizable([both[0], swap(2, 8, 0, 2, False)], 0, cell)


def test_a_call_of_unknown_end_may_have_happened_later_or_never() -> None:
    lost = put(1, None, 5)
    assert is_linearizable([lost, read(2, 3, 0), read(4, 5, 5), read(6, 7, 5)], 0, cell)
    assert is_linearizable([lost, read(2, 3, 0), read(4, 5, 0)], 0, cell)
    assert not is_linearizable([lost, read(2, 3, 5), read(4, 5, 0)], 0, cell)


def test_it_did_not_happen_before_it_was_asked() -> None:
    assert not is_linearizable([read(1, 2, 5), put(3, None, 5)], 0, cell)


def test_calls_that_touch_at_one_instant_may_come_in_either_order() -> None:
    assert is_linearizable([put(1, 5, 5), read(5, 6, 0)], 0, cell)


def test_what_takes_too_long_is_undecided_and_not_believed() -> None:
    writes = [put(1, 100, value) for value in range(14)]
    with pytest.raises(Undecided):
        is_linearizable([*writes, read(101, 102, -1)], 0, cell, steps_max=1_000)
