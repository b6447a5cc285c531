import random

import pytest

from bench.figures import (
    Figure,
    Target,
    latencies_of,
    latency_figures,
    paired_ratios,
    percentile,
    reached,
)


def test_a_percentile_is_a_sample_that_was_seen() -> None:
    samples = [15.0, 20.0, 35.0, 40.0, 50.0]
    assert [percentile(samples, p) for p in (0, 5, 30, 40, 50, 100)] == [15, 15, 20, 20, 35, 50]


def test_the_order_of_samples_does_not_matter(seed: int) -> None:
    samples = [float(number) for number in range(1, 101)]
    random.Random(seed).shuffle(samples)
    assert [percentile(samples, p) for p in (1, 50, 95, 99)] == [1, 50, 95, 99]


@pytest.mark.parametrize(("samples", "percent"), [([], 50), ([1.0], -1), ([1.0], 101)])
def test_there_is_no_percentile_of_nothing(samples: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(samples, percent)


def test_rounds_are_compared_with_themselves_whatever_order_they_came_in() -> None:
    assert paired_ratios({0: 10.0, 1: 30.0}, {1: 60.0, 0: 10.0}) == [1.0, 0.5]


def test_a_round_that_one_load_missed_is_no_pair() -> None:
    with pytest.raises(ValueError, match="do not pair"):
        paired_ratios({0: 1.0, 1: 1.0}, {0: 1.0})


def test_one_odd_round_does_not_move_a_figure_but_shows_in_its_range() -> None:
    figure = Figure.over_rounds("k", "t", "", [0.6, 0.61, 2.65])
    assert (figure.value, figure.low, figure.high) == (0.61, 0.6, 2.65)


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target("at least", 0.5), 0.5, True),
        (Target("at least", 0.5), 0.49, False),
        (Target("below", 50), 49.9, True),
        (Target("below", 50), 50, False),
        (Target("at most", 12), 12, True),
        (Target("at most", 12), 12.1, False),
        (None, 1, None),
    ],
)
def test_a_bound_is_enough_but_where_less_is_asked(
    target: Target | None, value: float, met: bool | None
) -> None:
    assert Figure("k", "t", "", value, target=target).is_met is met


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    figure = Figure("k", "t", "", None, target=Target("at least", 3), note="it is not installed")
    assert figure.is_met is None
    assert reached(figure) is None


def test_half_of_what_is_wanted_is_half_whichever_way_better_lies() -> None:
    assert Target("at least", 4).reached(2) == 0.5
    assert Target("at most", 10).reached(20) == 0.5
    assert Target("below", 50).reached(25) == 2


def test_the_range_of_a_figure_is_turned_round_where_less_is_better() -> None:
    figure = Figure("k", "t", "", 10, low=5, high=20, target=Target("at most", 10))
    assert reached(figure) == (1, 0.5, 2)


def test_a_load_is_described_by_four_percentiles_and_the_worst_of_all_rounds() -> None:
    figures = [
        *latency_figures("a", "a load", [float(ms) for ms in range(1, 101)]),
        Figure.over_rounds("b_worst_ms", "worst", "ms", [5.0, 7.0, 90.0], group="half a load"),
        Figure("c", "no load at all", "", 1),
    ]
    assert latencies_of(figures) == {"a load": [50, 95, 99, 100]}
    assert figures[-2].typical == 90
