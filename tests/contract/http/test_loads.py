"""Bulk loads, whose lines count once however often they are sent."""

import asyncio
from typing import Any

import pytest

from tests.contract.http.ndjson import lines, row, send
from tests.unit.http.world import World, problem_of


async def source(world: World, query: str = "") -> dict[str, Any]:
    body: dict[str, Any] = (await world.get(f"/batch/sources/opening{query}")).json()
    return body


async def test_a_load_goes_on_behind_its_mark(world: World) -> None:
    assert await source(world) == {
        "name": "opening",
        "mark": 0,
        "refused": 0,
        "items": [],
        "nextCursor": None,
    }
    rows: list[object] = [
        row("receive", qty=5, line=2),
        row("ship", qty=9, line=3),
        row("receive", qty=0, line=7),
        row("receive", qty=1, line=9),
    ]
    done = lines(await send(world, rows, "?source=opening&after=0"))
    assert [each["status"] for each in done] == [200, 409, 400, 200]
    told = await source(world)
    assert (told["mark"], told["refused"]) == (9, 2)
    assert [(no["line"], no["code"]) for no in told["items"]] == [
        (3, "insufficient_stock"),
        (7, "validation_error"),
    ]
    assert "at least 1" in told["items"][1]["detail"]
    first = await source(world, "?limit=1")
    rest = await source(world, f"?limit=1&cursor={first['nextCursor']}")
    assert [first["items"][0]["line"], rest["items"][0]["line"]] == [3, 7]
    assert rest["nextCursor"] is None

    before = world.ledger.last_sequence
    told = problem_of(await send(world, rows, "?source=opening&after=0"), 409, "version_conflict")
    assert told["details"] == {"mark": 9}
    assert world.ledger.last_sequence == before
    more: list[object] = [row("receive", qty=1, line=10)]
    done = lines(await send(world, more, "?source=opening&after=9"))
    assert done[0]["onHand"] == 7


@pytest.mark.parametrize(
    "rows",
    [
        [row("receive", qty=1, line=2), row("receive", qty=1, line=2)],
        [row("receive", qty=1, line=2), row("receive", qty=1, line=1)],
        [row("receive", qty=1, line=5), row("receive", qty=1)],
        [row("receive", qty=1, line=0)],
        [row("receive", qty=1, line=5), {"nonsense": True}],
        [row("receive", qty=1, line="5")],
        [row("receive", qty=1, line=2), row("receive", qty=1, line=2**53)],
        [row("receive", qty=1, line=True)],
        [row("receive", qty=1, line=1.0)],
        [row("receive", qty=1, line=5, idempotencyKey="x")],
    ],
)
async def test_the_lines_of_a_load_rise(world: World, rows: list[object]) -> None:
    problem_of(await send(world, rows, "?source=l&after=0"), 400, "validation_error")
    assert world.ledger.last_sequence == 0


async def test_a_load_takes_no_key(world: World) -> None:
    rows: list[object] = [row("receive", qty=1, line=1)]
    answer = await send(world, rows, "?source=l&after=0", idempotency_key="k")
    problem_of(answer, 400, "validation_error")


async def test_the_last_line_there_can_be_ends_a_load_in_order(world: World) -> None:
    rows: list[object] = [row("receive", qty=1, line=2**53 - 1)]
    assert lines(await send(world, rows, "?source=opening&after=0"))[0]["status"] == 200
    assert (await source(world))["mark"] == 2**53 - 1
    problem_of(
        await send(world, rows, f"?source=opening&after={2**53 - 1}"), 400, "validation_error"
    )


async def test_two_loads_of_one_source_at_once_apply_each_line_once(world: World) -> None:
    rows: list[object] = [row("receive", qty=1, line=number) for number in range(1, 301)]
    first, second = await asyncio.gather(
        *(send(world, rows, "?source=opening&after=0") for _ in range(2))
    )
    done = [
        [each["status"] for each in lines(answer)] if answer.status_code == 200 else []
        for answer in (first, second)
    ]
    for answer, statuses in zip((first, second), done, strict=True):
        if not statuses:
            assert problem_of(answer, 409, "version_conflict")["details"]["mark"] >= 1
        decided = statuses.count(200)
        assert statuses == [200] * decided + [0] * (len(statuses) - decided)
    mark = (await source(world))["mark"]
    assert sum(statuses.count(200) for statuses in done) == mark
    assert (await world.get("/stores/S/inventory/A")).json()["onHand"] == mark
