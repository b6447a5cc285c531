"""A small tenant with everything in its folder that a folder can hold, and the truth about it.

Three processes wrote it: one that was shut down in peace, one that was killed, and one that is
the last. So one segment is sealed and cut off in front of its seal, one ends in a batch that its
successor holds a copy of, and there are two checkpoints, keys, holds and the marks of a load.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from holdfast.domain.commands import SourceLine
from holdfast.domain.events import Event
from holdfast.domain.records import TABLES, Change
from holdfast.domain.rejections import Rejected
from tests.support.opened import CHECKPOINT_S, FOLDER, TENANT, Tables, Tenant, full, tables_of
from tests.support.steps import Step, command_of, step
from tests.support.virtual_time import VirtualClock, live

JOURNAL: Final = FOLDER / "journal"
STATE: Final = FOLDER / "state"
WATERMARK: Final = JOURNAL / "durable"
Files = dict[Path, bytes]


class Moment(NamedTuple):
    """What is true after some event."""

    tables: Tables
    last_ts: int


class Folder(NamedTuple):
    """A folder's files, and the truth after each of its events; `truth[0]` is before the first."""

    files: Files
    truth: list[Moment]


class Chronicle:
    """A second account of the state, event by event, made of what followers are told."""

    def __init__(self) -> None:
        self.truth = [Moment({}, 0)]
        self._tables: Tables = {name: {} for name in TABLES}

    def note(self, event: Event, changes: Sequence[Change]) -> None:
        for table, key, record in changes:
            if record is None:
                self._tables[table.name].pop(key, None)
            else:
                self._tables[table.name][key] = record
        copied = {name: dict(records) for name, records in self._tables.items()}
        self.truth.append(Moment(full(copied), event.ts))


def receive(sku: str, qty: int, **more: Any) -> Step:
    return step("receive", store="S", sku=sku, qty=qty, **more)


def reserve(name: str, qty: int, ttl: int | None, **more: Any) -> Step:
    return step("reserve", id=name, store="S", lines=[("A", qty)], ttl=ttl, user="ann", **more)


async def _first_life(tenant: Tenant) -> None:
    await tenant.ask(receive("A", 10, key="k1"))
    await tenant.ask(reserve("r1", 2, 5_000))
    await asyncio.gather(tenant.ask(receive("B", 4)), tenant.ask(reserve("r2", 1, None)))


async def _second_life(tenant: Tenant) -> None:
    row = step("ship", store="S", sku="B", qty=1)
    await tenant.ledger.execute(command_of(row, source=SourceLine("till", 0, 1)))
    # The hold of 5 s falls due, the first key is forgotten, and a checkpoint is written.
    await tenant.pass_time(CHECKPOINT_S * 1000)
    await tenant.ask(step("confirm", id="r2", user="ann", key="k2"))
    await tenant.pass_time(CHECKPOINT_S * 1000)
    too_much = step("ship", store="S", sku="B", qty=99)
    # The refused row is an event too.
    refused, _ = await asyncio.gather(
        tenant.ledger.execute(command_of(too_much, source=SourceLine("till", 1, 2))),
        tenant.ask(reserve("r3", 1, 60_000)),
        return_exceptions=True,
    )
    assert isinstance(refused, Rejected)


async def _third_life(tenant: Tenant) -> None:
    await tenant.ask(receive("A", 1))
    await asyncio.gather(
        tenant.ask(step("adjust", store="S", sku="A", delta=-1, key="k3")),
        tenant.ask(reserve("r4", 1, None)),
        tenant.ask(step("transfer", source="S", target="T", lines=[("B", 1)])),
    )
    await asyncio.gather(
        tenant.ask(step("cancel", id="r4", user="ann")), tenant.ask(receive("B", 2))
    )


class SmallFolder:
    """Makes the folder. `lagging` is its watermark as a power cut would have left it."""

    def __init__(self) -> None:
        self.chronicle = Chronicle()
        self.lagging = b""
        self.killed: Files = {}
        self.sealed: Files = {}
        clock = VirtualClock()
        live(clock, lambda: self._written(Tenant(clock)))

    async def _written(self, tenant: Tenant) -> None:
        await self._opened(tenant)
        await _first_life(tenant)
        await tenant.close()
        await self._opened(tenant)
        await _second_life(tenant)
        await tenant.crash()
        await self._opened(tenant)
        self.lagging = tenant.disk.content(WATERMARK)
        await _third_life(tenant)
        self.killed = files_of(tenant)
        seen = tables_of(await tenant.ledger.read())
        assert seen == self.chronicle.truth[tenant.ledger.last_sequence].tables
        await tenant.close()
        self.sealed = files_of(tenant)

    async def _opened(self, tenant: Tenant) -> None:
        ledger = await tenant.open()
        ledger.follow(self.chronicle.note)


def files_of(tenant: Tenant) -> Files:
    """The files as the next process would read them."""
    return {path: tenant.disk.content(path) for path in sorted(tenant.disk.names)}


def folders() -> dict[str, Folder]:
    """The folder in each of the ways in which a process, or the machine, may have ended."""
    small = SmallFolder()
    truth = small.chronicle.truth
    journal = {path: data for path, data in small.killed.items() if JOURNAL in path.parents}
    return {
        "killed": Folder(small.killed, truth),
        "power cut": Folder({**small.killed, WATERMARK: small.lagging}, truth),
        "sealed": Folder(small.sealed, truth),
        "journal alone": Folder({**journal, WATERMARK: small.lagging}, truth),
    }


__all__ = ["JOURNAL", "STATE", "TENANT", "WATERMARK", "Files", "Folder", "Moment", "folders"]
