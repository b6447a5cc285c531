"""Where the service is put together: every part of it meets the others here, and only here.

It takes the folder, opens the tenants, puts the HTTP interface before them, and takes all of it
down again in the opposite order when the process is told to end.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import uuid_utils
import uvicorn
import uvloop

from holdfast import __version__
from holdfast.accounts import accounts_for
from holdfast.domain.events import UnknownEvent
from holdfast.folder_lock import CannotStart, hold
from holdfast.http.app import create_app
from holdfast.http.door import Door
from holdfast.http.metrics import Metrics
from holdfast.http.problems import say_with_status
from holdfast.http.protocol import BoundedProtocol
from holdfast.http.services import HttpConfig, Services
from holdfast.http.socket_protocol import MESSAGE_BYTES_MAX, PING_S
from holdfast.journal import JournalError, OsDisk
from holdfast.journal.faulty_disk import FaultyDisk
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.clock import SystemClock
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.leases.peers import Peer
from holdfast.ledger.leases.shared_ledger import SharedLedger
from holdfast.ledger.leases.sharing import SharedFolder
from holdfast.ledger.leases.turns import LeaseTimes
from holdfast.ledger.opening import Loaded
from holdfast.ledger.past_work import PastWork
from holdfast.listening import base_url, listen
from holdfast.logs import Logs, open_logs
from holdfast.resilience.descriptors import connections_allowed
from holdfast.resilience.ending import Ending
from holdfast.settings import Settings
from holdfast.tenancy import LedgersConfig, TenantRegistry
from holdfast.tenancy.folders import never, no_others

#: How long requests that are under way may take once the process was told to end.
_GRACE_S: Final = 10
#: Records live long and hold no cycles. Only the youngest objects are searched for garbage: a
#: search through the older ones costs a pause that grows with the stock, and finds nothing.
_GC_THRESHOLDS: Final = (50_000, 1_000_000, 1_000_000)


_T = TypeVar("_T")


def serve(
    settings: Settings,
    on_ready: Callable[[str], None] | None = None,
    listener: socket.socket | None = None,
) -> None:
    """Run the service until SIGTERM or SIGINT; blocks.

    Args:
        settings: what the operator set.
        on_ready: is called with the base URL once the service listens.
        listener: listens already; None: listen as the settings say.

    Raises:
        CannotStart: the folder is in use, its data contradict themselves, or the port is taken.
    """
    with (
        hold(settings.data_dir, settings.locks_folder if settings.locks_enabled else None),
        _open_log(settings) as logs,
        listener or listen(settings.host, settings.port) as taken,
        _share(settings) as shared,
    ):
        try:
            uvloop.run(_Service(settings, logs, shared).run(taken, on_ready))
        except (JournalError, UnknownEvent) as error:
            raise CannotStart(f"{settings.data_dir} was not opened: {error}") from error


def offline(settings: Settings, work: Callable[[TenantRegistry], Awaitable[_T]]) -> _T:
    """Do some work on a folder that nobody serves, and return what it came to; blocks.

    Raises:
        CannotStart: the folder is in use, or its data contradict themselves.
    """
    quiet = settings.model_copy(update={"log_level": "error"})
    with hold(settings.data_dir), _open_log(quiet) as logs:
        try:
            return uvloop.run(_Service(quiet, logs, None).do(work))
        except (JournalError, UnknownEvent) as error:
            raise CannotStart(f"{settings.data_dir} was not opened: {error}") from error


def _open_log(settings: Settings) -> Logs:
    try:
        return open_logs(settings.log_level, settings.log_file)
    except OSError as error:
        raise CannotStart(
            f"The log {settings.log_file} cannot be written: {error.strerror}. "
            "Set LOG_FILE to a file in a folder that is there."
        ) from error


@contextmanager
def _share(settings: Settings) -> Iterator[SharedFolder | None]:
    """Appear among the processes that share the folder, if they do."""
    if not settings.locks_enabled:
        yield None
        return
    times = LeaseTimes(
        settings.lock_ttl_ms,
        settings.lock_renew_ms,
        settings.lock_wait_ms,
        settings.lock_retry_after_ms,
    )
    say_with_status("lease_held", settings.lock_reject_status)
    folder = settings.locks_folder
    try:
        peer = Peer(folder, uuid_utils.uuid7().hex)
    except OSError as error:
        raise CannotStart(f"LOCK_DIR={folder} cannot be used: {error.strerror}.") from error
    with peer:
        yield SharedFolder(settings.data_dir, folder, peer, times)


def new_id() -> str:
    """Make a UUIDv7 as text: unique, and rising with time."""
    return str(uuid_utils.uuid7())


class _Server(uvicorn.Server):
    """uvicorn, but the signals are ours: raised again behind it, they would skip the closing."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Service:
    """One running service. It is also what the HTTP interface asks how things are."""

    def __init__(self, settings: Settings, logs: Logs, shared: SharedFolder | None) -> None:
        self._settings = settings
        self._shared = shared
        self._logs = logs
        self._metrics = Metrics()
        self._past_work = PastWork()
        self._metrics.watch("logLinesLost", lambda: logs.sink.lines_lost)
        self._faults = FaultyDisk() if settings.faults == "on" else None
        self._disk = self._faults or OsDisk()
        self._tenants = self._make_tenants()
        self._accounts = accounts_for(settings, self._tenants)
        stats = self._tenants.stats
        self._metrics.watch("events", lambda: stats().events)
        self._metrics.watch("flushes", lambda: stats().flushes)
        self._metrics.watch("flushMs", lambda: int(stats().flush_seconds_total * 1000))
        self._metrics.watch("tenantsOpened", lambda: self._tenants.times_opened)
        self._metrics.watch("tenantsClosed", lambda: self._tenants.times_closed)
        self._ending = Ending(settings.shutdown_ms / 1000, self._cut_short)

    @property
    def draining(self) -> bool:
        """Whether the process was told to end."""
        return self._ending.has_begun

    def _cut_short(self) -> None:
        self._logs.logger.error("the end took too long and was cut short; nothing is lost")
        self._logs.sink.flush()

    def _make_tenants(self) -> TenantRegistry:
        settings = self._settings
        config = LedgersConfig(
            idle_s=settings.tenant_idle_s,
            waiting_max=settings.load_shed_queue_max,
            retry_ms=settings.breaker_cooldown_ms,
        )
        shared = self._shared
        return TenantRegistry(
            settings.data_dir,
            self._disk,
            self._make_ledger,
            config,
            new_id=new_id,
            alone=no_others if shared is None else shared.alone,
            has_others=never if shared is None else shared.has_others,
        )

    def _make_ledger(self, folder: Path, loaded: Loaded) -> FileLedger:
        settings = self._settings
        config = LedgerConfig(
            settings.reservation_retention_ms,
            settings.breaker_cooldown_ms,
            CheckpointEvery(settings.checkpoint_every_s, settings.checkpoint_every_mb << 20),
            disk_reserve_bytes=settings.disk_reserve_mb << 20,
            flush_deadline_s=settings.flush_deadline_ms / 1000,
        )
        make: Callable[..., FileLedger] = FileLedger
        if self._shared is not None:
            make = partial(SharedLedger, sharing=self._shared.sharing(folder))
        return make(
            folder,
            loaded,
            disk=self._disk,
            clock=SystemClock(),
            new_id=new_id,
            config=config,
            count=self._metrics.add,
            past_work=self._past_work,
        )

    def breakers(self) -> Mapping[str, str]:
        """Return each breaker's state by name."""
        return self._tenants.breakers()

    def ledgers(self) -> Iterable[FileLedger]:
        """Return the ledgers of the open tenants."""
        return self._tenants.ledgers.values()

    async def run(self, listener: socket.socket, on_ready: Callable[[str], None] | None) -> None:
        """Open, serve until told to end, close."""
        gc.set_threshold(*_GC_THRESHOLDS)
        self._logs.capture("uvicorn.error", "asyncio")
        server = self._server()
        self._end_on_signals(server)
        await self._tenants.open()
        if self._accounts is not None:
            await self._accounts.open()
        gc.collect()
        gc.freeze()
        try:
            if on_ready is not None:
                on_ready(base_url(listener))
            self._logs.logger.info(
                "serving",
                url=base_url(listener),
                folder=str(self._settings.data_dir),
                version=__version__,
            )
            await server.serve(sockets=[listener])
        finally:
            self._logs.logger.info("closing")
            await self._tenants.close()
            self._logs.logger.info("ended")

    async def do(self, work: Callable[[TenantRegistry], Awaitable[_T]]) -> _T:
        """Open, do some work, close; nothing is served."""
        await self._tenants.open()
        try:
            return await work(self._tenants)
        finally:
            await self._tenants.close()

    def _server(self) -> _Server:
        settings = self._settings
        config = HttpConfig(
            rate_limit_rps=settings.rate_limit_rps,
            rate_limit_burst=settings.rate_limit_burst,
            concurrency_api=settings.concurrency_api,
            load_shed_queue_max=settings.load_shed_queue_max,
            queue_wait_max_ms=settings.queue_wait_max_ms,
            idemp_ttl_ms=settings.idemp_ttl_ms,
            reservation_ttl_ms=settings.reservation_ttl_ms,
            reservation_retention_ms=settings.reservation_retention_ms,
            cors_origins=settings.cors_origins,
            trusted_proxies=settings.trusted_proxies,
            origins=settings.origins,
        )
        log, faults = self._logs.logger, self._faults
        services = Services(config, self._tenants, self, self._metrics, log, faults, self._accounts)
        app = create_app(services)
        door = Door(
            self._metrics,
            self._logs.logger,
            limiter=app.limiter,
            connections_max=connections_allowed(settings.connections_max),
        )
        return _Server(
            uvicorn.Config(
                app,
                http=partial(BoundedProtocol, door),  # type: ignore[arg-type]  # it only calls it
                ws=door.socket,  # type: ignore[arg-type]  # as above
                ws_max_size=MESSAGE_BYTES_MAX,
                ws_ping_interval=PING_S,
                ws_ping_timeout=PING_S,
                # A compressor for each of thousands would cost more memory than all they are told.
                ws_per_message_deflate=False,
                loop="uvloop",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Forwarded headers are not trusted, so there is nothing to rewrite.
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )

    def _end_on_signals(self, server: _Server) -> None:
        def end() -> None:
            self._ending.told()
            server.should_exit = True
            self._logs.logger.info("told to end", hurries=self._ending.hurries)
            if self._ending.hurries:
                server.force_exit = True
                self._tenants.hurry()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
