"""Every measurement of one run, in order, and the figures made of them."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.disk import fdatasync_ms
from bench.errors import BenchFailed
from bench.figures import Figure, Target, percentile
from bench.machine import Cores
from bench.open_loop import Timed, post, run_schedule
from bench.rounds import Load, Pace, Slice, by_round, cpu_ratios, take_turns, throughput_ratios
from bench.server import Server, free_port, running
from bench.stock import (
    SKUS,
    UNLIMITED,
    answer_bytes,
    batches,
    checkpoint_sequence,
    events_per_flush,
    fill,
    holdfast,
    plain_environment,
    reserve_body,
    reserve_path,
)

SPREAD: Final = f"reserve, {SKUS:,} SKUs"
HOT: Final = "reserve, one SKU"
BARE: Final = "bare route"

RESERVE_VS_BARE: Final = Target("at least", 0.5)
HOT_VS_SPREAD: Final = Target("at least", 0.9)
DEFAULT_P50_MS: Final = Target("below", 50)
DEFAULT_P95_MS: Final = Target("below", 150)
DEFAULT_RATE_PER_S: Final = 50
APPENDS: Final = 400
#: Answers of two loads are as long as each other when they differ by less than this.
_BYTES_TOLERANCE: Final = 0.02
#: More than this share of a core for others, and the figures are in doubt.
_FOREIGN_MAX: Final = 0.05
#: Turns shorter than this show that all works, and no more.
_SECONDS_MIN: Final = 3
#: A load generator as busy as this may itself be the bound.
_DRIVER_MAX: Final = 0.9
_KEYS: Final = {SPREAD: "spread", HOT: "hot", BARE: "bare"}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured. What the warm-up shows is thrown away."""

    pace: Pace
    warm_s: int
    latency_s: int


@dataclass(frozen=True)
class Measured:
    """What a run found."""

    figures: list[Figure]
    slices: list[Slice]
    latencies: list[Timed]
    doubts: list[str]


def run(folder: Path, plan: Plan, cores: Cores | None, say: Say) -> Measured:
    """Measure everything.

    Raises:
        BenchFailed: a server or a client failed, so that there are no figures.
    """
    say("flushing to this disk")
    flushes = fdatasync_ms(folder, APPENDS)
    slices, found = _turns(folder, plan, cores, say)
    say(f"{DEFAULT_RATE_PER_S} requests a second at default settings")
    latencies = _at_default_settings(folder, plan, cores)
    figures = [
        *_ratios(slices),
        *_latency_figures(latencies),
        *(figure for name in (SPREAD, HOT, BARE) for figure in _load_figures(slices, name)),
        *found,
        Figure("fdatasync_p50_ms", "fdatasync of 4 KiB, p50", "ms", percentile(flushes, 50)),
        Figure("fdatasync_p99_ms", "fdatasync of 4 KiB, p99", "ms", percentile(flushes, 99)),
    ]
    return Measured(figures, slices, latencies, doubts(plan, slices))


def _turns(
    folder: Path, plan: Plan, cores: Cores | None, say: Say
) -> tuple[list[Slice], list[Figure]]:
    """Run the loads that take turns.

    One Holdfast serves hot and spread in turn, so the state that grows weighs on both alike.
    """
    core = None if cores is None else cores.server
    data = folder / "reserve"
    with ExitStack() as stack:
        say("starting the servers")
        stock = stack.enter_context(holdfast("holdfast", data, core, UNLIMITED))
        fill(stock)
        size = answer_bytes(stock)
        stock.pause()
        bare = stack.enter_context(_bare_route(folder, core, size))
        bare.pause()
        loads = [
            Load(SPREAD, stock, SKUS, journaled=True),
            Load(HOT, stock, 1, journaled=True),
            Load(BARE, bare, SKUS, journaled=False),
        ]
        warm = Pace(1, plan.warm_s, plan.pace.connections, plan.pace.seed - 1)
        take_turns(loads, warm, cores, lambda text: say(f"warming up: {text}"))
        reached = {checkpoint_sequence(data)}

        def on_slice(text: str) -> None:
            reached.add(checkpoint_sequence(data))
            say(text)

        slices = take_turns(loads, plan.pace, cores, on_slice)
        reached.add(checkpoint_sequence(data))
    _require_equal_answers(slices)
    batch_of = batches(data)
    return slices, [
        *_flush_figures(slices, batch_of),
        Figure("checkpoints", "checkpoints during the rounds", "", len(reached) - 1),
    ]


def _bare_route(folder: Path, core: int | None, body_bytes: int) -> AbstractContextManager[Server]:
    port = free_port()
    return running(
        "bare-route",
        ["bench.bare_route", str(port), str(body_bytes)],
        environment=plain_environment(),
        port=port,
        ready_path="/health/readiness",
        folder=folder,
        core=core,
    )


def _require_equal_answers(slices: list[Slice]) -> None:
    sizes = {each.load: each.answers.bytes_per_answer for each in slices}
    if abs(sizes[SPREAD] / sizes[BARE] - 1) > _BYTES_TOLERANCE:
        raise BenchFailed(f"The answers do not have the same length: {sizes}")


def _at_default_settings(folder: Path, plan: Plan, cores: Cores | None) -> list[Timed]:
    core = None if cores is None else cores.server
    with holdfast("holdfast-at-defaults", folder / "defaults", core, {}) as stock:
        fill(stock)
        timed = run_schedule(
            stock.port,
            lambda rng: post(reserve_path(rng.randrange(SKUS)), reserve_body(rng)),
            rate_per_s=DEFAULT_RATE_PER_S,
            seconds=plan.latency_s,
            connections=plan.pace.connections,
            seed=plan.pace.seed,
        )
    other = Counter(each.status for each in timed if each.status != 201)
    if other:
        raise BenchFailed(f"At default settings some answers were no 201: {dict(other)}")
    return timed


def _ratios(slices: list[Slice]) -> list[Figure]:
    return [
        Figure.over_rounds(
            "reserve_vs_bare",
            "single durable reserve / bare route",
            "",
            throughput_ratios(slices, SPREAD, BARE),
            RESERVE_VS_BARE,
        ),
        Figure.over_rounds(
            "reserve_vs_bare_cpu",
            "… by CPU time per request",
            "",
            cpu_ratios(slices, SPREAD, BARE),
        ),
        Figure.over_rounds(
            "hot_vs_spread",
            f"one hot SKU / {SKUS:,} SKUs",
            "",
            throughput_ratios(slices, HOT, SPREAD),
            HOT_VS_SPREAD,
        ),
        Figure.over_rounds(
            "hot_vs_spread_cpu", "… by CPU time per request", "", cpu_ratios(slices, HOT, SPREAD)
        ),
    ]


def _latency_figures(timed: list[Timed]) -> list[Figure]:
    answered = [each.answered_ms for each in timed]
    what = f"defaults, {DEFAULT_RATE_PER_S}/s"
    return [
        Figure(
            "default_p50_ms", f"{what}, p50", "ms", percentile(answered, 50), target=DEFAULT_P50_MS
        ),
        Figure(
            "default_p95_ms", f"{what}, p95", "ms", percentile(answered, 95), target=DEFAULT_P95_MS
        ),
        Figure("default_p99_ms", f"{what}, p99", "ms", percentile(answered, 99)),
        Figure("default_max_ms", f"{what}, worst", "ms", max(answered)),
        Figure(
            "default_late_ms",
            f"{what}, sent late, p50",
            "ms",
            percentile([each.sent_ms for each in timed], 50),
        ),
    ]


def _load_figures(slices: list[Slice], name: str) -> list[Figure]:
    of: list[tuple[str, str, str, Callable[[Slice], float]]] = [
        ("per_s", "requests a second", "/s", lambda each: each.per_s),
        ("cpu_us", "CPU per request", "µs", lambda each: each.cpu_us_per_request),
        ("p50_ms", "latency p50", "ms", lambda each: each.answers.p50_ms),
        ("p99_ms", "latency p99", "ms", lambda each: each.answers.p99_ms),
    ]
    return [
        Figure.over_rounds(
            f"{_KEYS[name]}_{key}",
            f"{name}: {title}",
            unit,
            list(by_round(slices, name, value).values()),
        )
        for key, title, unit, value in of
    ]


def _flush_figures(slices: list[Slice], batch_of: dict[int, int]) -> list[Figure]:
    figures = []
    for name in (SPREAD, HOT):
        samples = [
            events_per_flush(batch_of, each.first_sequence, each.last_sequence)
            for each in slices
            if each.load == name
        ]
        # Journal that was archived meanwhile can no longer be counted.
        known = [sample for sample in samples if sample is not None]
        if known:
            key = f"{_KEYS[name]}_events_per_flush"
            figures.append(Figure.over_rounds(key, f"{name}: events per flush", "", known))
    return figures


def doubts(plan: Plan, slices: list[Slice]) -> list[str]:
    """Why these figures deserve less trust, as sentences."""
    found = []
    if plan.pace.seconds < _SECONDS_MIN:
        found.append(f"Turns of {plan.pace.seconds} s are too short for figures.")
    shares = [
        ("Other work took {:.0%} of the servers' core", [each.foreign for each in slices]),
        ("Other work took {:.0%} of the clients' core", [each.driver_foreign for each in slices]),
        ("The host took {:.0%} of the servers' core away", [each.steal for each in slices]),
    ]
    for sentence, samples in shares:
        share = median([sample or 0.0 for sample in samples])
        if share > _FOREIGN_MAX:
            found.append(f"{sentence.format(share)} (median slice).")
    for name in (SPREAD, HOT, BARE):
        driver = median(by_round(slices, name, lambda each: each.driver).values())
        if driver > _DRIVER_MAX:
            found.append(f"{name}: the load generator used {driver:.0%} of its core.")
    return found
