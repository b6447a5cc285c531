"""Where the service is put together: every part of it meets the others here, and only here.

It takes the folder, opens the tenants, puts the HTTP interface before them, and takes all of it
down again in the opposite order when the process is told to end.
"""

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

import portalocker
import uuid_utils
import uvicorn
import uvloop

from holdfast import __version__
from holdfast.domain.events import UnknownEvent
from holdfast.http.app import create_app
from holdfast.http.door import Door
from holdfast.http.metrics import Metrics
from holdfast.http.services import HttpConfig, Services
from holdfast.journal import JournalError, OsDisk
from holdfast.journal.faulty_disk import FaultyDisk
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.clock import SystemClock
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import Loaded
from holdfast.ledger.past_work import PastWork
from holdfast.logs import Logs, open_logs
from holdfast.resilience.descriptors import connections_allowed
from holdfast.resilience.ending import Ending
from holdfast.settings import Settings
from holdfast.tenancy import LedgersConfig, TenantRegistry

_BACKLOG: Final = 2048
#: So much of what a client has not read yet the kernel keeps, or twice as much.
_UNSENT_BYTES_MAX: Final = 128 * 1024
#: How often, and how far apart, a start looks for the number of the process that has the folder.
_LOCK_TRIES: Final = 50
_LOCK_PAUSE_S: Final = 0.02
#: How long requests that are under way may take once the process was told to end.
_GRACE_S: Final = 10
#: Records live long and hold no cycles. Only the youngest objects are searched for garbage: a
#: search through the older ones costs a pause that grows with the stock, and finds nothing.
_GC_THRESHOLDS: Final = (50_000, 1_000_000, 1_000_000)


class CannotStart(Exception):
    """The service cannot start; the message says why and what to do."""


def serve(settings: Settings, on_ready: Callable[[str], None] | None = None) -> None:
    """Run the service until SIGTERM or SIGINT; blocks.

    Args:
        settings: what the operator set.
        on_ready: is called with the base URL once the service listens.

    Raises:
        CannotStart: the folder is in use, its data contradict themselves, or the port is taken.
    """
    with (
        _own(settings.data_dir),
        _open_log(settings) as logs,
        _listen(settings.host, settings.port) as listener,
    ):
        try:
            uvloop.run(_Service(settings, logs).run(listener, on_ready))
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
def _own(data_dir: Path) -> Iterator[None]:
    """Hold the folder for this process alone."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock_file = (data_dir / ".lock").open("a+")
    except OSError as error:
        raise CannotStart(f"The folder {data_dir} cannot be used: {error.strerror}.") from error
    with lock_file:
        _lock(lock_file, data_dir)
        lock_file.truncate(0)
        lock_file.write(f"{os.getpid()}\n")
        lock_file.flush()
        yield
        lock_file.truncate(0)


def _lock(lock_file: TextIO, data_dir: Path) -> None:
    """Take the lock at once, or name the process that holds it.

    One that took it this instant has not written its number yet: the file is empty, or holds that
    of a dead process. So the number of no living process is worth another look.
    """
    for _ in range(_LOCK_TRIES):
        try:
            portalocker.lock(lock_file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.exceptions.LockException:
            lock_file.seek(0)
            owner = lock_file.read().strip()
        else:
            return
        if _is_alive(owner):
            break
        time.sleep(_LOCK_PAUSE_S)
    else:
        owner = "unknown"
    raise CannotStart(
        f"Another process (id {owner}) serves the folder {data_dir}; stop it first, "
        "or set DATA_DIR to a folder of its own."
    )


def _is_alive(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except PermissionError:
        return True
    except (ValueError, OverflowError, OSError):
        return False
    return True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # Every connection inherits it: what is written for clients that do not read stays small.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT_BYTES_MAX)
        return listener
    except OSError as error:
        raise CannotStart(
            f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}. "
            "Set PORT to a free port, or stop what listens there."
        ) from error


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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

    def __init__(self, settings: Settings, logs: Logs) -> None:
        self._settings = settings
        self._logs = logs
        self._metrics = Metrics()
        self._past_work = PastWork()
        self._metrics.watch("logLinesLost", lambda: logs.sink.lines_lost)
        self._faults = FaultyDisk() if settings.faults == "on" else None
        self._disk = self._faults or OsDisk()
        self._tenants = self._make_tenants()
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
        return TenantRegistry(
            settings.data_dir, self._disk, self._make_ledger, config, new_id=new_id
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
        return FileLedger(
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
        gc.collect()
        gc.freeze()
        try:
            if on_ready is not None:
                on_ready(_base_url(listener))
            self._logs.logger.info(
                "serving",
                url=_base_url(listener),
                folder=str(self._settings.data_dir),
                version=__version__,
            )
            await server.serve(sockets=[listener])
        finally:
            self._logs.logger.info("closing")
            await self._tenants.close()
            self._logs.logger.info("ended")

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
        )
        services = Services(
            config, self._tenants, self, self._metrics, self._logs.logger, self._faults
        )
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
                http=door.protocol,  # type: ignore[arg-type]  # it only calls it
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
                for ledger in self.ledgers():
                    ledger.hurry()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
