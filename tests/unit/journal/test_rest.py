"""Whether a start has something to do is told by the end of a file and a manifest."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from holdfast.journal import NEVER, Checkpoints, create, is_at_rest, is_unused
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import FOLDER, TENANT, replay, write_store

#: The journal's folder stands in the tenant's.
HOME = FOLDER.parent
MANIFEST = HOME / "state" / "MANIFEST.json"
EVENTS = [[b'{"n":1}'], [b'{"n":2}']]


def sealed(next_deadline: str | None, *, seal: bool = True) -> SimulatedDisk:
    """A journal of two events, with a checkpoint of its end."""
    disk = SimulatedDisk()
    create(FOLDER, TENANT, disk)
    write_store(disk, EVENTS, seal=seal)
    checkpoints = Checkpoints(HOME / "state", disk)
    checkpoints.load()
    unfinished = checkpoints.begin(replay(disk)[0].cursor, next_deadline)
    checkpoints.finish(unfinished)
    return disk


def newest(disk: SimulatedDisk) -> Path:
    return max(path for path in disk.names if path.suffix == ".log")


def test_sealed_and_saved_with_nothing_ahead_is_at_rest() -> None:
    assert is_at_rest(HOME, TENANT, sealed(NEVER))


@pytest.mark.parametrize("deadline", ["2026-11-20T08:00:00.000Z", None])
def test_a_deadline_ahead_or_not_known_is_something_to_do(deadline: str | None) -> None:
    assert not is_at_rest(HOME, TENANT, sealed(deadline))


def test_a_journal_that_was_not_sealed_is_not_at_rest() -> None:
    assert not is_at_rest(HOME, TENANT, sealed(NEVER, seal=False))


@pytest.mark.parametrize("cut", [1, 2, 10])
def test_a_seal_that_is_not_whole_is_none(cut: int) -> None:
    disk = sealed(NEVER)
    disk.put(newest(disk), disk.content(newest(disk))[:-cut])
    assert not is_at_rest(HOME, TENANT, disk)


def test_a_checkpoint_of_an_earlier_event_says_nothing_of_the_end() -> None:
    disk = sealed(NEVER)
    write_store(disk, [[b'{"n":3}']], seal=True)
    assert not is_at_rest(HOME, TENANT, disk)


def test_a_damaged_or_missing_manifest_is_a_doubt() -> None:
    disk = sealed(NEVER)
    disk.put(MANIFEST, disk.content(MANIFEST).replace(b"never", b"nevex"))
    assert not is_at_rest(HOME, TENANT, disk)
    del disk.names[MANIFEST]
    assert not is_at_rest(HOME, TENANT, disk)


def test_a_journal_that_was_never_opened_is_at_rest_and_one_without_events_too() -> None:
    disk = SimulatedDisk()
    assert not is_at_rest(HOME, TENANT, disk), "there is none"
    create(FOLDER, TENANT, disk)
    assert is_unused(FOLDER, TENANT, disk)
    assert is_at_rest(HOME, TENANT, disk)
    assert not is_at_rest(HOME, "another", disk)
    write_store(disk, [], seal=True)
    assert not is_unused(FOLDER, TENANT, disk)
    assert is_at_rest(HOME, TENANT, disk)


def test_a_manifest_of_an_older_release_has_no_deadline_and_is_whole() -> None:
    disk = sealed(NEVER)
    lines = disk.content(MANIFEST).splitlines(keepends=True)
    body = b"".join(line for line in lines[:-2] if b"nextDeadline" not in line)
    checksum = sha256(body).hexdigest().encode()
    disk.put(MANIFEST, body + b'  "checksum": "%s"\n}\n' % checksum)
    assert "nextDeadline" not in json.loads(disk.content(MANIFEST))
    checkpoints = Checkpoints(HOME / "state", disk)
    assert checkpoints.load() is not None
    assert not checkpoints.deadline_is_known
    assert not is_at_rest(HOME, TENANT, disk)
