"""Every part of one run, in order, and what all of them found."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.batch import batch_figures, run_batches
from bench.defaults import at_default_settings, default_figures
from bench.disk import fdatasync_ms
from bench.doubts import doubts
from bench.figures import Figure, percentile
from bench.machine import Cores
from bench.menu import menu_figures, run_menu
from bench.million import million_figures, run_million
from bench.open_loop import samples
from bench.pizzeria import pizza_figures, run_pizzas
from bench.plan import Plan, Say
from bench.recovery import recovery_figures, run_recovery
from bench.turn_figures import load_figures, ratio_figures
from bench.turns import PARTS as TAKE_TURNS
from bench.turns import run_turns

_APPENDS: Final = 400


@dataclass
class Measured:
    """What a run found; `raw` are the samples behind the figures, ready for JSON."""

    figures: list[Figure] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)


def run(folder: Path, plan: Plan, cores: Cores | None, say: Say) -> Measured:
    """Measure all that the plan asks for.

    Raises:
        BenchFailed: a server or a client failed, so that there are no figures.
    """
    found = Measured()
    details: list[Figure] = []
    say("flushing to this disk")
    flushes = found.raw["fdatasync_ms"] = fdatasync_ms(folder, _APPENDS)
    if plan.parts & TAKE_TURNS:
        turns = run_turns(folder, plan, cores, say)
        found.figures += ratio_figures(turns, plan.parts)
        details += load_figures(turns)
        found.raw["slices"] = [each.to_json() for each in turns.slices]
        found.raw["trials"] = turns.trials
        found.doubts += doubts(plan, turns.slices)
    if "menu" in plan.parts:
        menus = run_menu(folder, plan, cores, say)
        found.figures += menu_figures(menus)
        found.raw["menu"] = menus.to_json()
        found.doubts += doubts(plan, menus.slices)
    if "pizzas" in plan.parts:
        year = run_pizzas(folder, plan, cores, say)
        found.figures += pizza_figures(year)
    if "batch" in plan.parts:
        rounds = run_batches(folder, plan, cores, say)
        found.figures += batch_figures(rounds)
        found.raw["batches"] = [each.to_json() for each in rounds]
    if "defaults" in plan.parts:
        say("a few requests a second at default settings")
        timed = at_default_settings(folder, plan, cores)
        found.figures += default_figures(timed)
        found.raw["latencies"] = samples(timed)
    if "recovery" in plan.parts:
        recoveries = run_recovery(folder, plan, cores, say)
        found.figures += recovery_figures(recoveries)
        found.raw["recoveries"] = recoveries
    if "million" in plan.parts:
        large = run_million(folder, plan, cores, say)
        found.figures += million_figures(large)
        found.raw["million"] = large.to_json()
    found.figures += [
        *details,
        Figure("fdatasync_p50_ms", "fdatasync of 4 KiB, p50", "ms", percentile(flushes, 50)),
        Figure("fdatasync_p99_ms", "fdatasync of 4 KiB, p99", "ms", percentile(flushes, 99)),
    ]
    return found
