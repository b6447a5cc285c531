"""`kill -9` under load: what was answered is found again, once, and repeated keys are replayed.

Each round starts the server on what the round before left, loads it with requests of every kind
while checkpoints are written as often as may be, and kills it: at an answer, at an instant, in
the middle of a checkpoint, or while it is still starting.
"""

import asyncio
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.mixed_load import (
    API,
    CLIENTS,
    SETTINGS,
    Acknowledged,
    Load,
    demand_a_sound_log,
)
from tests.e2e.processes import HOLDFAST, Server

BUSY_WITH_CHECKPOINTS = SETTINGS | {"CHECKPOINT_EVERY_S": "0.02", "CHECKPOINT_EVERY_MB": "1"}
#: How many of the older answers are asked for again in each round; at the end all of them are.
OLDER_REPLAYED = 200
#: Every so many rounds the whole history is read again, not only what is new.
WHOLE_HISTORY_EVERY = 25


def state_of(folder: Path) -> Path:
    return folder / "data" / "tenants" / "default" / "state"


def checkpoint_is_under_way(state: Path) -> bool:
    """Whether there are files that no manifest names, or names without a file."""
    manifests = [state / "MANIFEST.json", state / "MANIFEST.1.json"]
    named = {path.name for path in manifests}
    found = {path.relative_to(state).as_posix() for path in state.rglob("*") if path.is_file()}
    for path in manifests:
        if path.name in found:
            try:
                files = json.loads(path.read_bytes())["files"]
            except FileNotFoundError:
                return True
            named |= {entry["path"] for entry in files.values()}
    return bool(found) and named != found


async def events_after(client: httpx2.AsyncClient, sequence: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = str(found[-1]["sequence"] if found else sequence)
        response = await client.get(API + "/events", params={"after": after, "limit": "1000"})
        assert response.status_code == 200, response.text
        if not response.json()["items"]:
            return found
        found += response.json()["items"]


async def pages(client: httpx2.AsyncClient, path: str, **query: str) -> list[dict[str, Any]]:
    """Everything that a list holds, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor is not None else {}
        response = await client.get(API + path, params={"limit": "1000", **query, **more})
        assert response.status_code == 200, response.text
        page = response.json()
        found += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


class History:
    """Every event that a client was ever shown; a later process must show the same."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    async def read_on(self, client: httpx2.AsyncClient, *, whole: bool) -> None:
        if whole:
            again = await events_after(client, 0)
            assert again[: len(self.events)] == self.events, "history was rewritten"
            self.events = again
        else:
            known = self.events[-1:]
            since = await events_after(client, max(0, len(self.events) - 1))
            assert since[: len(known)] == known, "history was rewritten"
            self.events += since[len(known) :]


class Rounds:
    """Load, kill, start again and check, in one folder, so that a start follows a start."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.load, self.history = Load(seed), History()
        self.server = Server(folder, **BUSY_WITH_CHECKPOINTS)
        self.kills: Counter[str] = Counter()
        self._replayed = 0
        self._start_s = 1.0

    async def run(self, number: int) -> None:
        ways = [self._at_an_answer, self._at_an_instant, self._in_a_checkpoint, self._in_the_start]
        for each in range(1, number + 1):
            way = ways[each % len(ways)]
            print(f"round {each}: killed {way.__name__}, seed {self.seed}")
            try:
                await way(whole=each % WHOLE_HISTORY_EVERY == 0)
            finally:
                end_quietly(self.server)
            self._count(way.__name__)
            demand_verified(self.folder / "data")
        await self._end_in_peace()

    def _count(self, way: str) -> None:
        self.kills[way] += 1
        if checkpoint_is_under_way(state_of(self.folder)):
            self.kills["a checkpoint was cut short"] += 1

    # Ways to die.

    async def _at_an_answer(self, *, whole: bool) -> None:
        await self._start_and_check(whole=whole)
        after = self.load.random.randint(10, 200)
        await self._load_until(lambda answers: answers >= after)

    async def _in_a_checkpoint(self, *, whole: bool) -> None:
        await self._start_and_check(whole=whole)
        after, state = self.load.random.randint(10, 200), state_of(self.folder)
        at_most = after + 300
        await self._load_until(
            lambda answers: (
                answers >= at_most or (answers >= after and checkpoint_is_under_way(state))
            )
        )

    async def _at_an_instant(self, *, whole: bool) -> None:
        await self._start_and_check(whole=whole)
        delay_s = self.load.random.uniform(0, 0.5)
        asyncio.get_running_loop().call_later(delay_s, self.server.kill)
        await self.load.run(self.server.url, lambda _: False)

    async def _in_the_start(self, *, whole: bool) -> None:
        """Nobody is told anything; the round behind it looks at what is left."""
        del whole
        self.server.launch()
        self.server.kill_after(self._start_s * self.load.random.uniform(0.3, 1.1))

    async def _load_until(self, ends: Callable[[int], bool]) -> None:
        def kill_at_the_end(answers: int) -> bool:
            if not ends(answers):
                return False
            self.server.kill()
            return True

        await self.load.run(self.server.url, kill_at_the_end)

    # What the next process is asked.

    async def _start_and_check(self, *, whole: bool) -> None:
        began = time.monotonic()
        self.server.start()
        self._start_s = time.monotonic() - began
        async with httpx2.AsyncClient(base_url=self.server.url, timeout=60) as client:
            await self._check(client, whole=whole)

    async def _check(self, client: httpx2.AsyncClient, *, whole: bool) -> None:
        """Demand of the process that was started again what the dead one had promised."""
        history = self.history
        await history.read_on(client, whole=whole)
        demand_a_sound_log(history.events, self.load)
        before = len(history.events)
        await replay(client, self._to_replay(whole=whole))
        await history.read_on(client, whole=False)
        written = {event["type"] for event in history.events[before:]}
        assert written <= {"ReservationExpired"}, "a replay wrote something"
        await self.load.repeat_unknown(client)
        await history.read_on(client, whole=False)
        demand_a_sound_log(history.events, self.load)
        await demand_sound_stock(client, history)

    def _to_replay(self, *, whole: bool) -> list[Acknowledged]:
        known, since = self.load.acknowledged, self._replayed
        self._replayed = len(known)
        if whole or since <= OLDER_REPLAYED:
            return list(known)
        return self.load.random.sample(known[:since], OLDER_REPLAYED) + known[since:]

    async def _end_in_peace(self) -> None:
        for _ in range(2):
            try:
                await self._start_and_check(whole=True)
                self.server.stop()
            finally:
                end_quietly(self.server)
            demand_verified(self.folder / "data")


async def replay(client: httpx2.AsyncClient, acknowledged: list[Acknowledged]) -> None:
    waiting = iter(acknowledged)

    async def one_after_the_other() -> None:
        for each in waiting:
            await each.demand_replay(client)

    await asyncio.gather(*(one_after_the_other() for _ in range(CLIENTS)))


async def demand_sound_stock(client: httpx2.AsyncClient, history: History) -> None:
    """Stock covers what active reservations hold, and is what the last event on it said."""
    while True:
        before = len(history.events)
        holds = await pages(client, "/reservations", status="active")
        records = await pages(client, "/stock")
        await history.read_on(client, whole=False)
        if before == len(history.events):
            break
        # A hold fell due in between: these are answers of two moments.
    held: Counter[tuple[str, str]] = Counter()
    for hold in holds:
        for line in hold["lines"]:
            held[hold["storeId"], line["sku"]] += line["qty"]
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for event in history.events:
        for after in event["payload"].get("stock", []):
            known = last.get((after["storeId"], after["sku"]))
            assert known is None or after["version"] >= known["version"]
            last[after["storeId"], after["sku"]] = after
    assert len(records) == len(last)
    for record in records:
        place = (record["storeId"], record["sku"])
        assert record["onHand"] >= record["reserved"] >= 0, record
        assert record["reserved"] == held[place], record
        levels = {name: record[name] for name in ("onHand", "reserved", "version")}
        assert levels == {name: last[place][name] for name in levels}


def demand_verified(data_dir: Path) -> None:
    """What lies there after a kill is proven from the first event on, before anybody opens it."""
    arguments = [*HOLDFAST, "verify", "--data-dir", str(data_dir)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def end_quietly(server: Server) -> None:
    """Leave no process behind; it may be dead already."""
    try:
        server.kill()
    except AssertionError:
        return


@pytest.mark.timeout(300)
async def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    rounds = Rounds(tmp_path, seed)
    await rounds.run(4)
    assert rounds.load.acknowledged


@pytest.mark.campaign
@pytest.mark.timeout(7200)
async def test_two_hundred_kills_lose_nothing_that_was_acknowledged(
    tmp_path: Path, seed: int
) -> None:
    rounds = Rounds(tmp_path, seed)
    await rounds.run(200)
    acknowledged = len(set(rounds.load.acknowledged_keys()))
    print(f"{acknowledged} acknowledged, {len(rounds.history.events)} events, {rounds.kills}")
    assert rounds.kills["a checkpoint was cut short"]
