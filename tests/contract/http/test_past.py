"""The past over HTTP: `asOf` on every read that takes it."""

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
