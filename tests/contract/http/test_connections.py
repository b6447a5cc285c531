"""What a connection may send, byte by byte, and what it hears."""

import asyncio
import contextlib

import pytest

from tests.contract.http.connections import HASTY, LIVENESS, PATIENT, begin_chunks, receive, serving
from tests.unit.http.held_ledger import HeldLedger


async def test_heads_within_the_limits_are_served_however_they_are_cut() -> None:
    filler = b"x-filler: %s\r\n" % (b"x" * 30_000)
    many = b"".join(b"x-%d: 1\r\n" % number for number in range(99))
    async with serving(PATIENT) as shop, shop.connection() as connection:
        for extra in (filler, many):
            request = LIVENESS[:-2] + extra + b"\r\n"
            for size in (len(request), 1000, 7):
                cut = [request[at : at + size] for at in range(0, len(request), size)]
                await connection.send(*cut)
                assert (await connection.hear()).status == 200


async def test_a_body_that_comes_while_its_tenant_is_opened_is_read() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        shop.world.tenants.opened.clear()
        head, end, body = receive(3).partition(b"\r\n\r\n")
        await connection.send(head + end, body[:5], body[5:])
        shop.world.tenants.opened.set()
        assert (await connection.hear()).json["onHand"] == 3


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"x" * 33_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 70_000,
        b"GET / HTTP/1.1\r\nx-long: " + b"x" * 33_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nx-endless: " + b"x" * 300_000,
        b"GET / HTTP/1.1\r\n" + b"x: 1\r\n" * 101 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: 1\r\n" * 50_000,
    ],
)
@pytest.mark.parametrize("size", [1 << 20, 5000])
async def test_a_head_beyond_the_limits_is_431(sent: bytes, size: int) -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(*[sent[at : at + size] for at in range(0, len(sent), size)])
        assert (await connection.hear()).is_problem(431, "head_too_large")
        assert await connection.ends()
        assert shop.refusals() == [431]


async def test_the_body_before_a_head_does_not_count() -> None:
    large = receive(1, padding=60_000)
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(large + LIVENESS[:20], LIVENESS[20:])
        assert [(await connection.hear()).status for _ in range(2)] == [200, 200]


async def test_a_head_that_begins_behind_one_in_pieces_counts_from_its_first_byte() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(LIVENESS[:20], LIVENESS[20:])
        assert (await connection.hear()).status == 200
        await connection.send(b"GET /" + b"x" * 70_000)
        assert (await connection.hear()).is_problem(431, "head_too_large")


async def test_headers_behind_a_body_count_too() -> None:
    body = receive(1).partition(b"\r\n\r\n")[2]
    begun = begin_chunks() + b"%x\r\n%s\r\n0\r\n" % (len(body), body)
    for endless in (b"x: 1\r\n" * 200, b"x: " + b"x" * 100_000):
        async with serving(PATIENT) as shop, shop.connection() as connection:
            await connection.send(
                begun, *[endless[at : at + 500] for at in range(0, len(endless), 500)]
            )
            assert (await connection.hear()).is_problem(431, "head_too_large")
            assert shop.world.ledger.last_sequence == 0


async def test_a_head_that_does_not_come_to_its_end_is_408() -> None:
    async with serving(HASTY) as shop, shop.connection() as connection:
        await connection.send(b"GET /health/liveness HTTP/1.1\r\nx-request-id: till-7\r\nhost: t")
        heard = await connection.hear()
        assert heard.is_problem(408, "request_timeout")
        assert heard.headers["x-request-id"] == "till-7"
        assert await connection.ends()
        assert shop.refusals() == [408]


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n"])
async def test_a_connection_on_which_nothing_begins_is_closed_in_silence(sent: bytes) -> None:
    async with serving(HASTY) as shop, shop.connection() as connection:
        await connection.send(sent)
        assert await connection.ends()
        assert shop.refusals() == []


async def test_a_connection_that_stays_idle_behind_an_answer_is_closed_in_silence() -> None:
    async with serving(HASTY, keep_alive_s=0) as shop, shop.connection() as connection:
        await connection.send(LIVENESS)
        assert (await connection.hear()).status == 200
        assert await connection.ends()
        assert shop.refusals() == []


async def test_a_head_in_time_is_served_however_often_one_was_waited_for() -> None:
    async with serving(HASTY) as shop, shop.connection() as connection:
        for _ in range(3):
            await connection.send(LIVENESS)
            assert (await connection.hear()).status == 200
            async with shop.connection() as other:
                assert await other.ends()


async def test_the_second_head_of_a_connection_has_its_own_deadline() -> None:
    async with serving(HASTY) as shop, shop.connection() as connection:
        await connection.send(LIVENESS)
        assert (await connection.hear()).status == 200
        await connection.send(LIVENESS[:20])
        assert (await connection.hear()).is_problem(408, "request_timeout")


@pytest.mark.parametrize("behind", [b"", LIVENESS[:20]])
async def test_a_request_at_work_has_no_deadline_here_whatever_comes_behind(behind: bytes) -> None:
    ledger = HeldLedger()
    async with serving(HASTY, ledger) as shop, shop.connection() as connection:
        await connection.send(receive(1) + behind)
        await ledger.asked.acquire()
        async with shop.connection() as other:  # whose deadline began later, and passes
            assert await other.ends()
        ledger.gate.set()
        assert (await connection.hear()).status == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_and_the_end(garbage: bytes) -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(garbage)
        assert (await connection.hear()).is_problem(400, "validation_error")
        assert await connection.ends()
        assert shop.refusals() == [400]
        counted = shop.world.metrics.text("text/plain")[0].decode()
        assert 'holdfast_http_answers_total{route="(none)",status="400"} 1.0' in counted


async def test_a_request_before_the_garbage_is_answered_truly_and_first() -> None:
    ledger = HeldLedger()
    async with serving(PATIENT, ledger) as shop, shop.connection() as connection:
        await connection.send(receive(5) + receive(6) + b"\0garbage", b"more garbage")
        await ledger.asked.acquire()
        ledger.gate.set()
        answers = [await connection.hear() for _ in range(3)]
        assert [heard.status for heard in answers] == [200, 200, 400]
        assert [heard.json.get("onHand") for heard in answers[:2]] == [5, 11]
        assert answers[2].is_problem(400, "validation_error")
        assert await connection.ends()
        assert ledger.last_sequence == 2


async def test_a_request_whose_body_breaks_off_into_garbage_is_not_decided() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(
            receive(2) + begin_chunks(**{"x-request-id": "till-7"}) + b"2\r\n{}\r\nxyz\r\n"
        )
        assert (await connection.hear()).status == 200
        heard = await connection.hear()
        assert heard.is_problem(400, "validation_error")
        assert heard.headers["x-request-id"] == "till-7"
        assert shop.world.ledger.last_sequence == 1
        noted = [line for line in shop.world.log_lines() if line["event"] == "request"]
        assert sorted(line["status"] for line in noted) == [200, 400], "it was not even begun"


async def test_a_slow_request_whose_body_turns_bad_is_given_up() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(begin_chunks() + b"2\r\n{}\r\n", b"xyz\r\n")
        assert (await connection.hear()).is_problem(400, "validation_error")
        assert await connection.ends()
        assert shop.world.ledger.last_sequence == 0


async def test_garbage_in_a_body_that_nobody_waits_for_only_ends_the_connection() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(begin_chunks("/nowhere"))
        assert (await connection.hear()).status == 404
        await connection.send(b"xyz\r\n")
        assert await connection.ends()


async def test_an_endless_body_behind_its_answer_ends_the_connection() -> None:
    head = b"POST /nowhere HTTP/1.1\r\nhost: t\r\ncontent-length: 99999999\r\n\r\n"
    async with serving(HASTY, keep_alive_s=0) as shop, shop.connection() as connection:
        await connection.send(head)
        assert (await connection.hear()).status == 404
        await connection.send(b"x")
        assert await connection.ends()


async def test_of_a_body_behind_its_answer_only_so_much_is_thrown_away() -> None:
    head = b"POST /nowhere HTTP/1.1\r\nhost: t\r\ncontent-length: 99999999\r\n\r\n"
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(head)
        assert (await connection.hear()).status == 404
        with contextlib.suppress(ConnectionError):  # the server may have gone away by then
            await connection.send(*[b"x" * (1 << 20)] * 20)
            assert await connection.ends()
        assert not shop.door._connections


async def test_a_wish_to_upgrade_is_answered_in_http_1() -> None:
    upgrade = b"connection: upgrade\r\nupgrade: h2c\r\n"
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(LIVENESS[:-2] + upgrade + b"\r\n" + LIVENESS)
        heard = await connection.hear()
        assert (heard.status, heard.headers["connection"]) == (200, "close")
        assert await connection.ends()


async def test_a_body_behind_an_upgrade_is_refused_and_never_taken_for_a_request() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await shop.world.receive("S", "A", 5)
        held = await shop.world.post("/stores/S/inventory/A/reserve", {"qty": 1})
        body = receive(9)
        # Without the body, which may be left out here, it would be a good request.
        await connection.send(
            b"POST /reservations/%s/confirm HTTP/1.1\r\nhost: testserver\r\n"
            b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: %d\r\n\r\n"
            % (held.json()["reservationId"].encode(), len(body)),
            body,
        )
        assert (await connection.hear()).is_problem(400, "validation_error")
        assert await connection.ends()
        assert shop.world.ledger.last_sequence == 2


async def test_whoever_still_sends_hears_the_refusal() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(b"\0", *[b"x" * 10_000] * 20)
        assert (await connection.hear()).is_problem(400, "validation_error")


async def test_of_a_connection_that_has_ended_nothing_is_kept() -> None:
    async with serving(PATIENT) as shop:
        async with shop.connection() as connection:
            await connection.send(LIVENESS)
            assert (await connection.hear()).status == 200
            assert len(shop.door._connections) == 1
        while shop.door._connections:  # noqa: ASYNC110 - the door tells nobody
            await asyncio.sleep(0)
