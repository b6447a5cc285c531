"""What every test of the importer stands on: retries do not wait, and files are written in a line."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stamina
import stamina.instrumentation

from tests.unit.importer.fake_server import FakeServer

WriteCsv = Callable[..., Path]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.instrumentation.set_on_retry_hooks(())
    with stamina.set_testing(True, attempts=30, cap=True):
        yield
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def write_csv(tmp_path: Path) -> WriteCsv:
    def write(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
        return path

    return write
