"""Why figures deserve less trust: as sentences, beside them."""

from statistics import median
from typing import Final

from bench.plan import Plan
from bench.rounds import Slice
from bench.turns import ANY_CORE

#: More than this share of a core for others, and the figures are in doubt.
_FOREIGN_MAX: Final = 0.05
#: Turns shorter than this show that all works, and no more.
_SECONDS_MIN: Final = 3
#: A load generator as busy as this may itself be the bound.
_DRIVER_MAX: Final = 0.9


def doubts(plan: Plan, slices: list[Slice]) -> list[str]:
    """What the turns themselves say against their figures."""
    found = []
    if plan.pace.seconds < _SECONDS_MIN:
        found.append(f"Turns of {plan.pace.seconds} s are too short for figures.")
    # Where a database may use every core, it is on the clients' core on purpose.
    alone = [each for each in slices if not each.load.endswith(ANY_CORE)]
    if not alone:
        return found
    shares = [
        ("Other work took {:.0%} of the servers' core", [each.foreign for each in alone]),
        ("Other work took {:.0%} of the clients' core", [each.driver_foreign for each in alone]),
        ("The host took {:.0%} of the servers' core away", [each.steal for each in alone]),
    ]
    for sentence, samples in shares:
        share = median([sample or 0.0 for sample in samples])
        if share > _FOREIGN_MAX:
            found.append(f"{sentence.format(share)} (median slice).")
    for name in dict.fromkeys(each.load for each in alone):
        driver = median([each.driver for each in alone if each.load == name])
        if driver > _DRIVER_MAX:
            found.append(f"{name}: the load generator used {driver:.0%} of its core.")
    return found
