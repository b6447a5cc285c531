"""The bytes of a small journal and of its checkpoints, as they were when their formats were frozen.

A failure here means that tenants' files would no longer be read, or would be written in a way
that a release in the field does not know: that takes a new format version, and a folder of
frozen files beside this one. `python -m tests.golden.test_journal_format` writes them.
"""

import asyncio
from pathlib import Path

from holdfast.journal import (
    START,
    Checkpoints,
    Cursor,
    Frame,
    History,
    Journal,
    OsDisk,
    create,
    recover,
)

GOLDEN = Path(__file__).parent / "journal_format_1"
ARCHIVED = Path(__file__).parent / "journal_format_1_archive"
EVENTS = [
    b'{"sequence":1,"type":"StockReceived","payload":{"sku":"SKU123","qty":10}}',
    b'{"sequence":2,"type":"StockReserved","payload":{"sku":"SKU123","qty":3}}',
    '{"sequence":3,"type":"NoteTaken","payload":{"text":"Käse \\n 10 €"}}'.encode(),
    b"{}",
    b'{"sequence":5,"type":"StockShipped","payload":{"sku":"SKU123","qty":3}}',
    b'{"sequence":6,"type":"StockCounted","payload":{"sku":"SKU123","counted":7}}',
]


def write(folder: Path) -> None:
    """A batch of two, one of one; a kill; three batches and a change of segment; a seal."""

    async def process(batches: list[list[bytes]], *, seal: bool) -> None:
        journal = Journal(
            folder / "journal",
            "demo",
            recover(folder / "journal", "demo", OsDisk(), lambda _: None),
            OsDisk(),
            on_durable=lambda _: None,
            on_failed=lambda error: None,
            segment_bytes_max=400,
            idle_sync_s=1e6,
        )
        journal.open()
        for batch in batches:
            futures = [journal.append(event) for event in batch]
            await futures[-1]
        handoff = journal._handoff
        if seal:
            await journal.seal()
        journal.abandon()
        assert handoff is not None
        handoff.writer.thread.join()

    create(folder / "journal", "demo", OsDisk())
    asyncio.run(process([EVENTS[:2], EVENTS[2:3]], seal=False))
    asyncio.run(process([EVENTS[3:4], EVENTS[4:5], EVENTS[5:]], seal=True))
    checkpoints = Checkpoints(folder / "state", OsDisk())
    checkpoints.load()
    cursor = recover(folder / "journal", "demo", OsDisk(), lambda _: None).cursor
    checkpoints.write(Cursor(2, bytes(16)), {"stock/STORE1.0": b'{"SKU123":7}\n', "meta": b"{}\n"})
    checkpoints.write(cursor, {"stock/STORE1.0": b'{"SKU123":4}\n'})


def write_archived(folder: Path) -> None:
    """The same journal, opened once more; what is behind event 3 goes to the archive."""

    async def archive() -> None:
        journal = Journal(
            folder / "journal",
            "demo",
            recover(folder / "journal", "demo", OsDisk(), lambda _: None),
            OsDisk(),
            on_durable=lambda _: None,
            on_failed=lambda error: None,
            idle_sync_s=1e6,
        )
        journal.open()
        await journal.append(b'{"sequence":7}')
        await journal.archive_behind(5)
        await journal.seal()

    write(folder)
    asyncio.run(archive())


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_events_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path)
    assert contents(tmp_path) == contents(GOLDEN)


def test_the_frozen_journal_is_read() -> None:
    frames: list[Frame] = []
    recovered = recover(GOLDEN / "journal", "demo", OsDisk(), frames.append)
    assert [frame.json for frame in frames] == EVENTS
    assert [frame.batch for frame in frames] == [1, 1, 3, 4, 5, 6]
    assert recovered.sealed
    assert recovered.torn is None
    assert recovered.cursor.sequence == 6


def test_the_frozen_checkpoint_is_read_and_belongs_to_the_frozen_journal() -> None:
    checkpoint = Checkpoints(GOLDEN / "state", OsDisk()).load()
    assert checkpoint is not None
    assert checkpoint.notices == ()
    assert dict(checkpoint.shards()) == {"stock/STORE1.0": b'{"SKU123":4}\n', "meta": b"{}\n"}
    assert checkpoint.cursor != START
    recover(GOLDEN / "journal", "demo", OsDisk(), lambda _: None, checkpoint.cursor)


def test_archiving_moves_files_and_changes_none(tmp_path: Path) -> None:
    write_archived(tmp_path)
    assert contents(tmp_path) == contents(ARCHIVED)
    archived = contents(ARCHIVED / "journal" / "archive")
    assert len(archived) == 2
    assert archived.items() <= contents(GOLDEN / "journal").items()


def test_the_frozen_archive_is_read() -> None:
    folder, frames = ARCHIVED / "journal", list[Frame]()
    recover(folder, "demo", OsDisk(), frames.append)
    assert [frame.json for frame in frames] == [*EVENTS, b'{"sequence":7}']
    read = list[Frame]()
    History(folder, "demo", OsDisk()).read(read.append, to_end=False)
    assert read == frames


if __name__ == "__main__":
    write(GOLDEN)
    write_archived(ARCHIVED)
