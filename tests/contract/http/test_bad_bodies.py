"""Every line of the ground rules: the stated status, a full problem, and nothing written."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.unit.http.world import World, problem_of, refused

ADJUST = "/stores/S/inventory/A/adjust"
JSON = {"content-type": "application/json"}


async def post_raw(world: World, body: bytes, path: str = ADJUST) -> httpx2.Response:
    return await world.client.post(path, content=body, headers=JSON)


def nested(depth: int) -> bytes:
    """An object whose field holds arrays, `depth` containers in all."""
    return b'{"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"nonsense", "valid JSON"),
        (b'{"delta":1}}', "valid JSON"),
        (b'{"delta":1} {"delta":1}', "valid JSON"),
        (b'{"delta":NaN}', "valid JSON"),
        (b'{"delta":Infinity}', "valid JSON"),
        (b'{"delta":-Infinity}', "valid JSON"),
        (b'{"delta":1e999}', "valid JSON"),
        (b'{"delta":1,"reason":"\\ud800"}', "valid JSON"),
        (b'{"delta":1,"reason":"\xed\xa0\x80"}', "valid JSON"),
        (b'{"delta":1,"reason":"\xff"}', "valid JSON"),
        (b'\xef\xbb\xbf{"delta":1}', "valid JSON"),
        (b'{"delta":1,"delta":2}', "twice"),
        (b'{"delta":1,"delta":1}', "twice"),
        (b'{"delta":1, "x":{"a":1 , "a" : 2}}', "twice"),
        (b'{"delta":1,"reason":"a:b","reason":"\\":"}', "twice"),
        (b'{"delta":1,"d\\u0065lta":2}', "twice"),
        (nested(33), "32 levels"),
        (nested(1000), "32 levels"),
        (nested(5000), "valid JSON"),
        (b"[]", "JSON object"),
        (b"[1]", "JSON object"),
        (b'"text"', "JSON object"),
        (b"null", "JSON object"),
        (b"{}", "delta is missing"),
        (b'{"delta":1,"surprise":1}', "no field 'surprise'"),
        (b'{"delta":1,"expectedVersion":1,"expected_version":1}', "no field 'expected_version'"),
        (b'{"delta":"1"}', "whole number"),
        (b'{"delta":true}', "whole number"),
        (b'{"delta":1.0}', "whole number"),
        (b'{"delta":null}', "whole number"),
        (b'{"delta":[1]}', "whole number"),
        (b'{"delta":9007199254740992}', "at most 9007199254740991"),
        (b'{"delta":-9007199254740992}', "at least -9007199254740991"),
        (b'{"delta":18446744073709551616}', "whole number"),
        (b'{"delta":0}', "changes nothing"),
        (b'{"delta":1,"reason":1}', "text"),
        (b'{"delta":1,"reason":"%s"}' % (b"x" * 501), "500 characters"),
        (b'{"delta":1,"expectedVersion":-1}', "at least 0"),
        (b'{"delta":1,"occurredAt":"yesterday"}', "zone"),
        (b'{"delta":1,"occurredAt":"2026-11-20T08:41:55"}', "zone"),
        (b'{"delta":1,"occurredAt":"1969-12-31T23:59:59Z"}', "1970"),
        (b'{"delta":1,"occurredAt":1795000000000}', "zone"),
    ],
    ids=lambda value: value[:48].decode("latin-1") if isinstance(value, bytes) else None,
)
async def test_a_malformed_body_is_refused(world: World, body: bytes, said: str) -> None:
    answer = await post_raw(world, body)
    told = await refused(world, answer, 400, "validation_error", 0)
    assert said in told["detail"]
    errors = told["details"]["errors"]
    assert errors
    assert all(set(error) == {"pointer", "detail"} for error in errors)
    assert "pydantic" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b'{"delta":1,"reason":"at 12:30: \\"x\\": {\\"a\\":1}"}',
        b'{"delta":1,"reason":"\\":\\":"}',
        b'{"delta" : 1,\n "reason"\t:"ok"}',
        b'{"delta":9007199254740991}',
        b'{"delta":1,"expected_version":0}',
        b'{"delta":1,"expectedVersion":null,"reason":null}',
        b'{"delta":1,"reason":"\\ud83d\\ude00"}',
        b'{"delta":1,"occurredAt":"2026-11-20T09:41:55.123+01:00"}',
        b'{"delta":1,"occurred_at":"2026-11-20T08:41:55Z"}',
    ],
)
async def test_a_body_that_only_looks_odd_is_taken(world: World, body: bytes) -> None:
    answer = await post_raw(world, body)
    assert answer.status_code == 200, answer.text
    assert world.ledger.last_sequence == 1


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/stores/S/inventory/A/reserve", {"qty": 0}, "/qty"),
        ("/stores/S/inventory/A/reserve", {"qty": 1, "ttlSeconds": 0}, "/ttlSeconds"),
        ("/stores/S/inventory/A/reserve", {"qty": 1, "ttlSeconds": 86_401}, "/ttlSeconds"),
        ("/stores/S/inventory/A/reserve", {"qty": 1, "ttl_seconds": 1.5}, "/ttl_seconds"),
        ("/stores/S/inventory/A/reserve", {"qty": 1, "userId": ""}, "/userId"),
        ("/stores/S/inventory/A/reserve", {"qty": 1, "userId": "a\u0000b"}, "/userId"),
        ("/stores/S/inventory/A/reserve", {"qty": 1, "userId": "x" * 129}, "/userId"),
        ("/stores/S/inventory/A/count", {"counted": -1}, "/counted"),
        ("/stores/S/inventory/A/out", {"isOut": 1}, "/isOut"),
        ("/stores/S/inventory/A/out", {"isOut": True, "until": "soon"}, "/until"),
        ("/inventory/receive", {"storeId": "../x", "sku": "A", "qty": 1}, "/storeId"),
        ("/inventory/receive", {"storeId": "S", "sku": "A\n", "qty": 1}, "/sku"),
        ("/inventory/receive", {"storeId": "S", "sku": ".hidden", "qty": 1}, "/sku"),
        ("/inventory/receive", {"storeId": "S", "sku": "a" * 65, "qty": 1}, "/sku"),
        ("/inventory/receive", {"storeId": "S", "sku": "é", "qty": 1}, "/sku"),
        ("/inventory/receive", {"storeId": "", "sku": "A", "qty": 1}, "/storeId"),
        ("/inventory/ship", {"sku": "A", "qty": 1}, "/storeId"),
        ("/inventory/transfer", {"fromStoreId": "S", "toStoreId": "T"}, ""),
        (
            "/inventory/transfer",
            {
                "fromStoreId": "S",
                "toStoreId": "T",
                "sku": "A",
                "qty": 1,
                "lines": [{"sku": "A", "qty": 1}],
            },
            "",
        ),
        ("/reservations", {"storeId": "S", "lines": []}, "/lines"),
        ("/reservations", {"storeId": "S", "lines": [{"sku": "A", "qty": 1}] * 101}, "/lines"),
        ("/reservations", {"storeId": "S", "lines": [{"sku": "A"}]}, "/lines/0/qty"),
        ("/reservations", {"storeId": "S", "lines": {"sku": "A"}}, "/lines"),
        ("/reservations", {"storeId": "S", "lines": [7]}, "/lines/0"),
        ("/inventory/reserve", {"sku": "A", "quantity": 1}, "/userId"),
        ("/checkout/confirm", {"reservationId": "../r", "userId": "u"}, "/reservationId"),
        ("/reservations/r/confirm", {"ttlSeconds": 5}, "/ttlSeconds"),
        ("/reservations/r/confirm", {"a/b~c": 5}, "/a~1b~0c"),
    ],
)
async def test_an_error_points_to_its_place(
    world: World, path: str, body: object, pointer: str
) -> None:
    answer = await world.post(path, body)
    told = await refused(world, answer, 400, "validation_error", 0)
    assert pointer in [error["pointer"] for error in told["details"]["errors"]]


async def test_every_error_of_a_body_is_named_at_once(world: World) -> None:
    told = problem_of(
        await world.post("/inventory/receive", {"storeId": "/", "qty": 0, "x": 1}),
        400,
        "validation_error",
    )
    pointers = {error["pointer"] for error in told["details"]["errors"]}
    assert pointers == {"/storeId", "/sku", "/qty", "/x"}


def padded(size: int) -> bytes:
    body = b'{"delta":1}'
    return body + b" " * (size - len(body))


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_body_over_one_mebibyte_is_refused(world: World, streamed: bool) -> None:
    body = padded(1024 * 1024 + 1)
    content = chunks(body) if streamed else body
    answer = await world.client.post(ADJUST, content=content, headers=JSON)
    assert ("content-length" in answer.request.headers) != streamed
    await refused(world, answer, 413, "payload_too_large", 0)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_body_of_one_mebibyte_is_taken(world: World, streamed: bool) -> None:
    body = padded(1024 * 1024)
    content = chunks(body) if streamed else body
    answer = await world.client.post(ADJUST, content=content, headers=JSON)
    assert answer.status_code == 200


async def test_a_batch_over_sixteen_mebibytes_is_refused(world: World) -> None:
    answer = await world.client.post(
        "/batch",
        content=b" " * (16 * 1024 * 1024 + 1),
        headers={"content-type": "application/x-ndjson"},
    )
    await refused(world, answer, 413, "payload_too_large", 0)


async def test_what_a_body_holds_never_comes_back_as_text_that_json_cannot_hold(
    world: World,
) -> None:
    answer = await post_raw(world, json.dumps({"\u2028<script>": 1}).encode())
    await refused(world, answer, 400, "validation_error", 0)
