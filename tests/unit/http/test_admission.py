"""Places are bounded, turns are in order, and nobody's place is lost."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.http.lanes import Lane, Lanes
from holdfast.resilience.admission import Bulkhead, Overloaded, RateLimited
from holdfast.resilience.rate_limit import RateLimiter
from tests.support.virtual_time import VirtualClock, live, settle


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


def test_one_who_waits_too_long_is_sent_away_and_takes_no_place_along() -> None:
    clock = VirtualClock()

    async def scenario() -> None:
        bulkhead = Bulkhead(places=1, queue_max=10, wait_max_s=2)
        await bulkhead.enter()
        early = asyncio.ensure_future(bulkhead.enter())
        await settle()
        clock.advance(1_999)
        late = asyncio.ensure_future(bulkhead.enter())
        await settle()
        assert not early.done()
        clock.advance(1)
        await settle()
        with pytest.raises(Overloaded):
            await early
        assert (bulkhead.active, bulkhead.queue_depth) == (1, 1)
        bulkhead.leave()
        await late
        assert (bulkhead.active, bulkhead.queue_depth) == (1, 0)
        clock.advance(10_000)
        await settle()
        assert bulkhead.active == 1

    live(clock, scenario)


def test_those_who_are_sent_away_together_do_not_come_back_together() -> None:
    waits = {Overloaded().retry_after_ms for _ in range(200)}
    assert len(waits) > 100
    assert min(waits) >= 1000
    assert max(waits) <= 3000


def taken(limiter: RateLimiter, requests: int) -> RateLimited | None:
    """Take so many tokens; what the first one hears that gets none."""
    for _ in range(requests):
        try:
            limiter.take("a")
        except RateLimited as no:
            return no
    return None


@given(rate=st.integers(1, 5000), burst=st.integers(1, 500), idle_ns=st.integers(0, 3 * 10**9))
def test_who_waits_exactly_as_long_as_told_gets_in_and_a_moment_earlier_not(
    rate: int, burst: int, idle_ns: int
) -> None:
    now_ns = 10**15
    limiter = RateLimiter(rate, burst, lambda: now_ns)
    assert taken(limiter, burst) is None, "a burst may come at once"
    now_ns += idle_ns
    assert taken(limiter, min(burst, idle_ns * rate // 10**9)) is None, "what flowed in is there"
    no = taken(limiter, 1)
    assert no is not None
    assert (no.burst, no.window_s) == (burst, math.ceil(burst / rate))
    assert no.retry_after_ms >= 1
    now_ns += (no.retry_after_ms - 1) * 10**6
    early = taken(limiter, 1)
    assert early is None or early.retry_after_ms == 1
    now_ns += 10**6
    assert taken(limiter, 1 if early else 0) is None


def test_clients_are_forgotten_when_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.resilience.rate_limit.CLIENTS_MAX", 4)
    now_ns = 0
    limiter = RateLimiter(1, 1, lambda: now_ns)
    for client in "abc":
        limiter.take(client)
    now_ns += 10**9
    for client in "defgh":
        limiter.take(client)
    assert list(limiter._full_at) == ["f", "g", "h"], "whoever has a full bucket goes first"
    with pytest.raises(RateLimited):
        limiter.take("h")


def test_bulk_is_shed_first_then_writes_and_reads_last() -> None:
    clock = VirtualClock()

    async def scenario() -> None:
        lanes = Lanes(api_places=1, api_queue_max=16, api_wait_max_s=60)
        api = lanes[Lane.API]
        await api.enter()
        waiting: list[asyncio.Future[None]] = []
        shed: list[str] = []
        for _ in range(17):
            kinds = {
                "bulk": lanes.sheds(Lane.BATCH, writes=True),
                "writes": lanes.sheds(Lane.API, writes=True),
                "reads": lanes.sheds(Lane.API, writes=False),
            }
            shed.append(" ".join(kind for kind, away in kinds.items() if away))
            assert lanes.shedding == kinds["writes"]
            assert not lanes.sheds(Lane.FREE, writes=False)
            waiting.append(asyncio.ensure_future(api.enter()))
            await settle()
        assert shed == [""] * 2 + ["bulk"] * 6 + ["bulk writes"] * 8 + ["bulk writes reads"]
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    live(clock, scenario)
