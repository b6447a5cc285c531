"""Which peers there are, how each is started, and which way of writing it is the fastest here.

A peer takes part in the form that serves most requests a second on this machine: each form has a
short trial before the rounds, and the trials' figures stand in the result.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bench.machine import Cores
from bench.peers.daemons import (
    INSTALL,
    Daemon,
    postgres,
    postgres_binaries,
    redis_is_installed,
    redis_server,
)
from bench.rounds import Load, Pace, measure
from bench.server import Server, free_port, running
from bench.stock import SKUS, plain_environment

_GROUP: Final = "python3 -m uv run --locked --group bench python -m bench"


@dataclass(frozen=True)
class Peer:
    """A database with a shop in front of it.

    `variants` are the forms that have a trial; `package` is the client that has to be there, and
    `is_installed` tells whether the database is.
    """

    part: str
    title: str
    module: str
    variants: tuple[str, ...]
    package: str
    is_installed: Callable[[], bool]
    database: Callable[[Path, int | None], AbstractContextManager[Daemon]]

    def why_not(self) -> str | None:
        """What has to be done before it can be measured; None: nothing."""
        if not self.is_installed():
            return f"{self.title} is not installed: {INSTALL}"
        if find_spec(self.package) is None:
            return f"the package {self.package} is missing: {_GROUP}"
        return None

    @contextmanager
    def running(
        self, folder: Path, daemon: Daemon, core: int | None, variant: str
    ) -> Iterator[Server]:
        """Serve one form of it until the block ends."""
        port = free_port()
        with running(
            f"{self.part}-{variant}",
            [self.module, str(port), *daemon.arguments, variant],
            environment=plain_environment(),
            port=port,
            ready_path="/health/readiness",
            folder=folder,
            core=core,
            daemon=daemon.pid,
        ) as server:
            yield server


@contextmanager
def _file(folder: Path, _: int | None) -> Iterator[Daemon]:
    """SQLite lives in the service's own process and needs no more than a path."""
    yield Daemon(None, (str(folder / "shop.sqlite3"),))


PEERS: Final = (
    Peer(
        "sqlite",
        "SQLite",
        "bench.peers.sqlite_shop",
        ("loop", "thread"),
        "sqlite3",
        lambda: True,
        _file,
    ),
    Peer(
        "redis",
        "Redis",
        "bench.peers.redis_shop",
        ("pool-16", "pool-64", "pipeline-1", "pipeline-2"),
        "redis",
        redis_is_installed,
        redis_server,
    ),
    Peer(
        "postgres",
        "PostgreSQL",
        "bench.peers.postgres_shop",
        ("transaction-8", "transaction-32", "statement-8", "statement-32"),
        "asyncpg",
        lambda: postgres_binaries() is not None,
        postgres,
    ),
)


def trials(
    peer: Peer, folder: Path, daemon: Daemon, cores: Cores | None, pace: Pace
) -> dict[str, float]:
    """Requests a second of every form of a peer."""
    core = None if cores is None else cores.server
    found = {}
    for variant in peer.variants:
        with peer.running(folder, daemon, core, variant) as server:
            load = Load(f"{peer.title}, {variant}", server, SKUS)
            found[variant] = measure(load, 0, pace, cores, pace.seed).per_s
    return found


def best(rates: dict[str, float]) -> str:
    """The fastest form; the first of them where two are equal."""
    return max(rates, key=rates.__getitem__)
