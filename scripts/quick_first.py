"""A plugin of pytest for `scripts/mutants`: a bug that a quick test notices needs no slow one."""

import json
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by how long they took when mutmut measured them, in the folder it works in."""
    measured = Path("mutmut-stats.json")
    if measured.is_file():
        durations = json.loads(measured.read_text("utf-8"))["duration_by_test"]
        items.sort(key=lambda item: durations.get(item.nodeid, 0.0))
