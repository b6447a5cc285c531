"""Holdfast under measurement: how it is started, filled, asked, and what its journal shows."""

import os
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import httpx2
import orjson

from bench.errors import BenchFailed
from bench.server import START_S_MAX, Server, free_port, running

STORE: Final = "BENCH"
SKUS: Final = 1_000
USERS: Final = 100_000
ON_HAND: Final = 10**9
#: Longer than any run, so that no expiry mixes with what is measured.
TTL_S: Final = 3_600
#: All as in production, but the limiter, which still counts each request, refuses none.
UNLIMITED: Final = {"RATE_LIMIT_RPS": "1000000", "RATE_LIMIT_BURST": "1000000"}
#: Nothing else is handed on: a setting in the caller's shell must not change a figure.
_HANDED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")


def plain_environment() -> dict[str, str]:
    """The caller's environment without anybody's settings."""
    return {name: os.environ[name] for name in _HANDED_ON if name in os.environ}


def holdfast(
    name: str,
    folder: Path,
    core: int | None,
    settings: dict[str, str],
    start_s_max: float = START_S_MAX,
) -> AbstractContextManager[Server]:
    """Run Holdfast on a folder, with a line per request in a file."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    own = {"PORT": str(port), "DATA_DIR": str(folder), "LOG_FILE": str(folder / "holdfast.log")}
    return running(
        name,
        ["holdfast", "serve"],
        environment=plain_environment() | settings | own,
        port=port,
        ready_path="/health/readiness",
        folder=folder.parent,
        core=core,
        start_s_max=start_s_max,
    )


def sku(number: int) -> str:
    """The name of a SKU; the load script makes the same."""
    return f"SKU{number:04d}"


def record_path(number: int) -> str:
    """Where a SKU's record is."""
    return f"/api/v1/stores/{STORE}/inventory/{sku(number)}"


def reserve_path(number: int) -> str:
    """Where a SKU is reserved."""
    return f"{record_path(number)}/reserve"


def reserve_body(rng: random.Random) -> bytes:
    """A body as a web shop would send it; the load script makes the same."""
    user = rng.randrange(USERS)
    return b'{"qty":1,"userId":"user-%06d","ttlSeconds":%d}' % (user, TTL_S)


def fill(server: Server) -> None:
    """Put plenty of every SKU on hand.

    Raises:
        BenchFailed: the server refused a line.
    """
    rows = [
        {"op": "adjust", "storeId": STORE, "sku": sku(number), "delta": ON_HAND}
        for number in range(SKUS)
    ]
    answer = httpx2.post(
        f"{server.url}/api/v1/batch",
        content=b"\n".join(map(orjson.dumps, rows)),
        headers={"content-type": "application/x-ndjson"},
        timeout=60,
    )
    results = [orjson.loads(line) for line in answer.content.splitlines()]
    if [result.get("status") for result in results] != [httpx2.codes.OK] * SKUS:
        raise BenchFailed(f"{server.name} did not take the opening stock: {answer.text[:500]}")


def bare_route(
    folder: Path, core: int | None, *, reserved: int = 0, record: int = 0, unchanged: int = 0
) -> AbstractContextManager[Server]:
    """Run the bare route, whose answers are as many bytes longer than a bare head."""
    port = free_port()
    return running(
        "bare-route",
        ["bench.bare_route", *map(str, (port, reserved, record, unchanged))],
        environment=plain_environment(),
        port=port,
        ready_path="/health/readiness",
        folder=folder,
        core=core,
    )


#: Headers that the bare route's answer has too, with values of the same length.
_IN_BOTH: Final = frozenset({"date", "content-type", "content-length"})


def reserved_bytes(server: Server) -> int:
    """How long a bare answer to a reserve must be to be as long as Holdfast's with its headers.

    Raises:
        BenchFailed: the server did not reserve.
    """
    answer = httpx2.post(
        server.url + reserve_path(0),
        content=reserve_body(random.Random(0)),
        headers={"content-type": "application/json"},
        timeout=10,
    )
    return _bare_bytes(server, answer, httpx2.codes.CREATED)


def record_bytes(server: Server) -> int:
    """The same of the answer to a read of a record.

    Raises:
        BenchFailed: the server did not answer with a record.
    """
    return _bare_bytes(server, httpx2.get(server.url + record_path(0)), httpx2.codes.OK)


def unchanged_bytes(server: Server, path: str, etag: str) -> int:
    """The same of the answer to a read by somebody who has the present version.

    Raises:
        BenchFailed: the server did not answer that it is the present one.
    """
    answer = httpx2.get(server.url + path, headers={"if-none-match": etag})
    return _bare_bytes(server, answer, httpx2.codes.NOT_MODIFIED)


def _bare_bytes(server: Server, answer: httpx2.Response, expected: int) -> int:
    if answer.status_code != expected:
        raise BenchFailed(f"{server.name} did not answer: {answer.status_code} {answer.text}")
    extra = [pair for pair in answer.headers.raw if pair[0].decode().lower() not in _IN_BOTH]
    return len(answer.content) + sum(len(name) + len(value) + 4 for name, value in extra)


def last_sequence(server: Server) -> int:
    """How many events the server has written."""
    answer = httpx2.get(f"{server.url}/api/v1/events?limit=1", timeout=10)
    sequence: int = answer.raise_for_status().json()["lastSequence"]
    return sequence


def checkpoint_sequence(folder: Path) -> int:
    """How far the newest checkpoint of a data folder reaches; 0 when there is none."""
    try:
        manifest = orjson.loads((folder / "tenants/default/state/MANIFEST.json").read_bytes())
    except FileNotFoundError:
        return 0
    return int(manifest["sequence"])


def batches(folder: Path) -> dict[int, int]:
    """The group commit of every event in the journal of a data folder: sequence to batch.

    The journal's own specification says where both stand on a line. A line copied into the
    next segment gives the same pair again.
    """
    segments = sorted((folder / "tenants/default/journal").glob("*.log"))
    return dict(pair for segment in segments for pair in _frames(segment))


def _frames(segment: Path) -> Iterator[tuple[int, int]]:
    with segment.open("rb") as lines:
        for line in lines:
            _checksum, sequence, batch, *_ = line.split(b" ", 3)
            # The header and the seal have a word where a frame has its sequence.
            if sequence.isdigit():
                yield int(sequence), int(batch)


def events_per_flush(batch_of: dict[int, int], after: int, last: int) -> float | None:
    """Events a group commit had, of those behind `after` up to `last`; None if some are gone."""
    found = [batch_of.get(sequence) for sequence in range(after + 1, last + 1)]
    if not found or None in found:
        return None
    return len(found) / len(set(found))
