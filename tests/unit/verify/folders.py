"""A small tenant in real files, and the ways in which a test harms it."""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

import orjson

from holdfast.domain.commands import SourceLine
from holdfast.domain.rejections import Rejected
from holdfast.journal import Cursor, Frame, Journal, OsDisk, create, recover
from holdfast.journal.disk import OpenMode
from holdfast.journal.frame import checksummed
from holdfast.journal.manifest import Manifest, StateFile, describe, encode_manifest
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import load_tenant
from holdfast.verify.differences import Difference
from holdfast.verify.result import Verified
from holdfast.verify.tenant import verify_tenant
from tests.support.steps import Step, command_of, step
from tests.support.virtual_time import VirtualClock

TENANT: Final = "default"
NEWEST, OLDER = "MANIFEST.json", "MANIFEST.1.json"
RETENTION_MS: Final = 3_600_000
_ids: Final = count(1)


class ReadOnlyDisk(OsDisk):
    """The operating system's disk for somebody who may not change anything."""

    def open(self, path: Path, mode: OpenMode) -> int:
        assert mode == "read", f"{path} was opened to {mode}"
        return super().open(path, mode)


def opened(folder: Path, clock: VirtualClock) -> FileLedger:
    """A ledger on a folder; start and close it."""
    return FileLedger(
        folder,
        load_tenant(folder, TENANT, OsDisk()),
        disk=OsDisk(),
        clock=clock,
        new_id=lambda: f"own-{next(_ids)}",
        config=LedgerConfig(RETENTION_MS, 10_000, CheckpointEvery(1e6, 1 << 40)),
    )


async def ask(ledger: FileLedger, *steps: Step) -> None:
    for asked in steps:
        await ledger.execute(command_of(asked, retention_ms=RETENTION_MS))


async def load(ledger: FileLedger, *rows: Step) -> None:
    """Send rows as lines of a load; refused ones are kept."""
    commands = [
        command_of(row, retention_ms=RETENTION_MS, source=SourceLine("till-7", line - 1, line))
        for line, row in enumerate(rows, start=1)
    ]
    await ledger.execute_many(commands)


async def _lives(folder: Path) -> None:
    """Three processes, each ended in good order: three segments, and a checkpoint at each end."""
    clock = VirtualClock()
    first = opened(folder, clock)
    await first.start()
    await ask(
        first,
        step("receive", "k1", store="S1", sku="A", qty=10),
        step("receive", store="S1", sku="B", qty=5),
        step("reserve", "k2", id="r1", store="S1", lines=[("A", 4)], user="ann", ttl=60_000),
        step("transfer", source="S1", target="S2", lines=[("B", 2)]),
    )
    await first.close()
    second = opened(folder, clock)
    await second.start()
    await load(
        second,
        step("receive", store="S2", sku="C", qty=7),
        step("ship", store="S2", sku="C", qty=99),
        step("ship", store="S2", sku="C", qty=1),
    )
    clock.advance(61_000)
    await ask(second, step("count", "k3", store="S1", sku="A", counted=9))
    await second.close()
    third = opened(folder, clock)
    await third.start()
    await ask(
        third,
        step("reserve", "k4", id="r2", store="S1", lines=[("A", 2), ("B", 1)]),
        step("out", store="S2", sku="C", out=True, reason="fridge"),
        step("confirm", id="r2", user=None),
    )
    await third.close()


def shop(data_dir: Path) -> Path:
    """Make a tenant with stock, reservations, keys and a load; return its folder."""
    folder = data_dir / "tenants" / TENANT
    create(folder / "journal", TENANT, OsDisk())
    asyncio.run(_lives(folder))
    assert len(segments(folder)) == 3
    return folder


async def _busy(folder: Path) -> None:
    clock = VirtualClock()
    rng = random.Random(20261120)
    ledger = opened(folder, clock)
    await ledger.start()
    places = [("S1", "A"), ("S1", "B"), ("S2", "A"), ("S2", "C"), ("S3", "D")]
    for place in places:
        await ask(ledger, step("receive", store=place[0], sku=place[1], qty=20))
    for name in ("r-a", "r-b", "r-c", "r-d"):
        await ask(ledger, step("reserve", id=name, store="S1", lines=[("A", 1), ("B", 1)]))
    for number in range(200):
        store, sku = rng.choice(places)
        clock.advance(rng.choice([0, 5, 40_000]))
        asked = rng.choice(
            [
                step("receive", f"k{number}", store=store, sku=sku, qty=9),
                step("ship", store=store, sku=sku, qty=2),
                step("reserve", id=f"r{number}", store=store, lines=[(sku, 1)], ttl=60_000),
                step("confirm", id=f"r{rng.randrange(number + 1)}", user=None),
                step("out", store=store, sku=sku, out=rng.random() < 0.5),
            ]
        )
        with suppress(Rejected):
            await ask(ledger, asked)
    rows = [step(rng.choice(["receive", "ship"]), store="S4", sku="E", qty=n) for n in range(1, 30)]
    await load(ledger, *rows)
    for number in range(40):
        await ask(ledger, step("receive", store="S5", sku=f"N{number % 9}", qty=1))
    clock.advance(RETENTION_MS)
    for _ in range(4):
        await ask(ledger, step("receive", store="S1", sku="A", qty=1))
        clock.advance(1)
    await ledger.close()


def busy_shop(data_dir: Path) -> Path:
    """Make a tenant in which few records change often, and some are forgotten at the end."""
    folder = data_dir / "tenants" / TENANT
    create(folder / "journal", TENANT, OsDisk())
    asyncio.run(_busy(folder))
    return folder


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "journal").rglob("*.log"), key=lambda path: path.name)


def frames_of(folder: Path) -> list[Frame]:
    frames: list[Frame] = []
    recover(folder / "journal", TENANT, OsDisk(), frames.append)
    return frames


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its content and its time of change."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_mtime_ns,
        )
        for path in [folder, *sorted(folder.rglob("*"))]
    }


# Damage.


def rewrite_line(path: Path, number: int, change: Callable[[bytes], bytes]) -> int:
    """Change a segment's line (its header is 0) and make its checksum hold; return its offset."""
    lines = path.read_bytes().splitlines(keepends=True)
    body = lines[number][9:-1]
    changed = change(body)
    assert changed != body
    lines[number] = checksummed(changed)
    path.write_bytes(b"".join(lines))
    return sum(map(len, lines[:number]))


def rewrite_journal(folder: Path, change: Callable[[int, dict[str, Any]], None]) -> None:
    """Make all of the journal anew with changed events, as one sealed segment could not tell."""
    frames = frames_of(folder)
    state = folder / "state"
    for path in [*segments(folder), folder / "journal" / "durable"]:
        path.unlink()
    for path in state.rglob("*"):
        if path.is_file():
            path.unlink()
    create(folder / "journal", TENANT, OsDisk())
    asyncio.run(_append(folder, [_changed(frame, change) for frame in frames]))


def _changed(frame: Frame, change: Callable[[int, dict[str, Any]], None]) -> bytes:
    event = orjson.loads(frame.json)
    change(frame.sequence, event)
    return orjson.dumps(event)


async def _append(folder: Path, events: list[bytes]) -> None:
    recovered = recover(folder / "journal", TENANT, OsDisk(), lambda _: None)
    journal = Journal(
        folder / "journal",
        TENANT,
        recovered,
        OsDisk(),
        on_durable=lambda _: None,
        on_failed=lambda error: None,
    )
    journal.open()
    for event in events:
        await journal.append(event)
    await journal.seal()


def edit_shard(
    folder: Path, manifest: str, shard: str, change: Callable[[list[Any]], object]
) -> Path:
    """Change the records of a shard, and mend every hash, as somebody would who hides it."""
    state = folder / "state"
    named = entry_of(folder, manifest, shard)["path"]
    records = json.loads((state / named).read_text("utf-8"))
    change(records)
    content = json.dumps(records).encode()
    (state / named).write_bytes(content)
    described = describe(named, content)
    for each in state.glob("MANIFEST*.json"):
        body = json.loads(each.read_text("utf-8"))
        entry = body["files"].get(shard, {})
        if entry.get("path") == named:
            entry.update(bytes=described.size_bytes, sha256=described.sha256)
            write_manifest(each, body)
    return Path(state / named)


def entry_of(folder: Path, manifest: str, shard: str) -> dict[str, Any]:
    """What a manifest says of a shard."""
    body = json.loads((folder / "state" / manifest).read_text("utf-8"))
    entry: dict[str, Any] = body["files"][shard]
    return entry


def write_manifest(path: Path, body: dict[str, Any]) -> None:
    """Write a manifest as the journal does, its checksum included."""
    files = {
        shard: StateFile(entry["path"], entry["bytes"], entry["sha256"])
        for shard, entry in body["files"].items()
    }
    cursor = Cursor(body["sequence"], bytes.fromhex(body["chain"]))
    path.write_bytes(encode_manifest(Manifest(cursor, files)))


# What is found.


def verify(folder: Path) -> Verified:
    """Verify, and demand that nothing was changed."""
    before = contents(folder)
    result = verify_tenant(folder, ReadOnlyDisk())
    assert contents(folder) == before
    return result


def only(result: Verified, where: str) -> Difference:
    """Return the one difference of that kind."""
    (found,) = [each for each in result.differences if each.where == where]
    return found
