from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from bench.figures import Figure, Target
from bench.machine import Cores, Machine
from bench.plan import Plan
from bench.report import markdown, number, result_of, write
from bench.rounds import Pace
from bench.suite import Measured

PLAN = Plan(Pace(rounds=7, seconds=6, connections=64, seed=1), warm_s=3, latency_s=60)
MACHINE = Machine("a CPU", 2, "Linux 6", "CPython 3.11", "ext4", {}, 0.0, Cores(1, 0))
FIGURES = [
    Figure("a", "ratio", "", 0.625, 0.6, 0.7, Target("at least", 0.5)),
    Figure("b", "latency", "ms", 50.5, target=Target("below", 50)),
    Figure("c", "count", "", 3),
    Figure("d", "p50", "ms", 1.25, target=Target("below", 50), group="a load"),
    Figure("e", "worst", "ms", 8.0, low=7.0, high=9.0, group="a load"),
    Figure("f", "beside Redis", "", None, target=Target("at least", 1.5), note="install it"),
]
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.625, "0.62"),
        (12.34, "12.3"),
        (158.4, "158"),
        (5932.1, "5,932"),
        (0, "0"),
        (7, "7"),
        (-22.71, "-22.7"),
    ],
)
def test_a_number_has_as_many_digits_as_it_deserves(value: float, text: str) -> None:
    assert number(value) == text


def test_a_result_read_from_its_file_gives_the_same_table(tmp_path: Path) -> None:
    result = result_of(Measured(FIGURES), MACHINE, PLAN, AT)
    write(result, tmp_path / "deep" / "result.json")
    read = orjson.loads((tmp_path / "deep" / "result.json").read_bytes())
    assert markdown(read) == markdown(result)


def test_the_markdown_table_says_what_was_wanted_found_and_decided() -> None:
    text = markdown(result_of(Measured(FIGURES), MACHINE, PLAN, AT))
    assert text.splitlines()[2:7] == [
        "| ratio | at least 0.5 | 0.62 (0.60 … 0.70) | met |",
        "| latency | below 50 ms | 50.5 ms | missed |",
        "| count |  | 3 |  |",
        "| a load: p50 | below 50 ms | 1.25 ms | met |",
        "| beside Redis | at least 1.5 | not measured: install it |  |",
    ]
    assert "2026-01-02T03:04:05+00:00, a CPU, 2 cores" in text


def test_a_verdict_in_doubt_says_so() -> None:
    text = markdown(result_of(Measured(FIGURES, ["It was loud."]), MACHINE, PLAN, AT))
    assert "| met (in doubt) |" in text
    assert text.endswith("In doubt: It was loud.\n")


def test_every_load_is_a_line_of_its_own_with_its_worst_answer_of_all() -> None:
    text = markdown(result_of(Measured(FIGURES), MACHINE, PLAN, AT))
    assert "| a load |  |  | 1.25 ms |  |  | 9.00 ms |" in text.splitlines()
