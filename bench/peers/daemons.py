"""The databases behind the peers: started on a socket of their own, with data of their own.

Neither listens on the network, and neither outlives the bench.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.errors import BenchFailed
from bench.procfs import family, parents_now
from bench.server import pinned, signal_all

INSTALL: Final = "sudo bench/install-peers"
_START_S_MAX: Final = 30
_STOP_S_MAX: Final = 30
#: Where Debian keeps what only an administrator of databases calls.
_DEBIAN: Final = Path("/usr/lib/postgresql")


class Daemon(NamedTuple):
    """A running database: its first process, and what its shop is told to find it."""

    pid: int | None
    arguments: tuple[str, ...]


@contextmanager
def redis_server(folder: Path, core: int | None) -> Iterator[Daemon]:
    """Run Redis until the block ends; every command is synced before it is answered.

    The snapshots that Debian's settings also ask for are off: beside the append-only file they
    would be work for nothing.
    """
    data = folder / "redis"
    data.mkdir()
    with _socket_folder() as sockets:
        socket = sockets / "redis.sock"
        settings = ["--port", "0", "--unixsocket", str(socket), "--dir", str(data), "--save", ""]
        settings += ["--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no"]
        command = [*pinned(core), "redis-server", *settings]
        with _running("redis", command, folder, socket.exists, ending=signal.SIGTERM) as pid:
            yield Daemon(pid, (str(socket),))


@contextmanager
def postgres(folder: Path, core: int | None) -> Iterator[Daemon]:
    """Run PostgreSQL, as `initdb` sets it up, until the block ends.

    It refuses to be root, so root runs it as the user `postgres` that its package makes.
    """
    binaries = postgres_binaries()
    if binaries is None:
        raise BenchFailed(f"PostgreSQL is not installed: {INSTALL}")
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    data = folder / "postgres"
    data.mkdir(mode=0o700)
    with _socket_folder() as sockets:
        if os.geteuid() == 0:
            _give_to(user, data, sockets)
        _initialise(binaries / "initdb", data, user)
        command = [*pinned(core), str(binaries / "postgres"), "-D", str(data)]
        command += ["-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}"]
        with _running(
            "postgres", command, folder, lambda: _accepts(data), ending=signal.SIGINT, user=user
        ) as pid:
            yield Daemon(pid, (str(sockets), user))


def redis_is_installed() -> bool:
    """Whether there is a Redis to start."""
    return shutil.which("redis-server") is not None


def postgres_is_installed() -> bool:
    """Whether there is a PostgreSQL to start."""
    return postgres_binaries() is not None


def postgres_binaries() -> Path | None:
    """The folder of PostgreSQL's programs: on the PATH, or where Debian has the newest."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def _accepts(data: Path) -> bool:
    # Its last line says how far the server is; the socket is there long before it is.
    try:
        return "ready" in (data / "postmaster.pid").read_text("utf-8")
    except FileNotFoundError:
        return False


@contextmanager
def _socket_folder() -> Iterator[Path]:
    # The path of a socket is short by law of the kernel, so it does not lie beside the data.
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield Path(name)


def _give_to(user: str, *folders: Path) -> None:
    for folder in folders:
        shutil.chown(folder, user)
    # What the bench made above it has to be passable for that user.
    for above in folders[0].parents[:2]:
        above.chmod(0o711)


def _initialise(initdb: Path, data: Path, user: str) -> None:
    command = [str(initdb), "-D", str(data), "--auth=trust", f"--username={user}"]
    command += ["--encoding=UTF8", "--no-locale"]
    who = _as(user)
    ran = subprocess.run(
        command,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        user=who.user,
        group=who.group,
        extra_groups=who.extra_groups,
    )
    if ran.returncode:
        raise BenchFailed(
            f"initdb failed: {ran.stderr.strip()} (the user {user} has to be able to enter "
            f"{data.parent}; choose another folder with --dir)"
        )


class _Identity(NamedTuple):
    """Whom a subprocess runs as; None: as whoever runs the bench."""

    user: str | None = None
    group: int | None = None
    extra_groups: tuple[int, ...] | None = None


def _as(user: str | None) -> _Identity:
    if user is None or os.geteuid() != 0:
        return _Identity()
    return _Identity(user, pwd.getpwnam(user).pw_gid, ())


@contextmanager
def _running(
    name: str,
    command: list[str],
    folder: Path,
    is_ready: Callable[[], bool],
    *,
    ending: signal.Signals,
    user: str | None = None,
) -> Iterator[int]:
    said = folder / f"{name}.log"
    who = _as(user)
    with said.open("wb") as sink:
        process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            user=who.user,
            group=who.group,
            extra_groups=who.extra_groups,
        )
    try:
        deadline = time.monotonic() + _START_S_MAX
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchFailed(f"{name} did not start: {said.read_text('utf-8', 'replace')}")
            time.sleep(0.02)
        yield process.pid
    finally:
        _end(process, ending)


def _end(process: subprocess.Popen[bytes], ending: signal.Signals) -> None:
    """End a database whatever state it is in; its data are thrown away anyhow."""
    everyone = family(process.pid, parents_now())
    signal_all(everyone, signal.SIGCONT)
    process.send_signal(ending)
    try:
        process.wait(_STOP_S_MAX)
    except subprocess.TimeoutExpired:
        signal_all(family(process.pid, parents_now()), signal.SIGKILL)
        process.wait()
