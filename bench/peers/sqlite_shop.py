"""The same route over SQLite: WAL, synchronous=FULL, one transaction a request.

SQLite has one writer at a time. Two ways to live with that take part: transactions made right on
the event loop, and a thread that makes them one after the other (`thread`).
"""

import asyncio
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench.peers.shop import Asked, Shop, Stock, make_app
from bench.serving import serve
from bench.stock import ON_HAND, SKUS, STORE, sku

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS stock (
  store_id TEXT NOT NULL, sku TEXT NOT NULL, on_hand INTEGER NOT NULL,
  reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved BETWEEN 0 AND on_hand),
  version INTEGER NOT NULL DEFAULT 1, updated_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (store_id, sku)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservation (
  reservation_id TEXT PRIMARY KEY, store_id TEXT NOT NULL, sku TEXT NOT NULL,
  qty INTEGER NOT NULL, user_id TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'active',
  created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
"""
_HOLD: Final = """
UPDATE stock SET reserved = reserved + ?1, version = version + 1, updated_ms = ?4
WHERE store_id = ?2 AND sku = ?3 AND on_hand - reserved >= ?1
RETURNING on_hand, reserved, version
"""
_KEEP: Final = """
INSERT INTO reservation
(reservation_id, store_id, sku, qty, user_id, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
"""


class SqliteShop(Shop):
    """Stock in a file of SQLite's."""

    def __init__(self, path: Path, variant: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1) if variant == "thread" else None
        self.database: sqlite3.Connection

    async def open(self, store_id: str, skus: list[str], on_hand: int) -> None:
        # Transactions are begun by hand; the module keeps prepared statements by itself.
        self.database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.executescript(_TABLES)
        self.database.execute("BEGIN IMMEDIATE")
        self.database.executemany(
            "INSERT OR IGNORE INTO stock (store_id, sku, on_hand) VALUES (?, ?, ?)",
            [(store_id, name, on_hand) for name in skus],
        )
        self.database.execute("COMMIT")

    async def reserve(self, asked: Asked) -> Stock | None:
        if self._thread is None:
            return self._reserve(asked)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._reserve, asked)

    def _reserve(self, asked: Asked) -> Stock | None:
        execute = self.database.execute
        execute("BEGIN IMMEDIATE")
        try:
            place = (asked.qty, asked.store_id, asked.sku, asked.created_ms)
            # All rows are fetched, so that the statement is done before the transaction is.
            rows = execute(_HOLD, place).fetchall()
            if rows:
                execute(_KEEP, asked)
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise
        return Stock(*rows[0]) if rows else None

    async def reservations(self) -> int:
        (count,) = self.database.execute("SELECT count(*) FROM reservation").fetchone()
        return int(count)

    async def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown()
        self.database.close()


if __name__ == "__main__":
    port, path, variant = sys.argv[1:]
    shop = SqliteShop(Path(path), variant)
    serve(make_app(shop, STORE, [sku(number) for number in range(SKUS)], ON_HAND), int(port), "on")
