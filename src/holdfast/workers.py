"""Several processes behind one port: a parent that listens, starts them, and starts them again.

The parent serves nothing itself. All workers accept from the socket that it opened; each is a
whole service that shares the folder with the others by leases.
"""

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

from holdfast import runtime
from holdfast.folder_lock import CannotStart
from holdfast.listening import base_url, listen
from holdfast.settings import Settings

_HEARD: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
#: How often the parent looks whether all workers are ready.
_LOOK_S: Final = 0.05
#: A worker that ends by itself is started again, not more often than this.
_AGAIN_S: Final = 1.0
_PR_SET_PDEATHSIG: Final = 1
_UNAVAILABLE: Final = 69


def serve(settings: Settings, number: int, on_ready: Callable[[str], None]) -> None:
    """Run so many workers until SIGTERM or SIGINT; blocks.

    Raises:
        CannotStart: the port is taken, or a worker could not start or end, and said why.
    """
    with listen(settings.host, settings.port) as listener:
        _Workers(settings, number, listener, on_ready).run()


class _Workers:
    def __init__(
        self,
        settings: Settings,
        number: int,
        listener: socket.socket,
        on_ready: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._number = number
        self._listener = listener
        self._on_ready = on_ready
        self._ready = 0
        #: When each of them was started.
        self._running: dict[int, float] = {}
        self._heard, self._said = os.pipe()
        os.set_blocking(self._heard, False)

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        try:
            for _ in range(self._number):
                self._start()
            while self._goes_on():
                pass
        finally:
            failed = self._end_all()
        if failed:
            raise CannotStart("A worker did not start, or did not end in good order.")

    def _goes_on(self) -> bool:
        """Wait for what happens next; whether to go on after it."""
        starting = self._ready < self._number
        heard = signal.sigtimedwait(_HEARD, _LOOK_S if starting else 3600)
        if starting:
            self._count_ready()
        if heard is None:
            return True
        if heard.si_signo != signal.SIGCHLD:
            return False
        return self._replace_dead()

    def _count_ready(self) -> None:
        with suppress(BlockingIOError):
            self._ready += len(os.read(self._heard, self._number))
        if self._ready == self._number:
            self._on_ready(base_url(self._listener))

    def _replace_dead(self) -> bool:
        """Start a worker for each that ended; not while they start: then it said why it cannot."""
        while self._running and (process_id := os.waitpid(-1, os.WNOHANG)[0]):
            began = self._running.pop(process_id)
            if self._ready < self._number:
                self._number = 0
                return False
            time.sleep(max(0.0, began + _AGAIN_S - time.monotonic()))
            self._start()
        return True

    def _end_all(self) -> bool:
        """Tell all to end and wait for them; whether any did so otherwise than in peace."""
        for process_id in self._running:
            os.kill(process_id, signal.SIGTERM)
        statuses = [os.waitpid(process_id, 0)[1] for process_id in self._running]
        os.close(self._heard)
        os.close(self._said)
        return self._number == 0 or any(statuses)

    def _start(self) -> None:
        process_id = os.fork()
        if process_id == 0:
            self._work()
        self._running[process_id] = time.monotonic()

    def _work(self) -> NoReturn:
        code = 1
        try:
            # Ctrl-C is for the parent, which passes it on; if that dies, so does this.
            os.setpgid(0, 0)
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
            runtime.serve(self._settings, self._say_ready, self._listener)
            code = 0
        except CannotStart as error:
            sys.stderr.write(f"holdfast: {error}\n")
            code = _UNAVAILABLE
        except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _say_ready(self, _: str) -> None:
        os.write(self._said, b"r")
