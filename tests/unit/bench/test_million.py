import pytest

from bench.errors import BenchFailed
from bench.million import RATE_PER_S, Large, during, million_figures
from bench.open_loop import Timed


def a_large(window: tuple[float, float]) -> Large:
    """Four seconds of requests; those that were due in the third one took 30 ms, others 10."""
    timed = [
        Timed(0, 30.0 if 2 <= number / RATE_PER_S < 3 else 10.0, 201, number)
        for number in range(4 * RATE_PER_S)
    ]
    # Answers come in any order.
    return Large(1_000_000, 5.0, 600.0, 20.0, 700.0, window, timed[::-1])


def test_requests_are_told_apart_by_when_they_were_due() -> None:
    before, within = during(a_large((2.0, 3.0 - 1 / RATE_PER_S)))
    assert (set(before), len(before)) == ({10.0}, 2 * RATE_PER_S)
    assert (set(within), len(within)) == ({30.0}, RATE_PER_S)


def test_the_rise_is_what_the_checkpoint_adds_to_the_slowest_percent() -> None:
    value = {figure.key: figure.value for figure in million_figures(a_large((2.0, 3.0)))}
    assert value["million_rise_ms"] == 20.0
    assert value["million_checkpoint_s"] == 1.0
    assert value["million_mib"] == 700.0


def test_a_checkpoint_that_no_request_fell_into_gives_no_figure() -> None:
    with pytest.raises(BenchFailed, match="No request fell"):
        during(a_large((9.0, 10.0)))
