"""Records as the readable JSON of a checkpoint, and the shard in which each of them lives.

A shard is the unit that a checkpoint writes again or leaves alone. Its name depends on the key
only, so that a record never moves.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zlib import crc32

from holdfast.domain.events import (
    reservation_from_json,
    reservation_json,
    stock_from_json,
    stock_json,
)
from holdfast.domain.records import (
    KEY,
    REFUSAL,
    RESERVATION,
    SOURCE,
    STOCK,
    STORE,
    Json,
    Key,
    Outcome,
    Refusal,
    RememberedKey,
    Source,
    Store,
)
from holdfast.domain.values import instant_ms, instant_text

STOCK_SHARDS_PER_STORE: Final = 8
HASHED_SHARDS: Final = 16
#: Leading digits of a UUIDv7 that name about 17 minutes: reservations of one time share a shard.
_ID_PREFIX: Final = 7


class TableCodec(NamedTuple):
    """How the records of one table are written, read, and spread over shards."""

    write: Callable[[Key, Any], Json]
    read: Callable[[Json], tuple[Key, Any]]
    #: The shard's name, which begins with the table's.
    shard: Callable[[Key], str]


@lru_cache(maxsize=65_536)
def _stock_shard(key: Key) -> str:
    store_id, sku = key
    return f"{STOCK.name}/{store_id}.{crc32(sku.encode()) % STOCK_SHARDS_PER_STORE}"


def _hashed(key: Key, shards: int) -> int:
    return crc32(key[-1].encode()) % shards


def _read_stock(raw: Json) -> tuple[Key, Any]:
    record = stock_from_json(raw)
    return record.key, record


def _read_reservation(raw: Json) -> tuple[Key, Any]:
    reservation = reservation_from_json(raw)
    return reservation.key, reservation


@lru_cache(maxsize=64)
def _reservation_shard(id_prefix: str) -> str:
    plain = id_prefix.isalnum() and id_prefix.isascii()
    return f"{RESERVATION.name}/{id_prefix if plain else 'other'}"


def _write_key(_: Key, record: RememberedKey) -> Json:
    outcome = record.outcome
    return {
        "caller": record.caller,
        "key": record.key,
        "fingerprint": record.fingerprint,
        "expiresAt": instant_text(record.expires_at),
        "stock": [stock_json(each) for each in outcome.stock],
        "reservations": [reservation_json(each) for each in outcome.reservations],
        "existing": outcome.existing,
    }


def _read_key(raw: Json) -> tuple[Key, Any]:
    outcome = Outcome(
        tuple(map(stock_from_json, raw["stock"])),
        tuple(map(reservation_from_json, raw["reservations"])),
        raw["existing"],
    )
    record = RememberedKey(
        raw["caller"], raw["key"], raw["fingerprint"], instant_ms(raw["expiresAt"]), outcome
    )
    return (record.caller, record.key), record


def _read_source(raw: Json) -> tuple[Key, Any]:
    return (raw["name"],), Source(**raw)


def _read_refusal(raw: Json) -> tuple[Key, Any]:
    return (raw["source"], f"{raw['line']:016d}"), Refusal(**raw)


def _write_store(_: Key, record: Store) -> Json:
    return {"storeId": record.store_id, "createdAt": instant_text(record.created_at)}


def _read_store(raw: Json) -> tuple[Key, Any]:
    return (raw["storeId"],), Store(raw["storeId"], instant_ms(raw["createdAt"]))


CODECS: Final[dict[str, TableCodec]] = {
    STOCK.name: TableCodec(
        lambda _, record: stock_json(record),
        _read_stock,
        _stock_shard,
    ),
    RESERVATION.name: TableCodec(
        lambda _, record: reservation_json(record),
        _read_reservation,
        lambda key: _reservation_shard(key[0][:_ID_PREFIX]),
    ),
    KEY.name: TableCodec(
        _write_key, _read_key, lambda key: f"{KEY.name}/{_hashed(key, HASHED_SHARDS)}"
    ),
    SOURCE.name: TableCodec(
        lambda _, record: record._asdict(), _read_source, lambda _: f"{SOURCE.name}/all"
    ),
    REFUSAL.name: TableCodec(
        lambda _, record: record._asdict(), _read_refusal, lambda key: f"{REFUSAL.name}/{key[0]}"
    ),
    STORE.name: TableCodec(_write_store, _read_store, lambda _: f"{STORE.name}/all"),
}
