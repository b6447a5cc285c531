"""Several processes on one folder: `python -m bench.sharing` prints what sharing costs.

Three folders are served at once and loaded in turns, with the same number of connections: by one
process alone, by one process that could share (leases on, nobody else there), and by two that do.
The second pays for taking and giving back the lease; the third also for handing it over, and for
applying each event twice. Ratios are those of one round, and the median of them is printed.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

import typer

from bench.server import Server
from bench.stock import SKUS, TTL_S, UNLIMITED, USERS, fill, holdfast
from bench.wrk import load, require_tools

CONNECTIONS: Final = 64
#: Nobody is to be refused here: the wait shows in the latencies.
SHARED: Final = UNLIMITED | {"LOCKS_ENABLED": "true", "LOCK_WAIT_MS": "10000"}


def measure(servers: list[Server], seconds: int, seed: int) -> tuple[float, float]:
    """Load all of these at once: requests a second together, and the worst p99 in ms."""
    each = CONNECTIONS // len(servers)

    def one(number: int) -> tuple[float, float]:
        args = ("reserve", seed + number, SKUS, USERS, TTL_S)
        seen, _ = load(
            servers[number].url, seconds=seconds, connections=each, core=None, script_args=args
        )
        return seen.requests / seen.seconds, seen.p99_ms

    with ThreadPoolExecutor(len(servers)) as threads:
        found = list(threads.map(one, range(len(servers))))
    return sum(rate for rate, _ in found), max(p99 for _, p99 in found)


def main(rounds: int = 5, seconds: int = 5) -> None:
    """Measure in rounds, and print rates, p99 and ratios to one process alone."""
    require_tools()
    with tempfile.TemporaryDirectory(dir=".") as name, ExitStack() as stack:
        folder = Path(name)

        def started(said: str, data: str, settings: dict[str, str]) -> Server:
            return stack.enter_context(holdfast(said, folder / data, None, settings))

        contests = {
            "one process alone": [started("alone", "alone", UNLIMITED)],
            "one process, leases on": [started("single", "single", SHARED)],
            "two processes, leases on": [
                started(said, "shared", SHARED) for said in ("first", "second")
            ],
        }
        for servers in contests.values():
            fill(servers[0])
        found: dict[str, list[tuple[float, float]]] = {title: [] for title in contests}
        for number in range(rounds):
            for title, servers in contests.items():
                found[title].append(measure(servers, seconds, 1000 * number))
        alone = [rate for rate, _ in found["one process alone"]]
        for title, rates in found.items():
            ratio = median(rate / base for (rate, _), base in zip(rates, alone, strict=True))
            rate, p99 = median(rate for rate, _ in rates), median(p99 for _, p99 in rates)
            print(f"{title:26} {rate:8,.0f} reserves/s   p99 {p99:7.1f} ms   {ratio:5.2f}")


if __name__ == "__main__":
    typer.run(main)
