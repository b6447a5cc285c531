"""Health, counters and the description."""

import re

import pytest

from tests.unit.http.world import World


async def test_the_process_says_that_it_lives(world: World) -> None:
    answer = await world.get("/health/liveness")
    assert answer.json() == {"status": "ok"}


async def test_it_is_ready_when_it_can_write(world: World) -> None:
    answer = await world.get("/health/readiness")
    assert answer.json() == {
        "ready": True,
        "mode": "ready",
        "breakers": {"default": "closed"},
        "queueDepth": 0,
    }


async def test_it_is_not_ready_while_it_drains(world: World) -> None:
    world.health.drain()
    answer = await world.get("/health/readiness")
    assert (answer.status_code, answer.json()["mode"]) == (503, "draining")
    assert (await world.get("/health/liveness")).status_code == 200


async def test_health_and_metrics_resolve_no_tenant(world: World) -> None:
    for path in ("/health/liveness", "/health/readiness", "/metrics"):
        assert (await world.get(path, x_tenant_id="nobody")).status_code == 200


async def test_counters_count(world: World) -> None:
    await world.receive("S", "A", 1)
    await world.get("/nowhere")
    counters = (await world.get("/metrics")).json()
    assert counters["requests"] == 2
    for name in (
        "errors",
        "conflicts",
        "idempotentHits",
        "rateLimited",
        "shed",
        "breakerOpen",
        "fsRetries",
        "snapshots",
        "lockAcquired",
        "lockContended",
        "lockStolen",
    ):
        assert counters[name] == 0


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/plain", "text/plain"),
        ("text/plain;version=0.0.4;q=0.5, */*;q=0.1", "text/plain"),
        ("text/plain; version=nonsense", "text/plain"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
    ],
)
async def test_prometheus_reads_the_same_counters(
    world: World, accept: str, content_type: str
) -> None:
    await world.receive("S", "A", 1)
    answer = await world.get("/metrics", accept=accept)
    assert answer.headers["content-type"].startswith(content_type)
    assert "holdfast_requests_total 1.0" in answer.text
    assert 'route="/inventory/receive",status="200"' in answer.text


async def test_the_description_page_loads_nothing_from_another_host(world: World) -> None:
    answer = await world.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert "http" not in policy
    assert "default-src 'none'" in policy
    assert "url: 'openapi.json'" in answer.text
    assert "<title>Holdfast API</title>" in answer.text
    assert "validatorUrl: null" in answer.text
    markup = re.sub(r"<(script|style)>.*?</\1>", "", answer.text, flags=re.DOTALL)
    assert not re.search(r"""(src|href)=["'](https?:)?//""", markup)
