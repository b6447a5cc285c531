"""What a verification says."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from holdfast.verify.differences import Difference

#: So many of a kind are described; the rest is counted.
SHOWN_MAX: Final = 10


@dataclass(slots=True)
class Verified:
    """What was looked at in one tenant's folder, and what was found."""

    tenant: str
    folder: Path
    events: int = 0
    chain: str = ""
    segments: int = 0
    #: The events at which the compared checkpoints were made, newest first.
    checkpoints: list[int] = field(default_factory=list)
    records: int = 0
    live: str = "not compared"
    notices: list[str] = field(default_factory=list)
    #: The tenants that a system journal knows.
    registered: list[str] = field(default_factory=list)
    #: The first of each kind; `differing` counts them all.
    differences: list[Difference] = field(default_factory=list)
    differing: int = 0
    seconds: float = 0.0

    def add(self, differences: Iterable[Difference]) -> None:
        """Count differences, and keep the first of each kind."""
        for each in differences:
            self.differing += 1
            if sum(shown.where == each.where for shown in self.differences) < SHOWN_MAX:
                self.differences.append(each)

    def as_json(self) -> dict[str, Any]:
        """Write it for a program."""
        names = ("tenant", "events", "chain", "segments", "checkpoints", "records", "live")
        written = {name: getattr(self, name) for name in names}
        return {
            **written,
            "folder": str(self.folder),
            "equal": not self.differing,
            "notices": self.notices,
            "differing": self.differing,
            "differences": [each.as_json() for each in self.differences],
            "seconds": round(self.seconds, 3),
        }
