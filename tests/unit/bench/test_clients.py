import random

import pytest

from bench.bare_route import answer_of
from bench.errors import BenchFailed
from bench.open_loop import parse_head, post
from bench.stock import reserve_body
from bench.wrk import parse

SEEN = (
    '{"requests":10,"duration_us":2000000,"bytes":6000,"p50_us":1500,"p95_us":2000,"p99_us":3000,'
    '"max_us":4000,"refused":%d,"connect":0,"read":0,"write":0,"timeout":0}'
)


def test_the_last_line_of_the_load_generator_counts() -> None:
    answers = parse("Running 2s test\n  10 requests in 2s\n\n" + SEEN % 0 + "\n")
    assert (answers.requests, answers.seconds, answers.bytes_per_answer) == (10, 2.0, 600.0)
    assert (answers.p50_ms, answers.p95_ms, answers.p99_ms, answers.max_ms) == (1.5, 2, 3, 4)


def test_a_run_in_which_a_client_saw_an_error_gives_no_figure() -> None:
    with pytest.raises(BenchFailed, match="saw errors"):
        parse(SEEN % 1)


def test_a_run_without_answers_gives_no_figure() -> None:
    with pytest.raises(BenchFailed, match="saw errors"):
        parse((SEEN % 0).replace('"requests":10', '"requests":0'))


def test_an_answer_is_read_by_its_own_length() -> None:
    head = b"HTTP/1.1 201 Created\r\nx-request-id: 7\r\nContent-Length: 438\r\n\r\n"
    assert parse_head(head) == (201, 438)
    with pytest.raises(BenchFailed, match="no length"):
        parse_head(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_a_request_says_how_long_its_body_is() -> None:
    body = reserve_body(random.Random(1))
    head, _, sent = post("/path", body).partition(b"\r\n\r\n")
    assert sent == body
    assert f"Content-Length: {len(body)}".encode() in head


@pytest.mark.parametrize("size", [30, 500])
def test_the_bare_answer_is_as_long_as_asked(size: int) -> None:
    assert len(answer_of(size)) == size
