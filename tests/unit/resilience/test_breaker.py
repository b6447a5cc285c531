"""A breaker stops asking what fails, and lets exactly one probe through after the cool-down."""

from holdfast.resilience.breaker import Breaker, Ticket

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


def ticket_of(breaker: Breaker) -> Ticket:
    ticket = breaker.allow()
    assert ticket is not None
    return ticket


def test_a_closed_breaker_lets_every_call_pass() -> None:
    breaker = Breaker(Clock(), COOLDOWN_MS)
    assert all(breaker.allow() for _ in range(100))
    assert (breaker.state, breaker.retry_after_ms(), breaker.times_opened) == ("closed", 0, 0)


def test_the_first_failure_opens_it() -> None:
    breaker = Breaker(Clock(), COOLDOWN_MS)
    breaker.failed(ticket_of(breaker))
    assert (breaker.state, breaker.times_opened) == ("open", 1)


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
    asked = [breaker.allow() for _ in range(100)]
    assert [ticket is not None for ticket in asked] == [True] + [False] * 99
    assert breaker.state == "half_open"


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker, clock = opened()
    clock.ms += COOLDOWN_MS
    breaker.succeeded(ticket_of(breaker))
    assert (breaker.state, breaker.times_opened) == ("closed", 1)
    assert breaker.allow()


def test_a_probe_that_fails_opens_it_for_another_cool_down() -> None:
    breaker, clock = opened()
    clock.ms += COOLDOWN_MS
    breaker.failed(ticket_of(breaker))
    assert (breaker.state, breaker.times_opened) == ("open", 2)
    assert breaker.retry_after_ms() == COOLDOWN_MS
    clock.ms += COOLDOWN_MS
    assert breaker.allow()


def state_of(breaker: Breaker) -> str:
    return breaker.state


def test_what_calls_from_before_say_late_decides_nothing_about_the_probe() -> None:
    clock = Clock()
    breaker = Breaker(clock, COOLDOWN_MS)
    early = ticket_of(breaker)
    breaker.trip()
    clock.ms += COOLDOWN_MS
    probe = ticket_of(breaker)
    breaker.succeeded(early)
    assert state_of(breaker) == "half_open"
    breaker.failed(early)
    assert state_of(breaker) == "half_open"
    breaker.succeeded(probe)
    assert state_of(breaker) == "closed"
    breaker.failed(early)
    breaker.failed(probe)
    assert state_of(breaker) == "closed"


def test_failures_while_it_is_open_do_not_make_the_wait_longer() -> None:
    breaker, clock = opened()
    clock.ms += COOLDOWN_MS - 1
    breaker.trip()
    assert (breaker.retry_after_ms(), breaker.times_opened) == (1, 1)


def test_every_transition_is_told() -> None:
    told: list[tuple[str, str]] = []
    clock = Clock()
    breaker = Breaker(clock, COOLDOWN_MS, lambda before, now: told.append((before, now)))
    breaker.failed(ticket_of(breaker))
    clock.ms += COOLDOWN_MS
    breaker.succeeded(ticket_of(breaker))
    assert told == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]
