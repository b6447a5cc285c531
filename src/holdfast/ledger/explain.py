"""A stock record taken apart: which events made its numbers what they are.

Nothing is kept for this while the service works. The record itself says how much is reserved, so a
search from the record's event backward knows when it has found every reservation, and stops. What
lies too far back is told as such.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from holdfast.domain.events import reservation_from_json, stock_from_json
from holdfast.domain.records import ACTIVE, RESERVATION, STOCK, Key, Reservation, StockRecord
from holdfast.domain.values import INSTANT_MAX_MS, instant_ms
from holdfast.journal import Frame, Retained, Unusable
from holdfast.ledger.past_search import (
    Files,
    Window,
    quoted,
    saved_reservations,
    search_shards,
)
from holdfast.ledger.past_values import Cause, Explanation, Held, Scope
from holdfast.ledger.past_work import Budget

#: How much of the journal is searched for causes, at most: a few tenths of a second.
SEARCHED_BYTES_MAX: Final = 128 << 20
#: Events that only show reservations.
_SHOWING: Final = frozenset({"KeyRemembered", "RowUnchanged"})


class _LastChange:
    """Looks for the event since which something is what it is; it is told of older and older ones."""

    def __init__(self, value: object) -> None:
        self._value = value
        self._cause: Cause | None = None
        self.is_found = False

    def note(self, value: object, image: StockRecord, cause: Cause | None) -> None:
        """Follow the value that the image of an older event holds."""
        if self.is_found:
            return
        if value != self._value:
            self.is_found = True
        elif cause is not None:
            self._cause, self.is_found = cause, image.version == 1

    @property
    def answer(self) -> Cause | None:
        """The event, once it is found."""
        return self._cause if self.is_found else None


class Inquiry:
    """What is known so far about one record; give it events, newest first, until it `is_done`."""

    def __init__(self, record: StockRecord, now: int = -1) -> None:
        """Ask about a record as it was at `now`: what was due then is not held any more."""
        self._record = record
        self._now = now
        self._on_hand = _LastChange(record.on_hand)
        self._out = _LastChange(_switch(record))
        #: Reservations by id, the ended ones too; of each the newest content there is.
        self._seen: dict[str, Held] = {}
        self._without_cause: set[str] = set()
        self._held_qty = 0

    def has_all_reserved(self) -> bool:
        """Whether every reservation was found that holds some of it."""
        return self._held_qty == self._record.reserved

    @property
    def is_done(self) -> bool:
        """Whether older events cannot tell anything more."""
        knows_switch = self._out.is_found or not self._record.is_out
        return (
            self.has_all_reserved()
            and self._on_hand.is_found
            and knows_switch
            and not self._without_cause
        )

    def take(self, json: bytes) -> None:
        """Follow an older event."""
        raw = orjson.loads(json)
        payload, cause = raw["payload"], _cause(raw)
        for each in payload.get(STOCK.name, ()):
            # An event may also show a record that it leaves as it was.
            if (each["storeId"], each["sku"]) == self._record.key and each["updatedAt"] == raw[
                "ts"
            ]:
                self.take_image(stock_from_json(each), cause)
        shows = raw["type"] in _SHOWING
        for each in payload.get(RESERVATION.name, ()):
            if each["storeId"] == self._record.store_id:
                self.take_reservation(reservation_from_json(each), None if shows else cause)

    def take_image(self, image: StockRecord, cause: Cause | None) -> None:
        """Follow the record behind an older event, or as an older checkpoint has it."""
        self._on_hand.note(image.on_hand, image, cause)
        self._out.note(_switch(image), image, cause)

    def take_reservation(self, held: Reservation, cause: Cause | None) -> None:
        """Follow a reservation behind an older event, or as an older checkpoint has it."""
        name = held.reservation_id
        qty = sum(line.qty for line in held.lines if line.sku == self._record.sku)
        ends = INSTANT_MAX_MS + 1 if held.expires_at is None else held.expires_at
        if name not in self._seen:
            counts = held.status == ACTIVE and ends > self._now
            self._seen[name] = Held(held, qty if counts else 0, cause)
            if counts and qty:
                self._held_qty += qty
                if cause is None:
                    self._without_cause.add(name)
        elif cause is not None and name in self._without_cause:
            self._seen[name] = self._seen[name]._replace(cause=cause)
            self._without_cause.discard(name)

    def explanation(self, sequence: int, at: int, searched_from: int) -> Explanation:
        """Return what was found out."""
        held = sorted((each for each in self._seen.values() if each.qty), key=_end)
        out = self._out.answer if self._record.is_out else None
        return Explanation(
            sequence, at, self._record, self._on_hand.answer, out, tuple(held), searched_from
        )


def _switch(record: StockRecord) -> tuple[bool, str | None, int | None]:
    return record.is_out, record.out_reason, record.out_until


def _end(held: Held) -> tuple[int, str]:
    at = held.reservation.expires_at
    return INSTANT_MAX_MS + 1 if at is None else at, held.reservation.reservation_id


def _cause(raw: Any) -> Cause:  # noqa: ANN401 - an event's JSON
    reason = raw["payload"].get("reason")
    return Cause(raw["sequence"], instant_ms(raw["ts"]), raw["type"], raw["actor"], reason)


def explain_from(
    record: StockRecord, sequence: int, at: int, events: Iterable[bytes], now: int = -1
) -> Explanation:
    """Take a record apart with all events behind it at hand, newest first."""
    inquiry = Inquiry(record, now)
    for json in events:
        inquiry.take(json)
    return inquiry.explanation(sequence, at, 1)


class _Enough(Exception):
    """So much was searched; the rest is too far back."""


def _spending(budget: Budget) -> Callable[[int], None]:
    left_bytes = SEARCHED_BYTES_MAX

    def spend(size_bytes: int) -> None:
        nonlocal left_bytes
        left_bytes -= size_bytes
        if left_bytes < 0:
            raise _Enough
        budget.step()

    return spend


def explain_at(files: Files, record: StockRecord, sequence: int, at: int, now: int) -> Explanation:
    """Take a record apart as it was behind an event.

    Args:
        files: the tenant's.
        record: as it was then.
        sequence: the event.
        at: the instant that the answer is for, in ms.
        now: what was due by then counts as ended, whether or not its event was written.

    Raises:
        JournalError: files cannot be read.
        Unavailable: it takes too long.
    """
    inquiry = Inquiry(record, now)
    search = files.backward(sequence, 0, _spending(files.budget))
    try:
        for frame in search.holding(quoted(record.sku)):
            files.budget.step()
            _take(inquiry, frame, quoted(record.store_id))
            if inquiry.is_done:
                return inquiry.explanation(sequence, at, frame.sequence)
    except _Enough:
        pass
    reached = search.reached
    base = files.base(sequence)
    if base is not None and reached <= base.cursor.sequence + 1 and reached > 1:
        _take_checkpoint(inquiry, base, record.key, files.budget)
    return inquiry.explanation(sequence, at, reached)


def _take(inquiry: Inquiry, frame: Frame, store: bytes) -> None:
    if store in frame.json:
        inquiry.take(frame.json)


def _take_checkpoint(inquiry: Inquiry, base: Retained, key: Key, budget: Budget) -> None:
    """Add what only the checkpoint knows: reservations older than what was searched."""
    try:
        if not inquiry.has_all_reserved():
            for held in saved_reservations(base, quoted(key[1]), budget):
                if held.store_id == key[0]:
                    inquiry.take_reservation(held, None)
                if inquiry.has_all_reserved():
                    break
        window = Window(Scope(key[0], key[1]))
        search_shards(base, window, budget)
        for image in window.records:
            inquiry.take_image(image, None)
    except Unusable:
        return  # It was replaced meanwhile: then that part stays unknown, and is told as such.
