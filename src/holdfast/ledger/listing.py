"""Sorted keys of the committed records, so that a page costs what it returns.

Lists are indexes, not caches: every change of the state passes through `note`.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Any, Final

from holdfast.domain.records import REFUSAL, RESERVATION, STOCK, Change, Key, Table
from holdfast.domain.state import State

#: So many new keys are sorted in one by one; more of them with the whole list, which is nearly
#: sorted, so that it costs one pass.
_INSERTED_MAX: Final = 64
#: Keys that may be gone from the list before they are taken out of it.
_GONE_MIN: Final = 4096


class SortedKeys:
    """A sorted set of keys: adding is cheap, and so is walking on from any place.

    New keys gather aside and are sorted in when somebody looks, because inserting a million keys
    one by one into a list would move its tail a million times.
    """

    def __init__(self) -> None:
        self._sorted: list[Key] = []
        self._added: list[Key] = []
        self._gone: set[Key] = set()

    def add(self, key: Key) -> None:
        """Add a key that is not in it."""
        if self._gone and key in self._gone:
            self._gone.discard(key)
        elif not self._added and (not self._sorted or self._sorted[-1] < key):
            self._sorted.append(key)
        else:
            self._added.append(key)

    def discard(self, key: Key) -> None:
        """Take a key away."""
        self._gone.add(key)
        if len(self._gone) > max(_GONE_MIN, len(self._sorted) // 2):
            self._settle()
            self._sorted = [each for each in self._sorted if each not in self._gone]
            self._gone.clear()

    def _settle(self) -> None:
        if len(self._added) > _INSERTED_MAX:
            self._sorted.extend(self._added)
            self._sorted.sort()
        else:
            for key in self._added:
                insort(self._sorted, key)
        self._added.clear()

    def above(self, key: Key) -> Iterator[Key]:
        """Walk the keys above `key`, rising. Do not add while walking."""
        if self._added:
            self._settle()
        for position in range(bisect_right(self._sorted, key), len(self._sorted)):
            found = self._sorted[position]
            if found not in self._gone:
                yield found


def _behind(sku: str) -> Key:
    """Return a key above all keys of `sku`, whatever the store: ids are visible ASCII."""
    return (sku, "\x7f")


class Listing:
    """The orders in which records are listed."""

    def __init__(self, changes: Iterable[Change]) -> None:
        #: (storeId, sku), (sku, storeId), (reservationId,), (source, line)
        self.stock = SortedKeys()
        self.stock_by_sku = SortedKeys()
        self.reservations = SortedKeys()
        self.refusals = SortedKeys()
        for table, key, _ in changes:
            self._add(table, key)

    def skus_above(self, sku: str) -> Iterator[str]:
        """Walk the SKUs above `sku` that any store has, rising."""
        found = next(self.stock_by_sku.above(_behind(sku)), None)
        while found is not None:
            yield found[0]
            found = next(self.stock_by_sku.above(_behind(found[0])), None)

    def note(self, changes: Iterable[Change], before: State) -> None:
        """Follow changes that are about to be made to `before`.

        An event may put a record again as it was, so only `before` tells what is new.
        """
        for table, key, _ in changes:
            if key not in before.records(table):
                self._add(table, key)

    def forget(self, forgotten: Iterable[Change]) -> None:
        """Follow records that were just forgotten."""
        for table, key, _ in forgotten:
            if table is RESERVATION:
                self.reservations.discard(key)

    def _add(self, table: Table[Any], key: Key) -> None:
        if table is STOCK:
            self.stock.add(key)
            self.stock_by_sku.add((key[1], key[0]))
        elif table is RESERVATION:
            self.reservations.add(key)
        elif table is REFUSAL:
            self.refusals.add(key)
