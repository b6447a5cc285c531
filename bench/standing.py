"""`python -m bench.standing`: what the service still does while clients ask more than it can.

Own server, loopback, fixed times. Three parts: `slow` holds connections that never get anywhere
beside ordinary load; `closed` takes ten times the connections; `open` sends twice the rate that it
can sustain, whether or not answers keep up. Each prints a line of JSON with its figures.
"""

import asyncio
import json
import resource
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
import uvloop

from bench.crowd import MS_PER_S, OpenLoop, Requests, Seen, closed_loop, make_slow_ones
from bench.figures import percentile
from bench.procfs import forget_peak, peak_mib, rss_mib
from bench.server import HOST, ROOT, Server
from bench.stock import UNLIMITED, fill, holdfast

CONNECTIONS: Final = 64
TIMES: Final = 10
#: As many connections as the service has places: the rate that it sustains.
PLACES: Final = 256
NORMAL: Final = 16
HEALTH_EVERY_S: Final = 0.05
#: How soon behind an overload an ordinary client has to be served as ever.
RECOVERY_S: Final = 2.0
_FILES: Final = 16_384


async def _watch_health(port: int, seconds: float) -> tuple[list[float], Counter[int]]:
    """Ask for readiness at fixed instants on one connection after the other."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    statuses: Counter[int] = Counter()
    ends = loop.time() + seconds
    due = loop.time()
    while due < ends:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /health/readiness HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        answer = await reader.read()
        took.append((loop.time() - due) * MS_PER_S)
        statuses[int(answer[9:12])] += 1
        writer.close()
        due = max(due + HEALTH_EVERY_S, loop.time())
        await asyncio.sleep(due - loop.time())
    return took, statuses


async def slow(server: Server, seconds: float, each: int, seed: int) -> dict[str, Any]:
    """Ordinary load alone, and beside so many slow connections of each kind."""
    alone = await closed_loop(server.port, NORMAL, seconds / 4, Requests(seed))
    before = rss_mib(server.pid)
    forget_peak(server.pid)
    slow_ones = make_slow_ones(server.port, each)
    tasks = [asyncio.create_task(one.live()) for one in slow_ones]
    await asyncio.sleep(3)
    (took, statuses), beside = await asyncio.gather(
        _watch_health(server.port, seconds),
        closed_loop(server.port, NORMAL, seconds, Requests(seed)),
    )
    thrown_out = sum(one.connected for one in slow_ones) - len(slow_ones)
    for one in slow_ones:
        one.ends = True
    await asyncio.gather(*tasks)
    return {
        "part": "slow",
        "slow_connections": len(slow_ones),
        "thrown_out": thrown_out,
        "health_p50_ms": round(percentile(took, 50), 1),
        "health_p99_ms": round(percentile(took, 99), 1),
        "health_answers": dict(statuses),
        "rss_before_mib": round(before),
        "rss_peak_mib": round(peak_mib(server.pid)),
        "alone": alone.figures(seconds / 4),
        "beside": beside.figures(seconds),
        "rate_kept": round(beside.accepted / seconds / max(1, alone.accepted / (seconds / 4)), 2),
    }


class Part(NamedTuple):
    """One stretch of load."""

    seen: Seen
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.seen.accepted / self.seconds

    @property
    def per_cpu_s(self) -> float:
        """Accepted requests for each second of the server's CPU: what other work here cannot change."""
        return self.seen.accepted / max(self.cpu_s, 0.01)

    def to_json(self) -> dict[str, Any]:
        return self.seen.figures(self.seconds) | {"accepted_per_cpu_s": round(self.per_cpu_s)}


async def _stretch(server: Server, load: Awaitable[Seen], seconds: float) -> Part:
    before = server.cpu_s
    seen = await load
    return Part(seen, seconds, server.cpu_s - before)


async def overload(
    part: str, server: Server, seconds: float, seed: int, baseline: int
) -> dict[str, Any]:
    """What it sustains, then more than that, then as before."""
    port, requests = server.port, Requests(seed)
    calm_s = seconds / 4
    sustained = await _stretch(server, closed_loop(port, baseline, calm_s, requests), calm_s)
    if part == "closed":
        load = closed_loop(port, baseline * TIMES, seconds, requests)
    else:
        load = OpenLoop(requests).run(port, 2 * sustained.rate, seconds)
    crowded, (took, statuses) = await asyncio.gather(
        _stretch(server, load, seconds), _watch_health(port, seconds)
    )
    after = await _stretch(server, closed_loop(port, baseline, RECOVERY_S, requests), RECOVERY_S)
    return {
        "part": part,
        "sustained": sustained.to_json(),
        "overloaded": crowded.to_json(),
        "after": after.to_json(),
        "goodput": round(crowded.rate / sustained.rate, 2),
        "goodput_by_cpu": round(crowded.per_cpu_s / sustained.per_cpu_s, 2),
        "recovery": round(after.rate / sustained.rate, 2),
        "health_p99_ms": round(percentile(took, 99), 1),
        "health_answers": dict(statuses),
    }


def allow_files(number: int = _FILES) -> None:
    """Let this process, and those that it starts, have so many connections, if it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if most == resource.RLIM_INFINITY else min(number, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def main(
    part: Annotated[str, typer.Argument(help="slow, closed or open.")],
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Length of the overload.")] = 60,
    each: Annotated[int, typer.Option(min=1, max=2000, help="Slow ones of each kind.")] = 500,
    seed: Annotated[int, typer.Option(help="Draws users and SKUs.")] = 1,
    folder: Annotated[Path, typer.Option("--dir", help="Where data goes.")] = ROOT / "data",
) -> None:
    """Run one part on a server of its own and print its figures."""
    parts: dict[str, Callable[[Server], Any]] = {
        "slow": lambda server: slow(server, seconds, each, seed),
        "closed": lambda server: overload(part, server, seconds, seed, CONNECTIONS),
        "open": lambda server: overload(part, server, seconds, seed, PLACES),
    }
    if part not in parts:
        raise typer.BadParameter(f"choose one of {', '.join(parts)}")
    allow_files()
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="standing-", dir=folder) as own,
        holdfast("holdfast", Path(own) / "data", None, dict(UNLIMITED)) as server,
    ):
        fill(server)
        figures = uvloop.run(parts[part](server))
    print(json.dumps(figures))


if __name__ == "__main__":
    typer.run(main)
