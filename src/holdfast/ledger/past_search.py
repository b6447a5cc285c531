"""The search for records as they were: newest event first, then the checkpoint below.

Everything here blocks and runs in a thread. It needs memory for what it returns, not for what it
reads: a page of records is kept as the window of the lowest keys so far. That is enough because
stock records are never removed, so a key that was pushed out of the window cannot come back.
"""

import re
from bisect import insort
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import orjson

from holdfast.domain.events import reservation_from_json, stock_from_json
from holdfast.domain.records import RESERVATION, STOCK, Key, Reservation, StockRecord
from holdfast.journal import (
    Backward,
    Disk,
    Frame,
    Retained,
    Segment,
    Unusable,
    gone_before,
    retained_at,
)
from holdfast.ledger.past_values import Scope
from holdfast.ledger.past_work import Budget

T = TypeVar("T")

#: A checkpoint may be replaced while it is read.
_ATTEMPTS: Final = 3
#: How a stock record begins in an event. Quotes within texts are escaped, so none can feign it.
_IMAGE: Final = re.compile(rb'\{"storeId":"([^"]+)","sku":"([^"]+)","onHand":')


class Files(NamedTuple):
    """What one tenant has on disk, and what one search of it may spend.

    `segments` are the journal's own, as far as they are durable.
    """

    folder: Path
    disk: Disk
    segments: tuple[Segment, ...]
    budget: Budget

    def backward(
        self, newest: int, above: int, spend: Callable[[int], None] | None = None
    ) -> Backward:
        """Search the events up to `newest` and later than `above`; see `Backward`."""
        spend = self.budget.spend if spend is None else spend
        return Backward(self.disk, self.segments, newest, above=above, spend=spend)

    def base(self, sequence: int) -> Retained | None:
        """Return the newest checkpoint that holds nothing later than an event, if there is one."""
        return retained_at(self.folder / "state", self.disk, sequence)

    def bases(self, sequence: int) -> Iterator[Retained | None]:
        """Checkpoints to try in turn; at last none, and then the journal alone has to tell."""
        for _ in range(_ATTEMPTS):
            yield self.base(sequence)
        yield None

    def demand_all(self, search: Backward, above: int) -> None:
        """Refuse when the search ended before it came to where it should.

        Raises:
            HistoryGone: what it needs is not kept.
        """
        if search.reached > above + 1:
            raise gone_before(search.reached, self.segments[0])


def quoted(text: str) -> bytes:
    """An id as JSON has it; ids are plain ASCII."""
    return b'"%b"' % text.encode("ascii")


class Window:
    """The lowest records of a scope, of each the first one that was offered."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._above = scope.above or ("", "")
        self._found: dict[Key, StockRecord] = {}
        self._keys: list[Key] = []

    @property
    def is_complete(self) -> bool:
        """Whether nothing more can come into it."""
        one = self.scope.store_id is not None and self.scope.sku is not None
        return one and bool(self._found)

    def is_open_to(self, key: Key) -> bool:
        """Whether a record of that key would be kept."""
        store_id, sku, _, limit = self.scope
        if (store_id not in {None, key[0]}) or (sku not in {None, key[1]}):
            return False
        if key <= self._above or key in self._found:
            return False
        return limit is None or len(self._keys) < limit or key < self._keys[-1]

    def open_lines(self, data: bytes) -> list[bytes]:
        """Pick the lines with a record that would be kept, last one first.

        Most are looked at here only, so nothing of them is parsed but the two ids.
        """
        name = self.scope.sku or self.scope.store_id
        if name is not None and quoted(name) not in data:
            return []
        lines: list[bytes] = []
        end = 0
        for found in _IMAGE.finditer(data):
            at = found.start()
            if at >= end and self.is_open_to((found[1].decode(), found[2].decode())):
                end = data.find(b"\n", at)
                lines.append(data[data.rfind(b"\n", 0, at) + 1 : end])
        return lines[::-1]

    def is_above(self, store_id: str) -> bool:
        """Whether all records of that store are behind it."""
        limit = self.scope.limit
        full = limit is not None and len(self._keys) >= limit
        return full and store_id > self._keys[-1][0]

    def put(self, record: StockRecord) -> None:
        """Keep a record that it is open to."""
        self._found[record.key] = record
        insort(self._keys, record.key)
        if self.scope.limit is not None and len(self._keys) > self.scope.limit:
            del self._found[self._keys.pop()]

    @property
    def records(self) -> list[StockRecord]:
        """What was found, in order."""
        return [self._found[key] for key in self._keys]


def stock_at(files: Files, sequence: int, scope: Scope) -> list[StockRecord]:
    """Return the records of a scope as they were behind an event, in order.

    Raises:
        HistoryGone: it takes events that are not kept.
        JournalError: files cannot be read.
        Unavailable: it takes too long.
    """
    for base in files.bases(sequence):
        window = Window(scope)
        try:
            _search_stock(files, sequence, base, window)
        except Unusable:
            continue
        return window.records
    raise AssertionError("without a checkpoint no file of one can be unusable")


def _search_stock(files: Files, sequence: int, base: Retained | None, window: Window) -> None:
    above = 0 if base is None else base.cursor.sequence
    search = files.backward(sequence, above)
    for frame in search.found(window.open_lines):
        files.budget.step()
        for raw in orjson.loads(frame.json)["payload"].get(STOCK.name, ()):
            if window.is_open_to((raw["storeId"], raw["sku"])):
                window.put(stock_from_json(raw))
        if window.is_complete:
            return
    files.demand_all(search, above)
    if base is not None:
        search_shards(base, window, files.budget)


def search_shards(base: Retained, window: Window, budget: Budget) -> None:
    """Add what did not change behind the checkpoint. A shard holds records of one store."""
    scope = window.scope
    lowest = "" if scope.above is None else scope.above[0]
    text = b"" if scope.sku is None else quoted(scope.sku)
    for shard in base.shards(f"{STOCK.name}/"):
        store_id = shard.partition("/")[2].rpartition(".")[0]
        if scope.store_id not in {None, store_id} or store_id < lowest:
            continue
        if window.is_above(store_id):
            continue
        budget.step()
        for line in base.lines(shard, text):
            budget.step()
            raw = orjson.loads(line)
            if window.is_open_to((raw["storeId"], raw["sku"])):
                window.put(stock_from_json(raw))


def reservation_at(files: Files, sequence: int, reservation_id: str) -> Reservation | None:
    """Return a reservation as it was behind an event, or None; raises what `stock_at` does."""
    for base in files.bases(sequence):
        above = 0 if base is None else base.cursor.sequence
        search = files.backward(sequence, above)
        for frame in search.holding(quoted(reservation_id)):
            files.budget.step()
            for held in reservations_of(frame):
                if held.reservation_id == reservation_id:
                    return held
        files.demand_all(search, above)
        if base is None:
            return None
        try:
            saved = saved_reservations(base, quoted(reservation_id), files.budget)
            return next((each for each in saved if each.reservation_id == reservation_id), None)
        except Unusable:
            continue
    return None


def reservations_of(frame: Frame) -> Iterator[Reservation]:
    """The reservations that an event wrote, or showed."""
    payload = orjson.loads(frame.json)["payload"]
    return map(reservation_from_json, payload.get(RESERVATION.name, ()))


def saved_reservations(base: Retained, text: bytes, budget: Budget) -> Iterator[Reservation]:
    """The reservations of a checkpoint whose JSON holds a text. Raises Unusable."""
    for shard in base.shards(f"{RESERVATION.name}/"):
        budget.step()
        for line in base.lines(shard, text):
            budget.step()
            yield reservation_from_json(orjson.loads(line))
