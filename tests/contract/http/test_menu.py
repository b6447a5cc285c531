"""Dishes and menus over HTTP: recipes written, availability worked out, and never shown stale."""

from typing import Any

import pytest

from tests.unit.http.world import World, problem_of

PIZZA: dict[str, Any] = {
    "id": "pizza",
    "name": "Pizza",
    "price": 900,
    "category": "Mains",
    "recipe": [{"sku": "FLOUR", "qty": 250}, {"sku": "TOM", "qty": 80}],
}
SALAD = {"id": "salad", "name": "Salad", "price": 500, "recipe": [{"sku": "TOM", "qty": 120}]}
WATER = {"id": "water", "name": "Water", "price": 200, "recipe": []}
TOMATO = {"sku": "TOM", "name": "tomatoes", "unit": "g", "lowStockThreshold": 200}


async def opened(world: World) -> None:
    """Put three dishes on the menu of a store with flour for four pizzas and plenty of tomatoes."""
    for dish in (PIZZA, SALAD, WATER):
        assert (await world.post("/manager/menu", dish)).status_code == 201
    await world.post("/items", TOMATO)
    await world.receive("S", "FLOUR", 1000)
    await world.receive("S", "TOM", 1000)


async def dishes(world: World, query: str = "") -> dict[str, Any]:
    answer = await world.get(f"/menu{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"]
    return {dish["id"]: dish for dish in answer.json()["items"]}


async def test_a_dish_has_the_shape_of_the_contract(world: World) -> None:
    answer = await world.post("/manager/menu", PIZZA)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    dish = answer.json()
    assert dish.pop("updatedAt").endswith("Z")
    more = {"isAvailable": True, "description": None, "imageUrl": None, "version": 1}
    assert dish == PIZZA | more


async def test_a_dish_without_an_id_gets_one_and_keeps_it_when_the_request_is_repeated(
    world: World,
) -> None:
    body = {name: value for name, value in PIZZA.items() if name != "id"}
    made = await world.post("/manager/menu", body, idempotency_key="k")
    again = await world.post("/manager/menu", body, idempotency_key="k")
    assert made.json()["id"]
    assert (again.status_code, again.content) == (201, made.content)
    assert len((await world.get("/manager/menu")).json()["items"]) == 1


async def test_dishes_are_read_replaced_and_deleted(world: World) -> None:
    made = (await world.post("/manager/menu", PIZZA)).json()
    problem_of(await world.post("/manager/menu", PIZZA), 409, "already_exists")
    assert (await world.get("/manager/menu/pizza")).json() == made
    assert (await world.get("/manager/menu/pizza", if_none_match='"1"')).status_code == 304
    new = {"name": "Pizza bianca", "price": 800, "recipe": [{"sku": "FLOUR", "qty": 250}]}
    stale = await world.put("/manager/menu/pizza", new, if_match='"9"')
    problem_of(stale, 409, "version_conflict")
    changed = (await world.put("/manager/menu/pizza", new, if_match='"1"')).json()
    assert (changed["category"], changed["recipe"], changed["version"]) == (None, new["recipe"], 2)
    assert (await world.get("/manager/menu")).json()["items"] == [changed]
    assert (await world.delete("/manager/menu/pizza")).status_code == 204
    problem_of(await world.get("/manager/menu/pizza"), 404, "not_found")
    problem_of(await world.put("/manager/menu/pizza", new), 404, "not_found")
    problem_of(
        await world.put("/manager/menu/pizza", PIZZA | {"id": "pie"}), 400, "validation_error"
    )


async def test_a_recipe_is_replaced_without_the_rest(world: World) -> None:
    await world.post("/manager/menu", PIZZA)
    path, lines = "/manager/menu/pizza/recipe", [{"sku": "TOM", "qty": 1}, {"sku": "TOM", "qty": 2}]
    problem_of(
        await world.put(path, {"recipe": lines, "expectedVersion": 3}), 409, "version_conflict"
    )
    changed = (await world.put(path, {"recipe": lines, "expectedVersion": 1})).json()
    assert changed["recipe"] == [{"sku": "TOM", "qty": 3}]
    assert (changed["price"], changed["version"]) == (900, 2)
    problem_of(
        await world.put(path, {"recipe": [{"sku": "TOM", "qty": 0}]}), 400, "validation_error"
    )
    problem_of(await world.put(path, {}), 400, "validation_error")
    problem_of(await world.put("/manager/menu/pie/recipe", {"recipe": []}), 404, "not_found")


async def test_the_menu_says_what_can_be_had(world: World) -> None:
    await opened(world)
    found = await dishes(world)
    assert list(found) == ["pizza", "salad", "water"]
    assert found["pizza"] == {
        "id": "pizza",
        "name": "Pizza",
        "price": 900,
        "category": "Mains",
        "description": None,
        "imageUrl": None,
        "available": True,
        "portions": 4,
        "lowStock": False,
        "reasons": [],
    }
    assert (found["salad"]["portions"], found["water"]["portions"]) == (8, None)
    assert (await world.get("/store/menu")).content == (await world.get("/menu")).content


async def test_every_change_shows_at_once_and_changes_the_etag(world: World) -> None:
    await opened(world)
    hold = {"storeId": "S", "lines": [{"sku": "TOM", "qty": 40}], "ttlSeconds": None}
    changes: list[tuple[str, str, Any]] = [
        ("POST", "/inventory/ship", {"storeId": "S", "sku": "TOM", "qty": 880}),
        ("POST", "/reservations", hold),
        ("POST", "/stores/S/inventory/FLOUR/out", {"isOut": True, "reason": "moths"}),
        ("PUT", "/items/TOM", {"name": "pomodori"}),
        ("PUT", "/manager/menu/salad", SALAD | {"isAvailable": False}),
        ("PUT", "/manager/menu/salad/recipe", {"recipe": [{"sku": "FLOUR", "qty": 1}]}),
        ("DELETE", "/manager/menu/water", None),
        ("POST", "/manager/menu", WATER | {"id": "wine"}),
        ("POST", "/stores/S/inventory/FLOUR/out", {"isOut": False}),
        ("POST", "/stores/S/inventory/TOM/count", {"counted": 5000}),
    ]
    etags = [(await world.get("/menu")).headers["etag"]]
    for method, path, body in changes:
        done = await world.client.request(method, path, json=body)
        assert done.status_code < 300, done.text
        answer = await world.get("/menu", if_none_match=etags[-1])
        assert answer.status_code == 200, (method, path)
        etags.append(answer.headers["etag"])
    assert len(set(etags)) == len(etags)


async def test_all_that_is_missing_is_named(world: World) -> None:
    await opened(world)
    await world.post("/stores/S/inventory/FLOUR/out", {"isOut": True, "reason": "moths"})
    await world.post("/inventory/ship", {"storeId": "S", "sku": "TOM", "qty": 950})
    await world.put("/manager/menu/pizza", PIZZA | {"isAvailable": False})
    pizza = (await dishes(world))["pizza"]
    assert (pizza["available"], pizza["portions"], pizza["lowStock"]) == (False, 0, True)
    assert pizza["reasons"] == [
        {"code": "disabled", "sku": None, "name": "Pizza", "message": "Pizza is switched off"},
        {"code": "out", "sku": "FLOUR", "name": "FLOUR", "message": "No FLOUR (moths)"},
        {
            "code": "insufficient",
            "sku": "TOM",
            "name": "tomatoes",
            "message": "Not enough tomatoes: 50 g left, 80 g needed",
        },
    ]
    await world.post("/stores/S/inventory/TOM/count", {"counted": 0})
    assert (await dishes(world))["salad"]["reasons"][0]["message"] == "No tomatoes"


async def test_an_unchanged_menu_is_not_sent_again(world: World) -> None:
    await opened(world)
    etag = (await world.get("/menu")).headers["etag"]
    await world.receive("S", "BREAD", 1)
    await world.receive("T", "TOM", 1)
    same = await world.get("/menu?storeId=S", if_none_match=f'"other", {etag}')
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    await world.receive("S", "FLOUR", 250)
    await world.post("/inventory/ship", {"storeId": "S", "sku": "FLOUR", "qty": 250})
    again = await world.get("/menu?storeId=S", if_none_match=etag)
    assert again.status_code == 304


async def test_each_store_has_a_menu_of_its_own(world: World) -> None:
    await opened(world)
    await world.receive("T", "TOM", 130)
    problem_of(await world.get("/menu"), 400, "validation_error")
    problem_of(await world.get("/menu?storeId=U"), 404, "not_found")
    at_s, at_t = await world.get("/menu?storeId=S"), await world.get("/menu?storeId=T")
    assert at_s.headers["etag"] != at_t.headers["etag"]
    assert (at_s.json()["storeId"], at_t.json()["storeId"]) == ("S", "T")
    assert [dish["portions"] for dish in at_t.json()["items"]] == [0, 1, None]


async def test_the_default_store_of_a_tenant_is_the_one_that_is_meant(world: World) -> None:
    await opened(world)
    await world.receive("T", "TOM", 130)
    world.tenants.record = world.tenants.record._replace(default_store_id="T")
    assert (await world.get("/menu")).json()["storeId"] == "T"
    assert (await world.get("/menu?storeId=S")).json()["storeId"] == "S"
    order = {"items": [{"id": "salad", "qty": 1}], "customer": "table 5"}
    assert (await world.post("/store/orders", order)).json()["storeId"] == "T"
    world.tenants.record = world.tenants.record._replace(default_store_id="SOON")
    nothing = (await world.get("/menu")).json()
    assert (nothing["storeId"], nothing["items"][1]["portions"]) == (None, 0)


async def test_without_a_store_nothing_is_in_stock(world: World) -> None:
    assert (await world.get("/menu")).json() == {"items": [], "nextCursor": None, "storeId": None}
    await world.post("/manager/menu", SALAD)
    (salad,) = (await world.get("/menu")).json()["items"]
    assert (salad["available"], salad["portions"]) == (False, 0)
    await world.post("/locations", {"storeId": "S", "name": "The only one"})
    assert (await world.get("/menu")).json()["storeId"] == "S"


async def test_the_menu_comes_in_pages_if_a_limit_is_given(world: World) -> None:
    await opened(world)
    whole = await world.get("/menu")
    first = await world.get("/menu?limit=2")
    rest = await world.get(f"/menu?limit=2&cursor={first.json()['nextCursor']}")
    assert first.json()["items"] + rest.json()["items"] == whole.json()["items"]
    assert rest.json()["nextCursor"] is None
    assert whole.headers["etag"] == first.headers["etag"] == rest.headers["etag"]
    problem_of(await world.get("/menu?cursor=WzFd"), 400, "validation_error")


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": -1},
        {"price": None},
        {"recipe": None},
        {"recipe": [{"sku": "TOM", "qty": 1.5}]},
        {"recipe": [{"sku": "T M", "qty": 1}]},
        {"id": "no id"},
        {"isAvailable": "yes"},
        {"portions": 3},
    ],
)
async def test_a_dish_that_makes_no_sense_is_refused(
    world: World, wrong: dict[str, object]
) -> None:
    problem_of(await world.post("/manager/menu", PIZZA | wrong), 400, "validation_error")
    assert world.ledger.last_sequence == 0
