"""Redis and PostgreSQL as peers. They have to be installed (`bench/install-peers`), with the
group `bench`: `uv run --locked --group dev --group bench pytest -m campaign tests/unit/bench`.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.peers.contest import PEERS, Peer
from bench.peers.daemons import Daemon
from bench.peers.shop import Shop
from tests.unit.bench.shops import STORE, must_never_oversell

_, REDIS, POSTGRES, IN_ONE_STATEMENT = PEERS

pytestmark = pytest.mark.campaign


def started(peer: Peer) -> Iterator[Daemon]:
    missing = peer.why_not()
    if missing is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    # Where root is the one who tests, PostgreSQL runs as another user, whom pytest's own folders
    # for temporary files would not let in.
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        peer.database(Path(name), None) as daemon,
    ):
        yield daemon


@pytest.fixture(scope="module")
def redis() -> Iterator[Daemon]:
    yield from started(REDIS)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Daemon]:
    yield from started(POSTGRES)


async def never_oversells(shop: Shop, sku: str) -> None:
    await shop.open(STORE, [sku, f"B{sku}"], on_hand=20)
    try:
        await must_never_oversell(shop, sku, f"B{sku}", on_hand=20)
    finally:
        await shop.close()


@pytest.mark.parametrize("variant", REDIS.variants)
async def test_redis_never_sells_what_is_not_there(redis: Daemon, variant: str) -> None:
    from bench.peers.redis_shop import RedisShop

    await never_oversells(RedisShop(Path(*redis.arguments), variant), f"A-{variant}")


@pytest.mark.parametrize("variant", POSTGRES.variants + IN_ONE_STATEMENT.variants)
async def test_postgres_never_sells_what_is_not_there(postgres: Daemon, variant: str) -> None:
    from bench.peers.postgres_shop import PostgresShop

    folder, user = postgres.arguments
    await never_oversells(PostgresShop(Path(folder), user, variant), f"A-{variant}")


async def test_redis_syncs_before_it_answers(redis: Daemon) -> None:
    from redis.asyncio import Redis

    client = Redis(unix_socket_path=redis.arguments[0], decode_responses=True)
    settings = await client.config_get("append*", "save")
    await client.aclose()
    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "always")


async def test_postgres_syncs_before_it_answers(postgres: Daemon) -> None:
    import asyncpg

    folder, user = postgres.arguments
    connection = await asyncpg.connect(host=folder, user=user, database="postgres")
    shown = [await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
    await connection.close()
    assert shown == ["on", "on"]
