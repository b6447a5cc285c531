"""What the edge does around every request: admit, answer whatever happens, log, count."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from holdfast.domain.commands import Command
from holdfast.domain.records import Outcome
from holdfast.http.services import HttpConfig
from holdfast.ledger.port import Unavailable
from tests.unit.http.held_ledger import HeldLedger
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import World, problem_of

ADJUST = "/stores/S/inventory/A/adjust"


class BrokenLedger(MemoryLedger):
    """Has a bug."""

    async def execute(self, command: Command) -> Outcome:
        raise ZeroDivisionError(f"a bug met {type(command.action).__name__}")


async def test_a_bug_is_answered_and_logged_once_with_its_trace() -> None:
    world = World(BrokenLedger())
    answer = await world.post(ADJUST, {"delta": 1}, x_request_id="r-1")
    told = problem_of(answer, 500, "internal_error")
    assert "bug" not in told["detail"]
    assert told["requestId"] == "r-1"
    failed, request = world.log_lines()
    assert (failed["level"], failed["request_id"]) == ("error", "r-1")
    assert "ZeroDivisionError: a bug met AdjustStock" in failed["exception"]
    assert (request["level"], request["status"]) == ("info", 500)
    assert (await world.get("/metrics")).json()["errors"] == 1
    await world.close()


async def test_every_request_leaves_one_line(world: World) -> None:
    await world.post(f"/api/v1{ADJUST}", {"delta": 1}, x_request_id="r-1")
    await world.get("/nowhere", x_request_id="r-2")
    await world.get("/health/liveness", x_request_id="r-3")
    lines = world.log_lines()
    assert [line["request_id"] for line in lines] == ["r-1", "r-2", "r-3"]
    first = lines[0]
    assert first["route"] == "/stores/{storeId}/inventory/{sku}/adjust"
    assert (first["tenant"], first["method"], first["status"]) == ("default", "POST", 200)
    assert first["duration_ms"] > 0
    assert (lines[1]["route"], lines[1]["status"], lines[1]["tenant"]) == ("(none)", 404, None)


async def test_a_tenant_that_cannot_write_says_when_to_come_back(
    world: World, ledger: MemoryLedger
) -> None:
    ledger.broken = Unavailable("read_only", "The disk is full.", 1500)
    answer = await world.post(ADJUST, {"delta": 1})
    told = problem_of(answer, 503, "read_only")
    assert (answer.headers["retry-after"], told["details"]) == ("2", {"retryAfterMs": 1500})
    assert told["detail"] == "The disk is full."
    answer = await world.get("/health/readiness")
    assert answer.status_code == 503
    assert answer.json()["mode"] == "read_only"
    assert answer.json()["breakers"] == {"default": "open"}
    ledger.broken = Unavailable("journal_unavailable", "Not known.", 1)
    answer = await world.post(ADJUST, {"delta": 1})
    problem_of(answer, 503, "journal_unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_a_client_that_asks_too_much_is_told_when_to_come_back(ledger: MemoryLedger) -> None:
    world = World(ledger, HttpConfig(rate_limit_rps=1, rate_limit_burst=3))
    answers = [await world.get("/stock") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    answer = await world.get("/stock")
    told = problem_of(answer, 429, "rate_limited")
    assert 1 <= told["details"]["retryAfterMs"] <= 1000
    assert answer.headers["ratelimit-policy"] == '"client";q=3;w=3'
    assert answer.headers["ratelimit"] == '"client";r=0;t=1'
    problem_of(await world.get("/nowhere"), 429, "rate_limited")
    for _ in range(5):
        assert (await world.get("/health/liveness")).status_code == 200
    assert (await world.get("/metrics")).json()["rateLimited"] == 2
    await world.close()


async def test_what_finds_no_place_waits_and_what_finds_no_queue_is_shed(
    held: tuple[World, HeldLedger],
) -> None:
    world, ledger = held
    working = [asyncio.ensure_future(world.post(ADJUST, {"delta": 1})) for _ in range(3)]
    for _ in range(2):
        await ledger.asked.acquire()
    readiness = (await world.get("/health/readiness")).json()
    assert readiness["mode"] == "shedding"
    assert (readiness["ready"], readiness["queueDepth"]) == (True, 1)
    problem_of(await world.post(ADJUST, {"delta": 1}), 503, "overloaded")
    ledger.gate.set()
    assert [(await each).status_code for each in working] == [200] * 3
    assert ledger.last_sequence == 3
    readiness = (await world.get("/health/readiness")).json()
    assert (readiness["mode"], readiness["queueDepth"]) == ("ready", 0)
    assert (await world.get("/metrics")).json()["shed"] == 1


async def test_under_stress_it_is_read_only(ledger: MemoryLedger) -> None:
    held = HeldLedger()
    held.gate.clear()
    config = HttpConfig(rate_limit_rps=0, concurrency_api=1, load_shed_queue_max=4)
    world = World(held, config)
    writing = [asyncio.ensure_future(world.post(ADJUST, {"delta": 1})) for _ in range(3)]
    await held.asked.acquire()
    assert (await world.get("/health/readiness")).json()["mode"] == "shedding"
    problem_of(await world.post(ADJUST, {"delta": 1}), 503, "overloaded")
    rows = b'{"op":"receive","storeId":"S","sku":"A","qty":1}'
    answer = await world.client.post(
        "/batch", content=rows, headers={"content-type": "application/x-ndjson"}
    )
    problem_of(answer, 503, "overloaded")
    reading = asyncio.ensure_future(world.get("/stock"))
    await asyncio.sleep(0)
    held.gate.set()
    assert (await reading).status_code == 200
    assert [(await each).status_code for each in writing] == [200] * 3
    assert held.last_sequence == 3
    await world.close()


async def test_anything_but_http_is_refused(world: World) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await world.app({"type": "websocket", "path": "/ws", "headers": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_numbers_that_were_worked_out_have_no_etag(
    world: World, ledger: MemoryLedger
) -> None:
    await world.receive("S", "A", 1)
    ledger.exact = False
    answer = await world.client.get("/stores/S/inventory/A", headers={"if-none-match": '"1"'})
    assert answer.status_code == 200
    assert "etag" not in answer.headers


async def test_an_expired_reservation_is_gone_and_its_stock_is_back(
    world: World, ledger: MemoryLedger
) -> None:
    await world.receive("S", "A", 5)
    held = (await world.post("/stores/S/inventory/A/reserve", {"qty": 2, "ttlSeconds": 1})).json()
    path = f"/reservations/{held['reservationId']}"
    ledger.now += 999
    assert (await world.get(path)).json()["status"] == "active"
    ledger.now += 1
    assert (await world.get("/stores/S/inventory/A")).json()["available"] == 5
    for verb in ("confirm", "cancel", "extend"):
        problem_of(await world.post(f"{path}/{verb}", {}), 410, "reservation_expired")
    assert (await world.get(path)).json()["status"] == "expired"


async def test_the_default_time_to_hold_is_the_operators(ledger: MemoryLedger) -> None:
    world = World(ledger, HttpConfig(rate_limit_rps=0, reservation_ttl_ms=1000))
    await world.receive("S", "A", 5)
    await world.post("/stores/S/inventory/A/reserve", {"qty": 2})
    ledger.now += 1000
    assert (await world.get("/stores/S/inventory/A")).json()["reserved"] == 0
    await world.close()


async def test_a_key_is_forgotten_after_the_operators_time(ledger: MemoryLedger) -> None:
    world = World(ledger, HttpConfig(rate_limit_rps=0, idemp_ttl_ms=1000))
    for on_hand in (1, 1, 2):
        answer = await world.post(ADJUST, {"delta": 1}, idempotency_key="k")
        assert answer.json()["onHand"] == on_hand
        ledger.now += 600
    await world.close()


async def test_rows_behind_one_that_cannot_be_decided_are_not_decided(
    world: World, ledger: MemoryLedger
) -> None:
    row = b'{"op":"receive","storeId":"S","sku":"A","qty":1,"line":%d}\n'
    ledger.commands_left = 2
    answer = await world.client.post(
        "/batch?source=l&after=0",
        content=b"".join(row % line for line in range(1, 6)),
        headers={"content-type": "application/x-ndjson"},
    )
    told = [json.loads(line) for line in answer.content.splitlines()]
    assert [each["status"] for each in told] == [200, 200, 503, 0, 0]
    assert told[2]["code"] == "read_only"
    assert told[2]["details"] == {"retryAfterMs": 1500}
    ledger.commands_left = ledger.broken = None
    assert (await world.get("/batch/sources/l")).json()["mark"] == 2


async def test_others_get_their_turn_at_every_stage_of_a_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.http.slices.SLICE_S", -1)
    rows = b'{"op":"receive","storeId":"S","sku":"A","qty":1}\n' * 500
    batch = asyncio.ensure_future(
        world.client.post("/batch", content=rows, headers={"content-type": "application/x-ndjson"})
    )
    turns = 0
    while not batch.done():
        await asyncio.sleep(0)
        turns += 1
        if turns % 100 == 0:
            assert (await world.get("/stock")).status_code == 200
    assert (await batch).status_code == 200
    assert turns > 3.5 * 500, "reading, commanding, deciding and writing each give way at every row"
