"""The dial over HTTP: it is there only where the operator wants it, and takes only what makes sense."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from holdfast.http.app import create_app
from holdfast.http.services import Services
from holdfast.journal.faulty_disk import FaultyDisk
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import UNLIMITED, OneTenant, World, problem_of

FAULTS = "/debug/faults"
NONE: dict[str, Any] = {
    "faults": [],
    "calls": {"open": 0, "write": 0, "fdatasync": 0, "fsync": 0, "rename": 0},
}


@pytest.fixture
async def dialled(ledger: MemoryLedger) -> AsyncIterator[World]:
    world = World(ledger, faults=FaultyDisk())
    yield world
    await world.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_without_the_operators_word_there_is_nothing(world: World, method: str) -> None:
    body: dict[str, Any] | None = {"faults": []} if method == "PUT" else None
    problem_of(await world.client.request(method, FAULTS, json=body), 404, "not_found")


async def test_faults_are_set_read_and_taken_away(dialled: World) -> None:
    assert (await dialled.get(FAULTS)).json() == NONE
    asked = {
        "faults": [
            {"op": "fdatasync", "action": "eio", "afterCalls": 2, "times": None},
            {"op": "write", "action": "delay", "delayMs": 5},
        ]
    }
    answer = await dialled.client.put(FAULTS, json=asked)
    assert answer.status_code == 200
    assert answer.json() == (await dialled.get("/api/v1" + FAULTS)).json()
    assert answer.json()["faults"] == [
        {
            "op": "fdatasync",
            "action": "eio",
            "afterCalls": 2,
            "times": None,
            "delayMs": None,
            "calls": 0,
            "struck": 0,
        },
        {
            "op": "write",
            "action": "delay",
            "afterCalls": 0,
            "times": 1,
            "delayMs": 5,
            "calls": 0,
            "struck": 0,
        },
    ]
    assert (await dialled.client.delete(FAULTS)).json() == NONE


@pytest.mark.parametrize(
    "fault",
    [
        {"op": "read", "action": "eio"},
        {"op": "write", "action": "melt"},
        {"op": "fsync", "action": "short"},
        {"op": "write", "action": "delay"},
        {"op": "write", "action": "eio", "delayMs": 5},
        {"op": "write", "action": "eio", "times": 0},
        {"op": "write", "action": "eio", "afterCalls": -1},
        {"op": "write"},
    ],
)
async def test_what_makes_no_sense_is_refused_and_sets_nothing(
    dialled: World, fault: dict[str, object]
) -> None:
    answer = await dialled.client.put(FAULTS, json={"faults": [fault]})
    problem_of(answer, 400, "validation_error")
    assert (await dialled.get(FAULTS)).json() == NONE


def test_the_route_is_not_even_in_the_table_without_it(world: World) -> None:
    services = Services(
        UNLIMITED, OneTenant(world.ledger), world.health, world.metrics, world.logs.logger
    )
    edge = create_app(services)
    assert "debug" not in {shape[0] for shape in edge._routes._by_shape}
