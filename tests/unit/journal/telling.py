"""An error of the journal has to tell: what failed, where, why, and what to do about it."""

from pathlib import Path

from holdfast.journal import JournalError


def demand_told(
    error: BaseException,
    kind: type[JournalError],
    operation: str,
    path: Path,
    cause: str,
    *,
    offset: int | None = None,
) -> None:
    """Demand that the error is of this kind and tells all of it, for programs and for people."""
    assert type(error) is kind
    assert isinstance(error, JournalError)
    assert (error.operation, error.path, error.offset) == (operation, path, offset)
    assert cause in error.cause
    where = str(path) if offset is None else f"{path} at byte {offset}"
    assert str(error) == f"{operation} {where}: {error.cause}. {error.hint}"
    assert len(error.hint.split()) > 3, "a hint is a sentence"
