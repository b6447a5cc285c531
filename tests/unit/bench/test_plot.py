"""The plot needs matplotlib, which is in the group `bench`."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.figures import Figure, Target, latency_figures
from bench.report import Result, result_of
from bench.suite import Measured
from tests.unit.bench.test_report import AT, MACHINE, PLAN

pytestmark = pytest.mark.campaign

RESULT: Result = result_of(
    Measured(
        [
            Figure("a", "a ratio", "", 0.4, 0.3, 0.5, Target("at least", 0.5)),
            Figure("b", "beside Redis", "", None, target=Target("at least", 1.5), note="missing"),
            *latency_figures("c", "a load", [1.0, 2.0, 30.0]),
        ]
    ),
    MACHINE,
    PLAN,
    AT,
)


def test_a_result_is_drawn_the_same_every_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="it is in the group bench")
    from bench.plot import draw

    for name in ("one.svg", "two.svg"):
        draw(RESULT, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert ET.parse(tmp_path / "one.svg").getroot().tag.endswith("svg")


def test_a_part_of_the_suite_that_measured_no_latencies_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="it is in the group bench")
    from bench.plot import draw

    ratio = Figure("a", "a ratio", "", 0.4, 0.3, 0.5, Target("at least", 0.5))
    draw(result_of(Measured([ratio]), MACHINE, PLAN, AT), tmp_path / "part.svg")
    assert b"</svg>" in (tmp_path / "part.svg").read_bytes()
