"""A sound tenant, and copies of it to be harmed."""

import shutil
from pathlib import Path

import pytest

from tests.unit.verify.folders import TENANT, shop


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenant's folder; it is only looked at."""
    return shop(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound tenant, to be harmed."""
    return shutil.copytree(sound, tmp_path / TENANT)
