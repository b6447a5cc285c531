"""A manifest is read back as it was written, or refused with the reason."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from holdfast.journal import Cursor, FormatTooNew
from holdfast.journal.manifest import (
    Manifest,
    StateFile,
    Unusable,
    decode_manifest,
    describe,
    encode_manifest,
)
from tests.unit.journal.telling import demand_told

PATH = Path("/t/state/MANIFEST.json")
FILES = {name: describe(f"{name}@7.json", name.encode()) for name in ("stock/S.1", "keys")}
MANIFEST = Manifest(Cursor(7, bytes(range(16))), FILES)


def signed(body: dict[str, Any]) -> bytes:
    """A manifest with any content, its checksum right: that of all lines in front of it."""
    lines = json.dumps(body, indent=2).encode()[:-2] + b",\n"
    return lines + b'  "checksum": "%s"\n}\n' % sha256(lines).hexdigest().encode()


def body() -> dict[str, Any]:
    written: dict[str, Any] = json.loads(encode_manifest(MANIFEST))
    del written["checksum"]
    return written


def unusable(content: bytes) -> str:
    with pytest.raises(Unusable) as refused:
        decode_manifest(PATH, content)
    return str(refused.value)


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    assert decode_manifest(PATH, encode_manifest(MANIFEST)) == MANIFEST
    assert decode_manifest(PATH, signed(body())) == MANIFEST
    empty = MANIFEST._replace(files={})
    assert decode_manifest(PATH, encode_manifest(empty)) == empty


def test_a_file_is_described_by_its_size_and_its_hash() -> None:
    assert describe("a", b"four") == StateFile("a", 4, sha256(b"four").hexdigest())


def test_a_person_finds_the_shards_in_order_a_line_for_each() -> None:
    lines = encode_manifest(MANIFEST).decode().splitlines()
    assert lines[4:7] == [
        '  "files": {',
        '    "keys": ' + json.dumps(entry("keys")) + ",",
        '    "stock/S.1": ' + json.dumps(entry("stock/S.1")),
    ]


def entry(shard: str) -> dict[str, object]:
    path, size_bytes, digest = FILES[shard]
    return {"path": path, "bytes": size_bytes, "sha256": digest}


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"checksum": 1}', b"\xff"])
def test_what_has_no_checksum_of_its_own_is_damaged_or_old(content: bytes) -> None:
    assert unusable(content) == "it is damaged, or an old release wrote it"


@pytest.mark.parametrize("lines", [b"", b"{\n", b"[\n", b"\xff", b'{"sequence": 7,\n'])
def test_what_is_no_manifest_is_damaged_whatever_its_checksum_says(lines: bytes) -> None:
    digest = sha256(lines).hexdigest().encode()
    assert unusable(lines + b'  "checksum": "%s"\n}\n' % digest) == "it is damaged"


def test_a_change_behind_the_checksum_is_noticed() -> None:
    content = encode_manifest(MANIFEST).replace(b'"sequence": 7', b'"sequence": 8')
    assert unusable(content) == "its checksum does not hold"


@pytest.mark.parametrize("field", ["sequence", "chain", "files", "path", "bytes", "sha256"])
@pytest.mark.parametrize("wrong", ["gone", "null", "text"])
def test_a_manifest_that_lacks_a_field_says_so(field: str, wrong: str) -> None:
    harmed = body()
    holder = harmed if field in harmed else harmed["files"]["keys"]
    if wrong == "gone":
        del holder[field]
    else:
        holder[field] = None if wrong == "null" else "text"
    if field in {"path", "sha256"} and wrong != "gone":
        assert decode_manifest(PATH, signed(harmed)).files["keys"] != FILES["keys"]
    else:
        assert unusable(signed(harmed)) == "it lacks a field"


@pytest.mark.parametrize("size_bytes", [0, 15, 17])
def test_a_chain_of_another_length_is_refused(size_bytes: int) -> None:
    harmed = {**body(), "chain": bytes(size_bytes).hex()}
    assert unusable(signed(harmed)) == "its chain is too short"


def test_a_manifest_of_a_newer_release_is_refused_by_name_and_version() -> None:
    newer = signed({"format": 3, "anything": "else"})
    with pytest.raises(FormatTooNew) as refused:
        decode_manifest(PATH, newer)
    demand_told(refused.value, FormatTooNew, "read", PATH, "format version 3, and 2 is known")
