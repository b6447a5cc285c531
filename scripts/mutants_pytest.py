"""A plugin of pytest for `scripts/mutants`: quick tests first, a hang is told from a failure."""

import gc
import json
import os
from pathlib import Path
from typing import Final

import pytest

#: The exit code that mutmut counts as "timeout".
TIMEOUT: Final = 36


def pytest_configure() -> None:
    """Keep the garbage collector from looking, in every process anew, at all that is loaded."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by how long mutmut found them to take: a bug needs to be noticed once."""
    measured = Path("mutmut-stats.json")
    if measured.is_file():
        durations = json.loads(measured.read_text("utf-8"))["duration_by_test"]
        items.sort(key=lambda item: durations.get(item.nodeid, 0.0))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """End at once when a test used up its time: what hangs may hang at its teardown too."""
    if report.failed and "Failed: Timeout (>" in report.longreprtext:
        os._exit(TIMEOUT)
