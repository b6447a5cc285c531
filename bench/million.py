"""A large chain: starting with a million stock records, and saving all of them while serving.

The folder begins as a journal without a checkpoint. So the first checkpoint has to write every
record there is, which is the worst one can be, and it does so while clients reserve at fixed
instants. The second start builds on it.
"""

import random
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.children import measured_by
from bench.defaults import require_created
from bench.errors import BenchFailed
from bench.figures import Figure, Target, latency_figures, percentile
from bench.journal_maker import ROWS
from bench.machine import Cores
from bench.open_loop import Timed, post, run_schedule
from bench.plan import Plan, Say
from bench.procfs import rss_mib
from bench.stock import UNLIMITED, holdfast, reserve_body

RATE_PER_S: Final = 400
#: Requests before the checkpoint begins, to compare with.
BEFORE_S: Final = 10
#: A checkpoint of all that is slower than this, in records a second, is not waited for.
RECORDS_PER_S_MIN: Final = 40_000
_START_S_MAX: Final = 300
_START: Final = Target("at most", 10)
_MEMORY: Final = Target("below", 1024)
_RISE: Final = Target("at most", 50)
#: The checkpoint is due a fixed time after the first change, and the first request is under way
#: for a moment before that; the window opens a little early rather than late.
_EARLY_S: Final = 0.1


class Large(NamedTuple):
    """What a large store showed. The window is the checkpoint's, in s behind the first request."""

    records: int
    journal_start_s: float
    start_s: float
    memory_mib: float
    window: tuple[float, float]
    latencies: list[Timed]

    def to_json(self) -> dict[str, Any]:
        """What was seen, as a result file shows it."""
        return {**self._asdict(), "latencies": [each._asdict() for each in self.latencies]}


def run_million(folder: Path, plan: Plan, cores: Cores | None, say: Say) -> Large:
    """Make a large store, serve it without and with a checkpoint.

    Raises:
        BenchFailed: an answer was wrong, or no checkpoint came.
    """
    core = None if cores is None else cores.server
    data = folder / "million"
    say(f"making {plan.records:,} stock records")
    measured_by("bench.journal_maker", data, "wide", plan.records, plan.pace.seed, core=core)
    settings = UNLIMITED | {"CHECKPOINT_EVERY_S": str(BEFORE_S), "CHECKPOINT_EVERY_MB": "1000000"}
    say(f"starting with {plan.records:,} records, without a checkpoint")
    with holdfast("holdfast-million-1", data, core, settings, _START_S_MAX) as server:
        journal_start_s = server.start_s
        say(f"saving {plan.records:,} records while serving")
        began = time.time()
        timed = _reserve(server.port, plan)
        end_s = _checkpointed_at(data) - began
    require_created(timed)
    say(f"starting with {plan.records:,} records, from a checkpoint")
    with holdfast("holdfast-million-2", data, core, UNLIMITED, _START_S_MAX) as server:
        start_s, memory_mib = server.start_s, rss_mib(server.pid)
    window = (BEFORE_S - _EARLY_S, end_s)
    return Large(plan.records, journal_start_s, start_s, memory_mib, window, timed)


def _reserve(port: int, plan: Plan) -> list[Timed]:
    def request(rng: random.Random) -> bytes:
        store, sku = divmod(rng.randrange(plan.records), ROWS)
        path = f"/api/v1/stores/STORE{store:04d}/inventory/SKU{sku:04d}/reserve"
        return post(path, reserve_body(rng))

    return run_schedule(
        port,
        request,
        rate_per_s=RATE_PER_S,
        seconds=BEFORE_S + 5 + plan.records // RECORDS_PER_S_MIN,
        connections=plan.pace.connections,
        seed=plan.pace.seed,
    )


def _checkpointed_at(data: Path) -> float:
    """When the first checkpoint was in place, in seconds since 1970."""
    state = data / "tenants/default/state"
    # A second one, of the few records that changed meanwhile, makes the first the older.
    for name in ("MANIFEST.1.json", "MANIFEST.json"):
        if (state / name).exists():
            return (state / name).stat().st_mtime
    raise BenchFailed("No checkpoint came while clients reserved.")


def during(large: Large) -> tuple[list[float], list[float]]:
    """Latencies in ms of requests due before the checkpoint began, and of those during it."""
    first, last = large.window
    at = [number / RATE_PER_S for number in range(len(large.latencies))]
    timed = sorted(large.latencies, key=lambda each: each.number)
    both = list(zip(at, timed, strict=True))
    before = [each.answered_ms for due, each in both if due < first]
    within = [each.answered_ms for due, each in both if first <= due <= last]
    if not within:
        raise BenchFailed(f"No request fell into the checkpoint's time: {large.window}")
    return before, within


def million_figures(large: Large) -> list[Figure]:
    """The figures of a large store."""
    before, within = during(large)
    rise = percentile(within, 99) - percentile(before, 99)
    first, last = large.window
    what = f"{large.records:,} stock records"
    calm, stirred = f"{what}, {RATE_PER_S} a second", f"{what}, during a checkpoint of all"
    return [
        Figure(
            "million_start_s", f"{what}: start from a checkpoint", "s", large.start_s, target=_START
        ),
        Figure("million_mib", f"{what}: memory", "MiB", large.memory_mib, target=_MEMORY),
        Figure("million_rise_ms", f"{stirred}: p99 rises by", "ms", rise, target=_RISE),
        Figure("million_checkpoint_s", f"{what}: a checkpoint of all takes", "s", last - first),
        Figure(
            "million_journal_start_s",
            f"{what}: start from the journal alone",
            "s",
            large.journal_start_s,
        ),
        *latency_figures("million_before", calm, before),
        *latency_figures("million_during", stirred, within),
    ]
