"""What Linux says about processes and cores. The parsers take text, so that tests can give it."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")

#: The fields of /proc/PID/stat that stand behind the name, which may itself hold spaces.
_UTIME: Final = 11
_CSTIME: Final = 14


def process_ticks(stat: str) -> int:
    """CPU time in ticks from the text of /proc/PID/stat: all threads, and children that ended."""
    fields = stat.rpartition(")")[2].split()
    return sum(int(field) for field in fields[_UTIME : _CSTIME + 1])


class CoreTicks(NamedTuple):
    """What one core did since the machine started."""

    busy: int
    idle: int
    steal: int


def core_ticks(stat: str, core: int) -> CoreTicks:
    """Read a core's line in the text of /proc/stat.

    Raises:
        ValueError: there is no such core.
    """
    for line in stat.splitlines():
        name, _, rest = line.partition(" ")
        if name == f"cpu{core}":
            user, nice, system, idle, iowait, irq, softirq, steal, *_ = map(int, rest.split())
            return CoreTicks(user + nice + system + irq + softirq, idle + iowait, steal)
    raise ValueError(f"/proc/stat has no cpu{core}")


def cpu_s(pid: int) -> float:
    """CPU time that a process used so far, in seconds; 0 once it is gone."""
    try:
        return process_ticks(Path(f"/proc/{pid}/stat").read_text("ascii", "replace")) / TICKS_PER_S
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def family(root: int, parents: Mapping[int, int]) -> list[int]:
    """A process with all that descend from it, ancestors first; `parents` is child to parent."""
    found = [root]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def parents_now() -> dict[int, int]:
    """The parent of every process there is."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                stat = (folder / "stat").read_text("ascii", "replace")
                parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    return parents


def allow_cores(pid: int, cores: set[int]) -> None:
    """Let all threads of a process run on these cores."""
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)


def core_now(core: int) -> CoreTicks:
    """What a core did so far."""
    return core_ticks(Path("/proc/stat").read_text("ascii"), core)


def rss_mib(pid: int | str) -> float:
    """Memory that a process (`self`: this one) holds in RAM, in MiB."""
    return _status_mib(pid, "VmRSS:")


def peak_mib(pid: int) -> float:
    """The most memory that a process held in RAM since it began, or since `forget_peak`, in MiB."""
    return _status_mib(pid, "VmHWM:")


def forget_peak(pid: int) -> None:
    """Let the peak be what the process holds now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


def _status_mib(pid: int | str, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


def filesystem(mounts: str, path: Path) -> str:
    """The type of the filesystem that a path lies on, from the text of /proc/self/mounts."""
    found, longest = "unknown", -1
    for line in mounts.splitlines():
        _, mounted_at, kind, *_ = line.split(" ")
        at = Path(mounted_at.replace("\\040", " "))
        # Of two mounts on one folder, the later one hides the earlier.
        if path.is_relative_to(at) and len(at.parts) >= longest:
            found, longest = kind, len(at.parts)
    return found
