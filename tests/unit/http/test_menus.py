"""Menus and deadlines, bad disks and restarts: an `ETag` never names two contents."""

from pathlib import Path
from typing import Any

from holdfast.ledger.port import Unavailable
from tests.contract.http.conftest import files
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import World

TEA = {"id": "tea", "name": "Tea", "price": 300, "recipe": [{"sku": "TEA", "qty": 2}]}


async def menu(world: World, **headers: str) -> tuple[int, str | None, Any]:
    answer = await world.get("/menu", **headers)
    portions = answer.json()["items"][0]["portions"] if answer.content else None
    return answer.status_code, answer.headers.get("etag"), portions


async def opened(world: World) -> None:
    await world.post("/manager/menu", TEA)
    await world.receive("S", "TEA", 10)


async def test_a_reservation_whose_deadline_came_changes_menu_and_etag(
    world: World, ledger: MemoryLedger
) -> None:
    await opened(world)
    free = await menu(world)
    await world.post("/stores/S/inventory/TEA/reserve", {"qty": 4, "ttlSeconds": 60})
    held = await menu(world)
    assert [free[2], held[2]] == [5, 3]
    ledger.now += 59_999
    assert (await menu(world, if_none_match=str(held[1])))[0] == 304
    ledger.now += 1
    assert await menu(world, if_none_match=str(held[1])) == free


async def test_a_flag_that_lifts_by_itself_changes_menu_and_etag(
    world: World, ledger: MemoryLedger
) -> None:
    await opened(world)
    free = await menu(world)
    until = "2026-11-18T12:00:00Z"
    await world.post("/stores/S/inventory/TEA/out", {"isOut": True, "until": until})
    out = await menu(world)
    assert (out[2], out[1] == free[1]) == (0, False)
    ledger.now += 24 * 3600 * 1000
    assert await menu(world, if_none_match=str(out[1])) == free


async def test_while_deadlines_are_only_worked_out_there_is_no_etag(
    world: World, ledger: MemoryLedger
) -> None:
    await opened(world)
    status, etag, portions = await menu(world)
    ledger.exact, ledger.broken = False, Unavailable("read_only", "The disk is full.", 1500)
    assert await menu(world, if_none_match=str(etag)) == (200, None, portions)
    ledger.exact, ledger.broken = True, None
    assert await menu(world) == (status, etag, portions)


async def test_a_restart_leaves_the_etag_of_an_unchanged_menu_good(tmp_path: Path) -> None:
    etags: list[str | None] = []
    for _ in range(2):
        async with files(tmp_path) as ledger:
            world = World(ledger)
            if not etags:
                await opened(world)
            etags.append((await menu(world))[1])
            assert (await menu(world, if_none_match=str(etags[0])))[0] == 304
            await world.close()
    assert etags[0] == etags[1]
