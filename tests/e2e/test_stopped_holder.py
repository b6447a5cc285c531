"""A process that stands still with the lease in its hands, past its deadline, while clocks jump.

Four processes share a folder under load. Each round stops the one that has the lease at that
instant, waits until another has taken it over, sets somebody's clock, and lets the stopped one go
on. What it had not written by then is not written under the lease that it lost: the log stays one
chain, each key is there once at most, and everything acknowledged is there.
"""

import asyncio
import sys
from pathlib import Path

import httpx2
import pytest

from tests.e2e.mixed_load import demand_a_sound_log
from tests.e2e.processes import Server
from tests.e2e.sharers import (
    SHARED,
    SharedLoad,
    a_while,
    counters,
    go_on,
    guard_is_free,
    lease_record,
    owner_id_of,
    stop,
)
from tests.e2e.test_kill_under_load import (
    History,
    demand_sound_stock,
    demand_verified,
    end_quietly,
    replay,
)

PROCESSES = 4
SETTINGS = SHARED | {"LOCK_TTL_MS": "150", "LOCK_RENEW_MS": "50", "LOCK_WAIT_MS": "100"}
_HOUR_MS = 3_600_000
_LOOK_S = 0.001
_GIVE_UP_S = 30.0


def set_clock(clock: Path, offset_ms: int) -> None:
    """Set a process's wall clock; in one step, as it may be read at any time."""
    beside = clock.with_suffix(".new")
    beside.write_text(str(offset_ms), "ascii")
    beside.replace(clock)


class Stops:
    """Stop the holder, wait for the theft, let it go on; check now and then.

    Who stands still in the few system calls under the guard itself cannot be robbed: the others say
    so until it goes on, which is another test's.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.load, self.history = SharedLoad(seed), History()
        self.clocks = [folder / f"clock-{number}" for number in range(PROCESSES)]
        for clock in self.clocks:
            set_clock(clock, 0)
        command = (sys.executable, str(Path(__file__).with_name("jumping_clock.py")), "serve")
        self.servers = [
            Server(folder, *command, CLOCK_FILE=str(clock), **SETTINGS) for clock in self.clocks
        ]
        self.fenced = self.stolen = self.in_the_guard = 0

    async def run(self, rounds: int, *, check_every: int) -> None:
        try:
            for server in self.servers:
                server.start()
            for first in range(0, rounds, check_every):
                print(f"rounds from {first}")
                async with self.load.running([server.url for server in self.servers]):
                    for _ in range(min(check_every, rounds - first)):
                        await self._stop_the_holder()
                await self._check()
            for server in self.servers:
                counted = await counters(server.url)
                self.fenced += counted["lockFenced"]
                self.stolen += counted["lockStolen"]
                server.stop()
        finally:
            for server in self.servers:
                end_quietly(server)
        demand_verified(self.folder / "data")

    async def _stop_the_holder(self) -> None:
        rng = self.load.random
        holders = {owner_id_of(server): server for server in self.servers}
        stopped, token = await asyncio.to_thread(self._catch, holders)
        try:
            await self._until_taken_from(token)
            set_clock(rng.choice(self.clocks), rng.randint(-_HOUR_MS, _HOUR_MS))
            await a_while(rng.uniform(0, 0.05))
        finally:
            go_on(stopped)
        await a_while(rng.uniform(0, 0.05))

    def _catch(self, holders: dict[str | None, Server]) -> tuple[Server, int]:
        """Stop a process in the middle of a turn; which one, and the token that it had."""
        while True:
            seen = lease_record(self.folder)
            if seen is None or seen.state != "held" or seen.owner_id not in holders:
                continue
            server = holders[seen.owner_id]
            stop(server)
            now = lease_record(self.folder)
            if now is not None and now.state == "held" and now.owner_id == seen.owner_id:
                if guard_is_free(self.folder):
                    return server, now.token
                self.in_the_guard += 1
            go_on(server)

    async def _until_taken_from(self, token: int) -> None:
        async with asyncio.timeout(_GIVE_UP_S):
            while True:
                now = lease_record(self.folder)
                if now is not None and now.token > token:
                    return
                await a_while(_LOOK_S)

    async def _check(self) -> None:
        for server in self.servers:
            async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                await self.load.repeat_unknown(client)
                await self.history.read_on(client, whole=False)
                demand_a_sound_log(self.history.events, self.load)
                await demand_sound_stock(client, self.history)
        async with httpx2.AsyncClient(base_url=self.servers[0].url, timeout=60) as client:
            known = self.load.acknowledged
            await replay(client, self.load.random.sample(known, min(100, len(known))))


@pytest.mark.timeout(300)
async def test_a_holder_that_stood_still_past_its_deadline_writes_nothing(
    tmp_path: Path, seed: int
) -> None:
    stops = Stops(tmp_path, seed)
    await stops.run(10, check_every=5)
    assert stops.stolen >= 10
    assert stops.fenced
    assert stops.load.acknowledged


@pytest.mark.campaign
@pytest.mark.timeout(7200)
async def test_five_hundred_holders_that_stood_still_write_nothing(
    tmp_path: Path, seed: int
) -> None:
    stops = Stops(tmp_path, seed)
    await stops.run(500, check_every=25)
    print(
        f"{stops.stolen} stolen, {stops.fenced} fenced, {stops.in_the_guard} stopped in the guard, "
        f"{len(stops.load.acknowledged)} "
        f"acknowledged, {len(stops.history.events)} events, said {stops.load.said}"
    )
    assert stops.stolen >= 500
