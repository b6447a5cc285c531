"""The past of the ledger in memory: its whole log, replayed for every question."""

from collections.abc import Callable

import orjson

from holdfast.domain.events import Event, event_from_json
from holdfast.domain.evolve import evolve
from holdfast.domain.records import ALERT, ITEM, LOW_STOCK, STOCK, StockRecord
from holdfast.domain.rejections import invalid
from holdfast.domain.state import State
from holdfast.ledger.explain import explain_from
from holdfast.ledger.past_values import AsOf, Explanation, Scope
from holdfast.ledger.port import LoggedEvent, Past, Reading

MakeReading = Callable[[State, int], Reading]


class MemoryPast(Past):
    """See the module."""

    def __init__(
        self, log: list[LoggedEvent], now: Callable[[], int], reading: MakeReading
    ) -> None:
        self._log = log
        self._now = now
        self._reading = reading

    async def read(self, as_of: AsOf, scope: Scope) -> Reading:
        return self._at(self._sequence(as_of))

    async def read_reservation(self, as_of: AsOf, reservation_id: str) -> Reading:
        return self._at(self._sequence(as_of))

    async def read_dish(self, as_of: AsOf, dish_id: str) -> Reading:
        return self._at(self._sequence(as_of))

    async def explain(self, store_id: str, sku: str, as_of: AsOf | None) -> Explanation | None:
        sequence = len(self._log) if as_of is None else self._sequence(as_of)
        reading = self._at(sequence)
        record = reading.get(STOCK, (store_id, sku))
        if record is None:
            return None
        at = self._now() if as_of is None else as_of.at or self._event(sequence).ts
        events = [each.json for each in self._log[:sequence][::-1]]
        told = explain_from(record, sequence, at, events)
        low = reading.get(LOW_STOCK, record.key) if as_of is None else None
        alert = None if low is None else reading.get(ALERT, (low.alert_id,))
        return told._replace(item=reading.get(ITEM, (sku,)), alert=alert)

    def _event(self, sequence: int) -> Event:
        return event_from_json(orjson.loads(self._log[sequence - 1].json))

    def _at(self, sequence: int) -> Reading:
        state = State()
        for number in range(1, sequence + 1):
            event = self._event(number)
            state.apply(evolve(state, event), event.ts)
        return self._reading(state, sequence)

    def _sequence(self, as_of: AsOf) -> int:
        ahead = invalid("#/query/asOf", "asOf lies ahead.")
        if as_of.sequence is not None:
            if as_of.sequence > len(self._log):
                raise ahead
            return as_of.sequence
        at = as_of.at or 0
        if at > self._now():
            raise ahead
        sequence = 0
        while sequence < len(self._log) and self._belongs(sequence + 1, at):
            sequence += 1
        return sequence

    def _belongs(self, sequence: int, at: int) -> bool:
        event = self._event(sequence)
        if event.ts <= at:
            return True
        if event.type == "ReservationExpired":
            return (event.reservations[0].expires_at or 0) <= at
        if event.facts.get("due"):
            before = self._at(sequence - 1).get(STOCK, event.stock[0].key)
            return isinstance(before, StockRecord) and (before.out_until or 0) <= at
        return False
