"""Processes that share a folder, their clients, and what the clients were told by any of them."""

import asyncio
import fcntl
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from holdfast.ledger.leases.record import RECORD_BYTES, LeaseRecord, decode_record
from tests.e2e.mixed_load import SETTINGS, Load, Request
from tests.e2e.processes import Server

#: Said when nothing was written: another process has the lease, or the tenant is being opened.
NOTHING_WRITTEN = "lease_held"
#: Said when it may have been.
UNKNOWN = "journal_unavailable"
SHARED = SETTINGS | {"LOCKS_ENABLED": "true", "LOCK_TTL_MS": "300", "LOCK_RENEW_MS": "100"}
CLIENTS_EACH = 4
#: Longer than any process under way needs the guard.
GUARD_S = 0.05


class SharedLoad(Load):
    """Clients of several processes at once. What was not written is forgotten; what may be, asked again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.said: Counter[str] = Counter()

    @asynccontextmanager
    async def running(self, urls: Sequence[str]) -> AsyncIterator[None]:
        """Load all of these processes; at the end wait for what is under way."""
        ending = asyncio.Event()
        clients = [self._one(url, ending) for url in urls for _ in range(CLIENTS_EACH)]
        tasks = [asyncio.create_task(client) for client in clients]
        try:
            yield
        finally:
            ending.set()
            await asyncio.gather(*tasks)

    async def _one(self, url: str, ending: asyncio.Event) -> None:
        async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
            while not ending.is_set():
                request = self.next_request()
                try:
                    response = await request.send(client)
                except httpx2.TransportError:
                    self.unknown.append(request)
                    return
                self.note(request, response)

    def note(self, request: Request, response: httpx2.Response) -> None:
        """Keep what was acknowledged; a 503 says whether anything may have been written."""
        if response.status_code == 503:
            self._note_refusal(request, response.json()["code"])
        elif request.by_rows and '"status":503' in response.text:
            # Each row under its own key; those that were done are replayed.
            self.said["rows"] += 1
            self.unknown.append(request)
        else:
            super().note(request, response)

    def _note_refusal(self, request: Request, code: str) -> None:
        self.said[code] += 1
        assert code in {NOTHING_WRITTEN, UNKNOWN}, code
        if code == UNKNOWN:
            self.unknown.append(request)

    async def repeat_unknown(self, client: httpx2.AsyncClient) -> None:
        """Ask again until each is known: another start may have the lease for a while."""
        while self.unknown:
            waiting, self.unknown = self.unknown, []
            for request in waiting:
                response = await request.send(client)
                while response.status_code == 503 and response.json()["code"] == NOTHING_WRITTEN:
                    response = await request.send(client)
                self.note(request, response)


async def a_while(delay_s: float) -> None:
    """Let a load run for so long; a drawn instant is all that is wanted."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(delay_s, over.set)
    await over.wait()


def lease_record(folder: Path) -> LeaseRecord | None:
    """What the default tenant's lease says this instant."""
    path = folder / "data" / "locks" / "tenants" / "default.lease"
    with suppress(FileNotFoundError), path.open("rb") as file:
        return decode_record(file.read(RECORD_BYTES))
    return None


def guard_is_free(folder: Path) -> bool:
    """Whether nobody stands still under the guard; others hold it for an instant only."""
    path = folder / "data" / "locks" / "tenants" / "default.lease"
    give_up_at = time.monotonic() + GUARD_S
    with path.open("rb") as file:
        while time.monotonic() < give_up_at:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
    return False


def owner_id_of(server: Server) -> str | None:
    """The name that a process has among those that share its folder: the kernel knows its files."""
    handles = Path(f"/proc/{server.process_id}/fd")
    for handle in handles.iterdir():
        with suppress(OSError):
            target = handle.readlink()
            if target.parent.name == "alive":
                return target.name
    return None


def stop(server: Server) -> None:
    """Let a process stand still, and wait until every thread of it does."""
    os.kill(server.process_id, signal.SIGSTOP)
    threads = Path(f"/proc/{server.process_id}/task")
    while not all("\nState:\tT" in status_of(thread) for thread in threads.iterdir()):
        pass


def status_of(thread: Path) -> str:
    """What the kernel says of a thread; one that is gone stands still."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return (thread / "status").read_text("utf-8")
    return "\nState:\tT"


def go_on(server: Server) -> None:
    """Let it go on."""
    os.kill(server.process_id, signal.SIGCONT)


async def counters(url: str) -> dict[str, Any]:
    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
        answer = await client.get("/metrics", headers={"Accept": "application/json"})
        counted: dict[str, Any] = answer.json()
        return counted


def draw(rng: random.Random, servers: Sequence[Server]) -> Server:
    return rng.choice(list(servers))
