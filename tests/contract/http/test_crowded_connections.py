"""Connections that cost more than they give: too many, never reading, or refused again and again."""

import asyncio

import pytest

from holdfast.resilience.rate_limit import RateLimiter
from tests.contract.http.connections import HASTY, LIVENESS, PATIENT, receive, serving
from tests.unit.http.held_ledger import HeldLedger

#: An answer of some hundred KiB.
LARGE = b"GET /openapi.json HTTP/1.1\r\nhost: testserver\r\n\r\n"
#: More than a kernel keeps for a client that does not read.
MANY = 100
EXPECTING = (
    b"POST %s HTTP/1.1\r\nhost: testserver\r\ncontent-type: application/json\r\n"
    b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n"
)
BODY = receive(3).partition(b"\r\n\r\n")[2]


async def test_an_answer_before_the_body_that_was_asked_about_ends_the_connection() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(EXPECTING % (b"/nowhere", len(BODY)))
        heard = await connection.hear()
        assert (heard.status, heard.headers["connection"]) == (404, "close")
        assert await connection.ends()


async def test_a_body_that_was_asked_about_and_came_leaves_the_connection_open() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(EXPECTING % (b"/inventory/receive", len(BODY)))
        assert (await connection.hear()).status == 100
        await connection.send(BODY)
        heard = await connection.hear()
        assert (heard.status, heard.json["onHand"]) == (200, 3)
        await connection.send(LIVENESS)
        assert (await connection.hear()).status == 200


async def test_a_body_that_came_with_the_question_needs_no_answer_to_it() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(EXPECTING % (b"/inventory/receive", len(BODY)) + BODY)
        assert (await connection.hear()).status == 200
        await connection.send(LIVENESS)
        assert (await connection.hear()).status == 200


@pytest.mark.parametrize("requests", [1, MANY])
@pytest.mark.parametrize("last", [b"", b"connection: close\r\n"])
async def test_a_client_that_never_reads_is_given_up(requests: int, last: bytes) -> None:
    async with serving(HASTY, keep_alive_s=0) as shop, shop.connection() as connection:
        connection._reader._transport.pause_reading()  # type: ignore[attr-defined]  # not in the stub
        await connection.send(LARGE * (requests - 1) + LARGE[:-2] + last + b"\r\n")
        while shop.door._connections:  # noqa: ASYNC110 - the door tells nobody
            await asyncio.sleep(0)


async def test_a_client_that_reads_slowly_is_waited_for() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(LARGE * MANY)
        (server_side,) = shop.door._connections
        unread, extended = 1 << 40, 0
        for _ in range(MANY):
            assert (await connection.hear()).status == 200
            left = server_side.transport.get_write_buffer_size()
            if 0 < left < unread:
                server_side.overdue()
                extended += 1
            unread = left or 1 << 40
        assert extended
        assert not server_side.transport.is_closing()


async def test_of_a_client_that_does_not_read_no_further_requests_are_taken() -> None:
    ledger = HeldLedger()
    ledger.gate.set()
    async with serving(PATIENT, ledger) as shop, shop.connection() as connection:
        connection._reader._transport.pause_reading()  # type: ignore[attr-defined]  # not in the stub
        await connection.send(LARGE * MANY)
        (server_side,) = shop.door._connections
        while not server_side.flow.write_paused:  # noqa: ASYNC110 - the transport tells nobody
            await asyncio.sleep(0)
        await connection.send(receive(1))
        assert server_side.flow.read_paused
        assert ledger.last_sequence == 0


async def test_a_newcomer_takes_the_place_of_one_who_waits_for_nothing() -> None:
    async with (
        serving(PATIENT, connections_max=2) as shop,
        shop.connection() as oldest,
        shop.connection() as slow,
    ):
        await oldest.send(LIVENESS)
        assert (await oldest.hear()).status == 200
        await slow.send(receive(1)[:-3])
        async with shop.connection() as newcomer:
            await newcomer.send(LIVENESS)
            assert (await newcomer.hear()).status == 200
            assert await oldest.ends()
            async with shop.connection() as next_one:
                await next_one.send(LIVENESS)
                assert (await next_one.hear()).status == 200
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await slow.hear()
    assert shop.world.ledger.last_sequence == 0


async def test_a_newcomer_is_turned_away_while_all_the_others_are_at_work() -> None:
    ledger = HeldLedger()
    async with (
        serving(PATIENT, ledger, connections_max=1) as shop,
        shop.connection() as working,
    ):
        await working.send(receive(1))
        await ledger.asked.acquire()
        async with shop.connection() as newcomer:
            heard = await newcomer.hear()
            assert heard.is_problem(503, "overloaded")
            assert int(heard.headers["retry-after"]) >= 1
            assert await newcomer.ends()
        ledger.gate.set()
        assert (await working.hear()).status == 200
        assert shop.refusals() == [503]


async def test_what_is_refused_at_the_door_is_paid_for() -> None:
    limiter = RateLimiter(rate_per_s=1, burst=2)
    async with serving(PATIENT, limiter=limiter) as shop:
        for status, code in [
            (400, "validation_error"),
            (400, "validation_error"),
            (429, "rate_limited"),
        ]:
            async with shop.connection() as connection:
                await connection.send(b"\0garbage\r\n\r\n")
                heard = await connection.hear()
                assert heard.is_problem(status, code)
                policy = heard.headers.get("ratelimit-policy")
                assert policy == ('"client";q=2;w=2' if status == 429 else None)
        assert (await shop.world.get("/metrics")).json()["rateLimited"] == 1
