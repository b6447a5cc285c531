"""A breaker stops asking what fails, and lets exactly one probe through after the cool-down."""

from holdfast.resilience.breaker import Breaker

COOLDOWN_MS = 10_000


class Clock:
    def __init__(self) -> None:
        self.ms = 5_000

    def __call__(self) -> int:
        return self.ms


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(clock, COOLDOWN_MS)
    breaker.trip()
    return breaker, clock


def test_a_closed_breaker_lets_every_call_pass() -> None:
    breaker = Breaker(Clock(), COOLDOWN_MS)
    assert all(breaker.allow() for _ in range(100))
    assert (breaker.state, breaker.retry_after_ms(), breaker.times_opened) == ("closed", 0, 0)


def test_a_few_failures_open_nothing() -> None:
    breaker = Breaker(Clock(), COOLDOWN_MS)
    for _ in range(4):
        breaker.failed()
    assert breaker.state == "closed"


def test_it_opens_when_half_of_the_last_calls_failed() -> None:
    breaker = Breaker(Clock(), COOLDOWN_MS, threshold=0.5)
    for _ in range(10):
        breaker.succeeded()
    for _ in range(9):
        breaker.failed()
    assert breaker.allow()
    breaker.failed()
    assert (breaker.state, breaker.times_opened) == ("open", 1)


def test_old_successes_do_not_count_for_ever() -> None:
    breaker = Breaker(Clock(), COOLDOWN_MS, threshold=0.5)
    for _ in range(10_000):
        breaker.succeeded()
    for _ in range(10):
        breaker.failed()
    assert breaker.state == "open"


def test_the_threshold_is_what_the_operator_says() -> None:
    breaker = Breaker(Clock(), COOLDOWN_MS, threshold=1.0)
    breaker.succeeded()
    for _ in range(19):
        breaker.failed()
    assert breaker.allow()
    breaker.failed()
    assert breaker.state == "open"


def test_an_open_breaker_says_how_long_it_is_worth_waiting() -> None:
    breaker, clock = opened()
    assert not breaker.allow()
    assert breaker.retry_after_ms() == COOLDOWN_MS
    clock.ms += COOLDOWN_MS - 1
    assert not breaker.allow()
    assert breaker.retry_after_ms() == 1


def test_after_the_cool_down_one_of_a_hundred_that_wait_may_probe() -> None:
    breaker, clock = opened()
    clock.ms += COOLDOWN_MS
    assert [breaker.allow() for _ in range(100)] == [True] + [False] * 99
    assert breaker.state == "half_open"


def test_a_probe_that_succeeds_closes_it_and_the_past_is_forgotten() -> None:
    breaker, clock = opened()
    clock.ms += COOLDOWN_MS
    assert breaker.allow()
    breaker.succeeded()
    assert breaker.state == "closed"
    for _ in range(4):
        breaker.failed()
    assert breaker.allow()


def test_a_probe_that_fails_opens_it_for_another_cool_down() -> None:
    breaker, clock = opened()
    clock.ms += COOLDOWN_MS
    assert breaker.allow()
    breaker.failed()
    assert (breaker.state, breaker.times_opened) == ("open", 2)
    assert breaker.retry_after_ms() == COOLDOWN_MS
    clock.ms += COOLDOWN_MS
    assert breaker.allow()


def test_a_call_from_before_that_succeeds_late_does_not_close_it() -> None:
    breaker, _ = opened()
    breaker.succeeded()
    assert breaker.state == "open"
    assert not breaker.allow()


def test_calls_from_before_that_fail_late_do_not_make_the_wait_longer() -> None:
    breaker, clock = opened()
    clock.ms += COOLDOWN_MS - 1
    for _ in range(20):
        breaker.failed()
    assert (breaker.retry_after_ms(), breaker.times_opened) == (1, 1)
