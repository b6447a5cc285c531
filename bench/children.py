"""Measurements that a process of its own makes, on the servers' core."""

import subprocess
import sys
from typing import Any, Final

import orjson

from bench.errors import BenchFailed
from bench.server import ROOT, pinned
from bench.stock import plain_environment

_SECONDS_MAX: Final = 900


def measured_by(module: str, *arguments: object, core: int | None) -> dict[str, Any]:
    """Run `python -m module arguments…` and read the JSON on its last line.

    Raises:
        BenchFailed: it failed, or took too long.
    """
    command = [*pinned(core), sys.executable, "-m", module, *map(str, arguments)]
    try:
        ran = subprocess.run(
            command,
            cwd=ROOT,
            env=plain_environment(),
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise BenchFailed(f"{module} failed: {error.stderr}{error.stdout}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchFailed(f"{module} took more than {_SECONDS_MAX} s.") from error
    found: dict[str, Any] = orjson.loads(ran.stdout.strip().rpartition("\n")[2])
    return found
