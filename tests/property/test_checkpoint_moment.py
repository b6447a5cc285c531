"""A checkpoint is exactly the state at its cursor, whatever is committed while it is being made.

Commits, steps of a checkpoint, failures and restarts come in any order. What is loaded from the
disk is compared with a replay of everything that was committed up to the checkpoint's cursor.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from holdfast.domain.records import (
    KEY,
    REFUSAL,
    RESERVATION,
    SOURCE,
    STOCK,
    STORE,
    TABLES,
    Change,
    Key,
    Line,
    Outcome,
    Refusal,
    RememberedKey,
    Reservation,
    Source,
    StockRecord,
    Store,
)
from holdfast.domain.state import State
from holdfast.journal import Checkpoint, Checkpoints, Cursor
from holdfast.journal.checkpoint import Unfinished
from holdfast.ledger.shards import ShardFile, Shards, Steps
from tests.unit.journal.simulated_disk import SimulatedDisk

FOLDER = Path("/t/state")
SHARD_MAX = 4
NAMES = st.sampled_from([f"{letter}{digit}" for letter in "ABC" for digit in "0123456789"])
TIMES = st.integers(0, 60)
Tables = dict[str, dict[Key, Any]]


def stock(store: str, sku: str, number: int) -> Change:
    record = StockRecord(store, sku, number, 0, False, None, None, 1 + number, number)
    return STOCK, record.key, record


def reservation(name: str, number: int, kept_until: int | None) -> Change:
    lines = (Line("A", 1 + number),)
    ended = None if kept_until is None else number
    status = "active" if kept_until is None else "confirmed"
    held = Reservation(name, "S", None, status, lines, number, None, ended, kept_until, 1)
    return RESERVATION, held.key, held


def remembered(name: str, number: int, expires_at: int) -> Change:
    record = RememberedKey("me", name, str(number), expires_at, Outcome())
    return KEY, ("me", name), record


def refusal(name: str, number: int) -> Change:
    return REFUSAL, (name, f"{number:016d}"), Refusal(name, number, "no", name)


NUMBERS = st.integers(0, 1000)
CHANGES = st.one_of(
    st.builds(stock, st.sampled_from(["S", "T"]), NAMES, NUMBERS),
    st.builds(reservation, NAMES, NUMBERS, st.none() | TIMES),
    st.builds(remembered, NAMES, NUMBERS, TIMES),
    st.builds(refusal, NAMES, NUMBERS),
    st.builds(lambda name, number: (SOURCE, (name,), Source(name, number, 0)), NAMES, NUMBERS),
    st.builds(lambda name, number: (STORE, (name,), Store(name, number)), NAMES, NUMBERS),
)


def tables_of(state: State) -> Tables:
    return {name: dict(state.records(table)) for name, table in TABLES.items()}


def loaded(checkpoint: Checkpoint) -> tuple[State, Shards]:
    state, shards = State(), Shards(SHARD_MAX)
    for name, content in checkpoint.shards():
        for change in shards.load(name, content):
            state.put(change)
    return state, shards


class CheckpointMachine(RuleBasedStateMachine):
    """A state that goes on while checkpoints of it are begun, made, dropped and finished."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = SimulatedDisk()
        #: Of each event, from the first: its changes and its time.
        self.events: list[tuple[list[Change], int]] = []
        self.state, self.shards = State(), Shards(SHARD_MAX)
        self.checkpoints = Checkpoints(FOLDER, self.disk)
        self.checkpoints.load()
        self.making: tuple[Unfinished, Steps] | None = None
        self.saved: int | None = None

    @rule(changes=st.lists(CHANGES, min_size=1, max_size=12), passed=st.integers(0, 9))
    def commit(self, changes: list[Change], passed: int) -> None:
        ts = passed + (self.events[-1][1] if self.events else 0)
        self.events.append((changes, ts))
        self.state.apply(changes, ts)

    @precondition(lambda self: self.making is None)
    @rule()
    def begin(self) -> None:
        if self.checkpoints.is_first:
            self.shards.change_all()
        steps = self.shards.save(self.state)
        cursor = Cursor(len(self.events), bytes(16))
        self.making = self.checkpoints.begin(cursor), steps

    @precondition(lambda self: self.making is not None)
    @rule(count=st.integers(1, 12))
    def take_steps(self, count: int) -> None:
        assert self.making is not None
        unfinished, steps = self.making
        for _ in range(count):
            put(unfinished, next(steps, None))

    @precondition(lambda self: self.making is not None)
    @rule()
    def finish(self) -> None:
        assert self.making is not None
        unfinished, steps = self.making
        for file in steps:
            put(unfinished, file)
        self.checkpoints.finish(unfinished)
        self.shards.saved()
        self.saved = unfinished.cursor.sequence
        self.making = None

    @precondition(lambda self: self.making is not None)
    @rule()
    def fail(self) -> None:
        self.making = None

    @rule()
    def die_and_start_again(self) -> None:
        self.making = None
        self.disk = self.disk.power_cut()
        self.checkpoints = Checkpoints(FOLDER, self.disk)
        checkpoint = self.checkpoints.load()
        self.state, self.shards = State(), Shards(SHARD_MAX)
        if checkpoint is not None:
            self.state, self.shards = loaded(checkpoint)
        for changes, ts in self.events[self.saved or 0 :]:
            self.state.apply(changes, ts)

    @invariant()
    def the_newest_checkpoint_is_a_replay_to_its_cursor(self) -> None:
        checkpoint = Checkpoints(FOLDER, self.disk).load()
        assert (None if checkpoint is None else checkpoint.cursor.sequence) == self.saved
        if checkpoint is None:
            return
        replayed = State()
        for changes, ts in self.events[: checkpoint.cursor.sequence]:
            replayed.apply(changes, ts)
        state, _ = loaded(checkpoint)
        assert tables_of(state) == tables_of(replayed)
        demand_small_shards_without_repetition(checkpoint)

    @invariant()
    def the_state_itself_is_not_disturbed(self) -> None:
        replayed = State()
        for changes, ts in self.events:
            replayed.apply(changes, ts)
        assert tables_of(self.state) == tables_of(replayed)


def put(unfinished: Unfinished, file: ShardFile | None) -> None:
    if file is not None:
        unfinished.put(file.name, file.content)


def demand_small_shards_without_repetition(checkpoint: Checkpoint) -> None:
    seen: Counter[tuple[str, Key]] = Counter()
    for name, content in checkpoint.shards():
        keys = [(table.name, key) for table, key, _ in Shards().load(name, content)]
        assert 0 < len(keys) <= SHARD_MAX
        seen.update(keys)
    assert not seen or max(seen.values()) == 1


def test_a_checkpoint_is_the_state_at_its_cursor_whatever_is_committed_meanwhile() -> None:
    run_state_machine_as_test(
        CheckpointMachine, settings=settings(max_examples=150, stateful_step_count=40)
    )


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_long_lives_of_checkpoints() -> None:
    run_state_machine_as_test(
        CheckpointMachine, settings=settings(max_examples=5000, stateful_step_count=100)
    )
