"""Whatever a tenant lived through, all ways to start agree with a plain replay of everything."""

import asyncio
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from holdfast.journal import Frame, History, JournalError, create
from tests.unit.journal.book import NEWEST, Process, demand_one_history
from tests.unit.journal.simulated_disk import Fault, SimulatedDisk
from tests.unit.journal.support import FOLDER, TENANT, archived, event

Ending = Literal["kill", "power cut", "seal", "kill, brought back", "kill, manifest lost"]
Deed = list[int] | Literal["checkpoint", "archive"]
BATCH = st.lists(st.integers(0, 250), min_size=1, max_size=4)
#: A batch of events of these sizes, a checkpoint with archiving, or the archiving alone.
DEED = BATCH | st.just("checkpoint") | st.just("archive")
#: What a process does, how it ends, and at which operation of a last checkpoint that strikes.
LIFE = st.tuples(
    st.lists(DEED, max_size=12),
    st.sampled_from(["kill", "power cut", "seal", "kill, brought back", "kill, manifest lost"]),
    st.none() | st.integers(1, 25),
)


async def live(disk: SimulatedDisk, deeds: list[Deed], killed_at: int | None) -> Process:
    process = Process(disk)
    for deed in deeds:
        if deed == "checkpoint":
            await process.checkpoint()
        elif deed == "archive":
            await process.archive()
        else:
            first = len(process.events) + 1
            await process.append(*(event(first + n, size) for n, size in enumerate(deed)))
    if killed_at is not None:
        disk.fault = Fault(len(disk.log) + killed_at, "kill_before")
        try:
            await process.checkpoint()
        except JournalError:
            assert disk.killed
    return process


def after(disk: SimulatedDisk, ending: Ending) -> SimulatedDisk:
    """What the next process finds."""
    left = disk.power_cut() if ending == "power cut" else disk.killed_process()
    if ending == "kill, brought back":
        for path in archived(left):
            left.put(FOLDER / path.name, left.content(path))
    if ending == "kill, manifest lost":
        left.names.pop(NEWEST, None)
    return left


@given(lives=st.lists(LIFE, min_size=1, max_size=5), seed=st.integers(0, 2**32 - 1))
def test_every_start_finds_what_a_plain_replay_finds(
    lives: list[tuple[list[Deed], Ending, int | None]], seed: int
) -> None:
    disk = SimulatedDisk(seed)
    create(FOLDER, TENANT, disk)
    events: list[bytes] = []
    for deeds, ending, killed_at in lives:

        async def life(
            disk: SimulatedDisk = disk,
            deeds: list[Deed] = deeds,
            killed_at: int | None = killed_at,
            sealed: bool = ending == "seal" and killed_at is None,
        ) -> list[bytes]:
            process = await live(disk, deeds, killed_at)
            if sealed:
                await process.journal.seal()
                await process.checkpoint()
            process.end()
            return process.events

        events = asyncio.run(life())
        disk = after(disk, ending)
        assert demand_one_history(disk) == events
        frames = list[Frame]()
        History(FOLDER, TENANT, disk).read(frames.append, to_end=False)
        scanned = [frame.json for frame in frames]
        # After a power cut the watermark may lag, by a batch at most.
        assert scanned == events[: len(scanned)]
        assert ending == "power cut" or scanned == events
