"""`kill -9` under load: what was answered is found again, once, and repeated keys are replayed."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.e2e.processes import Server

CLIENTS = 12
STORES = ("S1", "S2", "S3")
SKUS = ("A", "B", "C", "D")
API = "/api/v1"
SETTINGS = {
    "RATE_LIMIT_RPS": "1000000",
    "RATE_LIMIT_BURST": "1000000",
    "IDEMP_TTL_MS": "86400000",
    "CHECKPOINT_EVERY_S": "1",
}


class Request(NamedTuple):
    path: str
    body: str
    key: str
    content_type: str = "application/json"

    async def send(self, client: httpx2.AsyncClient) -> httpx2.Response:
        headers = {"Idempotency-Key": self.key, "Content-Type": self.content_type}
        return await client.post(API + self.path, content=self.body, headers=headers)


class Acknowledged(NamedTuple):
    request: Request
    status: int
    body: bytes


class Load:
    """What clients sent to all processes of one folder, and what they were told."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.acknowledged: list[Acknowledged] = []
        self.unknown: list[Request] = []
        self.reservations: list[str] = []
        self._number = 0
        self._kill_at = 0
        self._kill: Callable[[], None] | None = None

    async def until_killed(self, server: Server, after: int) -> None:
        """Send from many clients at once; the process dies at the answer of that number."""
        self._kill_at, self._kill = len(self.acknowledged) + after, server.kill
        limits = httpx2.Limits(max_connections=CLIENTS)
        async with httpx2.AsyncClient(base_url=server.url, timeout=30, limits=limits) as client:
            await asyncio.gather(*(self._be_a_client(client) for _ in range(CLIENTS)))

    async def _be_a_client(self, client: httpx2.AsyncClient) -> None:
        while self._kill is not None:
            request = self.next_request()
            try:
                response = await request.send(client)
            except httpx2.TransportError:
                self.unknown.append(request)
                return
            self._note(request, response)

    def _note(self, request: Request, response: httpx2.Response) -> None:
        if response.status_code >= 400:
            assert response.status_code in {404, 409}, response.text
            return
        answer = Acknowledged(request, response.status_code, response.content)
        self.acknowledged.append(answer)
        if request.path == "/reservations":
            self.reservations.append(response.json()["reservationId"])
        if len(self.acknowledged) == self._kill_at and self._kill is not None:
            kill, self._kill = self._kill, None
            kill()

    def next_request(self) -> Request:
        """Draw the next request; each has a key of its own."""
        rng = self.random
        self._number += 1
        key = f"key-{self._number}"
        place: dict[str, Any] = {"storeId": rng.choice(STORES), "sku": rng.choice(SKUS)}
        qty = rng.randint(1, 5)
        kind = rng.choices(
            ["receive", "ship", "adjust", "reserve", "end", "transfer", "batch"],
            [4, 2, 2, 6, 5, 2, 1],
        )[0]
        if kind == "reserve":
            lines = [{"sku": sku, "qty": qty} for sku in rng.sample(SKUS, rng.randint(1, 3))]
            body = {"storeId": place["storeId"], "lines": lines, "ttlSeconds": None}
            return Request("/reservations", json.dumps(body), key)
        if kind == "end" and self.reservations:
            which = rng.choice(self.reservations[-20:])
            return Request(f"/reservations/{which}/{rng.choice(['confirm', 'cancel'])}", "{}", key)
        if kind == "transfer":
            source, target = rng.sample(STORES, 2)
            body = {"fromStoreId": source, "toStoreId": target, "sku": place["sku"], "qty": 1}
            return Request("/inventory/transfer", json.dumps(body), key)
        if kind == "batch":
            rows = [json.dumps({"op": "receive", **place, "qty": each}) for each in (1, qty)]
            text = "\n".join(rows)
            return Request("/batch?atomic=true", text, key, "application/x-ndjson")
        if kind == "adjust":
            body = {**place, "delta": rng.choice([-qty, 2 * qty])}
            return Request("/inventory/adjust", json.dumps(body), key)
        verb = "ship" if kind == "ship" else "receive"
        return Request(f"/inventory/{verb}", json.dumps({**place, "qty": qty}), key)


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


async def all_events(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = str(found[-1]["sequence"] if found else 0)
        response = await client.get(API + "/events", params={"after": after, "limit": "1000"})
        assert response.status_code == 200, response.text
        if not response.json()["items"]:
            return found
        found += response.json()["items"]


async def check(server: Server, load: Load) -> None:
    """Demand of the process that was started again what the dead one had promised."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=30) as client:
        events = await all_events(client)
        demand_a_sound_log(events, load)
        await demand_replays(client, load)
        assert await all_events(client) == events, "a replay wrote something"
        for request in load.unknown:
            # What nobody was told about happened, or happens now; never twice.
            response = await request.send(client)
            assert response.status_code < 500, response.text
            load._note(request, response)
        load.unknown.clear()
        events = await all_events(client)
        demand_a_sound_log(events, load)
        await demand_sound_stock(client, events)


def demand_a_sound_log(events: list[dict[str, Any]], load: Load) -> None:
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["eventId"] for event in events}) == len(events)
    keys = Counter(event.get("idempotencyKey") for event in events)
    for acknowledged in load.acknowledged:
        key = acknowledged.request.key
        assert keys[key] == 1, f"{key} was acknowledged and is there {keys[key]} times"
    sent = {each.request.key for each in load.acknowledged} | {each.key for each in load.unknown}
    assert set(keys) <= sent, "an event that nobody asked for"


async def demand_replays(client: httpx2.AsyncClient, load: Load) -> None:
    waiting = iter(load.acknowledged)

    async def replay() -> None:
        for acknowledged in waiting:
            response = await acknowledged.request.send(client)
            assert response.headers.get("Idempotent-Replayed") == "true", acknowledged
            found = (response.status_code, response.content)
            assert found == (acknowledged.status, acknowledged.body)

    await asyncio.gather(*(replay() for _ in range(CLIENTS)))


async def demand_sound_stock(client: httpx2.AsyncClient, events: list[dict[str, Any]]) -> None:
    """Stock covers what active reservations hold, and is what the last event on it said."""
    held: Counter[tuple[str, str]] = Counter()
    for hold in await pages(client, "/reservations", status="active"):
        for line in hold["lines"]:
            held[hold["storeId"], line["sku"]] += line["qty"]
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        for after in event["payload"].get("stock", []):
            known = last.get((after["storeId"], after["sku"]))
            assert known is None or after["version"] >= known["version"]
            last[after["storeId"], after["sku"]] = after
    records = await pages(client, "/stock")
    assert len(records) == len(last)
    for record in records:
        place = (record["storeId"], record["sku"])
        assert record["onHand"] >= record["reserved"] >= 0, record
        assert record["reserved"] == held[place], record
        levels = {name: record[name] for name in ("onHand", "reserved", "version")}
        assert levels == {name: last[place][name] for name in levels}


async def rounds(folder: Path, seed: int, number: int) -> None:
    """Load, kill, start again and check, in one folder, so that a start follows a start."""
    load = Load(seed)
    server = Server(folder, **SETTINGS)
    for each in range(1, number + 1):
        server.start()
        try:
            if each > 1:
                await check(server, load)
            after = load.random.randint(20, 400)
            print(f"round {each}: killed at {after} answers, seed {seed}")
            await load.until_killed(server, after)
        except BaseException:
            end_quietly(server)
            raise
    server.start()
    try:
        await check(server, load)
        server.stop()
        server.start()
        await check(server, load)
    finally:
        end_quietly(server)


def end_quietly(server: Server) -> None:
    """Leave no process behind; it may be dead already."""
    try:
        server.kill()
    except AssertionError:
        return


@pytest.mark.timeout(120)
async def test_three_kills_lose_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    await rounds(tmp_path, seed, 3)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
async def test_thirty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    await rounds(tmp_path, seed, 30)
