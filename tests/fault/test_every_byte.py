"""Damage any byte of a tenant's folder, cut any file at any length, lose or mix up any files.

What a start makes of it must be what an oracle works out that knows the folder as it was: a
refusal that names the file and the byte, an end that is reported as torn, or the very state that
the folder held. Where it opens, a second life must go on from there as if nothing had been.
"""

import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest
import structlog

from holdfast.domain.records import TABLES
from holdfast.journal import JournalCorrupt
from holdfast.ledger.opening import Loaded, load_tenant
from tests.support.damage_oracle import Opens, Oracle, Refused, Torn
from tests.support.damages import (
    Damage,
    drawn,
    flips,
    one_flip_per_byte,
    one_flip_per_field,
    pairs,
    truncations,
    whole_files,
)
from tests.support.gated_disk import GatedDisk
from tests.support.opened import FOLDER, TENANT, Tenant, full, tables_of
from tests.support.small_folder import (
    JOURNAL,
    WATERMARK,
    Files,
    Folder,
    Moment,
    folders,
    receive,
)
from tests.support.virtual_time import START_MS, VirtualClock, live

ENDS: Final = ("killed", "power cut", "sealed", "journal alone")
PAIRS: Final = 5_000


@pytest.fixture(scope="module")
def all_folders() -> dict[str, Folder]:
    return folders()


class Campaign:
    """Damages one folder again and again, and counts what came of it."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.oracle = Oracle(folder.files)
        self.outcomes: Counter[str] = Counter()
        self.lives = 0

    def run(self, damages: Iterable[Damage], *, live_on: bool = True) -> None:
        """Try each damage; where the folder opens, see how it goes on if `live_on`."""
        for damage in damages:
            try:
                self._try(damage, live_on=live_on)
            except BaseException:
                print(f"{damage.kind}: {damage.name}")
                raise

    def _try(self, damage: Damage, *, live_on: bool) -> None:
        files = damage.applied_to(self.folder.files)
        verdict = self.oracle.judge(files)
        disk = disk_of(files)
        if isinstance(verdict, Refused):
            with structlog.testing.capture_logs(), pytest.raises(JournalCorrupt) as refusal:
                loaded(disk)
            demand_a_place(refusal.value, verdict, single=damage.kind in {"flip", "truncation"})
            self.outcomes["refused"] += 1
        else:
            self._demand_opened(disk, verdict)
            self.outcomes[name_of(verdict, len(self.folder.truth) - 1)] += 1
        assert files_on(disk) == files, "loading changed a file"
        if live_on and isinstance(verdict, Opens):
            self.lives += 1
            with structlog.testing.capture_logs():
                live_another_life(disk, self.folder.truth[verdict.sequence])

    def _demand_opened(self, disk: GatedDisk, verdict: Opens) -> None:
        with structlog.testing.capture_logs() as log:
            found = loaded(disk)
        assert moment_of(found) == self.folder.truth[verdict.sequence]
        assert found.recovered.cursor.sequence == verdict.sequence
        torn = found.recovered.torn
        here = None if torn is None else Torn(torn.path.name, torn.offset, torn.size_bytes)
        assert here == verdict.torn
        said = Counter(entry["event"] for entry in log)
        assert (said.pop("checkpoint", 0) > 0) == verdict.warns
        assert (said.pop("the journal's torn end was set aside", 0) > 0) == (torn is not None)
        assert not said


def name_of(verdict: Opens, last: int) -> str:
    if verdict.sequence < last:
        return "torn, earlier" if verdict.torn is not None else "ends earlier, between two lines"
    if verdict.torn is not None:
        return "torn behind the last event"
    return "whole, from an older checkpoint or none" if verdict.warns else "whole"


def loaded(disk: GatedDisk) -> Loaded:
    return load_tenant(FOLDER, TENANT, disk)


def moment_of(found: Loaded) -> Moment:
    tables = {name: dict(found.state.records(table)) for name, table in TABLES.items()}
    return Moment(full(tables), found.last_ts)


def disk_of(files: Files) -> GatedDisk:
    disk = GatedDisk()
    for path, content in files.items():
        disk.put(path, content)
    return disk


def files_on(disk: GatedDisk) -> Files:
    return {path: disk.content(path) for path in disk.names}


def demand_a_place(error: JournalCorrupt, verdict: Refused, *, single: bool) -> None:
    assert error.cause
    assert error.hint
    if single:
        assert (error.path, error.offset) == (verdict.path, verdict.offset)


def live_another_life(disk: GatedDisk, truth: Moment) -> None:
    """Open and die, twice; then open, write and close: nothing is lost, nothing comes back."""
    clock = VirtualClock(truth.last_ts or START_MS)

    async def lives() -> None:
        tenant = Tenant(clock, disk)
        for _ in range(2):
            await tenant.open()
            await tenant.crash()
            found = loaded(tenant.disk)
            assert moment_of(found) == truth
            assert found.recovered.torn is None
        await tenant.open()
        await tenant.ask(receive("Z", 7))
        seen = tables_of(await tenant.ledger.read())
        await tenant.close()
        again = loaded(tenant.disk)
        assert again.recovered.sealed
        assert moment_of(again).tables == seen

    live(clock, lives)


@pytest.mark.parametrize("end", ENDS)
def test_a_damaged_folder_is_refused_or_opens_as_the_rules_say(
    end: str, all_folders: dict[str, Folder], seed: int
) -> None:
    rng = random.Random(seed)
    campaign = Campaign(all_folders[end])
    files = all_folders[end].files
    campaign.run(one_flip_per_field(files, rng), live_on=False)
    campaign.run((drawn(files, path, rng) for path in files for _ in range(10)), live_on=False)
    campaign.run(drawn(files, path, rng) for path in files)
    campaign.run(rng.sample(list(whole_files(files)), 30))
    campaign.run(pairs(files, rng, 20))
    assert campaign.outcomes["refused"]
    assert campaign.outcomes["whole"]
    assert campaign.lives


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("end", ENDS)
def test_whatever_is_damaged_is_refused_or_opens_as_the_rules_say(
    end: str, all_folders: dict[str, Folder], seed: int
) -> None:
    rng = random.Random(seed)
    files = all_folders[end].files
    campaign = Campaign(all_folders[end])
    new = newly_judged(end, files)
    campaign.run(flips(new), live_on=False)
    campaign.run(truncations(files), live_on=False)
    campaign.run(pairs(files, rng, PAIRS), live_on=False)
    # A second life costs much more than a start: one behind each byte, whatever it turned into.
    campaign.run(one_flip_per_byte(new, rng))
    campaign.run(truncations({path: data for path, data in new.items() if is_journal(path)}))
    campaign.run(whole_files(files))
    tried = sum(campaign.outcomes.values())
    print(f"{end}: {tried} damages, {campaign.lives} second lives, {dict(campaign.outcomes)}")
    assert tried > sum(map(len, files.values()))


def newly_judged(end: str, files: Files) -> Files:
    """The files of which a byte may be worth something else than in the folder before.

    How a journal ended matters to its last segment and the watermark only, and older segments
    matter more only when no checkpoint stands for them.
    """
    segments = (path for path in files if path.suffix == ".log")
    *closed, last = sorted(segments, key=lambda path: path.name)
    wanted = {ENDS[0]: [*files], "journal alone": closed}.get(end, [last, WATERMARK])
    return {path: files[path] for path in wanted}


def is_journal(path: Path) -> bool:
    return JOURNAL in path.parents
