"""Simulated callers: they repeat what got no answer, leave when they like, and remember all."""

import asyncio
import random
from typing import Any, Final, NamedTuple

from tests.simulation.asked import Answer, Asked, Shopper, row_of
from tests.simulation.machine import SimClock, time_passes
from tests.simulation.service import Response, Service
from tests.simulation.trouble import Trouble
from tests.support.steps import Step, step

_LEAVES: Final = 0.02


class Setting(NamedTuple):
    """What all callers of a run have in common."""

    clock: SimClock
    trouble: Trouble
    #: The reservations that were made, each with its owner.
    holds: list[tuple[str, str | None]]
    #: How many requests each of them sends, and how long they wait in between, at most.
    requests: int
    pause_ms: int


class Caller:
    """Sends one request after the other, each until it was decided."""

    def __init__(self, shopper: Shopper, rng: random.Random, setting: Setting) -> None:
        self._shopper = shopper
        self._rng = rng
        self._clock, self._trouble, self._holds, self._left, self._pause_ms = setting
        self.asked: list[Asked] = []
        self.current: Asked | None = None

    @property
    def done(self) -> bool:
        return self._left == 0 and self.current is None

    async def run(self, service: Service) -> None:
        """Go on where the last process left it."""
        if self.current is not None and not self.current.keyed:
            # Nobody knows whether it was done, and nothing tells a repetition from another.
            self.current = None
        while not self.done:
            if self.current is None:
                self._left -= 1
                self.current = self._next()
                self.asked.append(self.current)
            pause_ms = await self._attempt(service, self.current)
            if pause_ms is None:
                self.current = None
                pause_ms = self._rng.randrange(self._pause_ms)
            await time_passes(pause_ms / 1000)

    async def send_one(self, service: Service) -> None:
        """Send one request, once, that writes something."""
        name = f"last-{len(self.asked)}"
        adjusted = step("adjust", store="S", sku="A", delta=1)
        address = "/stores/S/inventory/A/adjust"
        asked = Asked(name, "POST", address, {"delta": 1}, {name: adjusted})
        self.asked.append(asked)
        await self._attempt(service, asked)

    def _next(self) -> Asked:
        return self._shopper.next(self._clock.wall_ms())

    async def _attempt(self, service: Service, asked: Asked) -> int | None:
        """Send it once; None when it needs no other attempt, else after how many ms."""
        asked.tries += 1
        asked.began_ns = asked.began_ns or self._clock.now_ns
        headers = asked.headers()
        sent_ns, sent_wall_ms = self._clock.now_ns, self._clock.wall_ms()
        low, exact = service.ledger.last_sequence, service.ledger.writable
        gone = asyncio.Event()
        task = asyncio.create_task(
            service.request(asked.method, asked.address, asked.body, headers, gone)
        )
        response: Response | None = None
        if self._rng.random() < _LEAVES:
            await self._leave(task, gone)
        else:
            response = await task
        high = service.ledger.last_sequence
        exact = exact and service.ledger.writable
        request_id = headers["x-request-id"]
        now_ns = self._clock.now_ns
        answer = Answer(request_id, response, low, high, sent_ns, now_ns, exact, sent_wall_ms)
        asked.answers.append(answer)
        return self._follow_up(asked, answer)

    async def _leave(self, task: asyncio.Task[Response], gone: asyncio.Event) -> None:
        """Go away at any moment; now and then the server itself gives the request up."""
        for _ in range(self._rng.randrange(12)):
            await asyncio.sleep(0)
        if self._rng.random() < 0.5:
            await time_passes(self._rng.random() / 500)
        if self._rng.random() < 0.5:
            self._trouble.note_harmless("client_leaves")
            gone.set()
        else:
            self._trouble.note_harmless("client_cancelled")
            task.cancel()
        # Nobody waits for it, and it may well be decided while it is sent again.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    def _follow_up(self, asked: Asked, answer: Answer) -> int | None:
        response = answer.response
        if response is None:
            # Without a key nobody can find out whether it was done, so it is not repeated.
            return self._rng.choice((0, 1, 50)) if asked.keyed else None
        if response.status < 500 and not _has_undecided(asked, response):
            if asked.method == "POST" and response.status < 300 and not response.remembers:
                self._trouble.write_answered(answer.sent_ns)
            self._note_holds(response.json if not asked.is_batch else None, asked)
            return None
        if asked.method == "GET" or (not asked.keyed and response.code == "journal_unavailable"):
            return None
        wait_ms = 300
        if response.status >= 500:
            assert response.headers[b"retry-after"], response
            wait_ms = response.json["details"]["retryAfterMs"]
        return min(20_000, int(wait_ms)) + self._rng.randrange(200)

    def _note_holds(self, body: Any, asked: Asked) -> None:
        if not isinstance(body, dict):
            return
        body = body.get("data", body)
        name = body.get("reservationId") if isinstance(body, dict) else None
        if name is not None and len(asked.steps) == 1:
            ((_, step),) = asked.steps.items()
            if step.verb == "reserve":
                self._holds.append((name, step.fields.get("user")))


def _has_undecided(asked: Asked, response: Response) -> bool:
    """Whether some row of a batch that was answered could not be decided."""
    if not asked.is_batch or response.status != 200:
        return False
    return any(
        b'"status":503' in line or b'"status":0' in line for line in response.body.splitlines()
    )


class Loader(Caller):
    """Sends the lines of a load, in parts, and finds its place again by the source's mark."""

    source = "receipts"
    lines_per_request = 3

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._lines: dict[int, Step] = {}
        self._mark = 0
        self._asks_mark = False

    def _next(self) -> Asked:
        name = f"load-{len(self.asked)}"
        if self._asks_mark:
            return Asked(name, "GET", f"/batch/sources/{self.source}")
        numbers = range(self._mark + 1, self._mark + 1 + self.lines_per_request)
        for number in numbers:
            if number not in self._lines:
                verbs = ("receive", "adjust", "count", "ship")
                self._lines[number] = self._shopper.step(self._clock.wall_ms(), verbs)
        rows = [{**row_of(self._lines[number]), "line": number} for number in numbers]
        steps = {f"{self.source}:{number}": self._lines[number] for number in numbers}
        address = f"/batch?source={self.source}&after={self._mark}"
        return Asked(name, "POST", address, rows, steps, keyed=False)

    def _follow_up(self, asked: Asked, answer: Answer) -> int | None:
        """Whatever happened, the mark tells how far it came."""
        response = answer.response
        if asked.method == "GET" and response is not None and response.status == 200:
            self._mark, self._asks_mark = response.json["mark"], False
            return None
        if asked.method == "POST":
            # Who left may as well send the same again, and meet what is still under way.
            self._asks_mark = response is not None or self._rng.random() < 0.3
            if response is not None and response.status == 200:
                if not _has_undecided(asked, response):
                    self._trouble.write_answered(answer.sent_ns)
                return None
        if asked.method == "POST" and response is not None and response.status == 409:
            return None
        return None if response is None else super()._follow_up(asked, answer)

    async def run(self, service: Service) -> None:
        # What a dead process was asked last is asked anew: by its mark, not by a key.
        self._asks_mark = self._asks_mark or self.current is not None
        await super().run(service)
