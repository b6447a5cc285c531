from dataclasses import replace

from bench.machine import Cores, Machine, choose_cores

QUIET = Machine(
    cpu="c",
    cores=2,
    kernel="k",
    python="p",
    filesystem="ext4",
    packages={},
    load_average_before=0.1,
    pinned=None,
)


def test_two_physical_cores_are_preferred_to_two_threads_of_one() -> None:
    threads = {0: {0, 1}, 1: {0, 1}, 2: {2, 3}, 3: {2, 3}}
    assert choose_cores([0, 1, 2, 3], threads) == Cores(server=3, load=1)


def test_two_threads_of_one_core_are_better_than_one() -> None:
    assert choose_cores([4, 5], {4: {4, 5}, 5: {4, 5}}) == Cores(server=5, load=4)


def test_nothing_is_pinned_where_there_is_one_core() -> None:
    assert choose_cores([0], {0: {0}}) is None


def test_what_makes_figures_doubtful_is_said() -> None:
    assert [doubt.split(":")[0] for doubt in QUIET.doubts] == [
        "There is one core only",
    ]
    in_memory = replace(QUIET, filesystem="tmpfs", load_average_before=2.0)
    assert len(in_memory.doubts) == 3
    assert "load average 2.00" in in_memory.doubts[0]
    assert "tmpfs" in in_memory.doubts[2]
