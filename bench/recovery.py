"""Recovery from the journal alone, as a multiple of what parsing its JSON takes."""

from pathlib import Path
from typing import Any, Final

from bench.children import measured_by
from bench.errors import BenchFailed
from bench.figures import Figure, Target
from bench.machine import Cores
from bench.plan import Plan, Say

ROUNDS: Final = 3
_VS_LOADS: Final = Target("at most", 12)


def run_recovery(folder: Path, plan: Plan, cores: Cores | None, say: Say) -> list[dict[str, Any]]:
    """Make a journal of mixed events, and read it a few times.

    Raises:
        BenchFailed: what was read is not what was written.
    """
    core = None if cores is None else cores.server
    data = folder / "recovery"
    say(f"making a journal of {plan.events:,} events")
    made = measured_by("bench.journal_maker", data, plan.events, plan.pace.seed, core=core)
    rounds = []
    for number in range(ROUNDS):
        say(f"reading {plan.events:,} events, round {number + 1} of {ROUNDS}")
        found = measured_by("bench.replay", data, core=core)
        if not made["sequence"] == found["sequence"] == found["lines"] == plan.events:
            raise BenchFailed(f"{plan.events} events were asked for, {made} made, {found} read.")
        rounds.append({**found, "chain": made["chain"]})
    return rounds


def recovery_figures(rounds: list[dict[str, Any]]) -> list[Figure]:
    """The figures of the recovery."""
    what = f"recovery of {rounds[0]['lines']:,} events"

    def over(name: str) -> list[float]:
        return [each[name] for each in rounds]

    def ratios(above: str, below: str) -> list[float]:
        return [each[above] / each[below] for each in rounds]

    by_time, by_cpu = ratios("recover_s", "loads_s"), ratios("recover_cpu_s", "loads_cpu_s")
    return [
        Figure.over_rounds("recovery_vs_loads", f"{what} / orjson.loads", "", by_time, _VS_LOADS),
        Figure.over_rounds("recovery_vs_loads_cpu", "… by CPU time", "", by_cpu),
        Figure.over_rounds("recovery_s", f"{what} from the journal alone", "s", over("recover_s")),
        Figure.over_rounds("loads_s", "… orjson.loads over its lines", "s", over("loads_s")),
        Figure.over_rounds("recovery_mib", "… memory afterwards", "MiB", over("rss_mib")),
    ]
