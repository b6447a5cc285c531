"""The figures of the turns: ratios within each round, and what every load had by itself."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from bench.figures import Figure, Target
from bench.rounds import Slice, by_round, cpu_ratios, throughput_ratios
from bench.stock import SKUS, events_per_flush
from bench.turns import (
    BARE,
    BARE_READ,
    HOT,
    KEYS,
    POSTGRES,
    POSTGRES_ANY_CORE,
    POSTGRES_ONE_STATEMENT,
    READ,
    REDIS,
    REDIS_ANY_CORE,
    SPREAD,
    SQLITE,
    Turns,
)


class Comparison(NamedTuple):
    """Two loads of one run, and how many times the one must be the other."""

    part: str
    key: str
    title: str
    above: str
    below: str
    target: Target | None = None


COMPARISONS: Final = (
    Comparison(
        "reserve",
        "reserve_vs_bare",
        "single durable reserve / bare route",
        SPREAD,
        BARE,
        Target("at least", 0.55),
    ),
    Comparison(
        "reserve",
        "hot_vs_spread",
        f"one hot SKU / {SKUS:,} SKUs",
        HOT,
        SPREAD,
        Target("at least", 0.95),
    ),
    Comparison(
        "read",
        "read_vs_bare",
        "read of a record / bare route",
        READ,
        BARE_READ,
        Target("at least", 0.8),
    ),
    Comparison(
        "sqlite",
        "reserve_vs_sqlite",
        "reserve / reserve over SQLite",
        SPREAD,
        SQLITE,
        Target("at least", 3),
    ),
    Comparison(
        "redis",
        "reserve_vs_redis",
        "reserve / reserve over Redis",
        SPREAD,
        REDIS,
        Target("at least", 1.5),
    ),
    Comparison(
        "redis",
        "reserve_vs_redis_any_core",
        "… with Redis on any core",
        SPREAD,
        REDIS_ANY_CORE,
    ),
    Comparison(
        "postgres",
        "reserve_vs_postgres",
        "reserve / reserve over PostgreSQL",
        SPREAD,
        POSTGRES,
        Target("at least", 4),
    ),
    Comparison(
        "postgres",
        "reserve_vs_postgres_any_core",
        "… with PostgreSQL on any core",
        SPREAD,
        POSTGRES_ANY_CORE,
    ),
    Comparison(
        "postgres",
        "reserve_vs_postgres_one_statement",
        "… in one statement",
        SPREAD,
        POSTGRES_ONE_STATEMENT,
    ),
)


def ratio_figures(turns: Turns, parts: frozenset[str]) -> Iterator[Figure]:
    """Every comparison that was asked for; without a value where a peer is missing."""
    measured = {each.load for each in turns.slices}
    for each in COMPARISONS:
        if each.part not in parts:
            continue
        if each.part in turns.not_measured:
            note = turns.not_measured[each.part]
            yield Figure(each.key, each.title, "", None, target=each.target, note=note)
        elif measured >= {each.above, each.below}:
            yield from _ratios(turns.slices, each)


def _ratios(slices: Sequence[Slice], each: Comparison) -> Iterator[Figure]:
    by_throughput = throughput_ratios(slices, each.above, each.below)
    yield Figure.over_rounds(each.key, each.title, "", by_throughput, each.target)
    yield Figure.over_rounds(
        f"{each.key}_cpu",
        "… by CPU time per request",
        "",
        cpu_ratios(slices, each.above, each.below),
    )


_OF_A_LOAD: Final[tuple[tuple[str, str, str, Callable[[Slice], float]], ...]] = (
    ("per_s", "requests a second", "/s", lambda each: each.per_s),
    ("cpu_us", "CPU per request", "µs", lambda each: each.cpu_us_per_request),
    ("p50_ms", "p50", "ms", lambda each: each.answers.p50_ms),
    ("p95_ms", "p95", "ms", lambda each: each.answers.p95_ms),
    ("p99_ms", "p99", "ms", lambda each: each.answers.p99_ms),
    ("worst_ms", "worst", "ms", lambda each: each.answers.max_ms),
)


def load_figures(turns: Turns) -> Iterator[Figure]:
    """What each load had by itself, and what it met."""
    measured = {each.load for each in turns.slices}
    for name in KEYS:
        if name in measured:
            for key, title, unit, value in _OF_A_LOAD:
                samples = list(by_round(turns.slices, name, value).values())
                yield Figure.over_rounds(f"{KEYS[name]}_{key}", title, unit, samples, group=name)
    for part, rates in turns.trials.items():
        for form, per_s in rates.items():
            key, group = f"{part}_trial_{form}", f"trial of {part}, {form}"
            yield Figure(key, "requests a second", "/s", per_s, group=group)
    yield from _flush_figures(turns)
    yield Figure("checkpoints", "checkpoints during the rounds", "", turns.checkpoints)


def _flush_figures(turns: Turns) -> Iterator[Figure]:
    for name in (SPREAD, HOT):
        samples = [
            events_per_flush(turns.batch_of, each.first_sequence, each.last_sequence)
            for each in turns.slices
            if each.load == name
        ]
        # Journal that was archived meanwhile can no longer be counted.
        known = [sample for sample in samples if sample is not None]
        if known:
            key = f"{KEYS[name]}_events_per_flush"
            yield Figure.over_rounds(key, f"{name}: events per flush", "", known)
