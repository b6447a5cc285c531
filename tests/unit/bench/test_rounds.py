from dataclasses import replace
from typing import cast

import pytest

from bench.errors import BenchFailed
from bench.rounds import (
    Load,
    Slice,
    cpu_ratios,
    order,
    require_events,
    throughput_ratios,
)
from bench.server import Server
from bench.wrk import Answers

ANSWERS = Answers(1000, 2.0, 600.0, 1.0, 2.0, 3.0, 4.0, {})


def a_slice(load: str, number: int, requests: int, cpu_us: float) -> Slice:
    return Slice(
        load=load,
        round=number,
        answers=ANSWERS._replace(requests=requests),
        cpu_us_per_request=cpu_us,
        driver=0.5,
        foreign=0.0,
        driver_foreign=0.0,
        steal=0.0,
        first_sequence=0,
        last_sequence=0,
    )


def test_every_second_round_goes_backwards() -> None:
    nobody = cast("Server", None)
    loads = [Load(name, nobody, 1) for name in "abc"]
    turns = ["".join(each.name for each in order(loads, number)) for number in range(3)]
    assert turns == ["abc", "cba", "abc"]


def test_a_ratio_above_one_is_the_faster_one_by_throughput_and_by_cpu_time() -> None:
    slices = [
        a_slice("fast", 0, 3000, 50.0),
        a_slice("slow", 0, 1000, 150.0),
        a_slice("slow", 1, 1000, 100.0),
        a_slice("fast", 1, 2000, 50.0),
    ]
    assert throughput_ratios(slices, "fast", "slow") == [3.0, 2.0]
    assert cpu_ratios(slices, "fast", "slow") == [3.0, 2.0]


def test_requests_a_second_count_the_time_that_the_load_ran() -> None:
    assert replace(a_slice("a", 0, 1000, 1.0)).per_s == 500


@pytest.mark.parametrize("events", [1000, 1064])
def test_answers_that_were_under_way_at_the_end_may_be_events(events: int) -> None:
    require_events("load", 1000, events, 64)


@pytest.mark.parametrize("events", [999, 1065])
def test_answers_without_events_and_events_without_answers_give_no_figure(events: int) -> None:
    with pytest.raises(BenchFailed, match=f"1000 answers, but {events} events"):
        require_events("load", 1000, events, 64)
