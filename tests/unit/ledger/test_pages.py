"""Pages of items, stores, dishes, orders and alerts: by key, filtered, and without what is gone."""

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.domain.records import ALERT, ITEM, MENU_ITEM, ORDER, STORE, Key, Order, Table
from holdfast.ledger import reading
from tests.support.opened import Tenant, with_a_tenant
from tests.support.steps import step

NEW: dict[str, Any] = {"new": True, "expected": None}


async def kitchen(tenant: Tenant) -> None:
    for store in ("T", "S"):
        await tenant.ask(step("receive", store=store, sku="A", qty=5))
    for sku in ("C", "A", "B"):
        await tenant.ask(step("item", sku=sku, limit=5, **NEW))
    await tenant.ask(step("dish", dish="pie", price=1, on=True, recipe=[("A", 1)], **NEW))
    for name in ("o1", "o2", "o3", "o4"):
        fields: dict[str, Any] = {"store": "S", "dishes": [("pie", 1)], "user": None, "ttl": 5_000}
        await tenant.ask(step("order", id=name, **fields))
    for name in ("o1", "o3"):
        await tenant.ask(step("confirm_order", id=name, user=None, expected=None))


async def page(
    tenant: Tenant,
    table: Table[Any],
    after: Key | None = None,
    limit: int = 9,
    wanted: Callable[[Any], bool] | None = None,
) -> tuple[list[str], Key | None]:
    found, last = (await tenant.ledger.read()).page(table, after, limit, wanted)
    return [record.key[0] for record in found], last


def is_pending(order: Order) -> bool:
    return order.status == "PENDING"


def is_cancelled(order: Order) -> bool:
    return order.status == "CANCELLED"


@with_a_tenant
async def test_pages_go_on_where_the_one_before_ended(tenant: Tenant) -> None:
    await kitchen(tenant)
    assert await page(tenant, ITEM, None, 2) == (["A", "B"], ("B",))
    assert await page(tenant, ITEM, ("B",), 2) == (["C"], None)
    assert await page(tenant, STORE) == (["S", "T"], None)
    assert await page(tenant, MENU_ITEM) == (["pie"], None)
    assert len((await page(tenant, ALERT))[0]) == 2


@with_a_tenant
async def test_a_page_may_be_of_some_only(tenant: Tenant) -> None:
    await kitchen(tenant)
    assert await page(tenant, ORDER, None, 1, is_pending) == (["o2"], ("o2",))
    assert await page(tenant, ORDER, ("o2",), 9, is_pending) == (["o4"], None)


@with_a_tenant
async def test_what_was_deleted_is_on_no_page_and_what_was_made_again_is_once(
    tenant: Tenant,
) -> None:
    await kitchen(tenant)
    await tenant.ask(step("drop_item", sku="B", expected=None))
    await tenant.ask(step("drop_item", sku="C", expected=None))
    await tenant.ask(step("item", sku="C", limit=None, **NEW))
    assert await page(tenant, ITEM) == (["A", "C"], None)


@with_a_tenant
async def test_a_start_from_the_journal_or_a_checkpoint_finds_the_same_pages(
    tenant: Tenant,
) -> None:
    await kitchen(tenant)
    await tenant.ask(step("drop_item", sku="B", expected=None))
    tables = (ITEM, STORE, MENU_ITEM, ORDER, ALERT)
    before = [await page(tenant, table) for table in tables]
    await tenant.crash()
    await tenant.open()
    assert [await page(tenant, table) for table in tables] == before
    await tenant.close()
    await tenant.open()
    assert [await page(tenant, table) for table in tables] == before
    await tenant.ask(step("item", sku="B", limit=None, **NEW))
    assert (await page(tenant, ITEM))[0] == ["A", "B", "C"]


def test_a_rare_kind_does_not_hold_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SCANNED_PER_PAGE_MAX", 3)

    async def scenario(tenant: Tenant) -> None:
        await kitchen(tenant)
        assert await page(tenant, ORDER, None, 9, is_cancelled) == ([], ("o3",))
        assert await page(tenant, ORDER, ("o3",), 9, is_cancelled) == ([], None)

    with_a_tenant(scenario)()
