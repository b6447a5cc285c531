"""A large chain: starting with a million stock records, and saving all of them while serving.

The first start finds a checkpoint. Then the checkpoint is taken away, so that the second start
reads the journal, and the next checkpoint has to write every record there is: the worst one that
can be, made while clients reserve at fixed instants all over the chain.
"""

import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from bench.children import measured_by
from bench.defaults import require_created
from bench.errors import BenchFailed
from bench.figures import Figure, Target, latency_figures, percentile
from bench.large_store import make_large_store, sku_name, store_name
from bench.machine import Cores
from bench.open_loop import Timed, post, run_schedule, samples
from bench.plan import Plan, Say
from bench.procfs import forget_peak, peak_mib, rss_mib
from bench.server import Server
from bench.stock import UNLIMITED, holdfast, reserve_body

SKUS_PER_STORE: Final = 5_000
RATE_PER_S: Final = 400
#: Requests before the checkpoint begins, to compare with.
BEFORE_S: Final = 10
_CHECKPOINT_S_MAX: Final = 120
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
    start_s: float
    started_mib: float
    journal_start_s: float
    peak_mib: float
    window: tuple[float, float]
    latencies: list[Timed]

    def to_json(self) -> dict[str, Any]:
        """What was seen, as a result file shows it."""
        return {**self._asdict(), "latencies": samples(self.latencies)}


def run_million(folder: Path, plan: Plan, cores: Cores | None, say: Say) -> Large:
    """Make a large store; serve it with a checkpoint, and then without.

    Raises:
        BenchFailed: an answer was wrong, or no checkpoint came.
    """
    core = None if cores is None else cores.server
    data, what = folder / "million", f"{plan.records:,} records"
    say(f"making {what}")
    measured_by("bench.million", data, plan.records // SKUS_PER_STORE, SKUS_PER_STORE, core=core)
    say(f"starting with {what}, from a checkpoint")
    with holdfast("holdfast-million-1", data, core, UNLIMITED, _START_S_MAX) as server:
        start_s, started_mib = server.start_s, rss_mib(server.pid)
    state = data / "tenants/default/state"
    shutil.rmtree(state)
    settings = UNLIMITED | {"CHECKPOINT_EVERY_S": str(BEFORE_S), "CHECKPOINT_EVERY_MB": "1000000"}
    say(f"starting with {what}, from the journal alone")
    with holdfast("holdfast-million-2", data, core, settings, _START_S_MAX) as server:
        journal_start_s = server.start_s
        say(f"saving {what} while serving")
        forget_peak(server.pid)
        began = time.time()
        timed = _reserve_until_saved(server, state, plan)
        window = BEFORE_S - _EARLY_S, _saved_at(state) - began
        peak = peak_mib(server.pid)
    require_created(timed)
    return Large(plan.records, start_s, started_mib, journal_start_s, peak, window, timed)


def _reserve_until_saved(server: Server, state: Path, plan: Plan) -> list[Timed]:
    def request(rng: random.Random) -> bytes:
        store, sku = divmod(rng.randrange(plan.records), SKUS_PER_STORE)
        path = f"/api/v1/stores/{store_name(store)}/inventory/{sku_name(sku)}/reserve"
        return post(path, reserve_body(rng))

    return run_schedule(
        server.port,
        request,
        rate_per_s=RATE_PER_S,
        seconds=BEFORE_S + _CHECKPOINT_S_MAX,
        connections=plan.pace.connections,
        seed=plan.pace.seed,
        is_enough=lambda: _first_manifest(state) is not None,
    )


def _first_manifest(state: Path) -> Path | None:
    # A second checkpoint, of what changed meanwhile, makes the first the older one.
    found = (state / name for name in ("MANIFEST.1.json", "MANIFEST.json"))
    return next((path for path in found if path.exists()), None)


def _saved_at(state: Path) -> float:
    """When the first checkpoint was in place, in seconds since 1970."""
    manifest = _first_manifest(state)
    if manifest is None:
        raise BenchFailed(f"No checkpoint came within {_CHECKPOINT_S_MAX} s.")
    return manifest.stat().st_mtime


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
        Figure("million_mib", f"{what}: memory, at most", "MiB", large.peak_mib, target=_MEMORY),
        Figure("million_rise_ms", f"{stirred}: p99 rises by", "ms", rise, target=_RISE),
        Figure("million_started_mib", f"{what}: memory after a start", "MiB", large.started_mib),
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


if __name__ == "__main__":
    make_large_store(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print(orjson.dumps({}).decode())
