"""Loads that take turns: in every round each load gets one slice of time, in changing order.

While one server is measured, the others are stopped: nothing of theirs, no timer and no
checkpoint, runs on the core. What fell due meanwhile they do when their own slice begins.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.errors import BenchFailed
from bench.figures import paired_ratios
from bench.machine import Cores
from bench.procfs import TICKS_PER_S, CoreTicks, core_now
from bench.server import REST_S, Server
from bench.stock import TTL_S, USERS, last_sequence
from bench.wrk import Answers, load

_RESTS_MAX: Final = 100


@dataclass(frozen=True)
class Load:
    """What is sent to whom.

    `writes`: reservations are asked for, else records; `etag`: the menu that the clients have is
    asked for, instead of either; `counted`: every answer must show as an event that the server
    keeps; `any_core`: the database behind it may use every core.
    """

    name: str
    server: Server
    skus: int
    writes: bool = True
    counted: bool = True
    any_core: bool = False
    etag: str | None = None

    def script_args(self, seed: int) -> tuple[int | str, ...]:
        """What the load script is called with."""
        if self.etag is not None:
            return ("menu", seed, self.etag)
        return ("reserve" if self.writes else "read", seed, self.skus, USERS, TTL_S)


@dataclass(frozen=True)
class Slice:
    """One load in one round.

    Shares of a core's time, 0 to 1: `driver` is what the load generator used of its own core;
    `foreign`, `driver_foreign` and `steal` are what others took of either core, and what the host
    took of the server's.
    """

    load: str
    round: int
    answers: Answers
    cpu_us_per_request: float
    driver: float
    foreign: float | None
    driver_foreign: float | None
    steal: float | None
    first_sequence: int
    last_sequence: int

    @property
    def per_s(self) -> float:
        return self.answers.requests / self.answers.seconds

    def to_json(self) -> dict[str, Any]:
        """The slice as a result file shows it."""
        answers = self.answers._asdict()
        return {**vars(self), "per_s": self.per_s, "answers": answers}


@dataclass(frozen=True)
class Pace:
    rounds: int
    seconds: int
    connections: int
    seed: int


def order(loads: Sequence[Load], number: int) -> list[Load]:
    """The turns of a round; every second one goes backwards, so that nobody is always first."""
    return list(loads) if number % 2 == 0 else list(reversed(loads))


def take_turns(
    loads: Sequence[Load], pace: Pace, cores: Cores | None, on_slice: Callable[[str], None]
) -> list[Slice]:
    """Measure every load in every round. All servers are paused before and after.

    Raises:
        BenchFailed: a client saw an error, or the answers do not match what was written.
    """
    slices = []
    for number in range(pace.rounds):
        for turn, each in enumerate(order(loads, number)):
            on_slice(f"round {number + 1} of {pace.rounds}: {each.name}")
            slices.append(measure(each, number, pace, cores, pace.seed + 100 * number + turn))
    return slices


def measure(each: Load, number: int, pace: Pace, cores: Cores | None, seed: int) -> Slice:
    """Measure one load once. Its server's CPU time counts until it is at rest again."""
    server = each.server
    server.resume()
    if each.any_core:
        server.let_database_use(all_cores())
    first = last_sequence(server) if each.counted else 0
    watch = _Watch(server, cores)
    answers, driver_cpu_s = load(
        server.url,
        seconds=pace.seconds,
        connections=pace.connections,
        core=None if cores is None else cores.load,
        script_args=each.script_args(seed),
    )
    driver_foreign = watch.driver_foreign(driver_cpu_s)
    server.settle()
    cpu_s = watch.cpu_s()
    foreign, steal = watch.foreign(cpu_s), watch.steal()
    last = _sequence_at_rest(server) if each.counted else 0
    if each.any_core and cores is not None:
        server.let_database_use({cores.server})
    server.pause()
    if each.counted:
        require_events(each.name, answers.requests, last - first, pace.connections)
    return Slice(
        load=each.name,
        round=number,
        answers=answers,
        cpu_us_per_request=cpu_s * 1e6 / answers.requests,
        driver=driver_cpu_s / answers.seconds,
        foreign=foreign,
        driver_foreign=driver_foreign,
        steal=steal,
        first_sequence=first,
        last_sequence=last,
    )


def _sequence_at_rest(server: Server) -> int:
    """How many events there are once no more come: who waits for a slow disk uses no CPU time.

    Raises:
        BenchFailed: more and more come.
    """
    found = last_sequence(server)
    for _ in range(_RESTS_MAX):
        time.sleep(REST_S)
        before, found = found, last_sequence(server)
        if found == before:
            return found
    raise BenchFailed(f"{server.name} goes on writing after the load ended.")


def require_events(name: str, answered: int, events: int, connections: int) -> None:
    """See that each answer is an event, but for those that were under way at the end.

    Raises:
        BenchFailed: something was answered that was not written, or written unasked.
    """
    if not answered <= events <= answered + connections:
        raise BenchFailed(f"{name}: {answered} answers, but {events} events.")


def all_cores() -> set[int]:
    """Every core that is there, also those that the bench itself keeps off."""
    return set(range(os.cpu_count() or 1))


class _Watch:
    """What a server and both cores do from now on."""

    def __init__(self, server: Server, cores: Cores | None) -> None:
        self._server = server
        self._cores = cores
        self._server_core = None if cores is None else core_now(cores.server)
        self._load_core = None if cores is None else core_now(cores.load)
        self._cpu_s = server.cpu_s

    def cpu_s(self) -> float:
        return self._server.cpu_s - self._cpu_s

    def foreign(self, own_cpu_s: float) -> float | None:
        if self._cores is None or self._server_core is None:
            return None
        return foreign_share(self._server_core, core_now(self._cores.server), own_cpu_s)

    def driver_foreign(self, own_cpu_s: float) -> float | None:
        if self._cores is None or self._load_core is None:
            return None
        return foreign_share(self._load_core, core_now(self._cores.load), own_cpu_s)

    def steal(self) -> float | None:
        if self._cores is None or self._server_core is None:
            return None
        return stolen(self._server_core, core_now(self._cores.server))


def stolen(before: CoreTicks, after: CoreTicks) -> float:
    """The share of the time that the host gave this core to somebody else."""
    return (after.steal - before.steal) / _total(before, after)


def foreign_share(before: CoreTicks, after: CoreTicks, own_cpu_s: float) -> float:
    """The share of the time that a core worked for others than the process it is meant for."""
    foreign = after.busy - before.busy - own_cpu_s * TICKS_PER_S
    return max(foreign, 0.0) / _total(before, after)


def _total(before: CoreTicks, after: CoreTicks) -> int:
    return max(sum(after) - sum(before), 1)


def by_round(
    slices: Sequence[Slice], name: str, value: Callable[[Slice], float]
) -> dict[int, float]:
    """One number of each slice of a load, keyed by round."""
    return {each.round: value(each) for each in slices if each.load == name}


def throughput_ratios(slices: Sequence[Slice], above: str, below: str) -> list[float]:
    """How many requests a second one load had for each of the other, per round."""
    return paired_ratios(
        by_round(slices, above, lambda each: each.per_s),
        by_round(slices, below, lambda each: each.per_s),
    )


def cpu_ratios(slices: Sequence[Slice], above: str, below: str) -> list[float]:
    """The same as CPU time per request tells it, which other work on the machine blurs less."""
    return paired_ratios(
        by_round(slices, below, lambda each: each.cpu_us_per_request),
        by_round(slices, above, lambda each: each.cpu_us_per_request),
    )
