"""Sorted keys of the committed records, so that a page costs what it returns.

Lists are indexes, not caches: every change of the state passes through `note`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, Final

from holdfast.domain.records import (
    ALERT,
    ITEM,
    LOW_STOCK,
    MENU_ITEM,
    ORDER,
    REFUSAL,
    RESERVATION,
    STOCK,
    STORE,
    Change,
    Key,
    Table,
)
from holdfast.domain.state import State

#: Keys of one run when it is cut; it may grow to twice as many.
_RUN: Final = 1024

#: The tables that are listed by their keys.
LISTED: Final[tuple[Table[Any], ...]] = (
    STOCK,
    RESERVATION,
    REFUSAL,
    STORE,
    ITEM,
    MENU_ITEM,
    ORDER,
    ALERT,
    LOW_STOCK,
)


class SortedKeys:
    """A sorted set of keys, in runs: what is added or taken away moves the rest of one run only."""

    def __init__(self, keys: Iterable[Key] = (), by: Callable[[Key], Key] | None = None) -> None:
        """Sort `keys` by themselves, or by the ranks that `by` gives them."""
        self._by = by
        in_order = sorted(keys, key=by)
        self._runs = [in_order[at : at + _RUN] for at in range(0, len(in_order), _RUN)] or [[]]
        #: The rank at which each run but the first one begins.
        self._begins = [self._rank(run[0]) for run in self._runs[1:]]

    def _rank(self, key: Key) -> Key:
        return key if self._by is None else self._by(key)

    def add(self, key: Key) -> None:
        """Add a key, unless it is in it."""
        newest = self._runs[-1]
        if self._by is None and newest and newest[-1] < key and len(newest) < 2 * _RUN:
            newest.append(key)
            return
        index, position = self._find(key)
        run = self._runs[index]
        if run[position : position + 1] == [key]:
            return
        run.insert(position, key)
        if len(run) > 2 * _RUN:
            self._runs.insert(index + 1, run[_RUN:])
            self._begins.insert(index, self._rank(run[_RUN]))
            del run[_RUN:]

    def discard(self, key: Key) -> None:
        """Take a key away, if it is in it."""
        index, position = self._find(key)
        run = self._runs[index]
        if run[position : position + 1] == [key]:
            del run[position]
        if not run and len(self._runs) > 1:
            del self._runs[index], self._begins[max(index - 1, 0)]

    def _find(self, key: Key) -> tuple[int, int]:
        """Which run the key belongs to, and where in it."""
        rank = self._rank(key)
        index = bisect_right(self._begins, rank)
        return index, bisect_left(self._runs[index], rank, key=self._by)

    def above(self, rank: Key) -> Iterator[Key]:
        """Walk the keys above a rank, rising. Do not add while walking."""
        index = bisect_right(self._begins, rank)
        position = bisect_right(self._runs[index], rank, key=self._by)
        for run in islice(self._runs, index, None):
            yield from islice(run, position, None)
            position = 0


def _behind(sku: str) -> Key:
    """Return a rank above all of `sku`, whatever the store: ids are visible ASCII."""
    return (sku, "\x7f")


class Listing:
    """The orders in which records are listed."""

    def __init__(self, state: State) -> None:
        #: By the table's name, its keys.
        self._keys = {table.name: SortedKeys(state.records(table)) for table in LISTED}
        #: Keys by (storeId, sku), (sku, storeId), (reservationId,), (source, line)
        self.stock = self._keys[STOCK.name]
        self.stock_by_sku = SortedKeys(state.records(STOCK), by=itemgetter(1, 0))
        self.reservations = self._keys[RESERVATION.name]
        self.refusals = self._keys[REFUSAL.name]

    def of(self, table: Table[Any]) -> SortedKeys:
        """Return the keys of a table, which has to be one that is listed."""
        return self._keys[table.name]

    def skus_above(self, sku: str) -> Iterator[str]:
        """Walk the SKUs above `sku` that any store has, rising."""
        found = next(self.stock_by_sku.above(_behind(sku)), None)
        while found is not None:
            yield found[1]
            found = next(self.stock_by_sku.above(_behind(found[1])), None)

    def note(self, changes: Iterable[Change], before: State) -> None:
        """Follow changes that are about to be made to `before`.

        An event may put a record again as it was, so only `before` tells what is new.
        """
        for table, key, record in changes:
            if record is None:
                self._discard(table, key)
            elif key not in before.records(table):
                self._add(table, key)

    def forget(self, forgotten: Iterable[Change]) -> None:
        """Follow records that were just forgotten."""
        for table, key, _ in forgotten:
            self._discard(table, key)

    def _discard(self, table: Table[Any], key: Key) -> None:
        keys = self._keys.get(table.name)
        if keys is not None:
            keys.discard(key)

    def _add(self, table: Table[Any], key: Key) -> None:
        keys = self._keys.get(table.name)
        if keys is not None:
            keys.add(key)
        if table is STOCK:
            self.stock_by_sku.add(key)
