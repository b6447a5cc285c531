"""A ledger archives behind its older checkpoint; whoever follows its events does not notice."""

import errno
import shutil
from pathlib import Path

import orjson
import pytest

from holdfast.domain.commands import Command, ReceiveStock
from holdfast.domain.rejections import Rejected
from holdfast.http.problems import problem
from holdfast.journal import JournalCorrupt, OsDisk, create
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import load_tenant
from tests.support.virtual_time import VirtualClock

LIVES = 5


class DiskWithoutMoves(OsDisk):
    """The archive is on another file system."""

    def rename(self, source: Path, target: Path) -> None:
        if target.parent.name == "archive":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        super().rename(source, target)


async def opened(folder: Path, disk: OsDisk) -> FileLedger:
    ledger = FileLedger(
        folder,
        load_tenant(folder, "T", disk),
        disk=disk,
        clock=VirtualClock(),
        new_id=lambda: "own",
        config=LedgerConfig(1_000, 10_000, CheckpointEvery(1e6, 1 << 40)),
    )
    await ledger.start()
    return ledger


async def live(folder: Path, disk: OsDisk | None = None) -> None:
    """Several processes, each of which adds one event and ends in good order."""
    disk = disk or OsDisk()
    create(folder / "journal", "T", disk)
    for number in range(LIVES):
        ledger = await opened(folder, disk)
        await ledger.execute(Command(ReceiveStock("S", "A", 1), f"e{number}", "me", "r"))
        await ledger.close()


def logs_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.log"))


async def test_old_events_are_followed_from_the_archive(tmp_path: Path) -> None:
    await live(tmp_path)
    assert len(logs_in(tmp_path / "journal" / "archive")) >= LIVES - 2
    assert len(logs_in(tmp_path / "journal")) <= 2
    ledger = await opened(tmp_path, OsDisk())
    events = await ledger.events(0, 100)
    assert [event.sequence for event in events] == list(range(1, LIVES + 1))
    await ledger.close()


async def test_an_archive_that_is_away_is_said_with_the_first_event_that_is_here(
    tmp_path: Path,
) -> None:
    await live(tmp_path)
    shutil.move(tmp_path / "journal" / "archive", tmp_path / "elsewhere")
    ledger = await opened(tmp_path, OsDisk())
    first = int(logs_in(tmp_path / "journal")[0][9:29])
    assert first > 2
    with pytest.raises(Rejected) as caught:
        await ledger.events(first - 2, 100)
    answer = problem(caught.value, "r")
    body = orjson.loads(answer.body)
    assert answer.status == 410
    assert body["code"] == "history_gone"
    assert body["details"] == {"firstSequence": first}
    assert f"before {first}" in body["detail"]
    assert [event.sequence for event in await ledger.events(first - 1, 1)] == [first]
    # Brought back while the service runs, it is there at once.
    (tmp_path / "journal" / "archive").mkdir(exist_ok=True)
    for path in (tmp_path / "elsewhere").iterdir():
        shutil.move(path, tmp_path / "journal" / "archive" / path.name)
    assert len(await ledger.events(0, 100)) == LIVES
    await ledger.close()


async def test_a_start_without_checkpoints_needs_the_archive_and_says_so(tmp_path: Path) -> None:
    await live(tmp_path)
    shutil.rmtree(tmp_path / "state")
    state = load_tenant(tmp_path, "T", OsDisk()).state
    shutil.move(tmp_path / "journal" / "archive", tmp_path / "elsewhere")
    with pytest.raises(JournalCorrupt, match=r"events 1 to \d+ are missing"):
        load_tenant(tmp_path, "T", OsDisk())
    shutil.move(tmp_path / "elsewhere", tmp_path / "journal" / "archive")
    again = load_tenant(tmp_path, "T", OsDisk()).state
    assert list(again.changes()) == list(state.changes())


async def test_a_disk_that_does_not_archive_costs_no_checkpoint(tmp_path: Path) -> None:
    await live(tmp_path, DiskWithoutMoves())
    assert logs_in(tmp_path / "journal" / "archive") == []
    loaded = load_tenant(tmp_path, "T", OsDisk())
    assert loaded.recovered.cursor.sequence == LIVES
    checkpoint = loaded.checkpoints.load()
    assert checkpoint is not None
    assert checkpoint.cursor.sequence == LIVES
