"""SIGTERM under load: the process ends with status 0, sealed, and holds all that it acknowledged."""

import asyncio
import signal
import subprocess
from pathlib import Path

import orjson
import pytest

from holdfast.journal import Frame, OsDisk, recover
from tests.e2e.mixed_load import SETTINGS, Load, demand_a_sound_log
from tests.e2e.processes import HOLDFAST, Server

TENANT = "default"


@pytest.mark.parametrize(
    ("signals", "after"),
    [
        ([signal.SIGTERM], 1),
        ([signal.SIGTERM], 250),
        ([signal.SIGTERM, signal.SIGTERM], 120),
        ([signal.SIGINT], 120),
    ],
    ids=["at once", "under load", "twice", "Ctrl-C"],
)
async def test_an_end_under_load_is_an_end_in_good_order(
    tmp_path: Path, seed: int, signals: list[signal.Signals], after: int
) -> None:
    server = Server(tmp_path, **SETTINGS)
    await asyncio.to_thread(server.start)
    process = server._process
    assert process is not None
    load, untold = Load(seed), list(signals)

    def tell_to_end(_: int) -> bool:
        """Send the signals in time; the clients go on until nobody answers any more."""
        while untold and len(load.acknowledged) >= after:
            process.send_signal(untold.pop())
        return False

    try:
        await load.run(server.url, tell_to_end)
        said = (await asyncio.to_thread(process.communicate, timeout=60))[1]
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert len(load.acknowledged) >= after

    folder = tmp_path / "data" / "tenants" / TENANT
    frames: list[Frame] = []
    recovered = recover(folder / "journal", TENANT, OsDisk(), frames.append)
    assert recovered.sealed
    demand_a_sound_log([orjson.loads(frame.json) for frame in frames], load)
    assert (tmp_path / "data" / ".lock").read_bytes() == b""

    verified = await asyncio.to_thread(
        subprocess.run,
        [*HOLDFAST, "verify", "--data-dir", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert ": all equal" in verified.stdout
    assert f"{len(frames):,}" in verified.stdout
