"""Clients of every kind at once, what they sent, and what they were told, across many processes.

The account kept here is the clients' own: a key is acknowledged when its answer arrived, whatever
happened to the server since.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import httpx2

SETTINGS = {
    "RATE_LIMIT_RPS": "1000000",
    "RATE_LIMIT_BURST": "1000000",
    "IDEMP_TTL_MS": "86400000",
    "CHECKPOINT_EVERY_S": "1",
}
CLIENTS = 12
STORES = ("S1", "S2", "S3")
SKUS = ("A", "B", "C", "D")
API = "/api/v1"
JSON = "application/json"
NDJSON = "application/x-ndjson"
#: Not there, not possible, too late.
REFUSED = {404, 409, 410}
KINDS = {
    "receive": 4,
    "ship": 2,
    "adjust": 2,
    "count": 1,
    "reserve": 6,
    "end": 5,
    "transfer": 2,
    "batch": 1,
    "keyed rows": 2,
}


class Request(NamedTuple):
    """A request under a key; or a batch in which each row has a key of its own."""

    path: str
    body: str
    keys: tuple[str, ...]
    content_type: str = JSON

    @property
    def by_rows(self) -> bool:
        return self.path == "/batch"

    async def send(self, client: httpx2.AsyncClient) -> httpx2.Response:
        headers = {"Content-Type": self.content_type}
        if not self.by_rows:
            headers["Idempotency-Key"] = self.keys[0]
        return await client.post(API + self.path, content=self.body, headers=headers)


class Acknowledged(NamedTuple):
    """What was done, and the answers that every repetition must get: one, or one for each row."""

    request: Request
    status: int
    answers: list[Any]

    async def demand_replay(self, client: httpx2.AsyncClient) -> None:
        """Send it once more: the same answer, and it says that it is the old one."""
        response = await self.request.send(client)
        answers = answers_of(response)
        if self.request.by_rows:
            is_replay = all(answer.pop("replayed", False) for answer in answers)
        else:
            is_replay = response.headers.get("Idempotent-Replayed") == "true"
        found = (is_replay, response.status_code, answers)
        assert found == (True, self.status, self.answers), (self.request, response.headers)


def answers_of(response: httpx2.Response) -> list[Any]:
    return [json.loads(line) for line in response.text.splitlines()]


class Load:
    """What clients sent to all processes of one folder, and what they were told."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.acknowledged: list[Acknowledged] = []
        self.unknown: list[Request] = []
        self._reservations: list[str] = []
        self._numbers = count(1)
        self._after_answer: Callable[[int], bool] = lambda _: False
        self._answered = 0
        self._ended = asyncio.Event()

    def acknowledged_keys(self) -> Iterator[str]:
        for acknowledged in self.acknowledged:
            yield from acknowledged.request.keys

    async def run(self, url: str, ends_after: Callable[[int], bool]) -> None:
        """Send from many clients at once, until the server is gone.

        `ends_after` is asked behind each answer, with their number; it may end the server.
        """
        self._after_answer, self._answered = ends_after, 0
        self._ended.clear()
        limits = httpx2.Limits(max_connections=CLIENTS)
        async with httpx2.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
            await asyncio.gather(*(self._be_a_client(client) for _ in range(CLIENTS)))

    async def _be_a_client(self, client: httpx2.AsyncClient) -> None:
        while not self._ended.is_set():
            request = self.next_request()
            try:
                response = await request.send(client)
            except httpx2.TransportError:
                self.unknown.append(request)
                return
            self.note(request, response)
            self._answered += 1
            if not self._ended.is_set() and self._after_answer(self._answered):
                self._ended.set()

    async def repeat_unknown(self, client: httpx2.AsyncClient) -> None:
        """What nobody was told about happened, or happens now; never twice."""
        for request in self.unknown:
            self.note(request, await request.send(client))
        self.unknown.clear()

    def note(self, request: Request, response: httpx2.Response) -> None:
        """Keep what was acknowledged; a refusal promises nothing."""
        if response.status_code >= 400:
            assert response.status_code in REFUSED, response.text
            return
        answers = answers_of(response)
        if request.by_rows:
            self._note_rows(request, answers)
            return
        self.acknowledged.append(Acknowledged(request, response.status_code, answers))
        if request.path == "/reservations":
            self._reservations.append(answers[0]["reservationId"])

    def _note_rows(self, request: Request, answers: list[Any]) -> None:
        rows = request.body.splitlines()
        for row, key, answer in zip(rows, request.keys, answers, strict=True):
            answer.pop("replayed", None)
            if answer["status"] < 400:
                alone = Request(request.path, row, (key,), NDJSON)
                self.acknowledged.append(Acknowledged(alone, 200, [answer]))
            else:
                assert answer["status"] in REFUSED, answer

    # What is sent.

    def _key(self) -> str:
        return f"key-{next(self._numbers)}"

    def next_request(self) -> Request:
        """Draw the next request; its keys are new."""
        rng = self.random
        (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
        if kind == "reserve":
            body = {
                "storeId": rng.choice(STORES),
                "lines": self._lines(),
                "ttlSeconds": self._ttl(),
            }
            return Request("/reservations", json.dumps(body), (self._key(),))
        if kind == "end" and self._reservations:
            which = rng.choice(self._reservations[-20:])
            path = f"/reservations/{which}/{rng.choice(['confirm', 'cancel'])}"
            return Request(path, "{}", (self._key(),))
        if kind == "transfer":
            return Request("/inventory/transfer", json.dumps(self._transfer()), (self._key(),))
        if kind == "batch":
            rows = [{"op": "receive", **self._place(), "qty": each} for each in (1, 2)]
            return Request("/batch?atomic=true", _lines_of(rows), (self._key(),), NDJSON)
        if kind == "keyed rows":
            return self._keyed_rows()
        if kind == "count":
            place = self._place()
            path = f"/stores/{place['storeId']}/inventory/{place['sku']}/count"
            return Request(path, json.dumps({"counted": rng.randint(20, 30)}), (self._key(),))
        verb = "receive" if kind == "end" else kind
        return Request(f"/inventory/{verb}", json.dumps(self._move(verb)), (self._key(),))

    def _keyed_rows(self) -> Request:
        keys = tuple(self._key() for _ in range(self.random.randint(1, 4)))
        rows = [self._row() | {"idempotencyKey": key} for key in keys]
        return Request("/batch", _lines_of(rows), keys, NDJSON)

    def _row(self) -> dict[str, Any]:
        op = self.random.choice(["receive", "ship", "adjust", "count", "transfer"])
        return {"op": op, **(self._transfer() if op == "transfer" else self._move(op))}

    def _move(self, verb: str) -> dict[str, Any]:
        qty = self.random.randint(1, 5)
        if verb == "adjust":
            return {**self._place(), "delta": self.random.choice([-qty, 2 * qty])}
        if verb == "count":
            return {**self._place(), "counted": 20 + qty}
        return {**self._place(), "qty": qty}

    def _transfer(self) -> dict[str, Any]:
        source, target = self.random.sample(STORES, 2)
        sku = self.random.choice(SKUS)
        return {"fromStoreId": source, "toStoreId": target, "sku": sku, "qty": 1}

    def _place(self) -> dict[str, Any]:
        return {"storeId": self.random.choice(STORES), "sku": self.random.choice(SKUS)}

    def _lines(self) -> list[dict[str, Any]]:
        skus = self.random.sample(SKUS, self.random.randint(1, 3))
        return [{"sku": sku, "qty": self.random.randint(1, 3)} for sku in skus]

    def _ttl(self) -> int | None:
        return self.random.choice([None, 1, 3, 600])


def _lines_of(rows: list[dict[str, Any]]) -> str:
    return "\n".join(map(json.dumps, rows))


def demand_a_sound_log(events: list[dict[str, Any]], load: Load) -> None:
    """Demand each acknowledged key once, and nothing that nobody asked for."""
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["eventId"] for event in events}) == len(events)
    keys = Counter(event.get("idempotencyKey") for event in events)
    for key in load.acknowledged_keys():
        assert keys[key] == 1, f"{key} was acknowledged and is there {keys[key]} times"
    asked = set(load.acknowledged_keys())
    asked |= {key for request in load.unknown for key in request.keys}
    for event in events:
        nobody = event["type"] == "ReservationExpired" and "idempotencyKey" not in event
        assert nobody or event["idempotencyKey"] in asked, "an event that nobody asked for"
