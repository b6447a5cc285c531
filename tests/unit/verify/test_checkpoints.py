"""What was saved is compared record by record, with the replay at exactly the checkpoint's event."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from holdfast.journal import locate
from tests.unit.verify.folders import (
    NEWEST,
    OLDER,
    TENANT,
    ReadOnlyDisk,
    edit_shard,
    entry_of,
    frames_of,
    only,
    verify,
    write_manifest,
)


def test_a_sound_tenant_is_equal_in_all_that_is_compared(sound: Path) -> None:
    result = verify(sound)
    frames = frames_of(sound)
    assert (result.differences, result.differing, result.notices) == ([], 0, [])
    assert (result.events, result.chain) == (len(frames), frames[-1].chain.hex())
    assert result.segments == 3
    assert sorted(result.checkpoints) == [9, len(frames)]
    assert result.live == "what a start would load was compared"
    kinds = {path.parent.name for path in (sound / "state").rglob("*@*") if path.parent.name}
    assert {"stock", "reservations", "keys", "sources", "refusals", "stores"} <= kinds
    assert result.records > 3 * 10


def test_a_tenant_that_never_saved_a_checkpoint_is_equal(folder: Path) -> None:
    shutil.rmtree(folder / "state")
    result = verify(folder)
    assert (result.differing, result.checkpoints) == (0, [])
    assert result.notices == ["there is no checkpoint yet"]


def stock_shard(folder: Path, manifest: str, store: str, sku: str) -> str:
    files = json.loads((folder / "state" / manifest).read_text("utf-8"))["files"]
    for shard, entry in files.items():
        if shard.startswith(f"stock/{store}."):
            records = json.loads((folder / "state" / entry["path"]).read_text("utf-8"))
            if any(record["sku"] == sku for record in records):
                return str(shard)
    raise LookupError(sku)


@pytest.mark.parametrize("manifest", [NEWEST, OLDER])
def test_a_changed_record_is_named_with_the_event_that_wrote_it(
    folder: Path, manifest: str
) -> None:
    def change(records: list[Any]) -> None:
        (record,) = [each for each in records if each["sku"] == "A"]
        record["onHand"] += 1

    shard = stock_shard(folder, manifest, "S1", "A")
    file = edit_shard(folder, manifest, shard, change)
    result = verify(folder)
    found = only(result, "checkpoint")
    assert found.path == file
    assert found.what == f"record S1/A of stock differs in shard {shard} of {manifest}"
    on_hand, writer = {NEWEST: (7, 12), OLDER: (9, 9)}[manifest]
    assert f'"onHand":{on_hand},' in found.expected
    assert f'"onHand":{on_hand + 1},' in found.found
    place = locate(folder / "journal", TENANT, ReadOnlyDisk(), writer)
    assert found.written_by == f"event {writer}, {place.path} at byte {place.offset}"
    assert "move state/" in found.hint
    # What a start would load is wrong only where it would take the checkpoint that was changed.
    assert [each.where for each in result.differences[1:]] == ["start"] * (manifest == NEWEST)


def test_a_number_of_another_type_is_told(folder: Path) -> None:
    shard = stock_shard(folder, NEWEST, "S1", "B")
    edit_shard(folder, NEWEST, shard, lambda records: records[-1].update(onHand=2.0))
    assert '"onHand":2.0' in only(verify(folder), "checkpoint").found


@pytest.mark.parametrize("table", ["stock", "reservations", "keys", "sources", "refusals"])
def test_a_dropped_record_is_told(folder: Path, table: str) -> None:
    files = json.loads((folder / "state" / NEWEST).read_text("utf-8"))["files"]
    shard = next(name for name in files if name.startswith(f"{table}/"))
    file = edit_shard(folder, NEWEST, shard, lambda records: records.pop())
    result = verify(folder)
    # Where nothing changed since the older checkpoint, the file belongs to both of them.
    found = [each for each in result.differences if each.where == "checkpoint"][-1]
    assert (found.path, found.found) == (file, "no such record")
    assert found.what.endswith(f"of {table} is missing in shard {shard} of {NEWEST}")
    assert found.written_by is not None
    # A shard without any record is none that a start can load.
    found_at_start = only(result, "start").found
    assert "no such record" in found_at_start or "IndexError" in found_at_start


def test_a_record_that_no_event_wrote_is_told(folder: Path) -> None:
    shard = stock_shard(folder, NEWEST, "S2", "C")
    edit_shard(
        folder, NEWEST, shard, lambda records: records.append({**records[-1], "sku": "GHOST"})
    )
    found = [each for each in verify(folder).differences if each.where == "checkpoint"]
    assert [each.expected for each in found][-1] == "no such record"


def test_a_renamed_record_is_both_there_and_missing(folder: Path) -> None:
    shard = "stores/all.0"
    edit_shard(folder, NEWEST, shard, lambda records: records[0].update(storeId="S9"))
    found = [each.what for each in verify(folder).differences if each.where == "checkpoint"]
    assert found == [
        f"record {store} of stores {how} in shard stores/all.0 of {manifest}"
        for manifest in (OLDER, NEWEST)
        for store, how in (("S9", "differs"), ("S1", "is missing"))
    ]


def test_a_record_in_a_shard_of_others_and_one_there_twice_are_told(folder: Path) -> None:
    shard = stock_shard(folder, NEWEST, "S1", "A")
    other = stock_shard(folder, NEWEST, "S2", "C")
    stolen: list[Any] = []
    edit_shard(folder, NEWEST, shard, stolen.extend)
    edit_shard(folder, NEWEST, other, lambda records: records.extend(stolen))
    found = [each.what for each in verify(folder).differences if each.where == "checkpoint"]
    assert any("is there twice" in what or "belongs into" in what for what in found)


def test_another_time_of_the_newest_event_is_told(folder: Path) -> None:
    file = edit_tenant(folder, "2020-01-01T00:00:00.000Z")
    result = verify(folder)
    found = only(result, "checkpoint")
    assert (found.path, found.found) == (file, "2020-01-01T00:00:00.000Z")
    assert "another time" in only(result, "start").what


def test_a_shard_of_a_store_whose_name_begins_alike_is_another(folder: Path) -> None:
    shard = stock_shard(folder, OLDER, "S1", "A")
    path = folder / "state" / OLDER
    body = json.loads(path.read_text("utf-8"))
    body["files"]["stock/S1.x.0"] = body["files"].pop(shard)
    write_manifest(path, body)
    found = [each.what for each in verify(folder).differences]
    assert found
    assert all("belongs into a shard stock/S1.…" in what for what in found)


@pytest.mark.parametrize("manifest", [NEWEST, OLDER])
def test_a_checkpoint_without_the_time_of_the_newest_event_is_told(
    folder: Path, manifest: str
) -> None:
    path = folder / "state" / manifest
    body = json.loads(path.read_text("utf-8"))
    del body["files"]["tenant"]
    write_manifest(path, body)
    found = only(verify(folder), "checkpoint")
    assert (found.path, found.found) == (path, "no time of the newest event")


def edit_tenant(folder: Path, last_ts: str) -> Path:
    def change(content: Any) -> None:
        content["lastTs"] = last_ts

    return edit_shard(folder, NEWEST, "tenant", change)


def test_a_damaged_file_is_told_and_an_older_checkpoint_still_starts_well(folder: Path) -> None:
    shard = stock_shard(folder, NEWEST, "S1", "A")
    file = folder / "state" / entry_of(folder, NEWEST, shard)["path"]
    file.write_bytes(file.read_bytes().replace(b'"onHand":7', b'"onHand":8'))
    result = verify(folder)
    first, second = result.differences
    assert (first.path, first.found) == (
        file,
        "size or SHA-256 are not those that the manifest names",
    )
    assert second.what == f"record S1/A of stock differs in shard {shard} of {NEWEST}"
    assert result.differing == 2


def test_a_missing_file_is_told(folder: Path) -> None:
    shard = stock_shard(folder, OLDER, "S1", "A")
    (folder / "state" / entry_of(folder, OLDER, shard)["path"]).unlink()
    assert only(verify(folder), "checkpoint").found == "the file is missing"


def test_a_shard_that_holds_no_records_is_told(folder: Path) -> None:
    edit_shard(folder, NEWEST, "stores/all.0", lambda records: records.append(7))
    result = verify(folder)
    assert "holds no records that can be read" in result.differences[0].what
    assert "a start would fail" in only(result, "start").what


def test_a_shard_that_the_manifest_leaves_out_is_missed(folder: Path) -> None:
    path = folder / "state" / NEWEST
    body = json.loads(path.read_text("utf-8"))
    del body["files"]["stores/all.0"]
    write_manifest(path, body)
    found = [each for each in verify(folder).differences if each.where == "checkpoint"]
    assert [each.path for each in found] == [path, path]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("chain", "00" * 16, "is not the journal's"),
        ("sequence", 4711, "which the journal does not hold"),
    ],
)
def test_a_manifest_that_is_not_of_this_journal_is_told(
    folder: Path, field: str, value: Any, said: str
) -> None:
    path = folder / "state" / OLDER
    body = json.loads(path.read_text("utf-8"))
    body[field] = value
    write_manifest(path, body)
    found = only(verify(folder), "checkpoint")
    assert said in found.what
    assert found.path == path


def test_a_damaged_manifest_is_told(folder: Path) -> None:
    path = folder / "state" / OLDER
    path.write_text(path.read_text("utf-8").replace('"sequence"', '"sequenze"'), "utf-8")
    found = only(verify(folder), "checkpoint")
    assert (found.path, found.found) == (path, "its checksum does not hold")


def test_many_differences_are_counted_and_some_are_shown(folder: Path) -> None:
    path = folder / "state" / NEWEST
    body = json.loads(path.read_text("utf-8"))
    body["files"] = {"tenant": body["files"]["tenant"]}
    write_manifest(path, body)
    result = verify(folder)
    shown = [each for each in result.differences if each.where == "checkpoint"]
    assert len(shown) == 10
    assert result.differing > len(result.differences)
