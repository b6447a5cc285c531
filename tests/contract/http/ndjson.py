"""Writing batches and reading their results."""

import json
from typing import Any

import httpx2

from tests.unit.http.world import World, as_headers

NDJSON = {"content-type": "application/x-ndjson"}


def row(op: str, **fields: object) -> dict[str, object]:
    place = (
        {} if op in {"confirm", "cancel", "extend", "transfer"} else {"storeId": "S", "sku": "A"}
    )
    return {"op": op, **place, **fields}


async def send(
    world: World, rows: list[object] | bytes, query: str = "", **headers: str
) -> httpx2.Response:
    body = (
        rows if isinstance(rows, bytes) else b"".join(json.dumps(r).encode() + b"\n" for r in rows)
    )
    return await world.client.post(
        f"/batch{query}", content=body, headers=NDJSON | as_headers(headers)
    )


def lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.content.splitlines()]
