import asyncio
from collections import Counter
from itertools import islice
from pathlib import Path

import orjson
import pytest

from bench import journal_maker
from bench.journal_maker import events, mixed, write
from bench.replay import parse
from holdfast.domain.records import STOCK
from holdfast.journal import Cursor, OsDisk
from holdfast.ledger.opening import load_tenant
from holdfast.tenancy import DEFAULT_TENANT


def made(seed: int, size: int) -> list[bytes]:
    return list(islice(events(mixed(seed)), size))


def written(folder: Path, jsons: list[bytes]) -> Cursor:
    return asyncio.run(write(folder, iter(jsons)))


def test_the_same_seed_makes_the_same_journal_and_another_seed_another(tmp_path: Path) -> None:
    ends = [
        written(tmp_path / name, made(seed, 300)) for name, seed in (("a", 7), ("b", 7), ("c", 8))
    ]
    assert ends[0] == ends[1] != ends[2]


def test_a_day_of_the_chain_has_all_that_happens_in_one(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(journal_maker, "STORES", 2)
    monkeypatch.setattr(journal_maker, "_TTL_MS", 5_000)
    day = made(seed, 5_000)
    kinds = Counter(orjson.loads(json)["type"] for json in day)
    assert kinds.keys() >= {
        "StockReserved",
        "ReservationConfirmed",
        "ReservationCancelled",
        "ReservationExpired",
        "StockReceived",
        "StockShipped",
        "StockAdjusted",
        "StockCounted",
        "StockTransferred",
    }


def test_what_is_made_can_be_recovered_and_every_line_of_it_is_parsed(tmp_path: Path) -> None:
    written(tmp_path, made(1, 500))
    tenant = tmp_path / "tenants" / DEFAULT_TENANT
    loaded = load_tenant(tenant, DEFAULT_TENANT, OsDisk())
    _, lines = parse(tenant / "journal")
    assert loaded.recovered.cursor.sequence == lines == 500
    assert len(loaded.state.records(STOCK)) == 500
