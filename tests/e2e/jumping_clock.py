"""`holdfast`, with a wall clock that jumps to wherever a file says: `CLOCK_FILE` holds milliseconds.

As a machine's clock does when somebody sets it. The monotonic clock goes on as ever.
"""

import os
import time
from pathlib import Path

from holdfast.cli import app
from holdfast.ledger.clock import SystemClock


def wall_ms(_: SystemClock) -> int:
    """Read the clock as it was set last."""
    return time.time_ns() // 1_000_000 + int(Path(os.environ["CLOCK_FILE"]).read_text("ascii"))


if __name__ == "__main__":
    setattr(SystemClock, "wall_ms", wall_ms)  # noqa: B010 - this is what jumps
    app()
