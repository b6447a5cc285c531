"""A restaurant's folder is verified as any other: records that were deleted and made again too."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from holdfast.journal import OsDisk, create
from tests.support.steps import step
from tests.support.virtual_time import VirtualClock
from tests.unit.verify.fake_server import FakeServer
from tests.unit.verify.folders import TENANT, ask, edit_shard, frames_of, only, opened, verify
from tests.unit.verify.test_live import compare, lying

NEW: dict[str, Any] = {"new": True, "expected": None}
PIE: dict[str, Any] = {"dish": "pie", "price": 9, "on": True, "recipe": [("A", 2)]}


def order(name: str, ttl_ms: int | None) -> Any:
    fields: dict[str, Any] = {"store": "S", "dishes": [("pie", 1)], "user": None, "ttl": ttl_ms}
    return step("order", f"key of {name}", id=name, **fields)


async def _lives(folder: Path) -> None:
    clock = VirtualClock()
    ledger = opened(folder, clock)
    await ledger.start()
    await ask(
        ledger,
        step("receive", store="S", sku="A", qty=9),
        step("item", sku="A", limit=6, **NEW),
        step("item", sku="B", limit=None, **NEW),
        step("dish", **PIE, **NEW),
        order("o1", None),
        order("o2", 5_000),
        step("confirm_order", id="o1", user=None, expected=1),
        step("drop_item", sku="B", expected=1),
    )
    await ledger.close()
    clock.advance(5_000)
    ledger = opened(folder, clock)
    await ledger.start()
    await ask(
        ledger,
        step("item", sku="B", limit=None, **NEW),
        step("location", store="K", name="Kitchen", **NEW),
        step("drop_location", store="K", expected=None),
        step("drop_dish", dish="pie", expected=None),
    )
    await ledger.close()


def kitchen(data_dir: Path) -> Path:
    folder = data_dir / "tenants" / TENANT
    create(folder / "journal", TENANT, OsDisk())
    asyncio.run(_lives(folder))
    return folder


def test_a_restaurant_is_equal_in_all_that_is_compared(tmp_path: Path) -> None:
    result = verify(kitchen(tmp_path))
    assert (result.differences, result.notices) == ([], [])
    assert len(result.checkpoints) == 2
    kinds = {path.parent.name for path in (tmp_path / "tenants" / TENANT / "state").rglob("*@*")}
    assert {"items", "orders", "alerts", "tombstones", "stores"} <= kinds


def test_an_order_that_costs_something_else_is_told(tmp_path: Path) -> None:
    folder = kitchen(tmp_path)

    def change(records: list[Any]) -> None:
        records[0]["totalAmount"] += 1

    edit_shard(folder, "MANIFEST.json", "orders/all.0", change)
    assert "record o1 of orders differs" in only(verify(folder), "checkpoint").what


@pytest.mark.parametrize("path", ["/items", "/locations", "/manager/orders", "/alerts"])
def test_all_lists_of_a_server_are_compared(tmp_path: Path, path: str) -> None:
    frames = frames_of(kitchen(tmp_path))

    def change(items: list[Any]) -> None:
        items[0]["updatedAt" if "updatedAt" in items[0] else "storeId"] = "changed"

    for lie, found in ((None, 0), (lying(path, change), 1)):
        server = FakeServer(frames, len(frames), Random(1), lie)
        differences, records = compare(frames, server, replayed=len(frames))
        assert len(differences) == found
        assert records >= 7, (
            "stock, an item or two, a store, two orders with reservations, an alert"
        )
