"""Who may serve a DATA_DIR: one process alone, or several that all share it in the same way.

The lock is the kernel's, on the file `.lock`, which names the process. Who serves alone holds it
exclusively; processes that share the folder hold it together, so neither kind meets the other.
The first of those writes down where the leases are, and the others must look in the same place.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

import portalocker

#: How often, and how far apart, a start looks for the number of the process that has the folder.
_TRIES: Final = 50
_PAUSE_S: Final = 0.02
#: Takes all rights from other users of the machine: 0600 for files, 0700 for folders.
_PRIVATE: Final = 0o077
_ALONE: Final = portalocker.LOCK_EX | portalocker.LOCK_NB
_SHARED: Final = portalocker.LOCK_SH | portalocker.LOCK_NB


class CannotStart(Exception):
    """The service cannot start; the message says why and what to do."""


@contextmanager
def hold(data_dir: Path, lock_dir: Path | None = None) -> Iterator[None]:
    """Hold the folder for this process alone, or with others that keep leases in `lock_dir`.

    What the process writes from now on is for its own user's eyes.

    Raises:
        CannotStart: another process has it, or one of them has it otherwise.
    """
    os.umask(_PRIVATE)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock_file = (data_dir / ".lock").open("a+")
    except OSError as error:
        raise CannotStart(f"The folder {data_dir} cannot be used: {error.strerror}.") from error
    with lock_file:
        if lock_dir is None:
            _hold_alone(lock_file, data_dir)
        else:
            _hold_with_others(lock_file, data_dir, lock_dir)
        yield
        if lock_dir is None:
            lock_file.truncate(0)


def _hold_alone(lock_file: TextIO, data_dir: Path) -> None:
    """Take the lock at once, or name the process that holds it.

    One that took it this instant has not written its number yet: the file is empty, or holds that
    of a dead process. So the number of no living process is worth another look.
    """
    for _ in range(_TRIES):
        if _take(lock_file, _ALONE):
            _write(lock_file, f"{os.getpid()}\n")
            return
        owner = owner_in(lock_file)
        if _is_alive(owner):
            break
        time.sleep(_PAUSE_S)
    else:
        owner = "unknown"
    raise CannotStart(
        f"Another process (id {owner}) serves the folder {data_dir}; stop it first, "
        "or set DATA_DIR to a folder of its own."
    )


def _hold_with_others(lock_file: TextIO, data_dir: Path, lock_dir: Path) -> None:
    place = str(lock_dir.resolve())
    for _ in range(_TRIES):
        if _take(lock_file, _ALONE):
            # The first of them: nobody reads what is written before the lock is shared.
            _write(lock_file, f"{os.getpid()}\n{place}\n")
        if _take(lock_file, _SHARED):
            _demand_same(lock_file, data_dir, place)
            return
        time.sleep(_PAUSE_S)
    raise CannotStart(
        f"Another process (id {owner_in(lock_file)}) serves the folder {data_dir} alone; stop it "
        "and start all of them with LOCKS_ENABLED=true, or set DATA_DIR to a folder of its own."
    )


def _demand_same(lock_file: TextIO, data_dir: Path, place: str) -> None:
    lock_file.seek(0)
    theirs = lock_file.read().partition("\n")[2].strip()
    if theirs != place:
        raise CannotStart(
            f"Other processes serve the folder {data_dir} with LOCK_DIR={theirs}, this one has "
            f"{place}; they would not see each other's leases. Set the same LOCK_DIR for all."
        )


def _take(lock_file: TextIO, kind: portalocker.LockFlags) -> bool:
    try:
        portalocker.lock(lock_file, kind)
    except portalocker.exceptions.LockException:
        return False
    return True


def _write(lock_file: TextIO, text: str) -> None:
    lock_file.truncate(0)
    lock_file.write(text)
    lock_file.flush()


def owner_in(lock_file: TextIO) -> str:
    """Return the number of the process that the file names, as text; it may be empty."""
    lock_file.seek(0)
    return lock_file.read().partition("\n")[0].strip()


def _is_alive(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except PermissionError:
        return True
    except (ValueError, OverflowError, OSError):
        return False
    return True
