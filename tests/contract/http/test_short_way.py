"""What must not differ when a request and its answer go past ASGI's messages, and what must not stay."""

import asyncio
import gc

import pytest
import uvloop

from holdfast.http.exchange import Exchange
from holdfast.http.protocol import BoundedProtocol
from tests.contract.http.connections import LIVENESS, PATIENT, Shop, receive, serving
from tests.unit.http.held_ledger import HeldLedger

LARGE_HEAD = b"GET /" + b"x" * 33_000 + b" HTTP/1.1\r\n\r\n"


async def test_the_limit_of_a_body_holds_also_behind_other_requests() -> None:
    too_large = receive(1, padding=3 << 20)
    async with serving(PATIENT) as shop, shop.connection() as connection:
        sending = asyncio.ensure_future(connection.send(LIVENESS * 40 + too_large))
        assert {(await connection.hear()).status for _ in range(40)} == {200}
        heard = await connection.hear()
        assert (heard.status, heard.json["code"]) == (413, "payload_too_large")
        await sending
        assert shop.world.ledger.last_sequence == 0


async def test_a_large_body_that_came_whole_is_refused_as_one_in_pieces_is() -> None:
    """Here all of it has come before its request begins."""
    ledger = HeldLedger()
    async with serving(PATIENT, ledger) as shop, shop.connection() as connection:
        await connection.send(receive(1))
        await ledger.asked.acquire()
        (served,) = shop.door._connections
        served.data_received(receive(1, padding=1 << 20))
        ledger.gate.set()
        assert [(await connection.hear()).status for _ in range(2)] == [200, 413]
        assert ledger.last_sequence == 1


async def test_who_only_sends_is_not_read_further_than_a_piece_ahead() -> None:
    piece = LIVENESS * 5000
    async with serving(PATIENT) as shop, shop.connection() as connection:
        sending = asyncio.ensure_future(connection.send(*[piece] * 20))
        longest = 0
        for _ in range(20_000):
            assert (await connection.hear()).status == 200
            longest = max(longest, *(len(each.pipeline) for each in shop.door._connections))
        assert longest <= 2 * 256 * 1024 // len(LIVENESS)
        sending.cancel()


async def test_nothing_of_an_answered_request_waits_for_the_garbage_collector() -> None:
    async with serving(PATIENT) as shop:
        gc.collect()
        gc.disable()
        try:
            async with shop.connection() as connection:
                for request in (receive(1), LIVENESS) * 5:
                    await connection.send(request)
                    assert (await connection.hear()).status == 200
                assert _alive(Exchange) == 1
            async with shop.connection() as connection:
                await connection.send(LARGE_HEAD)
                assert (await connection.hear()).status == 431
            await _ended(shop)
            assert (_alive(Exchange), _alive(BoundedProtocol)) == (0, 0)
        finally:
            gc.enable()


async def test_nothing_of_requests_that_never_began_waits_for_it_either() -> None:
    ledger = HeldLedger()
    async with serving(PATIENT, ledger) as shop:
        gc.collect()
        gc.disable()
        try:
            async with shop.connection() as connection:
                await connection.send(receive(1) + LIVENESS * 5)
                await ledger.asked.acquire()
                _abort_all(shop)
                await _ended(shop)
            ledger.gate.set()
            await _at_rest()
            assert (_alive(Exchange), _alive(BoundedProtocol)) == (0, 0)
        finally:
            gc.enable()


@pytest.mark.parametrize("behind", [b"", LIVENESS])
def test_a_write_whose_client_left_is_noted_like_any_other(behind: bytes) -> None:
    """On the product's loop, where writing to a closed connection is an error."""

    async def leave() -> list[int]:
        ledger = HeldLedger()
        async with serving(PATIENT, ledger) as shop, shop.connection() as connection:
            await connection.send(receive(1) + behind)
            await ledger.asked.acquire()
            _abort_all(shop)
            await _ended(shop)
            ledger.gate.set()
            await _at_rest()
            assert ledger.last_sequence == 1
            return _noted(shop)

    assert uvloop.run(leave()) == [200]


def _alive(kind: type) -> int:
    return sum(type(each) is kind for each in gc.get_objects())


def _abort_all(shop: Shop) -> None:
    for each in list(shop.door._connections):
        each.transport.abort()


async def _ended(shop: Shop) -> None:
    while shop.door._connections:  # noqa: ASYNC110 - the door tells nobody
        await asyncio.sleep(0)


async def _at_rest() -> None:
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


def _noted(shop: Shop) -> list[int]:
    return [line["status"] for line in shop.world.log_lines() if line["event"] == "request"]
