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
    """A manifest with any content, its checksum right as the format's text has it."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return json.dumps({**body, "checksum": sha256(canonical.encode()).hexdigest()}).encode()


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
    odd = MANIFEST._replace(files={"käse": describe("käse@7.json", b"")})
    assert decode_manifest(PATH, encode_manifest(odd)) == odd


def test_a_file_is_described_by_its_size_and_its_hash() -> None:
    assert describe("a", b"four") == StateFile("a", 4, sha256(b"four").hexdigest())


def test_a_person_finds_the_shards_in_order_and_as_they_are_called() -> None:
    odd = MANIFEST._replace(files={"käse": FILES["keys"], **FILES})
    text = encode_manifest(odd).decode()
    assert text.endswith("}\n")
    assert text.index('"keys"') < text.index('"käse"') < text.index('"stock/S.1"')


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"7", b"null", b'{"checksum": 1}', b"\xff"]
)
def test_what_is_no_manifest_is_damaged(content: bytes) -> None:
    assert unusable(content) == "it is damaged"


def test_a_manifest_without_a_format_is_damaged() -> None:
    without = body()
    del without["format"]
    assert unusable(signed(without)) == "it is damaged"


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
    newer = signed({"format": 2, "anything": "else"})
    with pytest.raises(FormatTooNew) as refused:
        decode_manifest(PATH, newer)
    demand_told(refused.value, FormatTooNew, "read", PATH, "format version 2, and 1 is known")
