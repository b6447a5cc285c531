"""A ledger that keeps everything in memory: the real domain behind the real port, no disk.

It decides one command at a time and calls it durable at once. `broken` makes it refuse to decide,
as a tenant does whose disk has failed.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence

import orjson

from holdfast.domain.commands import Action, Command, ExpireReservation, LiftOut
from holdfast.domain.decide import RefusedRow, decide
from holdfast.domain.events import Event, event_json
from holdfast.domain.evolve import evolve
from holdfast.domain.records import (
    ACTIVE,
    ORDER,
    REFUSAL,
    RESERVATION,
    STOCK,
    Key,
    Outcome,
    RecordT,
    Refusal,
    Reservation,
    StockRecord,
    Table,
)
from holdfast.domain.rejections import Rejected
from holdfast.domain.state import State
from holdfast.ledger.port import (
    Follower,
    Ledger,
    LoggedEvent,
    Past,
    Reading,
    ReservationFilter,
    Unavailable,
)
from tests.unit.http.memory_past import MemoryPast

START_MS = 1_795_000_000_000


class MemoryReading(Reading):
    """The state as it is now; nothing awaits while it is used, so it need not be copied."""

    def __init__(self, state: State, sequence: int, now: int, exact: bool) -> None:
        self._state = state
        self.sequence = sequence
        self.now = now
        self.exact = exact

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        return self._state.get(table, key)

    def records(self, table: Table[RecordT]) -> Mapping[Key, RecordT]:
        return self._state.records(table)

    def stock_page(
        self, store_id: str | None, sku: str | None, after: Key | None, limit: int
    ) -> list[StockRecord]:
        wanted = (
            key
            for key in self._state.records(STOCK)
            if store_id in {None, key[0]}
            and sku in {None, key[1]}
            and (after is None or key > after)
        )
        return [self._state.records(STOCK)[key] for key in heapq.nsmallest(limit, wanted)]

    def page(
        self,
        table: Table[RecordT],
        after: Key | None,
        limit: int,
        wanted: Callable[[RecordT], bool] | None = None,
    ) -> tuple[list[RecordT], Key | None]:
        found = sorted(
            (key, record)
            for key, record in self._state.records(table).items()
            if (after is None or key > after) and (wanted is None or wanted(record))
        )
        last = found[limit - 1][0] if len(found) > limit else None
        return [record for _, record in found[:limit]], last

    def sku_page(self, after: str, limit: int) -> list[str]:
        return sorted({sku for _, sku in self._state.records(STOCK) if sku > after})[:limit]

    def reservation_page(
        self, wanted: ReservationFilter, after: Key | None, limit: int
    ) -> tuple[list[Reservation], Key | None]:
        return self.page(
            RESERVATION,
            after,
            limit,
            lambda held: (
                wanted.status in {None, held.status}
                and wanted.user_id in {None, held.user_id}
                and wanted.store_id in {None, held.store_id}
            ),
        )

    def refusal_page(self, source: str, after_line: int, limit: int) -> list[Refusal]:
        found = [
            refusal
            for refusal in self._state.records(REFUSAL).values()
            if refusal.source == source and refusal.line > after_line
        ]
        return sorted(found, key=lambda refusal: refusal.line)[:limit]


class MemoryLedger(Ledger):
    """See the module."""

    def __init__(self, tenant_id: str = "default") -> None:
        self.tenant_id = tenant_id
        self.now = START_MS
        self.exact = True
        self.broken: Unavailable | None = None
        #: Counts down; at 0 the ledger breaks.
        self.commands_left: int | None = None
        self._state = State()
        self._log: list[LoggedEvent] = []
        self._followers: list[Follower] = []
        self._news = asyncio.Event()
        self._own = 0

    @property
    def past(self) -> Past:
        self._expire()
        return MemoryPast(
            self._log,
            lambda: self.now,
            lambda state, sequence: MemoryReading(state, sequence, self.now, exact=True),
        )

    async def execute(self, command: Command) -> Outcome:
        await asyncio.sleep(0)
        self._refuse_if_broken()
        self._expire()
        decided = decide(self, command, self.last_sequence + 1, self.now)
        if isinstance(decided, Outcome):
            return decided
        if isinstance(decided, RefusedRow):
            self._keep(decided.event)
            raise decided.refusal
        self._keep(decided)
        return decided.outcome

    async def execute_many(
        self, commands: Sequence[Command], stop_when_unavailable: bool = False
    ) -> list[Outcome | Rejected | Unavailable]:
        results: list[Outcome | Rejected | Unavailable] = []
        for command in commands:
            try:
                results.append(await self.execute(command))
            except Rejected as no:
                results.append(no)
                if stop_when_unavailable and "mark" in no.data:
                    break
            except Unavailable as not_now:
                results.append(not_now)
                if stop_when_unavailable:
                    break
        return results

    async def read(self) -> Reading:
        await asyncio.sleep(0)
        self._expire()
        return MemoryReading(self._state, self.last_sequence, self.now, self.exact)

    async def events(self, after: int, limit: int, wait_s: float = 0.0) -> list[LoggedEvent]:
        if after >= self.last_sequence and wait_s > 0:
            try:
                await asyncio.wait_for(self._news.wait(), wait_s)
            except TimeoutError:
                return []
        return self._log[after : after + limit]

    def follow(self, follower: Follower, *, waits: bool = True) -> Callable[[], None]:
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    @property
    def writable(self) -> bool:
        return self.broken is None

    @property
    def last_sequence(self) -> int:
        return len(self._log)

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """The domain's view."""
        return self._state.get(table, key)

    def open_reservation(self, store_id: str, sku: str, user_id: str) -> str | None:
        """The domain's view."""
        wanted = (ACTIVE, store_id, user_id, [sku])
        for key, held in self._state.records(RESERVATION).items():
            skus = [line.sku for line in held.lines]
            found = (held.status, held.store_id, held.user_id, skus)
            if found == wanted and self.get(ORDER, key) is None:
                return key[0]
        return None

    def next_release(self, store_id: str, sku: str) -> int | None:
        """The domain's view."""
        return min(
            (
                held.expires_at
                for held in self._state.records(RESERVATION).values()
                if held.status == ACTIVE
                and held.expires_at is not None
                and held.store_id == store_id
                and any(line.sku == sku for line in held.lines)
            ),
            default=None,
        )

    @property
    def thresholds(self) -> Mapping[str, int]:
        """The domain's view."""
        return self._state.thresholds

    def each(self, table: Table[RecordT]) -> Iterable[RecordT]:
        """The domain's view."""
        return list(self._state.records(table).values())

    def stock_of_sku(self, sku: str) -> Iterable[StockRecord]:
        """The domain's view."""
        return [each for key, each in self._state.records(STOCK).items() if key[1] == sku]

    def stock_of_store(self, store_id: str) -> Iterable[StockRecord]:
        """The domain's view."""
        return [each for key, each in self._state.records(STOCK).items() if key[0] == store_id]

    def _refuse_if_broken(self) -> None:
        if self.commands_left is not None:
            if self.commands_left == 0:
                self.broken = Unavailable("read_only", "The disk is full.", 1500)
            self.commands_left -= 1
        if self.broken is not None:
            raise self.broken

    def _expire(self) -> None:
        due: list[Action] = [
            ExpireReservation(held.reservation_id)
            for held in self._state.records(RESERVATION).values()
            if held.status == ACTIVE and held.expires_at is not None and held.expires_at <= self.now
        ]
        lifted: list[Action] = [
            LiftOut(record.store_id, record.sku)
            for record in self._state.records(STOCK).values()
            if record.out_until is not None and record.out_until <= self.now
        ]
        for action in [*due, *lifted]:
            self._own += 1
            command = Command(action, f"own-{self._own}", "system", "-")
            decided = decide(self, command, self.last_sequence + 1, self.now)
            if isinstance(decided, Event):
                self._keep(decided)

    def _keep(self, event: Event) -> None:
        changes = evolve(self, event)
        forgotten = self._state.apply(changes, event.ts)
        self._log.append(LoggedEvent(event.sequence, orjson.dumps(event_json(event))))
        for follower in tuple(self._followers):
            follower(event, changes + forgotten)
        self._news.set()
        self._news = asyncio.Event()
