"""A tenant's state in memory: tables of records, and the forgetting of what has had its time.

State is a function of the journal alone. Forgetting is part of it: it goes by the time of the
event that is being applied, in an order and with a bound that depend on the records only, so a
replay, or a start from a checkpoint, forgets exactly what the live service forgot.

State also remembers one moment of its past: of every record that changed since, what it was then.
So a checkpoint of that moment can be made bit by bit while the state goes on, and the next one
knows what changed. Records are immutable, so remembering one costs a reference.
"""

import heapq
from collections.abc import Iterator, Mapping
from typing import Any, Final

from holdfast.domain.records import (
    ITEM,
    TABLES,
    Change,
    Item,
    Key,
    RecordT,
    Table,
)

#: Records forgotten at one event, at most: a bound on the work that one command can cause.
FORGOTTEN_PER_EVENT_MAX: Final = 16

#: By table: keys that changed since a moment, each with its record then (None: there was none).
Before = dict[str, dict[Key, Any]]


class State:
    """All records of one tenant after some event."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Key, Any]] = {name: {} for name in TABLES}
        self._before: Before = {name: {} for name in TABLES}
        self._forgetting: list[tuple[int, str, Key]] = []
        #: The low-stock threshold of every SKU whose item has one.
        self.thresholds: dict[str, int] = {}

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

    def put(self, change: Change) -> None:
        """Put a record in its place, as a checkpoint has it; it does not count as changed."""
        table, key, record = change
        self._put(table, key, record, self._tables[table.name].get(key))

    def apply(self, changes: list[Change], ts: int) -> list[Change]:
        """Put the records of one event, then forget what is due at its time.

        Returns:
            What was forgotten, as changes.
        """
        tables, at_moment = self._tables, self._before
        for table, key, record in changes:
            name = table.name
            records = tables[name]
            before = records.get(key)
            at_moment[name].setdefault(key, before)
            if record is not None and not table.followed:
                records[key] = record
            else:
                self._put(table, key, record, before)
        if self._forgetting and self._forgetting[0][0] <= ts:
            return self._forget(ts)
        return []

    def fix_moment(self) -> Before:
        """Remember this moment from now on, instead of the one before.

        Returns:
            What changed since the moment before, as it was then. Nobody else holds it.
        """
        before, self._before = self._before, {name: {} for name in TABLES}
        return before

    @property
    def changed_since_moment(self) -> bool:
        """Whether any record was put or taken away since the moment."""
        return any(self._before.values())

    def at_moment(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """Return the record that the key had at the moment, or None."""
        before = self._before[table.name]
        record: RecordT | None
        record = before[key] if key in before else self._tables[table.name].get(key)
        return record

    def _put(
        self, table: Table[RecordT], key: Key, record: RecordT | None, before: RecordT | None
    ) -> None:
        records = self._tables[table.name]
        if table is ITEM:
            follow_threshold(self.thresholds, key, record)
        if record is None:
            records.pop(key, None)
            return
        if table.forget_at is not None:
            at = table.forget_at(record)
            if at is not None and (before is None or table.forget_at(before) != at):
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
            if self._before[name].setdefault(key, record) is None:
                # It came and went since the moment: then nothing changed.
                del self._before[name][key]
            del records[key]
            forgotten.append((table, key, None))
        return forgotten


def follow_threshold(thresholds: dict[str, int], key: Key, item: Any) -> None:  # noqa: ANN401 - a change's record, here an `Item` or None
    """Note the threshold of an item that was put or taken away."""
    threshold = item.low_stock_threshold if isinstance(item, Item) else None
    if threshold is None:
        thresholds.pop(key[0], None)
    else:
        thresholds[key[0]] = threshold
