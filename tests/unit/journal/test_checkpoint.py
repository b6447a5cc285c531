import json
from hashlib import sha256
from pathlib import Path

import pytest

from holdfast.journal import Checkpoints, Cursor, FormatTooNew, JournalCorrupt
from holdfast.journal.manifest import _checksum_line
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import STATE, loaded_checkpoints

NEWEST = STATE / "MANIFEST.json"
OLDER = STATE / "MANIFEST.1.json"


def at(sequence: int) -> Cursor:
    return Cursor(sequence, sequence.to_bytes(16, "big"))


def loaded(disk: SimulatedDisk) -> tuple[int, dict[str, bytes]]:
    checkpoint = Checkpoints(STATE, disk).load()
    assert checkpoint is not None
    assert checkpoint.cursor == at(checkpoint.cursor.sequence)
    return checkpoint.cursor.sequence, dict(checkpoint.shards())


def two_checkpoints() -> SimulatedDisk:
    disk = SimulatedDisk()
    checkpoints = loaded_checkpoints(disk)
    checkpoints.write(at(3), {"stock/STORE1.0": b"{3}", "stock/STORE1.1": b"{3}", "keys": b"k3"})
    checkpoints.write(at(7), {"stock/STORE1.0": b"{7}", "keys": None, "orders/2": b"o7"})
    return disk


def test_without_a_checkpoint_there_is_nothing_to_load() -> None:
    checkpoints = loaded_checkpoints(SimulatedDisk())
    assert checkpoints.load() is None
    assert checkpoints.notices == ()


def test_what_did_not_change_is_carried_over_and_what_is_gone_is_gone() -> None:
    disk = two_checkpoints()
    assert loaded(disk) == (
        7,
        {"stock/STORE1.0": b"{7}", "stock/STORE1.1": b"{3}", "orders/2": b"o7"},
    )
    assert disk.files(STATE) == [
        "MANIFEST.1.json",
        "MANIFEST.json",
        "keys@3.json",
        "orders/2@7.json",
        "stock/STORE1.0@3.json",
        "stock/STORE1.0@7.json",
        "stock/STORE1.1@3.json",
    ]


def test_files_that_neither_manifest_names_are_removed_and_no_others() -> None:
    disk = two_checkpoints()
    disk.put(STATE / "notes.txt", b"an operator's")
    disk.put(STATE / "stock/STORE1.0@5.json.9.tmp", b"left by a crash")
    loaded_checkpoints(disk).write(at(9), {})
    names = disk.files(STATE)
    assert "keys@3.json" not in names
    assert "stock/STORE1.0@3.json" not in names
    assert "notes.txt" in names
    assert not [name for name in names if name.endswith(".tmp")]
    assert loaded(disk)[0] == 9


def test_a_checkpoint_that_was_never_finished_changes_nothing_and_is_cleared_away() -> None:
    disk = two_checkpoints()
    checkpoints = loaded_checkpoints(disk)
    checkpoints.write(at(8), {})
    dropped = checkpoints.begin(at(9))
    dropped.put("stock/STORE1.0", b"{9}")
    dropped.put("orders/2", None)
    assert loaded(disk)[0] == 8
    assert loaded(disk)[1]["orders/2"] == b"o7"
    checkpoints.write(at(10), {"keys": b"k10"})
    assert "stock/STORE1.0@9.json" not in disk.files(STATE)
    assert loaded(disk)[1]["stock/STORE1.0"] == b"{7}"


def test_the_older_cursor_is_that_of_the_checkpoint_before() -> None:
    disk = SimulatedDisk()
    checkpoints = loaded_checkpoints(disk)
    checkpoints.write(at(3), {"keys": b"k3"})
    assert checkpoints.older_cursor is None
    checkpoints.write(at(7), {})
    assert checkpoints.older_cursor == at(3)


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
@pytest.mark.parametrize("victim", ["MANIFEST.json", "stock/STORE1.0@7.json", "orders/2@7.json"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_and_says_so(
    victim: str, harm: str
) -> None:
    disk = two_checkpoints()
    content = disk.content(STATE / victim)
    if harm == "remove":
        del disk.names[STATE / victim]
    elif harm == "cut":
        disk.put(STATE / victim, content[: len(content) // 2])
    else:
        disk.put(STATE / victim, bytes([content[0] ^ 1]) + content[1:])
    checkpoints = loaded_checkpoints(disk)
    checkpoint = checkpoints.load()
    assert checkpoint is not None
    assert checkpoint.cursor == at(3)
    assert dict(checkpoint.shards())["keys"] == b"k3"
    assert victim in checkpoint.notices[0]
    assert "MANIFEST.1.json" in checkpoint.notices[-1]
    # The good one is not lost to the next rotation.
    checkpoints.write(at(8), {"keys": b"k8"})
    assert loaded(disk)[0] == 8
    del disk.names[NEWEST]
    assert loaded(disk)[0] == 3


def test_every_flipped_byte_of_a_manifest_is_noticed() -> None:
    disk = two_checkpoints()
    content = disk.content(NEWEST)
    for offset in range(len(content)):
        for mask in (0x01, 0x20, 0x80):
            harmed = bytearray(content)
            harmed[offset] ^= mask
            disk.put(NEWEST, bytes(harmed))
            sequence, shards = loaded(disk)
            same = json.loads(content) == json.loads(harmed) if sequence == 7 else True
            assert same, offset
            assert len(shards) == 3


def test_when_both_are_damaged_the_journal_alone_counts() -> None:
    disk = two_checkpoints()
    disk.put(NEWEST, b"{}")
    disk.put(OLDER, b"[]")
    checkpoints = loaded_checkpoints(disk)
    assert checkpoints.load() is None
    assert len(checkpoints.notices) == 3
    checkpoints.write(at(9), {"keys": b"k9"})
    assert loaded(disk) == (9, {"keys": b"k9"})


def test_a_checkpoint_of_a_newer_release_is_refused() -> None:
    disk = two_checkpoints()
    newer = disk.content(NEWEST).replace(b'"format": 2', b'"format": 3')
    body = newer[: newer.rindex(b'  "checksum"')]
    disk.put(NEWEST, body + _checksum_line(body))
    with pytest.raises(FormatTooNew, match="format version 3"):
        Checkpoints(STATE, disk).load()


def test_a_checkpoint_of_an_older_format_is_passed_over() -> None:
    disk = two_checkpoints()
    body: dict[str, object] = {"format": 1, "sequence": 7, "chain": "00" * 16, "files": {}}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    body["checksum"] = sha256(canonical).hexdigest()
    disk.put(NEWEST, json.dumps(body, indent=2).encode() + b"\n")
    assert loaded(disk)[0] == 3
    disk.put(OLDER, disk.content(NEWEST))
    assert loaded_checkpoints(disk).load() is None


@pytest.mark.parametrize(
    "shard", ["../keys", "a/../../b", "/etc/passwd", "", ".", "a//b", "a/", "a@1", "a\n", ".hidden"]
)
def test_a_shard_cannot_leave_its_folder(shard: str) -> None:
    disk = SimulatedDisk()
    with pytest.raises(ValueError, match="no shard"):
        loaded_checkpoints(disk).write(at(1), {shard: b"x"})
    assert disk.files(Path("/")) == []


def test_a_second_checkpoint_at_the_same_event_leaves_the_first_ones_files_alone() -> None:
    disk = two_checkpoints()
    loaded_checkpoints(disk).write(at(7), {"orders/2": b"other", "stock/STORE1.0": b"{7}"})
    assert disk.content(STATE / "orders/2@7.json") == b"o7"
    assert disk.content(STATE / "orders/2@7-1.json") == b"other"
    assert loaded(disk)[1]["orders/2"] == b"other"
    del disk.names[NEWEST]
    assert loaded(disk)[1]["orders/2"] == b"o7"


def test_a_checkpoint_does_not_go_back_in_time() -> None:
    with pytest.raises(ValueError, match="older"):
        loaded_checkpoints(two_checkpoints()).write(at(6), {})


def test_a_file_that_rots_between_loading_and_reading_is_noticed() -> None:
    disk = two_checkpoints()
    checkpoint = Checkpoints(STATE, disk).load()
    assert checkpoint is not None
    disk.put(STATE / "orders/2@7.json", b"rot")
    with pytest.raises(JournalCorrupt, match="damaged"):
        list(checkpoint.shards())


def test_the_manifest_can_be_read_by_a_person() -> None:
    text = two_checkpoints().content(NEWEST).decode()
    assert '\n  "sequence": 7,\n' in text
    assert json.loads(text)["files"]["orders/2"]["bytes"] == 2


def test_the_first_of_new_checkpoints_leaves_no_older_name_that_is_of_no_use() -> None:
    disk = two_checkpoints()
    for path in (NEWEST, OLDER):
        disk.put(path, b'{"format": 1, "checksum": "0"}')
    checkpoints = loaded_checkpoints(disk)
    assert checkpoints.is_first
    checkpoints.write(at(9), {"keys": b"k9"})
    assert disk.files(STATE) == ["MANIFEST.json", "keys@9.json"]
    checkpoints.write(at(10), {"keys": b"k10"})
    assert Checkpoints(STATE, disk).load() is not None
    del disk.names[NEWEST]
    assert loaded(disk) == (9, {"keys": b"k9"})
