"""Batches of a thousand reservations: lines a second, beside the bare decisions."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from bench.children import measured_by
from bench.errors import BenchFailed
from bench.figures import Figure, Target, latency_figures
from bench.machine import Cores
from bench.open_loop import connect, post
from bench.plan import Plan, Say
from bench.rounds import require_events
from bench.stock import SKUS, STORE, TTL_S, UNLIMITED, USERS, fill, holdfast, last_sequence, sku

#: Clients at once. Two keep the server busy; four leave no gap while a client makes its lines.
CLIENTS: Final = 4
LINES_PER_S: Final = Target("at least", 30_000)
VS_BARE_DECISIONS: Final = Target("at least", 0.4)
_DONE: Final = b'"status":201'


class Round(NamedTuple):
    """Lines a second and CPU time of a line, over HTTP and bare; and how long batches took."""

    per_s: float
    cpu_us: float
    bare_per_s: float
    bare_cpu_us: float
    took_ms: list[float]

    def to_json(self) -> dict[str, Any]:
        """The round as a result file shows it."""
        return self._asdict()


def body_of(rng: random.Random, batch: str) -> bytes:
    """A reservation of every SKU, each line with an idempotency key of its own."""
    rows = [
        {
            "op": "reserve",
            "storeId": STORE,
            "sku": sku(number),
            "qty": 1,
            "userId": f"user-{rng.randrange(USERS):06d}",
            "ttlSeconds": TTL_S,
            "idempotencyKey": f"{batch}-{number}",
        }
        for number in range(SKUS)
    ]
    return b"\n".join(map(orjson.dumps, rows))


def require_done(status: int, answer: bytes) -> None:
    """See that every line of a batch made a reservation.

    Raises:
        BenchFailed: one did not.
    """
    lines = answer.count(_DONE)
    if status != 200 or lines != SKUS:
        raise BenchFailed(f"A batch answered {status}, {lines} lines done: {answer[:300]!r}")


async def _ask(port: int, seconds: float, seed: int) -> tuple[float, list[float]]:
    """Send batches for some seconds; lines a second, and the milliseconds of each batch."""
    took_ms: list[float] = []
    started = time.perf_counter()

    async def client(number: int) -> None:
        rng = random.Random(seed * CLIENTS + number)
        connection = await connect(port)
        while time.perf_counter() - started < seconds:
            request = post("/api/v1/batch", body_of(rng, f"{rng.getrandbits(64):x}"))
            sent = time.perf_counter()
            status, answer = await connection.exchange(request)
            took_ms.append((time.perf_counter() - sent) * 1e3)
            require_done(status, answer)
        await connection.close()

    async with asyncio.TaskGroup() as clients:
        for number in range(CLIENTS):
            clients.create_task(client(number))
    return len(took_ms) * SKUS / (time.perf_counter() - started), took_ms


def run_batches(folder: Path, plan: Plan, cores: Cores | None, say: Say) -> list[Round]:
    """Let batches over HTTP and bare decisions take turns.

    Raises:
        BenchFailed: a line was refused, or is missing in the journal.
    """
    core = None if cores is None else cores.server
    rounds = []
    with holdfast("holdfast-batch", folder / "batch", core, UNLIMITED) as stock:
        fill(stock)
        for number in range(plan.pace.rounds + 1):
            say(f"batches, round {number} of {plan.pace.rounds}")
            seconds = plan.pace.seconds if number else plan.warm_s
            seed = plan.pace.seed + number
            first, cpu_before = last_sequence(stock), stock.cpu_s
            try:
                per_s, took_ms = asyncio.run(_ask(stock.port, seconds, seed))
            except (ExceptionGroup, OSError) as error:
                raise BenchFailed(f"The clients of the batches failed: {error!r}") from error
            stock.settle()
            lines = len(took_ms) * SKUS
            cpu_us = (stock.cpu_s - cpu_before) * 1e6 / lines
            require_events("batches", lines, last_sequence(stock) - first, 0)
            stock.pause()
            bare = measured_by("bench.bare_decisions", seconds, seed, core=core)
            stock.resume()
            if number:
                rounds.append(Round(per_s, cpu_us, bare["per_s"], bare["cpu_us"], took_ms))
    return rounds


def batch_figures(rounds: list[Round]) -> list[Figure]:
    """The figures of the batches."""
    took = [ms for each in rounds for ms in each.took_ms]
    per_s = [each.per_s for each in rounds]
    bare = [each.bare_per_s for each in rounds]
    by_time = [each.per_s / each.bare_per_s for each in rounds]
    by_cpu = [each.bare_cpu_us / each.cpu_us for each in rounds]
    group = f"batches of {SKUS:,} reserves"
    return [
        Figure.over_rounds("batch_per_s", f"{group}: lines a second", "/s", per_s, LINES_PER_S),
        Figure.over_rounds(
            "batch_vs_bare_decisions", f"{group} / bare decisions", "", by_time, VS_BARE_DECISIONS
        ),
        Figure.over_rounds("batch_vs_bare_decisions_cpu", "… by CPU time per line", "", by_cpu),
        Figure.over_rounds("bare_decisions_per_s", "bare decisions a second", "/s", bare),
        *latency_figures("batch", group, took),
    ]
