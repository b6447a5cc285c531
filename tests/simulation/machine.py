"""A machine whose time, threads and event loop are one thing: nothing happens by chance on it.

A thread of the service is a real one, but only one runs at a time: it is resumed by a callback of
the loop, and gives control back when it waits for the disk, for work, or ends. Waiting is a timer
on the loop, and the loop's time jumps to the next timer when nothing else is to be done. So the
order of everything follows from the latencies, and these are drawn from the seed.
"""

import asyncio
import contextvars
import math
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any, Final

from tests.support.virtual_time import START_MS

NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
#: By then every run has ended, whatever was wrong in it.
ENDS_WITHIN_NS: Final = 300_000 * NS_PER_MS
#: Turns of the loop in which time does not pass, before the simulation is called stuck.
_TURNS_AT_ONE_INSTANT_MAX: Final = 200_000


class ProcessDied(BaseException):
    """The process is gone; whatever one of its threads still wants to do does not happen."""


class Stuck(AssertionError):
    """Somebody waits, and nothing will ever happen."""


class SimClock:
    """Both clocks of the machine, in ns; the wall clock may be set apart from the other one."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * NS_PER_MS
        self.wall_offset_ms = START_MS

    def wall_ms(self) -> int:
        return self.wall_offset_ms + self.now_ns // NS_PER_MS

    def monotonic_ns(self) -> int:
        return self.now_ns

    def seconds(self) -> float:
        return self.now_ns / _NS_PER_S


class _Idle:
    """In place of a selector: nothing comes from outside, so time jumps to the next timer."""

    def __init__(self, loop: "SimLoop") -> None:
        self._loop = loop
        self._turns = 0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck("everybody waits for somebody else")
        if timeout > 0:
            self._turns = 0
            self._loop.jump()
            return []
        self._turns += 1
        if self._turns > _TURNS_AT_ONE_INSTANT_MAX:
            raise Stuck("it goes round without time passing")
        return []


class SimLoop(asyncio.BaseEventLoop):
    """An event loop on a machine. It belongs to one process, and dies with it."""

    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, clock: SimClock) -> None:
        super().__init__()
        self.clock = clock
        self.threads = SimThreads(self)
        self._clock_resolution = 1e-9
        self._selector = _Idle(self)

    def time(self) -> float:
        return self.clock.now_ns / _NS_PER_S

    def jump(self) -> None:
        """Let time pass until the next timer."""
        if self.clock.now_ns > ENDS_WITHIN_NS:
            raise Stuck("it never ends")
        at = math.ceil(self._scheduled[0].when() * _NS_PER_S)
        self.clock.now_ns = max(self.clock.now_ns, at)

    def forget_timers(self) -> None:
        """Nothing that was to happen later will."""
        for timer in self._scheduled:
            timer.cancel()

    def run_in_executor(  # type: ignore[override]  # a future is awaitable, which is what is asked
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run it in a thread of the machine; `asyncio.to_thread` comes here too."""
        future: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - it is handed on, as an executor does
                self.call_soon_threadsafe(_settle, future, None, error)
            else:
                self.call_soon_threadsafe(_settle, future, result, None)

        self.threads.thread(work, "executor").start()
        return future

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """The loop cannot be asleep while a thread runs."""


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if not future.done():
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


async def time_passes(seconds: float) -> None:
    """Let a task wait for so long, on the machine's clock."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, _settle, over, None, None)
    await over


class _Carrier:
    """A thread of the operating system that carries one simulated thread after another."""

    def __init__(self) -> None:
        self.go = threading.Lock()
        self.back = threading.Lock()
        self.go.acquire()
        self.back.acquire()
        self.run: Callable[[], None] = lambda: None
        threading.Thread(target=self._carry, name="simulated", daemon=True).start()

    def _carry(self) -> None:
        while True:
            self.go.acquire()
            self.run()
            self.back.release()


_free_carriers: Final[list[_Carrier]] = []


class SimThread:
    """One thread of the service, which runs only while the loop waits for it."""

    def __init__(self, threads: "SimThreads", run: Callable[[], None], name: str) -> None:
        self.name = name
        self._threads = threads
        self._run = run
        self._context = contextvars.copy_context()
        self._carrier: _Carrier | None = None
        self._wakes: asyncio.Handle | None = None
        self.error: BaseException | None = None

    def start(self) -> None:
        self._threads.alive.append(self)
        self.wake_soon()

    def join(self, timeout: float | None = None) -> None:
        raise Stuck("nobody may block the machine to wait for a thread")

    def is_alive(self) -> bool:
        return self in self._threads.alive

    # On the loop.

    def wake_soon(self) -> None:
        self._cancel_wake()
        self._wakes = self._threads.loop.call_soon(self.resume)

    def wake_in(self, delay_s: float) -> None:
        self._cancel_wake()
        self._wakes = self._threads.loop.call_later(delay_s, self.resume)

    def _cancel_wake(self) -> None:
        if self._wakes is not None:
            self._wakes.cancel()

    def resume(self) -> None:
        """Run the thread until it waits or ends."""
        if not self.is_alive():
            return
        self._wakes = None
        carrier = self._carrier
        if carrier is None:
            carrier = self._carrier = _free_carriers.pop() if _free_carriers else _Carrier()
            carrier.run = self._carried
        threads = self._threads
        before, threads.current = threads.current, self
        carrier.go.release()
        carrier.back.acquire()
        threads.current = before
        if not self.is_alive():
            self._carrier = None
            _free_carriers.append(carrier)
            if self.error is not None:
                raise self.error

    # In the thread.

    def _carried(self) -> None:
        try:
            self._threads.demand_alive()
            self._context.run(self._run)
        except ProcessDied:
            pass
        except BaseException as error:  # noqa: BLE001 - the loop raises it again
            self.error = error
        finally:
            self._threads.alive.remove(self)

    def wait(self) -> None:
        """Give control back to the loop until somebody wakes this thread."""
        carrier = self._carrier
        if carrier is None:
            raise Stuck("only a thread that runs can wait")
        carrier.back.release()
        carrier.go.acquire()
        self._threads.demand_alive()


class SimThreads:
    """The threads of one process; implements the journal's port."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.current: SimThread | None = None
        self.alive: list[SimThread] = []
        self.dead = False

    def thread(self, run: Callable[[], None], name: str) -> SimThread:
        return SimThread(self, run, name)

    def queue(self) -> "SimQueue":
        return SimQueue(self)

    def stand_aside(self) -> None:
        """Nobody takes anything from anybody here."""

    def demand_alive(self) -> None:
        if self.dead:
            raise ProcessDied

    def pass_time(self, ns: int) -> None:
        """Let the current thread wait; who is no thread of the machine takes no time."""
        if self.current is not None and ns > 0:
            self.current.wake_in(ns / _NS_PER_S)
            self.current.wait()

    def end_all(self) -> None:
        """The process is dead: let every thread find out where it stands."""
        self.dead = True
        for thread in list(self.alive):
            thread.resume()


class SimQueue:
    """A queue from the loop to one thread."""

    def __init__(self, threads: SimThreads) -> None:
        self._threads = threads
        self._items: deque[Any] = deque()
        self._waiting: SimThread | None = None

    def put(self, item: Any) -> None:
        self._items.append(item)
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.wake_soon()

    def get(self, *, timeout: float | None = None) -> Any:
        if not self._items:
            thread = self._threads.current
            if thread is None:
                raise Stuck("only a thread can wait for work")
            self._waiting = thread
            if timeout is not None:
                thread.wake_in(timeout)
            thread.wait()
            self._waiting = None
        if not self._items:
            raise Empty
        return self._items.popleft()
