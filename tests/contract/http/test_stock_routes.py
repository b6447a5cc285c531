"""Stock over HTTP: what the numbers do, which version they have, and when a write is refused."""

import asyncio

import pytest

from tests.unit.http.world import World, problem_of

ONE = "/stores/S/inventory/A"


async def test_a_record_has_the_shape_of_the_contract(world: World) -> None:
    record = (await world.post(f"{ONE}/adjust", {"delta": 10})).json()
    assert list(record) == [
        "storeId",
        "sku",
        "onHand",
        "reserved",
        "available",
        "sellable",
        "qty",
        "isOut",
        "version",
        "updatedAt",
    ]
    assert (record["version"], record["onHand"], record["qty"]) == (1, 10, 10)


async def test_adjust_count_ship_and_receive_change_what_is_on_hand(world: World) -> None:
    place = {"storeId": "S", "sku": "A"}
    await world.post("/inventory/receive", place | {"qty": 10})
    await world.post("/inventory/ship", place | {"qty": 3})
    await world.post("/inventory/adjust", place | {"delta": -2, "reason": "broken"})
    assert (await world.get(ONE)).json()["onHand"] == 5
    answer = await world.post(f"{ONE}/count", {"counted": 0})
    assert (answer.json()["onHand"], answer.json()["version"]) == (0, 4)
    assert answer.headers["etag"] == '"4"'


async def test_a_write_that_takes_away_needs_a_record(world: World) -> None:
    for path, body in (
        (f"{ONE}/adjust", {"delta": -1}),
        (f"{ONE}/out", {"isOut": True}),
        (f"{ONE}/reserve", {"qty": 1}),
        ("/inventory/ship", {"storeId": "S", "sku": "A", "qty": 1}),
        ("/inventory/transfer", {"fromStoreId": "S", "toStoreId": "T", "sku": "A", "qty": 1}),
    ):
        problem_of(await world.post(path, body), 404, "not_found")
    problem_of(await world.get(ONE), 404, "not_found")
    assert world.ledger.last_sequence == 0


async def test_what_is_reserved_cannot_be_taken_or_counted_away(world: World) -> None:
    await world.receive("S", "A", 10)
    await world.post(f"{ONE}/reserve", {"qty": 8})
    before = world.ledger.last_sequence
    for path, body in ((f"{ONE}/adjust", {"delta": -3}), (f"{ONE}/count", {"counted": 7})):
        problem_of(await world.post(path, body), 409, "insufficient_stock")
    assert world.ledger.last_sequence == before


async def test_a_reservation_answers_with_the_stock_after_it(world: World) -> None:
    await world.receive("S", "A", 10)
    answer = await world.post(f"{ONE}/reserve", {"qty": 4, "userId": "ada", "ttlSeconds": None})
    body = answer.json()
    assert answer.status_code == 201
    assert (body["status"], body["userId"], body["expiresAt"]) == ("active", "ada", None)
    assert body["lines"] == [{"sku": "A", "qty": 4}]
    stock = body["stock"]
    assert (stock["available"], stock["reserved"], stock["version"]) == (6, 4, 2)
    assert stock == (await world.get(ONE)).json()


async def test_a_shortage_names_what_is_short(world: World) -> None:
    await world.receive("S", "A", 2)
    held = (await world.post(f"{ONE}/reserve", {"qty": 1})).json()
    told = problem_of(await world.post(f"{ONE}/reserve", {"qty": 5}), 409, "insufficient_stock")
    assert told["details"]["shortages"] == [
        {
            "storeId": "S",
            "sku": "A",
            "name": "A",
            "requested": 5,
            "available": 1,
            "nextReleaseAt": held["expiresAt"],
        }
    ]


async def test_what_is_out_is_not_promised_but_other_writes_go_on(world: World) -> None:
    await world.receive("S", "A", 5)
    out = (await world.post(f"{ONE}/out", {"is_out": True, "reason": "mouldy"})).json()
    assert (out["isOut"], out["sellable"], out["available"]) == (True, 0, 5)
    problem_of(await world.post(f"{ONE}/reserve", {"qty": 1}), 409, "insufficient_stock")
    assert (await world.post(f"{ONE}/adjust", {"delta": -1})).status_code == 200
    assert (await world.post(f"{ONE}/out", {"isOut": False})).json()["sellable"] == 4


async def test_a_transfer_changes_both_sides_or_neither(world: World) -> None:
    await world.receive("S", "A", 5)
    await world.receive("S", "B", 1)
    lines = [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 2}]
    body = {"fromStoreId": "S", "toStoreId": "T", "lines": lines}
    told = problem_of(await world.post("/inventory/transfer", body), 409, "insufficient_stock")
    assert [short["sku"] for short in told["details"]["shortages"]] == ["B"]
    assert (await world.get("/stores/T/inventory/A")).status_code == 404
    body["lines"] = [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 1}]
    moved = (await world.post("/inventory/transfer", body)).json()
    assert moved["from"] == moved["lines"][0]["from"]
    assert [(line["from"]["onHand"], line["to"]["onHand"]) for line in moved["lines"]] == [
        (3, 2),
        (0, 1),
    ]
    body["toStoreId"] = "S"
    problem_of(await world.post("/inventory/transfer", body), 400, "validation_error")


@pytest.mark.parametrize("given", ["1", '"1"', 'W/"1"', "*"])
async def test_a_write_at_the_right_version_is_done(world: World, given: str) -> None:
    await world.receive("S", "A", 5)
    answer = await world.post(f"{ONE}/adjust", {"delta": 1}, if_match=given)
    assert answer.json()["version"] == 2


async def test_a_write_at_another_version_is_refused_with_the_current_one(world: World) -> None:
    await world.receive("S", "A", 5)
    await world.receive("S", "A", 5)
    for path, body in (
        (f"{ONE}/adjust", {"delta": 1}),
        (f"{ONE}/count", {"counted": 1}),
        (f"{ONE}/out", {"isOut": True}),
        (f"{ONE}/reserve", {"qty": 1}),
        ("/inventory/receive", {"storeId": "S", "sku": "A", "qty": 1}),
        ("/inventory/ship", {"storeId": "S", "sku": "A", "qty": 1}),
    ):
        answer = await world.post(path, body, if_match='"1"')
        told = problem_of(answer, 409, "version_conflict")
        assert told["details"]["currentVersion"] == 2
        assert answer.headers["etag"] == '"2"'
        answer = await world.post(path, body | {"expectedVersion": 1})
        problem_of(answer, 409, "version_conflict")
    counters = (await world.get("/metrics")).json()
    assert counters["conflicts"] == 12


async def test_a_record_that_must_not_exist_yet(world: World) -> None:
    body = {"counted": 3, "expectedVersion": 0}
    assert (await world.post(f"{ONE}/count", body)).json()["version"] == 1
    problem_of(await world.post(f"{ONE}/count", body), 409, "version_conflict")
    answer = await world.post("/stores/S/inventory/B/count", {"counted": 1}, if_match="*")
    problem_of(answer, 409, "version_conflict")
    assert "etag" not in answer.headers, "there is no record that it could be the tag of"


@pytest.mark.parametrize("given", ['"1"', 'W/"1"', '"7", "1"', "*", "1"])
async def test_a_copy_that_is_still_good_is_not_sent_again(world: World, given: str) -> None:
    await world.receive("S", "A", 5)
    answer = await world.get(ONE, if_none_match=given)
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"1"')
    await world.receive("S", "A", 5)
    if given != "*":
        assert (await world.get(ONE, if_none_match=given)).status_code == 200


async def test_lists_are_paged_in_order(world: World) -> None:
    for store_id in ("T", "S"):
        for number in range(5):
            await world.receive(store_id, f"sku-{number}", number + 1)
    seen: list[tuple[str, str]] = []
    path = "/stock?limit=3"
    cursor = ""
    while True:
        page = (await world.get(path + cursor)).json()
        seen += [(item["storeId"], item["sku"]) for item in page["items"]]
        if page["nextCursor"] is None:
            break
        assert len(page["items"]) == 3
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == sorted(seen)
    assert len(seen) == 10
    page = (await world.get("/stock?storeId=S&sku=sku-1")).json()
    assert [(item["name"], item["lowStock"]) for item in page["items"]] == [("sku-1", False)]
    assert (await world.get("/stock?low_stock=true")).json()["items"] == []
    assert (await world.get("/stock?storeId=nowhere")).json()["items"] == []
    page = (await world.get("/stores/T/inventory?limit=5")).json()
    assert (len(page["items"]), page["nextCursor"]) == (5, None)
    problem_of(await world.get("/stores/nowhere/inventory"), 404, "not_found")


async def test_a_sku_is_added_up_over_all_stores(world: World) -> None:
    await world.receive("S", "A", 5)
    await world.receive("T", "A", 7)
    await world.post("/stores/T/inventory/A/out", {"isOut": True})
    total = (await world.get("/stock/A")).json()
    assert (total["onHand"], total["available"], total["sellable"]) == (12, 12, 5)
    assert [store["storeId"] for store in total["stores"]] == ["S", "T"]
    problem_of(await world.get("/stock/B"), 404, "not_found")


async def test_five_hundred_buyers_of_a_hundred_units(world: World) -> None:
    await world.receive("S", "A", 100)
    answers = await asyncio.gather(
        *(world.post(f"{ONE}/reserve", {"qty": 1, "userId": f"u{n}"}) for n in range(500))
    )
    assert sum(answer.status_code == 201 for answer in answers) == 100
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(refused) == 400
    for answer in refused:
        problem_of(answer, 409, "insufficient_stock")
    record = (await world.get(ONE)).json()
    assert (record["available"], record["reserved"], record["version"]) == (0, 100, 101)
