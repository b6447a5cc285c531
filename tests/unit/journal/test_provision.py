"""Provisioning is done once, may be tried again, and touches nothing that was in use."""

from pathlib import Path

import pytest

from holdfast.journal import START, JournalCorrupt, OpenFailed, create
from holdfast.journal.disk import OsDisk
from holdfast.journal.watermark import Watermark, read_watermark
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    DURABLE,
    FOLDER,
    TENANT,
    event,
    fail_next,
    provisioned,
    put_watermark,
    replay,
    segments,
    write_store,
)
from tests.unit.journal.telling import demand_told

#: The watermark (5: open, write, fsync, rename, fsync of the folder) and a segment (5).
CREATING_OPERATIONS = 10


def test_a_new_journal_is_empty_durable_and_left_alone() -> None:
    disk = provisioned()
    assert disk.handles == {}
    recovered, frames = replay(disk.power_cut())
    assert (recovered.cursor, frames, recovered.torn) == (START, [], None)
    assert recovered.segments[0].header.tenant_id == TENANT
    assert read_watermark(disk, FOLDER) == Watermark(1, 0, START)


def test_the_folder_is_made_when_it_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "tenants" / "one" / "journal"
    create(folder, "one", OsDisk())
    assert OsDisk().files(folder) == ["00000001-00000000000000000001.log", "durable"]


@pytest.mark.parametrize("skip", range(CREATING_OPERATIONS))
def test_an_attempt_that_failed_names_what_failed_and_the_next_one_serves(skip: int) -> None:
    disk = SimulatedDisk()
    fault = fail_next(disk, skip=skip)
    with pytest.raises(OpenFailed) as failure:
        create(FOLDER, TENANT, disk)
    assert fault.struck
    operation, name = disk.log[-1].split()
    error = failure.value
    demand_told(error, OpenFailed, operation, error.path, "the disk failed")
    assert error.path == FOLDER or name.startswith(error.path.name.split(".")[0])
    assert "provision it again" in error.hint
    after = disk.power_cut()
    create(FOLDER, TENANT, after)
    write_store(after, [[event(1)]])
    assert [frame.json for frame in replay(after)[1]] == [event(1)]
    assert not [name for name in after.files(FOLDER) if name.endswith(".tmp")]


def test_a_folder_that_cannot_be_read_is_named() -> None:
    disk = provisioned()
    fail_next(disk)
    with pytest.raises(OpenFailed) as failure:
        create(FOLDER, TENANT, disk)
    demand_told(failure.value, OpenFailed, "read", FOLDER, "the disk failed")


def test_a_journal_that_lost_its_segments_is_not_made_anew() -> None:
    disk = provisioned()
    write_store(disk, [[event(1)]])
    for path in segments(disk):
        del disk.names[path]
    before = dict(disk.names)
    with pytest.raises(JournalCorrupt) as refused:
        create(FOLDER, TENANT, disk)
    demand_told(refused.value, JournalCorrupt, "read", FOLDER, "there is no segment")
    assert disk.names == before


def test_a_journal_whose_watermark_is_damaged_is_refused_at_once() -> None:
    disk = provisioned()
    disk.put(DURABLE, b"rot")
    with pytest.raises(JournalCorrupt, match="3 bytes"):
        create(FOLDER, TENANT, disk)


def test_a_watermark_at_the_start_is_an_attempt_that_did_not_end() -> None:
    disk = SimulatedDisk()
    put_watermark(disk, Watermark(1, 0, START))
    create(FOLDER, TENANT, disk)
    assert len(segments(disk)) == 1
