"""Which files a checkpoint makes, and how much of it happens in one step."""

import random
from itertools import count
from typing import Any

import orjson
import pytest

from holdfast.domain.records import (
    KEY,
    RESERVATION,
    STOCK,
    Change,
    Key,
    Line,
    Outcome,
    RememberedKey,
    Reservation,
    StockRecord,
)
from holdfast.domain.state import State
from holdfast.ledger import shards
from holdfast.ledger.shards import Shards

SHARD_MAX = 8


def stock(store: str, sku: str, on_hand: int = 1) -> Change:
    record = StockRecord(store, sku, on_hand, 0, False, None, None, 1, 0)
    return STOCK, record.key, record


def reservation(name: str) -> Change:
    held = Reservation(name, "S", None, "active", (Line("A", 1),), 0, None, None, None, 1)
    return RESERVATION, held.key, held


def remembered(name: str, expires_at: int) -> Change:
    return KEY, ("me", name), RememberedKey("me", name, "", expires_at, Outcome())


class Folder:
    """What a folder of checkpoints would hold of a state."""

    def __init__(self) -> None:
        self.state = State()
        self.shards = Shards(SHARD_MAX)
        self.files: dict[str, bytes] = {}

    def commit(self, *changes: Change, ts: int = 0) -> None:
        self.state.apply(list(changes), ts)

    def save(self) -> dict[str, bytes | None]:
        """Make a checkpoint; returns the files that it made or took away."""
        made = {file.name: file.content for file in self.shards.save(self.state) if file}
        self.shards.saved()
        for name, content in made.items():
            if content is None:
                self.files.pop(name, None)
            else:
                self.files[name] = content
        return made

    def key_runs(self) -> list[list[Key]]:
        """The keys of each file, in the order of the files' first keys."""
        read = Shards()
        return sorted(
            [key for _, key, _ in read.load(name, content)] for name, content in self.files.items()
        )


def test_only_shards_with_a_changed_record_are_made_again() -> None:
    folder = Folder()
    folder.commit(*(stock(store, f"{sku:02d}") for store in "ST" for sku in range(40)))
    assert len(folder.save()) >= 10
    folder.commit(stock("S", "17", on_hand=2))
    (made,) = folder.save().items()
    name, content = made
    assert name.startswith("stock/S.")
    assert content is not None
    assert {raw["sku"]: raw["onHand"] for raw in orjson.loads(content)}["17"] == 2
    assert folder.save() == {}


def test_a_record_that_was_put_again_as_it_was_makes_no_file() -> None:
    folder = Folder()
    folder.commit(stock("S", "A"))
    folder.save()
    folder.commit(stock("S", "A"))
    assert folder.save() == {}


def test_new_reservations_leave_the_shards_of_old_ones_alone() -> None:
    folder = Folder()
    numbers = count()
    for _ in range(6):
        folder.commit(*(reservation(f"{next(numbers):04d}") for _ in range(50)))
        old = dict(folder.files)
        made = folder.save()
        # At most the newest one of before had room for more.
        assert len(set(made) & set(old)) <= 1
        assert all(made.values())


def test_remembered_keys_end_in_whole_shards() -> None:
    folder = Folder()
    for number in range(40):
        folder.commit(remembered(f"k{number * 7 % 40:02d}", 1_000 + number))
    before = folder.save()
    for _ in range(2):
        folder.commit(ts=1_019)
    made = folder.save()
    assert list(made.values()).count(None) >= len(before) // 3
    left = sum(content is not None for content in made.values())
    assert left <= 1
    assert sorted(key for keys in folder.key_runs() for key in keys) == sorted(
        folder.state.records(KEY)
    )


@pytest.mark.parametrize("order", ["rising", "falling", "random"])
def test_records_are_found_in_one_shard_each_in_whatever_order_they_came(
    order: str, seed: int
) -> None:
    names = [f"{number:03d}" for number in range(200)]
    if order == "falling":
        names.reverse()
    elif order == "random":
        random.Random(seed).shuffle(names)
    folder = Folder()
    for start in range(0, len(names), 25):
        folder.commit(*(stock("S", name) for name in names[start : start + 25]))
        folder.save()
    for name in names:
        folder.commit(stock("S", name, on_hand=2))
        assert len(folder.save()) == 1
    shards = folder.key_runs()
    assert [key for keys in shards for key in keys] == sorted(folder.state.records(STOCK))
    assert all(len(keys) <= SHARD_MAX for keys in shards)
    assert len(shards) <= 2 * len(names) // (SHARD_MAX // 2)
    records: list[Any] = [raw for content in folder.files.values() for raw in orjson.loads(content)]
    assert {raw["onHand"] for raw in records} == {2}


def test_empty_shards_leave_nothing_behind() -> None:
    folder = Folder()
    for first in range(0, 200, 20):
        folder.commit(*(remembered(f"k{n}", 100 + n) for n in range(first, first + 20)))
        folder.save()
    for _ in range(20):
        folder.commit(ts=1_000)
    folder.save()
    assert folder.files == {}
    assert [len(group.shards) for group in folder.shards._groups.values()] == [0]


def test_a_step_is_short_however_much_there_is_to_do() -> None:
    folder = Folder()
    folder.shards = Shards()
    folder.commit(*(stock("S", f"{number:05d}") for number in range(5_000)))
    steps = sum(1 for _ in folder.shards.save(folder.state))
    # Every record is placed once and encoded once.
    assert steps >= 2 * 5_000 // 32


def test_keys_that_remember_much_make_many_small_files_in_small_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = tuple(
        StockRecord("S", f"{number:04d}", 1, 0, False, None, None, 1, 0) for number in range(100)
    )
    folder = Folder()
    folder.shards = Shards()
    folder.commit(
        *(
            (KEY, ("me", str(n)), RememberedKey("me", str(n), "", n, Outcome(rows)))
            for n in range(1_000, 1_200)
        )
    )
    monkeypatch.setattr(shards, "SHARD_BYTES_MAX", 100_000)
    steps = list(folder.shards.save(folder.state))
    folder.shards.saved()
    for file in filter(None, steps):
        assert file.content is not None
        folder.files[file.name] = file.content
    sizes = [len(content) for content in folder.files.values()]
    one = sum(sizes) // 200
    assert max(sizes) < 100_000 + 2 * one
    assert len(steps) >= sum(sizes) // (shards._STEP_BYTES + one)
    assert [key for run in folder.key_runs() for key in run] == sorted(folder.state.records(KEY))


def test_saves_that_fail_early_again_and_again_keep_one_record_of_each_key() -> None:
    folder = Folder()
    folder.commit(stock("S", "A"))
    folder.save()
    for on_hand in range(2, 30):
        folder.commit(stock("S", "A", on_hand))
        folder.shards.save(folder.state)  # No step is taken.
    assert sum(map(len, folder.shards._unranked.values())) == 1
    folder.commit(stock("S", "B"))
    (content,) = folder.save().values()
    assert content is not None
    assert [(raw["sku"], raw["onHand"]) for raw in orjson.loads(content)] == [("A", 29), ("B", 1)]
