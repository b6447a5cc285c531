"""Lives of a tenant on disks that fail by chance, one drawn from each seed.

Writes and syncs fail, the disk is full for a while, names are not made, the process dies at any
operation, the machine loses its power and with it any part of what was not synced. Whatever
happened: what was acknowledged is there, once, and its key replays it; what was refused as not
written is not there; and the state, started from a checkpoint or not, is what the journal says.
"""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import Any, Final

import pytest
import structlog

from holdfast.domain.events import Event
from holdfast.domain.records import Outcome
from holdfast.domain.rejections import Rejected
from holdfast.journal import JournalCorrupt, JournalError
from holdfast.ledger.port import Unavailable
from tests.support.gated_disk import found_by_the_next_process
from tests.support.opened import (
    CHECKPOINT_S,
    COOLDOWN_MS,
    Tenant,
    demand_rising,
    demand_sound,
    journal_of,
    tables_of,
)
from tests.support.steps import Step, step
from tests.support.virtual_time import VirtualClock, live
from tests.support.weather import Weather

LIVES: Final = 5
STEPS_MAX: Final = 20
#: How likely an operation is to fail; a life on a good disk is a life too.
RATES: Final = (0.0, 0.01, 0.05, 0.2)
SEEDS: Final = 60
SEEDS_OF_A_CAMPAIGN: Final = 1_000
DAY_MS: Final = 24 * 3600 * 1000


class Shoppers:
    """What is asked for; every request has a key of its own."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._made = 0
        self._holds: list[str] = []

    def next_step(self) -> Step:
        self._made += 1
        asked = self._drawn()
        return asked._replace(key=f"k{self._made}", key_ttl_ms=DAY_MS)

    def _drawn(self) -> Step:
        rng = self._rng
        place: dict[str, Any] = {"store": rng.choice("ST"), "sku": rng.choice("AB")}
        qty = rng.randint(1, 5)
        verb = rng.choice(["receive", "adjust", "count", "ship", "reserve", "end", "transfer"])
        if verb == "reserve":
            self._holds.append(f"r{self._made:04d}")
            lines = [(place["sku"], qty)]
            ttl = rng.choice([None, 1_000, 60_000])
            return step(verb, id=self._holds[-1], store=place["store"], lines=lines, ttl=ttl)
        if verb == "end" and self._holds:
            return step(
                rng.choice(["confirm", "cancel"]), id=rng.choice(self._holds[-9:]), user=None
            )
        if verb == "transfer":
            return step(verb, source="S", target="T", lines=[(place["sku"], 1)])
        if verb == "adjust":
            return step(verb, **place, delta=rng.choice([-1, qty]))
        if verb == "count":
            return step(verb, **place, counted=20 + qty)
        return step("ship" if verb == "ship" else "receive", **place, qty=qty)


class Account:
    """What was asked, what came of it, and the history as far as anyone was shown it."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, tuple[Step, Outcome]] = {}
        self.not_written: set[str] = set()
        self.known: list[Event] = []

    async def ask(self, tenant: Tenant, asked: Step) -> None:
        assert asked.key is not None
        try:
            outcome = await tenant.ask(asked)
        except Rejected:
            return
        except Unavailable as no:
            self._note_failure(asked.key, no)
        else:
            assert not outcome.replayed
            self.acknowledged[asked.key] = asked, outcome._replace(replayed=True)

    def _note_failure(self, key: str, no: Unavailable) -> None:
        assert no.code in {"journal_unavailable", "read_only"}
        if no.code == "read_only":
            self.not_written.add(key)

    def demand(self, events: list[Event]) -> None:
        """The journal goes on from what it was, and holds each acknowledged key once."""
        assert events[: len(self.known)] == self.known
        demand_rising(events)
        assert len({event.event_id for event in events}) == len(events)
        keys = Counter(event.key.key for event in events if event.key is not None)
        assert not [key for key, times in keys.items() if times > 1]
        assert not self.acknowledged.keys() - keys.keys(), "an acknowledged write is lost"
        assert not self.not_written & keys.keys(), "what was not written is there"
        self.known = events


class Life:
    """One tenant, one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.tenant = Tenant(VirtualClock())
        self.account = Account()
        self.shoppers = Shoppers(self.rng)
        self.struck = 0

    def run(self) -> None:
        with structlog.testing.capture_logs():
            live(self.tenant.clock, self._lives)

    async def _lives(self) -> None:
        for number in range(LIVES):
            weather = Weather(self.tenant.disk, f"{self.seed}.{number}", self.rng.choice(RATES))
            self.tenant.disk.fault = weather
            await self._live()
            self.struck += weather.struck
            await self._check(whole=number == LIVES - 1)

    async def _live(self) -> None:
        tenant = self.tenant
        try:
            await tenant.open()
        except JournalCorrupt:
            # A disk that fails is no reason to call the journal damaged.
            raise
        except JournalError:
            pass
        else:
            for _ in range(self.rng.randint(1, STEPS_MAX)):
                if tenant.disk.killed:
                    break
                await self._step()
        await self._end(power_cut=self.rng.random() < 0.5)

    async def _step(self) -> None:
        if not self.tenant.can_write() and self.rng.random() < 0.5:
            await self.tenant.pass_time(COOLDOWN_MS)
        elif self.rng.random() < 0.75:
            asked = [self.shoppers.next_step() for _ in range(self.rng.randint(1, 4))]
            await asyncio.gather(*(self.account.ask(self.tenant, each) for each in asked))
        else:
            ms = self.rng.choice([500, COOLDOWN_MS, CHECKPOINT_S * 1000])
            await self.tenant.pass_time(ms)
        if not self.tenant.disk.killed:
            demand_sound(tables_of(await self.tenant.ledger.read()))

    async def _end(self, *, power_cut: bool) -> None:
        tenant = self.tenant
        if tenant.is_open and self.rng.random() < 0.7:
            await tenant.crash(power_cut=power_cut)
            return
        if tenant.is_open:
            with suppress(JournalError):
                await tenant.close()
        tenant.disk = found_by_the_next_process(tenant.disk, power_cut=power_cut)

    async def _check(self, *, whole: bool) -> None:
        """On a good disk: everything is there, and a replay gives what readers see."""
        tenant, account = self.tenant, self.account
        await tenant.open()
        account.demand(await journal_of(tenant.ledger))
        seen = tables_of(await tenant.ledger.read())
        demand_sound(seen)
        assert tenant.replayed(from_checkpoint=True) == seen
        assert tenant.replayed(from_checkpoint=False) == seen
        acknowledged = list(account.acknowledged.values())
        for asked, outcome in acknowledged if whole else acknowledged[-10:]:
            assert await tenant.ask(asked) == outcome, asked
        account.demand(await journal_of(tenant.ledger))
        await tenant.crash()


def run_seeds(first: int, count: int) -> tuple[int, int, int]:
    struck = acknowledged = events = 0
    for seed in range(first, first + count):
        life = Life(seed)
        try:
            life.run()
        except BaseException:
            print(f"again with: --seed {seed}")
            raise
        struck += life.struck
        acknowledged += len(life.account.acknowledged)
        events += len(life.account.known)
    return struck, acknowledged, events


def test_lives_on_bad_disks_lose_nothing_that_was_acknowledged(seed: int) -> None:
    struck, acknowledged, events = run_seeds(seed, SEEDS)
    assert struck
    assert 0 < acknowledged <= events


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_many_more_lives_on_bad_disks_lose_nothing_that_was_acknowledged(seed: int) -> None:
    struck, acknowledged, events = run_seeds(seed, SEEDS_OF_A_CAMPAIGN)
    print(f"{SEEDS_OF_A_CAMPAIGN} seeds from {seed} on, {struck} lives with faults, ", end="")
    print(f"{acknowledged} acknowledged, {events} events")
    assert 0 < acknowledged <= events
