"""Requests that come whole and answers that leave whole, over a socket."""

import gc

import pytest

from tests.contract.http.connections import LIVENESS, PATIENT, receive, serving

REFUSED = receive(1).replace(b'"qty": 1', b'"qty": 0')


@pytest.mark.parametrize("request_bytes", [LIVENESS, receive(1), REFUSED])
async def test_a_request_leaves_nothing_to_the_search_for_garbage(request_bytes: bytes) -> None:
    rounds = 40
    async with serving(PATIENT) as shop, shop.connection() as connection:

        async def ask_often() -> None:
            for _ in range(rounds):
                await connection.send(request_bytes)
                await connection.hear()

        await ask_often()
        gc.collect()
        gc.disable()
        try:
            await ask_often()
            # Objects in cycles wait for the collector, which stops everybody to find them.
            assert gc.collect() < rounds
        finally:
            gc.enable()


async def test_an_answer_names_its_request_whether_the_body_came_whole_or_in_pieces() -> None:
    body = receive(2)
    async with serving(PATIENT) as shop, shop.connection() as connection:
        for cut in ([body], [body[:-3], body[-3:]], [body[:40], body[40:]]):
            await connection.send(*cut)
            heard = await connection.hear()
            assert (heard.status, heard.json["version"] > 0) == (200, True)
            assert heard.headers["content-type"] == "application/json"
            assert heard.headers["etag"] == f'"{heard.json["version"]}"'
        lines = [line for line in shop.world.log_lines() if line["event"] == "request"]
        assert len({line["request_id"] for line in lines}) == 3


async def test_http_1_0_ends_the_connection_behind_the_answer() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(LIVENESS.replace(b"HTTP/1.1", b"HTTP/1.0"))
        heard = await connection.hear()
        assert (heard.status, heard.headers["connection"]) == (200, "close")
        assert await connection.ends()


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(b"".join([receive(1), LIVENESS, REFUSED, receive(1)]))
        assert [(await connection.hear()).status for _ in range(4)] == [200, 200, 400, 200]
