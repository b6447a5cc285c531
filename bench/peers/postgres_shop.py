"""The same route over PostgreSQL: a conditional update and an insert in one transaction.

Every setting that decides what a commit means is PostgreSQL's own default (fsync and
synchronous_commit on). It takes part twice: with the two statements between BEGIN and COMMIT, as
most programs have them (`transaction-N`), and with both in one statement, which takes one way
there and back instead of four (`statement-N`). N connections; each prepares its statements once.
"""

import sys
from pathlib import Path
from typing import Final

import asyncpg

from bench.peers.shop import Asked, Shop, Stock, make_app
from bench.serving import serve
from bench.stock import ON_HAND, SKUS, STORE, sku

# A page that is not full lets an update stay on it, so that no index has to change.
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS stock (
  store_id text NOT NULL, sku text NOT NULL, on_hand bigint NOT NULL,
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved BETWEEN 0 AND on_hand),
  version bigint NOT NULL DEFAULT 1, updated_ms bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (store_id, sku)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS reservation (
  reservation_id uuid PRIMARY KEY, store_id text NOT NULL, sku text NOT NULL,
  qty bigint NOT NULL, user_id text NOT NULL, status text NOT NULL DEFAULT 'active',
  created_ms bigint NOT NULL, expires_ms bigint NOT NULL
);
"""
_HOLD: Final = """
UPDATE stock SET reserved = reserved + $3, version = version + 1, updated_ms = $4
WHERE store_id = $1 AND sku = $2 AND on_hand - reserved >= $3
RETURNING on_hand, reserved, version
"""
_KEEP: Final = """
INSERT INTO reservation
(reservation_id, store_id, sku, qty, user_id, created_ms, expires_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_BOTH: Final = """
WITH held AS (
  UPDATE stock SET reserved = reserved + $4, version = version + 1, updated_ms = $6
  WHERE store_id = $2 AND sku = $3 AND on_hand - reserved >= $4
  RETURNING on_hand, reserved, version
), kept AS (
  INSERT INTO reservation
  (reservation_id, store_id, sku, qty, user_id, created_ms, expires_ms)
  SELECT $1, $2, $3, $4, $5, $6, $7 FROM held
)
SELECT on_hand, reserved, version FROM held
"""


class PostgresShop(Shop):
    """Stock in PostgreSQL, over its socket in the file system."""

    def __init__(self, socket_folder: Path, user: str, variant: str) -> None:
        kind, _, number = variant.partition("-")
        self._in_one = kind == "statement"
        self._connections = int(number)
        self._socket_folder = socket_folder
        self._user = user
        self._pool: asyncpg.Pool

    async def open(self, store_id: str, skus: list[str], on_hand: int) -> None:
        self._pool = await asyncpg.create_pool(
            host=str(self._socket_folder),
            user=self._user,
            database="postgres",
            min_size=self._connections,
            max_size=self._connections,
        )
        await self._pool.execute(_TABLES)
        await self._pool.executemany(
            "INSERT INTO stock (store_id, sku, on_hand) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            [(store_id, name, on_hand) for name in skus],
        )

    async def reserve(self, asked: Asked) -> Stock | None:
        async with self._pool.acquire() as connection:
            if self._in_one:
                row = await connection.fetchrow(_BOTH, *asked)
            else:
                async with connection.transaction():
                    row = await connection.fetchrow(
                        _HOLD, asked.store_id, asked.sku, asked.qty, asked.created_ms
                    )
                    if row is not None:
                        await connection.execute(_KEEP, *asked)
        return None if row is None else Stock(*row)

    async def reservations(self) -> int:
        return int(await self._pool.fetchval("SELECT count(*) FROM reservation"))

    async def close(self) -> None:
        await self._pool.close()


if __name__ == "__main__":
    port, socket_folder, user, variant = sys.argv[1:]
    shop = PostgresShop(Path(socket_folder), user, variant)
    serve(make_app(shop, STORE, [sku(number) for number in range(SKUS)], ON_HAND), int(port), "on")
