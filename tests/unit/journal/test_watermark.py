"""The watermark: two slots that change places, of which the newer whole one counts."""

from collections.abc import Callable

import pytest

from holdfast.journal import START, Cursor, FormatTooNew, JournalCorrupt
from holdfast.journal.frame import checksummed
from holdfast.journal.guard import GuardedDisk
from holdfast.journal.watermark import (
    SLOT_BYTES,
    Watermark,
    WatermarkWriter,
    encode_slot,
    read_watermark,
    replace_watermark,
)
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import DURABLE, FOLDER
from tests.unit.journal.telling import demand_told

CHAIN = bytes(range(16))
MARK = Watermark(3, 4711, Cursor(17, CHAIN))


def marks(*slots: bytes) -> SimulatedDisk:
    disk = SimulatedDisk()
    disk.put(DURABLE, b"".join(slots))
    return disk


def slot(body: bytes, padding: bytes = b"\n") -> bytes:
    """A slot of any content, its checksum right."""
    return checksummed(body).ljust(SLOT_BYTES, padding)


def refusal(disk: SimulatedDisk) -> JournalCorrupt:
    with pytest.raises(JournalCorrupt) as refused:
        read_watermark(disk, FOLDER)
    return refused.value


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (Watermark(3, 4710, Cursor(99, CHAIN)), MARK),
        (Watermark(2, 9999, Cursor(99, CHAIN)), MARK),
        (Watermark(1, 0, START), MARK),
    ],
)
def test_the_greater_place_counts_in_whichever_slot_it_stands(
    older: Watermark, newer: Watermark
) -> None:
    assert read_watermark(marks(encode_slot(older), encode_slot(newer)), FOLDER) == newer
    assert read_watermark(marks(encode_slot(newer), encode_slot(older)), FOLDER) == newer


@pytest.mark.parametrize(
    "damaged",
    [
        bytes(SLOT_BYTES),
        slot(b""),
        slot(b"holdfast-durable"),
        slot(b"holdfast-journal 1 00000003 4711 17 " + CHAIN.hex().encode()),
        slot(b"holdfast-durable 1 three 4711 17 " + CHAIN.hex().encode()),
        slot(encode_slot(MARK)[9:].strip(b"\n") + b" more"),
        slot(encode_slot(MARK)[9:].strip(b"\n")[:-2]),
        slot(encode_slot(MARK)[9:].strip(b"\n").upper()),
        slot(encode_slot(MARK)[9:].strip(b"\n").replace(b"00000003", b"3")),
        slot(encode_slot(MARK)[9:].strip(b"\n").replace(b"0a0b", b"0A0B")),
        slot(encode_slot(MARK)[9:].strip(b"\n"), padding=b" "),
        encode_slot(MARK)[:-1] + b"x",
        b"f" + encode_slot(MARK)[1:],
    ],
)
def test_a_slot_that_is_not_as_it_would_be_written_does_not_count(damaged: bytes) -> None:
    older = Watermark(1, 1, Cursor(1, CHAIN))
    assert len(damaged) == SLOT_BYTES
    for slots in ((damaged, encode_slot(older)), (encode_slot(older), damaged)):
        assert read_watermark(marks(*slots), FOLDER) == older
    error = refusal(marks(damaged, damaged))
    demand_told(error, JournalCorrupt, "read", DURABLE, "both slots are damaged")


def test_a_watermark_that_is_not_there_or_of_another_size_is_named() -> None:
    demand_told(
        refusal(SimulatedDisk()), JournalCorrupt, "read", DURABLE, "the watermark is missing"
    )
    for size_bytes in (0, 1023, 1025):
        error = refusal(marks(b"\n" * size_bytes))
        demand_told(error, JournalCorrupt, "read", DURABLE, f"it has {size_bytes} bytes, not 1024")


def test_a_watermark_of_a_newer_format_is_refused_and_its_version_named() -> None:
    newer = slot(b"holdfast-durable 2 what comes then is not known here")
    demand_told(
        refusal(marks(newer, encode_slot(MARK))),
        FormatTooNew,
        "read",
        DURABLE,
        "format version 2, and 1 is known",
        offset=0,
    )
    unreadable = slot(b"holdfast-durable \xff\xfe")
    assert "format version \ufffd\ufffd" in refusal(marks(unreadable, unreadable)).cause


def writing() -> tuple[SimulatedDisk, WatermarkWriter, Callable[[], list[Watermark | None]]]:
    """A disk, a writer on it, and what each slot says."""
    disk = SimulatedDisk()
    guarded = GuardedDisk(disk)
    replace_watermark(guarded, FOLDER, MARK)

    def slots() -> list[Watermark | None]:
        content = disk.content(DURABLE)
        halves = (content[:SLOT_BYTES], content[SLOT_BYTES:])
        return [read_watermark(marks(half, half), FOLDER) for half in halves]

    return disk, WatermarkWriter(guarded, FOLDER), slots


def test_a_new_watermark_is_the_same_in_both_slots_and_durable() -> None:
    disk, _, slots = writing()
    assert slots() == [MARK, MARK]
    assert bytes(disk.durable_names[DURABLE].durable) == encode_slot(MARK) * 2


def test_between_two_syncs_only_one_slot_is_written_and_then_they_change_places() -> None:
    disk, writer, slots = writing()
    first, second, third, fourth = (MARK._replace(offset=5000 + number) for number in range(4))
    assert writer.synced
    disk.log.clear()
    writer.move(first)
    writer.move(second)
    assert (slots(), writer.synced) == ([second, MARK], False)
    writer.sync()
    assert (slots(), writer.synced) == ([second, MARK], True)
    writer.move(third)
    assert slots() == [second, third]
    writer.sync()
    writer.move(fourth)
    assert slots() == [fourth, third]
    moved, synced = "write durable", "fdatasync durable"
    assert disk.log == [moved, moved, synced, moved, synced, moved]


def test_what_did_not_move_is_not_synced() -> None:
    disk, writer, slots = writing()
    disk.log.clear()
    writer.sync()
    assert disk.log == []
    writer.move(MARK)
    assert slots() == [MARK, MARK]
    assert disk.log == ["write durable"]
    writer.close()
    assert disk.handles == {}
