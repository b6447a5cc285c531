"""Histories of callers who compete for few SKUs, and what one SKU may answer, for the checker."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from tests.simulation.asked import Asked, Shopper, spoken
from tests.simulation.world import World
from tests.support.linearizability import Done
from tests.support.steps import Step, step

CLIENTS: Final = 8
_REQUESTS: Final = 8
_SKUS: Final = ("A", "B", "C")


class Competitor(Shopper):
    """Asks for one SKU at a time; holds have no deadline, so only callers change anything."""

    def next(self, wall_ms: int) -> Asked:
        self._made += 1
        name = f"{self.name}-{self._made}"
        rng = self.rng
        sku = rng.choice(_SKUS)
        if rng.random() < 0.3:
            return Asked(name, "GET", f"/stores/S/inventory/{sku}")
        drawn = self._drawn(sku)
        method, address, body = spoken(drawn, rng)
        return Asked(name, method, address, body, {name: drawn}, keyed=rng.random() < 0.8)

    def _drawn(self, sku: str) -> Step:
        rng = self.rng
        place: dict[str, Any] = {"store": "S", "sku": sku}
        if rng.random() < 0.4:
            place["expected"] = rng.randrange(8)
        kind = rng.random()
        if kind < 0.45:
            return step("adjust", **place, delta=rng.choice((-2, -1, 1, 3)))
        if kind < 0.55:
            return step("count", **place, counted=rng.randrange(8))
        if kind < 0.75 or not self._holds:
            del place["sku"]
            return step("reserve", **place, lines=[(sku, rng.randint(1, 2))], ttl=None, reuse=False)
        name, _ = rng.choice(self._holds[-4:])
        return step(rng.choice(("confirm", "cancel")), id=name, user=None)


def histories_of(
    seed: int, *, judged: bool = True, kinds: Sequence[str] = ()
) -> tuple[World, dict[str, list[Done]]]:
    """A run, and what was asked and answered about each SKU."""
    world = World(
        seed, kinds=kinds, requests=_REQUESTS, callers=CLIENTS, shopper=Competitor, loads=False
    )
    world.run(judged=judged)
    skus = _skus_of_holds(world)
    by_sku: dict[str, list[Done]] = defaultdict(list)
    for asked in world.asked:
        sku = _sku_of(asked, skus)
        if sku is not None and asked.tries:
            by_sku[sku].append(_done(asked))
    return world, by_sku


def _done(asked: Asked) -> Done:
    """All attempts are one call: the key makes them one."""
    said = next(iter(asked.steps.values()), None)
    last = asked.answers[-1] if asked.answers else None
    response = None if last is None else last.response
    if last is None or response is None or response.status >= 500:
        return Done(asked.began_ns, None, said)
    result = (response.status, response.code, response.json)
    return Done(asked.began_ns, last.answered_ns, said, result)


def _skus_of_holds(world: World) -> dict[str, str]:
    """Which SKU each reservation holds, as far as anybody was told."""
    found: dict[str, str] = {}
    for asked in world.asked:
        for said in asked.steps.values():
            for answer in asked.answers:
                response = answer.response
                if said.verb == "reserve" and response is not None and response.status == 201:
                    found[response.json["reservationId"]] = said.fields["lines"][0][0]
    return found


def _sku_of(asked: Asked, holds: dict[str, str]) -> str | None:
    for said in asked.steps.values():
        if said.verb == "reserve":
            sku: str = said.fields["lines"][0][0]
            return sku
        return holds.get(said.fields["id"]) if "id" in said.fields else said.fields["sku"]
    return asked.address.rpartition("/")[2]


class Sku(NamedTuple):
    """One SKU in one store; version 0 is one that is not there. Holds are (id, quantity, end)."""

    on_hand: int = 0
    reserved: int = 0
    version: int = 0
    holds: tuple[tuple[str, int, str], ...] = ()

    @property
    def free(self) -> int:
        return self.on_hand - self.reserved

    def put(self, on_hand: int, reserved: int) -> "Sku":
        return self._replace(on_hand=on_hand, reserved=reserved, version=self.version + 1)

    def shows(self, record: dict[str, Any]) -> bool:
        seen = (record["onHand"], record["reserved"], record["version"])
        return seen == (self.on_hand, self.reserved, self.version)


def answers(state: Sku, call: Done) -> Iterable[Sku]:
    """The states that a call may leave, given what was answered; none when it cannot be."""
    if call.asked is None:
        return _reads(state, call)
    after, code = _decided(state, call)
    if call.ended is None:
        return () if after is None else (after,)
    status, told, body = call.result
    if after is None:
        return (state,) if told == code else ()
    if status >= 300:
        return ()
    record = body.get("stock", body)
    return (after,) if "onHand" not in record or after.shows(record) else ()


def _reads(state: Sku, call: Done) -> Iterable[Sku]:
    if call.ended is None:
        return ()
    status, _, body = call.result
    if status == 404:
        return (state,) if state.version == 0 else ()
    return (state,) if state.shows(body) else ()


def _decided(state: Sku, call: Done) -> tuple[Sku | None, str]:
    """The state behind a write, or why it is refused."""
    verb, fields = call.asked.verb, call.asked.fields
    if verb in {"confirm", "cancel"}:
        return _ended(state, fields["id"], verb)
    if state.version == 0 and (verb == "reserve" or fields.get("delta", 0) < 0):
        return None, "not_found"
    if fields.get("expected") not in {None, state.version}:
        return None, "version_conflict"
    if verb == "reserve":
        return _reserved(state, call)
    on_hand = fields["counted"] if verb == "count" else state.on_hand + fields["delta"]
    if on_hand < state.reserved and (verb == "count" or fields["delta"] < 0):
        return None, "insufficient_stock"
    return state.put(on_hand, state.reserved), ""


def _reserved(state: Sku, call: Done) -> tuple[Sku | None, str]:
    ((_, qty),) = call.asked.fields["lines"]
    if qty > state.free:
        return None, "insufficient_stock"
    told = call.result is not None and call.result[0] == 201
    # Nobody can name a reservation whose id nobody was told.
    name = call.result[2]["reservationId"] if told else "?"
    after = state.put(state.on_hand, state.reserved + qty)
    return after._replace(holds=tuple(sorted((*state.holds, (name, qty, "active"))))), ""


def _ended(state: Sku, name: str, verb: str) -> tuple[Sku | None, str]:
    for hold in state.holds:
        if hold[0] == name:
            break
    else:
        return None, "not_found"
    if hold[2] == verb:
        return state, ""
    if hold[2] != "active":
        return None, "reservation_not_active"
    taken = hold[1] if verb == "confirm" else 0
    after = state.put(state.on_hand - taken, state.reserved - hold[1])
    holds = (*(each for each in state.holds if each != hold), (name, hold[1], verb))
    return after._replace(holds=tuple(sorted(holds))), ""
