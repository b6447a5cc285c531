"""A server under measurement: a process of its own, on a core of its own, on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

import httpx2

from bench.errors import BenchFailed
from bench.procfs import TICKS_PER_S, allow_cores, cpu_s, family, parents_now

ROOT: Final = Path(__file__).resolve().parent.parent
HOST: Final = "127.0.0.1"
START_S_MAX: Final = 30
STOP_S_MAX: Final = 60
SETTLE_S_MAX: Final = 15
#: A server is at rest when it uses at most one tick of CPU in so many seconds.
REST_S: Final = 0.1


class Server:
    """One running server. Use `running`, which sees that it ends."""

    def __init__(
        self, name: str, port: int, process: subprocess.Popen[bytes], daemon: int | None = None
    ) -> None:
        """Wrap a process; `daemon` is the process id of the database behind it, if any."""
        self.name = name
        self.port = port
        self.url = f"http://{HOST}:{port}"
        #: How long it took from being called to answering that it is ready.
        self.start_s = 0.0
        self._process = process
        self._daemon = daemon

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def cpu_s(self) -> float:
        """CPU time that the service, with its database, used so far, in seconds."""
        return sum(map(cpu_s, [self.pid, *self.daemons()]))

    def daemons(self) -> list[int]:
        """The processes of the database behind it, the one that starts others first."""
        return [] if self._daemon is None else family(self._daemon, parents_now())

    def wait_until_ready(self, path: str, said: Path, seconds_max: float) -> Self:
        """Wait until a path answers 200.

        Raises:
            BenchFailed: it ended, or did not answer in time; with what it said.
        """
        started = time.monotonic()
        deadline = started + seconds_max
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx2.get(self.url + path, timeout=1).status_code == httpx2.codes.OK:
                    self.start_s = time.monotonic() - started
                    return self
            except httpx2.TransportError:
                time.sleep(0.02)
        raise BenchFailed(f"{self.name} did not start: {said.read_text('utf-8', 'replace')}")

    def settle(self) -> None:
        """Wait until the server is at rest: what it still writes belongs to what it was asked.

        A database keeps house at times of its own choosing; it is not charged for more than a
        moment of that.

        Raises:
            BenchFailed: it goes on working, though nobody asks for anything.
        """
        deadline = time.monotonic() + (SETTLE_S_MAX if self._daemon is None else REST_S * 5)
        while time.monotonic() < deadline:
            before = self.cpu_s
            time.sleep(REST_S)
            if self.cpu_s - before < 1.5 / TICKS_PER_S:
                return
        if self._daemon is None:
            raise BenchFailed(f"{self.name} is still busy {SETTLE_S_MAX} s after the load ended.")

    def pause(self) -> None:
        """Take the server off its core, timers included, while another one is measured."""
        self._process.send_signal(signal.SIGSTOP)
        # First the one that could start another.
        signal_all(self.daemons(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on; what fell due meanwhile is done first."""
        signal_all(self.daemons(), signal.SIGCONT)
        self._process.send_signal(signal.SIGCONT)

    def let_database_use(self, cores: set[int]) -> None:
        """Choose the cores of the database behind it; the service itself stays where it is."""
        for pid in self.daemons():
            allow_cores(pid, cores)

    def stop(self) -> None:
        """End the server in peace.

        Raises:
            BenchFailed: it did not end, or not well.
        """
        self.resume()
        self._process.terminate()
        try:
            code = self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"{self.name} did not end within {STOP_S_MAX} s.") from None
        # A plain uvicorn closes everything and then dies of the signal that it was sent.
        if code not in {0, -signal.SIGTERM}:
            raise BenchFailed(f"{self.name} ended with exit code {code}.")

    def kill(self) -> None:
        """End the server, whatever state it is in."""
        self._process.kill()
        self._process.wait()


@contextmanager
def running(
    name: str,
    module: list[str],
    *,
    environment: Mapping[str, str],
    port: int,
    ready_path: str,
    folder: Path,
    core: int | None,
    daemon: int | None = None,
    start_s_max: float = START_S_MAX,
) -> Iterator[Server]:
    """Run `python -m module…` with exactly this environment until the block ends.

    Args:
        name: what it is called where something goes wrong.
        module: the module with its arguments.
        environment: all of its environment.
        port: where it will listen.
        ready_path: answers 200 once it is ready.
        folder: where its standard error goes.
        core: the one that it runs on; None: any.
        daemon: the process id of the database behind it.
        start_s_max: how long it may take until it is ready.
    """
    command = [*pinned(core), sys.executable, "-m", *module]
    said = folder / f"{name}.stderr"
    with said.open("wb") as sink:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    server = Server(name, port, process, daemon)
    try:
        yield server.wait_until_ready(ready_path, said, start_s_max)
        server.stop()
    finally:
        if process.poll() is None:
            server.kill()


def pinned(core: int | None) -> list[str]:
    """What stands before a command so that it ends with the bench, and runs on one core only."""
    bound = ["setpriv", "--pdeathsig", "KILL", "--"]
    return bound if core is None else [*bound, "taskset", "-c", str(core)]


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to all that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
