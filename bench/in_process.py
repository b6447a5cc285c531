"""CPU time of a request in one process, without a network: for comparing two states of the code.

The bytes of requests go into the server's protocol and the bytes of its answers come out, over
connections that exist only here; the rest, the journal's thread and the log's included, is as in
production. A sync takes a fixed pause instead of a disk's time. Short rounds of Holdfast and of the
bare route take turns, and the cheapest rounds count, so that other work on the machine, which can
only add to a round, hardly moves the result.

    python -m bench.in_process [--seconds 10] [--load reserve|signed-in|hot|read|batch] [--against OTHER/src]

With `--against` processes with the code of this checkout and with that of another take turns.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bench.bare_decisions import commands_of, decide_all, opening
from bench.bare_route import answer_of, make_app
from bench.batch import body_of
from bench.serving import collect_as_the_service_does
from bench.stock import ON_HAND, SKUS, STORE, record_path, reserve_body, reserve_path, sku
from bench.wires import CONNECTIONS, Load
from holdfast.accounts import Accounts, Tokens
from holdfast.domain.commands import Command
from holdfast.domain.records import USER
from holdfast.domain.users import MANAGER, AddUser
from holdfast.http.app import create_app
from holdfast.http.door import Door
from holdfast.http.metrics import Metrics
from holdfast.http.protocol import BoundedProtocol
from holdfast.http.services import HttpConfig, Services
from holdfast.journal import START, OsDisk
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.clock import SystemClock
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import Loaded
from holdfast.logs import open_logs
from holdfast.runtime import new_id
from holdfast.tenancy import DEFAULT_TENANT, TenantRegistry

#: Answers of one round: short enough to be left alone now and then on a busy machine.
ROUND: Final = 128
SYNC_S: Final = 0.001
#: Who reserves where everybody has signed in; as long as the other names.
_USER: Final = "user-000001"
_ANY_USER: Final = re.compile(rb"user-[0-9]{6}")
_NEVER_MS: Final = 10**12


class PausingDisk(OsDisk):
    """A disk whose syncs take a fixed time."""

    def fdatasync(self, handle: int) -> None:  # noqa: ARG002 - the port names it
        """Wait as for a disk."""
        time.sleep(SYNC_S)


class Health:
    """Nothing is wrong here."""

    draining = False

    def breakers(self) -> dict[str, str]:
        """Return none."""
        return {}

    def ledgers(self) -> list[FileLedger]:
        """Return none."""
        return []


def request(
    method: str, path: str, body: bytes = b"", kind: str = "application/json", token: str = ""
) -> bytes:
    """A request as the load generator sends it."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body:
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _forever(make: Callable[[], bytes], remembered: int) -> Iterator[bytes]:
    made = [make() for _ in range(remembered)]
    while True:
        yield from made


def requests_of(load: str, token: str = "") -> Iterator[bytes]:
    """The requests of a load, without end."""
    rng = random.Random(1)
    if load == "batch":
        while True:
            body = body_of(rng, f"{rng.getrandbits(64):x}")
            yield request("POST", "/api/v1/batch", body, "application/x-ndjson")
    if load == "read":
        yield from _forever(lambda: request("GET", record_path(rng.randrange(SKUS))), 4096)
    skus = 1 if load == "hot" else SKUS

    def reserve() -> bytes:
        body = reserve_body(rng)
        if token:
            body = _ANY_USER.sub(_USER.encode(), body)
        return request("POST", reserve_path(rng.randrange(skus)), body, token=token)

    yield from _forever(reserve, 16_384)


def _config(app: Any, http: Any) -> uvicorn.Config:  # noqa: ANN401 - uvicorn's own
    config = uvicorn.Config(
        app,
        http=http,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    config.load()
    return config


async def _default_headers(state: ServerState) -> None:
    state.default_headers = [(b"date", b"Fri, 20 Nov 2026 15:00:00 GMT")]


def _make_ledger(folder: Path, loaded: Loaded) -> FileLedger:
    every = CheckpointEvery(10**9, 1 << 60)
    config = LedgerConfig(_NEVER_MS, 10_000, every)
    return FileLedger(
        folder, loaded, disk=PausingDisk(), clock=SystemClock(), new_id=new_id, config=config
    )


def _fill(token: str) -> bytes:
    rows = [
        {"op": "adjust", "storeId": STORE, "sku": sku(number), "delta": ON_HAND}
        for number in range(SKUS)
    ]
    body = b"\n".join(map(orjson.dumps, rows))
    return request("POST", "/api/v1/batch", body, "application/x-ndjson", token)


async def _sign_in(tenants: TenantRegistry) -> tuple[Accounts, str]:
    """Make a user, and a token of it."""
    accounts = Accounts(tenants, Tokens("a secret for a measurement, no more"))
    await accounts.open()
    action = AddUser(DEFAULT_TENANT, _USER, None, (MANAGER,))
    made = (await tenants.system.execute(Command(action, new_id(), "bench", "bench"))).first(USER)
    if made is None:
        raise SystemExit("no user was made")
    return accounts, accounts.long_token_for(made, 86_400)


async def measure(load: str, seconds: float, folder: Path) -> dict[str, list[float]]:
    """Let rounds of Holdfast and of its peer take turns; return the CPU times of both, in µs."""
    logs = open_logs("info", folder / "log")
    metrics = Metrics()
    tenants = TenantRegistry(folder, PausingDisk(), _make_ledger, new_id=new_id)
    await tenants.open()
    config = HttpConfig(rate_limit_rps=1_000_000, rate_limit_burst=1_000_000)
    accounts, token = await _sign_in(tenants) if load == "signed-in" else (None, "")
    services = Services(config, tenants, Health(), metrics, logs.logger, accounts=accounts)
    app = create_app(services)
    door = Door(metrics, logs.logger)
    ours, state = _config(app, partial(BoundedProtocol, door)), ServerState()
    await _default_headers(state)

    def protocol() -> Any:  # noqa: ANN401 - uvicorn's own
        return BoundedProtocol(door, config=ours, server_state=state, app_state={})

    await Load(protocol, iter([_fill(token)]), b"200", 1).round(1)
    expected = {"batch": b"200", "read": b"200"}.get(load, b"201")
    served = Load(
        protocol, requests_of(load, token), expected, 4 if load == "batch" else CONNECTIONS
    )
    peer = _bare_decisions() if load == "batch" else _bare_route(load)
    answers, lines = (2, SKUS) if load == "batch" else (ROUND, 1)
    collect_as_the_service_does()
    took: dict[str, list[float]] = {"ours": [], "bare": []}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        took["ours"].append(await served.round(answers) / lines)
        took["bare"].append(await peer())
    await tenants.close()
    logs.close()
    return took


def _bare_route(load: str) -> Any:  # noqa: ANN401 - a coroutine function
    config = _config(make_app(answer_of(446), answer_of(265), ""), "httptools")
    state = ServerState()
    state.default_headers = [(b"date", b"Fri, 20 Nov 2026 15:00:00 GMT")]

    def protocol() -> HttpToolsProtocol:
        return HttpToolsProtocol(config=config, server_state=state, app_state={})

    expected = b"200" if load == "read" else b"201"
    bare = Load(protocol, requests_of(load), expected)
    return lambda: bare.round(ROUND)


def _bare_decisions() -> Any:  # noqa: ANN401 - a coroutine function
    rng, state, cursor = random.Random(1), opening(), START

    async def decide() -> float:
        nonlocal cursor
        commands = commands_of(rng, cursor.sequence)
        before = time.process_time()
        _, cursor = decide_all(state, commands, cursor)
        return (time.process_time() - before) * 1e6 / len(commands)

    return decide


def _low(values: list[float]) -> float:
    return quantiles(values, n=20)[1]


def _say(name: str, took: dict[str, list[float]]) -> None:
    ours, bare = took["ours"], took["bare"]
    print(
        f"{name:8} ours {_low(ours):6.2f} µs (least {min(ours):6.2f})   "
        f"bare {_low(bare):6.2f} µs (least {min(bare):6.2f})   "
        f"bare/ours {_low(bare) / _low(ours):.3f}   {len(ours)} rounds"
    )


def _in_turns(load: str, seconds: float, sources: dict[str, str]) -> None:
    """Let processes with different code take turns."""
    took: dict[str, dict[str, list[float]]] = {name: {"ours": [], "bare": []} for name in sources}
    part_s = 1.5 if load != "batch" else 4.0
    for _ in range(max(1, round(seconds / part_s))):
        for name, source in sources.items():
            command = [sys.executable, "-m", "bench.in_process", "--json", "--load", load]
            found = subprocess.run(
                [*command, "--seconds", str(part_s)],
                env=os.environ | {"PYTHONPATH": source},
                check=True,
                capture_output=True,
            )
            for kind, values in orjson.loads(found.stdout).items():
                took[name][kind] += values
    for name in sources:
        _say(name, took[name])


def main() -> None:
    """Measure, and say what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--load", default="reserve", choices=["reserve", "signed-in", "hot", "read", "batch"]
    )
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--against", help="another checkout's src folder")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.against:
        here = str(Path(__file__).resolve().parent.parent / "src")
        _in_turns(given.load, given.seconds, {"before": given.against, "now": here})
        return
    with TemporaryDirectory() as folder:
        took = uvloop.run(measure(given.load, given.seconds, Path(folder)))
    if given.json:
        sys.stdout.buffer.write(orjson.dumps(took))
    else:
        _say(given.load, took)


if __name__ == "__main__":
    main()
