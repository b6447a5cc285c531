"""Reservations over HTTP, the checkout's routes included."""

from typing import Any

import pytest

from tests.unit.http.world import World, problem_of


async def reserve(world: World, **fields: object) -> dict[str, Any]:
    body = {"storeId": "S", "lines": [{"sku": "A", "qty": 2}], **fields}
    answer = await world.post("/reservations", body)
    assert answer.status_code == 201, answer.text
    held: dict[str, Any] = answer.json()
    return held


async def test_all_lines_are_held_or_none(world: World) -> None:
    await world.receive("S", "A", 5)
    await world.receive("S", "B", 1)
    lines = [{"sku": "A", "qty": 4}, {"sku": "B", "qty": 2}, {"sku": "A", "qty": 4}]
    answer = await world.post("/reservations", {"storeId": "S", "lines": lines})
    told = problem_of(answer, 409, "insufficient_stock")
    asked = {short["sku"]: short["requested"] for short in told["details"]["shortages"]}
    assert asked == {"A": 8, "B": 2}
    assert (await world.get("/stores/S/inventory/A")).json()["reserved"] == 0
    held = await reserve(world, lines=[{"sku": "A", "qty": 1}, {"sku": "A", "qty": 1}])
    assert held["lines"] == [{"sku": "A", "qty": 2}]


async def test_confirm_takes_and_cancel_releases(world: World) -> None:
    await world.receive("S", "A", 5)
    one, two = await reserve(world), await reserve(world)
    answer = await world.client.post(f"/reservations/{one['reservationId']}/confirm")
    assert (answer.status_code, answer.json()["status"]) == (200, "confirmed")
    answer = await world.post(f"/reservations/{two['reservationId']}/cancel", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    record = (await world.get("/stores/S/inventory/A")).json()
    assert (record["onHand"], record["reserved"]) == (3, 0)


async def test_to_end_it_again_answers_the_same_and_to_end_it_otherwise_is_refused(
    world: World,
) -> None:
    await world.receive("S", "A", 5)
    one = f"/reservations/{(await reserve(world))['reservationId']}"
    first = await world.post(f"{one}/confirm", {})
    again = await world.post(f"{one}/confirm", {})
    assert again.content == first.content
    problem_of(await world.post(f"{one}/cancel", {}), 409, "reservation_not_active")
    problem_of(await world.post(f"{one}/extend", {}), 409, "reservation_not_active")
    assert (await world.get(one)).json() == first.json()


async def test_a_reservation_with_an_owner_is_the_owners(world: World) -> None:
    await world.receive("S", "A", 5)
    one = f"/reservations/{(await reserve(world, userId='ada'))['reservationId']}"
    for verb in ("confirm", "cancel", "extend"):
        problem_of(await world.post(f"{one}/{verb}", {"userId": "eve"}), 403, "forbidden")
        problem_of(await world.post(f"{one}/{verb}", {}), 400, "validation_error")
    assert (await world.post(f"{one}/confirm", {"userId": "ada"})).status_code == 200


async def test_an_unknown_reservation_is_not_found(world: World) -> None:
    problem_of(await world.get("/reservations/none"), 404, "not_found")
    for verb in ("confirm", "cancel", "extend"):
        problem_of(await world.post(f"/reservations/none/{verb}", {}), 404, "not_found")


async def test_a_reservation_has_versions(world: World) -> None:
    await world.receive("S", "A", 5)
    one = f"/reservations/{(await reserve(world))['reservationId']}"
    assert (await world.get(one, if_none_match='"1"')).status_code == 304
    answer = await world.post(f"{one}/extend", {"ttlSeconds": None}, if_match='"1"')
    assert (answer.json()["version"], answer.headers["etag"]) == (2, '"2"')
    assert answer.json()["expiresAt"] is None
    answer = await world.post(f"{one}/confirm", {}, if_match='"1"')
    problem_of(answer, 409, "version_conflict")
    assert answer.headers["etag"] == '"2"'


async def test_reservations_are_listed_by_what_is_asked(world: World) -> None:
    await world.receive("S", "A", 50)
    await world.receive("T", "A", 50)
    for number in range(5):
        await reserve(world, userId=f"u{number % 2}", storeId="ST"[number % 2])
    ended = await reserve(world)
    await world.post(f"/reservations/{ended['reservationId']}/cancel", {})
    for query, count in (
        ("", 6),
        ("?status=active", 5),
        ("?status=cancelled", 1),
        ("?userId=u1", 2),
        ("?user_id=u0&storeId=S", 3),
        ("?storeId=T&status=confirmed", 0),
    ):
        page = (await world.get(f"/reservations{query}")).json()
        assert (len(page["items"]), page["nextCursor"]) == (count, None)
    first = (await world.get("/reservations?limit=4")).json()
    rest = (await world.get(f"/reservations?limit=4&cursor={first['nextCursor']}")).json()
    ids = [held["reservationId"] for held in first["items"] + rest["items"]]
    assert ids == sorted(ids)
    assert (len(ids), rest["nextCursor"]) == (6, None)


async def test_the_checkout_shows_products_in_its_shape(world: World) -> None:
    await world.receive("S", "A", 5)
    await world.receive("T", "A", 2)
    await world.receive("S", "B", 1)
    await world.post("/inventory/reserve", checkout(storeId="S", quantity=3))
    body = (await world.get("/api/inventory")).json()
    assert body["success"] is True
    assert body["data"][0] == {
        "sku": "A",
        "name": "A",
        "price": None,
        "imageUrl": None,
        "availableQuantity": 4,
        "reservedQuantity": 3,
        "totalQuantity": 7,
    }
    one = (await world.get("/api/inventory/A?storeId=T")).json()["data"]
    assert (one["availableQuantity"], one["reservedQuantity"]) == (2, 0)
    problem_of(await world.get("/inventory/Z"), 404, "not_found")
    problem_of(await world.get("/inventory/B?storeId=T"), 404, "not_found")


@pytest.mark.parametrize("store", ["", "&storeId=S"])
async def test_the_checkout_pages_through_products(world: World, store: str) -> None:
    for number in range(7):
        await world.receive("S", f"sku-{number}", 1)
    first = (await world.get(f"/inventory?limit=4{store}")).json()
    rest = (await world.get(f"/inventory?limit=4&cursor={first['nextCursor']}{store}")).json()
    skus = [product["sku"] for product in first["data"] + rest["data"]]
    assert skus == [f"sku-{number}" for number in range(7)]
    assert rest["nextCursor"] is None


def checkout(**fields: object) -> dict[str, object]:
    return {"sku": "A", "quantity": 1, "userId": "ada", **fields}


async def test_the_checkout_holds_once_for_each_user(world: World) -> None:
    await world.receive("S", "A", 5)
    first = await world.post("/inventory/reserve", checkout(quantity=2))
    assert first.status_code == 201
    data = first.json()["data"]
    assert set(data) == {"reservationId", "sku", "quantity", "expiresAt", "message"}
    again = await world.post("/inventory/reserve", checkout(quantity=99))
    assert again.status_code == 200
    assert again.json()["data"]["isExisting"] is True
    assert again.json()["data"]["reservationId"] == data["reservationId"]
    assert again.json()["data"]["quantity"] == 2
    other = await world.post("/inventory/reserve", checkout(userId="eve"))
    assert other.status_code == 201


async def test_the_checkout_hears_how_much_there_is(world: World) -> None:
    await world.receive("S", "A", 1)
    answer = await world.post("/inventory/reserve", checkout(quantity=2))
    told = problem_of(answer, 409, "insufficient_stock")
    assert (told["availableQuantity"], told["requestedQuantity"]) == (1, 2)


async def test_the_checkout_names_a_store_when_there_are_two(world: World) -> None:
    problem_of(await world.post("/inventory/reserve", checkout()), 400, "validation_error")
    await world.receive("S", "A", 1)
    await world.receive("T", "A", 1)
    told = problem_of(await world.post("/inventory/reserve", checkout()), 400, "validation_error")
    assert told["details"]["errors"][0]["pointer"] == "/storeId"
    answer = await world.post("/inventory/reserve", checkout(storeId="T"))
    assert answer.status_code == 201


@pytest.mark.parametrize(("verb", "status"), [("confirm", "confirmed"), ("cancel", "cancelled")])
async def test_the_checkout_ends_a_reservation(world: World, verb: str, status: str) -> None:
    await world.receive("S", "A", 1)
    data = (await world.post("/inventory/reserve", checkout())).json()["data"]
    end = {"reservationId": data["reservationId"], "userId": "ada"}
    for _ in range(2):
        answer = (await world.post(f"/api/checkout/{verb}", end)).json()
        assert answer["success"] is True
        assert answer["data"]["status"] == status
        assert set(answer["data"]) == {"reservationId", "status", "message"}
    other = {"confirm": "cancel", "cancel": "confirm"}[verb]
    problem_of(await world.post(f"/checkout/{other}", end), 409, "reservation_not_active")
    problem_of(await world.post(f"/checkout/{verb}", end | {"userId": "eve"}), 403, "forbidden")
