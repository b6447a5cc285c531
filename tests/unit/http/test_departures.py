"""Clients that leave, or never arrive completely, change nothing and hold nothing up."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import orjson
import pytest

from holdfast.http.lanes import BATCH_PLACES, BATCH_QUEUE_MAX, Lane
from tests.unit.http.held_ledger import HeldLedger
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import World

ADJUST = "/stores/S/inventory/A/adjust"


def scope_of(path: str) -> dict[str, Any]:
    """A request as a server hands it over."""
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"content-type", b"application/json")],
        "client": None,
    }


async def test_a_place_is_given_back_when_a_client_gives_up_in_the_queue(
    held: tuple[World, HeldLedger],
) -> None:
    world, ledger = held
    working = [asyncio.ensure_future(world.post(ADJUST, {"delta": 1})) for _ in range(3)]
    for _ in range(2):
        await ledger.asked.acquire()
    assert (await world.get("/health/readiness")).json()["queueDepth"] == 1
    working[2].cancel()
    with pytest.raises(asyncio.CancelledError):
        await working[2]
    ledger.gate.set()
    assert [(await each).status_code for each in working[:2]] == [200] * 2
    assert (await world.post(ADJUST, {"delta": 1})).status_code == 200
    assert (await world.get("/health/readiness")).json()["queueDepth"] == 0


async def test_a_client_that_leaves_while_it_waits_for_its_turn_changes_nothing(
    held: tuple[World, HeldLedger],
) -> None:
    world, ledger = held
    working = [asyncio.ensure_future(world.post(ADJUST, {"delta": 1})) for _ in range(2)]
    for _ in range(2):
        await ledger.asked.acquire()
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": b'{"delta":1}', "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        raise AssertionError(f"nobody listens: {message}")

    leaving = asyncio.ensure_future(world.app(scope_of(ADJUST), receive, send))
    await asyncio.sleep(0)
    assert (await world.get("/health/readiness")).json()["queueDepth"] == 1
    ledger.gate.set()
    await leaving
    assert [(await each).status_code for each in working] == [200, 200]
    assert ledger.last_sequence == 2
    assert 499 in {line["status"] for line in world.log_lines()}
    assert (await world.post(ADJUST, {"delta": 1})).json()["onHand"] == 3


async def test_a_client_that_leaves_before_its_body_is_complete_changes_nothing(
    world: World, ledger: MemoryLedger
) -> None:
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": b'{"delta"', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await world.app(scope_of(ADJUST), receive, send)
    assert (sent, ledger.last_sequence) == ([], 0)
    assert world.log_lines()[0]["status"] == 499


async def test_a_long_poll_ends_when_the_process_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.http.routes.feed.WAIT_STEP_S", 0.001)
    polling = asyncio.ensure_future(world.get("/events?wait=30"))
    await asyncio.sleep(0)
    world.health.drain()
    answer = await polling
    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_a_long_poll_ends_when_its_client_leaves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.http.routes.feed.WAIT_STEP_S", 0.001)
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": b"", "more_body": False},
        {"type": "http.disconnect"},
    ]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = scope_of("/events") | {"method": "GET", "query_string": b"wait=30"}
    await asyncio.wait_for(world.app(scope, receive, send), 10)
    assert not messages


class Slow:
    """A client that sends the beginning of its body, if any, and then nothing."""

    def __init__(self, *beginning: bytes) -> None:
        self.waits = asyncio.Event()
        self.sent: list[MutableMapping[str, Any]] = []
        self._messages: list[MutableMapping[str, Any]] = [
            {"type": "http.request", "body": part, "more_body": True} for part in beginning
        ]

    async def receive(self) -> MutableMapping[str, Any]:
        if self._messages:
            return self._messages.pop(0)
        self.waits.set()
        await asyncio.Event().wait()
        raise AssertionError("nothing comes")

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)


NDJSON = [(b"host", b"testserver"), (b"content-type", b"application/x-ndjson")]
READING: list[tuple[str, dict[str, Any]]] = [
    (ADJUST, {}),
    ("/batch", {"headers": NDJSON}),
    ("/events", {"method": "GET", "query_string": b"wait=30"}),
]


@pytest.mark.parametrize("beginning", [[], [b'{"delta"'], [b"x" * 17_000_000]])
@pytest.mark.parametrize(("path", "scope"), READING)
async def test_a_body_that_does_not_arrive_is_given_up(
    world: World, path: str, scope: dict[str, Any], beginning: list[bytes]
) -> None:
    world.app.bodies.deadlines.timeout_s = 0
    slow = Slow(*beginning)
    await asyncio.wait_for(world.app(scope_of(path) | scope, slow.receive, slow.send), 10)
    assert slow.sent[0]["status"] == 408
    assert (b"connection", b"close") in slow.sent[0]["headers"]
    assert orjson.loads(slow.sent[1]["body"])["code"] == "request_timeout"
    assert (await world.post(ADJUST, {"delta": 1})).status_code == 200


@pytest.mark.parametrize(("path", "scope"), READING)
async def test_a_body_that_is_on_its_way_holds_no_place(
    world: World, path: str, scope: dict[str, Any]
) -> None:
    slow = Slow()
    sending = asyncio.ensure_future(world.app(scope_of(path) | scope, slow.receive, slow.send))
    await slow.waits.wait()
    lanes = (Lane.API, Lane.BATCH, Lane.WAITING)
    assert [world.app.lanes[lane].active for lane in lanes] == [0, 0, 0]
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_a_full_queue_sends_a_batch_away_before_its_body(world: World) -> None:
    lane = world.app.lanes[Lane.BATCH]
    waiting = [asyncio.ensure_future(lane.enter()) for _ in range(BATCH_PLACES + BATCH_QUEUE_MAX)]
    await asyncio.sleep(0)
    slow = Slow()
    await world.app(scope_of("/batch") | {"headers": NDJSON}, slow.receive, slow.send)
    assert slow.sent[0]["status"] == 503
    for each in waiting:
        each.cancel()
