"""A plugin of pytest for `scripts/mutants`: quick tests first, and a hang is told from a failure."""

import json
from pathlib import Path
from typing import Final

import pytest

#: The exit code that mutmut counts as "timeout".
TIMEOUT: Final = 36


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by how long mutmut found them to take: a bug needs to be noticed once."""
    measured = Path("mutmut-stats.json")
    if measured.is_file():
        durations = json.loads(measured.read_text("utf-8"))["duration_by_test"]
        items.sort(key=lambda item: durations.get(item.nodeid, 0.0))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Say so with the exit code when it was a test's own time that ended the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    failed = [] if reporter is None else reporter.getreports("failed")
    if any("Failed: Timeout (>" in report.longreprtext for report in failed):
        session.exitstatus = TIMEOUT
