"""`holdfast` as processes of their own, which may be killed at any moment."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOLDFAST = [sys.executable, "-m", "holdfast"]


def free_port() -> int:
    """A port that nobody listens on now; it stays the same when a server is started again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Server:
    """One server on one folder, through as many processes as it takes."""

    def __init__(self, folder: Path, *command: str, **settings: str) -> None:
        self.port = free_port()
        self._command = command or (*HOLDFAST, "serve")
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {
            "PORT": str(self.port),
            "DATA_DIR": str(folder / "data"),
            "LOG_FILE": str(folder / "holdfast.log"),
            "LOG_LEVEL": "warning",
            **settings,
        }
        self._process: subprocess.Popen[str] | None = None

    def launch(self) -> None:
        """Start a process; it does not listen yet."""
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self) -> None:
        """Start a process and wait until it listens."""
        self.launch()
        process = self._process
        assert process is not None
        assert process.stderr is not None
        said = process.stderr.readline()
        if self.url not in said:
            said += process.communicate()[1]
        assert self.url in said, said

    @property
    def process_id(self) -> int:
        """The number of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End the process as a power cut would, as far as a process can feel one."""
        self._end(signal.SIGKILL)

    def kill_after(self, delay_s: float) -> None:
        """Kill the process so long from now, whatever it is doing then."""
        process = self._process
        assert process is not None
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=delay_s)
        self.kill()

    def stop(self) -> None:
        """Tell the process to end, and see that it does so in peace."""
        assert self._end(signal.SIGTERM) == 0

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        assert process is not None
        assert process.poll() is None, "the server ended by itself"
        process.send_signal(number)
        process.communicate(timeout=60)
        self._process = None
        return process.returncode

    @contextmanager
    def running(self) -> Iterator["Server"]:
        """Run from here on; whatever happens, leave no process behind."""
        self.start()
        try:
            yield self
            self.stop()
        finally:
            if self._process is not None:
                self.kill()


@contextmanager
def command(output: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `holdfast` in the background, its output in a file."""
    with output.open("wb") as file:
        process = subprocess.Popen([*HOLDFAST, *arguments], stdout=file, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
