"""Orders over HTTP: all ingredients together or nothing, and every reason why not."""

import asyncio
from typing import Any

import pytest

from tests.unit.http.world import World, problem_of

PIZZA = {
    "id": "pizza",
    "name": "Pizza",
    "price": 900,
    "recipe": [{"sku": "DOUGH", "qty": 1}, {"sku": "TOM", "qty": 1}],
}
SALAD = {"id": "salad", "name": "Salad", "price": 500, "recipe": [{"sku": "TOM", "qty": 1}]}
WATER = {"id": "water", "name": "Water", "price": 200, "recipe": []}


async def opened(world: World, tomatoes: int = 10) -> None:
    for dish in (PIZZA, SALAD, WATER):
        await world.post("/manager/menu", dish)
    await world.post("/items", {"sku": "TOM", "name": "tomatoes"})
    await world.receive("S", "DOUGH", 10)
    await world.receive("S", "TOM", tomatoes)


def order_of(*items: tuple[str, int], **more: object) -> dict[str, Any]:
    asked = [{"id": dish, "qty": qty} for dish, qty in items]
    return {"items": asked, "customer": "table 5", **more}


async def levels(world: World, sku: str) -> tuple[int, int]:
    record = (await world.get(f"/stores/S/inventory/{sku}")).json()
    return record["onHand"], record["reserved"]


async def test_an_order_has_the_shape_of_the_contract_and_holds_its_ingredients(
    world: World,
) -> None:
    await opened(world)
    answer = await world.post("/store/orders", order_of(("pizza", 2), ("water", 1)))
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    order = answer.json()
    assert order.pop("createdAt") < order["expiresAt"]
    assert order == {
        "id": order["id"],
        "storeId": "S",
        "customer": "table 5",
        "status": "PENDING",
        "items": [
            {"id": "pizza", "name": "Pizza", "price": 900, "qty": 2},
            {"id": "water", "name": "Water", "price": 200, "qty": 1},
        ],
        "totalAmount": 2000,
        "reservationId": order["reservationId"],
        "expiresAt": order["expiresAt"],
        "endedAt": None,
        "version": 1,
    }
    assert (await levels(world, "DOUGH"), await levels(world, "TOM")) == ((10, 2), (10, 2))
    held = (await world.get(f"/reservations/{order['reservationId']}")).json()
    assert (held["status"], held["expiresAt"]) == ("active", order["expiresAt"])
    assert (await world.get(f"/store/orders/{order['id']}")).json()["id"] == order["id"]
    same = await world.get(f"/store/orders/{order['id']}", if_none_match='"1"')
    assert same.status_code == 304


async def test_a_confirmed_order_takes_and_a_cancelled_one_gives_back(world: World) -> None:
    await opened(world)
    for end, status, left in (("confirm", "CONFIRMED", 9), ("cancel", "CANCELLED", 9)):
        made = (await world.post("/store/orders", order_of(("salad", 1)))).json()
        path = f"/store/orders/{made['id']}"
        problem_of(await world.post(f"{path}/{end}", {}, if_match='"4"'), 409, "version_conflict")
        ended = await world.post(f"{path}/{end}", {}, if_match='"1"')
        assert (ended.status_code, ended.headers["etag"]) == (200, '"2"')
        assert (ended.json()["status"], ended.json()["version"]) == (status, 2)
        assert await levels(world, "TOM") == (left, 0)
        assert (await world.client.post(f"{path}/{end}")).json() == ended.json()
        other = {"confirm": "cancel", "cancel": "confirm"}[end]
        problem_of(await world.post(f"{path}/{other}", {}), 409, "reservation_not_active")


async def test_an_order_moves_with_its_reservation(world: World) -> None:
    await opened(world)
    made = (await world.post("/store/orders", order_of(("salad", 1)))).json()
    await world.post(f"/reservations/{made['reservationId']}/confirm", {})
    assert (await world.get(f"/store/orders/{made['id']}")).json()["status"] == "CONFIRMED"


async def test_two_dishes_that_share_the_last_tomato_are_not_both_sold(world: World) -> None:
    await opened(world, tomatoes=1)
    told = problem_of(
        await world.post("/store/orders", order_of(("pizza", 1), ("salad", 1))),
        409,
        "insufficient_stock",
    )
    short = {
        "code": "insufficient",
        "sku": "TOM",
        "name": "tomatoes",
        "message": "Not enough tomatoes: 1 left, 2 needed",
    }
    assert told["details"]["items"] == [
        {"id": "pizza", "name": "Pizza", "reasons": [short]},
        {"id": "salad", "name": "Salad", "reasons": [short]},
    ]
    (line,) = told["details"]["shortages"]
    assert (line["sku"], line["requested"], line["available"]) == ("TOM", 2, 1)
    assert (await levels(world, "TOM"), await levels(world, "DOUGH")) == ((1, 0), (10, 0))
    answers = await asyncio.gather(
        *(world.post("/store/orders", order_of((dish, 1))) for dish in ("pizza", "salad"))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_a_refusal_names_every_dish_and_everything_that_it_lacks(world: World) -> None:
    await opened(world, tomatoes=1)
    await world.post("/stores/S/inventory/DOUGH/out", {"isOut": True})
    await world.put("/manager/menu/salad", SALAD | {"isAvailable": False})
    told = problem_of(
        await world.post("/store/orders", order_of(("pizza", 3), ("salad", 1), ("water", 1))),
        409,
        "insufficient_stock",
    )
    found = {
        each["id"]: [(why["code"], why["sku"]) for why in each["reasons"]]
        for each in told["details"]["items"]
    }
    assert found == {
        "pizza": [("out", "DOUGH"), ("insufficient", "TOM")],
        "salad": [("disabled", None), ("insufficient", "TOM")],
    }


async def test_what_is_not_on_the_menu_cannot_be_ordered(world: World) -> None:
    await opened(world)
    before = world.ledger.last_sequence
    problem_of(await world.post("/store/orders", order_of(("cake", 1))), 404, "not_found")
    problem_of(
        await world.post("/store/orders", order_of(("salad", 1), storeId="U")), 404, "not_found"
    )
    problem_of(await world.post("/store/orders/nobody/confirm", {}), 404, "not_found")
    problem_of(await world.get("/store/orders/nobody"), 404, "not_found")
    assert world.ledger.last_sequence == before


async def test_the_order_keeps_names_and_prices_of_its_moment(world: World) -> None:
    await opened(world)
    made = (await world.post("/store/orders", order_of(("salad", 2)))).json()
    await world.put("/manager/menu/salad", SALAD | {"name": "Insalata", "price": 700})
    kept = (await world.get(f"/store/orders/{made['id']}")).json()
    assert (kept["items"], kept["totalAmount"]) == (made["items"], 1000)


async def test_a_repeated_order_is_the_same_order(world: World) -> None:
    await opened(world)
    body = order_of(("salad", 1))
    first = await world.post("/store/orders", body, idempotency_key="k")
    await world.receive("T", "TOM", 1)  # Now the store would have to be named.
    again = await world.post("/store/orders", body, idempotency_key="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert await levels(world, "TOM") == (10, 1)
    problem_of(await world.post("/store/orders", body), 400, "validation_error")


async def test_orders_are_listed_by_status_and_store_oldest_first(world: World) -> None:
    await opened(world)
    made = [
        (await world.post("/store/orders", order_of(("water", 1)))).json()["id"] for _ in range(3)
    ]
    await world.post(f"/store/orders/{made[1]}/cancel", {})

    async def listed(query: str) -> list[str]:
        page = (await world.get(f"/manager/orders?{query}")).json()
        return [order["id"] for order in page["items"]]

    assert await listed("") == made
    assert await listed("status=PENDING") == [made[0], made[2]]
    assert await listed("status=CANCELLED&storeId=S") == [made[1]]
    assert await listed("storeId=T") == []
    first = (await world.get("/manager/orders?limit=2")).json()
    assert await listed(f"cursor={first['nextCursor']}") == [made[2]]
    problem_of(await world.get("/manager/orders?status=pending"), 400, "validation_error")


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": []},
        {"items": [{"id": "salad", "qty": 0}]},
        {"items": [{"id": "no id", "qty": 1}]},
        {"customer": None},
        {"total": 0},
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    world: World, wrong: dict[str, object]
) -> None:
    await opened(world)
    answer = await world.post("/store/orders", order_of(("salad", 1)) | wrong)
    problem_of(answer, 400, "validation_error")


async def test_the_history_of_a_store_has_its_orders(world: World) -> None:
    await opened(world)
    made = (await world.post("/store/orders", order_of(("water", 1), ("salad", 1)))).json()
    await world.post(f"/store/orders/{made['id']}/confirm", {})
    found = (await world.get("/transactions?storeId=S")).json()["items"][-2:]
    assert [each["type"] for each in found] == ["OrderPlaced", "OrderConfirmed"]
    assert [each["facts"]["orders"][0]["status"] for each in found] == ["PENDING", "CONFIRMED"]
    assert found[1]["balances"][0]["onHand"] == 9
