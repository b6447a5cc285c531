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
    postgres_is_installed,
    redis_is_installed,
    redis_server,
)
from bench.rounds import Load, Pace, take_turns
from bench.server import Server, free_port, running
from bench.stock import SKUS, plain_environment

_GROUP: Final = "python3 -m uv run --locked --group bench python -m bench"


@dataclass(frozen=True)
class Peer:
    """A database with a shop in front of it.

    `variants` are the forms that have a trial; `package` is the client that has to be there, and
    `is_installed` tells whether the database is. With `any_core` it is measured a second time,
    while the database may use every core.
    """

    key: str
    part: str
    title: str
    module: str
    variants: tuple[str, ...]
    package: str
    is_installed: Callable[[], bool]
    database: Callable[[Path, int | None], AbstractContextManager[Daemon]]
    any_core: bool = False

    def why_not(self) -> str | None:
        """What has to be done before it can be measured; None: nothing."""
        if not self.is_installed():
            return f"{self.title.partition(',')[0]} is not installed: {INSTALL}"
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
            f"{self.key}-{variant}",
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
        "redis",
        "Redis",
        "bench.peers.redis_shop",
        ("pool-16", "pool-64", "pipeline-1", "pipeline-2", "pipeline-4"),
        "redis",
        redis_is_installed,
        redis_server,
        any_core=True,
    ),
    Peer(
        "postgres",
        "postgres",
        "PostgreSQL",
        "bench.peers.postgres_shop",
        ("transaction-16", "transaction-64"),
        "asyncpg",
        postgres_is_installed,
        postgres,
        any_core=True,
    ),
    Peer(
        "postgres_one_statement",
        "postgres",
        "PostgreSQL, one statement",
        "bench.peers.postgres_shop",
        ("statement-16", "statement-64"),
        "asyncpg",
        postgres_is_installed,
        postgres,
    ),
)


def trials(
    peer: Peer, folder: Path, daemon: Daemon, cores: Cores | None, pace: Pace
) -> dict[str, float]:
    """Requests a second of every form of a peer: the better round, as the first one warms up."""
    core = None if cores is None else cores.server
    found = {}
    for variant in peer.variants:
        with peer.running(folder, daemon, core, variant) as server:
            slices = take_turns(
                [Load(f"{peer.title}, {variant}", server, SKUS)], pace, cores, lambda _: None
            )
        found[variant] = max(each.per_s for each in slices)
    return found


def best(rates: dict[str, float]) -> str:
    """The fastest form; the first of them where two are equal."""
    return max(rates, key=rates.__getitem__)
