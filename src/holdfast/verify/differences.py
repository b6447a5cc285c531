"""What was found to be otherwise than it should: where, what was expected, what to do."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

#: Exit codes of sysexits.h.
USAGE: Final = 64
DIFFERENT: Final = 65
UNAVAILABLE: Final = 69

#: What reading JSON ends in that is no record or event of ours.
MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError)

MAKE_STATE_ANEW: Final = (
    "The journal is whole, and state can be made from it again: stop the service, copy the folder, "
    "move state/ of this tenant aside, start"
)
REPORT: Final = (
    "This is a defect of the program, please report it with a copy of the folder. "
    "The journal is whole: stop the service, move state/ aside, start"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not what the events make.

    `where` is `journal`, `checkpoint`, `start` or `live`; `sequence` the event that is damaged, or
    that wrote the record last; `path` and `offset` (in bytes) where that event stands, or the file
    that is wrong.
    """

    where: str
    what: str
    expected: str
    found: str
    hint: str
    path: Path | None = None
    offset: int | None = None
    sequence: int | None = None
    #: The event that last wrote the record of another file: filled in once it was looked up.
    written_by: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Write it for a program."""
        return {**asdict(self), "path": None if self.path is None else str(self.path)}


class CannotVerify(Exception):
    """Nothing can be said; the message is for the person who asked. `exit_code` of sysexits.h."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class BadEvent(Exception):
    """An event whose line is sound says what cannot be."""

    def __init__(self, sequence: int, what: str, expected: str, found: str) -> None:
        super().__init__(what)
        self.sequence = sequence
        self.what = what
        self.expected = expected
        self.found = found


class Differs(Exception):
    """A difference that ends a comparison."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.what)
        self.difference = difference
