"""Locks by key: taken together or in turn, passed on in order, and never lost by who leaves."""

import asyncio

from holdfast.domain.records import Key
from holdfast.ledger.key_locks import KeyLocks
from tests.support.opened import begun
from tests.support.virtual_time import settle

A: Key = ("stock", "S", "A")
B: Key = ("stock", "S", "B")
C: Key = ("stock", "S", "C")


async def test_free_keys_are_taken_at_once_and_all_or_none() -> None:
    locks = KeyLocks()
    assert locks.take_now((A,))
    assert not locks.take_now((A, B))
    assert locks.take_now((B,))
    locks.free((A, B))
    assert locks.take_now((A, B, C))


async def test_who_has_waited_longest_is_next() -> None:
    locks = KeyLocks()
    assert locks.take_now((A,))
    order: list[int] = []

    async def wait(number: int) -> None:
        await locks.take((A,))
        order.append(number)
        locks.free((A,))

    tasks = [await begun(wait(number)) for number in range(5)]
    assert order == []
    locks.free((A,))
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert locks.take_now((A,))


async def test_a_key_that_is_passed_on_is_not_free_in_between() -> None:
    locks = KeyLocks()
    assert locks.take_now((A,))
    waiting = await begun(locks.take((A,)))
    locks.free((A,))
    assert not locks.take_now((A,))
    await waiting
    assert not locks.take_now((A,))


async def test_who_leaves_the_queue_gives_up_its_place_and_what_it_has() -> None:
    locks = KeyLocks()
    assert locks.take_now((B,))
    leaving = await begun(locks.take((A, B)))
    behind = await begun(locks.take((A,)))
    leaving.cancel()
    await settle()
    assert behind.done(), "the first key of who left was never freed"
    locks.free((A,))
    locks.free((B,))
    assert locks.take_now((A, B))


async def test_who_leaves_at_the_moment_of_its_turn_passes_the_key_on() -> None:
    locks = KeyLocks()
    assert locks.take_now((A,))
    leaving = await begun(locks.take((A,)))
    behind = await begun(locks.take((A,)))
    locks.free((A,))
    leaving.cancel()
    await settle()
    assert leaving.cancelled()
    assert behind.done()
    locks.free((A,))
    assert locks.take_now((A,))


async def test_sorted_keys_cannot_make_two_wait_for_each_other() -> None:
    locks = KeyLocks()
    done: list[int] = []

    async def work(number: int, keys: tuple[Key, ...]) -> None:
        await locks.take(keys)
        await asyncio.sleep(0)
        done.append(number)
        locks.free(keys)

    wanted = [(A, B), (B, C), (A, C), (A, B, C), (C,)] * 8
    async with asyncio.timeout(10):
        await asyncio.gather(*(work(number, keys) for number, keys in enumerate(wanted)))
    assert sorted(done) == list(range(40))
