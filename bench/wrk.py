"""The load generator, as a process of its own."""

import resource
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from bench.errors import BenchFailed
from bench.server import pinned

SCRIPT: Final = Path(__file__).with_name("load.lua")
#: What the script counts that must not happen.
ERRORS: Final = ("refused", "connect", "read", "write", "timeout")
_TIMEOUT_S: Final = 10
#: What is called, and the package that has it.
_TOOLS: Final = {"wrk": "wrk", "taskset": "util-linux", "setpriv": "util-linux"}


class Answers(NamedTuple):
    """What the clients saw during one slice. `errors` is all zeros, or the bench failed."""

    requests: int
    seconds: float
    bytes_per_answer: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    errors: dict[str, int]


def require_tools() -> None:
    """See that what the bench calls is installed.

    Raises:
        BenchFailed: it is not.
    """
    for tool, package in _TOOLS.items():
        if shutil.which(tool) is None:
            raise BenchFailed(
                f"{tool} is not installed; on Debian and Ubuntu, "
                f"`sudo apt-get install {package}` brings it."
            )


def load(
    url: str,
    *,
    seconds: int,
    connections: int,
    core: int | None,
    script_args: tuple[int | str, ...],
) -> tuple[Answers, float]:
    """Keep a number of connections busy for some seconds.

    Returns:
        What the clients saw, and the CPU time that the load generator used, in seconds.

    Raises:
        BenchFailed: it could not run, or a client saw an error.
    """
    command = [*pinned(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += [f"--timeout={_TIMEOUT_S}s", "-s", str(SCRIPT), url, "--", *map(str, script_args)]
    before_s = _children_cpu_s()
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + 3 * _TIMEOUT_S, check=True
        )
    except subprocess.CalledProcessError as error:
        raise BenchFailed(f"wrk failed: {error.stderr}{error.stdout}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchFailed(f"wrk did not end in time: {url}") from error
    return parse(ran.stdout), _children_cpu_s() - before_s


def _children_cpu_s() -> float:
    # Counts children once they ended, and the servers live on.
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def parse(output: str) -> Answers:
    """Read the last line that the script wrote.

    Raises:
        BenchFailed: nothing was answered, or a client saw an error.
    """
    seen = orjson.loads(output.strip().rpartition("\n")[2])
    errors = {name: seen[name] for name in ERRORS}
    if any(errors.values()) or not seen["requests"]:
        raise BenchFailed(f"The clients saw errors, so there is no figure: {output.strip()}")
    return Answers(
        requests=seen["requests"],
        seconds=seen["duration_us"] / 1e6,
        bytes_per_answer=seen["bytes"] / seen["requests"],
        p50_ms=seen["p50_us"] / 1e3,
        p95_ms=seen["p95_us"] / 1e3,
        p99_ms=seen["p99_us"] / 1e3,
        max_ms=seen["max_us"] / 1e3,
        errors=errors,
    )
