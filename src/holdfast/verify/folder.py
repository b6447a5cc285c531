"""The data folder as somebody sees it who must not change it."""

import os
from pathlib import Path

import portalocker

from holdfast.domain.tenants import SYSTEM_TENANT
from holdfast.domain.values import is_id
from holdfast.verify.differences import USAGE, CannotVerify


def tenant_folders(data_dir: Path, wanted: str | None) -> list[Path]:
    """Return the folders of the tenants to look at.

    Raises:
        CannotVerify: there is no such folder, or no such tenant in it.
    """
    tenants = data_dir / "tenants"
    if not data_dir.is_dir():
        raise _wrong(f"There is no folder {data_dir}; name the data with --data-dir.")
    if wanted is not None and not is_id(wanted):
        raise _wrong(f"--tenant takes a tenant's id, not {wanted!r}.")
    found = sorted(path for path in tenants.glob("*") if path.is_dir() and is_id(path.name))
    if not found:
        raise _wrong(f"{data_dir} holds no tenants; name the service's DATA_DIR with --data-dir.")
    chosen = [path for path in found if wanted in {None, path.name}]
    if not chosen:
        names = ", ".join(path.name for path in found)
        raise _wrong(f"{data_dir} has no tenant {wanted}; it has {names}.")
    return chosen


def system_folder(data_dir: Path) -> Path | None:
    """Return the folder of the system journal; None where an older release left none."""
    folder = data_dir / SYSTEM_TENANT
    return folder if (folder / "journal").is_dir() else None


def _wrong(sentence: str) -> CannotVerify:
    return CannotVerify(sentence, USAGE)


def serving_process(data_dir: Path) -> str | None:
    """Return the id of the process that serves the folder, or None.

    The lock is only tried where a process has left its id: a service that ended well has not, so
    that a service which is just starting does not find its lock taken.
    """
    path = data_dir / ".lock"
    try:
        with path.open("r", encoding="ascii", errors="replace") as lock_file:
            owner = lock_file.read().partition("\n")[0].strip()
            if owner and _is_locked(lock_file.fileno()):
                return owner
    except FileNotFoundError:
        return None
    except OSError as error:
        sentence = f"{path} cannot be read: {os.strerror(error.errno or 0)}."
        raise CannotVerify(sentence, USAGE) from error
    return None


def _is_locked(handle: int) -> bool:
    try:
        portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
    except portalocker.exceptions.LockException:
        return True
    portalocker.unlock(handle)
    return False
