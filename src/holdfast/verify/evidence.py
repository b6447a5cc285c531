"""Where a difference stands in the files, and how it is told."""

from dataclasses import replace
from pathlib import Path

from holdfast.journal import (
    Claim,
    Disk,
    History,
    JournalCorrupt,
    Place,
    Saved,
    Torn,
    explain,
    line_at,
    locate,
    sound_part,
)
from holdfast.verify.differences import MAKE_STATE_ANEW, BadEvent, Difference


class Evidence:
    """Looks things up in a journal's folder. Blocks."""

    def __init__(self, folder: Path, tenant_id: str, disk: Disk) -> None:
        self._folder = folder
        self._tenant_id = tenant_id
        self._disk = disk

    def damaged(self, damage: JournalCorrupt, history: History, batch: int) -> Difference:
        """What is wrong with the first line that is not good; `batch` is that of the one before."""
        before, place = history.cursor, history.place
        if (damage.path, damage.offset) != place:
            part = sound_part(self._disk, damage.path) if damage.offset else None
            if part is None:
                return _of_file(damage)
            before, batch = part[0], 0
            place = Place(damage.path, part[1])
        sequence = before.sequence + 1
        claim = explain(line_at(self._disk, place), before, batch)
        claim = claim or Claim(f"event {sequence}", damage.cause)
        return Difference(
            "journal",
            f"event {sequence}: {damage.cause}",
            claim.expected,
            claim.found,
            damage.hint,
            place.path,
            place.offset,
            sequence,
        )

    def bad(self, bad: BadEvent) -> Difference:
        place = locate(self._folder, self._tenant_id, self._disk, bad.sequence)
        hint = (
            "The line is sound, so it was written like this: report it with a copy of the folder, "
            "and restore the tenant's folder from a backup if it was served before"
        )
        what = f"event {bad.sequence}: {bad.what}"
        return Difference(
            "journal", what, bad.expected, bad.found, hint, place.path, place.offset, bad.sequence
        )

    def with_writer(self, difference: Difference) -> Difference:
        """Name the place of the event that last wrote the record."""
        sequence = difference.sequence
        if difference.where == "journal" or not sequence:
            return difference
        try:
            place = locate(self._folder, self._tenant_id, self._disk, sequence)
        except (JournalCorrupt, OSError, ValueError, IndexError):
            return difference
        written_by = f"event {sequence}, {place.path} at byte {place.offset}"
        return replace(difference, written_by=written_by)

    def lost(self, sequence: int, last: int) -> Difference:
        """A server has committed what is not in the journal."""
        return Difference(
            "live",
            f"the server has committed event {sequence}, and the journal does not hold it",
            f"event {sequence} in the journal",
            f"its last durable event is {last}",
            "Does that server serve this folder? If it does, copy the folder, stop nothing, and "
            "look at the disk and the kernel's log",
            self._folder,
        )


def _of_file(damage: JournalCorrupt) -> Difference:
    expected = "what the rest of the journal says of it"
    where = (damage.path, damage.offset)
    return Difference("journal", damage.cause, expected, damage.cause, damage.hint, *where)


def no_start(error: Exception) -> Difference:
    """A checkpoint on which a start would fail."""
    what = "a start would fail on the checkpoint"
    return Difference("start", what, "records as JSON", repr(error), MAKE_STATE_ANEW)


def of_manifest(saved: Saved, what: str, expected: str, found: str) -> Difference:
    """A manifest that is wrong."""
    return Difference("checkpoint", what, expected, found, MAKE_STATE_ANEW, saved.path)


def torn_notice(torn: Torn) -> str:
    """Say of a torn end what it is, and what becomes of it."""
    return (
        f"{torn.path} ends in {torn.size_bytes} bytes of an unfinished write at byte {torn.offset} "
        f"({torn.reason}); the next start sets them aside. If the machine lost its power, the last "
        "batch in them may have been acknowledged"
    )
