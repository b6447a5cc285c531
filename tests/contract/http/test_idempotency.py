"""The same key gives the same answer, and only to the same request."""

import asyncio

import pytest

from tests.unit.http.world import World, problem_of

WRITES: list[tuple[str, dict[str, object]]] = [
    ("/stores/S/inventory/A/adjust", {"delta": 1}),
    ("/stores/S/inventory/A/count", {"counted": 50}),
    ("/stores/S/inventory/A/out", {"isOut": True}),
    ("/stores/S/inventory/A/reserve", {"qty": 1}),
    ("/inventory/receive", {"storeId": "S", "sku": "A", "qty": 1}),
    ("/inventory/ship", {"storeId": "S", "sku": "A", "qty": 1}),
    ("/inventory/transfer", {"fromStoreId": "S", "toStoreId": "T", "sku": "A", "qty": 1}),
    ("/reservations", {"storeId": "S", "lines": [{"sku": "A", "qty": 1}]}),
    ("/inventory/reserve", {"storeId": "S", "sku": "A", "quantity": 1, "userId": "ada"}),
]


@pytest.mark.parametrize(("path", "body"), WRITES)
async def test_a_repeated_write_gets_the_first_answer(
    world: World, path: str, body: dict[str, object]
) -> None:
    await world.receive("S", "A", 10)
    first = await world.post(path, body, idempotency_key="k")
    sequence = world.ledger.last_sequence
    await world.receive("S", "A", 1)
    again = await world.post(path, body, idempotency_key="k")
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("etag") == first.headers.get("etag")
    assert world.ledger.last_sequence == sequence + 1
    assert (await world.get("/metrics")).json()["idempotentHits"] == 1


async def test_the_end_of_a_reservation_is_repeated_too(world: World) -> None:
    await world.receive("S", "A", 10)
    held = (await world.post("/stores/S/inventory/A/reserve", {"qty": 1})).json()
    path = f"/reservations/{held['reservationId']}"
    for verb in ("extend", "confirm"):
        first = await world.post(f"{path}/{verb}", {}, idempotency_key=verb)
        again = await world.post(f"{path}/{verb}", {}, idempotency_key=verb)
        assert again.headers["idempotent-replayed"] == "true"
        assert (again.status_code, again.content) == (200, first.content)


async def test_prefix_spelling_and_order_of_fields_do_not_matter(world: World) -> None:
    await world.receive("S", "A", 10)
    path = "/stores/S/inventory/A/reserve"
    first = await world.client.post(
        f"/api/v1{path}",
        content=b'{"userId":"ada","ttlSeconds":60,"qty":1}',
        headers={"content-type": "application/json", "idempotency-key": "k", "if-match": '"1"'},
    )
    again = await world.client.post(
        path,
        content=b' {"qty":1, "ttl_seconds":60, "user_id":"ada"} ',
        headers={"content-type": "application/json", "idempotency-key": "k", "if-match": "1"},
    )
    assert first.status_code == 201
    assert (again.headers["idempotent-replayed"], again.content) == ("true", first.content)


async def test_a_key_belongs_to_one_request(world: World) -> None:
    await world.receive("S", "A", 10)
    path = "/stores/S/inventory/A/reserve"
    await world.post(path, {"qty": 1}, idempotency_key="k")
    before = world.ledger.last_sequence
    for other_path, body, headers in (
        (path, {"qty": 2}, {}),
        (path, {"qty": 1, "ttlSeconds": None}, {}),
        (path, {"qty": 1}, {"if_match": "*"}),
        ("/stores/S/inventory/B/reserve", {"qty": 1}, {}),
    ):
        answer = await world.post(other_path, body, idempotency_key="k", **headers)
        problem_of(answer, 409, "idempotency_mismatch")
    assert world.ledger.last_sequence == before


async def test_a_refused_write_leaves_no_key_behind(world: World) -> None:
    await world.receive("S", "A", 1)
    path = "/stores/S/inventory/A/reserve"
    answer = await world.post(path, {"qty": 2}, idempotency_key="k")
    problem_of(answer, 409, "insufficient_stock")
    await world.receive("S", "A", 1)
    answer = await world.post(path, {"qty": 2}, idempotency_key="k")
    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers


async def test_requests_of_one_key_at_the_same_time_are_one_write(world: World) -> None:
    await world.receive("S", "A", 10)
    path = "/stores/S/inventory/A/reserve"
    answers = await asyncio.gather(
        *(world.post(path, {"qty": 1}, idempotency_key="k") for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert (await world.get("/stores/S/inventory/A")).json()["reserved"] == 1


async def test_a_repetition_that_names_no_store_means_the_one_of_the_first(world: World) -> None:
    await world.receive("S", "A", 10)
    body = {"sku": "A", "quantity": 2, "userId": "ada"}
    first = await world.post("/inventory/reserve", body, idempotency_key="k")
    await world.receive("T", "A", 10)
    again = await world.post("/inventory/reserve", body, idempotency_key="k")
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (201, first.content)
    other = await world.post("/inventory/reserve", body | {"quantity": 3}, idempotency_key="k")
    problem_of(other, 409, "idempotency_mismatch")
    problem_of(await world.post("/inventory/reserve", body), 400, "validation_error")
    answer = await world.post("/inventory/reserve", body, idempotency_key="new")
    problem_of(answer, 400, "validation_error")
    move = {"storeId": "S", "sku": "A", "qty": 1}
    await world.post("/inventory/receive", move, idempotency_key="moved")
    answer = await world.post("/inventory/reserve", body, idempotency_key="moved")
    problem_of(answer, 409, "idempotency_mismatch")
