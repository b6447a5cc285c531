"""What simulated callers ask for: a step of the model, and the request that says it over HTTP."""

import random
from typing import Any, Final, NamedTuple

import orjson

from holdfast.domain.values import instant_text
from tests.simulation.service import Response
from tests.support.steps import Step, step

STORES: Final = ("S", "T")
SKUS: Final = ("A", "B", "C")
USERS: Final = (None, "ann", "bob")
_TTLS_MS: Final = (1_000, 2_000, 5_000, 60_000, None)
_FAR_MS: Final = (3_000, 20_000)
#: How many of the newest reservations somebody may name.
_HOLDS: Final = 12


class Answer(NamedTuple):
    """What came back of one attempt, and between which events and instants that was."""

    request_id: str
    response: Response | None
    low: int
    high: int
    sent_ns: int
    answered_ns: int
    #: Whether the tenant could be written all the while, so that numbers are those of events.
    exact: bool
    #: What the machine's wall clock said when it was sent.
    sent_wall_ms: int


class Asked:
    """One request, however often it is sent."""

    def __init__(
        self,
        name: str,
        method: str,
        address: str,
        body: Any = None,
        steps: dict[str, Step] | None = None,
        *,
        keyed: bool = True,
    ) -> None:
        self.name = name
        self.method = method
        self.address = address
        self.is_batch = isinstance(body, list)
        self.body = b"" if body is None else _encoded(body)
        #: What it asks for, by the idempotency key under which each part is remembered.
        self.steps = steps or {}
        self.keyed = keyed and method == "POST"
        self.tries = 0
        #: When it was sent first; an attempt that met the end of the process has no answer.
        self.began_ns = 0
        self.answers: list[Answer] = []

    def headers(self) -> dict[str, str]:
        headers = {"host": "localhost", "x-request-id": f"{self.name}.{self.tries}"}
        if self.body:
            kind = "application/x-ndjson" if self.is_batch else "application/json"
            headers["content-type"] = kind
        if self.keyed:
            headers["idempotency-key"] = self.name
        return headers


def _encoded(body: Any) -> bytes:
    if isinstance(body, list):
        return b"\n".join(map(orjson.dumps, body))
    return orjson.dumps(body)


class Shopper:
    """Draws what one caller asks for; knows which reservations were made."""

    def __init__(self, name: str, rng: random.Random, holds: list[tuple[str, str | None]]) -> None:
        self.name = name
        self.rng = rng
        self._holds = holds
        self._made = 0

    def next(self, wall_ms: int) -> Asked:
        """The next request."""
        self._made += 1
        name = f"{self.name}-{self._made}"
        kind = self.rng.random()
        if kind < 0.18:
            return self._read(name)
        if kind < 0.28:
            return self._batch(name, wall_ms)
        drawn = self.step(wall_ms)
        method, address, body = spoken(drawn, self.rng)
        keyed = self.rng.random() < 0.9
        return Asked(name, method, address, body, {name: drawn}, keyed=keyed)

    def _read(self, name: str) -> Asked:
        rng = self.rng
        store, sku = rng.choice(STORES), rng.choice(SKUS)
        addresses = [
            f"/stores/{store}/inventory/{sku}",
            f"/stores/{store}/inventory/{sku}",
            f"/stock?storeId={store}",
            f"/stock/{sku}",
            "/reservations?status=active",
            "/health/readiness",
        ]
        if self._holds:
            addresses.append(f"/reservations/{rng.choice(self._holds[-_HOLDS:])[0]}")
        return Asked(name, "GET", rng.choice(addresses))

    def _batch(self, name: str, wall_ms: int) -> Asked:
        verbs = ("receive", "adjust", "count", "ship", "transfer", "out")
        count = self.rng.randint(2, 5)
        if self.rng.random() < 0.4:
            rows = [self.step(wall_ms, verbs) for _ in range(count)]
            body = [row_of(each) for each in rows]
            return Asked(name, "POST", "/batch?atomic=true", body, {name: step("batch", rows=rows)})
        steps = {
            f"{name}:{number}": self.step(wall_ms, (*verbs, "reserve"))
            for number in range(1, count + 1)
        }
        return Asked(name, "POST", "/batch", [row_of(each) for each in steps.values()], steps)

    def step(self, wall_ms: int, verbs: tuple[str, ...] = ()) -> Step:
        """One thing to do."""
        rng = self.rng
        place: dict[str, Any] = {"store": rng.choice(STORES), "sku": rng.choice(SKUS)}
        qty = rng.randint(1, 6)
        verb = rng.choice(verbs or _VERBS)
        if verb == "reserve":
            return self._reserve(place, qty, alone=not verbs)
        if verb == "end":
            return self._end()
        if verb == "transfer":
            lines = [(sku, rng.randint(1, 3)) for sku in rng.sample(SKUS, rng.randint(1, 2))]
            source, target = rng.sample(STORES, 2)
            return step(verb, source=source, target=target, lines=lines)
        if verb == "out":
            out = rng.random() < 0.5
            until = wall_ms + rng.randint(*_FAR_MS) if out else None
            return step(verb, **place, out=out, until=until)
        if rng.random() < 0.1:
            place["expected"] = rng.randint(0, 5)
        if verb == "adjust":
            return step(verb, **place, delta=rng.choice((-1, qty)))
        if verb == "count":
            return step(verb, **place, counted=20 + qty)
        return step(verb, **place, qty=qty)

    def _reserve(self, place: dict[str, Any], qty: int, *, alone: bool) -> Step:
        rng = self.rng
        user = rng.choice(USERS)
        lines = [(place["sku"], qty)]
        reuse = alone and user is not None and rng.random() < 0.3
        if alone and not reuse and rng.random() < 0.4:
            lines = [(sku, rng.randint(1, 3)) for sku in rng.sample(SKUS, 2)]
        return step(
            "reserve",
            store=place["store"],
            lines=lines,
            ttl=rng.choice(_TTLS_MS),
            user=user,
            reuse=reuse,
        )

    def _end(self) -> Step:
        rng = self.rng
        name, user = rng.choice(self._holds[-_HOLDS:] or [("nobody-made-it", None)])
        if rng.random() < 0.05:
            user = "eve"
        verb = rng.choice(("confirm", "cancel", "extend"))
        if verb == "extend":
            return step(verb, id=name, user=user, ttl=rng.choice(_TTLS_MS))
        return step(verb, id=name, user=user)


_VERBS: Final = (
    *("receive", "receive", "adjust", "count", "ship", "transfer", "out"),
    *("reserve", "reserve", "reserve", "end", "end", "end"),
)


def row_of(asked: Step) -> dict[str, Any]:
    """The step as a row of a batch."""
    fields = asked.fields
    row: dict[str, Any] = {"op": asked.verb, **_body(asked)}
    if asked.verb == "transfer":
        return row
    if asked.verb in {"confirm", "cancel", "extend"}:
        return {**row, "reservationId": fields["id"]}
    return {
        **row,
        "storeId": fields["store"],
        **({"sku": fields["sku"]} if "sku" in fields else {}),
    }


def _lines(lines: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"sku": sku, "qty": qty} for sku, qty in lines]


def _body(asked: Step) -> dict[str, Any]:
    """What the step says besides its place."""
    fields = asked.fields
    said: dict[str, Any] = {}
    if fields.get("expected") is not None:
        said["expectedVersion"] = fields["expected"]
    if fields.get("user") is not None:
        said["userId"] = fields["user"]
    if "ttl" in fields:
        said["ttlSeconds"] = None if fields["ttl"] is None else fields["ttl"] // 1000
    for name in ("delta", "counted", "qty"):
        if name in fields:
            said[name] = fields[name]
    if "lines" in fields:
        said["lines"] = _lines(fields["lines"])
    if asked.verb == "transfer":
        said.update(fromStoreId=fields["source"], toStoreId=fields["target"])
    if asked.verb == "out":
        said["isOut"] = fields["out"]
        if fields["until"] is not None:
            said["until"] = instant_text(fields["until"])
    return said


def spoken(asked: Step, rng: random.Random) -> tuple[str, str, dict[str, Any]]:
    """Method, address and body of the request; where there are several ways, one of them."""
    fields, body = asked.fields, _body(asked)
    if asked.verb in {"receive", "ship", "transfer"} or (
        asked.verb == "adjust" and rng.random() < 0.3
    ):
        placed = (
            {} if asked.verb == "transfer" else {"storeId": fields["store"], "sku": fields["sku"]}
        )
        return "POST", f"/inventory/{asked.verb}", {**placed, **body}
    if asked.verb in {"confirm", "cancel", "extend"}:
        return "POST", f"/reservations/{fields['id']}/{asked.verb}", body
    if asked.verb == "reserve":
        return _spoken_reserve(asked, body, rng)
    return "POST", f"/stores/{fields['store']}/inventory/{fields['sku']}/{asked.verb}", body


def _spoken_reserve(
    asked: Step, body: dict[str, Any], rng: random.Random
) -> tuple[str, str, dict[str, Any]]:
    store, lines = asked.fields["store"], asked.fields["lines"]
    if asked.fields["reuse"]:
        ((sku, qty),) = lines
        del body["lines"]
        return "POST", "/inventory/reserve", {**body, "storeId": store, "sku": sku, "quantity": qty}
    if len(lines) == 1 and ("expectedVersion" in body or rng.random() < 0.6):
        ((sku, qty),) = lines
        del body["lines"]
        return "POST", f"/stores/{store}/inventory/{sku}/reserve", {**body, "qty": qty}
    return "POST", "/reservations", {**body, "storeId": store}
