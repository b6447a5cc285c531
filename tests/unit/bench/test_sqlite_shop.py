import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bench.peers.shop import Asked, make_app
from bench.peers.sqlite_shop import SqliteShop
from tests.unit.bench.shops import STORE, must_never_oversell


@pytest.fixture(params=["loop", "thread"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteShop]:
    opened = SqliteShop(tmp_path / "shop.sqlite3", request.param)
    await opened.open(STORE, ["A", "B"], on_hand=10)
    yield opened
    await opened.close()


async def test_sqlite_never_sells_what_is_not_there(shop: SqliteShop) -> None:
    await must_never_oversell(shop, "A", "B", on_hand=10)


async def test_sqlite_syncs_before_it_answers(shop: SqliteShop) -> None:
    pragma = shop.database.execute
    assert pragma("PRAGMA journal_mode").fetchone() == ("wal",)
    assert pragma("PRAGMA synchronous").fetchone() == (2,)


async def test_what_was_reserved_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite3"
    for expected in (0, 1):
        opened = SqliteShop(path, "loop")
        await opened.open(STORE, ["A"], on_hand=10)
        assert await opened.reservations() == expected
        await opened.reserve(Asked(f"r{expected}", STORE, "A", 1, "u", 1, 2))
        await opened.close()


def test_a_shop_refuses_over_http_what_it_cannot_sell(tmp_path: Path) -> None:
    app = make_app(SqliteShop(tmp_path / "shop.sqlite3", "loop"), STORE, ["A"], 2)
    path = f"/api/v1/stores/{STORE}/inventory/A/reserve"
    with TestClient(app) as client:

        def status(body: object) -> int:
            return client.post(path, json=body).status_code

        assert status({"qty": 2, "userId": "u", "ttlSeconds": 60}) == 201
        assert status({"qty": 1, "userId": "u", "ttlSeconds": 60}) == 409
        assert status({"qty": 0, "userId": "u"}) == 400
        assert status({"qty": True, "userId": "u"}) == 400
        assert client.get("/api/v1/events?limit=1").json() == {"lastSequence": 1}


async def test_a_failed_transaction_leaves_nothing_behind(shop: SqliteShop) -> None:
    asked = Asked("same", STORE, "A", 1, "u", 1, 2)
    assert await shop.reserve(asked) == (10, 1, 2)
    with pytest.raises(Exception, match="UNIQUE"):
        await shop.reserve(asked)
    assert await asyncio.wait_for(shop.reserve(asked._replace(reservation_id="other")), 5) == (
        10,
        2,
        3,
    )
