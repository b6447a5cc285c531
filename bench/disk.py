"""How long this disk takes to make four KiB durable: what every single write must wait for."""

import os
import time
from pathlib import Path
from typing import Final

BLOCK: Final = os.urandom(4096)


def fdatasync_ms(folder: Path, appends: int) -> list[float]:
    """Append blocks to a new file in a folder, each followed by one fdatasync, and time those."""
    path = folder / "fdatasync.probe"
    taken = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
    try:
        for _ in range(appends):
            started = time.perf_counter()
            os.write(file, BLOCK)
            os.fdatasync(file)
            taken.append((time.perf_counter() - started) * 1e3)
    finally:
        os.close(file)
        path.unlink()
    return taken
