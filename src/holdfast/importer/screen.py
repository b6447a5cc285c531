"""What a person sees while rows go out: a bar on a terminal, else a line now and then."""

import sys
from typing import Protocol

_STEPS = 10


class Screen(Protocol):
    """Shows how far a load is."""

    def tell(self, text: str) -> None:
        """Say something that is worth a line."""

    def begin(self, title: str, rows: int) -> None:
        """A load of so many rows begins."""

    def advance(self, rows: int, earlier: bool = False) -> None:
        """So many more rows are decided; `earlier`: they were, before anything was sent."""

    def end(self) -> None:
        """The load is over, done or not."""


class SilentScreen:
    """Shows nothing."""

    def tell(self, text: str) -> None:
        """Say nothing."""

    def begin(self, title: str, rows: int) -> None:
        """Show nothing."""

    def advance(self, rows: int, earlier: bool = False) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""


class LineScreen:
    """For logs and pipes: a line about every tenth of a load."""

    def __init__(self) -> None:
        self._title = ""
        self._rows = self._done = self._shown = 0

    def tell(self, text: str) -> None:
        """Say something that is worth a line."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def begin(self, title: str, rows: int) -> None:
        """A load of so many rows begins."""
        self._title, self._rows, self._done, self._shown = title, rows, 0, 0

    def advance(self, rows: int, earlier: bool = False) -> None:
        """So many more rows are decided."""
        self._done += rows
        step = self._done * _STEPS // self._rows if self._rows else _STEPS
        if step > self._shown:
            self._shown = step
            if earlier:
                return
            self.tell(f"{self._title}: {self._done:,} of {self._rows:,} rows")

    def end(self) -> None:
        """The load is over; its last line was shown."""


def open_screen() -> Screen:
    """Return what suits where the messages go."""
    if not sys.stderr.isatty():
        return LineScreen()
    from holdfast.importer.bar import BarScreen  # noqa: PLC0415 - only a terminal needs rich

    return BarScreen()
