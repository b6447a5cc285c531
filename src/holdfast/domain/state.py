"""A tenant's state in memory: tables of records, and the forgetting of what has had its time.

State is a function of the journal alone. Forgetting is part of it: it goes by the time of the
event that is being applied, in an order and with a bound that depend on the records only, so a
replay, or a start from a checkpoint, forgets exactly what the live service forgot.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from holdfast.domain.records import (
    KEY,
    RESERVATION,
    TABLES,
    Change,
    Key,
    RecordT,
    Table,
)

#: Records forgotten at one event, at most: a bound on the work that one command can cause.
FORGOTTEN_PER_EVENT_MAX: Final = 16

_FORGET_AT: Final[Mapping[str, Callable[[Any], int | None]]] = {
    KEY.name: lambda remembered: remembered.expires_at,
    RESERVATION.name: lambda reservation: reservation.kept_until,
}


class State:
    """All records of one tenant after some event."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Key, Any]] = {}
        self._forgetting: list[tuple[int, str, Key]] = []

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """Return the record of that key, or None."""
        records = self._tables.get(table.name)
        return None if records is None else records.get(key)

    def records(self, table: Table[RecordT]) -> Mapping[Key, RecordT]:
        """Return the whole table; it changes with the state, so do not hold it across awaits."""
        return self._tables.setdefault(table.name, {})

    def changes(self) -> Iterator[Change]:
        """Return the changes that build this state from nothing."""
        for name, records in self._tables.items():
            for key, record in records.items():
                yield TABLES[name], key, record

    def apply(self, changes: list[Change], ts: int) -> list[Change]:
        """Put the records of one event, then forget what is due at its time.

        Returns:
            What was forgotten, as changes.
        """
        for change in changes:
            self.put(change)
        if self._forgetting and self._forgetting[0][0] <= ts:
            return self._forget(ts)
        return []

    def put(self, change: Change) -> None:
        """Put one record in its place, or take it away."""
        table, key, record = change
        records = self._tables.get(table.name)
        if records is None:
            records = self._tables[table.name] = {}
        if record is None:
            records.pop(key, None)
            return
        records[key] = record
        forget_at = _FORGET_AT.get(table.name)
        if forget_at is not None:
            at = forget_at(record)
            if at is not None:
                heapq.heappush(self._forgetting, (at, table.name, key))

    def _forget(self, ts: int) -> list[Change]:
        forgotten: list[Change] = []
        while self._forgetting and self._forgetting[0][0] <= ts:
            if len(forgotten) == FORGOTTEN_PER_EVENT_MAX:
                break
            at, name, key = heapq.heappop(self._forgetting)
            record = self._tables[name].get(key)
            if record is not None and _FORGET_AT[name](record) == at:
                del self._tables[name][key]
                forgotten.append((TABLES[name], key, None))
        return forgotten
