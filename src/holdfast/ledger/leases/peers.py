"""The processes that share a folder: how each is named, and how the others know that it lives."""

import os
from pathlib import Path
from types import TracebackType
from typing import Final, TextIO

import portalocker

_FOLDER: Final = "alive"


class KernelLock:
    """A file that this process locks until it dies or lets it go; it is never waited for.

    For people, the file says which process that is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def take(self) -> bool:
        """Hold it from now on; False when another process does. Raises OSError."""
        if self._file is not None:
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a")
        try:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.exceptions.LockException:
            file.close()
            return False
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file
        return True

    def is_free(self) -> bool:
        """Tell whether nobody holds it; false where there is no such file."""
        try:
            with self.path.open("r") as file:
                portalocker.lock(file, portalocker.LOCK_SH | portalocker.LOCK_NB)
        except (FileNotFoundError, portalocker.exceptions.LockException):
            return False
        return True

    def let_go(self) -> None:
        """Let others have it."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Peer:
    """This process among those that share a folder.

    It holds a kernel lock on a file of its own for as long as it lives, so the kernel tells the
    others when it is dead, however it died and whatever number it had.
    """

    def __init__(self, lock_dir: Path, owner_id: str) -> None:
        """Appear in `lock_dir` under a name that nobody ever had. Raises OSError."""
        self.owner_id = owner_id
        self._folder = lock_dir / _FOLDER
        self._alive = KernelLock(self._folder / owner_id)
        if not self._alive.take():
            raise OSError(f"{self._alive.path} is another process's")

    def is_dead(self, owner_id: str) -> bool:
        """Tell whether a peer is dead for certain; one that left no file may live."""
        if owner_id == self.owner_id or "/" in owner_id:
            return False
        return KernelLock(self._folder / owner_id).is_free()

    def has_others(self) -> bool:
        """Tell whether any other process shares the folder now. Blocks."""
        names = {path.name for path in self._folder.iterdir()} - {self.owner_id}
        return any((self._folder / name).exists() and not self.is_dead(name) for name in names)

    def forget(self, owner_id: str) -> None:
        """Remove what a dead peer left."""
        if "/" not in owner_id and self.is_dead(owner_id):
            (self._folder / owner_id).unlink(missing_ok=True)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Leave: whatever this process holds is free."""
        self._alive.path.unlink(missing_ok=True)
        self._alive.let_go()
