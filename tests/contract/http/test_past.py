"""The past over HTTP, and why a number is what it is."""

import asyncio
from typing import Any

import pytest

from tests.unit.http.world import World, problem_of

ONE = "/stores/S/inventory/A"


async def busy_world(world: World) -> list[tuple[int, dict[str, Any]]]:
    """Do this and that; what each read said, with the newest event of the time."""
    said: list[tuple[int, dict[str, Any]]] = []

    async def note() -> None:
        answers = {path: await world.get(path) for path in READS}
        said.append(
            (
                world.ledger.last_sequence,
                {path: (each.status_code, each.json()) for path, each in answers.items()},
            )
        )

    await note()
    await world.receive("S", "A", 10)
    await note()
    await world.receive("T", "A", 4)
    await world.receive("S", "B", 7)
    await note()
    held = (await world.post(f"{ONE}/reserve", {"qty": 3, "userId": "ada"})).json()
    await note()
    await world.post(f"{ONE}/out", {"isOut": True, "reason": "mouldy"})
    await note()
    await world.post(f"/reservations/{held['reservationId']}/confirm", {"userId": "ada"})
    await note()
    return said


READS = (
    ONE,
    "/stores/S/inventory",
    "/stores/T/inventory?limit=1",
    "/stock?limit=1000",
    "/stock?sku=A",
    "/stock?storeId=S",
    "/stock/A",
    "/stock/B",
)


def at(path: str, as_of: object) -> str:
    return f"{path}{'&' if '?' in path else '?'}asOf={as_of}"


async def test_every_read_answers_as_it_did_when_an_event_was_the_newest(world: World) -> None:
    for sequence, answers in await busy_world(world):
        for path, (status, body) in answers.items():
            answer = await world.get(at(path, sequence))
            assert answer.status_code == status, (path, sequence)
            if status == 200:
                assert answer.json() == body
                assert answer.headers["as-of-sequence"] == str(sequence)


async def test_a_list_of_the_past_is_read_page_by_page(world: World) -> None:
    await busy_world(world)
    whole = (await world.get("/stock?asOf=3")).json()["items"]
    assert len(whole) == 3
    items: list[Any] = []
    cursor = ""
    while True:
        page = (await world.get(f"/stock?asOf=3&limit=1{cursor}")).json()
        items += page["items"]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert items == whole


async def test_a_time_is_answered_like_the_newest_event_of_that_time(world: World) -> None:
    first = (await world.post(f"{ONE}/adjust", {"delta": 10})).json()
    answer = await world.get(at(ONE, first["updatedAt"]))
    assert answer.json() == first
    before_all = await world.get(at(ONE, "2026-01-01T00:00:00Z"))
    problem_of(before_all, 404, "not_found")
    with_zone = first["updatedAt"].replace("Z", "%2B00:00")
    assert (await world.get(at(ONE, with_zone))).content == answer.content


async def test_an_answer_about_the_past_never_changes_and_is_known_by_its_etag(
    world: World,
) -> None:
    await world.receive("S", "A", 10)
    tag = ""
    for path in (ONE, "/stores/S/inventory", "/stock", "/stock/A", f"{ONE}/explain"):
        answer = await world.get(at(path, 1))
        tag = answer.headers["etag"]
        assert not tag.startswith("W/")
        assert tag != '"1"'
        await world.receive("S", "A", 1)
        again = await world.get(at(path, 1), If_None_Match=tag)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["as-of-sequence"] == "1"
        assert (await world.get(at(path, 1), If_None_Match='"1"')).status_code == 200
    problem_of(
        await world.post(f"{ONE}/adjust", {"delta": 1}, If_Match=tag), 400, "validation_error"
    )


@pytest.mark.parametrize(
    "as_of",
    ["", "-1", "x", "1.5", "99999999999999999", "2026-11-20", "2026-11-20T08:41:55", "1e3", "0x1"],
)
async def test_what_is_no_place_in_the_past_is_refused_by_name(world: World, as_of: str) -> None:
    await world.receive("S", "A", 10)
    for path in (ONE, "/stock", "/stock/A", "/stores/S/inventory", f"{ONE}/explain"):
        body = problem_of(await world.get(at(path, as_of)), 400, "validation_error")
        assert [error["pointer"] for error in body["details"]["errors"]] == ["#/query/asOf"]


@pytest.mark.parametrize("as_of", ["2", "9007199254740991", "2999-01-01T00:00:00Z"])
async def test_what_lies_ahead_is_refused(world: World, as_of: str) -> None:
    await world.receive("S", "A", 10)
    for path in (ONE, "/stock", "/reservations/r", f"{ONE}/explain"):
        body = problem_of(await world.get(at(path, as_of)), 400, "validation_error")
        assert "ahead" in body["detail"]


async def test_what_takes_no_as_of_refuses_it(world: World) -> None:
    problem_of(await world.get("/reservations?asOf=1"), 400, "validation_error")


async def test_a_reservation_is_read_as_it_was(world: World) -> None:
    await world.receive("S", "A", 10)
    held = (await world.post(f"{ONE}/reserve", {"qty": 3, "userId": "ada"})).json()
    held.pop("stock")
    one = f"/reservations/{held['reservationId']}"
    await world.post(f"{one}/cancel", {"userId": "ada"})
    assert (await world.get(at(one, 2))).json() == held
    assert (await world.get(at(one, 3))).json()["status"] == "cancelled"
    problem_of(await world.get(at(one, 1)), 404, "not_found")


# Why?


async def explained(world: World, path: str = ONE, as_of: object = None) -> dict[str, Any]:
    address = f"{path}/explain" if as_of is None else at(f"{path}/explain", as_of)
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


async def test_a_list_of_the_past_has_the_names_and_thresholds_of_then(world: World) -> None:
    await world.receive("S", "A", 5)
    said = [(await world.get("/stock")).json()]
    item = {"sku": "A", "name": "Apples", "category": "fruit", "unit": "pcs"}
    await world.post("/items", item | {"lowStockThreshold": 2})
    said.append((await world.get("/stock")).json())
    await world.client.put("/items/A", json=item | {"name": "Pears", "lowStockThreshold": 5})
    said.append((await world.get("/stock")).json())
    assert [each["items"][0]["name"] for each in said] == ["A", "Apples", "Pears"]
    assert [each["items"][0]["lowStock"] for each in said] == [False, False, True]
    for sequence, body in enumerate(said, start=1):
        assert (await world.get(at("/stock", sequence))).json() == body
    assert (await world.get("/stock/A?asOf=2")).json()["name"] == "Apples"
    problem_of(await world.get("/stock?asOf=2&lowStock=true"), 400, "validation_error")


async def test_a_store_of_the_past_is_there_from_its_description_or_its_first_stock(
    world: World,
) -> None:
    await world.post("/locations", {"storeId": "S", "name": "South"})
    await world.receive("T", "A", 5)
    assert (await world.get("/stores/S/inventory?asOf=1")).json()["items"] == []
    problem_of(await world.get("/stores/T/inventory?asOf=1"), 404, "not_found")
    await world.client.delete("/locations/S")
    problem_of(await world.get("/stores/S/inventory?asOf=3"), 404, "not_found")
    assert (await world.get("/stores/S/inventory?asOf=2")).status_code == 200
    assert (await world.get("/stores/T/inventory?asOf=2")).status_code == 200


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
