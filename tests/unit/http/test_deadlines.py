"""One timer keeps all deadlines, and cancels nobody else."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TypeVarTuple, Unpack

import pytest

from holdfast.http.deadlines import Deadlines

Ts = TypeVarTuple("Ts")


class HandClock(asyncio.SelectorEventLoop):
    """A loop whose clock a test moves."""

    ahead_s = 0.0
    timers = 0

    def time(self) -> float:
        return super().time() + self.ahead_s

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


Test = Callable[[HandClock, Deadlines], Coroutine[None, None, None]]


def run(deadlines: Deadlines, test: Test) -> None:
    loop = HandClock()
    try:
        loop.run_until_complete(test(loop, deadlines))
    finally:
        loop.close()


async def held(deadlines: Deadlines, over: list[str], name: str) -> None:
    task = deadlines.begin()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not deadlines.is_overdue(task) or task.uncancel():
            raise
        over.append(name)
    finally:
        deadlines.end(task)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_each_is_cancelled_when_its_own_time_is_over() -> None:
    async def test(loop: HandClock, deadlines: Deadlines) -> None:
        over: list[str] = []
        first = asyncio.ensure_future(held(deadlines, over, "first"))
        await settle()
        loop.ahead_s += 20
        second = asyncio.ensure_future(held(deadlines, over, "second"))
        await settle()
        assert over == []
        loop.ahead_s += 11
        await first
        assert over == ["first"]
        loop.ahead_s += 20
        await second
        assert over == ["first", "second"]
        assert not first.cancelling()

    run(Deadlines(30), test)


def test_those_that_are_in_time_share_one_timer() -> None:
    async def test(loop: HandClock, deadlines: Deadlines) -> None:
        for _ in range(100):
            deadlines.end(deadlines.begin())
        assert loop.timers == 1
        loop.ahead_s += 31
        await settle()
        deadlines.end(deadlines.begin())
        assert loop.timers == 2

    run(Deadlines(30), test)


def test_who_is_cancelled_by_somebody_else_stays_cancelled() -> None:
    async def test(loop: HandClock, deadlines: Deadlines) -> None:
        over: list[str] = []
        early = asyncio.ensure_future(held(deadlines, over, "early"))
        late = asyncio.ensure_future(held(deadlines, over, "late"))
        await settle()
        early.cancel()
        loop.call_at(loop.time() + 30.5, late.cancel)
        loop.ahead_s += 31
        for task in (early, late):
            with pytest.raises(asyncio.CancelledError):
                await task
        assert over == []

    run(Deadlines(30), test)


def test_only_a_task_has_a_deadline() -> None:
    loop = asyncio.new_event_loop()
    refused: list[str] = []

    def ask() -> None:
        with pytest.raises(RuntimeError) as error:
            _ = Deadlines(1).begin()
        refused.append(str(error.value))
        loop.stop()

    loop.call_soon(ask)
    loop.run_forever()
    loop.close()
    assert "task" in refused[0]
