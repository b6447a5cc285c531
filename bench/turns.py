"""The loads that take turns, and the servers that they meet."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.errors import BenchFailed
from bench.machine import Cores
from bench.peers.contest import PEERS, Peer, best, trials
from bench.plan import Plan, Say
from bench.rounds import Load, Pace, Slice, take_turns
from bench.server import Server
from bench.stock import (
    SKUS,
    UNLIMITED,
    bare_route,
    batches,
    checkpoint_sequence,
    fill,
    holdfast,
    record_bytes,
    reserved_bytes,
)

SPREAD: Final = f"reserve, {SKUS:,} SKUs"
HOT: Final = "reserve, one SKU"
BARE: Final = "bare route"
READ: Final = "read of a record"
BARE_READ: Final = "bare route, read"
SQLITE, REDIS, POSTGRES, POSTGRES_ONE_STATEMENT = (f"reserve over {peer.title}" for peer in PEERS)
ANY_CORE: Final = ", database on any core"
REDIS_ANY_CORE: Final = REDIS + ANY_CORE
POSTGRES_ANY_CORE: Final = POSTGRES + ANY_CORE

#: How a load is called in the names of its figures.
KEYS: Final = {
    SPREAD: "spread",
    HOT: "hot",
    BARE: "bare",
    READ: "read",
    BARE_READ: "bare_read",
    SQLITE: "sqlite",
    REDIS: "redis",
    REDIS_ANY_CORE: "redis_any_core",
    POSTGRES: "postgres",
    POSTGRES_ANY_CORE: "postgres_any_core",
    POSTGRES_ONE_STATEMENT: "postgres_one_statement",
}
#: The parts of a run that take turns.
PARTS: Final = frozenset({"reserve", "read", *(peer.part for peer in PEERS)})
#: Answers of two loads are as long as each other when they differ by less than this.
_BYTES_TOLERANCE: Final = 0.02
_TRIAL_S: Final = 2
#: The data folder of the Holdfast that takes turns, below the run's own.
_DATA: Final = "reserve"


@dataclass
class Turns:
    """What the turns showed.

    `trials` are requests a second of each form of a peer; `not_measured` is why a peer is
    missing; `batch_of` is the group commit of every event of Holdfast's.
    """

    slices: list[Slice] = field(default_factory=list)
    trials: dict[str, dict[str, float]] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)
    batch_of: dict[int, int] = field(default_factory=dict)
    checkpoints: int = 0


def run_turns(folder: Path, plan: Plan, cores: Cores | None, say: Say) -> Turns:
    """Start all servers that take part, and let their loads take turns.

    One Holdfast serves all of its loads in turn, so the state that grows weighs on all alike.
    """
    turns = Turns()
    with ExitStack() as stack:
        loads = _Stage(stack, folder, plan, cores, say).loads(turns)
        warm = Pace(1, plan.warm_s, plan.pace.connections, plan.pace.seed - 1)
        take_turns(loads, warm, cores, lambda text: say(f"warming up: {text}"))
        data = folder / _DATA
        turns.slices, turns.checkpoints = _watched_turns(loads, data, plan, cores, say)
    _require_equal_answers(turns.slices)
    turns.batch_of = batches(data)
    return turns


@dataclass(frozen=True)
class _Stage:
    """Where servers are started; they end with the stack, and are paused until their turn."""

    stack: ExitStack
    folder: Path
    plan: Plan
    cores: Cores | None
    say: Say

    @property
    def core(self) -> int | None:
        return None if self.cores is None else self.cores.server

    def loads(self, turns: Turns) -> list[Load]:
        """Start what the plan asks for; `turns` is told what is missing."""
        self.say("starting the servers")
        stock = self.stack.enter_context(
            holdfast("holdfast", self.folder / _DATA, self.core, UNLIMITED)
        )
        fill(stock)
        loads = [Load(SPREAD, stock, SKUS)]
        if "reserve" in self.plan.parts:
            loads.append(Load(HOT, stock, 1))
        if self.plan.parts & {"reserve", "read"}:
            loads += self._beside_the_bare_route(stock)
        stock.pause()
        for peer in PEERS:
            if peer.part in self.plan.parts:
                loads += self._peer(peer, turns)
        return loads

    def _beside_the_bare_route(self, stock: Server) -> Iterator[Load]:
        bare = self.stack.enter_context(self._bare_route(stock))
        bare.pause()
        if "reserve" in self.plan.parts:
            yield Load(BARE, bare, SKUS, counted=False)
        if "read" in self.plan.parts:
            yield Load(READ, stock, SKUS, writes=False, counted=False)
            yield Load(BARE_READ, bare, SKUS, writes=False, counted=False)

    def _bare_route(self, stock: Server) -> AbstractContextManager[Server]:
        return bare_route(
            self.folder, self.core, reserved=reserved_bytes(stock), record=record_bytes(stock)
        )

    def _peer(self, peer: Peer, turns: Turns) -> Iterator[Load]:
        """Start a peer in its fastest form; nothing, but the reason, where it is missing."""
        missing = peer.why_not()
        if missing is not None:
            turns.not_measured[peer.part] = missing
            return
        self.say(f"trying forms of {peer.title}")
        folder, pace = self.folder / peer.key, self.plan.pace
        folder.mkdir()
        daemon = self.stack.enter_context(peer.database(folder, self.core))
        trial = Pace(2, min(_TRIAL_S, pace.seconds), pace.connections, pace.seed)
        turns.trials[peer.key] = trials(peer, folder, daemon, self.cores, trial)
        form = best(turns.trials[peer.key])
        server = self.stack.enter_context(peer.running(folder, daemon, self.core, form))
        server.pause()
        yield Load(f"reserve over {peer.title}", server, SKUS)
        if peer.any_core and self.cores is not None:
            yield Load(f"reserve over {peer.title}{ANY_CORE}", server, SKUS, any_core=True)


def _watched_turns(
    loads: Sequence[Load], data: Path, plan: Plan, cores: Cores | None, say: Say
) -> tuple[list[Slice], int]:
    """Take the turns, and count the checkpoints that fell into them."""
    reached = {checkpoint_sequence(data)}

    def on_slice(text: str) -> None:
        reached.add(checkpoint_sequence(data))
        say(text)

    slices = take_turns(loads, plan.pace, cores, on_slice)
    reached.add(checkpoint_sequence(data))
    return slices, len(reached) - 1


def _require_equal_answers(slices: Sequence[Slice]) -> None:
    sizes = {each.load: each.answers.bytes_per_answer for each in slices}
    for load, size in sizes.items():
        wanted = sizes[READ] if load == BARE_READ else sizes[SPREAD]
        if load != READ and abs(size / wanted - 1) > _BYTES_TOLERANCE:
            raise BenchFailed(f"The answers do not have the same length: {sizes}")
