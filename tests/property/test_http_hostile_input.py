"""Whatever is sent, the answer is one that the description promises, and never a 5xx."""

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.http.routes import ENDPOINTS
from holdfast.http.schemas.rows import ROWS
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import World

PATHS = [each.path for each in ENDPOINTS if each.method == "POST" and each.body is not None]
FIELDS = sorted(
    {
        name
        for model in [*ROWS.values(), *(each.body for each in ENDPOINTS if each.body is not None)]
        for name, field in model.model_fields.items()
    }
    | {"storeId", "reservationId", "surprise", "", "a/b~"}
)
SCALARS = st.one_of(
    st.sampled_from(
        [None, True, False, 0, 1, -1, 2, 2**53 - 1, 2**53, -(2**53), 2**63, 2**64, 1.0, 1e308]
    ),
    st.sampled_from(
        ["S", "A", "", "../x", "A\n", "\u0000", "é", "2026-11-20T08:41:55Z", "x" * 600]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=2),
    st.lists(st.fixed_dictionaries({"sku": SCALARS, "qty": SCALARS}), max_size=3),
)
BODIES = st.one_of(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6), VALUES)
IDS = st.sampled_from(["S", "A", "none", "..", "%2e%2e%2fx", "%00", "%ff", "x" * 65, "%C3%A9"])
HEADERS = st.fixed_dictionaries(
    {"content-type": st.just(b"application/json")},
    optional={
        "if-match": st.sampled_from([b"1", b'"2"', b"*", b"x", b""]),
        "idempotency-key": st.sampled_from([b"k", b"", b"\xff", b"x" * 300]),
        "x-tenant-id": st.sampled_from([b"default", b"nobody", b"../x"]),
        "x-request-id": st.binary(max_size=5),
    },
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes, dict[str, bytes]]:
    path = draw(st.sampled_from(PATHS))
    for name in ("{storeId}", "{sku}", "{reservationId}"):
        path = path.replace(name, draw(IDS))
    query = draw(st.sampled_from(["", "", "?", "?x=1", "?limit=%ff"]))
    return path + query, json.dumps(draw(BODIES)).encode(), draw(HEADERS)


async def send_all(asked: list[tuple[str, bytes, dict[str, bytes]]]) -> None:
    world = World(MemoryLedger())
    await world.receive("S", "A", 5)
    for path, body, headers in asked:
        raw = [(name.encode(), value) for name, value in headers.items()]
        answer = await world.client.post(path, content=body, headers=raw)
        assert answer.status_code < 500, (path, body, headers, answer.text)
    await world.close()


@settings(max_examples=60)
@given(st.lists(requests(), min_size=1, max_size=8))
def test_no_body_address_or_header_does_harm(
    asked: list[tuple[str, bytes, dict[str, bytes]]],
) -> None:
    asyncio.run(send_all(asked))


ROW = st.one_of(
    st.tuples(
        st.sampled_from([*ROWS, "steal"]),
        st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6),
    ).map(
        lambda drawn: json.dumps({"op": drawn[0], "storeId": "S", "sku": "A"} | drawn[1]).encode()
    ),
    st.binary(max_size=12).filter(lambda row: b"\n" not in row),
)


async def send_batch(rows: list[bytes], query: str) -> None:
    world = World(MemoryLedger())
    await world.receive("S", "A", 5)
    answer = await world.client.post(
        f"/batch{query}", content=b"\n".join(rows), headers={"content-type": "application/x-ndjson"}
    )
    assert answer.status_code < 500, answer.text
    if answer.status_code == 200:
        told: list[dict[str, Any]] = [json.loads(line) for line in answer.content.splitlines()]
        assert len(told) == len(b"\n".join(rows).removesuffix(b"\n").split(b"\n"))
        assert all(each["status"] < 500 for each in told)
    await world.close()


@settings(max_examples=60)
@given(
    st.lists(ROW, max_size=6),
    st.sampled_from(["", "?atomic=true", "?source=l&after=0", "?source=l&after=0&atomic=true"]),
)
def test_no_row_does_harm(rows: list[bytes], query: str) -> None:
    asyncio.run(send_batch(rows, query))
