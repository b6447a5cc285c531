"""Places are bounded, turns are in order, and nobody's place is lost."""

import asyncio

import pytest

from holdfast.resilience.admission import Bulkhead, Overloaded, RateLimited
from holdfast.resilience.rate_limit import RateLimiter


async def test_turns_come_in_order_of_arrival() -> None:
    bulkhead = Bulkhead(places=1, queue_max=10)
    await bulkhead.enter()
    order: list[int] = []

    async def visit(number: int) -> None:
        await bulkhead.enter()
        order.append(number)
        bulkhead.leave()

    visits = [asyncio.ensure_future(visit(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert bulkhead.queue_depth == 5
    assert not bulkhead.try_enter()
    bulkhead.leave()
    await asyncio.gather(*visits)
    assert order == [0, 1, 2, 3, 4]
    assert (bulkhead.active, bulkhead.queue_depth) == (0, 0)


async def test_a_full_queue_sends_away_at_once() -> None:
    bulkhead = Bulkhead(places=1, queue_max=0)
    assert bulkhead.try_enter()
    assert bulkhead.shedding
    with pytest.raises(Overloaded) as refused:
        await bulkhead.enter()
    assert refused.value.retry_after_ms > 0
    bulkhead.leave()
    assert not bulkhead.shedding


async def test_one_who_leaves_the_queue_takes_no_place_along() -> None:
    bulkhead = Bulkhead(places=1, queue_max=10)
    await bulkhead.enter()
    first, second = (asyncio.ensure_future(bulkhead.enter()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    bulkhead.leave()
    await second
    assert bulkhead.active == 1


async def test_one_who_is_cancelled_in_the_moment_of_its_turn_passes_it_on() -> None:
    bulkhead = Bulkhead(places=1, queue_max=10)
    await bulkhead.enter()
    first, second = (asyncio.ensure_future(bulkhead.enter()) for _ in range(2))
    await asyncio.sleep(0)
    bulkhead.leave()
    first.cancel()
    await second
    assert (bulkhead.active, bulkhead.queue_depth) == (1, 0)
    bulkhead.leave()
    assert bulkhead.active == 0


async def test_one_who_is_cancelled_before_its_turn_is_passed_over() -> None:
    bulkhead = Bulkhead(places=1, queue_max=10)
    await bulkhead.enter()
    waiting = asyncio.ensure_future(bulkhead.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    bulkhead.leave()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (bulkhead.active, bulkhead.queue_depth) == (0, 0)


def test_each_client_has_a_bucket_of_its_own() -> None:
    limiter = RateLimiter(rate_per_s=1, burst=2)
    limiter.take("a")
    limiter.take("a")
    with pytest.raises(RateLimited) as refused:
        limiter.take("a")
    assert 0 < refused.value.retry_after_ms <= 1000
    limiter.take("b")


def test_no_rate_is_no_limit() -> None:
    limiter = RateLimiter(rate_per_s=0, burst=0)
    for _ in range(1000):
        limiter.take("a")
