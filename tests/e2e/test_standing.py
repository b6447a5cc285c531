"""A short share of what `python -m bench.standing` does for a minute: nobody is forgotten.

How fast it is under that load, a busy machine cannot tell; that it answers, and what, it can.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.server import Server
from bench.standing import overload, slow
from bench.stock import UNLIMITED, fill, holdfast

#: So few places that a handful of connections is too many.
NARROW = {"CONCURRENCY_API": "4", "LOAD_SHED_QUEUE_MAX": "16"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with holdfast("holdfast", tmp_path / "data", None, UNLIMITED | NARROW) as started:
        fill(started)
        yield started


def demand_health(figures: dict[str, Any]) -> None:
    assert set(figures["health_answers"]) == {200}


def test_beside_connections_that_get_nowhere_everybody_else_is_served(server: Server) -> None:
    figures = asyncio.run(slow(server, 4, 40, 1))
    print(figures)
    demand_health(figures)
    assert figures["beside"]["other"] == {}
    assert figures["beside"]["accepted_per_s"] > 0
    assert figures["rss_peak_mib"] < figures["rss_before_mib"] + 100


@pytest.mark.parametrize("part", ["closed", "open"])
def test_of_more_than_it_can_do_it_does_what_it_can_and_reads_outlive_writes(
    server: Server, part: str
) -> None:
    figures = asyncio.run(overload(part, server, 4, 1, 8))
    print(figures)
    demand_health(figures)
    crowded = figures["overloaded"]
    assert crowded["refused_per_s"] > 0
    assert crowded["accepted_per_s"] > 0
    assert crowded["reads_accepted"] >= crowded["writes_accepted"]
    assert figures["after"]["refused_per_s"] == 0, "at once behind it nobody is refused"
