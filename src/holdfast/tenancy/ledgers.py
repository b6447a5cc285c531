"""Whose ledgers are open: opened by the first request, closed when nobody asks any more.

A request finds an open ledger by one look into `addresses`. Nothing is counted or stamped on that
way. Instead `addresses` is emptied now and then, so that whoever is still asked for is looked up
the long way again, and stamped there. Who was not for long enough is closed.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from holdfast.domain.events import UnknownEvent
from holdfast.journal import OpenFailed, ReadFailed, Stats
from holdfast.ledger.file_ledger import FileLedger
from holdfast.ledger.opening import Loaded
from holdfast.ledger.port import Ledger, Unavailable
from holdfast.tenancy.folders import Folders
from holdfast.tenancy.names import Address

_log = structlog.get_logger("holdfast.tenancy")

#: Makes a ledger of what was loaded from a tenant's folder.
LedgerFactory = Callable[[Path, Loaded], FileLedger]

#: Tenants that are read, or made ready to be closed, at the same time.
_AT_ONCE: Final = 4
_SWEEPS_PER_IDLE: Final = 4
_SWEEP_S_MIN: Final = 1.0


class LedgersConfig(NamedTuple):
    """What an operator may set."""

    #: A tenant that nobody asked for so long is closed.
    idle_s: float = 300.0
    #: How long a request waits for its tenant to be opened.
    open_wait_s: float = 10.0
    #: Requests that may wait for tenants to be opened.
    waiting_max: int = 1000
    #: A tenant that could not be opened is tried again after so long.
    retry_ms: int = 10_000


class _Sick(NamedTuple):
    """A tenant that could not be opened."""

    error: Exception
    retry_at: float


class Ledgers:
    """The open ledgers of the tenants."""

    def __init__(self, folders: Folders, make: LedgerFactory, config: LedgersConfig) -> None:
        self.open: dict[str, FileLedger] = {}
        #: Open ledgers by what requests said that meant them; may be emptied at any time.
        self.addresses: dict[Address, Ledger] = {}
        self._folders = folders
        self._make = make
        self._config = config
        self._used_at: dict[str, float] = {}
        self._opening: dict[str, asyncio.Task[FileLedger]] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}
        #: Those that are being closed: they count, but nobody gets them.
        self._leaving: set[FileLedger] = set()
        self._sick: dict[str, _Sick] = {}
        self._waiting = 0
        self._few = asyncio.Semaphore(_AT_ONCE)
        self._retired = Stats()
        #: How often any was.
        self.times_opened = self.times_closed = 0
        self._sweeper: asyncio.TimerHandle | None = None

    # Opening.

    async def get(self, tenant_id: str) -> FileLedger:
        """Return a tenant's ledger; it is opened if it is not.

        Raises:
            Unavailable: it cannot be opened, or not in time.
        """
        ledger = self.open.get(tenant_id)
        if ledger is None:
            ledger = await self._wait_for(self._begin_to_open(tenant_id))
        self._used_at[tenant_id] = asyncio.get_running_loop().time()
        return ledger

    def _begin_to_open(self, tenant_id: str) -> asyncio.Task[FileLedger]:
        """Return the one task that opens a tenant, whoever else waits for it."""
        task = self._opening.get(tenant_id)
        if task is None:
            sick = self._sick.get(tenant_id)
            if sick is not None and sick.retry_at > asyncio.get_running_loop().time():
                raise _cannot_open(tenant_id, sick.error, self._config.retry_ms)
            task = asyncio.get_running_loop().create_task(self._open(tenant_id))
            self._opening[tenant_id] = task
            task.add_done_callback(lambda _: self._opening.pop(tenant_id, None))
            # Perhaps nobody waits any more when it ends.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _wait_for(self, task: asyncio.Task[FileLedger]) -> FileLedger:
        if self._waiting >= self._config.waiting_max:
            raise Unavailable("overloaded", "Too many requests wait for tenants to open.", 1000)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._config.open_wait_s):
                return await asyncio.shield(task)
        except TimeoutError:
            sentence = "This tenant is still being opened. Nothing was done; try again in a while."
            raise Unavailable("tenant_unavailable", sentence, 1000) from None
        finally:
            self._waiting -= 1

    async def _open(self, tenant_id: str) -> FileLedger:
        closing = self._closing.get(tenant_id)
        if closing is not None:
            await asyncio.wait([closing])
        try:
            async with self._few:
                return await self.open_or_raise(tenant_id)
        except Exception as error:
            # Whatever it is, it concerns this tenant alone.
            _log.error("tenant could not be opened", tenant=tenant_id, error=str(error))
            retry_at = asyncio.get_running_loop().time() + self._config.retry_ms / 1000
            self._sick[tenant_id] = _Sick(error, retry_at)
            raise _cannot_open(tenant_id, error, self._config.retry_ms) from error

    async def open_or_raise(self, tenant_id: str) -> FileLedger:
        """Open a tenant that is not open, at a time when nobody else asks for it.

        Raises:
            JournalError: its folder contradicts itself, or the disk said no.
            UnknownEvent: a newer release wrote in it.
        """
        loaded = await asyncio.to_thread(self._folders.load, tenant_id)
        ledger = self._make(self._folders.of(tenant_id), loaded)
        await ledger.start()
        self._sick.pop(tenant_id, None)
        self.times_opened += 1
        self.open[tenant_id] = ledger
        self._used_at[tenant_id] = asyncio.get_running_loop().time()
        return ledger

    async def open_all(self, tenant_ids: Iterable[str]) -> None:
        """Open these tenants, a few at a time; one that cannot be is told of, and left."""
        tasks = [self._begin_to_open(tenant_id) for tenant_id in tenant_ids]
        if tasks:
            await asyncio.wait(tasks)

    # Closing.

    def sweep_regularly(self) -> None:
        """Close from now on whoever is idle for long enough."""
        loop = asyncio.get_running_loop()
        every_s = max(_SWEEP_S_MIN, self._config.idle_s / _SWEEPS_PER_IDLE)

        def sweep() -> None:
            self.sweep()
            self._sweeper = loop.call_later(every_s, sweep)

        self._sweeper = loop.call_later(every_s, sweep)

    def sweep(self) -> None:
        """Begin to close those that nobody asked for long enough, and that have nothing to do."""
        self.addresses.clear()
        long_ago = asyncio.get_running_loop().time() - self._config.idle_s
        for tenant_id, ledger in list(self.open.items()):
            if self._used_at[tenant_id] <= long_ago and ledger.is_idle:
                self._begin_to_close(tenant_id)

    def _begin_to_close(self, tenant_id: str) -> None:
        ledger = self.open.pop(tenant_id)
        self.addresses.clear()
        del self._used_at[tenant_id]
        self._leaving.add(ledger)
        task = asyncio.get_running_loop().create_task(self._close(ledger))
        self._closing[tenant_id] = task
        task.add_done_callback(lambda _: self._closing.pop(tenant_id, None))

    async def _close(self, ledger: FileLedger) -> None:
        async with self._few:
            try:
                await ledger.close()
            except Exception:  # noqa: BLE001 - whatever it is, it concerns this tenant alone
                _log.exception("tenant was not closed in good order", tenant=ledger.tenant_id)
        self.times_closed += 1
        self._leaving.remove(ledger)
        _add(self._retired, ledger.journal_stats)

    async def close(self, tenant_id: str) -> None:
        """Close one tenant, whatever it is doing; requests that it has are answered or refused."""
        opening = self._opening.get(tenant_id)
        if opening is not None:
            await asyncio.wait([opening])
        if tenant_id in self.open:
            self._begin_to_close(tenant_id)
        closing = self._closing.get(tenant_id)
        if closing is not None:
            await asyncio.wait([closing])
        self._sick.pop(tenant_id, None)

    async def close_all(self) -> None:
        """Flush, seal and save every tenant."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._opening:
            await asyncio.wait(list(self._opening.values()))
        for tenant_id in list(self.open):
            self._begin_to_close(tenant_id)
        if self._closing:
            await asyncio.wait(list(self._closing.values()))

    def hurry(self) -> None:
        """Have no state saved at the end, also where the end has begun."""
        for ledger in (*self.open.values(), *self._leaving):
            ledger.hurry()

    # What is told of them.

    def breakers(self) -> Mapping[str, str]:
        """Return the state of each open tenant's breaker; `open` for one that cannot be opened."""
        sick = dict.fromkeys(self._sick, "open")
        return sick | {name: ledger.guard.breaker.state for name, ledger in self.open.items()}

    def stats(self) -> Stats:
        """Return what all journals counted since the start, closed ones included."""
        total = Stats()
        _add(total, self._retired)
        for ledger in (*self.open.values(), *self._leaving):
            _add(total, ledger.journal_stats)
        return total


def _add(total: Stats, stats: Stats) -> None:
    total.flushes += stats.flushes
    total.events += stats.events
    total.flush_seconds_total += stats.flush_seconds_total


def _cannot_open(tenant_id: str, error: Exception, retry_ms: int) -> Unavailable:
    if isinstance(error, OpenFailed | ReadFailed):
        why = "the disk refused"
    elif isinstance(error, UnknownEvent):
        why = "a newer release wrote its files"
    else:
        why = "its files are damaged"
    return Unavailable(
        "tenant_unavailable",
        f"This tenant cannot be opened: {why}. Nothing was changed, and other tenants are not "
        f"affected. The server's log names the file; `holdfast verify --tenant {tenant_id}` says "
        "what is wrong and what to do.",
        retry_ms,
    )
