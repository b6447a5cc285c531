"""The state that the events make, from the first one on. Pure: it is given frames and keeps records.

The functions are those of the live service (`evolve`, `State.apply`), so what is proven is that the
files agree with the events. That the events agree with each other is checked besides: numbers count
up, time does not go back, a record gains one version at every change, and is never overdrawn.
"""

from typing import Any

from holdfast.domain.events import Event, UnknownEvent
from holdfast.domain.evolve import evolve
from holdfast.domain.records import (
    RESERVATION,
    STOCK,
    TABLES,
    Change,
    Key,
    Reservation,
    StockRecord,
)
from holdfast.domain.state import State
from holdfast.journal import START, Cursor, Frame
from holdfast.ledger.codec import decode_event
from holdfast.verify.differences import MALFORMED, BadEvent
from holdfast.verify.window import Window

#: After so many events the state may forget what it was before them: nothing is saved here.
_MOMENT_EVENTS = 1024


class Replay:
    """State, and of each record the event that last wrote it."""

    def __init__(self) -> None:
        self.state = State()
        self.cursor: Cursor = START
        #: The batch of the newest event, its JSON, and its time in ms.
        self.batch = 0
        self.json = b""
        self.last_ts = 0
        #: Is told of every change, once somebody compares while the journal goes on.
        self.window: Window | None = None
        self._writers: dict[str, dict[Key, int]] = {name: {} for name in TABLES}

    def apply(self, frame: Frame) -> None:
        """Take the next event.

        Raises:
            BadEvent: it is not one that this journal can hold.
            UnknownEvent: a newer release wrote it.
        """
        try:
            event = decode_event(frame.json)
            changes = evolve(self.state, event)
        except UnknownEvent:
            raise
        except MALFORMED as error:
            what = "its JSON is no event"
            raise BadEvent(frame.sequence, what, "an event", repr(error)) from error
        self._demand_next(frame, event)
        for table, key, record in changes:
            if table is STOCK or table is RESERVATION:
                _demand_step(frame.sequence, self.state.get(table, key), record)
            self._writers[table.name][key] = frame.sequence
        if self.window is not None:
            self.window.note(changes)
        self._forget(self.state.apply(changes, event.ts))
        if frame.sequence % _MOMENT_EVENTS == 0:
            self.state.fix_moment()
        self.cursor = Cursor(frame.sequence, frame.chain)
        self.batch, self.json, self.last_ts = frame.batch, frame.json, event.ts

    def _forget(self, forgotten: list[Change]) -> None:
        for table, key, _ in forgotten:
            del self._writers[table.name][key]
        if forgotten and self.window is not None:
            self.window.forget(forgotten)

    def _demand_next(self, frame: Frame, event: Event) -> None:
        if event.sequence != frame.sequence:
            what = "its JSON has another sequence than its line"
            raise BadEvent(frame.sequence, what, str(frame.sequence), str(event.sequence))
        if event.ts < self.last_ts:
            what = "its time is before that of the event before it"
            raise BadEvent(frame.sequence, what, f"{self.last_ts} ms or later", f"{event.ts} ms")

    def writer(self, table: str, key: Key) -> int | None:
        """Return the event that last wrote the record, or None: there is no such record."""
        return self._writers[table].get(key)


def _demand_step(sequence: int, before: Any, after: StockRecord | Reservation) -> None:  # noqa: ANN401 - a record of the same table
    version = 0 if before is None else before.version
    if after.version != version + 1 and after != before:
        what = f"it does not follow version {version} of {'/'.join(after.key)}"
        expected = f"version {version + 1}, or version {version} as it was"
        raise BadEvent(sequence, what, expected, f"version {after.version}: {after}")
    if isinstance(after, StockRecord) and not after.on_hand >= after.reserved >= 0:
        what = f"{'/'.join(after.key)} is overdrawn"
        found = f"{after.on_hand} on hand, {after.reserved} reserved"
        raise BadEvent(sequence, what, "on hand >= reserved >= 0", found)
