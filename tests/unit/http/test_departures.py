"""Clients that leave, or never arrive completely, change nothing and hold nothing up."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest

from tests.unit.http.held_ledger import HeldLedger
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import World, problem_of

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


async def test_a_body_that_does_not_arrive_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.http.body.BODY_TIMEOUT_S", 0)

    async def never() -> AsyncIterator[bytes]:
        yield b'{"delta"'
        await asyncio.Event().wait()

    answer = await world.client.post(
        ADJUST, content=never(), headers={"content-type": "application/json"}
    )
    problem_of(answer, 408, "request_timeout")
