"""An end that takes too long is cut short; one that is told twice hurries."""

import threading

import pytest

from holdfast.resilience.ending import Ending

FOR_EVER_S = 3600.0


def test_told_once_it_begins_and_told_twice_it_hurries() -> None:
    ending = Ending(FOR_EVER_S, lambda: None, lambda _: None)
    told = []
    for _ in range(3):
        told.append((ending.has_begun, ending.hurries))
        ending.told()
    assert told == [(False, False), (True, False), (True, True)]


@pytest.mark.parametrize("fails", [False, True])
def test_when_its_time_is_over_the_process_ends_as_it_was_told(fails: bool) -> None:
    left: list[int] = []
    ended, said = threading.Event(), threading.Event()

    def say() -> None:
        said.set()
        if fails:
            raise OSError("the log is full")

    def leave(code: int) -> None:
        left.append(code)
        ended.set()

    Ending(0.001, say, leave).told()
    assert ended.wait(10)
    assert (said.is_set(), left) == (True, [0])
