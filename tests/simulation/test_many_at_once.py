"""Many callers at the same instant: nobody's change is lost, and nothing is promised twice."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from holdfast.domain.records import RESERVATION, Outcome
from holdfast.domain.rejections import Rejected
from tests.support.opened import (
    Tenant,
    begun,
    code_of,
    demand_rising,
    demand_sound,
    ended,
    journal_of,
    stock_of,
    tables_of,
)
from tests.support.steps import Step, command_of, step
from tests.support.virtual_time import VirtualClock, live, settle


def at_once(scenario: Callable[[Tenant], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario on an open tenant, and demand at its end what always holds."""
    tenant = Tenant(VirtualClock())

    async def whole() -> None:
        await tenant.open()
        await scenario(tenant)
        events = await journal_of(tenant.ledger)
        assert tenant.seen == events
        demand_rising(events)
        seen = tables_of(await tenant.ledger.read())
        demand_sound(seen)
        await tenant.crash()
        assert tenant.replayed(from_checkpoint=False) == seen

    live(tenant.clock, whole)


def adjust(delta: int = 1, expected: int | None = None) -> Step:
    return step("adjust", store="S", sku="A", delta=delta, expected=expected)


def reserve(name: str, qty: int = 1) -> Step:
    return step("reserve", id=name, store="S", lines=[("A", qty)], ttl=60_000, user=name)


def demand_a_conflict(no: Rejected, version: int) -> None:
    assert no.code == "version_conflict"
    assert no.data["currentVersion"] > version


async def dawdle(rng: random.Random) -> None:
    """Let others go first for a while."""
    for _ in range(rng.randrange(4)):
        await asyncio.sleep(0)


def test_of_200_writers_at_once_none_loses_an_update(seed: int) -> None:
    async def scenario(tenant: Tenant) -> None:
        async def write(number: int) -> Outcome:
            await dawdle(random.Random(seed + number))
            return await tenant.ask(adjust())

        answers = await asyncio.gather(*(write(number) for number in range(200)))
        assert sorted(answer.stock[0].version for answer in answers) == list(range(1, 201))
        for answer in answers:
            assert answer.stock[0].on_hand == answer.stock[0].version
        assert stock_of(await tenant.ledger.read()).on_hand == 200

    at_once(scenario)


def test_200_writers_who_name_the_version_that_they_read_lose_no_update(seed: int) -> None:
    conflicts = 0

    async def scenario(tenant: Tenant) -> None:
        async def write(number: int) -> Outcome:
            nonlocal conflicts
            rng = random.Random(seed + number)
            while True:
                version = stock_of(await tenant.ledger.read()).version
                await dawdle(rng)
                try:
                    return await tenant.ask(adjust(expected=version))
                except Rejected as no:
                    demand_a_conflict(no, version)
                    conflicts += 1

        await tenant.ask(adjust())
        answers = await asyncio.gather(*(write(number) for number in range(200)))
        assert sorted(answer.stock[0].version for answer in answers) == list(range(2, 202))
        assert stock_of(await tenant.ledger.read()).on_hand == 201

    at_once(scenario)
    assert conflicts > 0


def test_500_buyers_of_100_units_get_exactly_100_and_400_are_told_why(seed: int) -> None:
    async def scenario(tenant: Tenant) -> None:
        await tenant.ask(step("receive", store="S", sku="A", qty=100))

        async def buy(number: int) -> Outcome | Rejected:
            await dawdle(random.Random(seed + number))
            try:
                return await tenant.ask(reserve(f"r{number}"))
            except Rejected as no:
                return no

        results = await asyncio.gather(*(buy(number) for number in range(500)))
        assert Counter(map(code_of, results)) == {"ok": 100, "insufficient_stock": 400}
        for no in results:
            if isinstance(no, Rejected):
                (short,) = no.data["shortages"]
                assert (short["storeId"], short["sku"]) == ("S", "A")
                assert (short["requested"], short["available"]) == (1, 0)
                assert short["nextReleaseAt"] is not None
                assert "1 of A asked for in S, 0 available" in no.detail
        reading = await tenant.ledger.read()
        assert len(reading.records(RESERVATION)) == 100
        assert stock_of(reading).reserved == 100

    at_once(scenario)


def test_buyers_of_many_skus_in_any_order_do_not_wait_for_each_other_for_ever(seed: int) -> None:
    skus = ["A", "B", "C", "D"]

    async def scenario(tenant: Tenant) -> None:
        for sku in skus:
            await tenant.ask(step("receive", store="S", sku=sku, qty=60))

        async def buy(number: int) -> str:
            rng = random.Random(seed + number)
            lines = [(sku, 1) for sku in rng.sample(skus, rng.randint(1, 4))]
            await dawdle(rng)
            name = f"r{number}"
            reserved = step("reserve", id=name, store="S", lines=lines, ttl=None, user="u")
            try:
                await tenant.ask(reserved)
            except Rejected as no:
                return no.code
            end = rng.choice(["confirm", "cancel"])
            await dawdle(rng)
            await tenant.ask(step(end, id=name, user="u"))
            return end

        ends = Counter(await asyncio.gather(*(buy(number) for number in range(200))))
        assert set(ends) <= {"confirm", "cancel", "insufficient_stock"}
        reading = await tenant.ledger.read()
        assert all(stock_of(reading, sku=sku).reserved == 0 for sku in skus)

    at_once(scenario)


def test_a_request_sent_50_times_at_once_happens_once(seed: int) -> None:
    keyed = reserve("r1")._replace(key="k")

    async def scenario(tenant: Tenant) -> None:
        await tenant.ask(step("receive", store="S", sku="A", qty=100))

        async def send(number: int) -> Outcome:
            await dawdle(random.Random(seed + number))
            fields = {**keyed.fields, "id": f"r{number}"}
            return await tenant.ask(keyed._replace(fields=fields))

        answers = await asyncio.gather(*(send(number) for number in range(50)))
        assert Counter(answer.replayed for answer in answers) == {True: 49, False: 1}
        assert len({answer._replace(replayed=False) for answer in answers}) == 1
        assert tenant.ledger.last_sequence == 2

    at_once(scenario)


def test_another_request_under_a_key_in_flight_waits_for_the_disk_and_is_refused() -> None:
    async def scenario(tenant: Tenant) -> None:
        await tenant.ask(step("receive", store="S", sku="A", qty=9))
        first = await tenant.begin_and_hold(reserve("r1")._replace(key="k"))
        other = await tenant.begin(reserve("r2", 2)._replace(key="k"))
        another_caller = reserve("r3")._replace(key="k", actor="somebody else")
        theirs = await tenant.begin(another_caller)
        assert not other.done()
        await tenant.let_flush_end(fails=False)
        assert await ended(other) == "idempotency_mismatch"
        assert await ended(first) == await ended(theirs) == "ok"
        assert not theirs.result().replayed

    at_once(scenario)


@pytest.mark.parametrize("times", [1, 3])
def test_who_leaves_while_the_disk_writes_has_done_it_all_the_same(times: int) -> None:
    keyed = reserve("r1")._replace(key="k")

    async def scenario(tenant: Tenant) -> None:
        await tenant.ask(step("receive", store="S", sku="A", qty=9))
        task = await tenant.begin_and_hold(keyed)
        for _ in range(times):
            task.cancel()
            await settle()
        await tenant.let_flush_end(fails=False)
        await asyncio.wait([task])
        answer = await tenant.ask(keyed)
        assert answer.replayed
        assert stock_of(await tenant.ledger.read()).reserved == 1

    at_once(scenario)


def test_who_leaves_before_the_decision_has_done_nothing() -> None:
    async def scenario(tenant: Tenant) -> None:
        task = asyncio.create_task(tenant.ask(adjust()))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert tenant.ledger.last_sequence == 0

    at_once(scenario)


def test_leaving_of_some_harms_nobody_who_waits_for_the_same_flush(seed: int) -> None:
    async def scenario(tenant: Tenant) -> None:
        first = await tenant.begin_and_hold(adjust())
        tasks = [await begun(tenant.ask(adjust())) for _ in range(30)]
        leaving = random.Random(seed).sample(tasks, 15)
        for task in leaving:
            task.cancel()
        await tenant.let_flush_end(fails=False)
        for task in [first, *(each for each in tasks if each not in leaving)]:
            assert await ended(task) == "ok"
        await asyncio.wait(tasks)
        # What was decided stays decided, whoever had left.
        assert stock_of(await tenant.ledger.read()).on_hand == tenant.ledger.last_sequence == 31

    at_once(scenario)


def test_many_commands_of_one_caller_keep_their_order_among_those_of_others(seed: int) -> None:
    async def scenario(tenant: Tenant) -> None:
        async def load(number: int) -> list[str]:
            steps = [
                step("receive", store="S", sku=f"X{number}", qty=2),
                step("ship", store="S", sku=f"X{number}", qty=3),
                step("ship", store="S", sku=f"X{number}", qty=2),
                step("ship", store="S", sku=f"X{number}", qty=1),
            ]
            await dawdle(random.Random(seed + number))
            results = await tenant.ledger.execute_many([command_of(each) for each in steps])
            return [code_of(result) for result in results]

        for codes in await asyncio.gather(*(load(number) for number in range(40))):
            assert codes == ["ok", "insufficient_stock", "ok", "insufficient_stock"]

    at_once(scenario)


def test_a_follower_that_leaves_while_it_is_told_takes_nothing_from_the_others() -> None:
    async def scenario(tenant: Tenant) -> None:
        told: dict[str, list[int]] = {"first": [], "second": []}

        def first(event: Any, _: Any) -> None:
            told["first"].append(event.sequence)
            end_first()

        end_first = tenant.ledger.follow(first)
        tenant.ledger.follow(lambda event, _: told["second"].append(event.sequence))
        await tenant.ask(adjust())
        await tenant.ask(adjust())
        assert told == {"first": [1], "second": [1, 2]}

    at_once(scenario)
