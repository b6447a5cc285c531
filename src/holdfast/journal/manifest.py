"""The manifest: which files make up a checkpoint, and how to tell that they are whole."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdfast.journal.errors import FormatTooNew
from holdfast.journal.frame import CHAIN_BYTES, Cursor
from holdfast.journal.segment import UPGRADE

FORMAT: Final = 1


class StateFile(NamedTuple):
    """A file of a checkpoint: its path inside the folder, and its content's size and hash."""

    path: str
    size_bytes: int
    sha256: str


class Manifest(NamedTuple):
    """The state at `cursor`: a file for every shard."""

    cursor: Cursor
    files: Mapping[str, StateFile]


class Unusable(Exception):
    """Why a manifest, or a file that it names, is no good."""


def describe(path: str, content: bytes) -> StateFile:
    """The entry of a file with this content."""
    return StateFile(path, len(content), sha256(content).hexdigest())


def encode_manifest(manifest: Manifest) -> bytes:
    """Readable JSON that carries its own hash."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "sequence": manifest.cursor.sequence,
        "chain": manifest.cursor.chain.hex(),
        "files": {
            shard: {"path": entry.path, "bytes": entry.size_bytes, "sha256": entry.sha256}
            for shard, entry in sorted(manifest.files.items())
        },
    }
    text = json.dumps({**body, "checksum": _checksum(body)}, indent=2, ensure_ascii=False)
    return text.encode() + b"\n"


def decode_manifest(path: Path, content: bytes) -> Manifest:
    """Raises Unusable when it is damaged, FormatTooNew when a newer release wrote it."""
    try:
        body = json.loads(content)
        checksum = body.pop("checksum")
        damaged = checksum != _checksum(body)
        version = body["format"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable("it is damaged") from error
    if damaged:
        raise Unusable("its checksum does not hold")
    if version != FORMAT:
        cause = f"format version {version}, and {FORMAT} is known here"
        raise FormatTooNew("read", path, cause=cause, hint=UPGRADE)
    return _decode_body(body)


def _decode_body(body: dict[str, Any]) -> Manifest:
    try:
        cursor = Cursor(int(body["sequence"]), bytes.fromhex(body["chain"]))
        files = {
            str(shard): StateFile(str(entry["path"]), int(entry["bytes"]), str(entry["sha256"]))
            for shard, entry in body["files"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable("it lacks a field") from error
    if len(cursor.chain) != CHAIN_BYTES:
        raise Unusable("its chain is too short")
    return Manifest(cursor, files)


def _checksum(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()
