"""Pages of other origins, and clients behind proxies: closed unless the operator opens them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.many_tenants import ManyTenants
from tests.support.signed_in import OWN, SignedIn
from tests.unit.http.world import UNLIMITED

SHOP = "https://shop.example.com"
PREFLIGHT = {"access-control-request-method": "POST", "origin": SHOP}


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[SignedIn]:
    async with SignedIn(tmp_path, replace(UNLIMITED, cors_origins=(SHOP,))) as world:
        await world.fill()
        yield world


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[ManyTenants]:
    async with ManyTenants(tmp_path) as world:
        yield world


async def test_without_a_list_no_page_of_another_origin_may_read(closed: ManyTenants) -> None:
    answer = await closed.client.get("/menu", headers={"origin": SHOP})
    assert "access-control-allow-origin" not in answer.headers
    assert (await closed.client.options("/menu", headers=PREFLIGHT)).status_code == 405


async def test_a_listed_origin_may_read_answers_and_refusals(opened: SignedIn) -> None:
    for headers, status in (({"x-tenant-id": OWN}, 200), ({"authorization": "x"}, 401)):
        answer = await opened.client.get("/menu", headers={"origin": SHOP, **headers})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", [f"{SHOP}.evil.example", "null", "http://shop.example.com"])
async def test_another_origin_may_not(opened: SignedIn, origin: str) -> None:
    headers = {"origin": origin, "x-tenant-id": OWN}
    answer = await opened.client.get("/menu", headers=headers)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"
    asked = await opened.client.options("/menu", headers=PREFLIGHT | {"origin": origin})
    assert not [name for name in asked.headers if name.startswith("access-control")]


async def test_a_browser_asks_first_and_needs_no_token_for_that(opened: SignedIn) -> None:
    answer = await opened.client.options("/reservations", headers=PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "Authorization" in answer.headers["access-control-allow-headers"]


async def test_behind_a_proxy_of_ours_each_client_has_a_rate_of_its_own(tmp_path: Path) -> None:
    http = replace(
        UNLIMITED, rate_limit_rps=1, rate_limit_burst=2, trusted_proxies=("127.0.0.0/8",)
    )
    async with ManyTenants(tmp_path, http=http) as world:
        statuses = [
            (await world.client.get("/stock", headers={"x-forwarded-for": client})).status_code
            for client in ("1.1.1.1", "1.1.1.1", "1.1.1.1", "2.2.2.2")
        ]
    assert statuses == [200, 200, 429, 200]
