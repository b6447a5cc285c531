"""Batches: row by row, and as a whole."""

import pytest

from tests.contract.http.ndjson import lines, row, send
from tests.unit.http.world import World, problem_of


async def test_every_operation_works_in_a_row(world: World) -> None:
    done = lines(
        await send(
            world,
            [
                row("receive", qty=10),
                row("adjust", delta=-1, reason="broken"),
                row("count", counted=20, occurred_at="2026-11-01T08:00:00Z"),
                row("ship", qty=2),
                row("transfer", fromStoreId="S", toStoreId="T", sku="A", qty=3),
                row("out", isOut=False),
                row("reserve", qty=2, userId="ada"),
                {"op": "reserve", "storeId": "S", "lines": [{"sku": "A", "qty": 1}]},
            ],
        )
    )
    assert [each["status"] for each in done] == [200, 200, 200, 200, 200, 200, 201, 201]
    assert [each.get("onHand") for each in done[:4]] == [10, 9, 20, 18]
    assert done[4]["to"]["onHand"] == 3
    assert (done[6]["stock"]["reserved"], done[6]["reservationStatus"]) == (2, "active")
    ids = [each["reservationId"] for each in done[6:]]
    done = lines(
        await send(
            world,
            [
                row("extend", reservationId=ids[0], userId="ada", ttlSeconds=None),
                row("confirm", reservationId=ids[0], userId="ada"),
                row("cancel", reservationId=ids[1]),
            ],
        )
    )
    told = [(each["status"], each["reservationStatus"]) for each in done]
    assert told == [(200, "active"), (200, "confirmed"), (200, "cancelled")]


async def test_one_bad_row_harms_no_other(world: World) -> None:
    body = b"\n".join(
        [
            b'{"op":"receive","storeId":"S","sku":"A","qty":5}',
            b'{"op":"ship","storeId":"S","sku":"A","qty":9}',
            b'{"op":"ship","storeId":"S","sku":"Z","qty":1}',
            b"",
            b"nonsense",
            b"[]",
            b'{"op":"steal","storeId":"S","sku":"A","qty":1}',
            b'{"op":["receive"],"storeId":"S","sku":"A","qty":1}',
            b'{"op":"receive","storeId":"S","sku":"A","qty":1,"qty":2}',
            b'{"op":"receive","storeId":"../x","sku":"A","qty":0}',
            b'{"op":"receive","storeId":"S","sku":"A","qty":NaN}',
            b'{"op":"receive","storeId":"S","sku":"A","qty":1,"line":1}',
            b'{"op":"receive","storeId":"S","sku":"A","qty":1,"expectedVersion":7}',
            b'{"op":"receive","storeId":"S","sku":"A","qty":1}',
        ]
    )
    done = lines(await send(world, body))
    statuses = [200, 409, 404, *[400] * 9, 409, 200]
    assert [each["status"] for each in done] == statuses
    codes = [each.get("code") for each in done]
    assert codes[1:4] == ["insufficient_stock", "not_found", "validation_error"]
    assert done[1]["details"]["shortages"][0]["available"] == 5
    assert {error["pointer"] for error in done[9]["details"]["errors"]} == {"/storeId", "/qty"}
    assert done[12]["details"] == {"currentVersion": 1}
    assert (done[13]["onHand"], world.ledger.last_sequence) == (6, 2)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"{}\n" * 10_001, "10000 rows"),
        (b"\n" * 10_001, "10000 rows"),
    ],
    ids=["nothing", "newline", "rows", "newlines"],
)
async def test_a_batch_has_one_to_ten_thousand_rows(world: World, body: bytes, said: str) -> None:
    assert said in problem_of(await send(world, body), 400, "validation_error")["detail"]


async def test_a_row_may_not_be_larger_than_a_body(world: World) -> None:
    big = b'{"op":"receive","storeId":"S","sku":"A","qty":1' + b" " * 1024 * 1024 + b"}"
    done = lines(await send(world, big + b'\n{"op":"receive","storeId":"S","sku":"A","qty":1}'))
    assert [each["status"] for each in done] == [413, 200]


async def test_ten_thousand_rows_are_decided(world: World) -> None:
    done = lines(await send(world, b'{"op":"receive","storeId":"S","sku":"A","qty":1}\n' * 10_000))
    assert len(done) == 10_000
    assert [each["onHand"] for each in done] == list(range(1, 10_001))


@pytest.mark.parametrize("content_type", ["text/csv", "application/xml", None])
async def test_a_batch_is_ndjson(world: World, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await world.client.post("/batch", content=b"{}", headers=headers)
    problem_of(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "query",
    [
        "?after=0",
        "?source=l",
        "?source=l&after=-1",
        "?source=l&after=0&atomic=true",
        "?source=../l&after=0",
        "?atomic=1",
        "?dryRun=true",
    ],
)
async def test_a_batch_is_asked_for_in_known_ways(world: World, query: str) -> None:
    answer = await send(world, [row("receive", qty=1, line=1)], query)
    problem_of(answer, 400, "validation_error")
    assert world.ledger.last_sequence == 0


async def test_the_requests_key_gives_each_row_its_own(world: World) -> None:
    rows: list[object] = [row("receive", qty=1), row("receive", qty=1), row("ship", qty=9)]
    first = lines(await send(world, rows, idempotency_key="k"))
    again = lines(await send(world, rows, idempotency_key="k"))
    assert [each["status"] for each in again] == [200, 200, 409]
    assert [each.get("onHand") for each in again[:2]] == [1, 2]
    assert [each.get("replayed") for each in again] == [True, True, None]
    assert first[2] == again[2]
    assert world.ledger.last_sequence == 2
    rows[0] = row("receive", qty=5)
    problem_of(await send(world, rows, idempotency_key="k"), 409, "idempotency_mismatch")
    assert world.ledger.last_sequence == 2


async def test_a_key_belongs_to_one_batch_however_it_is_written(world: World) -> None:
    rows: list[object] = [row("ship", qty=9), row("receive", qty=1)]
    await send(world, rows, idempotency_key="k")
    spelt = b' {"sku":"A", "store_id":"S","qty":9,"op":"ship"}\n{"op":"receive","storeId":"S","sku":"A","qty":1}'
    assert lines(await send(world, spelt, idempotency_key="k"))[1]["replayed"] is True
    others: list[tuple[list[object], str]] = [
        ([*rows, row("receive", qty=1)], ""),
        ([row("ship", qty=1), rows[1]], ""),
        ([*rows, {"op": "nonsense"}], ""),
        (rows, "?atomic=true"),
    ]
    for changed, query in others:
        answer = await send(world, changed, query, idempotency_key="k")
        problem_of(answer, 409, "idempotency_mismatch")
    assert world.ledger.last_sequence == 1


async def test_a_key_of_another_write_is_none_for_the_rows_of_a_batch(world: World) -> None:
    rows: list[object] = [row("receive", qty=1)]
    await send(world, rows, "?atomic=true", idempotency_key="a")
    await world.post("/stores/S/inventory/A/adjust", {"delta": 1}, idempotency_key="b")
    before = world.ledger.last_sequence
    for key in ("a", "b"):
        problem_of(await send(world, rows, idempotency_key=key), 409, "idempotency_mismatch")
    assert world.ledger.last_sequence == before


async def test_a_malformed_row_is_called_a_row(world: World) -> None:
    body = b'{"op":\n{"op":"ship","op":"ship"}\n' + b'{"a":' * 40 + b"1" + b"}" * 40
    done = lines(await send(world, body))
    assert [each["detail"].partition(" is ")[0].partition(" gives ")[0] for each in done] == [
        "The row"
    ] * 3


async def test_a_long_key_still_gives_each_row_its_own(world: World) -> None:
    rows: list[object] = [row("receive", qty=1)] * 2
    for _ in range(2):
        done = lines(await send(world, rows, idempotency_key="k" * 255))
        assert [each["onHand"] for each in done] == [1, 2]


async def test_a_row_may_bring_its_own_key(world: World) -> None:
    rows: list[object] = [row("receive", qty=1, idempotencyKey="mine")] * 2
    done = lines(await send(world, rows))
    assert [each["onHand"] for each in done] == [1, 1]
    assert done[1]["replayed"] is True


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9", 7])
async def test_a_rows_key_is_checked_like_the_header(world: World, key: object) -> None:
    (done,) = lines(await send(world, [row("receive", qty=1, idempotencyKey=key)]))
    assert (done["status"], done["code"]) == (400, "validation_error")
    assert done["details"]["errors"][0]["pointer"] == "/idempotencyKey"


async def test_an_atomic_batch_is_one_event_and_one_version(world: World) -> None:
    rows: list[object] = [
        row("receive", qty=5),
        row("receive", qty=5),
        row("reserve", qty=3, userId="ada"),
        row("transfer", fromStoreId="S", toStoreId="T", lines=[{"sku": "A", "qty": 2}]),
        row("reserve", qty=1, userId="eve"),
    ]
    first = await send(world, rows, "?atomic=true", idempotency_key="k")
    done = lines(first)
    assert [each["status"] for each in done] == [200, 200, 201, 200, 201]
    assert [done[0]["onHand"], done[0]["reserved"], done[0]["version"]] == [8, 4, 1]
    assert done[0] == done[1]
    assert [done[2]["userId"], done[4]["userId"]] == ["ada", "eve"]
    assert world.ledger.last_sequence == 1
    again = await send(world, rows, "?atomic=true", idempotency_key="k")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert world.ledger.last_sequence == 1
    rows.pop()
    answer = await send(world, rows, "?atomic=true", idempotency_key="k")
    problem_of(answer, 409, "idempotency_mismatch")


async def test_an_atomic_batch_may_end_what_it_began_before(world: World) -> None:
    await world.receive("S", "A", 5)
    held = (await world.post("/stores/S/inventory/A/reserve", {"qty": 2})).json()
    rows: list[object] = [
        row("reserve", qty=1),
        row("confirm", reservationId=held["reservationId"]),
    ]
    done = lines(await send(world, rows, "?atomic=true"))
    assert [each["reservationStatus"] for each in done] == ["active", "confirmed"]
    assert done[0]["reservationId"] != held["reservationId"]


async def test_an_atomic_batch_names_every_refused_row_and_applies_none(world: World) -> None:
    rows: list[object] = [
        row("receive", qty=5),
        row("ship", qty=9),
        row("ship", qty=1),
        row("confirm", reservationId="none"),
    ]
    told = problem_of(await send(world, rows, "?atomic=true"), 409, "batch_refused")
    errors = told["details"]["errors"]
    assert [(error["line"], error["status"], error["code"]) for error in errors] == [
        (2, 409, "insufficient_stock"),
        (4, 404, "not_found"),
    ]
    assert all(set(error) == {"line", "status", "code", "detail", "details"} for error in errors)
    assert world.ledger.last_sequence == 0


async def test_an_atomic_batch_with_a_malformed_row_is_malformed(world: World) -> None:
    body = b'{"op":"receive","storeId":"S","sku":"A","qty":5}\nnonsense\n'
    told = problem_of(await send(world, body, "?atomic=true"), 400, "validation_error")
    assert [error["line"] for error in told["details"]["errors"]] == [2]
    answer = await send(world, [row("receive", qty=1, idempotencyKey="x")], "?atomic=true")
    problem_of(answer, 400, "validation_error")
    assert world.ledger.last_sequence == 0
