"""A journal of any size, made of a seed by the project's own decisions and its own writer.

It is a chain's day: goods come in, are reserved, bought, given back or left to expire, are moved
and counted. The same seed makes the same events, byte for byte, on every machine: the chain of
the last one proves it.
"""

import asyncio
import heapq
import random
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import orjson

from bench.bare_decisions import Opening
from holdfast.domain.commands import (
    Action,
    AdjustStock,
    CancelReservation,
    Command,
    ConfirmReservation,
    CountStock,
    ExpireReservation,
    Idempotency,
    ReceiveStock,
    ReserveStock,
    ShipStock,
    TransferStock,
)
from holdfast.domain.decide import decide
from holdfast.domain.events import Event
from holdfast.domain.evolve import evolve
from holdfast.domain.records import Line
from holdfast.domain.rejections import Rejected
from holdfast.journal import Cursor, Journal, OsDisk, create, recover
from holdfast.ledger.codec import encode_event
from holdfast.tenancy import DEFAULT_TENANT

#: A command, and the time at which it is decided, in ms.
Asked = tuple[Command, int]

#: 2026-01-01T00:00:00Z, in ms.
_BEGIN_MS: Final = 1_767_225_600_000
#: Events that share a flush: about as many as 64 busy clients give.
_FLUSH: Final = 64
_TTL_MS: Final = 300_000
STORES: Final = 50
SKUS_PER_STORE: Final = 400


def mixed(seed: int) -> Iterator[Asked]:
    """An endless day of a chain of stores."""
    return _Day(seed).commands()


class _Day:
    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._now = _BEGIN_MS
        self._number = 0
        #: Ids and users of reservations that were asked for; some were refused or have ended.
        self._open: list[tuple[str, str]] = []
        self._deadlines: list[tuple[int, str]] = []

    def commands(self) -> Iterator[Asked]:
        for store in range(STORES):
            for sku in range(SKUS_PER_STORE):
                action = ReceiveStock(_store(store), _sku(sku), self._rng.randrange(100, 10_000))
                yield self._command(action), self._now
        while True:
            self._now += self._rng.randrange(20)
            while self._deadlines and self._deadlines[0][0] <= self._now:
                _, expired = heapq.heappop(self._deadlines)
                yield self._command(ExpireReservation(expired)), self._now
            yield self._command(self._action()), self._now

    def _command(self, action: Action) -> Command:
        self._number += 1
        key = None
        if self._rng.random() < 0.3:
            fingerprint = f"{self._rng.getrandbits(128):032x}"
            key = Idempotency(f"key-{self._number}", fingerprint, _TTL_MS)
        return Command(action, self._id(), "anonymous", self._id(), key)

    def _id(self) -> str:
        """An id that rises with time, as UUIDv7 does."""
        at, more = f"{self._now:012x}", f"{self._rng.getrandbits(72):018x}"
        return f"{at[:8]}-{at[8:]}-7{more[:3]}-8{more[3:6]}-{more[6:]}"

    def _action(self) -> Action:
        rng = self._rng
        kind = rng.random()
        store, sku, qty = _store(rng.randrange(STORES)), self._any_sku(), rng.randrange(1, 20)
        if kind < 0.45:
            return self._reserve(store, sku)
        if kind < 0.75 and self._open:
            return self._end(confirms=kind < 0.65)
        if kind < 0.82:
            return ShipStock(store, sku, qty)
        if kind < 0.90:
            return ReceiveStock(store, sku, 3 * qty)
        if kind < 0.95:
            return AdjustStock(store, sku, -qty, reason="broken")
        if kind < 0.98:
            return CountStock(store, sku, rng.randrange(100, 10_000))
        to_store = _store(rng.randrange(STORES))
        return TransferStock(store, to_store, (Line(sku, qty), Line(self._any_sku(), qty)))

    def _any_sku(self) -> str:
        # A few goods sell far more than all the others.
        return _sku(int(SKUS_PER_STORE * self._rng.random() ** 3))

    def _reserve(self, store: str, sku: str) -> ReserveStock:
        mine, user = self._id(), f"user-{self._rng.randrange(100_000):06d}"
        self._open.append((mine, user))
        heapq.heappush(self._deadlines, (self._now + _TTL_MS, mine))
        lines = (Line(sku, self._rng.randrange(1, 4)),)
        return ReserveStock(mine, store, user, lines, _TTL_MS)

    def _end(self, *, confirms: bool) -> ConfirmReservation | CancelReservation:
        place = self._rng.randrange(len(self._open))
        self._open[place], self._open[-1] = self._open[-1], self._open[place]
        mine, user = self._open.pop()
        return ConfirmReservation(mine, user) if confirms else CancelReservation(mine, user)


def _store(number: int) -> str:
    return f"STORE{number:04d}"


def _sku(number: int) -> str:
    return f"SKU{number:04d}"


def events(asked: Iterator[Asked]) -> Iterator[bytes]:
    """Decide commands one after another; what is refused leaves no event."""
    state = Opening()
    sequence = 1
    for command, now in asked:
        try:
            event = decide(state, command, sequence, now)
        except Rejected:
            continue
        if isinstance(event, Event):
            state.apply(evolve(state, event), event.ts)
            sequence += 1
            yield encode_event(event)


async def write(data_dir: Path, made: Iterator[bytes]) -> Cursor:
    """Write a journal of these events into a data folder, durably; return its end."""
    folder, disk = data_dir / "tenants" / DEFAULT_TENANT / "journal", OsDisk()
    create(folder, DEFAULT_TENANT, disk)
    recovered = recover(folder, DEFAULT_TENANT, disk, lambda _: None)
    journal = Journal(
        folder,
        DEFAULT_TENANT,
        recovered,
        disk,
        on_durable=lambda _: None,
        on_failed=lambda _: None,
    )
    journal.open()
    while together := list(islice(made, _FLUSH)):
        *_, flushed = [journal.append(json) for json in together]
        await flushed
    await journal.seal()
    return journal.durable


def main(data_dir: Path, size: int, seed: int) -> None:
    """Write a journal, and print where it ends."""
    end = asyncio.run(write(data_dir, islice(events(mixed(seed)), size)))
    print(orjson.dumps({"sequence": end.sequence, "chain": end.chain.hex()}).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
