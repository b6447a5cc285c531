"""The same route over Redis: appendonly yes, appendfsync always, one Lua script a request.

Redis syncs once for all commands that one turn of its loop found, so what matters is how many are
on their way together. Two ways take part: a pool of connections with a request each (`pool-N`),
and N connections whose pipelines take whatever gathered while the one before was under way
(`pipeline-N`), which is the group commit that Holdfast's journal has.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis, UnixDomainSocketConnection

from bench.peers.shop import Asked, Shop, Stock, make_app
from bench.serving import serve
from bench.stock import ON_HAND, SKUS, STORE, sku

#: KEYS: stock, reservation. ARGV: quantity, then the reservation's fields and values.
_RESERVE: Final = """
local found = redis.call('HMGET', KEYS[1], 'onHand', 'reserved')
if not found[1] or found[1] - found[2] < tonumber(ARGV[1]) then return false end
local reserved = redis.call('HINCRBY', KEYS[1], 'reserved', ARGV[1])
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'updatedMs', ARGV[2])
redis.call('HSET', KEYS[2], 'createdMs', unpack(ARGV, 2))
return {tonumber(found[1]), reserved, version}
"""


class RedisShop(Shop):
    """Stock in Redis, over its socket in the file system."""

    def __init__(self, socket: Path, variant: str) -> None:
        kind, _, number = variant.partition("-")
        self._gathers = kind == "pipeline"
        self._connections = int(number)
        pool = BlockingConnectionPool(
            max_connections=self._connections,
            timeout=None,
            connection_class=UnixDomainSocketConnection,
            path=str(socket),
        )
        self._redis: Redis = Redis(connection_pool=pool)
        self._waiting: list[tuple[Asked, asyncio.Future[Stock | None]]] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._sha = ""
        self._stocks = 0

    async def open(self, store_id: str, skus: list[str], on_hand: int) -> None:
        self._sha = await self._redis.script_load(_RESERVE)
        self._stocks = len(skus)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in skus:
                key = _stock_key(store_id, name)
                for field, value in (("onHand", on_hand), ("reserved", 0), ("version", 1)):
                    pipeline.pipeline_execute_command("HSETNX", key, field, value)
            await pipeline.execute()

    async def reserve(self, asked: Asked) -> Stock | None:
        if not self._gathers:
            return _stock(await self._redis.execute_command("EVALSHA", *self._call(asked)))
        future: asyncio.Future[Stock | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if len(self._sending) < self._connections:
            task = asyncio.create_task(self._send_what_waits())
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return await future

    async def _send_what_waits(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting, []
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for asked, _ in together:
                        pipeline.pipeline_execute_command("EVALSHA", *self._call(asked))
                    results = await pipeline.execute()
            except Exception as error:  # noqa: BLE001 - each of those who wait has to learn of it
                for _, future in together:
                    future.set_exception(error)
                continue
            for (_, future), result in zip(together, results, strict=True):
                if not future.done():
                    future.set_result(_stock(result))

    def _call(self, asked: Asked) -> tuple[Any, ...]:
        return (
            self._sha,
            2,
            _stock_key(asked.store_id, asked.sku),
            f"reservation:{asked.reservation_id}",
            asked.qty,
            asked.created_ms,
            "storeId",
            asked.store_id,
            "sku",
            asked.sku,
            "qty",
            asked.qty,
            "userId",
            asked.user_id,
            "status",
            "active",
            "expiresMs",
            asked.expires_ms,
        )

    async def reservations(self) -> int:
        return int(await self._redis.dbsize()) - self._stocks

    async def close(self) -> None:
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()


def _stock_key(store_id: str, name: str) -> str:
    return f"stock:{store_id}:{name}"


def _stock(result: list[int] | None) -> Stock | None:
    return None if result is None else Stock(*result)


if __name__ == "__main__":
    port, socket, variant = sys.argv[1:]
    shop = RedisShop(Path(socket), variant)
    serve(make_app(shop, STORE, [sku(number) for number in range(SKUS)], ON_HAND), int(port), "on")
