"""The peer of the batch: the pure functions in a loop, in one process, without I/O.

A reservation with an idempotency key is decided, its event evolved into changes, these are put
into the state, the event is encoded, and a thousand events are framed with chain and checksum, as
one flush would be. What a batch costs beyond that is HTTP, validation, waiting and the disk.
"""

import random
import sys
import time
from collections.abc import Iterable
from typing import Final

import orjson

from bench.serving import collect_as_the_service_does
from bench.stock import ON_HAND, SKUS, STORE, TTL_S, USERS, sku
from holdfast.domain.commands import Command, Idempotency, ReserveStock
from holdfast.domain.decide import decide
from holdfast.domain.events import Event
from holdfast.domain.evolve import evolve
from holdfast.domain.records import STOCK, Line, RecordT, StockRecord, Table
from holdfast.domain.state import State
from holdfast.journal import START, Cursor
from holdfast.journal.frame import encode_batch
from holdfast.ledger.codec import encode_event

_KEY_TTL_MS: Final = 300_000


class Opening(State):
    """A state that decisions can be made on; what it lacks is an index that no reserve needs."""

    def open_reservation(self, store_id: str, sku: str, user_id: str) -> str | None:  # noqa: ARG002 - the port names them
        """Return None: nobody asks to reuse a reservation."""
        return None

    def next_release(self, store_id: str, sku: str) -> int | None:  # noqa: ARG002 - the port names them
        """Return None: no hint is given with a refusal."""
        return None

    def each(self, table: Table[RecordT]) -> Iterable[RecordT]:
        """Walk all records of a table."""
        return self.records(table).values()

    def stock_of_sku(self, sku: str) -> Iterable[StockRecord]:
        """Walk the stock records of a SKU."""
        return (each for each in self.each(STOCK) if each.sku == sku)

    def stock_of_store(self, store_id: str) -> Iterable[StockRecord]:
        """Walk the stock records of a store."""
        return (each for each in self.each(STOCK) if each.store_id == store_id)


def commands_of(rng: random.Random, batch: int) -> list[Command]:
    """Make one reservation of every SKU, as a batch asks for them."""
    return [
        Command(
            ReserveStock(
                f"r-{batch}-{number}",
                STORE,
                f"user-{rng.randrange(USERS):06d}",
                (Line(sku(number), 1),),
                TTL_S * 1000,
            ),
            f"e-{batch}-{number}",
            "anonymous",
            f"q-{batch}",
            Idempotency(f"k-{batch}-{number}", f"{rng.getrandbits(128):032x}", _KEY_TTL_MS),
        )
        for number in range(SKUS)
    ]


def decide_all(state: Opening, commands: list[Command], after: Cursor) -> tuple[bytes, Cursor]:
    """Decide commands one after another; return their frames, and the cursor behind them."""
    events: list[bytes] = []
    for sequence, command in enumerate(commands, after.sequence + 1):
        event = decide(state, command, sequence, time.time_ns() // 1_000_000)
        assert isinstance(event, Event), event
        state.apply(evolve(state, event), event.ts)
        events.append(encode_event(event))
    return encode_batch(after, events)


def opening() -> Opening:
    """Plenty of every SKU."""
    state = Opening()
    for number in range(SKUS):
        record = StockRecord(STORE, sku(number), ON_HAND, 0, False, None, None, 1, 0)
        state.put((STOCK, record.key, record))
    return state


def measured(seconds: float, seed: int) -> dict[str, float]:
    """Decide batch after batch for some seconds; making commands does not count.

    Returns:
        `per_s`: decisions a second; `cpu_us`: CPU time of each.
    """
    rng, state, cursor = random.Random(seed), opening(), START
    spent_s = cpu_s = 0.0
    while spent_s < seconds:
        commands = commands_of(rng, cursor.sequence)
        started, cpu_before = time.perf_counter(), time.process_time()
        _, cursor = decide_all(state, commands, cursor)
        spent_s += time.perf_counter() - started
        cpu_s += time.process_time() - cpu_before
    return {"per_s": cursor.sequence / spent_s, "cpu_us": cpu_s * 1e6 / cursor.sequence}


if __name__ == "__main__":
    collect_as_the_service_does()
    print(orjson.dumps(measured(float(sys.argv[1]), int(sys.argv[2]))).decode())
