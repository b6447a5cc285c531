"""A plugin of pytest for `scripts/mutants`: quick tests first, a hang is told from a failure."""

import gc
import json
import os
from pathlib import Path
from typing import Final

import pytest

#: The exit codes that mutmut counts as "killed" and as "timeout".
KILLED: Final = 1
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
    """End at once when a mutant failed a test: what it broke may hang when the test ends."""
    if report.failed and "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", ""):
        os._exit(TIMEOUT if "Failed: Timeout (>" in report.longreprtext else KILLED)
