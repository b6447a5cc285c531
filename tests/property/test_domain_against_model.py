"""The pure business against a plain model, decision by decision, with replay at every step."""

import json
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from holdfast.domain.commands import Action, Command, ExpireReservation, LiftOut
from holdfast.domain.decide import RefusedRow, decide
from holdfast.domain.events import Event, event_from_json, event_json
from holdfast.domain.evolve import evolve
from holdfast.domain.records import (
    LOW_STOCK,
    ORDER,
    RESERVATION,
    STOCK,
    TABLES,
    Key,
    Outcome,
    RecordT,
    StockRecord,
    Table,
)
from holdfast.domain.rejections import Rejected
from holdfast.domain.state import State
from tests.support.kitchen_machine import KitchenMachine, demand_same_kitchen
from tests.support.opened import Tables, demand_rising, demand_sound, full
from tests.support.shop_machine import RETENTION_MS, known_hold, plain_hold, plain_stock
from tests.support.steps import Step, command_of


class Records:
    """State with the look ahead that decisions need, found by looking at everything."""

    def __init__(self) -> None:
        self.state = State()

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        return self.state.get(table, key)

    def open_reservation(self, store_id: str, sku: str, user_id: str) -> str | None:
        wanted = ("active", store_id, user_id, [sku])
        for name, each in self.state.records(RESERVATION).items():
            skus = [line.sku for line in each.lines]
            found = (each.status, each.store_id, each.user_id, skus)
            if found == wanted and self.get(ORDER, name) is None:
                return name[0]
        return None

    def next_release(self, store_id: str, sku: str) -> int | None:
        return min(
            (
                each.expires_at
                for each in self.state.records(RESERVATION).values()
                if each.status == "active" and each.expires_at is not None
                if each.store_id == store_id and sku in {line.sku for line in each.lines}
            ),
            default=None,
        )

    @property
    def thresholds(self) -> Mapping[str, int]:
        return self.state.thresholds

    def each(self, table: Table[RecordT]) -> Iterable[RecordT]:
        return list(self.state.records(table).values())

    def stock_of_sku(self, sku: str) -> Iterable[StockRecord]:
        return [each for each in self.each(STOCK) if each.sku == sku]

    def stock_of_store(self, store_id: str) -> Iterable[StockRecord]:
        return [each for each in self.each(STOCK) if each.store_id == store_id]

    def first_due(self, now: int) -> Action | None:
        holds = [
            (each.expires_at, "reservations", each.key)
            for each in self.state.records(RESERVATION).values()
            if each.status == "active" and each.expires_at is not None and each.expires_at <= now
        ]
        lifts = [
            (each.out_until, "stock", each.key)
            for each in self.state.records(STOCK).values()
            if each.out_until is not None and each.out_until <= now
        ]
        if not holds and not lifts:
            return None
        _, table, key = min([*holds, *lifts])
        return ExpireReservation(key[0]) if table == "reservations" else LiftOut(key[0], key[1])


class DomainMachine(KitchenMachine):
    def __init__(self) -> None:
        super().__init__()
        self.records = Records()
        self.events: list[Event] = []

    def decided(self, asked: Step) -> Outcome | Rejected:
        now = self.clock.wall_ms()
        while (due := self.records.first_due(now)) is not None:
            written = Command(due, "own", "system", "deadline", retention_ms=RETENTION_MS)
            self._decide(written, now)
        return self._decide(command_of(asked, retention_ms=RETENTION_MS), now)

    def low(self) -> dict[Key, str]:
        return {key: low.alert_id for key, low in self.records.state.records(LOW_STOCK).items()}

    def _decide(self, command: Command, now: int) -> Outcome | Rejected:
        try:
            event = decide(self.records, command, len(self.events) + 1, now)
        except Rejected as no:
            return no
        if isinstance(event, Outcome):
            return event
        if isinstance(event, RefusedRow):
            event = event.event
        assert event.ts == now
        self.events.append(event)
        self.records.state.apply(evolve(self.records, event), event.ts)
        return event.outcome

    @invariant()
    def stock_covers_what_is_reserved(self) -> None:
        demand_sound({name: self.records.state.records(table) for name, table in TABLES.items()})

    @invariant()
    def the_model_agrees(self) -> None:
        if self.records.first_due(self.clock.wall_ms()) is not None:
            return
        state = self.records.state
        assert {
            key: plain_stock(each) for key, each in state.records(STOCK).items()
        } == self.model.stock
        assert {key[0]: plain_hold(each) for key, each in state.records(RESERVATION).items()} == {
            name: known_hold(hold) for name, hold in self.model.holds.items()
        }
        assert {key: each.expires_at for key, each in state.records(TABLES["keys"]).items()} == {
            key: remembered[1] for key, remembered in self.model.keys.items()
        }
        demand_same_kitchen(self.model, tables(state))
        assert len(self.events) == self.model.events

    def teardown(self) -> None:
        """Replay the log as it would be read from disk: it must give the same state."""
        replay = Records()
        for event in self.events:
            read = event_from_json(json.loads(json.dumps(event_json(event))))
            assert read == event
            replay.state.apply(evolve(replay, read), read.ts)
        assert tables(replay.state) == tables(self.records.state)
        demand_rising(self.events)


def tables(state: State) -> Tables:
    return full({name: dict(state.records(table)) for name, table in TABLES.items()})


def test_every_decision_is_the_models_and_replay_gives_the_same_state() -> None:
    run_state_machine_as_test(
        DomainMachine, settings=settings(max_examples=150, stateful_step_count=40)
    )


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_long_histories_of_decisions_are_the_models() -> None:
    run_state_machine_as_test(
        DomainMachine, settings=settings(max_examples=3000, stateful_step_count=80)
    )
