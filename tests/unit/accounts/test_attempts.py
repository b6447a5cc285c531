"""What a guesser waits for, and who does not wait."""

import pytest

from holdfast.accounts import attempts
from holdfast.accounts.attempts import FREE, Attempts
from holdfast.resilience.admission import RateLimited

GUESS = ("pizza", "ada", "10.0.0.1")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def waits_ms(counted: Attempts, guess: tuple[str, str, str] = GUESS) -> int:
    with pytest.raises(RateLimited) as limited:
        counted.begin(guess)
    return limited.value.retry_after_ms


def test_the_first_guesses_are_free_and_then_the_wait_doubles_up_to_a_bound() -> None:
    clock = Clock()
    counted = Attempts(clock)
    for _ in range(FREE):
        counted.begin(GUESS)
    seen = []
    for _ in range(12):
        wait_ms = waits_ms(counted)
        seen.append(round(wait_ms / 1000))
        clock.now += wait_ms / 1000
        counted.begin(GUESS)
    assert seen == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_asking_too_early_does_not_make_it_later() -> None:
    clock = Clock()
    counted = Attempts(clock)
    for _ in range(FREE):
        counted.begin(GUESS)
    assert {waits_ms(counted) for _ in range(100)} == {1001}


def test_others_do_not_wait() -> None:
    counted = Attempts(Clock())
    for _ in range(FREE):
        counted.begin(GUESS)
    waits_ms(counted)
    counted.begin(("pizza", "ada", "10.0.0.2"))
    counted.begin(("pizza", "eve", "10.0.0.1"))
    counted.begin(("pasta", "ada", "10.0.0.1"))


def test_guesses_at_the_same_time_are_counted_before_they_are_looked_at() -> None:
    counted = Attempts(Clock())
    for _ in range(FREE):
        counted.begin(GUESS)
    for _ in range(100):
        waits_ms(counted)


def test_a_good_one_wipes_the_count_and_so_does_time() -> None:
    clock = Clock()
    counted = Attempts(clock)
    for _ in range(3):
        for _ in range(FREE):
            counted.begin(GUESS)
        counted.succeeded(GUESS)
    for _ in range(FREE):
        counted.begin(GUESS)
    clock.now += 2000
    for _ in range(FREE):
        counted.begin(GUESS)


def test_counts_are_bounded_and_who_has_to_wait_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_COUNTED_MAX", 100)
    counted = Attempts(Clock())
    for _ in range(FREE):
        counted.begin(GUESS)
    for number in range(1000):
        counted.begin(("pizza", f"eve-{number}", "10.0.0.1"))
    assert len(counted._counts) <= 100
    waits_ms(counted)
