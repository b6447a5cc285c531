from pathlib import Path

import pytest

from bench.procfs import CoreTicks, core_ticks, filesystem, process_ticks
from bench.rounds import foreign_share, stolen

STAT = "4711 (a (nasty) name) S 1 4711 4711 0 -1 4194304 100 0 0 0 30 12 5 3 20 0 9 0 812 1 2"
CORES = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 40 5 6 7 8 0 0\ncpu11 10 0 0 90 0 0 0 0 0 0\nintr 5\n"


def test_cpu_time_is_user_and_system_of_threads_and_ended_children() -> None:
    assert process_ticks(STAT) == 30 + 12 + 5 + 3


def test_a_core_is_found_by_its_whole_number() -> None:
    assert core_ticks(CORES, 0) == CoreTicks(busy=1 + 2 + 3 + 6 + 7, idle=45, steal=8)
    assert core_ticks(CORES, 11) == CoreTicks(busy=10, idle=90, steal=0)
    with pytest.raises(ValueError, match="no cpu1"):
        core_ticks(CORES, 1)


def test_foreign_work_is_what_the_core_did_beyond_its_own_process() -> None:
    before, after = CoreTicks(100, 100, 0), CoreTicks(180, 110, 10)
    assert foreign_share(before, after, own_cpu_s=0.5) == pytest.approx(0.3)
    assert stolen(before, after) == pytest.approx(0.1)


def test_a_process_that_ran_on_its_core_alone_shares_it_with_nobody() -> None:
    assert foreign_share(CoreTicks(0, 0, 0), CoreTicks(99, 1, 0), own_cpu_s=1.0) == 0


def test_a_folder_lies_on_its_nearest_mount() -> None:
    mounts = "d / ext4 rw 0 0\nt /tmp tmpfs rw 0 0\nx /tmp/a\\040disk xfs rw 0 0\n"
    assert filesystem(mounts, Path("/tmpfile")) == "ext4"
    assert filesystem(mounts, Path("/tmp/bench")) == "tmpfs"
    assert filesystem(mounts, Path("/tmp/a disk/bench")) == "xfs"
