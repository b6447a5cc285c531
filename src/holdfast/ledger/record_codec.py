"""Records as the readable JSON of a checkpoint, and where among the others each of them stands."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from holdfast.domain.events import (
    reservation_from_json,
    reservation_json,
    stock_from_json,
    stock_json,
)
from holdfast.domain.record_json import FORMS, Form, add_records, take_records
from holdfast.domain.records import (
    KEY,
    REFUSAL,
    RESERVATION,
    SOURCE,
    STOCK,
    Json,
    Key,
    Outcome,
    Refusal,
    RememberedKey,
    Source,
)
from holdfast.domain.values import instant_ms, instant_text


def _one_group(_: Key) -> str:
    return "all"


def _key_itself(key: Key, _: object) -> Key:
    return key


def _rank_itself(rank: Key) -> Key:
    return rank


class TableCodec(NamedTuple):
    """How the records of one table are written and read, and in which order they stand in files.

    A record's rank is a tuple of texts like a key, and contains its key.
    """

    write: Callable[[Any], Json]
    read: Callable[[Json], tuple[Key, Any]]
    #: Records of one group share their files with no other group.
    group: Callable[[Key], str] = _one_group
    rank: Callable[[Key, Any], Key] = _key_itself
    #: The key of the record that has a rank.
    key: Callable[[Key], Key] = _rank_itself


@lru_cache(maxsize=16_384)
def _shared(text: str) -> str:
    """Return one object for equal texts: every store has the same SKUs."""
    return text


def _read_stock(raw: Json) -> tuple[Key, Any]:
    raw["storeId"], raw["sku"] = _shared(raw["storeId"]), _shared(raw["sku"])
    record = stock_from_json(raw)
    return (record.store_id, record.sku), record


def _read_reservation(raw: Json) -> tuple[Key, Any]:
    reservation = reservation_from_json(raw)
    return reservation.key, reservation


def _write_key(record: RememberedKey) -> Json:
    outcome = record.outcome
    written: dict[str, Json] = {
        "caller": record.caller,
        "key": record.key,
        "fingerprint": record.fingerprint,
        "expiresAt": instant_text(record.expires_at),
        "stock": [stock_json(each) for each in outcome.stock],
        "reservations": [reservation_json(each) for each in outcome.reservations],
        "existing": outcome.existing,
    }
    if outcome.records:
        add_records(written, outcome.records)
    return written


def _read_key(raw: Json) -> tuple[Key, Any]:
    outcome = Outcome(
        tuple(map(stock_from_json, raw["stock"])),
        tuple(map(reservation_from_json, raw["reservations"])),
        raw["existing"],
        records=take_records(raw),
    )
    record = RememberedKey(
        raw["caller"], raw["key"], raw["fingerprint"], instant_ms(raw["expiresAt"]), outcome
    )
    return (record.caller, record.key), record


def _read_source(raw: Json) -> tuple[Key, Any]:
    return (raw["name"],), Source(**raw)


def _read_refusal(raw: Json) -> tuple[Key, Any]:
    return (raw["source"], f"{raw['line']:016d}"), Refusal(**raw)


def _plain(form: Form) -> TableCodec:
    def read(raw: Json) -> tuple[Key, Any]:
        record = form.read(raw)
        return record.key, record

    return TableCodec(form.write, read)


def _rank_of_key(key: Key, record: RememberedKey) -> Key:
    """Remembered keys stand in the order in which they end, so that whole shards end."""
    return (f"{record.expires_at:015d}", *key)


CODECS: Final[dict[str, TableCodec]] = {
    STOCK.name: TableCodec(stock_json, _read_stock, group=lambda key: key[0]),
    RESERVATION.name: TableCodec(reservation_json, _read_reservation),
    KEY.name: TableCodec(_write_key, _read_key, rank=_rank_of_key, key=lambda rank: rank[1:]),
    SOURCE.name: TableCodec(Source._asdict, _read_source),
    REFUSAL.name: TableCodec(Refusal._asdict, _read_refusal),
    **{name: _plain(form) for name, form in FORMS.items()},
}
