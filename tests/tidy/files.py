"""The files that the tidy tests look at."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("src", "bench", "scripts", "tests")
NOT_OURS = {"node_modules", "__pycache__", "dist", "build"}


def ours(folder: Path, suffix: str) -> Iterator[Path]:
    """Every file of that suffix below `folder`, hidden and generated folders left out."""
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in NOT_OURS:
            continue
        if entry.is_dir():
            yield from ours(entry, suffix)
        elif entry.suffix == suffix:
            yield entry


def modules(*folders: str) -> list[Path]:
    """The Python modules below these folders of the checkout."""
    return [path for folder in folders for path in ours(ROOT / folder, ".py")]


def place(path: Path, line: int | None = None) -> str:
    """How a finding names its place: from the root of the checkout, as editors open it."""
    name = str(path.relative_to(ROOT))
    return name if line is None else f"{name}:{line}"
