"""Latency as an operator gets it who sets nothing: a few requests a second, at fixed instants."""

from collections import Counter
from pathlib import Path
from typing import Final

from bench.errors import BenchFailed
from bench.figures import Figure, Target, latency_figures, percentile
from bench.machine import Cores
from bench.open_loop import Timed, post, run_schedule
from bench.plan import Plan
from bench.stock import SKUS, fill, holdfast, reserve_body, reserve_path

RATE_PER_S: Final = 50
_P50_MS: Final = Target("below", 50)
_P95_MS: Final = Target("below", 150)


def at_default_settings(folder: Path, plan: Plan, cores: Cores | None) -> list[Timed]:
    """Reserve at a Holdfast of which no setting was changed.

    Raises:
        BenchFailed: an answer was no 201.
    """
    core = None if cores is None else cores.server
    with holdfast("holdfast-at-defaults", folder / "defaults", core, {}) as stock:
        fill(stock)
        timed = run_schedule(
            stock.port,
            lambda rng: post(reserve_path(rng.randrange(SKUS)), reserve_body(rng)),
            rate_per_s=RATE_PER_S,
            seconds=plan.latency_s,
            connections=plan.pace.connections,
            seed=plan.pace.seed,
        )
    require_created(timed)
    return timed


def require_created(timed: list[Timed]) -> None:
    """See that every request made a reservation.

    Raises:
        BenchFailed: one did not.
    """
    other = Counter(each.status for each in timed if each.status != 201)
    if other:
        raise BenchFailed(f"Some answers were no 201: {dict(other)}")


def default_figures(timed: list[Timed]) -> list[Figure]:
    """The distribution of the latencies."""
    answered = [each.answered_ms for each in timed]
    sent = [each.sent_ms for each in timed]
    group = f"defaults, {RATE_PER_S} a second"
    late = percentile(sent, 50)
    return [
        *latency_figures("default", group, answered, {"p50": _P50_MS, "p95": _P95_MS}),
        Figure("default_late_ms", f"{group}: sent late, p50", "ms", late),
    ]
