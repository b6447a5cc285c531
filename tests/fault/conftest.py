"""Fixtures of the tests in which something fails."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.journal import OsDisk
from holdfast.verify.tenant import verify_tenant
from tests.support.sharers import Sharers


@pytest.fixture
async def sharers(tmp_path: Path) -> AsyncIterator[Sharers]:
    folder = Sharers(tmp_path)
    yield folder
    await folder.close()
    # Whatever happened, journal and checkpoints are sound.
    assert not verify_tenant(folder.folder, OsDisk()).differences
