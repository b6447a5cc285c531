import io
import itertools
import re
import sys

import pytest
from rich.console import Console

from holdfast.importer.bar import BarScreen
from holdfast.importer.screen import LineScreen, Screen, open_screen


def load(screen: Screen, rows: int, step: int, earlier: int = 0) -> None:
    screen.begin("sales.csv", rows)
    screen.advance(earlier, earlier=True)
    for _ in range(earlier, rows, step):
        screen.advance(step)
    screen.end()


def test_a_pipe_sees_a_line_about_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    load(LineScreen(), 75_000, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0] == "sales.csv: 8,000 of 75,000 rows"
    assert lines[-1] == "sales.csv: 75,000 of 75,000 rows"


def test_what_was_decided_before_is_not_counted_up(capsys: pytest.CaptureFixture[str]) -> None:
    load(LineScreen(), 100, 50, earlier=50)
    assert capsys.readouterr().err.splitlines() == ["sales.csv: 100 of 100 rows"]


def test_a_small_load_or_an_empty_one_is_no_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    load(LineScreen(), 0, 1)
    load(LineScreen(), 1, 1)
    assert capsys.readouterr().err.splitlines() == ["sales.csv: 1 of 1 rows"]


def test_a_terminal_sees_a_bar_with_rate_and_time_left() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120, color_system=None)
    seconds = itertools.count()
    screen = BarScreen(console, lambda: float(next(seconds)))
    screen.begin("sales.csv", 9000)
    screen.advance(1000, earlier=True)
    for _ in range(5):
        screen.advance(1000)
        screen.advance(0, earlier=True)
    screen.tell("a message")
    screen.end()
    (last,) = [line for line in shown.getvalue().splitlines() if "6,000 of 9,000" in line][-1:]
    assert "sales.csv" in last
    assert re.search(r"[1-9]\d* rows/s", last)
    assert re.search(r"\d:\d\d:\d\d", last)
    assert "a message" in shown.getvalue()


def test_a_bar_is_drawn_on_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_screen(), LineScreen)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert isinstance(open_screen(), BarScreen)
