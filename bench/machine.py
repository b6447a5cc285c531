"""What the figures were measured on, whether it was at rest, and which core does what."""

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.procfs import filesystem

#: More waiting processes a core than this before the run, and the figures are in doubt.
LOAD_PER_CORE_MAX: Final = 0.25
#: Filesystems that hold nothing on a disk, so that durability costs nothing on them.
IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_PACKAGES: Final = ("holdfast", "starlette", "uvicorn", "uvloop", "httptools", "orjson", "pydantic")


class Cores(NamedTuple):
    """The core of the servers and the core of the load; None: nothing is pinned."""

    server: int
    load: int


@dataclass(frozen=True)
class Machine:
    cpu: str
    cores: int
    kernel: str
    python: str
    filesystem: str
    packages: dict[str, str]
    load_average_before: float
    pinned: Cores | None

    @property
    def doubts(self) -> list[str]:
        """Why figures from here deserve less trust, as sentences."""
        doubts = []
        if self.load_average_before > LOAD_PER_CORE_MAX * self.cores:
            doubts.append(
                f"The machine was busy before the run (load average "
                f"{self.load_average_before:.2f} on {self.cores} cores)."
            )
        if self.pinned is None:
            doubts.append("There is one core only: servers and load generator share it.")
        elif siblings(self.pinned.server) & {self.pinned.load}:
            doubts.append("Servers and load generator run on two threads of one physical core.")
        if self.filesystem in IN_MEMORY:
            doubts.append(
                f"The data lie on {self.filesystem}, in memory: no flush reached a disk. "
                "Give a folder on a disk with --dir."
            )
        return doubts

    def to_json(self) -> dict[str, Any]:
        """The machine as a result file shows it."""
        return {**asdict(self), "pinned": None if self.pinned is None else self.pinned._asdict()}


def describe(folder: Path) -> Machine:
    """Describe this machine, with the filesystem under a folder."""
    usable = sorted(os.sched_getaffinity(0))
    return Machine(
        cpu=_cpu_model(),
        cores=len(usable),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        filesystem=filesystem(Path("/proc/self/mounts").read_text("utf-8"), folder.resolve()),
        packages={name: version(name) for name in _PACKAGES},
        load_average_before=os.getloadavg()[0],
        pinned=choose_cores(usable, {core: siblings(core) for core in usable}),
    )


def choose_cores(usable: list[int], siblings_of: dict[int, set[int]]) -> Cores | None:
    """Take two cores from the end, where fewest interrupts are served; two physical ones if any."""
    if len(usable) < 2:
        return None
    server = usable[-1]
    apart = [core for core in usable if core not in siblings_of[server] | {server}]
    return Cores(server, apart[-1] if apart else usable[-2])


def siblings(core: int) -> set[int]:
    """The threads of the same physical core."""
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    try:
        text = path.read_text("ascii").strip()
    except OSError:
        return {core}
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
