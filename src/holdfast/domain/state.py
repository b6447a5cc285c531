"""A tenant's state in memory: tables of records, and the forgetting of what has had its time.

State is a function of the journal alone. Forgetting is part of it: it goes by the time of the
event that is being applied, in an order and with a bound that depend on the records only, so a
replay, or a start from a checkpoint, forgets exactly what the live service forgot.
"""

import heapq
from collections.abc import Iterator, Mapping
from typing import Any, Final

from holdfast.domain.records import (
    TABLES,
    Change,
    Key,
    RecordT,
    Table,
)

#: Records forgotten at one event, at most: a bound on the work that one command can cause.
FORGOTTEN_PER_EVENT_MAX: Final = 16


class State:
    """All records of one tenant after some event."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Key, Any]] = {name: {} for name in TABLES}
        self._forgetting: list[tuple[int, str, Key]] = []

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """Return the record of that key, or None."""
        return self._tables[table.name].get(key)

    def records(self, table: Table[RecordT]) -> Mapping[Key, RecordT]:
        """Return the whole table; it changes with the state, so do not hold it across awaits."""
        return self._tables[table.name]

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
        records = self._tables[table.name]
        if record is None:
            records.pop(key, None)
            return
        if table.forget_at is not None:
            at = table.forget_at(record)
            if at is not None:
                before = records.get(key)
                if before is None or table.forget_at(before) != at:
                    heapq.heappush(self._forgetting, (at, table.name, key))
        records[key] = record

    def _forget(self, ts: int) -> list[Change]:
        forgotten: list[Change] = []
        while self._forgetting and self._forgetting[0][0] <= ts:
            if len(forgotten) == FORGOTTEN_PER_EVENT_MAX:
                break
            at, name, key = heapq.heappop(self._forgetting)
            table, records = TABLES[name], self._tables[name]
            record = records.get(key)
            if record is None or table.forget_at is None or table.forget_at(record) != at:
                continue
            del records[key]
            forgotten.append((table, key, None))
        return forgotten
