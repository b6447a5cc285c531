"""One set of routes under every prefix, and what every answer carries."""

import uuid

import pytest

from tests.unit.http.world import World, problem_of


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/stores/S/inventory/A",
        "/api/stores/S/inventory/A",
        "/stores/S/inventory/A",
        "/api/inventory/stores/S/inventory/A",
        "/inventory/stores/S/inventory/A",
        "/api/v1/inventory/stores/S/inventory/A",
        "/stores/%53/inventory/%41",
    ],
)
async def test_the_same_record_answers_under_every_prefix(world: World, path: str) -> None:
    await world.receive("S", "A", 5)
    answer = await world.get(path)
    assert answer.status_code == 200
    assert answer.json()["onHand"] == 5


async def test_the_runbook_adjusts_stock_at_the_old_address(world: World) -> None:
    answer = await world.client.post(
        "/api/inventory/stores/STORE001/inventory/SKU123/adjust",
        content=b'{"delta": 10}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.json()["onHand"] == 10


@pytest.mark.parametrize("prefix", ["", "/api", "/api/v1"])
async def test_health_metrics_and_description_answer_under_every_prefix(
    world: World, prefix: str
) -> None:
    for path in ("/health/liveness", "/health/readiness", "/metrics", "/openapi.json", "/docs"):
        assert (await world.get(prefix + path)).status_code == 200


async def test_a_sku_may_be_named_like_a_route(world: World) -> None:
    for sku in ("stores", "reserve", "receive", "api"):
        await world.receive("S", sku, 3)
        assert (await world.get(f"/api/inventory/{sku}")).json()["data"]["totalQuantity"] == 3
    assert (await world.get("/stores/stores/inventory/stores")).status_code == 404


@pytest.mark.parametrize("path", ["/", "/api", "/api/", "/api/v1", "/api/v1/"])
async def test_every_root_leads_to_the_description(world: World, path: str) -> None:
    answer = await world.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


async def test_head_answers_like_get_without_a_body(world: World) -> None:
    await world.receive("S", "A", 5)
    full = await world.get("/stores/S/inventory/A")
    head = await world.client.head("/stores/S/inventory/A")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-length"):
        assert head.headers[name] == full.headers[name]


async def test_a_sane_request_id_comes_back(world: World) -> None:
    answer = await world.get("/health/liveness", x_request_id="till-4/2026#1")
    assert answer.headers["x-request-id"] == "till-4/2026#1"


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "\t", "caf\xe9"])
async def test_an_insane_request_id_is_replaced(world: World, given: str) -> None:
    headers = {b"x-request-id": given.encode("latin-1")}
    answer = await world.client.get("/nowhere", headers=headers)
    assert uuid.UUID(answer.headers["x-request-id"]).version == 7
    assert problem_of(answer, 404, "not_found")["requestId"] == answer.headers["x-request-id"]
