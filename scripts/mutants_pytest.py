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
    """End at once when a mutant used up a test's time: what hangs may hang at teardown too."""
    mutated = "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", "")
    if mutated and report.failed and "Failed: Timeout (>" in report.longreprtext:
        os._exit(TIMEOUT)
