"""Requests that need no task have none, and those that need one get it on the way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from holdfast.http.steps import Steps, own_task, run
from holdfast.journal import Shared


class Tasks:
    """What was started as a task."""

    def __init__(self) -> None:
        self.started: list[asyncio.Task[None]] = []

    def __call__(self, steps: Steps) -> None:
        self.started.append(asyncio.ensure_future(steps))


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    started = Tasks()
    yield started
    await asyncio.gather(*started.started, return_exceptions=True)


def batch() -> Shared:
    return Shared(loop=asyncio.get_running_loop())


async def test_what_waits_for_nothing_is_done_at_once(tasks: Tasks) -> None:
    seen: list[object] = []

    async def steps() -> None:
        seen.append(asyncio.current_task() is here)

    here = asyncio.current_task()
    run(steps(), tasks)
    assert (seen, tasks.started) == ([True], [])


async def test_all_who_wait_for_a_batch_go_on_in_one_turn_and_without_a_task(tasks: Tasks) -> None:
    flushed, seen = batch(), list[int]()

    async def steps(number: int) -> None:
        await flushed
        seen.append(number)

    for number in range(3):
        run(steps(number), tasks)
    flushed.succeed()
    assert seen == []
    await asyncio.sleep(0)
    assert (seen, tasks.started) == ([0, 1, 2], [])


async def test_a_batch_that_failed_fails_for_all_who_wait_for_it(tasks: Tasks) -> None:
    flushed, seen = batch(), list[str]()

    async def steps() -> None:
        try:
            await flushed
        except OSError as error:
            seen.append(str(error))

    run(steps(), tasks)
    run(steps(), tasks)
    flushed.set_exception(OSError("no room"))
    await asyncio.sleep(0)
    assert (seen, tasks.started) == (["no room"] * 2, [])


async def test_one_batch_after_another_may_be_waited_for(tasks: Tasks) -> None:
    first, second = batch(), batch()
    seen: list[str] = []

    async def steps() -> None:
        await first
        seen.append("first")
        await second
        seen.append("second")

    run(steps(), tasks)
    first.succeed()
    await asyncio.sleep(0)
    assert seen == ["first"]
    second.succeed()
    await asyncio.sleep(0)
    assert (seen, tasks.started) == (["first", "second"], [])


async def test_whatever_else_is_waited_for_is_waited_for_in_a_task(tasks: Tasks) -> None:
    news, flushed, seen = asyncio.Event(), batch(), list[object]()

    async def steps() -> None:
        await news.wait()
        await flushed
        seen.append(asyncio.current_task())

    run(steps(), tasks)
    news.set()
    flushed.succeed()
    await asyncio.wait_for(tasks.started[0], 5)
    assert seen == tasks.started


async def test_a_wait_that_is_cancelled_is_cancelled_where_it_waits(tasks: Tasks) -> None:
    seen: list[str] = []

    async def steps() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("left")

    run(steps(), tasks)
    tasks.started[0].cancel()
    await asyncio.wait(tasks.started)
    assert (seen, tasks.started[0].cancelled()) == (["left"], True)


async def test_an_error_of_what_is_waited_for_arrives_where_it_waits(tasks: Tasks) -> None:
    answer, seen = asyncio.get_running_loop().create_future(), list[str]()

    async def steps() -> None:
        try:
            await answer
        except OSError as error:
            seen.append(str(error))

    run(steps(), tasks)
    answer.set_exception(OSError("gone"))
    await asyncio.wait_for(tasks.started[0], 5)
    assert seen == ["gone"]


async def test_a_time_limit_may_be_set_in_a_task_of_its_own(tasks: Tasks) -> None:
    seen: list[str] = []

    async def steps() -> None:
        await own_task()
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            seen.append("too late")

    asyncio.get_running_loop().call_soon(run, steps(), tasks)
    await asyncio.sleep(0)
    await asyncio.wait_for(tasks.started[0], 5)
    assert seen == ["too late"]
