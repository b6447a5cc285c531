"""A breaker in every order of calls, answers and time: the transitions that there are, and no other.

The table below is the second opinion. Whatever stands in no line of it has to leave the state as
it is.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from holdfast.resilience.breaker import Breaker, BreakerState, Ticket

COOLDOWN_MS = 100
TRANSITIONS: dict[tuple[BreakerState, str], BreakerState] = {
    ("closed", "a call fails"): "open",
    ("closed", "tripped"): "open",
    ("open", "asked behind the cool-down"): "half_open",
    ("half_open", "the probe succeeds"): "closed",
    ("half_open", "the probe fails"): "open",
    ("half_open", "tripped"): "open",
}


class BreakerMachine(RuleBasedStateMachine):
    """Callers that ask, answer late or never, and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.told: list[tuple[BreakerState, BreakerState]] = []
        self.breaker = Breaker(lambda: self.now, COOLDOWN_MS, lambda *told: self.told.append(told))
        self.expected: BreakerState = "closed"
        self.opened_at = 0
        #: Tickets that count still, and those of calls from before the last transition.
        self.current: list[Ticket] = []
        self.late: list[Ticket] = []

    def happens(self, what: str) -> None:
        """Move the second opinion on."""
        before = self.expected
        self.expected = TRANSITIONS.get((before, what), before)
        if self.expected != before:
            self.late += self.current
            self.current = []
            if self.expected == "open":
                self.opened_at = self.now
            assert self.told.pop(0) == (before, self.expected)
        assert self.told == [], "a transition that the table does not know"

    @rule(ms=st.sampled_from([0, 1, COOLDOWN_MS - 1, COOLDOWN_MS]))
    def time_passes(self, ms: int) -> None:
        self.now += ms
        self.happens("time passes")

    @rule()
    def somebody_asks(self) -> None:
        was, cool = self.expected, self.now - self.opened_at >= COOLDOWN_MS
        ticket = self.breaker.allow()
        self.happens("asked behind the cool-down" if cool else "asked too early")
        assert (ticket is not None) == (was == "closed" or (was == "open" and cool))
        if ticket is not None:
            assert ticket not in self.late
            self.current.append(ticket)

    @rule(succeeds=st.booleans(), data=st.data())
    def a_call_ends(self, succeeds: bool, data: st.DataObject) -> None:
        if not self.current:
            return
        ticket = data.draw(st.sampled_from(self.current))
        (self.breaker.succeeded if succeeds else self.breaker.failed)(ticket)
        caller = "the probe" if self.expected == "half_open" else "a call"
        self.happens(f"{caller} {'succeeds' if succeeds else 'fails'}")

    @rule(succeeds=st.booleans(), data=st.data())
    def a_call_from_before_ends(self, succeeds: bool, data: st.DataObject) -> None:
        if not self.late:
            return
        ticket = data.draw(st.sampled_from(self.late))
        (self.breaker.succeeded if succeeds else self.breaker.failed)(ticket)
        self.happens("a late answer")

    @rule()
    def it_is_tripped(self) -> None:
        self.breaker.trip()
        self.happens("tripped")

    @invariant()
    def it_is_where_the_table_says(self) -> None:
        assert self.breaker.state == self.expected

    @invariant()
    def there_is_one_probe_at_most(self) -> None:
        if self.expected != "closed":
            assert len(set(self.current)) == (self.expected == "half_open")

    @invariant()
    def it_says_how_long_to_wait(self) -> None:
        left = 0 if self.expected == "closed" else self.opened_at + COOLDOWN_MS - self.now
        assert self.breaker.retry_after_ms() == max(0, left)


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


def test_the_table_leads_from_every_state_and_out_of_open_only_by_a_probe() -> None:
    assert {state for state, _ in TRANSITIONS} == {"closed", "open", "half_open"}
    assert {now for (before, _), now in TRANSITIONS.items() if before == "open"} == {"half_open"}
