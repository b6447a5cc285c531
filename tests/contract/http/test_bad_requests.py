"""Malformed addresses, queries and headers: the stated status, a full problem, nothing written."""

import pytest

from tests.unit.http.world import World, refused

ADJUST = "/stores/S/inventory/A/adjust"
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "path",
    [
        "/stores/%2e%2e%2fx/inventory/A/adjust",
        "/stores/..%2Fx/inventory/A/adjust",
        "/stores/%2e%2e/inventory/A/adjust",
        "/stores/S/inventory/%2e%2e%2f%2e%2e%2fetc/adjust",
        "/stores/S/inventory/A%00/adjust",
        "/stores/S/inventory/A%0A/adjust",
        "/stores/S/inventory/%ff/adjust",
        "/stores/S/inventory/%C3%A9/adjust",
        f"/stores/S/inventory/{'a' * 65}/adjust",
        "/stores/_S/inventory/A/adjust",
        "/api/inventory/stores/%2e%2e%2fx/inventory/A/adjust",
        "/api/v1/stores/%2e%2e%2fx/inventory/A/adjust",
        "/reservations/%2e%2e%2fx/confirm",
    ],
)
async def test_a_malformed_id_in_the_address_is_refused(world: World, path: str) -> None:
    await refused(world, await world.post(path, {"delta": 1}), 400, "validation_error", 0)


@pytest.mark.parametrize(
    "path", ["/stores/../x/inventory/A/adjust", "/stores/../inventory/A/adjust", "/stores/./x"]
)
async def test_dots_that_a_client_did_not_resolve_are_refused(world: World, path: str) -> None:
    status, body = await world.post_unresolved(path, b'{"delta":1}')
    assert (status, body["code"]) == (400, "validation_error")
    assert world.ledger.last_sequence == 0


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonish",
        "text/json",
        "application/json; charset=utf-16",
        "application/x-ndjson",
        "",
    ],
)
async def test_another_content_type_is_refused(world: World, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await world.client.post(ADJUST, content=b'{"delta":1}', headers=headers)
    await refused(world, answer, 415, "unsupported_media_type", 0)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/merge-patch+json",
    ],
)
async def test_json_by_another_name_is_taken(world: World, content_type: str) -> None:
    headers = {"content-type": content_type}
    answer = await world.client.post(ADJUST, content=b'{"delta":1}', headers=headers)
    assert answer.status_code == 200


async def test_a_compressed_body_is_refused(world: World) -> None:
    headers = JSON | {"content-encoding": "gzip"}
    answer = await world.client.post(ADJUST, content=b'{"delta":1}', headers=headers)
    await refused(world, answer, 415, "unsupported_media_type", 0)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "ключ".encode().decode("latin-1")])
async def test_a_malformed_idempotency_key_is_refused(world: World, key: str) -> None:
    headers = {b"idempotency-key": key.encode("latin-1")}
    answer = await world.client.post(ADJUST, json={"delta": 1}, headers=headers)
    await refused(world, answer, 400, "validation_error", 0)


@pytest.mark.parametrize(
    "if_match",
    ["", "three", "-1", '"3', "'3'", '"3", "4"', "3.0", "03", "9007199254740992", 'w/"3"', "**"],
)
async def test_a_malformed_if_match_is_refused(world: World, if_match: str) -> None:
    answer = await world.post(ADJUST, {"delta": 1}, if_match=if_match)
    await refused(world, answer, 400, "validation_error", 0)


async def test_if_match_and_expected_version_must_agree(world: World) -> None:
    answer = await world.post(ADJUST, {"delta": 1, "expectedVersion": 2}, if_match="3")
    await refused(world, answer, 400, "validation_error", 0)


async def test_a_write_to_several_records_takes_no_if_match(world: World) -> None:
    body = {"fromStoreId": "S", "toStoreId": "T", "sku": "A", "qty": 1}
    answer = await world.post("/inventory/transfer", body, if_match="3")
    await refused(world, answer, 400, "validation_error", 0)


@pytest.mark.parametrize(
    "path",
    [
        "/stock?limit=0",
        "/stock?limit=1001",
        "/stock?limit=ten",
        "/stock?limit=1.5",
        "/stock?limit=%2B1",
        "/stock?limit=",
        "/stock?limit=1&limit=2",
        "/stock?cursor=???",
        "/stock?cursor=e30",
        "/stock?cursor=WzFd",
        "/stock?cursor=" + "A" * 2000,
        "/stock?cursor=é",
        "/stock?surprise=1",
        "/stock?lowStock=yes",
        "/stock?storeId=../x",
        "/stock?storeId=%ff",
        "/stock?" + "&".join(f"a{n}=1" for n in range(50)),
        "/stores/S/inventory/A?limit=1",
        "/reservations?status=gone",
        "/reservations?userId=",
        "/reservations?cursor=WyJhIiwiYiJd",
        "/events?after=-1",
        "/events?after=x",
        "/events?wait=31",
        "/events?after=1&cursor=WzFd",
        "/events?cursor=WyJhIl0",
        "/transactions?type=Nothing",
        "/inventory?cursor=WzFd",
        "/health/liveness?x=1",
        "/batch/sources/x?cursor=W10",
    ],
)
async def test_a_malformed_query_is_refused(world: World, path: str) -> None:
    await refused(world, await world.get(path), 400, "validation_error", 0)


async def test_a_query_that_a_write_does_not_know_is_refused(world: World) -> None:
    answer = await world.post(f"{ADJUST}?dryRun=true", {"delta": 1})
    await refused(world, answer, 400, "validation_error", 0)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/shops", "/stores/S/inventory/A/adjust/", "/apis", "/api/v2/stock"]
)
async def test_an_unknown_address_is_not_found(world: World, path: str) -> None:
    await refused(world, await world.post(path, {}), 404, "not_found", 0)


async def test_a_wrong_method_names_the_right_ones(world: World) -> None:
    answer = await world.client.delete("/stores/S/inventory/A")
    await refused(world, answer, 405, "method_not_allowed", 0)
    assert answer.headers["allow"] == "GET, HEAD"
    answer = await world.get("/inventory/transfer")
    await refused(world, answer, 404, "not_found", 0)
    answer = await world.client.patch("/inventory/transfer", json={})
    await refused(world, answer, 405, "method_not_allowed", 0)
    assert answer.headers["allow"] == "GET, HEAD, POST"


async def test_an_unknown_tenant_is_not_found(world: World) -> None:
    answer = await world.post(ADJUST, {"delta": 1}, x_tenant_id="nobody")
    await refused(world, answer, 404, "not_found", 0)


@pytest.mark.parametrize("tenant_id", ["../default", "a/b", "", "x" * 65])
async def test_a_malformed_tenant_id_is_refused(world: World, tenant_id: str) -> None:
    answer = await world.post(ADJUST, {"delta": 1}, x_tenant_id=tenant_id)
    await refused(world, answer, 400, "validation_error", 0)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("If-Match", "1", "2"),
        ("Idempotency-Key", "one", "two"),
        ("X-Tenant-ID", "default", "default"),
        ("Content-Type", "application/json", "text/plain"),
        ("Host", "localhost", "elsewhere.example"),
    ],
)
async def test_a_header_that_counts_once_is_refused_when_it_is_given_twice(
    world: World, name: str, first: str, second: str
) -> None:
    headers = [(name, first), (name, second)]
    if name != "Content-Type":
        headers.append(("Content-Type", "application/json"))
    answer = await world.client.post(ADJUST, content=b'{"delta":1}', headers=headers)
    await refused(world, answer, 400, "validation_error", 0)
