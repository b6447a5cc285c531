"""What can go wrong with a journal, grouped by when it happens.

Every error says which operation failed on which path, at which byte when there is one, why,
and what a person can do about it.
"""

from pathlib import Path


class JournalError(Exception):
    """A file operation failed, or a file does not hold what it must."""

    def __init__(
        self, operation: str, path: Path, *, cause: str, hint: str, offset: int | None = None
    ) -> None:
        self.operation = operation
        self.path = path
        self.offset = offset
        self.cause = cause
        self.hint = hint
        where = str(path) if offset is None else f"{path} at byte {offset}"
        super().__init__(f"{operation} {where}: {cause}. {hint}")


# When a journal or a checkpoint is opened.


class JournalCorrupt(JournalError):
    """What is on disk contradicts itself. It was refused; nothing was changed."""


class FormatTooNew(JournalCorrupt):
    """A newer release wrote this file. It was refused; nothing was changed."""


class OpenFailed(JournalError):
    """The journal is sound, but preparing it for writing failed. Recover and open again."""


# When a batch is written.


class FlushFailed(JournalError):
    """The batch was handed to the disk, and whether it got there is unknown."""


class NotWritten(JournalError):
    """The event never reached the disk: it may be decided anew."""


class ReopenFailed(JournalError):
    """The probe after a failure failed too; the journal stays as it was, not writable."""


# When events are read.


class HistoryGone(JournalError):
    """The events asked for are older than what is kept, which begins at `first_sequence`."""

    def __init__(self, path: Path, first_sequence: int, *, cause: str, hint: str) -> None:
        super().__init__("read", path, cause=cause, hint=hint)
        self.first_sequence = first_sequence


class ReadFailed(JournalError):
    """Events that are durable could not be read, or no longer are what was written."""


# When segments are archived.


class ArchiveFailed(JournalError):
    """A segment was not moved to the archive, or not durably; it is whole wherever it is."""


# When a checkpoint is written.


class CheckpointFailed(JournalError):
    """The checkpoint was not written; the one before it is still good."""
