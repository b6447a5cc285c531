"""The progress bar of a terminal; elsewhere nothing is shown before the summary."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.verify.tenant import Progress


@contextmanager
def shown_progress(title: str) -> Iterator[Progress | None]:
    """Show how many events were replayed, on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress  # noqa: PLC0415 - only a terminal needs rich
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs rich

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("events"),
        progress.TimeRemainingColumn(elapsed_when_finished=True),
        console=Console(stderr=True, highlight=False, markup=False),
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=max(done, total))
