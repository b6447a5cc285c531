"""What is left of a tenant on a platter, read as a start reads it."""

import random
from typing import Any, Final

from holdfast.domain.records import TABLES
from holdfast.domain.state import State
from holdfast.journal import recover
from holdfast.ledger.opening import load_tenant
from holdfast.tenancy import DEFAULT_TENANT
from tests.simulation.mount import Mount, NoTime
from tests.simulation.platter import Platter
from tests.simulation.service import TENANT_FOLDER

Tables = dict[str, dict[Any, Any]]
JOURNAL: Final = TENANT_FOLDER / "journal"
STATE: Final = TENANT_FOLDER / "state"


def still(platter: Platter) -> Mount:
    """A disk on which nothing takes time and nothing goes wrong."""
    return Mount(platter, NoTime(), random.Random(0))


def frames_of(platter: Platter) -> list[bytes]:
    """Every event that is left, as JSON, the archive's included."""
    frames: list[bytes] = []
    recover(JOURNAL, DEFAULT_TENANT, still(platter), lambda frame: frames.append(frame.json))
    return frames


def tables_of(state: State) -> Tables:
    return {name: dict(state.records(table)) for name, table in TABLES.items()}


def demand_replay(platter: Platter) -> None:
    """A start from the checkpoint gives what a replay of the whole journal gives."""
    without = Platter()
    without.seen = {
        path: file for path, file in platter.seen.items() if not path.is_relative_to(STATE)
    }
    seen = load_tenant(TENANT_FOLDER, DEFAULT_TENANT, still(platter))
    replayed = load_tenant(TENANT_FOLDER, DEFAULT_TENANT, still(without))
    assert tables_of(seen.state) == tables_of(replayed.state)
    assert seen.last_ts == replayed.last_ts
