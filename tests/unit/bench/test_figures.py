import random

import pytest

from bench.figures import Figure, Target, paired_ratios, percentile


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
        (None, 1, None),
    ],
)
def test_a_bound_is_enough_where_at_least_is_asked_and_too_much_where_below_is(
    target: Target | None, value: float, met: bool | None
) -> None:
    assert Figure("k", "t", "", value, target=target).is_met is met
