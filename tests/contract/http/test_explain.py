"""Why a number is what it is, and why a dish cannot be sold."""

import asyncio
from typing import Any

from tests.unit.http.world import World, problem_of

ONE = "/stores/S/inventory/A"


async def explained(world: World, path: str = ONE, as_of: object = None) -> dict[str, Any]:
    address = f"{path}/explain" + ("" if as_of is None else f"?asOf={as_of}")
    answer = await world.get(address)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    parts = body["parts"]
    assert sum(part["qty"] for part in parts) == body["record"]["sellable"]
    counted = sum(part["qty"] for part in parts if part["kind"] != "out")
    assert counted == body["record"]["available"]
    return body


async def test_why_it_can_be_sold_is_told_with_the_events_behind_it(world: World) -> None:
    await world.receive("S", "A", 10)
    body = {"delta": -2, "reason": "broken"}
    await world.post(f"{ONE}/adjust", body)
    held = (await world.post(f"{ONE}/reserve", {"qty": 3, "userId": "ada"})).json()
    told = await explained(world)
    assert told["record"] == (await world.get(ONE)).json()
    assert told["asOf"]["sequence"] == 3
    assert told["nextReleaseAt"] == held["expiresAt"]
    on_hand, reservation = told["parts"]
    assert (on_hand["kind"], on_hand["qty"]) == ("onHand", 8)
    assert on_hand["event"]["sequence"] == 2
    assert on_hand["event"]["type"] == "StockAdjusted"
    assert on_hand["event"]["actor"] == "anonymous"
    assert on_hand["event"]["reason"] == "broken"
    assert reservation["reservationId"] == held["reservationId"]
    assert (reservation["qty"], reservation["userId"]) == (-3, "ada")
    assert reservation["event"]["sequence"] == 3
    assert told["detail"] == "5 of A in S can be sold: 8 on hand, 3 reserved."


async def test_why_it_cannot_be_sold_names_the_switch(world: World) -> None:
    await world.receive("S", "A", 10)
    until = "2999-01-01T00:00:00.000Z"
    await world.post(f"{ONE}/out", {"isOut": True, "reason": "mouldy", "until": until})
    await world.receive("S", "A", 1)
    told = await explained(world)
    out = told["parts"][-1]
    assert (out["kind"], out["qty"], out["reason"], out["until"]) == ("out", -11, "mouldy", until)
    assert out["event"]["sequence"] == 2
    assert told["parts"][0]["event"]["sequence"] == 3
    assert "marked as out" in told["detail"]
    assert "mouldy" in told["detail"]
    before = await explained(world, as_of=1)
    assert [part["kind"] for part in before["parts"]] == ["onHand"]


async def test_why_it_cannot_be_sold_names_who_holds_it(world: World) -> None:
    await world.receive("S", "A", 5)
    for qty in (2, 3):
        await world.post(f"{ONE}/reserve", {"qty": qty, "userId": f"u{qty}", "ttlSeconds": qty * 9})
    told = await explained(world)
    assert [part.get("userId") for part in told["parts"]] == [None, "u2", "u3"]
    assert "all 5 are reserved" in told["detail"]
    await world.post(f"{ONE}/adjust", {"delta": 1})
    assert (await explained(world, as_of=3))["detail"] == told["detail"]


async def test_a_hold_that_was_extended_names_the_event_that_extended_it(world: World) -> None:
    await world.receive("S", "A", 5)
    held = (await world.post(f"{ONE}/reserve", {"qty": 2})).json()
    longer = {"ttlSeconds": 80_000}
    extended = await world.post(f"/reservations/{held['reservationId']}/extend", longer)
    _, part = (await explained(world))["parts"]
    assert part["event"]["sequence"] == 3
    assert part["expiresAt"] == extended.json()["expiresAt"]


async def test_nothing_is_explained_that_is_not_there(world: World) -> None:
    await world.receive("S", "A", 5)
    problem_of(await world.get("/stores/S/inventory/Z/explain"), 404, "not_found")
    problem_of(await world.get("/stores/Z/inventory/A/explain?asOf=1"), 404, "not_found")
    problem_of(await world.get(f"{ONE}/explain?asOf=0"), 404, "not_found")


async def test_an_explanation_belongs_to_one_event_while_writes_go_on(world: World) -> None:
    await world.receive("S", "A", 1000)
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            held = (await world.post(f"{ONE}/reserve", {"qty": 1})).json()
            await world.post(f"/reservations/{held['reservationId']}/confirm")

    writing = asyncio.create_task(write())
    for _ in range(20):
        told = await explained(world)
        then = await explained(world, as_of=told["asOf"]["sequence"])
        assert then["parts"] == told["parts"]
        assert then["record"] == told["record"]
    done.set()
    await writing


async def test_an_explanation_tells_of_threshold_and_alert(world: World) -> None:
    await world.receive("S", "A", 5)
    item = {"sku": "A", "name": "Apples", "category": "fruit", "unit": "pcs"}
    assert (await explained(world))["lowStock"] is None
    await world.post("/items", item | {"lowStockThreshold": 2})
    told = await explained(world)
    assert told["name"] == "Apples"
    assert told["lowStock"] == {"threshold": 2, "isLow": False, "alert": None}
    await world.post(f"{ONE}/adjust", {"delta": -4})
    low = (await explained(world))["lowStock"]
    assert (low["isLow"], low["alert"]["status"]) == (True, "open")
    assert (await explained(world, as_of=2))["lowStock"] == told["lowStock"]
    assert (await explained(world, as_of=1))["name"] == "A"


async def test_why_a_dish_cannot_be_sold_is_told_ingredient_by_ingredient(world: World) -> None:
    await world.receive("S", "TOMATO", 5)
    await world.receive("S", "FLOUR", 900)
    recipe = [{"sku": "TOMATO", "qty": 2}, {"sku": "FLOUR", "qty": 300}, {"sku": "BASIL", "qty": 1}]
    dish = {"id": "pizza", "name": "Pizza", "price": 900, "recipe": recipe[:2]}
    await world.post("/manager/menu", dish)
    before = (await world.get("/menu/pizza/explain")).json()
    assert before["asOf"]["sequence"] == 3
    assert before["detail"] == "Pizza can be sold: the ingredients last for 2."
    assert [each["portions"] for each in before["ingredients"]] == [2, 3]
    await world.client.put("/manager/menu/pizza/recipe", json={"recipe": recipe})
    await world.post("/stores/S/inventory/TOMATO/reserve", {"qty": 4, "userId": "ada"})
    told = (await world.get("/menu/pizza/explain")).json()
    assert told["entry"] == (await world.get("/menu")).json()["items"][0]
    tomato, flour, basil = told["ingredients"]
    assert [each["portions"] for each in told["ingredients"]] == [0, 3, 0]
    assert [part["kind"] for part in tomato["stock"]["parts"]] == ["onHand", "reservation"]
    assert flour["stock"]["asOf"]["sequence"] == told["asOf"]["sequence"] == 5
    assert basil["stock"] is None
    assert "Not enough TOMATO" in told["detail"]
    assert "No BASIL" in told["detail"]
    then = await world.get("/menu/pizza/explain?asOf=3")
    for name in ("entry", "detail", "isAvailable"):
        assert then.json()[name] == before[name]
    parts = [
        [each["stock"]["parts"] for each in body["ingredients"]] for body in (then.json(), before)
    ]
    assert parts[0] == parts[1]
    tag = then.headers["etag"]
    again = await world.get("/menu/pizza/explain?asOf=3", If_None_Match=tag)
    assert again.status_code == 304
    problem_of(await world.get("/menu/pizza/explain?asOf=2"), 404, "not_found")
    problem_of(await world.get("/menu/pasta/explain"), 404, "not_found")


async def test_a_dish_of_a_tenant_without_stores_is_explained_too(world: World) -> None:
    dish = {"id": "tea", "name": "Tea", "price": 200, "recipe": [{"sku": "LEAF", "qty": 1}]}
    await world.post("/manager/menu", dish)
    told = (await world.get("/menu/tea/explain")).json()
    assert told["storeId"] is None
    assert told["detail"] == "Tea cannot be sold: No LEAF."
    assert told["ingredients"][0]["stock"] is None
