"""Items and locations over HTTP: written whole, read, listed, deleted, and what they change."""

import httpx2
import pytest

from tests.unit.http.world import World, problem_of

TOMATO = {"sku": "TOM", "name": "tomatoes", "unit": "g", "price": 5, "lowStockThreshold": 100}
CELLAR = {"storeId": "S", "name": "The cellar", "timezone": "Europe/Rome"}

#: What they are called, where they are, and one of them.
KINDS = [("/items", "TOM", TOMATO), ("/locations", "S", CELLAR)]
kinds = pytest.mark.parametrize(("path", "name", "body"), KINDS)


async def test_an_item_has_the_shape_of_the_contract(world: World) -> None:
    answer = await world.post("/items", TOMATO)
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    item = answer.json()
    assert item.pop("updatedAt").endswith("Z")
    assert item == TOMATO | {"category": None, "imageUrl": None, "description": None, "version": 1}


@kinds
async def test_what_was_made_is_read_and_listed(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    made = (await world.post(path, body)).json()
    read = await world.get(f"{path}/{name}")
    assert (read.json(), read.headers["etag"]) == (made, '"1"')
    assert (await world.get(path)).json() == {"items": [made], "nextCursor": None}
    same = await world.get(f"{path}/{name}", if_none_match='"1"')
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", '"1"')


@kinds
async def test_a_second_one_of_the_name_is_refused(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    await world.post(path, body)
    problem = problem_of(await world.post(path, body), 409, "already_exists")
    assert f"{name} exists already." in problem["detail"]
    assert world.ledger.last_sequence == 1


@kinds
async def test_a_put_replaces_and_clears_what_it_leaves_out(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    await world.post(path, body)
    answer = await world.put(f"{path}/{name}", {"name": "Other"}, if_match='"1"')
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    now = answer.json()
    assert (now["name"], now["version"]) == ("Other", 2)
    gone = body.keys() - {"name", "sku", "storeId"}
    assert gone
    assert all(now[field] is None for field in gone)


@kinds
async def test_a_put_for_another_version_is_refused_with_the_present_one(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    await world.post(path, body)
    for headers, more in (({"if_match": '"7"'}, {}), ({}, {"expectedVersion": 7})):
        answer = await world.put(f"{path}/{name}", {"name": "Other"} | more, **headers)
        told = problem_of(answer, 409, "version_conflict")
        assert (told["details"], answer.headers["etag"]) == ({"currentVersion": 1}, '"1"')


@kinds
async def test_a_put_may_name_the_id_again_but_no_other(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    await world.post(path, body)
    assert (await world.put(f"{path}/{name}", body)).status_code == 200
    (field,) = body.keys() & {"sku", "storeId"}
    told = problem_of(
        await world.put(f"{path}/{name}", body | {field: "OTHER"}), 400, "validation_error"
    )
    assert told["details"]["errors"][0]["pointer"] == f"/{field}"


@kinds
async def test_what_is_not_there_is_not_found(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    problem_of(await world.get(f"{path}/{name}"), 404, "not_found")
    problem_of(await world.put(f"{path}/{name}", body), 404, "not_found")
    problem_of(await world.delete(f"{path}/{name}"), 404, "not_found")
    problem_of(await world.get(f"{path}/a%20b"), 400, "validation_error")
    assert world.ledger.last_sequence == 0


@kinds
async def test_what_was_deleted_comes_back_with_the_next_version(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    await world.post(path, body)
    problem_of(await world.delete(f"{path}/{name}", if_match='"2"'), 409, "version_conflict")
    gone = await world.delete(f"{path}/{name}", if_match='"1"')
    assert (gone.status_code, gone.content) == (204, b"")
    problem_of(await world.get(f"{path}/{name}"), 404, "not_found")
    assert (await world.get(path)).json()["items"] == []
    assert (await world.post(path, body)).json()["version"] == 2


@kinds
async def test_a_version_that_is_expected_in_the_body_keeps_a_delete_from_changes_unseen(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    await world.post(path, body)

    async def delete(told: dict[str, object]) -> httpx2.Response:
        return await world.client.request("DELETE", f"{path}/{name}", json=told)

    problem_of(await delete({"expectedVersion": 2}), 409, "version_conflict")
    problem_of(await delete({"version": 1}), 400, "validation_error")
    assert (await world.get(f"{path}/{name}")).status_code == 200
    assert (await delete({"expectedVersion": 1})).status_code == 204


@kinds
async def test_a_repeated_write_gets_its_first_answer(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    first = await world.post(path, body, idempotency_key="make")
    await world.put(f"{path}/{name}", {"name": "Other"}, idempotency_key="change")
    again = await world.post(path, body, idempotency_key="make")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    gone = await world.delete(f"{path}/{name}", idempotency_key="delete")
    gone_again = await world.delete(f"{path}/{name}", idempotency_key="delete")
    assert (gone.status_code, gone_again.status_code) == (204, 204)
    assert gone_again.headers["idempotent-replayed"] == "true"
    told = await world.put(f"{path}/{name}", {"name": "Third"}, idempotency_key="change")
    problem_of(told, 409, "idempotency_mismatch")


async def test_lists_are_paged_by_id(world: World) -> None:
    for sku in "CADB":
        await world.post("/items", {"sku": sku, "name": sku})
    first = (await world.get("/items?limit=3")).json()
    second = (await world.get(f"/items?limit=3&cursor={first['nextCursor']}")).json()
    assert [item["sku"] for item in first["items"] + second["items"]] == list("ABCD")
    assert second["nextCursor"] is None
    problem_of(await world.get("/items?cursor=W10"), 400, "validation_error")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": None},
        {"price": -1},
        {"price": 1.5},
        {"lowStockThreshold": 2**53},
        {"sku": "no id"},
        {"taste": "good"},
    ],
)
async def test_an_item_that_makes_no_sense_is_refused(
    world: World, wrong: dict[str, object]
) -> None:
    problem_of(await world.post("/items", TOMATO | wrong), 400, "validation_error")
    assert world.ledger.last_sequence == 0


async def test_an_item_in_use_is_not_deleted(world: World) -> None:
    await world.post("/items", TOMATO)
    await world.receive("S", "TOM", 5)
    recipe = [{"sku": "TOM", "qty": 80}]
    await world.post("/manager/menu", {"id": "soup", "name": "Soup", "price": 1, "recipe": recipe})
    told = problem_of(await world.delete("/items/TOM"), 409, "in_use")
    assert "5" in told["detail"]
    assert "soup" in told["detail"]


async def test_a_store_with_stock_is_not_deleted_and_needs_no_description(world: World) -> None:
    await world.receive("S", "TOM", 5)
    (store,) = (await world.get("/stores")).json()["items"]
    assert (store["storeId"], store["name"], store["version"]) == ("S", "S", 1)
    assert (await world.get("/locations")).json() == (await world.get("/stores")).json()
    problem_of(await world.delete("/locations/S"), 409, "in_use")
    made = await world.post("/locations", CELLAR)
    assert (made.status_code, made.json()["version"]) == (201, 2)


async def test_stock_lists_and_the_shop_say_what_the_item_is(world: World) -> None:
    await world.receive("S", "TOM", 100)
    await world.receive("S", "SALT", 100)
    await world.post("/items", TOMATO | {"imageUrl": "/tom.png"})
    listed = (await world.get("/stock")).json()["items"]
    assert [(each["name"], each["lowStock"]) for each in listed] == [
        ("SALT", False),
        ("tomatoes", True),
    ]
    assert (await world.get("/stores/S/inventory")).json()["items"] == listed
    assert (await world.get("/stock/TOM")).json()["name"] == "tomatoes"
    shown = (await world.get("/inventory/TOM")).json()["data"]
    assert (shown["name"], shown["price"], shown["imageUrl"]) == ("tomatoes", 5, "/tom.png")
    salt, tomato = (await world.get("/inventory")).json()["data"]
    assert tomato == shown
    assert (salt["name"], salt["price"], salt["imageUrl"]) == ("SALT", None, None)
    of_store = (await world.get("/inventory?storeId=S")).json()["data"]
    assert of_store == [salt, tomato]


async def test_only_what_is_low_is_listed_and_only_what_is_not(world: World) -> None:
    for sku in "ABC":
        await world.post("/items", {"sku": sku, "name": sku, "lowStockThreshold": 3})
        for store in "ST":
            await world.receive(store, sku, 3 if sku != "B" else 4)

    async def found(query: str) -> list[tuple[str, str]]:
        page = (await world.get(f"/stock?{query}")).json()
        assert page["nextCursor"] is None
        return [(each["storeId"], each["sku"]) for each in page["items"]]

    assert await found("lowStock=true") == [("S", "A"), ("S", "C"), ("T", "A"), ("T", "C")]
    assert await found("lowStock=false") == [("S", "B"), ("T", "B")]
    assert await found("lowStock=true&storeId=T") == [("T", "A"), ("T", "C")]
    assert await found("lowStock=true&sku=C") == [("S", "C"), ("T", "C")]
    first = (await world.get("/stock?lowStock=true&limit=3")).json()
    rest = (await world.get(f"/stock?lowStock=true&cursor={first['nextCursor']}")).json()
    assert len(first["items"]) == 3
    assert [each["sku"] for each in rest["items"]] == ["C"]
    await world.receive("S", "A", 1)
    assert await found("lowStock=true&storeId=S") == [("S", "C")]


async def test_the_history_of_a_sku_and_of_a_store_has_its_catalogue(world: World) -> None:
    await world.post("/items", TOMATO)
    await world.post("/locations", CELLAR)
    await world.post("/items", {"sku": "SALT", "name": "salt"})
    await world.delete("/items/TOM")
    await world.delete("/locations/S")

    async def types(query: str) -> list[str]:
        return [
            each["type"] for each in (await world.get(f"/transactions?{query}")).json()["items"]
        ]

    assert await types("sku=TOM") == ["ItemCreated", "ItemDeleted"]
    assert await types("storeId=S") == ["LocationCreated", "LocationDeleted"]
    assert await types("type=ItemCreated") == ["ItemCreated", "ItemCreated"]
    assert len((await world.get("/events")).json()["items"]) == 5


@kinds
async def test_a_put_that_changes_nothing_makes_no_version_and_is_remembered_all_the_same(
    world: World, path: str, name: str, body: dict[str, object]
) -> None:
    made = await world.post(path, body)
    same = await world.put(f"{path}/{name}", body, idempotency_key="k")
    assert (same.status_code, same.json()) == (200, made.json())
    await world.put(f"{path}/{name}", {"name": "Other"})
    again = await world.put(f"{path}/{name}", body, idempotency_key="k")
    assert (again.status_code, again.content) == (200, same.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert (await world.get(f"{path}/{name}")).json()["name"] == "Other"
