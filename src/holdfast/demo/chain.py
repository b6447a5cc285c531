"""The demo's chain: its files, and how they are loaded."""

import csv
from pathlib import Path
from typing import Final

from holdfast.importer.plan import Request
from holdfast.importer.run import run
from holdfast.importer.screen import SilentScreen

_HERE: Final = Path(__file__).parent
_PATIENCE_S: Final = 10.0


def rows(name: str) -> list[dict[str, str]]:
    """Read one of the chain's files: `stores`, `items`, `opening` or `sales`."""
    with (_HERE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def load(url: str, folder: Path) -> None:
    """Load the chain; into a folder that has it already, nothing more.

    Raises:
        CommandFailed: the server did not take it.
    """
    request = Request(
        file=_HERE / "sales.csv",
        opening=str(_HERE / "opening.csv"),
        url=url,
        source="demo",
        refused=folder / "demo.refused.csv",
        patience_s=_PATIENCE_S,
    )
    run(request, SilentScreen())
