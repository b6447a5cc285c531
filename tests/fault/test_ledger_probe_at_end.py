"""A disk that fails while a tenant is closed is not asked again."""

import asyncio
from contextlib import suppress

from holdfast.ledger.port import Unavailable
from tests.support.opened import COOLDOWN_MS, Tenant, with_a_tenant
from tests.support.steps import step
from tests.support.virtual_time import settle


@with_a_tenant
async def test_no_probe_follows_a_close_whose_last_flush_failed(tenant: Tenant) -> None:
    guard = tenant.ledger.guard
    write = await tenant.begin_and_hold(step("receive", store="S", sku="A", qty=1))
    closing = asyncio.create_task(tenant.close())
    await settle()
    tenant.disk.let_go(fails=True)
    await asyncio.wait([closing, write])
    with suppress(Unavailable):
        await write
    await closing
    await tenant.pass_time(COOLDOWN_MS + 1)
    assert not isinstance(guard._probe, asyncio.Task)
