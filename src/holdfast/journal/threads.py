"""The port to threads: where a journal's writer runs, and how its work reaches it.

Who brings another one decides in which order threads run, so that a run can be repeated exactly.
"""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")
STAND_ASIDE_S: Final = 0.00005


class Thread(Protocol):
    """A thread that was made but not started."""

    def start(self) -> None: ...

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, for `timeout` seconds at most."""
        ...

    def is_alive(self) -> bool: ...


class Queue(Protocol[T]):
    """Hands things over, first in, first out."""

    def put(self, item: T) -> None: ...

    def get(self, *, timeout: float | None = None) -> T:
        """The oldest thing. Raises queue.Empty when none comes within `timeout` seconds."""
        ...


class Threads(Protocol):
    """What a journal needs of them."""

    def thread(self, run: Callable[[], None], name: str) -> Thread:
        """A thread for `run`, which does not keep the process from ending."""
        ...

    def queue(self) -> Queue[Any]: ...

    def stand_aside(self) -> None:
        """Let the calling thread wait for a moment, so that the others get on."""
        ...


class OsThreads:
    """The threads of the operating system."""

    def thread(self, run: Callable[[], None], name: str) -> Thread:
        # A daemon, so that a thread which hangs in the kernel does not keep the process.
        return threading.Thread(target=run, name=name, daemon=True)

    def queue(self) -> Queue[Any]:
        return SimpleQueue()

    def stand_aside(self) -> None:
        time.sleep(STAND_ASIDE_S)


OS_THREADS: Final = OsThreads()
