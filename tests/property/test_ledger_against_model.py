"""A ledger on a disk in memory against a plain model, through closing, killing and starting again.

After every step: what readers see is the model, what a replay of the journal alone gives, and
what the newest checkpoint with the journal's tail gives; and the follower was told each event
once, in order.
"""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from holdfast.domain.records import KEY, LOW_STOCK, RESERVATION, STOCK, Key, Outcome
from holdfast.domain.rejections import Rejected
from holdfast.ledger.port import Reading
from tests.support.kitchen_machine import KitchenMachine, demand_same_kitchen
from tests.support.opened import (
    CHECKPOINT_S,
    Tenant,
    demand_rising,
    demand_sound,
    journal_of,
    tables_of,
)
from tests.support.shop_machine import RETENTION_MS, known_hold, plain_hold, plain_stock
from tests.support.steps import Step
from tests.support.virtual_time import VirtualLoop


class LedgerMachine(KitchenMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop(self.clock)
        self.tenant = Tenant(self.clock, retention_ms=RETENTION_MS)
        self.loop.run_until_complete(self.tenant.open())

    def decided(self, asked: Step) -> Outcome | Rejected:
        try:
            return self.loop.run_until_complete(self.tenant.ask(asked))
        except Rejected as no:
            return no

    def time_passed(self, ms: int) -> None:
        self.loop.run_until_complete(self.tenant.pass_time(ms))

    def low(self) -> dict[Key, str]:
        return {key: low.alert_id for key, low in self.read().records(LOW_STOCK).items()}

    def read(self) -> Reading:
        return self.loop.run_until_complete(self.tenant.ledger.read())

    @rule()
    def close_and_start_again(self) -> None:
        self.loop.run_until_complete(self.tenant.close())
        self.loop.run_until_complete(self.tenant.open())

    @rule(power_cut=st.booleans())
    def die_and_start_again(self, power_cut: bool) -> None:
        self.loop.run_until_complete(self.tenant.crash(power_cut=power_cut))
        self.loop.run_until_complete(self.tenant.open())

    @rule()
    def a_checkpoint_is_written(self) -> None:
        self.loop.run_until_complete(self.tenant.pass_time(CHECKPOINT_S * 1000))

    @rule(back_ms=st.sampled_from([1, 10_000, 86_400_000]))
    def die_and_start_again_on_a_clock_that_is_behind(self, back_ms: int) -> None:
        """Time goes on from where it was; the model's clock never went back."""
        now = self.read().now
        self.loop.run_until_complete(self.tenant.crash())
        self.clock.set_wall(self.clock.wall_ms() - back_ms)
        self.loop.run_until_complete(self.tenant.open())
        assert self.tenant.ledger.last_sequence == 0 or self.read().now <= now
        self.clock.set_wall(now)

    @invariant()
    def readers_see_what_the_model_says(self) -> None:
        reading = self.read()
        self.model.let_fall_due(self.clock.wall_ms())
        assert reading.exact
        assert reading.now == self.clock.wall_ms()
        stock = {key: plain_stock(each) for key, each in reading.records(STOCK).items()}
        assert stock == self.model.stock
        holds = {key[0]: plain_hold(each) for key, each in reading.records(RESERVATION).items()}
        assert holds == {name: known_hold(hold) for name, hold in self.model.holds.items()}
        keys = {key: each.expires_at for key, each in reading.records(KEY).items()}
        assert keys == {key: remembered[1] for key, remembered in self.model.keys.items()}
        assert reading.sequence == self.tenant.ledger.last_sequence == self.model.events
        demand_sound(tables_of(reading))
        demand_same_kitchen(self.model, tables_of(reading))

    @invariant()
    def a_start_would_give_what_readers_see(self) -> None:
        seen = tables_of(self.read())
        assert self.tenant.replayed(from_checkpoint=False) == seen
        assert self.tenant.replayed(from_checkpoint=True) == seen

    @invariant()
    def followers_were_told_every_event_once(self) -> None:
        events = self.loop.run_until_complete(journal_of(self.tenant.ledger))
        assert self.tenant.seen == events
        demand_rising(events)

    def teardown(self) -> None:
        self.loop.run_until_complete(self.tenant.crash())
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


def test_a_ledger_is_the_model_whatever_happens_to_its_process() -> None:
    run_state_machine_as_test(
        LedgerMachine, settings=settings(max_examples=40, stateful_step_count=30)
    )


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_long_lives_of_a_ledger_are_the_model() -> None:
    run_state_machine_as_test(
        LedgerMachine, settings=settings(max_examples=1500, stateful_step_count=60)
    )
