"""A desk at which commands are decided one after the other, on state in memory."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, Final

import pytest

from holdfast.domain.commands import (
    Action,
    Command,
    Idempotency,
    ReceiveStock,
    ReserveStock,
    SourceLine,
)
from holdfast.domain.decide import RefusedRow, decide
from holdfast.domain.events import Event
from holdfast.domain.evolve import evolve
from holdfast.domain.records import (
    ALERT,
    ORDER,
    RESERVATION,
    STOCK,
    Alert,
    Key,
    Line,
    Order,
    Outcome,
    RecordT,
    Reservation,
    StockRecord,
    Table,
)
from holdfast.domain.rejections import Rejected
from holdfast.domain.state import State

#: 2026-11-20T08:00:00.000Z
NOW: Final = 1_795_161_600_000
DAY_MS: Final = 24 * 3600 * 1000


class Desk:
    """Decides at `now`; what is decided is in force at once."""

    def __init__(self) -> None:
        self.state = State()
        self.now = NOW
        self.events: list[Event] = []
        self.releases: dict[tuple[str, str], int] = {}
        self._numbers = count(1)

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        return self.state.get(table, key)

    def next_release(self, store_id: str, sku: str) -> int | None:
        return self.releases.get((store_id, sku))

    def open_reservation(self, store_id: str, sku: str, user_id: str) -> str | None:
        """Look at every reservation; the oldest comes first."""
        wanted = ("active", store_id, user_id, [sku])
        for name, each in self.state.records(RESERVATION).items():
            skus = [line.sku for line in each.lines]
            found = (each.status, each.store_id, each.user_id, skus)
            if found == wanted and self.get(ORDER, name) is None:
                return name[0]
        return None

    @property
    def thresholds(self) -> Mapping[str, int]:
        return self.state.thresholds

    def each(self, table: Table[RecordT]) -> Iterable[RecordT]:
        return list(self.state.records(table).values())

    def stock_of_sku(self, sku: str) -> Iterable[StockRecord]:
        return [each for each in self.each(STOCK) if each.sku == sku]

    def stock_of_store(self, store_id: str) -> Iterable[StockRecord]:
        return [each for each in self.each(STOCK) if each.store_id == store_id]

    def command(self, action: Action, **origin: Any) -> Command:
        number = next(self._numbers)
        return Command(action, f"e{number}", origin.pop("actor", "clerk"), f"q{number}", **origin)

    def do(self, action: Action, **origin: Any) -> Outcome:
        """Decide, and put what is decided in force; returns the answer."""
        event = decide(self, self.command(action, **origin), len(self.events) + 1, self.now)
        if isinstance(event, Outcome):
            return event
        if isinstance(event, RefusedRow):
            event = event.event
        self.events.append(event)
        self.state.apply(evolve(self, event), event.ts)
        return event.outcome

    def refused(self, action: Action, **origin: Any) -> Rejected:
        """Decide, and demand that the answer is no and that nothing was written."""
        before = len(self.events)
        with pytest.raises(Rejected) as refusal:
            self.do(action, **origin)
        assert len(self.events) == before
        assert refusal.value.detail == str(refusal.value)
        return refusal.value

    @property
    def last(self) -> Event:
        return self.events[-1]

    def stock(self, sku: str = "A", store: str = "S") -> StockRecord:
        record = self.state.get(STOCK, (store, sku))
        assert record is not None
        return record

    def alerts(self, sku: str = "A", store: str = "S") -> list[Alert]:
        """The alerts of a SKU in a store, oldest first."""
        found = [each for each in self.each(ALERT) if (each.sku, each.store_id) == (sku, store)]
        return sorted(found, key=lambda alert: alert.opened_at)

    def order(self, name: str = "o1") -> Order:
        order = self.state.get(ORDER, (name,))
        assert order is not None
        return order

    def hold(self, name: str = "r1") -> Reservation:
        reservation = self.state.get(RESERVATION, (name,))
        assert reservation is not None
        return reservation


def stocked(**levels: int) -> Desk:
    """A desk in whose store S there is so much of each SKU."""
    desk = Desk()
    for sku, qty in levels.items():
        desk.do(ReceiveStock("S", sku, qty))
    return desk


def reserve(
    *lines: tuple[str, int],
    name: str = "r1",
    user: str | None = None,
    ttl: int | None = 60_000,
    **more: Any,
) -> ReserveStock:
    return ReserveStock(name, "S", user, tuple(Line(*line) for line in lines), ttl, **more)


def key(name: str = "k", fingerprint: str = "f", ttl: int = 60_000) -> dict[str, Idempotency]:
    return {"idempotency": Idempotency(name, fingerprint, ttl)}


def row(line: int, after: int, name: str = "load") -> dict[str, SourceLine]:
    return {"source": SourceLine(name, after, line)}
