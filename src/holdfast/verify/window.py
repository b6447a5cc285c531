"""What records were, and became, while somebody fetched them from a server that goes on working.

A page that a server answers shows its records as they were at one moment between two events: the
last one that it had committed before it was asked, and one that it had committed after it had
answered. The window holds every content that a record had from the former to the latter.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any

from holdfast.domain.records import TABLES, Change, Key, Table
from holdfast.domain.state import State


class Window:
    """Every content that records have had since the window was opened."""

    def __init__(self, state: State) -> None:
        self._state = state
        #: The keys of every table, rising.
        self._keys = {name: sorted(state.records(table)) for name, table in TABLES.items()}
        self._contents: dict[tuple[str, Key], list[Any]] = {}
        self._forgotten: set[tuple[str, Key]] = set()

    def open(self) -> None:
        """Begin anew with what the records are now."""
        self._contents.clear()
        self._forgotten.clear()

    def note(self, changes: Iterable[Change]) -> None:
        """Follow changes that are about to be made."""
        for table, key, record in changes:
            known = self._contents.get((table.name, key))
            if known is None:
                known = self._contents[table.name, key] = [self._state.get(table, key)]
            known.append(record)
            keys = self._keys[table.name]
            position = bisect_left(keys, key)
            # Not by what is known of it: it may have been forgotten in between.
            if keys[position : position + 1] != [key]:
                keys.insert(position, key)

    def forget(self, forgotten: Iterable[Change]) -> None:
        """Follow records that were just forgotten: nothing can be said of them any more."""
        for table, key, _ in forgotten:
            self._forgotten.add((table.name, key))
            keys = self._keys[table.name]
            del keys[bisect_left(keys, key)]

    def is_forgotten(self, table: Table[Any], key: Key) -> bool:
        """Whether the record was forgotten since the window was opened."""
        return (table.name, key) in self._forgotten

    def contents(self, table: Table[Any], key: Key) -> list[Any]:
        """Return what the record was since then, oldest first; None: it did not exist."""
        return self._contents.get((table.name, key)) or [self._state.get(table, key)]

    def keys(self, table: Table[Any], above: Key, up_to: Key | None) -> list[Key]:
        """Return the keys of a list's part, rising; None: to its end."""
        keys = self._keys[table.name]
        end = len(keys) if up_to is None else bisect_right(keys, up_to)
        return keys[bisect_right(keys, above) : end]
