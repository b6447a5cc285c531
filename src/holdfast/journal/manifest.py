"""The manifest: which files make up a checkpoint, and how to tell that they are whole."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdfast.journal.errors import FormatTooNew
from holdfast.journal.frame import CHAIN_BYTES, Cursor
from holdfast.journal.segment import UPGRADE

FORMAT: Final = 2
_CHECKSUM: Final = b'  "checksum": '
#: The deadline of a state in which nothing falls due.
NEVER: Final = "never"


class StateFile(NamedTuple):
    """A file of a checkpoint: its path inside the folder, and its content's size and hash."""

    path: str
    size_bytes: int
    sha256: str


class Manifest(NamedTuple):
    """The state at `cursor`: a file for every shard.

    `next_deadline` is the instant (ISO 8601) at which something in that state falls due by itself,
    `NEVER`, or None where that was not known.
    """

    cursor: Cursor
    files: Mapping[str, StateFile]
    next_deadline: str | None = None


class Unusable(Exception):
    """Why a manifest, or a file that it names, is no good."""


def describe(path: str, content: bytes) -> StateFile:
    """The entry of a file with this content."""
    return StateFile(path, len(content), sha256(content).hexdigest())


def encode_manifest(manifest: Manifest) -> bytes:
    """Readable JSON that carries its own hash, a line for every file."""
    files = ",\n".join(
        f'    "{shard}": {{"path": "{entry.path}", "bytes": {entry.size_bytes}, '
        f'"sha256": "{entry.sha256}"}}'
        for shard, entry in sorted(manifest.files.items())
    )
    due = manifest.next_deadline
    deadline = "" if due is None else f'  "nextDeadline": "{due}",\n'
    body = (
        f'{{\n  "format": {FORMAT},\n  "sequence": {manifest.cursor.sequence},\n'
        f'  "chain": "{manifest.cursor.chain.hex()}",\n{deadline}'
        f'  "files": {{\n{files}\n  }},\n'
    ).encode("ascii")
    return body + _checksum_line(body)


def decode_manifest(path: Path, content: bytes) -> Manifest:
    """Raises Unusable when it is damaged or old, FormatTooNew when a newer release wrote it."""
    end = content.rfind(_CHECKSUM)
    if end < 0:
        raise Unusable("it is damaged, or an old release wrote it")
    if content[end:] != _checksum_line(content[:end]):
        raise Unusable("its checksum does not hold")
    try:
        body = json.loads(content)
        version = body["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unusable("it is damaged") from error
    if version != FORMAT:
        cause = f"format version {version}, and {FORMAT} is known here"
        raise FormatTooNew("read", path, cause=cause, hint=UPGRADE)
    return _decode_body(body)


def _decode_body(body: dict[str, Any]) -> Manifest:
    try:
        cursor = Cursor(int(body["sequence"]), bytes.fromhex(body["chain"]))
        due = body.get("nextDeadline")
        files = {
            str(shard): StateFile(str(entry["path"]), int(entry["bytes"]), str(entry["sha256"]))
            for shard, entry in body["files"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable("it lacks a field") from error
    if len(cursor.chain) != CHAIN_BYTES:
        raise Unusable("its chain is too short")
    return Manifest(cursor, files, None if due is None else str(due))


def _checksum_line(body: bytes) -> bytes:
    return b'%s"%s"\n}\n' % (_CHECKSUM, sha256(body).hexdigest().encode())
