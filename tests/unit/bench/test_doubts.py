from dataclasses import replace

from bench.doubts import doubts
from bench.plan import Plan
from bench.rounds import Pace, Slice
from bench.turns import ANY_CORE
from bench.wrk import Answers

PLAN = Plan(Pace(rounds=7, seconds=4, connections=64, seed=1), warm_s=2, latency_s=60)
QUIET = Slice(
    load="a load",
    round=0,
    answers=Answers(1000, 2.0, 600.0, 1.0, 2.0, 3.0, 4.0, {}),
    cpu_us_per_request=50.0,
    driver=0.5,
    foreign=0.01,
    driver_foreign=0.01,
    steal=0.0,
    first_sequence=0,
    last_sequence=0,
)


def test_a_quiet_machine_leaves_no_doubt() -> None:
    assert doubts(PLAN, [QUIET]) == []


def test_what_disturbed_a_run_is_said() -> None:
    loud = replace(QUIET, foreign=0.3, driver=0.95)
    found = doubts(replace(PLAN, pace=Pace(3, 1, 64, 1)), [loud])
    assert found == [
        "Turns of 1 s are too short for figures.",
        "Other work took 30% of the servers' core (median slice).",
        "a load: the load generator used 95% of its core.",
    ]


def test_a_database_that_may_use_every_core_does_not_disturb() -> None:
    allowed = replace(QUIET, load=f"a load{ANY_CORE}", driver_foreign=0.5)
    assert doubts(PLAN, [QUIET, allowed, allowed]) == []
    assert doubts(PLAN, [allowed]) == []
