"""Many tenants in one process, few of them at work: what do the others cost?

    python -m bench.many_tenants --tenants 2000 --active 50

Every tenant is provisioned, filled and left alone until it is closed. Then the service is started
anew, some tenants are asked for something and left alone again; at every step memory, open files
and threads of the process are counted.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple

import httpx2
import orjson

from bench.errors import BenchFailed
from bench.figures import percentile
from bench.procfs import rss_mib
from bench.server import HOST, Server, free_port, running

#: A tenant that nobody asks is closed after so long here; an operator's are given minutes.
IDLE_S: Final = 2
_PATIENCE_S: Final = 300
_PAUSE_S: Final = 0.1


class Standing(NamedTuple):
    """What the process holds at one moment."""

    open_tenants: int
    rss_mib: float
    files: int
    threads: int


class Measured(NamedTuple):
    """What was seen."""

    tenants: int
    active: int
    records: int
    provisions_per_s: float
    start_s: float
    #: After every tenant was opened, filled and closed once.
    filled: Standing
    started: Standing
    #: With so many tenants at work, and with four times as many.
    at_work: Standing
    more_at_work: Standing
    idle_again: Standing
    first_request_ms_p50: float
    first_request_ms_p99: float


def measure(
    folder: Path, tenants: int, active: int, records: int, say: Callable[[str], None]
) -> Measured:
    """Provision, fill, close, start anew, ask; blocks for minutes where there are many.

    Args:
        folder: where the data go.
        tenants: how many there are.
        active: how many of them are asked.
        records: stock records of each.
        say: is told what is being done.

    Raises:
        BenchFailed: an answer was not what it should be, or tenants are not closed.
    """
    names = [f"tenant{number:05d}" for number in range(tenants)]
    with _service(folder) as server, httpx2.Client(base_url=server.url, timeout=60) as client:
        say(f"provisioning {tenants}")
        began = time.monotonic()
        for name in names:
            body = {"name": name, "domain": f"{name}.example", "tenantId": name}
            _require(client.post("/sys/provision", json=body), 201)
        provisions_per_s = tenants / (time.monotonic() - began)
        say(f"filling them with {records} records each")
        for name in names:
            _require(client.post("/batch", content=_rows(records), headers=_headers(name)), 200)
        say("waiting until they are closed")
        _wait_until_closed(client, server)
        filled = _standing(client, server)
    say("starting anew")
    with _service(folder) as server, httpx2.Client(base_url=server.url, timeout=60) as client:
        start_s, started = server.start_s, _standing(client, server)
        say(f"asking {active}")
        times = _ask(client, names[:active])
        at_work = _standing(client, server)
        more = _ask(client, names[: 4 * active])
        more_at_work = _standing(client, server)
        _wait_until_closed(client, server)
        idle_again = _standing(client, server)
    times_ms = sorted(1000 * each for each in (*times, *more[active:]))
    return Measured(
        tenants,
        active,
        records,
        provisions_per_s,
        start_s,
        filled,
        started,
        at_work,
        more_at_work,
        idle_again,
        percentile(times_ms, 50),
        percentile(times_ms, 99),
    )


def _service(folder: Path) -> AbstractContextManager[Server]:
    port = free_port()
    environment = os.environ | {
        "DATA_DIR": str(folder / "data"),
        "PORT": str(port),
        "LOG_LEVEL": "warning",
        "LOG_FILE": str(folder / "holdfast.log"),
        "RATE_LIMIT_RPS": "0",
        "TENANT_IDLE_S": str(IDLE_S),
    }
    return running(
        "holdfast",
        ["holdfast", "serve", "--host", HOST],
        environment=environment,
        port=port,
        ready_path="/health/readiness",
        folder=folder,
        core=None,
    )


def _rows(records: int) -> bytes:
    rows = (
        {"op": "receive", "storeId": "S", "sku": f"SKU{n:05d}", "qty": 9} for n in range(records)
    )
    return b"\n".join(map(orjson.dumps, rows))


def _headers(name: str) -> dict[str, str]:
    return {"X-Tenant-ID": name, "Content-Type": "application/x-ndjson"}


def _ask(client: httpx2.Client, names: Iterable[str]) -> list[float]:
    """Ask each tenant for a record; how long each took, in s."""
    times = []
    for name in names:
        began = time.perf_counter()
        answer = client.get("/stores/S/inventory/SKU00000", headers={"X-Tenant-ID": name})
        times.append(time.perf_counter() - began)
        _require(answer, 200)
    return times


def _require(answer: httpx2.Response, status: int) -> None:
    if answer.status_code != status:
        raise BenchFailed(f"{answer.url} answers {answer.status_code}: {answer.text[:300]}")


def _open_tenants(client: httpx2.Client) -> int:
    counters = client.get("/metrics").json()
    opened: int = counters["tenantsOpened"] - counters["tenantsClosed"]
    return opened


def _wait_until_closed(client: httpx2.Client, server: Server) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while _open_tenants(client) > 0:
        if time.monotonic() > deadline:
            raise BenchFailed(f"{_open_tenants(client)} tenants were not closed.")
        time.sleep(_PAUSE_S)
    server.settle()


def _standing(client: httpx2.Client, server: Server) -> Standing:
    process = Path(f"/proc/{server.pid}")
    return Standing(
        _open_tenants(client),
        rss_mib(server.pid),
        len(list((process / "fd").iterdir())),
        len(list((process / "task").iterdir())),
    )


def main() -> None:
    """Measure as the arguments say, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--tenants", type=int, default=2000)
    parser.add_argument("--active", type=int, default=50)
    parser.add_argument("--records", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = measure(Path(folder), given.tenants, given.active, given.records, print)
    for name, value in seen._asdict().items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
