"""Crash states: what a power cut or a kill may leave of the disk, each of them recovered.

A run of the whole service is looked at behind every operation that changed a file. Of all that a
power cut could leave there, every way is taken when the ways are few, and drawn ones when they are
many. What is new by its hash is opened as a start would open it, and held to what was acknowledged
by then; now and then the start itself crashes, and what that leaves is opened too.
"""

import random
from collections import Counter
from functools import lru_cache
from typing import Final
from unittest.mock import patch

import orjson

from holdfast.domain.evolve import evolve
from holdfast.domain.state import State
from holdfast.journal import Frame, JournalCorrupt, recover
from holdfast.journal.appender import Appender
from holdfast.journal.guard import GuardedDisk
from holdfast.ledger.codec import decode_event
from holdfast.ledger.opening import Loaded, load_tenant
from holdfast.tenancy import DEFAULT_TENANT
from tests.simulation.left import JOURNAL, Tables, still, tables_of
from tests.simulation.mount import Mount, NoTime
from tests.simulation.platter import Platter
from tests.simulation.service import SEGMENT_BYTES_MAX, TENANT_FOLDER, heard
from tests.simulation.world import World

#: A state counts once so many commands were acknowledged.
COMMANDS_MIN: Final = 20
_CUTS_PER_LOOK: Final = 10
_CUTS_PER_LOOK_IN_RECOVERY: Final = 3


class CrashStates:
    """Looks at worlds, and counts the states that it has met."""

    def __init__(self, crashing_starts: float = 0.06) -> None:
        """Meet none yet; of the starts on what is met, a share crashes in its turn."""
        self.met: set[bytes] = set()
        self._crashing_starts = crashing_starts
        self.counts: Counter[str] = Counter()
        self._rng = random.Random(0)
        self._acknowledged: set[str] = set()
        self._looked_at: dict[int, int] = {}
        self._found: list[tuple[Platter, frozenset[str]]] = []

    def search(self, seed: int, requests: int = 14) -> None:
        """Look at every moment of one run without faults of its own."""
        self._rng = random.Random(f"crash {seed}")
        self._acknowledged = set()
        self._looked_at = {}
        self.counts["runs"] += 1
        self._found = []
        world = World(seed, faults=seed % 2, requests=requests, looks=self._look)
        world.run()
        _tables.clear()
        with heard(world.complaints), patch("holdfast.ledger.opening.decode_event", _decoded):
            for left, acknowledged in self._found:
                frames = self._demand_sound(world, left, acknowledged)
                if self._rng.random() < self._crashing_starts:
                    self._recover(left, frames, acknowledged)
        assert not world.complaints.heard

    def _look(self, world: World) -> None:
        self._note_acknowledged(world)
        if len(self._acknowledged) < COMMANDS_MIN:
            return
        self.counts["moments"] += 1
        if world.platter.digest() not in self.met:
            self._meet(world.platter.killed(), "killed")
        for left in world.platter.cuts(self._rng, _CUTS_PER_LOOK):
            self._meet(left, "power cut")

    def _note_acknowledged(self, world: World) -> None:
        for caller, each in enumerate(world.callers):
            seen = self._looked_at.get(caller, 0)
            # The last one may get more answers yet.
            self._looked_at[caller] = max(0, len(each.asked) - 1)
            for asked in each.asked[seen:]:
                if asked.method == "POST" and asked.keyed and not asked.is_batch:
                    self._acknowledged.update(
                        asked.name
                        for answer in asked.answers
                        if answer.response is not None and answer.response.status < 300
                    )

    def _meet(self, left: Platter, how: str) -> None:
        digest = left.digest()
        if digest not in self.met:
            self.met.add(digest)
            self.counts[how] += 1
            # It is opened later: what comes of that must not disturb the run.
            self._found.append((left, frozenset(self._acknowledged)))

    def _demand_sound(
        self, world: World, left: Platter, acknowledged: frozenset[str]
    ) -> list[bytes]:
        """What was acknowledged is there once, nothing is there that was never written, whole."""
        loaded = load_tenant(TENANT_FOLDER, DEFAULT_TENANT, still(left))
        frames = _replayed(left, loaded)
        for json in frames:
            assert json in world.written, f"nobody wrote {json!r}"
        _demand_once(frames, acknowledged)
        return frames

    def _recover(self, left: Platter, frames: list[bytes], acknowledged: frozenset[str]) -> None:
        """A start writes: what it leaves is the same log, wherever it crashes, and if it ends."""
        self.counts["starts that crashed"] += 1
        work = left.killed()

        found: list[Platter] = []

        def look() -> None:
            for cut in work.cuts(self._rng, _CUTS_PER_LOOK_IN_RECOVERY):
                digest = cut.digest()
                if digest not in self.met:
                    self.met.add(digest)
                    found.append(cut)

        mount = Mount(work, NoTime(), random.Random(0), looks=look)
        loaded = load_tenant(TENANT_FOLDER, DEFAULT_TENANT, mount)
        beginning = loaded.recovered.beginning
        appender = Appender(
            JOURNAL, GuardedDisk(mount), beginning, segment_bytes_max=SEGMENT_BYTES_MAX
        )
        appender.close()
        for crashed in found:
            again = _recovered(crashed)
            # After a kill it read what was only in the page cache, and nobody was told of it.
            assert again == frames[: len(again)]
            assert len(again) == len(frames) or not _is_clean(left)
            _demand_once(again, acknowledged)
        assert _recovered(work.killed()) == frames
        self.counts["power cut in a start"] += len(found)


def _is_clean(left: Platter) -> bool:
    """Whether all that is seen is on the platter, as it is after a power cut."""
    return not left.pending and not any(file.pending for file in left.seen.values())


def _demand_once(frames: list[bytes], acknowledged: frozenset[str]) -> None:
    """Each key happened once at most, and what was acknowledged did."""
    keys = [key for json in frames if (key := _key_of(json)) is not None]
    happened = set(keys)
    assert len(happened) == len(keys), f"twice: {Counter(keys).most_common(1)}"
    assert acknowledged <= happened, f"lost: {acknowledged - happened}"


# The same events are met in thousands of states; the states of a log are told by its chain.
_EVENTS_KEPT: Final = 4_096
_decoded: Final = lru_cache(_EVENTS_KEPT)(decode_event)
_tables: dict[bytes, Tables] = {}


@lru_cache(_EVENTS_KEPT)
def _key_of(json: bytes) -> str | None:
    key: str | None = orjson.loads(json).get("idempotencyKey")
    return key


def _recovered(left: Platter) -> list[bytes]:
    """The log that a start finds."""
    try:
        loaded = load_tenant(TENANT_FOLDER, DEFAULT_TENANT, still(left))
    except JournalCorrupt as error:
        raise AssertionError(f"a start that crashed left this: {error}") from error
    return _replayed(left, loaded)


def _replayed(left: Platter, loaded: Loaded) -> list[bytes]:
    """The whole log; a replay of it must give the state that a start from the checkpoint has."""
    frames: list[Frame] = []
    recovered = recover(JOURNAL, DEFAULT_TENANT, still(left), frames.append)
    tables = _tables.get(recovered.cursor.chain)
    if tables is None:
        tables = _tables[recovered.cursor.chain] = _tables_of_log(frames)
    assert tables_of(loaded.state) == tables
    return [frame.json for frame in frames]


def _tables_of_log(frames: list[Frame]) -> Tables:
    state = State()
    for frame in frames:
        event = _decoded(frame.json)
        state.apply(evolve(state, event), event.ts)
    return tables_of(state)
