"""`kill -9` of one of three processes that share a folder: nothing acknowledged is lost or doubled.

Each round loads all three, kills one at an instant that is drawn, lets the others serve on, starts
it again, and asks all of them about everything that any of them had answered.
"""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.e2e.mixed_load import demand_a_sound_log
from tests.e2e.processes import Server
from tests.e2e.sharers import SHARED, SharedLoad, a_while, counters, draw
from tests.e2e.test_kill_under_load import (
    History,
    demand_sound_stock,
    demand_verified,
    end_quietly,
    replay,
)

PROCESSES = 3
REPLAYED = 100
SETTINGS = SHARED | {
    "CHECKPOINT_EVERY_S": "0.05",
    "CHECKPOINT_EVERY_MB": "1",
    "LOCK_WAIT_MS": "20000",
}


class SharedRounds:
    """Load, kill one, start it again, check them all."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.load, self.history = SharedLoad(seed), History()
        self.servers = [Server(folder, **SETTINGS) for _ in range(PROCESSES)]
        self.stolen = 0

    async def run(self, number: int) -> None:
        try:
            for server in self.servers:
                server.start()
            for each in range(1, number + 1):
                print(f"round {each}")
                await self._kill_one()
                await self._check()
                if each % 25 == 0:
                    demand_verified(self.folder / "data")
            for server in self.servers:
                server.stop()
        finally:
            for server in self.servers:
                end_quietly(server)
        demand_verified(self.folder / "data")

    async def _kill_one(self) -> None:
        rng, victim = self.load.random, draw(self.load.random, self.servers)
        async with self.load.running([server.url for server in self.servers]):
            await a_while(rng.uniform(0.0, 0.3))
            victim.kill()
            await a_while(rng.uniform(0.0, 0.3))
        others = [server for server in self.servers if server is not victim]
        self.stolen += (await counters(others[0].url))["lockStolen"]
        await asyncio.to_thread(victim.start)

    async def _check(self) -> None:
        asked = draw(self.load.random, self.servers)
        async with httpx2.AsyncClient(base_url=asked.url, timeout=60) as client:
            await self.history.read_on(client, whole=False)
            await self.load.repeat_unknown(client)
            known = self.load.acknowledged
            sample = self.load.random.sample(known, min(REPLAYED, len(known)))
            await replay(client, sample)
            await self.history.read_on(client, whole=False)
            demand_a_sound_log(self.history.events, self.load)
        for server in self.servers:
            async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                await demand_sound_stock(client, self.history)


@pytest.mark.timeout(300)
async def test_kills_of_one_of_three_lose_nothing_that_was_acknowledged(
    tmp_path: Path, seed: int
) -> None:
    rounds = SharedRounds(tmp_path, seed)
    await rounds.run(4)
    assert rounds.load.acknowledged


@pytest.mark.campaign
@pytest.mark.timeout(7200)
async def test_two_hundred_kills_of_one_of_three_lose_nothing_that_was_acknowledged(
    tmp_path: Path, seed: int
) -> None:
    rounds = SharedRounds(tmp_path, seed)
    await rounds.run(200)
    known = len(rounds.load.acknowledged)
    print(f"{known} acknowledged, {len(rounds.history.events)} events, said {rounds.load.said}")
    assert rounds.load.said["lease_held"] + rounds.stolen
