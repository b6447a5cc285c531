"""One run from one seed: callers, a service that dies and starts again, a disk, and trouble."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from holdfast.journal import JournalCorrupt, JournalError
from holdfast.ledger.port import Unavailable
from tests.simulation.asked import Asked, Shopper
from tests.simulation.callers import Caller, Loader, Setting
from tests.simulation.left import JOURNAL, demand_replay, frames_of
from tests.simulation.machine import NS_PER_MS, ProcessDied, SimClock, SimLoop, Stuck, time_passes
from tests.simulation.mount import Mount, Operation, Verdict
from tests.simulation.oracle import Judge
from tests.simulation.platter import Platter
from tests.simulation.service import Complaints, Service, heard, repeatable
from tests.simulation.trouble import Trouble

RESUMES_WITHIN_S: Final = 30.0
_LIVES_MAX: Final = 40
_QUIET_S: Final = 3.0


class World:
    """Everything that there is in one run."""

    def __init__(
        self,
        seed: int,
        *,
        faults: int | None = None,
        kinds: Sequence[str] = (),
        requests: int = 8,
        callers: int = 5,
        shopper: type[Shopper] = Shopper,
        loads: bool = True,
        looks: Callable[["World"], None] | None = None,
    ) -> None:
        """Make the world of a seed.

        Args:
            seed: all that is drawn comes from it.
            faults: how many faults there are to be; drawn when None.
            kinds: what they are drawn from; all when there are none.
            requests: how many each caller sends.
            callers: how many there are.
            shopper: what they ask for.
            loads: whether another one sends a load.
            looks: is called whenever something on the disk has changed.
        """
        self.seed = seed
        self.rng = random.Random(f"world {seed}")
        self.clock = SimClock()
        self.platter = Platter()
        self.complaints = Complaints()
        # Who hurries meets what is under way; who does not, meets what is written meanwhile.
        self._pause_ms = self.rng.choice((60, 600))
        within_ms = self._pause_ms * 7
        rng = random.Random(f"trouble {seed}")
        self.trouble = Trouble(rng, self.clock, faults, kinds, within_ms)
        self.holds: list[tuple[str, str | None]] = []
        self._shopper = shopper
        self.callers = [self._caller(Caller, f"c{number}", requests) for number in range(callers)]
        if loads:
            self.callers.append(self._caller(Loader, "load", requests))
        #: Asks on until all is well again.
        self.last = self._caller(Caller, "last", 0)
        #: Every event as the feed gave it at the end, unless the disk said no.
        self.fed: list[bytes] | None = None
        #: The JSON of every event that was ever handed to the disk.
        self.written: dict[bytes, None] = {}
        #: Until when nothing was asked and nothing was wrong at the end.
        self.quiet_until_ms = 0
        self.death: str | None = None
        self.lives = 0
        self.operations = 0
        self.trace = blake2b(digest_size=16)
        self._looks = looks
        self._loop: SimLoop | None = None
        self._service: Service | None = None
        self._wants_restart: asyncio.Event | None = None

    def _caller(self, kind: type[Caller], name: str, requests: int) -> Caller:
        rng = random.Random(f"{name} {self.seed}")
        shopper = self._shopper(name, rng, self.holds)
        setting = Setting(self.clock, self.trouble, self.holds, requests, self._pause_ms)
        return kind(shopper, rng, setting)

    @property
    def asked(self) -> list[Asked]:
        return [asked for caller in (*self.callers, self.last) for asked in caller.asked]

    # The run.

    def run(self, *, judged: bool = True) -> None:
        """Live until every caller is content; then everything is held to what it must be."""
        with repeatable(self.clock), heard(self.complaints):
            while not self._is_over:
                self.lives += 1
                assert self.lives < _LIVES_MAX, "it dies again and again"
                self._live()
            if judged:
                self._judge()

    @property
    def _is_over(self) -> bool:
        content = all(caller.done for caller in self.callers)
        return content and not self.trouble.planned and self.trouble.since_ns is None

    def _live(self) -> None:
        """One process, from its start to its end."""
        self.death = None
        loop = self._loop = SimLoop(self.clock)
        loop.set_exception_handler(self._complain)
        mount = Mount(
            self.platter,
            loop.threads,
            random.Random(f"disk {self.seed} {self.lives}"),
            strikes=self._strikes,
            die=self._die,
            looks=self._looked,
            writes=self._written,
            is_full=self.trouble.meets_full_disk,
        )
        self._service = None
        try:
            loop.run_until_complete(self._life(loop, mount))
        except (RuntimeError, ProcessDied):
            if self.death is None:
                raise
        finally:
            self.operations += mount.operations
            self._bury(loop)
        self.platter = self._left()
        self.clock.now_ns += self.rng.randrange(200, 1_000) * NS_PER_MS

    def _left(self) -> Platter:
        """The files as the next process finds them."""
        if self.death == "cut":
            return self.platter.cut(self.rng)
        return self.platter if self.death is None else self.platter.killed()

    async def _life(self, loop: SimLoop, mount: Mount) -> None:
        service = Service(loop, mount, self.complaints)
        try:
            await service.tenants.open()
        except JournalCorrupt:
            raise
        except JournalError:
            # Whoever supervises it starts it again.
            self.death = "kill"
            return
        self._service = service
        mount.latency.factor = self.trouble.slow_factor
        timers = [
            loop.call_at(at / 1e9, self._happens, at, kind, mount)
            for at, kind in self.trouble.planned
        ]
        restart = self._wants_restart = asyncio.Event()
        callers = [asyncio.create_task(each.run(service)) for each in self.callers]
        waiting = asyncio.create_task(restart.wait())
        everybody = asyncio.create_task(self._all(service, callers))
        await asyncio.wait([everybody, waiting], return_when=asyncio.FIRST_COMPLETED)
        if everybody.done():
            everybody.result()
            await self._read_all(service)
        for timer in timers:
            timer.cancel()
        await self._end(service, [*callers, everybody, waiting])

    async def _all(self, service: Service, callers: list[asyncio.Task[None]]) -> None:
        """Wait until every caller is content, nothing more will happen, and all is well again."""
        await asyncio.wait(callers)
        for task in callers:
            task.result()
        while self.trouble.planned or self.trouble.since_ns is not None:
            await time_passes(0.5)
            await self.last.send_one(service)
        # Now nobody asks for anything, and deadlines have to come by themselves.
        await time_passes(_QUIET_S)
        self.quiet_until_ms = self.clock.wall_ms()

    async def _read_all(self, service: Service) -> None:
        try:
            self.fed = [each.json for each in await service.ledger.events(0, 1 << 30)]
        except Unavailable:
            self.fed = None

    async def _end(self, service: Service, tasks: list[asyncio.Task[Any]]) -> None:
        """A clean end: what is under way is given up, then all is closed."""
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await service.tenants.close()

    def _happens(self, at: int, kind: str, mount: Mount) -> None:
        self.trouble.planned.remove((at, kind))
        self._tell(f"{kind}")
        if kind in {"clock_forward", "clock_back"}:
            self.trouble.note_harmless(kind)
            ms = self.rng.randrange(1_000, 120_000)
            self.clock.wall_offset_ms += ms if kind == "clock_forward" else -ms
        elif kind == "restart":
            self.trouble.note(kind)
            if self._wants_restart is not None:
                self._wants_restart.set()
        elif kind in {"kill", "power_cut", "kill_while_starting", "cut_while_starting"}:
            if kind.endswith("starting"):
                self.trouble.arm_start(kind)
            else:
                self.trouble.note(kind)
            self._die("cut" if "cut" in kind else "kill")
        else:
            self.trouble.arm(kind)
            mount.latency.factor = self.trouble.slow_factor

    def _die(self, how: str) -> None:
        if self.death is None and self._loop is not None:
            self.death = how
            self._tell(how)
            self._loop.threads.dead = True
            self._loop.stop()

    def _bury(self, loop: SimLoop) -> None:
        """Let nothing of the process be left: its threads unwind, its tasks are dropped."""
        loop.set_exception_handler(lambda *_: None)
        loop.forget_timers()
        loop.threads.end_all()
        self._loop = None
        for ledger in () if self._service is None else self._service.every_ledger():
            # Who waits for a flush goes on waiting until it has ended, even when cancelled.
            ledger._journal.abandon()
        tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
        for task in tasks:
            task.cancel()
        if tasks:
            ending = asyncio.wait(tasks, timeout=1.0)
            with suppress(Stuck, ProcessDied):
                loop.run_until_complete(ending)
            ending.close()
        loop.close()

    # What others ask or tell.

    def _strikes(self, operation: Operation, path: Path) -> Verdict | None:
        return self.trouble.strikes(operation, path, starting=self._service is None)

    def _written(self, path: Path, data: bytes) -> None:
        if path.parent == JOURNAL and path.name != "durable":
            for line in data.splitlines():
                self.written.setdefault(line.split(b" ", 4)[-1])

    def _looked(self) -> None:
        self._tell("disk")
        if self._looks is not None:
            self._looks(self)

    def _complain(self, _: Any, context: dict[str, Any]) -> None:
        if self.death is None:
            self.complaints.heard.append(str(context))

    def _tell(self, what: str) -> None:
        self.trace.update(b"%d %b\n" % (self.clock.now_ns, what.encode()))

    # The judgement.

    def _judge(self) -> None:
        assert not self.complaints.heard, self.complaints.heard
        frames = frames_of(self.platter)
        # Where the clock was set, nobody can tell from an event's time when it was written.
        clock_was_set = self.trouble.struck.keys() & {"clock_forward", "clock_back"}
        judge = Judge(frames, self.asked, None if clock_was_set else self.trouble)
        judge.judge(self.quiet_until_ms)
        demand_replay(self.platter)
        # A deadline may have come since the feed was read.
        assert self.fed is None or self.fed == frames[: len(self.fed)]
        assert self.trouble.resumed_s <= RESUMES_WITHIN_S, self.trouble.resumed_s
        for asked in self.asked:
            for answer in asked.answers:
                self._tell(f"{answer}")
        self.trace.update(self.platter.digest())

    def outside_faults(self) -> tuple[int, int]:
        """How many attempts met no trouble, and how many of these were answered as they should."""
        met = good = 0
        for asked in self.asked:
            for answer in asked.answers:
                if answer.response is None or self.trouble.meets(
                    answer.sent_ns, answer.answered_ns
                ):
                    continue
                met += 1
                good += answer.response.status < 500
        return met, good
