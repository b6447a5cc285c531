"""SIGTERM under load: the process ends with status 0, sealed, and holds all that it acknowledged."""

import asyncio
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx2
import orjson
import pytest

from holdfast.journal import Frame, OsDisk, recover
from tests.e2e.processes import HOLDFAST, Server
from tests.e2e.test_kill_under_load import CLIENTS, SETTINGS, Load, demand_a_sound_log

TENANT = "default"


class Stubborn(Load):
    """Clients that go on sending until nobody answers any more."""

    def __init__(self, seed: int, process: "subprocess.Popen[str]", after: int) -> None:
        super().__init__(seed)
        self._process = process
        self._after = after
        self.signals: Sequence[signal.Signals] = ()

    async def until_nobody_answers(self, url: str) -> None:
        limits = httpx2.Limits(max_connections=CLIENTS)
        async with httpx2.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
            await asyncio.gather(*(self._be_a_client(client) for _ in range(CLIENTS)))

    async def _be_a_client(self, client: httpx2.AsyncClient) -> None:
        while True:
            request = self.next_request()
            try:
                response = await request.send(client)
            except httpx2.TransportError:
                self.unknown.append(request)
                return
            self._note(request, response)
            if len(self.acknowledged) >= self._after:
                for number in self.signals:
                    self._process.send_signal(number)
                self.signals = ()


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
    try:
        load = Stubborn(seed, process, after)
        load.signals = signals
        await load.until_nobody_answers(server.url)
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
