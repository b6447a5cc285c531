"""Reservations and orders: the caller's own, a guest's by its token, and those of others."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from holdfast.domain.records import USER
from tests.support.signed_in import OTHER, OWN, SignedIn
from tests.unit.http.world import problem_of


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SignedIn]:
    """A store with apples and a dish of them; ada and online are customers."""
    async with SignedIn(tmp_path) as world:
        await world.fill()
        goods = {"storeId": "S", "sku": "A", "qty": 100}
        for tenant in (OWN, OTHER):
            await world.send("POST", "/inventory/receive", "staff", tenant=tenant, json=goods)
        pie = {"id": "pie", "name": "Pie", "price": 450, "recipe": [{"sku": "A", "qty": 1}]}
        made = await world.send("POST", "/manager/menu", "manager", json=pie)
        assert made.status_code == 201, made.text
        yield world


async def held(world: SignedIn, name: str, **more: Any) -> str:
    body = {"storeId": "S", "lines": [{"sku": "A", "qty": 1}], **more}
    answer = await world.send("POST", "/reservations", name, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["userId"] == name
    mine: str = answer.json()["reservationId"]
    return mine


async def ordered(world: SignedIn, name: str | None) -> dict[str, Any]:
    body = {"items": [{"id": "pie", "qty": 1}], "customer": "Ada"}
    answer = await world.send("POST", "/store/orders", name, json=body)
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def test_the_caller_is_the_user_and_names_nobody_else(world: SignedIn) -> None:
    await held(world, "ada", userId="ada")
    other = {"storeId": "S", "lines": [{"sku": "A", "qty": 1}], "userId": "online"}
    before = await world.sequences()
    for path, body in {
        "/reservations": other,
        "/stores/S/inventory/A/reserve": {"qty": 1, "userId": "online"},
        "/inventory/reserve": {"sku": "A", "quantity": 1, "userId": "online"},
    }.items():
        problem_of(await world.send("POST", path, "ada", json=body), 403, "forbidden")
    assert await world.sequences() == before
    own = await world.send("POST", "/stores/S/inventory/A/reserve", "ada", json={"qty": 1})
    assert own.json()["userId"] == "ada"


async def test_the_checkout_needs_no_user_id_any_more(world: SignedIn) -> None:
    body: dict[str, Any] = {"sku": "A", "quantity": 1}
    made = await world.send("POST", "/inventory/reserve", "ada", json=body)
    assert made.status_code == 201, made.text
    end = {"reservationId": made.json()["data"]["reservationId"]}
    problem_of(await world.send("POST", "/checkout/confirm", "online", json=end), 403, "forbidden")
    assert (await world.send("POST", "/checkout/confirm", "ada", json=end)).status_code == 200


async def test_anothers_reservation_is_neither_seen_nor_touched(world: SignedIn) -> None:
    mine = await held(world, "ada")
    before = await world.sequences()
    for ask in ("", "/confirm", "/cancel", "/extend"):
        method = "POST" if ask else "GET"
        answer = await world.send(method, f"/reservations/{mine}{ask}", "online")
        problem_of(answer, 403, "forbidden")
        as_ada: dict[str, Any] = {"json": {"userId": "ada"}} if ask else {}
        answer = await world.send(method, f"/reservations/{mine}{ask}", "online", **as_ada)
        problem_of(answer, 403, "forbidden")
    assert await world.sequences() == before
    for ask in ("extend", "confirm"):
        answer = await world.send("POST", f"/reservations/{mine}/{ask}", "ada")
        assert answer.status_code == 200, answer.text


async def test_front_of_house_ends_any_reservation(world: SignedIn) -> None:
    mine = await held(world, "ada")
    ended = await world.send("POST", f"/reservations/{mine}/cancel", "foh")
    assert (ended.json()["status"], ended.json()["userId"]) == ("cancelled", "ada")


async def test_a_list_has_ones_own_reservations_only(world: SignedIn) -> None:
    mine, yours = await held(world, "ada"), await held(world, "online")

    async def listed(name: str, query: str = "") -> list[str]:
        answer = await world.send("GET", f"/reservations{query}", name)
        return [each["reservationId"] for each in answer.json()["items"]]

    assert await listed("ada") == [mine]
    assert await listed("ada", "?userId=ada") == [mine]
    assert await listed("foh") == [mine, yours]
    assert await listed("foh", "?userId=online") == [yours]
    problem_of(await world.send("GET", "/reservations?userId=online", "ada"), 403, "forbidden")


async def test_another_tenants_things_are_not_there(world: SignedIn) -> None:
    mine = await held(world, "ada")
    order = await ordered(world, None)
    for path in (f"/reservations/{mine}", f"/store/orders/{order['id']}"):
        for name in ("online", "foh", "admin"):
            there = await world.send("GET", path, name, tenant=OTHER)
            problem_of(there, 404, "not_found")
    ended = await world.send("POST", f"/reservations/{mine}/cancel", "admin", tenant=OTHER)
    problem_of(ended, 404, "not_found")


async def test_a_guests_token_opens_that_order_and_no_other(world: SignedIn) -> None:
    first, second = await ordered(world, None), await ordered(world, None)
    key = {"x-tenant-id": OWN, "x-order-token": first["orderToken"]}

    async def ask(method: str, which: dict[str, Any], end: str = "", **headers: str) -> int:
        path = f"/store/orders/{which['id']}{end}"
        answer = await world.send(method, path, headers=key | headers)
        return answer.status_code

    assert await ask("GET", first) == 200
    assert await ask("GET", second) == 401
    assert await ask("POST", second, "/cancel") == 401
    for wrong in ("", "x", first["orderToken"][:-1], second["orderToken"]):
        assert await ask("GET", first, **{"x-order-token": wrong}) == 401
    assert await ask("GET", first, **{"x-tenant-id": OTHER}) == 401
    assert await ask("POST", first, "/confirm") == 200
    assert await ask("POST", first, "/confirm") == 200
    read = await world.send("GET", f"/store/orders/{first['id']}", headers=key)
    assert "orderToken" not in read.json()


async def test_a_guests_order_is_no_customers(world: SignedIn) -> None:
    order = await ordered(world, None)
    before = await world.sequences()
    for method, path in (
        ("GET", f"/store/orders/{order['id']}"),
        ("POST", f"/store/orders/{order['id']}/cancel"),
        ("GET", f"/reservations/{order['id']}"),
        ("POST", f"/reservations/{order['id']}/confirm"),
    ):
        problem_of(await world.send(method, path, "ada"), 403, "forbidden")
    assert await world.sequences() == before
    done = await world.send("POST", f"/store/orders/{order['id']}/confirm", "foh")
    assert done.json()["status"] == "CONFIRMED"


async def test_an_order_is_its_customers_and_front_of_houses(world: SignedIn) -> None:
    order = await ordered(world, "ada")
    assert "orderToken" not in order
    path = f"/store/orders/{order['id']}"
    assert (await world.send("GET", path, "ada")).status_code == 200
    for name in ("online", "kitchen", "staff"):
        problem_of(await world.send("GET", path, name), 403, "forbidden")
    problem_of(await world.send("GET", path), 401, "unauthorized")
    assert (await world.send("POST", f"{path}/cancel", "ada")).status_code == 200
    assert (await world.send("GET", path, "foh")).json()["status"] == "CANCELLED"


async def test_rows_of_a_batch_act_for_the_caller(world: SignedIn) -> None:
    theirs = await held(world, "ada")
    rows = (
        '{"op":"reserve","storeId":"S","sku":"A","qty":1}\n'
        '{"op":"reserve","storeId":"S","sku":"A","qty":1,"userId":"ada"}\n'
        f'{{"op":"cancel","reservationId":"{theirs}"}}\n'
        f'{{"op":"cancel","reservationId":"{theirs}","userId":"ada"}}'
    )
    headers = {"content-type": "application/x-ndjson"}
    answer = await world.send("POST", "/batch", "staff", content=rows, headers=headers)
    told = [orjson.loads(line) for line in answer.text.splitlines()]
    assert [each["status"] for each in told] == [201, 403, 403, 403]
    assert told[0]["userId"] == "staff"


async def test_an_operator_is_taken_for_nobody_of_the_tenant(world: SignedIn) -> None:
    """It acts under a name that no user can have."""
    await world.add(OWN, "operator", "online")
    body = {"storeId": "S", "lines": [{"sku": "A", "qty": 1}]}
    to_pizza = {"x-tenant-id": OWN}
    made = await world.send("POST", "/reservations", "operator", json=body, headers=to_pizza)
    assert made.json()["userId"] == "default/operator"
    assert world.accounts is not None
    namesake = (await world.registry.system.read()).get(USER, (OWN, "operator"))
    assert namesake is not None
    token = world.accounts.long_token_for(namesake, 60)
    path = f"/reservations/{made.json()['reservationId']}"
    answer = await world.client.get(path, headers={"authorization": f"Bearer {token}"})
    problem_of(answer, 403, "forbidden")


async def test_history_says_who_did_it(world: SignedIn) -> None:
    mine = await held(world, "ada")
    await world.send("POST", f"/reservations/{mine}/cancel", "foh", headers={"x-request-id": "q7"})
    items = (await world.send("GET", "/transactions", "staff")).json()["items"]
    actors = [(each["type"], each["actor"]) for each in items]
    assert actors == [
        ("StockReceived", "staff"),
        ("MenuItemCreated", "manager"),
        ("StockReserved", "ada"),
        ("ReservationCancelled", "foh"),
    ]
    assert items[-1]["requestId"] == "q7"
