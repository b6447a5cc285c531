"""The progress bar of a terminal, with rate and time left."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _RowsColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.completed:,.0f} of {task.total or 0:,.0f} rows")


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.0f} rows/s")


class BarScreen:
    """A bar per load, and messages above it."""

    def __init__(
        self, console: Console | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._console = console or Console(stderr=True, highlight=False, markup=False)
        self._progress = self._new_progress()

    def tell(self, text: str) -> None:
        """Say something that is worth a line."""
        self._console.print(text, soft_wrap=True)

    def begin(self, title: str, rows: int) -> None:
        """A load of so many rows begins."""
        self._progress = self._new_progress()
        self._progress.add_task(title, total=rows)
        self._progress.start()

    def advance(self, rows: int, earlier: bool = False) -> None:
        """So many more rows are decided; those of earlier do not count for the rate."""
        task = self._progress.task_ids[0]
        self._progress.advance(task, rows)
        if earlier and rows:
            done = self._progress.tasks[0].completed
            self._progress.reset(task, completed=int(done))

    def end(self) -> None:
        """The load is over; its bar stays as it is."""
        self._progress.stop()

    def _new_progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _RowsColumn(),
            _RateColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            get_time=self._now,
        )
