"""The past of one tenant, from its journal and its checkpoints; implements the port `Past`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar
from weakref import WeakMethod

import structlog

from holdfast.domain.records import (
    ALERT,
    ITEM,
    LOW_STOCK,
    MENU_ITEM,
    RESERVATION,
    STOCK,
    STORE,
    TOMBSTONE,
    Item,
    MenuItem,
    Reservation,
    StockRecord,
    Store,
)
from holdfast.domain.rejections import Rejected, invalid
from holdfast.domain.state import State
from holdfast.domain.values import instant_ms
from holdfast.journal import Disk, HistoryGone, Journal, JournalError, read_frames
from holdfast.ledger.clock import TenantClock
from holdfast.ledger.explain import explain_at
from holdfast.ledger.listing import Listing
from holdfast.ledger.past_catalogue import dish_at, items_at, store_at
from holdfast.ledger.past_instant import sequence_at
from holdfast.ledger.past_search import Files, reservation_at, stock_at
from holdfast.ledger.past_values import AsOf, Explanation, Scope
from holdfast.ledger.past_work import PastWork
from holdfast.ledger.port import Reading, Unavailable
from holdfast.ledger.reading import CommittedReading

_log = structlog.get_logger("holdfast.ledger")

T = TypeVar("T")

_UNREADABLE_RETRY_MS: Final = 60_000
_READ_ONLY_RETRY_MS: Final = 5_000
_MOMENT_S: Final = 0.003
_POINTER: Final = "#/query/asOf"


class _Found(NamedTuple):
    """Stock records behind an event, the event's time, and the store that was asked for."""

    sequence: int
    at: int
    store: Store | None
    records: list[StockRecord]


class FilePast:
    """Answers for what was, while the service goes on."""

    def __init__(  # noqa: PLR0917 - parts of one tenant, each of a type of its own
        self,
        folder: Path,
        disk: Disk,
        journal: Journal,
        clock: TenantClock,
        read: Callable[[], Awaitable[Reading]],
        work: PastWork | None = None,
    ) -> None:
        """Make it of a tenant's `folder`, its open `journal`, its `clock` and its live `read`.

        The ledger has it, and it has the ledger's method, but not so that the two keep each other.
        """
        self._folder = folder
        self._disk = disk
        self._journal = journal
        self._clock = clock
        self._weak_read = WeakMethod(read)
        self._work = PastWork() if work is None else work

    async def read(self, as_of: AsOf, scope: Scope) -> Reading:
        """Return the stock records of a scope as they were; see the port."""
        now = await self._settled(as_of)
        never_was = _never_was(now, scope)

        def work(files: Files) -> _Found:
            sequence = _sequence(files, as_of)
            at = _time_of(files, sequence)
            store = None
            if scope.store_id is not None and scope.sku is None:
                store = store_at(files, sequence, scope.store_id)
            records = [] if never_was else stock_at(files, sequence, scope)
            return _Found(sequence, at, store, records)

        found = await self._done(work)
        state = State()
        for record in found.records:
            state.put((STOCK, record.key, record))
        if found.store is not None:
            state.put((STORE, found.store.key, found.store))
        for item in await self._items(found):
            state.put((ITEM, item.key, item))
        return _reading(state, found.sequence, now.now)

    async def _items(self, found: _Found) -> list[Item]:
        """What the catalogue said of these records; what has not changed since is said now too."""
        reading = await self._read_now()
        items: list[Item] = []
        others: list[str] = []
        for sku in {record.sku for record in found.records}:
            item = reading.get(ITEM, (sku,))
            if item is not None and item.updated_at < found.at:
                items.append(item)
            elif item is not None or reading.get(TOMBSTONE, (ITEM.name, sku)) is not None:
                others.append(sku)
        if others:
            items += await self._done(lambda files: items_at(files, found.sequence, others))
        return items

    async def read_reservation(self, as_of: AsOf, reservation_id: str) -> Reading:
        """Return a reading with one reservation as it was; see the port."""
        now = await self._settled(as_of)

        def work(files: Files) -> tuple[int, Reservation | None]:
            sequence = _sequence(files, as_of)
            held = reservation_at(files, sequence, reservation_id)
            ends = None if held is None else held.kept_until
            if ends is not None and ends <= _time_of(files, sequence):
                return sequence, None  # By then it was forgotten.
            return sequence, held

        sequence, held = await self._done(work)
        state = State()
        if held is not None:
            state.put((RESERVATION, held.key, held))
        return _reading(state, sequence, now.now)

    async def read_dish(self, as_of: AsOf, dish_id: str) -> Reading:
        """Return a reading with one dish as it was, and its items; see the port."""
        await self._settled(as_of)

        def work(files: Files) -> tuple[int, int, MenuItem | None, list[Item]]:
            sequence = _sequence(files, as_of)
            at = _time_of(files, sequence) if as_of.at is None else as_of.at
            dish = dish_at(files, sequence, dish_id)
            skus = [] if dish is None else [line.sku for line in dish.recipe]
            return sequence, at, dish, items_at(files, sequence, skus)

        sequence, at, dish, items = await self._done(work)
        state = State()
        for item in items:
            state.put((ITEM, item.key, item))
        if dish is not None:
            state.put((MENU_ITEM, dish.key, dish))
        return _reading(state, sequence, at)

    async def explain(self, store_id: str, sku: str, as_of: AsOf | None) -> Explanation | None:
        """Take a stock record apart; see the port."""
        if as_of is None:
            reading = await self._read_now()
            sequence, now = reading.sequence, reading.now
            known = reading.get(STOCK, (store_id, sku))
            if known is None:
                return None
            low = reading.get(LOW_STOCK, (store_id, sku))
            alert = None if low is None else reading.get(ALERT, (low.alert_id,))
            item = reading.get(ITEM, (sku,))
            told = await self._done(lambda files: explain_at(files, known, sequence, now, now))
            return told._replace(item=item, alert=alert)
        if _never_was(await self._settled(as_of), Scope(store_id, sku)):
            return None

        def work(files: Files) -> Explanation | None:
            sequence = _sequence(files, as_of)
            found = stock_at(files, sequence, Scope(store_id, sku))
            if not found:
                return None
            at = _time_of(files, sequence) if as_of.at is None else as_of.at
            items = items_at(files, sequence, [sku])
            told = explain_at(files, found[0], sequence, at, -1)
            return told._replace(item=items[0] if items else None)

        return await self._done(work)

    async def _settled(self, as_of: AsOf) -> Reading:
        """Wait until what is asked for cannot change any more, and return what is now.

        Raises:
            Rejected: it lies ahead.
            Unavailable: what fell due by then cannot be written at the moment.
        """
        if as_of.at is None:
            reading = await self._read_now()
            if as_of.sequence is not None and as_of.sequence > reading.sequence:
                detail = f"asOf lies ahead: the newest event is {reading.sequence}."
                raise invalid(_POINTER, detail)
            return reading
        now = self._clock.now()
        if as_of.at > now:
            raise invalid(_POINTER, "asOf lies ahead; ask for a time that has passed.")
        if as_of.at == now:
            await asyncio.sleep(_MOMENT_S)  # Events of this very millisecond may still come.
        return await self._written(as_of.at)

    async def _written(self, at: int) -> Reading:
        """Wait until every event up to the instant is durable, or never will be."""
        while True:
            reading = await self._read_now()
            tail = self._journal.tail
            if tail is None or not reading.exact:
                break
            try:
                await tail
            except JournalError:
                continue
            return reading
        sequence = reading.sequence
        if not reading.exact and at >= await self._done(lambda files: _time_of(files, sequence)):
            raise Unavailable(
                "read_only",
                "What fell due since the newest event cannot be written at the moment; "
                f"ask for asOf={reading.sequence}, or later.",
                _READ_ONLY_RETRY_MS,
            )
        return reading

    async def _read_now(self) -> Reading:
        read = self._weak_read()
        if read is None:
            raise RuntimeError("whoever asks for the past has its ledger")
        return await read()

    async def _done(self, work: Callable[[Files], T]) -> T:
        folder, disk, segments = self._folder, self._disk, self._journal.segments
        try:
            return await self._work.run(lambda budget: work(Files(folder, disk, segments, budget)))
        except HistoryGone as gone:
            raise Rejected(
                "history_gone",
                f"What was before event {gone.first_sequence} is no longer kept here.",
                {"firstSequence": gone.first_sequence},
            ) from gone
        except JournalError as error:
            _log.error(
                "the past could not be read", tenant=self._journal.tenant_id, error=str(error)
            )
            raise Unavailable(
                "journal_unavailable",
                "Older events cannot be read at the moment; the server's log says why.",
                _UNREADABLE_RETRY_MS,
            ) from error


def _never_was(now: Reading, scope: Scope) -> bool:
    """Whether there is no such record today: stock records are never removed."""
    return not now.stock_page(scope.store_id, scope.sku, None, 1)


def _sequence(files: Files, as_of: AsOf) -> int:
    if as_of.sequence is not None:
        return as_of.sequence
    return sequence_at(files, as_of.at or 0)


def _time_of(files: Files, sequence: int) -> int:
    """Return the time of an event, in ms; before the first one, 0."""
    if sequence == 0:
        return 0
    frame = read_frames(files.disk, files.segments, sequence - 1, 1, 1)[0]
    at = frame.json.index(b'"ts":"') + 6
    return instant_ms(frame.json[at : at + 24].decode("ascii"))


def _reading(state: State, sequence: int, now: int) -> Reading:
    return CommittedReading(state, state, Listing(state), sequence=sequence, now=now, exact=True)
