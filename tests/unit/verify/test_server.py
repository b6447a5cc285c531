"""The server is asked with patience, and what is no Holdfast server is named as such."""

from collections.abc import Callable

import httpx2
import orjson
import pytest

from holdfast.verify.differences import CannotVerify
from holdfast.verify.server import HttpServer, Suspended, connect

Answer = Callable[[httpx2.Request], httpx2.Response]


def server(*answers: Answer) -> tuple[HttpServer, list[httpx2.Request]]:
    """A server that gives these answers in turn, the last one for ever."""
    asked: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return answers[min(len(asked), len(answers)) - 1](request)

    client = connect("http://127.0.0.1:3000/", "T1", httpx2.MockTransport(handle))
    return HttpServer(client, patience_s=0.3), asked


def json(value: object, status: int = 200) -> Answer:
    return lambda _: httpx2.Response(status, content=orjson.dumps(value))


def refused(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("Connection refused")


def test_a_page_is_asked_for_with_tenant_limit_and_cursor() -> None:
    asks, asked = server(json({"items": [1], "nextCursor": "x"}))
    page = asks.page("/stock", None)
    assert (page.items, page.next_cursor) == ([1], "x")
    asks.page("/stock", "x")
    assert [str(each.url) for each in asked] == [
        "http://127.0.0.1:3000/api/v1/stock?limit=1000",
        "http://127.0.0.1:3000/api/v1/stock?limit=1000&cursor=x",
    ]
    assert {each.headers["X-Tenant-ID"] for each in asked} == {"T1"}


def test_an_event_is_asked_for_with_the_newest_sequence() -> None:
    asks, asked = server(json({"items": [{"sequence": 7}], "lastSequence": 9}))
    assert asks.tip(7) == ({"sequence": 7}, 9)
    assert asked[0].url.params["after"] == "6"
    assert asks.tip(8).event is None
    assert asks.tip(0).event is None


def test_a_load_is_asked_for() -> None:
    body = {"mark": 4, "refused": 1, "items": [{"line": 3}], "nextCursor": None}
    asks, asked = server(json(body))
    found = asks.source("till-7", None)
    assert (found.mark, found.refused, found.page.items) == (4, 1, [{"line": 3}])
    assert asked[0].url.path == "/api/v1/batch/sources/till-7"


@pytest.mark.parametrize("first", [json({}, 429), json({}, 503), refused])
def test_a_server_that_is_busy_is_asked_again(first: Answer) -> None:
    asks, asked = server(first, json({"items": [], "nextCursor": None}))
    assert asks.page("/stock", None).items == []
    assert len(asked) == 2


def test_that_a_server_is_asked_again_is_told_once() -> None:
    told: list[str] = []
    client = connect("http://127.0.0.1:3000/", "T1", httpx2.MockTransport(refused))
    with pytest.raises(CannotVerify):
        HttpServer(client, 0.3, told.append).require_exact()
    (sentence,) = told
    assert "Connection refused" in sentence


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refused, "does not answer as it should: Connection refused"),
        (json({}, 503), "does not answer as it should: it answers 503"),
        (json({"detail": "There is no tenant T1."}, 404), "/stock answers 404"),
        (lambda _: httpx2.Response(200, text="<html>"), "/stock is no JSON"),
        (json({"hello": "world"}), "is no page of a list"),
        (json([]), "is no JSON object"),
    ],
)
def test_a_server_that_cannot_be_compared_is_named(answer: Answer, said: str) -> None:
    asks, _ = server(answer)
    with pytest.raises(CannotVerify) as no:
        asks.page("/stock", None)
    assert said in str(no.value)
    assert no.value.exit_code == 69


@pytest.mark.parametrize("body", [[], {}, {"items": [{}], "lastSequence": 1}, {"items": [7]}])
def test_what_answers_with_other_json_is_named(body: object) -> None:
    asks, _ = server(json(body))
    for ask in (lambda: asks.tip(1), lambda: asks.source("till-7", None)):
        with pytest.raises(CannotVerify, match="cannot be compared"):
            ask()


def test_a_read_only_server_is_not_compared() -> None:
    asks, _ = server(json({"ready": False, "mode": "read_only"}, 503))
    with pytest.raises(CannotVerify, match="read-only"):
        asks.require_exact()


def test_a_server_that_drains_or_is_ready_may_be_compared() -> None:
    asks, _ = server(json({"mode": "draining"}, 503), json({"mode": "ready"}))
    asks.require_exact()
    asks.require_exact()


@pytest.mark.parametrize("url", ["nowhere", "ftp://127.0.0.1", "http://", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(CannotVerify, match="--url takes an address like") as no:
        connect(url, "T1")
    assert no.value.exit_code == 64


def test_a_suspended_tenant_is_no_stranger_and_another_refusal_is() -> None:
    asks, _ = server(json({"code": "tenant_suspended"}, 403))
    with pytest.raises(Suspended):
        asks.tip(7)
    asks, _ = server(json({"code": "forbidden"}, 403))
    with pytest.raises(CannotVerify, match="answers 403"):
        asks.tip(7)
