"""Low-stock alerts over HTTP: opened, acknowledged, resolved."""

from typing import Any

from tests.unit.http.world import World, problem_of

TEA = {"sku": "TEA", "name": "green tea", "lowStockThreshold": 5}


async def alerts(world: World, status: str = "") -> list[dict[str, Any]]:
    query = f"?status={status}" if status else ""
    found: list[dict[str, Any]] = (await world.get(f"/alerts{query}")).json()["items"]
    return found


async def ship(world: World, qty: int) -> None:
    await world.post("/inventory/ship", {"storeId": "S", "sku": "TEA", "qty": qty})


async def test_an_alert_opens_at_the_threshold_and_is_resolved_above_it(world: World) -> None:
    await world.post("/items", TEA)
    await world.receive("S", "TEA", 7)
    await ship(world, 1)
    assert await alerts(world) == []
    await ship(world, 1)
    (alert,) = await alerts(world, "open")
    assert alert.pop("openedAt").endswith("Z")
    assert alert == {
        "id": alert["id"],
        "storeId": "S",
        "sku": "TEA",
        "name": "green tea",
        "status": "open",
        "threshold": 5,
        "available": 5,
        "acknowledgedAt": None,
        "acknowledgedBy": None,
        "resolvedAt": None,
        "version": 1,
    }
    await ship(world, 1)
    assert [each["id"] for each in await alerts(world)] == [alert["id"]]
    await world.receive("S", "TEA", 2)
    (resolved,) = await alerts(world)
    assert (resolved["id"], resolved["status"], resolved["version"]) == (alert["id"], "resolved", 2)
    assert resolved["resolvedAt"]
    await ship(world, 1)
    assert [each["status"] for each in await alerts(world)] == ["resolved", "open"]


async def test_an_alert_is_acknowledged_once(world: World) -> None:
    await world.post("/items", TEA)
    await world.receive("S", "TEA", 1)
    (alert,) = await alerts(world)
    path = f"/alerts/{alert['id']}/ack"
    problem_of(await world.post(path, {}, if_match='"2"'), 409, "version_conflict")
    seen = await world.client.post(path)
    assert (seen.status_code, seen.headers["etag"]) == (200, '"2"')
    assert (seen.json()["status"], seen.json()["acknowledgedBy"]) == ("acknowledged", "anonymous")
    assert (await world.post(path, {})).json() == seen.json()
    assert [await alerts(world, status) for status in ("open", "resolved")] == [[], []]
    assert len(await alerts(world, "acknowledged")) == 1
    problem_of(await world.post("/alerts/nothing/ack", {}), 404, "not_found")
    problem_of(await world.get("/alerts?status=closed"), 400, "validation_error")


async def test_a_repeated_acknowledgement_gets_the_first_answer(world: World) -> None:
    await world.post("/items", TEA)
    await world.receive("S", "TEA", 1)
    (alert,) = await alerts(world)
    path = f"/alerts/{alert['id']}/ack"
    first = await world.post(path, {}, idempotency_key="k")
    await world.put("/items/TEA", TEA | {"name": "other"})
    again = await world.post(path, {}, idempotency_key="k")
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_new_threshold_counts_at_once(world: World) -> None:
    await world.receive("S", "TEA", 7)
    await world.post("/items", TEA)
    assert await alerts(world) == []
    await world.put("/items/TEA", TEA | {"lowStockThreshold": 7})
    assert len(await alerts(world, "open")) == 1
    await world.put("/items/TEA", {"name": "tea"})
    assert await alerts(world, "open") == []
